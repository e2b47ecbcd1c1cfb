//! Builds the first-party components from `plugins/` and embeds them.
//!
//! A nested cargo builds the guest workspace for wasm32-unknown-unknown; each core module becomes a
//! component in process, so nobody needs a further tool and nothing prebuilt is in the repository.
//! The guests do not see this build's flags: they are the same bytes whatever the host is built with.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a build script reports by stopping"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "wasm32-unknown-unknown";

/// The components that ship, by name and kind.
const FIRST_PARTY: [(&str, &str); 10] = [
    ("max-count", "Strategy"),
    ("main-master", "Strategy"),
    ("mirror-follows-main", "Strategy"),
    ("union-by-slot", "Strategy"),
    ("quorum", "Strategy"),
    ("limit-fill", "Formatter"),
    ("fill-progress", "Formatter"),
    ("plain", "Formatter"),
    ("slack-blocks", "Formatter"),
    ("discord-embed", "Formatter"),
];

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let root = here.join("../..");
    let guests = root.join("plugins");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../wit/v1");
    watch(&guests);
    let target_dir = out.join("guests");
    build(&guests, &target_dir);
    let modules = target_dir.join(TARGET).join("release");
    let mut table = String::from("[\n");
    for (name, kind) in FIRST_PARTY {
        let module = modules.join(format!("fillsync_{}.wasm", name.replace('-', "_")));
        let component = out.join(format!("{name}.wasm"));
        fs::write(&component, componentise(&module)).expect("OUT_DIR can be written");
        writeln!(
            table,
            "    FirstParty {{ name: {name:?}, kind: PluginKind::{kind}, bytes: include_bytes!({component:?}) }},"
        )
        .expect("text can be written");
    }
    table.push(']');
    fs::write(out.join("first_party.rs"), table).expect("OUT_DIR can be written");
}

/// Builds again when a guest's source changes, and not when its author builds it by hand.
fn watch(guests: &Path) {
    for entry in fs::read_dir(guests).expect("plugins/ can be read") {
        let path = entry.expect("plugins/ can be read").path();
        if path.file_name().is_some_and(|name| name != "target") {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
}

/// Runs the nested cargo with an environment that has nothing of the outer build's.
fn build(guests: &Path, target_dir: &Path) {
    let cargo = env::var_os("CARGO").expect("cargo sets it");
    let mut command = Command::new(cargo);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let of_the_outer_build =
            text.starts_with("CARGO") && text != "CARGO_HOME" && !text.starts_with("CARGO_NET_")
                || text.starts_with("RUSTFLAGS")
                || text.starts_with("RUSTC")
                || text.starts_with("DEP_");
        if of_the_outer_build {
            command.env_remove(&name);
        }
    }
    for name in [
        "TARGET",
        "HOST",
        "OUT_DIR",
        "PROFILE",
        "OPT_LEVEL",
        "DEBUG",
        "NUM_JOBS",
        "CLIPPY_ARGS",
    ] {
        command.env_remove(name);
    }
    command
        .current_dir(guests)
        .args([
            "build",
            "--locked",
            "--release",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(target_dir);
    for (name, _) in FIRST_PARTY {
        command.args(["-p", &format!("fillsync-{name}")]);
    }
    let output = command
        .output()
        .expect("cargo can be run again by its own build script");
    if output.status.success() {
        return;
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("can't find crate for `core`") || errors.contains("may not be installed") {
        panic!(
            "the target {TARGET} is not installed: run `rustup toolchain install` in the project's folder"
        );
    }
    panic!(
        "the plugins do not build; run it by hand for more:\n  cd plugins && cargo build --release --target {TARGET}\n{errors}"
    );
}

fn componentise(module: &Path) -> Vec<u8> {
    let bytes = fs::read(module)
        .unwrap_or_else(|error| panic!("{} is not there: {error}", module.display()));
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("{} is no plugin: {error:#}", module.display()))
}
