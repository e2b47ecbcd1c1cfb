//! What the author's commands share: the component, the engine, the settings and the limits.
//!
//! The engine keeps compiled code in a folder of the user's own, because Python and JavaScript take
//! some ten seconds to compile and an author asks again and again.

use crate::cli::answers::Answers;
use crate::cli::plugin_store::candidate;
use crate::cli::progress::spinner;
use crate::cli::{CalledWrongly, warn};
use crate::shelf::wishes;
use anyhow::{Context as _, anyhow};
use clap::Args;
use fillsync_core::id::PluginName;
use fillsync_plugin_host::kit::{Case, read_case};
use fillsync_plugin_host::{CEILING, Limits, Loaded, PluginEngine, first_party};
use serde_json::Value;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Under which settings and limits a plugin is asked.
#[derive(Debug, Args)]
pub(super) struct Terms {
    /// Its settings, as JSON.
    #[arg(long, value_name = "JSON")]
    pub(super) settings: Option<String>,
    /// With the settings and limits that the configuration has for the plugin of this name, instead of
    /// none and the defaults.
    #[arg(long = "as", value_name = "NAME", conflicts_with = "settings")]
    pub(super) name: Option<PluginName>,
}

/// An engine, and the terms under which it asks.
pub(super) struct Workbench {
    pub(super) engine: PluginEngine,
    pub(super) settings: String,
    pub(super) limits: Limits,
}

impl Workbench {
    pub(super) fn new(answers: &Answers<'_>, terms: &Terms) -> anyhow::Result<Self> {
        let (settings, limits) = match &terms.name {
            Some(name) => wishes(&answers.load()?, name),
            None => (
                terms.settings.clone().unwrap_or_else(|| "{}".to_owned()),
                Limits::default(),
            ),
        };
        Ok(Self {
            engine: engine()?,
            settings,
            limits,
        })
    }

    /// Takes a component through every stage of loading, under its own settings where a case has some.
    pub(super) fn load(
        &self,
        bytes: &[u8],
        settings: Option<&Value>,
    ) -> anyhow::Result<Arc<Loaded>> {
        let settings = settings.map_or_else(|| self.settings.clone(), Value::to_string);
        let bar = spinner("compiling");
        let loaded = self.engine.load(bytes, &settings, &self.limits);
        bar.finish_and_clear();
        loaded.map_err(|rejection| {
            let hint = rejection
                .hint
                .unwrap_or_else(|| "`fillsync plugin check` shows each stage".to_owned());
            anyhow!(
                "it cannot be loaded ({}): {}; {hint}",
                rejection.stage,
                rejection.cause
            )
        })
    }
}

fn engine() -> anyhow::Result<PluginEngine> {
    let Some(folder) = cache_folder() else {
        return Ok(PluginEngine::new()?);
    };
    let made = std::fs::create_dir_all(&folder).map_err(|error| error.to_string());
    match made.and_then(|()| {
        PluginEngine::with_cache(&folder.join("compiled")).map_err(|error| error.to_string())
    }) {
        Ok(engine) => Ok(engine),
        Err(why) => {
            warn(&format!(
                "compiled code is not kept, so each command compiles anew: {why}"
            ));
            Ok(PluginEngine::new()?)
        }
    }
}

/// `$XDG_CACHE_HOME/fillsync`, or `~/.cache/fillsync`.
fn cache_folder() -> Option<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    base.is_absolute().then(|| base.join("fillsync"))
}

/// The bytes of a file, or of a plugin by its name: one of the configuration, or one that ships.
pub(super) fn component(answers: &Answers<'_>, what: &Path) -> anyhow::Result<Vec<u8>> {
    if what.is_file() {
        return read(what);
    }
    if what.is_dir() {
        let folder = what.display();
        return Err(CalledWrongly(format!(
            "{folder} is a folder; `fillsync plugin build {folder}` makes its component and says where"
        ))
        .into());
    }
    let name = what.to_str().and_then(|name| PluginName::new(name).ok());
    if let Some(name) = &name {
        if let Some(plugin) = first_party()
            .iter()
            .find(|plugin| plugin.name == name.as_str())
        {
            return Ok(plugin.bytes.to_vec());
        }
        let configured = answers.load().ok();
        if let Some(Ok(found)) = configured.map(|config| candidate(&config, name)) {
            return Ok(found.bytes);
        }
    }
    let ships: Vec<&str> = first_party().iter().map(|plugin| plugin.name).collect();
    Err(CalledWrongly(format!(
        "there is no file {}, and no plugin of that name in the configuration or among those that ship ({})",
        what.display(),
        ships.join(", ")
    ))
    .into())
}

/// A whole file, as far as any limit can allow it.
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = CEILING.file_bytes as u64 + 1;
    File::open(file)
        .and_then(|open| open.take(most).read_to_end(&mut bytes))
        .with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(bytes)
}

/// A case from a file; "-" is standard input.
pub(super) fn case(file: &Path) -> anyhow::Result<Case> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text)
    } else {
        File::open(file).and_then(|mut open| open.read_to_string(&mut text))
    };
    read.map_err(|error| {
        CalledWrongly(format!(
            "the case {} cannot be read: {error}",
            file.display()
        ))
    })?;
    read_case(&text).map_err(|error| anyhow!("the case {}: {error}", file.display()))
}
