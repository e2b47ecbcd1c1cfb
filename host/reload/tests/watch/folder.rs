//! What lies in the folders: foreign names, things that are no files, links, files and folders that go
//! and come back, files that may not be read. None of them blocks or is repeated.

use crate::scene::{Scene, rename_into_place};
use fillsync_reload::{Change, Word};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn names_of_unfinished_and_foreign_files_are_ignored() {
    let scene = Scene::new();
    let mut watched = scene.start();
    for name in [
        ".x.wasm",
        "x.wasm~",
        "x.wasm.tmp",
        "x.tmp",
        "README",
        "x.WASM",
        "#x.wasm#",
        "x.wasm.bak",
        "wasm",
    ] {
        fs::write(scene.plugin(name), "foreign").unwrap();
    }
    fs::write(scene.config().with_file_name("other.toml"), "other").unwrap();
    fs::write(
        scene.config().with_file_name("stray.wasm"),
        "in the wrong folder",
    )
    .unwrap();
    assert_eq!(watched.until_fence(&scene), []);
}

#[test]
fn a_fifo_and_a_folder_with_a_plugins_name_are_reported_once_and_never_block() {
    let scene = Scene::new();
    let mut watched = scene.start();
    assert!(
        Command::new("mkfifo")
            .arg(scene.plugin("fifo.wasm"))
            .status()
            .unwrap()
            .success()
    );
    fs::create_dir(scene.plugin("folder.wasm")).unwrap();
    symlink("nowhere", scene.plugin("link.wasm")).unwrap();
    let mut reasons: Vec<(PathBuf, String)> = (0..3)
        .map(|_| match watched.next() {
            Change::Unreadable {
                path,
                reason,
                remedy,
            } => {
                assert!(!remedy.is_empty());
                (path, reason)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            (
                scene.plugin("fifo.wasm"),
                "it is a fifo, not a regular file".to_owned()
            ),
            (
                scene.plugin("folder.wasm"),
                "it is a folder, not a regular file".to_owned()
            ),
            (
                scene.plugin("link.wasm"),
                "it is a symbolic link to something that is not there".to_owned()
            ),
        ]
    );
    watched.guard.rescan();
    assert_eq!(watched.until_fence(&scene), []);
    // The fault ends when a file takes the place.
    fs::remove_file(scene.plugin("fifo.wasm")).unwrap();
    fs::write(scene.plugin("fifo.wasm"), "now a file").unwrap();
    assert_eq!(
        watched.next_plugin(),
        ("fifo".to_owned(), b"now a file".to_vec())
    );
}

#[test]
fn a_link_whose_target_is_swapped_elsewhere_is_seen_by_the_rescan() {
    // Kubernetes: the file leads through a link to a folder that is swapped as a whole.
    let mut scene = Scene::new();
    scene.settings.rescan_every = Duration::from_millis(200);
    let store = scene.root.path().join("store");
    for version in ["1", "2"] {
        fs::create_dir_all(store.join(version)).unwrap();
        fs::write(store.join(version).join("x.wasm"), version).unwrap();
    }
    symlink("1", store.join("current")).unwrap();
    symlink(store.join("current/x.wasm"), scene.plugin("x.wasm")).unwrap();
    let mut watched = scene.start();
    symlink("2", store.join("next")).unwrap();
    fs::rename(store.join("next"), store.join("current")).unwrap();
    assert_eq!(watched.next_plugin(), ("x".to_owned(), b"2".to_vec()));
    // A link replaced in the watched folder itself.
    symlink(store.join("1/x.wasm"), scene.plugin("x.tmp")).unwrap();
    fs::rename(scene.plugin("x.tmp"), scene.plugin("x.wasm")).unwrap();
    assert_eq!(watched.next_plugin(), ("x".to_owned(), b"1".to_vec()));
    assert_eq!(watched.until_fence(&scene), []);
}

#[test]
fn the_data_link_of_a_mounted_configuration_is_followed_without_waiting_for_the_rescan() {
    let scene = Scene::new();
    let etc = scene.config().parent().unwrap().to_owned();
    fs::remove_file(scene.config()).unwrap();
    for version in ["..1", "..2"] {
        fs::create_dir(etc.join(version)).unwrap();
        fs::write(etc.join(version).join("fillsync.toml"), version).unwrap();
    }
    symlink("..1", etc.join("..data")).unwrap();
    symlink("..data/fillsync.toml", scene.config()).unwrap();
    let mut watched = scene.start();
    // The first look at everything is over when a file that is made now has been reported.
    assert_eq!(watched.until_fence(&scene), []);
    symlink("..2", etc.join("..data_tmp")).unwrap();
    let swapped = Instant::now();
    fs::rename(etc.join("..data_tmp"), etc.join("..data")).unwrap();
    assert!(matches!(watched.next(), Change::Config { bytes, .. } if bytes == b"..2"));
    assert!(swapped.elapsed() < scene.settings.rescan_every);
}

#[test]
fn a_deleted_plugin_is_reported_gone_once_and_again_when_it_is_back() {
    let scene = Scene::new();
    fs::write(scene.plugin("x.wasm"), "x").unwrap();
    let mut watched = scene.start();
    fs::remove_file(scene.plugin("x.wasm")).unwrap();
    assert_eq!(
        watched.next(),
        Change::PluginGone {
            name: "x".to_owned()
        }
    );
    watched.guard.rescan();
    assert_eq!(watched.until_fence(&scene), []);
    fs::write(scene.plugin("x.wasm"), "x").unwrap();
    assert_eq!(watched.next_plugin(), ("x".to_owned(), b"x".to_vec()));
}

#[test]
fn a_plugin_folder_that_is_removed_and_made_again_is_watched_again() {
    let mut scene = Scene::new();
    scene.settings.rescan_every = Duration::from_millis(200);
    fs::write(scene.plugin("x.wasm"), "x").unwrap();
    let mut watched = scene.start();
    fs::remove_dir_all(scene.root.path().join("plugins")).unwrap();
    let gone = vec![watched.next(), watched.next()];
    assert!(
        gone.contains(&Change::PluginGone {
            name: "x".to_owned()
        }),
        "{gone:?}"
    );
    assert!(gone.iter().any(
        |change| matches!(change, Change::Unreadable { path, .. } if path.ends_with("plugins"))
    ));
    fs::create_dir(scene.root.path().join("plugins")).unwrap();
    fs::write(scene.plugin("x.wasm"), "x").unwrap();
    assert_eq!(watched.next_plugin(), ("x".to_owned(), b"x".to_vec()));
    assert_eq!(watched.until_fence(&scene), []);
}

#[test]
fn after_a_folder_was_made_again_its_events_are_heard_without_the_rescan() {
    let scene = Scene::new();
    let mut watched = scene.start();
    fs::remove_dir_all(scene.root.path().join("plugins")).unwrap();
    assert!(matches!(watched.next(), Change::Unreadable { .. }));
    fs::create_dir(scene.root.path().join("plugins")).unwrap();
    // One rescan finds the new folder and its first file; the second file needs the new watch.
    fs::write(scene.plugin("one.wasm"), "one").unwrap();
    watched.guard.rescan();
    assert_eq!(watched.next_plugin().0, "one");
    let written = Instant::now();
    fs::write(scene.plugin("two.wasm"), "two").unwrap();
    assert_eq!(watched.next_plugin().0, "two");
    assert!(written.elapsed() < scene.settings.rescan_every);
}

#[test]
fn a_file_that_may_not_be_read_or_is_too_large_is_reported_once() {
    let mut scene = Scene::new();
    scene.settings.plugin_bytes_max = 1000;
    let mut watched = scene.start();
    let path = scene.plugin("shut.wasm");
    fs::write(scene.plugin("shut.tmp"), "shut").unwrap();
    fs::set_permissions(scene.plugin("shut.tmp"), fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(scene.plugin("shut.tmp")).is_ok() {
        // This user may read everything, so the fault is a file that is too large.
        fs::write(scene.plugin("shut.tmp"), vec![1; 1001]).unwrap();
    }
    fs::rename(scene.plugin("shut.tmp"), &path).unwrap();
    match watched.next() {
        Change::Unreadable {
            path: reported,
            reason,
            ..
        } => {
            assert_eq!(reported, path);
            assert!(
                reason.contains("1001 bytes") || reason.contains("permission denied"),
                "{reason}"
            );
        }
        other => panic!("{other:?}"),
    }
    watched.guard.rescan();
    fs::write(scene.plugin("large.tmp"), vec![1; 1000]).unwrap();
    fs::rename(scene.plugin("large.tmp"), scene.plugin("allowed.wasm")).unwrap();
    let seen = watched.until_fence(&scene);
    assert!(
        matches!(seen.as_slice(), [Change::Plugin { bytes, .. }] if bytes.len() == 1000),
        "{seen:?}"
    );
}

#[test]
fn the_end_of_a_rescan_is_reported_after_what_it_found() {
    let scene = Scene::new();
    let mut watched = scene.start();
    watched.guard.rescan();
    assert_eq!(
        watched.next_report(),
        Change::Rescanned,
        "nothing was found"
    );
    // Content that no event announces: only its time tells, and the rescan reads it anyway.
    rename_into_place(&scene.config(), b"second");
    watched.guard.rescan();
    let mut reports = Vec::new();
    while reports.last() != Some(&Change::Rescanned) {
        reports.push(watched.next_report());
    }
    let is_config =
        |change: &Change| matches!(change, Change::Config { bytes, .. } if bytes == b"second");
    assert!(is_config(&reports[0]), "{reports:?}");
    assert_eq!(reports.len(), 2, "{reports:?}");
}

#[test]
fn what_is_said_about_plugins_is_reported_when_it_changes_and_when_it_goes() {
    let mut scene = Scene::new();
    let lock = scene.config().with_file_name("plugins.lock");
    scene.settings.lock_file = Some(lock.clone());
    fs::write(scene.plugin("house.wasm.minisig"), "first").unwrap();
    let mut watched = scene.start();
    let word = |change: Change| match change {
        Change::Word { of, bytes, .. } => (of, bytes),
        other => panic!("expected a word, got {other:?}"),
    };
    let signature = || Word::Signature("house".to_owned());
    let said = |text: &str| Some(text.as_bytes().to_vec());
    // What was there at the start is known.
    assert_eq!(watched.until_fence(&scene), []);
    rename_into_place(&lock, b"approved");
    assert_eq!(word(watched.next()), (Word::Lock, said("approved")));
    fs::write(scene.plugin("house.wasm.minisig"), "second").unwrap();
    assert_eq!(word(watched.next()), (signature(), said("second")));
    fs::remove_file(&lock).unwrap();
    assert_eq!(word(watched.next()), (Word::Lock, None));
    fs::remove_file(scene.plugin("house.wasm.minisig")).unwrap();
    assert_eq!(word(watched.next()), (signature(), None));
    // A lock of that name in the plugin folder is nobody's word.
    fs::write(scene.plugin("plugins.lock"), "approve me").unwrap();
    fs::write(scene.plugin(".x.wasm.minisig"), "hidden").unwrap();
    assert_eq!(watched.until_fence(&scene), []);
}
