//! Embeds what `plugin new` writes: the templates, the SDK's sources and the contract.
//!
//! They are real files; this only lists them, so that none can be forgotten when one is added.
#![allow(clippy::expect_used, reason = "a build script reports by stopping")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where a part stands, and under which name it is embedded.
const PARTS: [(&str, &str); 3] = [
    ("../plugins/templates", "templates"),
    ("../plugins/sdk", "sdk"),
    ("../wit", "wit"),
];

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    println!("cargo::rerun-if-changed=build.rs");
    let mut table = String::from("[\n");
    for (folder, name) in PARTS {
        println!("cargo::rerun-if-changed={folder}");
        list(&here.join(folder), name, &mut table);
    }
    table.push(']');
    fs::write(out.join("kit.rs"), table).expect("OUT_DIR can be written");
}

fn list(folder: &Path, name: &str, table: &mut String) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder is part of the repository")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    entries.sort();
    for path in entries {
        let file = path
            .file_name()
            .and_then(|file| file.to_str())
            .expect("names are plain");
        let name = format!("{name}/{file}");
        if path.is_dir() {
            // What a build by hand leaves there is no part of a template.
            if !["target", "node_modules", ".venv", "__pycache__"].contains(&file) {
                list(&path, &name, table);
            }
        } else if !file.ends_with(".wasm") {
            writeln!(table, "    ({name:?}, include_str!({path:?})),")
                .expect("text can be written");
        }
    }
}
