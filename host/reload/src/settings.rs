//! What to watch and how patiently, and why watching could not begin.
//!
//! The settings are checked once, here, into absolute paths and periods that cannot make the thread
//! spin; everything behind works with what is known to be good.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to watch, and the periods and limits. `WatchSettings::new` gives the defaults.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// The configuration file. Its directory is watched, so it may be replaced by renaming.
    pub config_file: PathBuf,
    /// The folder of `*.wasm` files, or none. Folders inside it are not looked into.
    pub plugin_dir: Option<PathBuf>,
    /// The file that approves plugins, or none. It need not be there; its folder must be.
    pub lock_file: Option<PathBuf>,
    /// How long a file must be left alone before it is looked at: 300 ms.
    pub debounce: Duration,
    /// When a file that is never left alone is looked at all the same: 3 s. A file that somebody
    /// still holds open for writing must be left alone this long.
    pub debounce_max: Duration,
    /// A file is read when its length, times and inode are the same twice, this far apart: 100 ms.
    pub settle_check: Duration,
    /// How often everything is looked at without being told: 30 s.
    pub rescan_every: Duration,
    /// The largest plugin file that is read: 32 MiB.
    pub plugin_bytes_max: u64,
    /// The largest configuration file that is read: 10 MiB.
    pub config_bytes_max: u64,
}

impl WatchSettings {
    /// The default periods and limits for these paths.
    #[must_use]
    pub fn new(config_file: impl Into<PathBuf>, plugin_dir: Option<PathBuf>) -> Self {
        Self {
            config_file: config_file.into(),
            plugin_dir,
            lock_file: None,
            debounce: Duration::from_millis(300),
            debounce_max: Duration::from_secs(3),
            settle_check: Duration::from_millis(100),
            rescan_every: Duration::from_secs(30),
            plugin_bytes_max: 32 * 1024 * 1024,
            config_bytes_max: 10 * 1024 * 1024,
        }
    }

    pub(crate) fn checked(&self) -> Result<Checked, WatchError> {
        let shortest = Duration::from_millis(1);
        if self.settle_check < shortest
            || self.rescan_every < shortest
            || self.debounce > self.debounce_max
        {
            return Err(WatchError::Periods {
                settle_check: self.settle_check,
                rescan_every: self.rescan_every,
                debounce: self.debounce,
                debounce_max: self.debounce_max,
            });
        }
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|source| WatchError::Path {
                path: path.to_owned(),
                source,
            })
        };
        let config_file = absolute(&self.config_file)?;
        let (Some(config_dir), Some(config_name)) = (config_file.parent(), config_file.file_name())
        else {
            return Err(WatchError::ConfigIsNoFile { path: config_file });
        };
        let lock_file = self.lock_file.as_deref().map(absolute).transpose()?;
        let lock = match &lock_file {
            None => None,
            Some(path) => match (path.parent(), path.file_name()) {
                (Some(folder), Some(name)) => Some((folder.to_owned(), name.to_owned())),
                _ => return Err(WatchError::LockIsNoFile { path: path.clone() }),
            },
        };
        let checked = Checked {
            config_dir: config_dir.to_owned(),
            config_name: config_name.to_owned(),
            lock,
            plugin_dir: self.plugin_dir.as_deref().map(absolute).transpose()?,
            settings: self.clone(),
        };
        for (path, setting) in checked.directories() {
            match std::fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => return Err(WatchError::NotADirectory { path, setting }),
                Err(source) => {
                    return Err(WatchError::NoDirectory {
                        path,
                        setting,
                        source,
                    });
                }
            }
        }
        Ok(checked)
    }
}

/// Settings whose paths are absolute and whose directories were there.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) config_dir: PathBuf,
    pub(crate) config_name: OsString,
    pub(crate) plugin_dir: Option<PathBuf>,
    /// The folder and the name of the lock file.
    pub(crate) lock: Option<(PathBuf, OsString)>,
    pub(crate) settings: WatchSettings,
}

impl Checked {
    /// The directories to watch, each once, with the setting that named it.
    pub(crate) fn directories(&self) -> Vec<(PathBuf, &'static str)> {
        let mut directories = vec![(
            self.config_dir.clone(),
            "the folder of the configuration file",
        )];
        if let Some(plugin_dir) = &self.plugin_dir
            && *plugin_dir != self.config_dir
        {
            directories.push((plugin_dir.clone(), "daemon.plugin_dir"));
        }
        if let Some((folder, _)) = &self.lock
            && directories.iter().all(|(known, _)| known != folder)
        {
            directories.push((folder.clone(), "the folder of daemon.plugin_lock"));
        }
        directories
    }
}

/// Why watching could not begin. All of these are for the operator to mend; none goes away by
/// trying again.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A directory is not there or may not be entered.
    #[error(
        "{setting}, {path:?}, cannot be watched: {source}; create it (mkdir -p {path:?}), let this user read it, or correct the path"
    )]
    NoDirectory {
        /// The directory.
        path: PathBuf,
        /// What named it.
        setting: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// What should be a directory is something else.
    #[error("{setting}, {path:?}, is not a folder; name the folder that holds the files")]
    NotADirectory {
        /// The path.
        path: PathBuf,
        /// What named it.
        setting: &'static str,
    },
    /// The configuration path ends in no file name.
    #[error("the configuration file {path:?} has no file name; name the file, not its folder")]
    ConfigIsNoFile {
        /// The path.
        path: PathBuf,
    },
    /// The lock file's path ends in no file name.
    #[error("daemon.plugin_lock {path:?} has no file name; name the file, not its folder")]
    LockIsNoFile {
        /// The path.
        path: PathBuf,
    },
    /// A path cannot be made absolute.
    #[error("the path {path:?} cannot be resolved: {source}; give it as an absolute path")]
    Path {
        /// The path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The periods would make the watcher spin, or contradict each other.
    #[error(
        "the watcher's periods do not fit: settle_check {settle_check:?} and rescan_every {rescan_every:?} must be at least 1ms, and debounce {debounce:?} no longer than debounce_max {debounce_max:?}"
    )]
    Periods {
        /// As given.
        settle_check: Duration,
        /// As given.
        rescan_every: Duration,
        /// As given.
        debounce: Duration,
        /// As given.
        debounce_max: Duration,
    },
    /// The operating system refuses to announce changes.
    #[error(
        "the system cannot announce changes of {path:?}: {source}; on Linux raise fs.inotify.max_user_instances and fs.inotify.max_user_watches"
    )]
    Notifications {
        /// The directory.
        path: PathBuf,
        /// The watcher's answer.
        source: notify::Error,
    },
    /// The watching thread could not be started.
    #[error(
        "the thread that watches files could not be started: {0}; raise the process's limit of threads"
    )]
    Thread(io::Error),
}
