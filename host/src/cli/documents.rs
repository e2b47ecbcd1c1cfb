//! `completions` and `man`: what shells and `man` know of the command, made of the same definitions that
//! read the arguments, so neither can tell of an option that does not exist.

use super::{CalledWrongly, Cli};
use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io::Write as _;
use std::path::Path;

/// What every page says at its end: the title of a section, and its paragraphs, each with what is bold
/// before it.
const SECTIONS: [(&str, &[(&str, &str)]); 3] = [
    (
        "EXIT STATUS",
        &[
            ("0", "It worked."),
            ("1", "It failed; standard error says what, and what to do."),
            ("2", "It was called wrongly."),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "FILLSYNC_CONFIG",
                "The configuration file, where --config is not given.",
            ),
            (
                "NO_COLOR",
                "Set to anything: no colours, unless --color asks for them.",
            ),
        ],
    ),
    (
        "FILES",
        &[
            (
                "fillsync.toml",
                "The configuration. It is read again whenever it changes, while the daemon runs.",
            ),
            (
                "fillsync.db",
                "The ledger, a SQLite file; read it with sqlite3, and let nobody but fillsync write to it.",
            ),
        ],
    ),
];

/// `fillsync completions SHELL`.
pub(super) fn completions(shell: Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "fillsync", &mut script);
    print(&script)
}

/// `fillsync man`.
pub(super) fn man(path: &[String], to: Option<&Path>) -> anyhow::Result<()> {
    let whole = built();
    if let Some(folder) = to {
        return write_all(&whole, folder);
    }
    let mut command = &whole;
    for name in path {
        command = command.find_subcommand(name).ok_or_else(|| {
            let known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            CalledWrongly(format!(
                "there is no command {name}; there are {}",
                known.join(", ")
            ))
        })?;
    }
    print(&page(command)?)
}

/// The commands with everything that clap derives from them: names as they are called, and the
/// options that all of them have.
fn built() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

fn page(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    let mut roff = Roff::new();
    for (title, paragraphs) in SECTIONS {
        roff.control("SH", [title]);
        for (name, text) in paragraphs {
            roff.control("TP", []);
            roff.text([bold(*name)]);
            roff.text([roman(*text)]);
        }
    }
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn write_all(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, page(command)?)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
        .try_for_each(|command| write_all(command, folder))
}

fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}
