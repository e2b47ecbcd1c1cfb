//! `plugin new`: a project that builds with its language's ordinary tools and passes its own test.
//!
//! The templates are files of the repository, carried in the binary. They use the name `my-plugin` as
//! it is; writing a project puts another name in its place. A Rust project
//! carries the SDK's sources in `vendor/`, because they are in no registry.

use crate::cli::CalledWrongly;
use crate::cli::answers::Answers;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use fillsync_plugin_host::PluginKind;
use fillsync_report::{Answer, Look};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The embedded files: path and text.
type Files = &'static [(&'static str, &'static str)];

/// `templates/…`, `sdk/…` and `wit/…`, with paths from there on.
static EMBEDDED: Files = &include!(concat!(env!("OUT_DIR"), "/kit.rs"));

/// The versions that the SDK is built with here.
const LOCK: &str = include_str!("../../../../plugins/Cargo.lock");

/// The name that the templates have.
const NAME: &str = "my-plugin";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::cli) enum Language {
    /// With cargo, for wasm32-unknown-unknown.
    Rust,
    /// With componentize-py.
    Python,
    /// With componentize-js.
    Js,
}

impl Language {
    const fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Js => "js",
        }
    }

    /// What to type in the project, in this order.
    const fn next(self) -> [&'static str; 3] {
        match self {
            Self::Rust => [
                "cargo test",
                "fillsync plugin build",
                "fillsync plugin test NAME.wasm --cases cases",
            ],
            Self::Python => [
                "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt",
                "fillsync plugin build",
                "fillsync plugin test NAME.wasm --cases cases",
            ],
            Self::Js => [
                "npm install && npm test",
                "fillsync plugin build",
                "fillsync plugin test NAME.wasm --cases cases",
            ],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Kind {
    /// Decides what is shown for the accounts of a group.
    Strategy,
    /// Makes messages of alerts.
    Formatter,
}

impl Kind {
    const fn of(self) -> PluginKind {
        match self {
            Self::Strategy => PluginKind::Strategy,
            Self::Formatter => PluginKind::Formatter,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Wish {
    /// The language.
    #[arg(long)]
    lang: Language,
    /// The question that it answers.
    #[arg(long, default_value = "strategy")]
    kind: Kind,
    /// The plugin's name, which is the new folder's as well; or a path that ends with it.
    #[arg(value_name = "NAME|DIR")]
    folder: PathBuf,
}

#[derive(Serialize)]
struct Written {
    name: String,
    folder: String,
    language: Language,
    kind: PluginKind,
    files: Vec<String>,
    next: Vec<String>,
}

impl Answer for Written {
    fn table(&self, _look: Look) -> String {
        let mut text = format!(
            "The {} {} is written to {}; its README.md says what is what. Next:\n\n    cd {}\n",
            self.kind, self.name, self.folder, self.folder
        );
        for line in &self.next {
            text.push_str(&format!("    {line}\n"));
        }
        text
    }
}

pub(super) fn new(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    let name = name_of(&wish.folder)?;
    refuse_occupied(&wish.folder)?;
    let files = project(wish.lang, wish.kind, &name);
    for (path, text) in &files {
        let path = wish.folder.join(path);
        let write = || {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(&path, text)
        };
        write().with_context(|| format!("{} cannot be written", path.display()))?;
    }
    answers.print(&Written {
        next: wish
            .lang
            .next()
            .iter()
            .map(|line| line.replace("NAME", &name))
            .collect(),
        name,
        folder: wish.folder.display().to_string(),
        language: wish.lang,
        kind: wish.kind.of(),
        files: files.into_iter().map(|(path, _)| path).collect(),
    })
}

/// The plugin's name: the last part of the path, as every language can spell it.
fn name_of(folder: &Path) -> Result<String, CalledWrongly> {
    let name = folder
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let fits = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fits {
        return Ok(name.to_owned());
    }
    Err(CalledWrongly(format!(
        "{name:?} cannot be a plugin's name: it begins with a lower-case letter and has lower-case letters, digits and \"-\", as in \"my-strategy\""
    )))
}

/// What is there is not written over.
fn refuse_occupied(folder: &Path) -> Result<(), CalledWrongly> {
    let occupied = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => folder.exists(),
    };
    if occupied {
        return Err(CalledWrongly(format!(
            "{} is there already and not empty; name another folder, or remove it first",
            folder.display()
        )));
    }
    Ok(())
}

/// Every file of a project: path and text, in the order of paths.
pub(in crate::cli) fn project(language: Language, kind: Kind, name: &str) -> Vec<(String, String)> {
    let (lang, kind) = (language.folder(), kind.of().as_str());
    let layers = [
        "templates/common/".to_owned(),
        format!("templates/common-{kind}/"),
        format!("templates/{lang}/"),
        format!("templates/{lang}-{kind}/"),
    ];
    let mut files: Vec<(String, String)> = Vec::new();
    for (path, text) in EMBEDDED {
        if let Some(rest) = layers
            .iter()
            .find_map(|layer| path.strip_prefix(layer.as_str()))
        {
            let path = rest.replace("dot-", ".");
            files.push((
                path,
                text.replace(NAME, name)
                    .replace("WORLD", &format!("{kind}-plugin")),
            ));
        } else if path.starts_with("wit/") {
            files.push(((*path).to_owned(), (*text).to_owned()));
        } else if language == Language::Rust && path.starts_with("sdk/") {
            files.push((format!("vendor/{path}"), (*text).to_owned()));
        }
    }
    if language == Language::Rust {
        // The versions that the SDK is tested with; cargo takes out what a plugin does not need.
        files.push(("Cargo.lock".to_owned(), LOCK.to_owned()));
    }
    files.sort();
    files
}
