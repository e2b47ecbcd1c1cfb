//! Watches the configuration file, the plugin folder and what is said about plugins (the lock file and
//! signatures), and reports what changed.
//!
//! The promise: a change is reported once, with the whole content read into memory, and never half
//! written; what fails is reported once, with its remedy; nothing here ever blocks on a fifo, spins,
//! or goes deaf because a folder was deleted and made again. The directories are watched, not the
//! files, since editors and deployments replace files by renaming; a rescan on a timer finds what
//! the operating system did not announce (symbolic links swapped elsewhere, network file systems).
//!
//! Deliberately absent: any judgement of the content. Whether bytes are a good plugin or a good
//! configuration, and what happens to the last good one, is decided by who receives the change.

mod change;
mod file;
mod settings;
mod tracker;
mod watch;

pub use change::{Change, Word};
pub use settings::{WatchError, WatchSettings};
pub use tracker::PLUGIN_FILES_MAX;
pub use watch::{CHANGES_WAITING_MAX, Watcher, scan, watch, watch_after};
