//! `plugin approve`, `promote`, `pin` and `history`: which content of a plugin runs, and what became of it.
//!
//! They work whether the daemon runs or not. Approvals and promotions go into the lock file, which a
//! running daemon follows; a pin goes into the configuration, if that is asked for. Nothing of a plugin
//! is compiled or run here. Deliberately absent: making and checking plugins.

use super::CalledWrongly;
use super::answers::Answers;
use crate::app::{SystemClock, plugins_in_use};
use crate::shelf;
use anyhow::{Context as _, anyhow};
use fillsync_config::{Config, PluginLock, Sha256Pin};
use fillsync_core::id::PluginName;
use fillsync_core::port::Clock as _;
use fillsync_ledger::{PluginMemory, Reader, StoredPluginEvent};
use fillsync_plugin_host::{
    CompileBounds, CompilerProcess, Reach, SIGNATURE_BYTES_MAX, Source, compile_in_child,
    first_party, running_program,
};
use fillsync_report::{Answer, Look};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

/// The fewest digits by which a content is named.
const DIGITS_MIN: usize = 12;

/// What a name's file, or the binary, holds now.
pub(super) struct Candidate {
    pub(super) source: Source,
    pub(super) bytes: Vec<u8>,
    pub(super) sha256: String,
    pub(super) signature: Option<Vec<u8>>,
}

/// Reads what a name's file holds now, else what the binary carries.
///
/// # Errors
/// In words, when there is neither.
pub(super) fn candidate(config: &Config, name: &PluginName) -> Result<Candidate, String> {
    let file = format!("{}.wasm", shelf::stem_of(config, name));
    let path = config.daemon.plugin_dir.join(&file);
    let of = |source, bytes: Vec<u8>, signature| Candidate {
        source,
        sha256: hex::encode(Sha256::digest(&bytes)),
        bytes,
        signature,
    };
    if path.is_file() {
        let bytes = std::fs::read(&path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let signature = signature(&path.with_extension("wasm.minisig"));
        return Ok(of(Source::File(file), bytes, signature));
    }
    first_party()
        .iter()
        .find(|plugin| plugin.name == name.as_str())
        .map(|plugin| of(Source::Embedded, plugin.bytes.to_vec(), None))
        .ok_or_else(|| {
            format!(
                "there is no file {}; put the component there",
                path.display()
            )
        })
}

fn signature(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .ok()?
        .take(SIGNATURE_BYTES_MAX as u64)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// What the ledger knows of a plugin; nothing where there is no ledger yet.
pub(super) fn remembered(
    config: &Config,
    name: &PluginName,
) -> anyhow::Result<(PluginMemory, Option<StoredPluginEvent>)> {
    if !config.daemon.database.exists() {
        return Ok((PluginMemory::default(), None));
    }
    let reader = Reader::open(&config.daemon.database)?;
    let latest = reader.plugin_history(name.as_str(), 1)?.pop();
    Ok((reader.plugin_memory(name.as_str())?, latest))
}

/// How files are compiled for a command: in a process of its own, as the daemon does it.
pub(super) fn compiler(config: &Config) -> Option<CompilerProcess> {
    running_program().map(|program| crate::run::compiler_process(program, config))
}

/// A content that the operator lets in.
#[derive(Debug, Serialize)]
struct Approved {
    plugin: PluginName,
    sha256: String,
    source: Source,
    imports: Vec<String>,
    reach: Reach,
    promoted: bool,
    lock: String,
}

impl Answer for Approved {
    fn table(&self, _look: Look) -> String {
        let done = if self.promoted {
            "promoted"
        } else {
            "approved"
        };
        format!(
            "{} {} ({}) is {done} in {}\n{}\nA running daemon takes it up by itself.\n",
            self.plugin,
            self.sha256,
            self.source,
            self.lock,
            self.reach.sentence()
        )
    }
}

/// `fillsync plugin approve` and, with `promote`, `fillsync plugin promote`.
pub(super) fn approve(
    answers: &Answers<'_>,
    name: &PluginName,
    sha256: Option<&str>,
    promote: bool,
) -> anyhow::Result<()> {
    let config = answers.load()?;
    is_used(&config, name)?;
    let candidate = candidate(&config, name).map_err(|why| anyhow!("plugin {name}: {why}"))?;
    let (_, latest) = remembered(&config, name)?;
    is_meant(name, &candidate, sha256, latest.as_ref())?;
    let imports = fillsync_plugin_host::imports(&candidate.bytes)
        .map_err(|rejection| anyhow!("plugin {name}: {rejection}"))?;
    let path = &config.daemon.plugin_lock;
    PluginLock::update(path, |lock| {
        lock.approve(
            name,
            &candidate.sha256,
            &imports,
            promote,
            SystemClock.now(),
        );
    })?;
    answers.print(&Approved {
        plugin: name.clone(),
        sha256: candidate.sha256,
        source: candidate.source,
        reach: Reach::of(imports.iter().map(String::as_str)),
        imports,
        promoted: promote,
        lock: path.display().to_string(),
    })
}

/// Whether what the file holds now is what was looked at: the hash that was named, else what the daemon
/// held or refused last. A file that changed in between is not let in unseen.
fn is_meant(
    name: &PluginName,
    candidate: &Candidate,
    named: Option<&str>,
    latest: Option<&StoredPluginEvent>,
) -> anyhow::Result<()> {
    let now = &candidate.sha256;
    if let Some(named) = named {
        let named = named.to_ascii_lowercase();
        if named.len() < DIGITS_MIN {
            return Err(CalledWrongly(format!(
                "--sha256 {named} is too short; give at least {DIGITS_MIN} digits"
            ))
            .into());
        }
        if !now.starts_with(&named) {
            return Err(anyhow!(
                "plugin {name}: its content is {now}, not {named}; look at it with `fillsync plugin list`"
            ));
        }
        return Ok(());
    }
    let waiting = latest
        .map(|latest| &latest.event)
        .filter(|event| matches!(event.outcome.as_str(), "held" | "rejected" | "rolled-back"))
        .and_then(|event| match event.outcome.as_str() {
            "rolled-back" => event.old_sha256.as_ref(),
            _ => event.new_sha256.as_ref(),
        });
    match waiting {
        Some(waiting) if waiting != now => Err(anyhow!(
            "plugin {name}: the daemon saw {waiting}, and its content is {now} now; wait until the daemon has seen it, or name it with --sha256 {}",
            now.get(..DIGITS_MIN).unwrap_or(now)
        )),
        _ => Ok(()),
    }
}

/// A plugin that the configuration does not use is a wrong call; the ones that it uses are named.
fn is_used(config: &Config, name: &PluginName) -> Result<(), CalledWrongly> {
    let used = plugins_in_use(config);
    if used.contains(name) {
        return Ok(());
    }
    let used: Vec<&str> = used.iter().map(PluginName::as_str).collect();
    Err(CalledWrongly(format!(
        "the configuration uses no plugin {name}; it uses {}",
        used.join(", ")
    )))
}

/// A pin, as it stands in the configuration.
#[derive(Debug, Serialize)]
struct Pinned {
    plugin: PluginName,
    sha256: String,
    /// Whether a daemon took it into use; else it is what the folder or the binary holds.
    in_use: bool,
    written: bool,
}

impl Answer for Pinned {
    fn table(&self, _look: Look) -> String {
        let note = match (self.written, self.in_use) {
            (true, _) => "# written; a running daemon takes it up by itself",
            (false, true) => "# what is in use",
            (false, false) => "# what would be used: no daemon has used it yet",
        };
        format!(
            "[plugin.{}]\nsha256 = \"{}\"   {note}\n",
            self.plugin, self.sha256
        )
    }
}

/// `fillsync plugin pin`.
pub(super) fn pin(answers: &Answers<'_>, name: &PluginName, write: bool) -> anyhow::Result<()> {
    let config = answers.load()?;
    is_used(&config, name)?;
    let (memory, _) = remembered(&config, name)?;
    let (sha256, in_use) = match memory.in_use {
        Some(sha256) => (sha256, true),
        None => {
            let candidate =
                candidate(&config, name).map_err(|why| anyhow!("plugin {name}: {why}"))?;
            (candidate.sha256, false)
        }
    };
    if write {
        let pin = Sha256Pin::parse(&sha256).map_err(|error| anyhow!("{error}"))?;
        write_pin(answers.config, name, &pin)?;
    }
    answers.print(&Pinned {
        plugin: name.clone(),
        sha256,
        in_use,
        written: write,
    })
}

/// Puts the pin into the configuration's file: a new one in the place of the old, with its rights.
fn write_pin(config: &Path, name: &PluginName, pin: &Sha256Pin) -> anyhow::Result<()> {
    // A link leads to the file that is meant; it stays a link.
    let path = std::fs::canonicalize(config)
        .with_context(|| format!("{} cannot be found", config.display()))?;
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let pinned = fillsync_config::with_pin(&text, name, pin)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::Builder::new()
        .prefix(".fillsync-pin-")
        .tempfile_in(folder)
        .with_context(|| format!("{} cannot be written to", folder.display()))?;
    draft.write_all(pinned.as_bytes())?;
    draft
        .as_file()
        .set_permissions(std::fs::metadata(&path)?.permissions())?;
    draft.as_file().sync_all()?;
    draft
        .persist(&path)
        .with_context(|| format!("{} cannot be replaced", path.display()))?;
    Ok(())
}

/// `fillsync plugin history`.
pub(super) fn history(
    answers: &Answers<'_>,
    name: Option<&PluginName>,
    limit: u32,
) -> anyhow::Result<()> {
    let (reader, now) = (answers.reader()?, SystemClock.now());
    answers.print(&match name {
        Some(name) => fillsync_report::plugin_history(&reader, name, limit, now)?,
        None => fillsync_report::plugin_events(&reader, limit, now)?,
    })
}

/// The hidden command by which this program compiles one component and ends.
pub(super) fn compile(memory_bytes: u64, time_ms: u64) -> u8 {
    let bounds = CompileBounds {
        memory_bytes,
        time: Duration::from_millis(time_ms),
    };
    compile_in_child(
        &bounds,
        std::io::stdin().lock(),
        std::io::stdout().lock(),
        std::io::stderr().lock(),
    )
}
