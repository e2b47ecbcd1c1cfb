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
fn every_part_of_an_entry_is_proven_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("compiled");
    load(&folder);
    let entry = entries(&folder).remove(0);
    let sound = fs::read(&entry).unwrap();
    // The mark, the seal, the beginning and the end of the code, bit by bit; compiling again for each
    // would take minutes, so a bit that is believed would show by trouble that is not there.
    let parts = [0, 7, 8, 23, 39, 40, 41, sound.len() - 1];
    for at in parts {
        for bit in [0, 7] {
            let mut changed = sound.clone();
            changed[at] ^= 1 << bit;
            fs::write(&entry, changed).unwrap();
            assert!(load(&folder).is_some(), "bit {bit} of byte {at}");
        }
    }
    // More than was sealed is not what was sealed.
    fs::write(&entry, [sound.as_slice(), b"x"].concat()).unwrap();
    assert!(load(&folder).is_some(), "a byte more");
}

#[test]
fn what_stands_in_an_entrys_place_and_is_no_plain_file_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, elsewhere) = (
        folder.path().join("compiled"),
        folder.path().join("elsewhere"),
    );
    load(&folder);
    let entry = entries(&folder).remove(0);
    // A link, even to the very entry.
    fs::rename(&entry, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &entry).unwrap();
    assert!(load(&folder).is_some(), "a link");
    assert!(
        fs::symlink_metadata(&entry).unwrap().is_file(),
        "rebuilt in its place"
    );
    assert!(elsewhere.exists(), "and what it led to is left alone");
    assert_eq!(load(&folder), None);
    // A fifo is not waited for.
    fs::remove_file(&entry).unwrap();
    let made = std::process::Command::new("mkfifo")
        .args(["-m", "600"])
        .arg(&entry)
        .status();
    assert!(made.unwrap().success());
    assert!(load(&folder).is_some(), "a fifo");
    // A folder cannot be replaced by a rename: it costs the cache, not the plugin.
    fs::remove_file(&entry).unwrap();
    fs::create_dir(&entry).unwrap();
    assert!(load(&folder).is_some(), "a folder");
}

#[test]
fn the_key_is_believed_under_the_same_conditions() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("compiled");
    load(&folder);
    let key = folder.join("key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let error = PluginEngine::with_cache(&folder).unwrap_err().to_string();
    assert!(error.contains("0600"), "{error}");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    // A key that was cut off proves nothing any more; what it proved is compiled again.
    fs::write(&key, b"short").unwrap();
    assert!(load(&folder).is_some());
    assert_eq!(load(&folder), None);
}

#[test]
fn an_entry_of_another_user_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("compiled");
    load(&folder);
    let entry = entries(&folder).remove(0);
    // Only root can give a file away; for anybody else the system keeps this from happening.
    if std::os::unix::fs::chown(&entry, Some(12_345), None).is_ok() {
        let trouble = load(&folder).unwrap();
        assert!(trouble.contains("another user"), "{trouble}");
    }
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
