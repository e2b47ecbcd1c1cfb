//! `plugin build`: a project becomes one component, in one step.
//!
//! Rust is built by cargo and made a component in process; Python and JavaScript are built by their
//! project's own script, with the tool that the project installed. What is missing is named with the
//! command that brings it. The component takes its place by a rename, so no reader sees half of one.

use super::run::size;
use crate::cli::CalledWrongly;
use crate::cli::answers::Answers;
use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use fillsync_plugin_host::componentise;
use fillsync_plugin_host::kit::{Inspection, inspect};
use fillsync_report::{Answer, Look};
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

const TARGET: &str = "wasm32-unknown-unknown";

#[derive(Debug, Args)]
pub(in crate::cli) struct Wish {
    /// The project's folder.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

#[derive(Serialize)]
struct Built {
    file: String,
    #[serde(flatten)]
    outside: Inspection,
}

impl Answer for Built {
    fn table(&self, _look: Look) -> String {
        format!(
            "{}: {}, {}, sha256 {}\nNext: fillsync plugin check {}\n",
            self.file,
            self.outside
                .world
                .as_deref()
                .unwrap_or("of no world of fillsync:plugin"),
            size(self.outside.bytes),
            self.outside.sha256,
            self.file
        )
    }
}

pub(super) fn build(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    let folder = &wish.folder;
    let has = |file: &str| folder.join(file).is_file();
    let file = match () {
        () if has("Cargo.toml") => rust(folder)?,
        () if has("package.json") => javascript(folder)?,
        () if has("build.py") => python(folder)?,
        () => {
            return Err(CalledWrongly(format!(
                "{} is no plugin's project: it has no Cargo.toml, package.json or build.py; `fillsync plugin new` writes one",
                folder.display()
            ))
            .into());
        }
    };
    let bytes =
        std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let outside =
        inspect(&bytes).map_err(|rejection| anyhow!("{}: {rejection}", file.display()))?;
    answers.print(&Built {
        file: file
            .strip_prefix("./")
            .unwrap_or(&file)
            .display()
            .to_string(),
        outside,
    })
}

/// Cargo builds the module; here it becomes a component.
fn rust(folder: &Path) -> anyhow::Result<PathBuf> {
    let output = Command::new("cargo")
        .current_dir(folder)
        .args(["build", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| {
            anyhow!("cargo cannot be run ({error}); Rust comes with https://rustup.rs")
        })?;
    if !output.status.success() {
        bail!(
            "cargo did not build it; where it misses the target {TARGET} or crate `core`, run `rustup toolchain install`, or `rustup target add {TARGET}`, in {}",
            folder.display()
        );
    }
    let manifest = folder
        .join("Cargo.toml")
        .canonicalize()
        .context("the project's Cargo.toml")?;
    let (name, module) = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .find_map(|message| module_of(&message, &manifest))
        .ok_or_else(|| {
            anyhow!(
                "the package has no library that can be a component; its Cargo.toml needs\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]"
            )
        })?;
    let bytes =
        std::fs::read(&module).with_context(|| format!("{} cannot be read", module.display()))?;
    // A module of an SDK for components may be one already, as every tool but this target makes it.
    let component = match inspect(&bytes) {
        Ok(outside) if outside.is_component => bytes,
        _ => componentise(&bytes)
            .map_err(|rejection| anyhow!("{}: {rejection}", module.display()))?,
    };
    let file = folder.join(format!("{}.wasm", name.replace('_', "-")));
    let draft = file.with_extension("wasm.draft");
    std::fs::write(&draft, component)
        .and_then(|()| std::fs::rename(&draft, &file))
        .with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(file)
}

/// The name and the file of this package's cdylib, from one of cargo's messages.
fn module_of(message: &Value, manifest: &Path) -> Option<(String, PathBuf)> {
    if message["reason"] != "compiler-artifact"
        || Path::new(message["manifest_path"].as_str()?)
            .canonicalize()
            .ok()?
            != manifest
    {
        return None;
    }
    let kinds = message["target"]["crate_types"].as_array()?;
    kinds.iter().find(|kind| *kind == "cdylib")?;
    let files = message["filenames"]
        .as_array()?
        .iter()
        .filter_map(Value::as_str);
    let module = files
        .map(PathBuf::from)
        .find(|file| file.extension().is_some_and(|e| e == "wasm"))?;
    Some((message["target"]["name"].as_str()?.to_owned(), module))
}

fn javascript(folder: &Path) -> anyhow::Result<PathBuf> {
    if !folder.join("node_modules").is_dir() {
        bail!(
            "the project's packages are not installed: run `npm install` in {}",
            folder.display()
        );
    }
    let remedy = "npm cannot be run; it comes with Node.js (Debian: `apt-get install npm`)";
    own_script(
        folder,
        Command::new("npm").args(["run", "--silent", "build"]),
        remedy,
    )
}

fn python(folder: &Path) -> anyhow::Result<PathBuf> {
    let python = folder.join(".venv/bin/python");
    if !python.is_file() {
        bail!(
            "the project has no environment of its own: run `python3 -m venv .venv && .venv/bin/pip install -r requirements.txt` in {}",
            folder.display()
        );
    }
    let python = std::path::absolute(&python).context("the project's Python")?;
    let remedy = "the project's Python cannot be run; remove .venv and make it again";
    own_script(folder, Command::new(python).arg("build.py"), remedy)
}

/// Runs a project's own script and finds the component that it made.
fn own_script(folder: &Path, script: &mut Command, remedy: &str) -> anyhow::Result<PathBuf> {
    let before = made(folder)?;
    // Its words go to standard error, so that standard output is the answer alone.
    let status = script
        .current_dir(folder)
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| anyhow!("{remedy} ({error})"))?;
    if !status.success() {
        bail!("the project's own build failed; what it says stands above");
    }
    let after = made(folder)?;
    after
        .into_iter()
        .filter(|component| !before.contains(component))
        .max_by_key(|(_, changed)| *changed)
        .map(|(file, _)| file)
        .ok_or_else(|| {
            anyhow!(
                "the project's own build made no .wasm file in {}",
                folder.display()
            )
        })
}

/// The components of a folder, with when they were last written.
fn made(folder: &Path) -> anyhow::Result<Vec<(PathBuf, SystemTime)>> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry.context("the project's folder")?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let changed = path.metadata().and_then(|metadata| metadata.modified());
            found.push((path, changed.unwrap_or(SystemTime::UNIX_EPOCH)));
        }
    }
    Ok(found)
}
