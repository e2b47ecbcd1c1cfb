//! The cache of compiled plugins: fast when it can be believed, not believed at the least doubt.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{desk, first_party_bytes};
use fillsync_plugin_host::{Limits, PluginEngine};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn load(folder: &Path) -> Option<String> {
    let engine = PluginEngine::with_cache(folder).unwrap();
    let plugin = engine
        .load(first_party_bytes("max-count"), "", &Limits::default())
        .unwrap();
    let (shown, _) = plugin.decide(&desk(2, 1)).unwrap();
    assert!(shown.iter().all(|row| row.count == 2));
    engine.cache_trouble()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "cwasm")
        })
        .collect()
}

#[test]
fn a_second_start_reads_what_the_first_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("compiled");
    assert_eq!(load(&folder), None);
    let kept = entries(&folder);
    assert_eq!(kept.len(), 1);
    let written = fs::metadata(&kept[0]).unwrap().modified().unwrap();
    assert_eq!(load(&folder), None);
    assert_eq!(
        fs::metadata(&kept[0]).unwrap().modified().unwrap(),
        written,
        "read, not written again"
    );
    for path in [kept[0].clone(), folder.join("key")] {
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[test]
fn a_changed_or_foreign_entry_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("compiled");
    load(&folder);
    let entry = entries(&folder).remove(0);
    let sound = fs::read(&entry).unwrap();
    for at in [0, 9, 100, sound.len() / 2, sound.len() - 1] {
        let mut changed = sound.clone();
        changed[at] ^= 1;
        fs::write(&entry, changed).unwrap();
        assert!(
            load(&folder).is_some_and(|trouble| trouble.contains("compiled again")),
            "byte {at}"
        );
        assert_eq!(load(&folder), None, "the new entry is sound");
    }
    for length in [0, 7, 20, 40, sound.len() - 1] {
        fs::write(&entry, &sound[..length]).unwrap();
        assert!(load(&folder).is_some(), "cut at {length}");
    }
    fs::set_permissions(&entry, Permissions::from_mode(0o644)).unwrap();
    assert!(load(&folder).is_some(), "readable by others");
    // Another installation's key: its entries prove nothing here.
    fs::remove_file(folder.join("key")).unwrap();
    assert!(load(&folder).is_some(), "another key");
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let error = PluginEngine::with_cache(folder.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("0700"), "{error}");
}
