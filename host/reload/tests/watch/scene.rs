//! A configuration file and a plugin folder of their own for each test, and a watched channel that
//! is read with a bounded wait. A fence is a file made to prove that nothing else was on its way.

use fillsync_reload::{Change, WatchSettings, Watcher, scan, watch_after};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Scene {
    pub(crate) root: TempDir,
    pub(crate) settings: WatchSettings,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::create_dir(root.path().join("plugins")).unwrap();
        fs::write(root.path().join("etc/fillsync.toml"), "first").unwrap();
        let settings = WatchSettings::new(
            root.path().join("etc/fillsync.toml"),
            Some(root.path().join("plugins")),
        );
        Self { root, settings }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.root.path().join("etc/fillsync.toml")
    }

    pub(crate) fn plugin(&self, name: &str) -> PathBuf {
        self.root.path().join("plugins").join(name)
    }

    /// Watches, after the content that is there has been reported.
    pub(crate) fn start(&self) -> Watched {
        let scanned = scan(&self.settings).unwrap();
        let (guard, changes) = watch_after(self.settings.clone(), &scanned).unwrap();
        Watched {
            guard,
            changes,
            fences: 0,
        }
    }
}

pub(crate) struct Watched {
    pub(crate) guard: Watcher,
    pub(crate) changes: Receiver<Change>,
    pub(crate) fences: u32,
}

impl Watched {
    /// The next change; that a rescan ended is none.
    pub(crate) fn next(&mut self) -> Change {
        loop {
            match self.next_report() {
                Change::Rescanned => {}
                change => return change,
            }
        }
    }

    /// The next report of any kind.
    pub(crate) fn next_report(&mut self) -> Change {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.changes.try_recv() {
                Ok(change) => return change,
                Err(TryRecvError::Empty) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("no change was reported: {error}"),
            }
        }
    }

    pub(crate) fn next_plugin(&mut self) -> (String, Vec<u8>) {
        match self.next() {
            Change::Plugin { name, bytes, .. } => (name, bytes),
            other => panic!("expected a plugin, got {other:?}"),
        }
    }

    /// Everything that is reported before a file that is made now is.
    pub(crate) fn until_fence(&mut self, scene: &Scene) -> Vec<Change> {
        self.fences += 1;
        // Files are handed over in the order of their names, so that the fence comes last of what is
        // due at the same moment.
        let fence = format!("zz-fence-{}", self.fences);
        fs::write(scene.plugin(&format!("{fence}.wasm")), &fence).unwrap();
        let mut before = Vec::new();
        loop {
            match self.next() {
                Change::Plugin { name, .. } if name == fence => return before,
                other => before.push(other),
            }
        }
    }
}

pub(crate) fn rename_into_place(path: &Path, content: &[u8]) {
    let unfinished = path.with_extension("tmp");
    fs::write(&unfinished, content).unwrap();
    fs::rename(unfinished, path).unwrap();
}

pub(crate) fn sha256_hex(content: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(content))
}
