//! The ways in which programs write a file: in place and slowly, in pieces, by renaming, a hundred
//! times in a row, or without changing it. Each is reported whole, the last content last.

use crate::scene::{Scene, rename_into_place, sha256_hex};
use fillsync_reload::Change;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::time::Duration;

#[test]
fn a_file_renamed_into_place_is_reported_once() {
    let scene = Scene::new();
    let mut watched = scene.start();
    rename_into_place(&scene.plugin("max-count.wasm"), b"one");
    assert_eq!(
        watched.next_plugin(),
        ("max-count".to_owned(), b"one".to_vec())
    );
    rename_into_place(&scene.plugin("max-count.wasm"), b"two");
    assert_eq!(
        watched.next_plugin(),
        ("max-count".to_owned(), b"two".to_vec())
    );
    assert_eq!(watched.until_fence(&scene), []);
}

#[test]
fn a_growing_file_is_reported_only_whole() {
    // A copy over a slow line: the writer pauses for longer than the debounce, file still open.
    let scene = Scene::new();
    let mut watched = scene.start();
    let path = scene.plugin("slow.wasm");
    let writer = std::thread::spawn(move || {
        let mut file = File::create(path).unwrap();
        for _ in 0..3 {
            for _ in 0..10 {
                file.write_all(&[7; 1000]).unwrap();
                std::thread::sleep(Duration::from_millis(10));
            }
            std::thread::sleep(Duration::from_millis(600));
        }
        file.write_all(b"end").unwrap();
    });
    let (name, bytes) = watched.next_plugin();
    writer.join().unwrap();
    assert_eq!((name.as_str(), bytes.len()), ("slow", 30_003));
    assert!(bytes.ends_with(b"end"));
    assert_eq!(watched.until_fence(&scene), []);
}

#[test]
fn a_file_appended_by_many_short_writers_is_reported_only_whole() {
    // The pauses are longer than the settle check: only the debounce keeps the pieces together.
    let mut scene = Scene::new();
    scene.settings.debounce = Duration::from_millis(800);
    let mut watched = scene.start();
    let path = scene.plugin("pieces.wasm");
    let writer = std::thread::spawn(move || {
        for _ in 0..8 {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .unwrap()
                .write_all(b"piece")
                .unwrap();
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let (_, bytes) = watched.next_plugin();
    writer.join().unwrap();
    assert_eq!(bytes.len(), 40);
    assert_eq!(watched.until_fence(&scene), []);
}

#[test]
fn a_touch_without_a_change_is_nothing() {
    let scene = Scene::new();
    fs::write(scene.plugin("same.wasm"), "same").unwrap();
    let mut watched = scene.start();
    let file = OpenOptions::new()
        .append(true)
        .open(scene.plugin("same.wasm"))
        .unwrap();
    file.set_modified(std::time::SystemTime::now() + Duration::from_secs(5))
        .unwrap();
    drop(file);
    rename_into_place(&scene.config(), b"first");
    watched.guard.rescan();
    assert_eq!(watched.until_fence(&scene), []);
}

#[test]
fn of_a_hundred_saves_the_last_is_reported_last_and_few_are_reported() {
    let scene = Scene::new();
    let mut watched = scene.start();
    for save in 1..=100 {
        fs::write(scene.config(), format!("save {save}")).unwrap();
    }
    let mut reports = 0;
    loop {
        reports += 1;
        match watched.next() {
            Change::Config { bytes, .. } if bytes == b"save 100" => break,
            Change::Config { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(reports <= 5, "{reports} reports");
    assert_eq!(watched.until_fence(&scene), []);
}

#[test]
fn a_configuration_replaced_as_editors_do_is_reported_once() {
    // vim: the old file becomes a backup, a new one is written under the name, the backup goes.
    let scene = Scene::new();
    let mut watched = scene.start();
    let backup = scene.config().with_file_name("fillsync.toml~");
    fs::rename(scene.config(), &backup).unwrap();
    fs::write(scene.config(), "edited").unwrap();
    fs::remove_file(backup).unwrap();
    match watched.next() {
        Change::Config { bytes, sha256 } => {
            assert_eq!(
                (bytes.as_slice(), sha256),
                (b"edited".as_slice(), sha256_hex(b"edited"))
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(watched.until_fence(&scene), []);
}

#[test]
fn a_configuration_that_is_gone_is_one_fault_and_its_return_is_reported() {
    let scene = Scene::new();
    let mut watched = scene.start();
    fs::remove_file(scene.config()).unwrap();
    assert!(matches!(watched.next(), Change::Unreadable { path, .. } if path == scene.config()));
    watched.guard.rescan();
    assert_eq!(watched.until_fence(&scene), []);
    fs::write(scene.config(), "first").unwrap();
    assert!(matches!(watched.next(), Change::Config { bytes, .. } if bytes == b"first"));
}
