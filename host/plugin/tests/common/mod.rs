//! What the tests of this package share: one engine, questions, and the hostile guests, which
//! cargo builds beside the first-party ones the first time a test asks for them.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

pub mod handmade;
mod questions;

#[allow(unused_imports, reason = "not every test asks")]
pub use questions::*;

use fillsync_core::id::PluginName;
use fillsync_plugin_host::{Limits, Loaded, PluginEngine, componentise, first_party};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

pub fn engine() -> &'static PluginEngine {
    static ENGINE: OnceLock<PluginEngine> = OnceLock::new();
    ENGINE.get_or_init(|| PluginEngine::new().unwrap())
}

pub fn first_party_bytes(name: &str) -> &'static [u8] {
    first_party()
        .iter()
        .find(|plugin| plugin.name == name)
        .unwrap()
        .bytes
}

pub fn load(name: &str, settings: &str) -> Arc<Loaded> {
    engine()
        .load(first_party_bytes(name), settings, &Limits::default())
        .unwrap()
}

pub fn name(name: &str) -> PluginName {
    PluginName::new(name).unwrap()
}

/// The hostile guests as components: the strategy and the formatter.
pub fn hostile() -> &'static (Vec<u8>, Vec<u8>) {
    static HOSTILE: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    HOSTILE.get_or_init(|| {
        let (strategy, formatter) = hostile_modules();
        (
            componentise(&strategy).unwrap(),
            componentise(&formatter).unwrap(),
        )
    })
}

/// The hostile guests as cargo leaves them.
pub fn hostile_modules() -> (Vec<u8>, Vec<u8>) {
    (
        guest_module("fillsync-hostile-strategy"),
        guest_module("fillsync-hostile-formatter"),
    )
}

/// A package of the guests' workspace, built for tests only, as cargo leaves it.
pub fn guest_module(package: &str) -> Vec<u8> {
    guest(package, "wasm32-unknown-unknown")
}

/// Guests as cargo leaves them for wasm32-wasip2, components that import WASI: the strategy that
/// tries whatever WASI has, and `max-count`.
pub fn wasip2() -> &'static (Vec<u8>, Vec<u8>) {
    static GUESTS: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    GUESTS.get_or_init(|| {
        let guest = |package| guest(package, "wasm32-wasip2");
        (
            guest("fillsync-hostile-curious"),
            guest("fillsync-max-count"),
        )
    })
}

/// Builds a package of the guests' workspace, with nothing of this build's settings.
fn guest(package: &str, target: &str) -> Vec<u8> {
    let target_dir = Path::new(env!("OUT_DIR")).join("guests");
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO") && text != "CARGO_HOME" || text.starts_with("RUSTFLAGS") {
            cargo.env_remove(&name);
        }
    }
    let status = cargo
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins"))
        .args(["build", "--quiet", "--locked", "--release"])
        .args(["-p", package, "--target", target, "--target-dir"])
        .arg(&target_dir)
        .status()
        .unwrap();
    assert!(
        status.success(),
        "{package} does not build; is the target {target} there? `rustup toolchain install` brings it"
    );
    let file = format!("{target}/release/{}.wasm", package.replace('-', "_"));
    std::fs::read(target_dir.join(file)).unwrap()
}

/// The component with one name in it replaced by another of the same length.
pub fn renamed(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = component.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..]
        .windows(from.len())
        .position(|window| window == from.as_bytes())
    {
        bytes[at + found..at + found + from.len()].copy_from_slice(to.as_bytes());
        at += found + from.len();
    }
    assert!(at > 0, "{from} is not in the component");
    bytes
}

/// The hostile strategy that does this deed when it sees the group "trouble".
pub fn trouble(deed: &str) -> Arc<Loaded> {
    let settings = format!(r#"{{"deed":"{deed}","group":"trouble"}}"#);
    engine()
        .load(&hostile().0, &settings, &Limits::default())
        .unwrap()
}
