//! Components of other toolchains, built in the test run from the examples' sources.
//!
//! The tools are pinned in `tests/toolchains` and installed under the target folder once. A component is
//! kept there as well, by what it is made of: its source, the contract, the tool and how it is called.

use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

const TESTS: &str = env!("CARGO_MANIFEST_DIR");
/// Changes when this module calls the tools in another way.
const RECIPE: &[u8] = b"1";

/// Whether a component imports WASI as its toolchain does by default, or was told not to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wasi {
    Default,
    Without,
}

/// A component of `plugins/examples/python/NAME.py`.
pub fn python(name: &str, world: &str, wasi: Wasi) -> Vec<u8> {
    let tools = format!("{TESTS}/toolchains/requirements.txt");
    let folder = format!("{TESTS}/../plugins/examples/python");
    let source = format!("{folder}/{name}.py");
    let ingredients = [source.as_str(), tools.as_str()];
    built(name, &ingredients, (world, wasi), |out| {
        let mut command = Command::new(componentize_py());
        command.args(["-d", &wit(), "-w", world, "componentize"]);
        if wasi == Wasi::Without {
            command.arg("--stub-wasi");
        }
        command.args(["-p", &folder, name, "-o"]).arg(out);
        run(&mut command, &format!("{source} does not build"));
    })
}

/// A component of `plugins/examples/javascript/NAME.js`.
pub fn javascript(name: &str, world: &str, wasi: Wasi) -> Vec<u8> {
    let tools = format!("{TESTS}/toolchains/package-lock.json");
    let source = format!("{TESTS}/../plugins/examples/javascript/{name}.js");
    let ingredients = [source.as_str(), tools.as_str()];
    built(name, &ingredients, (world, wasi), |out| {
        let mut command = Command::new("node");
        command
            .arg(componentize_js())
            .args([&source, &wit(), world])
            .arg(out);
        if wasi == Wasi::Without {
            command.arg("without-wasi");
        }
        run(&mut command, &format!("{source} does not build"));
    })
}

/// A package of the guests' workspace, as plain cargo builds it for a target.
pub fn rust(package: &str, target: &str) -> Vec<u8> {
    let target_dir = kept().join("cargo");
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO") && text != "CARGO_HOME" || text.starts_with("RUSTFLAGS") {
            cargo.env_remove(&name);
        }
    }
    cargo
        .current_dir(format!("{TESTS}/../plugins"))
        .args(["build", "--quiet", "--locked", "--release", "-p", package])
        .args(["--target", target, "--target-dir"])
        .arg(&target_dir);
    let remedy = format!("{package} does not build; `rustup toolchain install` brings {target}");
    run(&mut cargo, &remedy);
    let file = format!("{target}/release/{}.wasm", package.replace('-', "_"));
    std::fs::read(target_dir.join(file)).unwrap()
}

/// The contract's folder.
fn wit() -> String {
    format!("{TESTS}/../wit/v1")
}

/// Where the tools and what they made are kept.
fn kept() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("toolchains");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The bytes that these ingredients make: those of an earlier run, or built now.
fn built(
    name: &str,
    ingredients: &[&str],
    how: (&str, Wasi),
    build: impl FnOnce(&Path),
) -> Vec<u8> {
    // One at a time: each takes a core for half a minute.
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut hash = Sha256::new_with_prefix(RECIPE);
    hash.update(format!("{how:?}"));
    let contract = format!("{}/fillsync.wit", wit());
    for ingredient in ingredients.iter().copied().chain([contract.as_str()]) {
        let bytes = std::fs::read(ingredient).unwrap();
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    }
    let digest: String = hash
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let file = kept().join(format!("{name}-{digest}.wasm"));
    if !file.exists() {
        let draft = kept().join(format!("{name}-{}.draft", std::process::id()));
        build(&draft);
        std::fs::rename(&draft, &file).unwrap();
    }
    std::fs::read(&file).unwrap()
}

/// The command componentize-py, installed once.
fn componentize_py() -> PathBuf {
    static COMMAND: OnceLock<PathBuf> = OnceLock::new();
    let install = || {
        let folder = kept().join("python");
        let wanted = format!("{TESTS}/toolchains/requirements.txt");
        if !is_installed(&folder, &wanted) {
            run(
                Command::new("python3").args(["-m", "venv"]).arg(&folder),
                "python3 with its venv module is needed: `apt-get install python3-venv`",
            );
            run(
                Command::new(folder.join("bin/python"))
                    .args(["-m", "pip", "install", "--quiet"])
                    .args(["--disable-pip-version-check", "-r", &wanted]),
                "componentize-py cannot be installed: pip needs its package index",
            );
            note_installed(&folder, &wanted);
        }
        folder.join("bin/componentize-py")
    };
    COMMAND.get_or_init(install).clone()
}

/// The script that calls componentize-js, beside the packages that it needs.
fn componentize_js() -> PathBuf {
    static SCRIPT: OnceLock<PathBuf> = OnceLock::new();
    let install = || {
        let folder = kept().join("javascript");
        std::fs::create_dir_all(&folder).unwrap();
        let sources = format!("{TESTS}/toolchains");
        for file in ["package.json", "package-lock.json", "componentize.mjs"] {
            std::fs::copy(format!("{sources}/{file}"), folder.join(file)).unwrap();
        }
        let wanted = format!("{sources}/package-lock.json");
        if !is_installed(&folder, &wanted) {
            run(
                Command::new("npm")
                    .args(["ci", "--silent", "--no-audit", "--no-fund"])
                    .current_dir(&folder),
                "componentize-js cannot be installed: node and npm are needed \
                 (`apt-get install nodejs npm`), and npm needs its registry",
            );
            note_installed(&folder, &wanted);
        }
        folder.join("componentize.mjs")
    };
    SCRIPT.get_or_init(install).clone()
}

fn is_installed(folder: &Path, wanted: &str) -> bool {
    std::fs::read(folder.join("installed")).is_ok_and(|have| have == std::fs::read(wanted).unwrap())
}

fn note_installed(folder: &Path, wanted: &str) {
    std::fs::copy(wanted, folder.join("installed")).unwrap();
}

fn run(command: &mut Command, remedy: &str) {
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "{remedy}\n{command:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => panic!("{remedy}\n{command:?}: {error}"),
    }
}
