//! How watching begins and ends: the first report, the hand-over from a scan, the limits on what
//! waits, and a thread that goes when nobody listens.

use crate::scene::{PATIENCE, Scene, Watched, sha256_hex};
use fillsync_reload::{
    CHANGES_WAITING_MAX, Change, PLUGIN_FILES_MAX, WatchError, scan, watch, watch_after,
};
use std::fs;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TryRecvError;

#[test]
fn what_is_there_at_the_start_is_reported_plugins_first() {
    let scene = Scene::new();
    fs::write(scene.plugin("b.wasm"), "bb").unwrap();
    fs::write(scene.plugin("a.wasm"), "aa").unwrap();
    let names = |changes: &[Change]| -> Vec<String> {
        changes
            .iter()
            .map(|change| match change {
                Change::Plugin { name, .. } => name.clone(),
                Change::Config { .. } => "the configuration".to_owned(),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let scanned = scan(&scene.settings).unwrap();
    assert_eq!(names(&scanned), ["a", "b", "the configuration"]);
    let (guard, changes) = watch(scene.settings.clone()).unwrap();
    let mut watched = Watched {
        guard,
        changes,
        fences: 0,
    };
    let watched_first = vec![watched.next(), watched.next(), watched.next()];
    assert_eq!(watched_first, scanned);
    let Change::Plugin {
        sha256,
        path,
        bytes,
        ..
    } = &scanned[0]
    else {
        panic!("{scanned:?}")
    };
    assert_eq!(
        (sha256, bytes.as_slice()),
        (&sha256_hex(b"aa"), b"aa".as_slice())
    );
    assert_eq!(*path, scene.plugin("a.wasm"));
}

#[test]
fn what_a_scan_reported_is_not_reported_again_but_what_happened_since_is() {
    let scene = Scene::new();
    fs::write(scene.plugin("kept.wasm"), "kept").unwrap();
    fs::write(scene.plugin("edited.wasm"), "one").unwrap();
    fs::write(scene.plugin("removed.wasm"), "removed").unwrap();
    fs::create_dir(scene.plugin("folder.wasm")).unwrap();
    let scanned = scan(&scene.settings).unwrap();
    assert_eq!(scanned.len(), 5);
    fs::write(scene.plugin("edited.wasm"), "two").unwrap();
    fs::remove_file(scene.plugin("removed.wasm")).unwrap();
    let (guard, changes) = watch_after(scene.settings.clone(), &scanned).unwrap();
    let mut watched = Watched {
        guard,
        changes,
        fences: 0,
    };
    let seen = watched.until_fence(&scene);
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(
        matches!(&seen[0], Change::Plugin { name, bytes, .. } if name == "edited" && bytes == b"two")
    );
    assert_eq!(
        seen[1],
        Change::PluginGone {
            name: "removed".to_owned()
        }
    );
}

#[test]
fn a_full_channel_loses_nothing() {
    let scene = Scene::new();
    for plugin in 0..150 {
        fs::write(
            scene.plugin(&format!("p{plugin:03}.wasm")),
            format!("content {plugin}"),
        )
        .unwrap();
    }
    let (_guard, changes) = watch(scene.settings.clone()).unwrap();
    let mut watched = Watched {
        guard: _guard,
        changes,
        fences: 0,
    };
    let until = Instant::now() + PATIENCE;
    while watched.changes.len() < CHANGES_WAITING_MAX && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(watched.changes.len(), CHANGES_WAITING_MAX);
    for plugin in 0..150 {
        assert_eq!(watched.next_plugin().0, format!("p{plugin:03}"));
    }
    assert!(matches!(watched.next(), Change::Config { .. }));
}

#[test]
fn an_overfull_folder_is_reported_once_and_the_rest_is_followed() {
    let scene = Scene::new();
    for plugin in 0..=PLUGIN_FILES_MAX {
        fs::write(scene.plugin(&format!("p{plugin:03}.wasm")), "x").unwrap();
    }
    let scanned = scan(&scene.settings).unwrap();
    let plugins = scanned
        .iter()
        .filter(|change| matches!(change, Change::Plugin { .. }))
        .count();
    let faults = scanned
        .iter()
        .filter(|change| matches!(change, Change::Unreadable { .. }))
        .count();
    assert_eq!((plugins, faults), (PLUGIN_FILES_MAX, 1));
}

#[test]
fn the_thread_ends_with_the_guard_and_with_the_receiver() {
    let scene = Scene::new();
    let mut watched = scene.start();
    drop(watched.guard);
    let until = Instant::now() + PATIENCE;
    loop {
        match watched.changes.try_recv() {
            Err(TryRecvError::Disconnected) => break,
            Ok(_) | Err(TryRecvError::Empty) => {
                assert!(Instant::now() < until, "the thread goes on")
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let Watched { guard, changes, .. } = scene.start();
    assert!(guard.is_running());
    drop(changes);
    let until = Instant::now() + PATIENCE;
    while guard.is_running() {
        assert!(Instant::now() < until, "the thread goes on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_it_and_the_remedy() {
    let mut scene = Scene::new();
    let missing = scene.root.path().join("no-such-folder");
    scene.settings.plugin_dir = Some(missing.clone());
    let error = watch(scene.settings.clone()).unwrap_err();
    assert!(matches!(&error, WatchError::NoDirectory { path, .. } if *path == missing));
    let message = error.to_string();
    assert!(
        message.contains("no-such-folder") && message.contains("mkdir -p"),
        "{message}"
    );
    scene.settings.plugin_dir = Some(scene.config());
    assert!(matches!(
        scan(&scene.settings),
        Err(WatchError::NotADirectory { .. })
    ));
    scene.settings.plugin_dir = None;
    scene.settings.rescan_every = Duration::ZERO;
    assert!(matches!(
        watch(scene.settings),
        Err(WatchError::Periods { .. })
    ));
}
