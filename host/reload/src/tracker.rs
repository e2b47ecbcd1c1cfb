//! What is known of each watched path, and when to look at it next.
//!
//! Time comes in as an argument and changes go out one at a time, so that the thread around it can
//! stop reading while the receiver is busy, and so that no content waits in memory here. The promise
//! kept here: a file is read only after it was left alone and looked the same twice, and what was
//! reported last of a path is never reported again. It neither sleeps nor hears events itself.

use crate::change::{Change, Word};
use crate::file::{self, Fault, Fingerprint, Reading, Sample};
use crate::settings::Checked;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The most plugin files that are followed in one folder; more are reported, not read.
pub const PLUGIN_FILES_MAX: usize = 256;

/// The largest lock file and the largest signature that are read.
const LOCK_BYTES_MAX: u64 = 1 << 20;
const SIGNATURE_BYTES_MAX: u64 = 64 << 10;
/// How the files end that are watched in the plugin folder.
const PLUGIN_END: &str = ".wasm";
const SIGNATURE_END: &str = ".wasm.minisig";

/// A watched path. What is said about plugins comes before them, and plugins come before the
/// configuration, so that what was put in place at the same moment is found by what needs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Lock,
    Signature(OsString),
    Plugin(OsString),
    Config,
}

/// What an event says about somebody who writes the file in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    Began,
    Ended,
    Unsaid,
}

/// What the receiver was told last about a path.
#[derive(Clone, Debug)]
enum Told {
    Nothing,
    Content {
        sha256: String,
    },
    Fault(Fault),
    /// A fault that a scan reported, known by its reason only.
    FaultBefore(String),
    Gone,
}

impl Told {
    fn covers(&self, fault: &Fault) -> bool {
        match self {
            Self::Fault(told) => told.same_cause(fault),
            Self::FaultBefore(reason) => *reason == fault.words().0,
            Self::Nothing | Self::Content { .. } | Self::Gone => false,
        }
    }
}

/// A path that must be looked at, and when.
#[derive(Clone, Debug)]
struct Pending {
    since: Instant,
    due: Instant,
    written: bool,
    sample: Option<Sample>,
}

#[derive(Debug)]
struct Tracked {
    told: Told,
    read: Option<(Fingerprint, SystemTime)>,
    pending: Option<Pending>,
}

/// All watched paths.
#[derive(Debug)]
pub(crate) struct Tracker {
    checked: Checked,
    give_up_after: Duration,
    files: BTreeMap<Key, Tracked>,
    folder_fault: Option<Fault>,
    notices: VecDeque<Change>,
}

impl Tracker {
    /// Knows nothing yet. A file that will not settle for `give_up_after` is reported as such.
    pub(crate) fn new(checked: Checked, give_up_after: Duration) -> Self {
        Self {
            checked,
            give_up_after,
            files: BTreeMap::new(),
            folder_fault: None,
            notices: VecDeque::new(),
        }
    }

    /// Takes over what a scan has already reported, so that it is not reported again.
    pub(crate) fn adopt(&mut self, reported: &[Change]) {
        for change in reported {
            let (path, told) = match change {
                Change::Config { sha256, .. } => (
                    None,
                    Told::Content {
                        sha256: sha256.clone(),
                    },
                ),
                Change::Plugin { path, sha256, .. } => (
                    Some(path),
                    Told::Content {
                        sha256: sha256.clone(),
                    },
                ),
                Change::Unreadable { path, reason, .. } => {
                    (Some(path), Told::FaultBefore(reason.clone()))
                }
                Change::Word {
                    of: Word::Lock,
                    sha256,
                    bytes: Some(_),
                } => {
                    let told = Told::Content {
                        sha256: sha256.clone(),
                    };
                    self.know(Key::Lock, told);
                    continue;
                }
                Change::Word {
                    of: Word::Signature(name),
                    sha256,
                    bytes: Some(_),
                } => {
                    let told = Told::Content {
                        sha256: sha256.clone(),
                    };
                    self.know(
                        Key::Signature(format!("{name}{SIGNATURE_END}").into()),
                        told,
                    );
                    continue;
                }
                Change::Word { bytes: None, .. }
                | Change::PluginGone { .. }
                | Change::Rescanned => continue,
            };
            let key = match path {
                None => Key::Config,
                Some(path)
                    if self.checked.lock.is_some()
                        && *path == path_of(&self.checked, &Key::Lock) =>
                {
                    Key::Lock
                }
                Some(path) if *path == path_of(&self.checked, &Key::Config) => Key::Config,
                Some(path) => match path.file_name() {
                    Some(name) if is_plugin_name(name) => Key::Plugin(name.to_owned()),
                    Some(name) if is_signature_name(name) => Key::Signature(name.to_owned()),
                    // The folder itself: its fault is told again when it is listed.
                    Some(_) | None => continue,
                },
            };
            self.know(key, told);
        }
    }

    fn know(&mut self, key: Key, told: Told) {
        self.files.insert(
            key,
            Tracked {
                told,
                read: None,
                pending: None,
            },
        );
    }

    /// The watched path that this file name stands for, if any. A name in the wrong directory costs
    /// one look that finds nothing new.
    pub(crate) fn keys_of(checked: &Checked, name: &OsStr) -> Vec<Key> {
        let mut keys = Vec::new();
        if checked.plugin_dir.is_some() && is_plugin_name(name) {
            keys.push(Key::Plugin(name.to_owned()));
        }
        if checked.plugin_dir.is_some() && is_signature_name(name) {
            keys.push(Key::Signature(name.to_owned()));
        }
        if checked.lock.as_ref().is_some_and(|(_, lock)| lock == name) {
            keys.push(Key::Lock);
        }
        if name == checked.config_name {
            keys.push(Key::Config);
        }
        keys
    }

    /// Something happened to this path: look at it when it has been left alone.
    pub(crate) fn touched(&mut self, key: Key, writing: Writing, now: Instant) {
        if !self.admit(&key) {
            return;
        }
        let settings = &self.checked.settings;
        let (debounce, debounce_max) = (settings.debounce, settings.debounce_max);
        let Some(tracked) = self.files.get_mut(&key) else {
            return;
        };
        let before = tracked.pending.take();
        let since = before.as_ref().map_or(now, |pending| pending.since);
        let written = match writing {
            Writing::Began => true,
            Writing::Ended => false,
            Writing::Unsaid => before.is_some_and(|pending| pending.written),
        };
        // A file that is still open for writing is half of something, however long the writer
        // pauses: it gets the longer patience.
        let due = if written {
            (now + debounce_max).min(since + self.give_up_after)
        } else {
            (now + debounce).min(since + debounce_max).max(now)
        };
        tracked.pending = Some(Pending {
            since,
            due,
            written,
            sample: None,
        });
    }

    /// Looks at everything that is there. Unchanged files are not read again, unless `thorough`.
    pub(crate) fn survey(&mut self, thorough: bool, now: Instant) {
        for key in self.list_folder() {
            self.admit(&key);
        }
        if self.checked.lock.is_some() {
            self.admit(&Key::Lock);
        }
        self.admit(&Key::Config);
        let mut forgotten = Vec::new();
        for (key, tracked) in &mut self.files {
            if tracked.pending.is_some() {
                continue;
            }
            let found = look(&self.checked, key);
            let unchanged = match (&tracked.told, &found, &tracked.read) {
                (Told::Content { .. }, Sample::Regular(fingerprint), Some((read, read_at))) => {
                    !thorough && fingerprint == read && read.proves_content_read_at(*read_at)
                }
                (told, Sample::Faulty(fault), _) => told.covers(fault),
                (Told::Nothing | Told::Gone, Sample::Missing, _) if *key != Key::Config => {
                    forgotten.push(key.clone());
                    true
                }
                _ => false,
            };
            if !unchanged {
                // A file whose times say that nobody has touched it for seconds needs no second look
                // after a pause: a start does not wait for files that were put there long ago.
                let is_at_rest = matches!(&found, Sample::Regular(fingerprint)
                    if fingerprint.proves_content_read_at(SystemTime::now()));
                let due = if is_at_rest {
                    now
                } else {
                    now + self.checked.settings.settle_check
                };
                tracked.pending = Some(Pending {
                    since: now,
                    due,
                    written: false,
                    sample: Some(found),
                });
            }
        }
        for key in forgotten {
            self.files.remove(&key);
        }
    }

    /// The next change that is ready to be reported, or none until `next_look`.
    pub(crate) fn next_change(&mut self, now: Instant) -> Option<Change> {
        if let Some(notice) = self.notices.pop_front() {
            return Some(notice);
        }
        let due: Vec<Key> = self
            .files
            .iter()
            .filter(|(_, tracked)| {
                tracked
                    .pending
                    .as_ref()
                    .is_some_and(|pending| pending.due <= now)
            })
            .map(|(key, _)| key.clone())
            .collect();
        due.into_iter().find_map(|key| self.advance(&key, now))
    }

    /// When `next_change` has something to do again.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.files
            .values()
            .filter_map(|tracked| tracked.pending.as_ref())
            .map(|pending| pending.due)
            .min()
    }

    fn advance(&mut self, key: &Key, now: Instant) -> Option<Change> {
        let settle_check = self.checked.settings.settle_check;
        let give_up_after = self.give_up_after;
        let tracked = self.files.get_mut(key)?;
        let mut pending = tracked.pending.take()?;
        let found = look(&self.checked, key);
        let settled = pending
            .sample
            .as_ref()
            .is_some_and(|before| before.same(&found));
        if settled {
            match found {
                Sample::Missing => return self.tell_gone(key),
                Sample::Faulty(fault) => return self.tell_fault(key, fault),
                Sample::Regular(fingerprint) => {
                    let path = path_of(&self.checked, key);
                    match file::read_whole(&path, &fingerprint, limit_of(&self.checked, key)) {
                        Reading::Whole(bytes) => {
                            return self.tell_content(key, path, bytes, fingerprint);
                        }
                        Reading::Faulty(fault) => return self.tell_fault(key, fault),
                        Reading::Moved => pending.sample = None,
                    }
                }
            }
        } else {
            pending.sample = Some(found);
        }
        if now.saturating_duration_since(pending.since) >= give_up_after {
            return self.tell_fault(key, Fault::KeepsChanging(give_up_after));
        }
        pending.due = now + settle_check;
        self.files.get_mut(key)?.pending = Some(pending);
        None
    }

    fn tell_content(
        &mut self,
        key: &Key,
        path: PathBuf,
        bytes: Vec<u8>,
        read: Fingerprint,
    ) -> Option<Change> {
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let tracked = self.files.get_mut(key)?;
        tracked.read = Some((read, SystemTime::now()));
        if matches!(&tracked.told, Told::Content { sha256: told } if *told == sha256) {
            return None;
        }
        tracked.told = Told::Content {
            sha256: sha256.clone(),
        };
        Some(match key {
            Key::Config => Change::Config { bytes, sha256 },
            Key::Lock | Key::Signature(_) => Change::Word {
                of: word_of(key)?,
                bytes: Some(bytes),
                sha256,
            },
            Key::Plugin(_) => Change::Plugin {
                name: plugin_name(&path)?,
                path,
                bytes,
                sha256,
            },
        })
    }

    fn tell_gone(&mut self, key: &Key) -> Option<Change> {
        let path = path_of(&self.checked, key);
        if *key == Key::Config {
            return self.tell_fault(key, Fault::ConfigGone);
        }
        let tracked = self.files.get_mut(key)?;
        tracked.read = None;
        // A name that is no text was reported by its path and stands for no plugin.
        match std::mem::replace(&mut tracked.told, Told::Gone) {
            Told::Nothing | Told::Gone => None,
            Told::Content { .. } | Told::Fault(_) | Told::FaultBefore(_) => match key {
                Key::Lock | Key::Signature(_) => word_of(key).map(|of| Change::Word {
                    of,
                    bytes: None,
                    sha256: String::new(),
                }),
                Key::Plugin(_) | Key::Config => {
                    plugin_name(&path).map(|name| Change::PluginGone { name })
                }
            },
        }
    }

    fn tell_fault(&mut self, key: &Key, fault: Fault) -> Option<Change> {
        let path = path_of(&self.checked, key);
        let tracked = self.files.get_mut(key)?;
        tracked.read = None;
        if tracked.told.covers(&fault) {
            return None;
        }
        let change = unreadable(&path, &fault);
        tracked.told = Told::Fault(fault);
        Some(change)
    }

    /// Follows this path from now on, if there is room; an overfull folder is reported once.
    fn admit(&mut self, key: &Key) -> bool {
        if self.files.contains_key(key) {
            return true;
        }
        if matches!(key, Key::Plugin(_) | Key::Signature(_)) {
            let same_kind =
                |other: &&Key| std::mem::discriminant(*other) == std::mem::discriminant(key);
            let followed = self.files.keys().filter(same_kind).count();
            if followed >= PLUGIN_FILES_MAX {
                self.tell_folder(Some(Fault::TooManyFiles(PLUGIN_FILES_MAX)));
                return false;
            }
        }
        self.files.insert(
            key.clone(),
            Tracked {
                told: Told::Nothing,
                read: None,
                pending: None,
            },
        );
        true
    }

    /// The plugin files and the signatures in the folder, in order of their names. A folder that is gone
    /// has none.
    fn list_folder(&mut self) -> Vec<Key> {
        let Some(plugin_dir) = self.checked.plugin_dir.clone() else {
            return Vec::new();
        };
        let (mut names, mut signatures) = (Vec::new(), Vec::new());
        let listed = std::fs::read_dir(&plugin_dir).and_then(|entries| {
            for entry in entries {
                let name = entry?.file_name();
                if is_plugin_name(&name) && names.len() <= PLUGIN_FILES_MAX {
                    names.push(Key::Plugin(name));
                } else if is_signature_name(&name) && signatures.len() < PLUGIN_FILES_MAX {
                    signatures.push(Key::Signature(name));
                }
            }
            Ok(())
        });
        match listed {
            Err(error) => self.tell_folder(Some(Fault::DirectoryRefused(error.kind()))),
            Ok(()) if names.len() <= PLUGIN_FILES_MAX => self.tell_folder(None),
            Ok(()) => self.tell_folder(Some(Fault::TooManyFiles(PLUGIN_FILES_MAX))),
        }
        names.extend(signatures);
        names.sort();
        names
    }

    fn tell_folder(&mut self, fault: Option<Fault>) {
        let Some(plugin_dir) = self.checked.plugin_dir.as_deref() else {
            return;
        };
        if let Some(fault) = &fault
            && !self
                .folder_fault
                .as_ref()
                .is_some_and(|told| told.same_cause(fault))
        {
            self.notices.push_back(unreadable(plugin_dir, fault));
        }
        self.folder_fault = fault;
    }
}

fn unreadable(path: &Path, fault: &Fault) -> Change {
    let (reason, remedy) = fault.words();
    Change::Unreadable {
        path: path.to_owned(),
        reason,
        remedy: remedy.to_owned(),
    }
}

fn look(checked: &Checked, key: &Key) -> Sample {
    let path = path_of(checked, key);
    match file::sample(&path) {
        Sample::Regular(_)
            if matches!(key, Key::Plugin(_) | Key::Signature(_))
                && plugin_name(&path).is_none() =>
        {
            Sample::Faulty(Fault::NameNotText)
        }
        found => found,
    }
}

fn path_of(checked: &Checked, key: &Key) -> PathBuf {
    match (key, &checked.plugin_dir, &checked.lock) {
        (Key::Plugin(name) | Key::Signature(name), Some(plugin_dir), _) => plugin_dir.join(name),
        (Key::Plugin(name) | Key::Signature(name), None, _) => checked.config_dir.join(name),
        (Key::Lock, _, Some((folder, name))) => folder.join(name),
        (Key::Lock, _, None) | (Key::Config, _, _) => checked.config_dir.join(&checked.config_name),
    }
}

fn limit_of(checked: &Checked, key: &Key) -> u64 {
    match key {
        Key::Plugin(_) => checked.settings.plugin_bytes_max,
        Key::Config => checked.settings.config_bytes_max,
        Key::Lock => LOCK_BYTES_MAX,
        Key::Signature(_) => SIGNATURE_BYTES_MAX,
    }
}

fn plugin_name(path: &Path) -> Option<String> {
    path.file_stem().and_then(OsStr::to_str).map(str::to_owned)
}

/// Names that editors, compilers and copying tools use for unfinished files end otherwise or begin
/// with a dot.
pub(crate) fn is_plugin_name(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.ends_with(PLUGIN_END.as_bytes()) && !name.starts_with(b".")
}

/// A signature stands beside its plugin, under its name with an end of its own.
pub(crate) fn is_signature_name(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.ends_with(SIGNATURE_END.as_bytes()) && !name.starts_with(b".")
}

fn word_of(key: &Key) -> Option<Word> {
    match key {
        Key::Lock => Some(Word::Lock),
        Key::Signature(name) => name
            .to_str()
            .and_then(|name| name.strip_suffix(SIGNATURE_END))
            .map(|name| Word::Signature(name.to_owned())),
        Key::Plugin(_) | Key::Config => None,
    }
}
