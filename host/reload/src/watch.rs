//! The thread that hears events, keeps the time and hands changes over.
//!
//! It waits for whichever comes first: an event, the next look that is due, the rescan. It never
//! waits for the receiver: while the channel is full nothing is read, and nothing is lost, since
//! what is on the disk is still there. It ends when the guard is dropped or the receiver is gone.
//! Absent: any trust that events are complete. A queue that overflowed, a watch that failed and a
//! directory that was replaced all lead to a survey of what is there.

use crate::change::Change;
use crate::settings::{Checked, WatchError, WatchSettings};
use crate::tracker::{Key, Tracker, Writing, is_plugin_name, is_signature_name};
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver as SignalReceiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

/// The most changes that wait for the receiver; no file is read while that many do.
pub const CHANGES_WAITING_MAX: usize = 64;

/// The most events that wait for the thread; more than these are replaced by one survey.
const SIGNALS_WAITING_MAX: usize = 1024;

/// A file that changes for so long without a pause is reported instead of read.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// How long the thread may take to see that its receiver is gone, while nothing happens.
const LIVENESS_EVERY: Duration = Duration::from_secs(1);

/// The link that Kubernetes swaps when a mounted configuration changes: the files that are watched
/// lead through it, but no event names them.
const KUBERNETES_DATA_LINK: &str = "..data";

/// Keeps the watching alive; dropping it ends the thread.
#[derive(Debug)]
pub struct Watcher {
    flags: Arc<Flags>,
    signals: SyncSender<Signal>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Whether changes are still being watched: false once the receiver was dropped (within a second)
    /// or the thread failed. For the health answer.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Looks at everything now, and reads files again even if they look unchanged (for SIGHUP).
    /// Only differences from what was reported before are reported, then [`Change::Rescanned`]. Returns at
    /// once.
    pub fn rescan(&self) {
        self.flags.rescan.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        // If the queue is full the thread is about to wake anyway, and reads the flags when it does.
        let _ = self.signals.try_send(Signal::Wake);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.flags.stop.store(true, Ordering::SeqCst);
        self.wake();
    }
}

#[derive(Debug, Default)]
struct Flags {
    stop: AtomicBool,
    rescan: AtomicBool,
    overflowed: AtomicBool,
}

#[derive(Debug)]
enum Signal {
    Touched(Key, Writing),
    /// Something happened that names no watched file but may concern all.
    Survey,
    /// A watched directory itself was deleted or moved: the watch on it hears nothing any more.
    DirectoryLost,
    Wake,
}

/// Reads everything that is there now, for the first start and for `fillsync check`. Plugins come in
/// the order of their names, the configuration last. Blocks the calling thread: at least one settle
/// check, and up to `debounce_max` for a file that is being written.
///
/// # Errors
/// A directory that is not there, or settings that contradict each other. A file that cannot be
/// read is no error here but a `Change::Unreadable`.
pub fn scan(settings: &WatchSettings) -> Result<Vec<Change>, WatchError> {
    let mut tracker = Tracker::new(settings.checked()?, settings.debounce_max);
    tracker.survey(true, Instant::now());
    let mut changes = Vec::new();
    loop {
        let now = Instant::now();
        while let Some(change) = tracker.next_change(now) {
            changes.push(change);
        }
        match tracker.next_look() {
            Some(next) => std::thread::sleep(next.saturating_duration_since(now)),
            None => break,
        }
    }
    changes.sort_by_key(|change| matches!(change, Change::Config { .. }));
    Ok(changes)
}

/// Watches, and reports everything that is there already as the first changes.
///
/// # Errors
/// A directory that is not there, settings that contradict each other, or a system that cannot
/// announce changes.
pub fn watch(settings: WatchSettings) -> Result<(Watcher, Receiver<Change>), WatchError> {
    watch_after(settings, &[])
}

/// Watches, and reports only what differs from what `scan` returned, including whatever happened
/// between the two calls.
///
/// # Errors
/// As for [`watch`].
pub fn watch_after(
    settings: WatchSettings,
    scanned: &[Change],
) -> Result<(Watcher, Receiver<Change>), WatchError> {
    let checked = settings.checked()?;
    let flags = Arc::new(Flags::default());
    let (signals, intake) = sync_channel(SIGNALS_WAITING_MAX);
    let notifier =
        notifier(&checked, &flags, &signals).map_err(|source| WatchError::Notifications {
            path: checked.config_dir.clone(),
            source,
        })?;
    let mut directories: Vec<Directory> = checked
        .directories()
        .into_iter()
        .map(|(path, _)| Directory {
            path,
            armed: None,
            refused: false,
        })
        .collect();
    let mut notifier = notifier;
    for directory in &mut directories {
        directory
            .arm(&mut notifier)
            .map_err(|source| WatchError::Notifications {
                path: directory.path.clone(),
                source,
            })?;
    }
    let mut tracker = Tracker::new(checked, GIVE_UP_AFTER);
    tracker.adopt(scanned);
    let (sender, receiver) = channel(CHANGES_WAITING_MAX);
    let watching = Watching {
        settings,
        tracker,
        directories,
        notifier,
        flags: Arc::clone(&flags),
        intake,
        sender,
        owes_rescanned: false,
    };
    let thread = std::thread::Builder::new()
        .name("fillsync-reload".to_owned())
        .spawn(move || watching.run())
        .map_err(WatchError::Thread)?;
    Ok((
        Watcher {
            flags,
            signals,
            thread,
        },
        receiver,
    ))
}

/// The identity of a directory behind a path. The time of birth tells two directories apart that
/// were given the same inode one after the other.
type Identity = (u64, u64, Option<SystemTime>);

#[derive(Debug)]
struct Directory {
    path: PathBuf,
    armed: Option<Identity>,
    refused: bool,
}

impl Directory {
    fn identity(&self) -> Option<Identity> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        Some((metadata.dev(), metadata.ino(), metadata.created().ok()))
    }

    /// Watches whatever directory is behind the path now, unless it is the one watched already.
    fn arm(&mut self, notifier: &mut RecommendedWatcher) -> notify::Result<()> {
        let identity = self.identity();
        if identity.is_some() && identity == self.armed {
            return Ok(());
        }
        // A watch whose directory is gone is usually gone as well, which is what was wanted.
        let _ = notifier.unwatch(&self.path);
        self.armed = None;
        notifier.watch(&self.path, RecursiveMode::NonRecursive)?;
        self.armed = identity;
        Ok(())
    }

    /// As `arm`, while running: what fails is logged once and tried again at the next survey.
    fn rearm(&mut self, notifier: &mut RecommendedWatcher) {
        match self.arm(notifier) {
            Ok(()) => self.refused = false,
            Err(error) if !self.refused => {
                self.refused = true;
                tracing::warn!(
                    directory = %self.path.display(), %error,
                    "changes in this folder are not announced; it is looked at on the rescan timer until they are"
                );
            }
            Err(_) => {}
        }
    }
}

struct Watching {
    settings: WatchSettings,
    tracker: Tracker,
    directories: Vec<Directory>,
    notifier: RecommendedWatcher,
    flags: Arc<Flags>,
    intake: SignalReceiver<Signal>,
    sender: Sender<Change>,
    /// Whether a rescan was asked for whose end was not reported yet.
    owes_rescanned: bool,
}

impl Watching {
    fn run(mut self) {
        let mut next_survey = Instant::now();
        while !self.flags.stop.load(Ordering::SeqCst) && !self.sender.is_closed() {
            let now = Instant::now();
            let thorough = self.flags.rescan.swap(false, Ordering::SeqCst);
            self.owes_rescanned |= thorough;
            if self.flags.overflowed.swap(false, Ordering::SeqCst) {
                next_survey = next_survey.min(now + self.settings.settle_check);
            }
            if thorough || now >= next_survey {
                // Watch first and look afterwards: what happens in between is seen twice, not never.
                for directory in &mut self.directories {
                    directory.rearm(&mut self.notifier);
                }
                self.tracker.survey(thorough, now);
                next_survey = now + self.settings.rescan_every;
            }
            let earliest = self.hand_over(now);
            let wait = next_survey
                .saturating_duration_since(now)
                .min(LIVENESS_EVERY);
            let wait = earliest.map_or(wait, |earliest| wait.min(earliest));
            match self.intake.recv_timeout(wait) {
                Ok(first) => {
                    let more: Vec<Signal> =
                        self.intake.try_iter().take(SIGNALS_WAITING_MAX).collect();
                    for signal in std::iter::once(first).chain(more) {
                        self.hear(signal, &mut next_survey);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Sends what is ready, as far as there is room, and says how long until more may be.
    fn hand_over(&mut self, now: Instant) -> Option<Duration> {
        loop {
            match self.sender.try_reserve() {
                Ok(place) => match self.tracker.next_change(now) {
                    Some(change) => place.send(change),
                    None if self.owes_rescanned && self.tracker.next_look().is_none() => {
                        self.owes_rescanned = false;
                        place.send(Change::Rescanned);
                    }
                    None => break,
                },
                Err(TrySendError::Full(())) => return Some(self.settings.settle_check),
                Err(TrySendError::Closed(())) => return Some(Duration::ZERO),
            }
        }
        self.tracker
            .next_look()
            .map(|next| next.saturating_duration_since(Instant::now()))
    }

    fn hear(&mut self, signal: Signal, next_survey: &mut Instant) {
        let now = Instant::now();
        match signal {
            Signal::Touched(key, writing) => self.tracker.touched(key, writing, now),
            Signal::DirectoryLost => {
                for directory in &mut self.directories {
                    directory.armed = None;
                }
                *next_survey = (*next_survey).min(now + self.settings.settle_check);
            }
            Signal::Survey => *next_survey = (*next_survey).min(now + self.settings.settle_check),
            Signal::Wake => {}
        }
    }
}

/// The system's watcher, which drops at the source what concerns nobody: a database in the same
/// folder makes thousands of events a second.
fn notifier(
    checked: &Checked,
    flags: &Arc<Flags>,
    signals: &SyncSender<Signal>,
) -> notify::Result<RecommendedWatcher> {
    let checked = checked.clone();
    let directories: Vec<PathBuf> = checked
        .directories()
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    let flags = Arc::clone(flags);
    let signals = signals.clone();
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let heard = match event {
            Ok(event) if event.need_rescan() => vec![Signal::Survey],
            Ok(event) => signals_of(&checked, &directories, &event),
            Err(error) => {
                tracing::warn!(%error, "the system's announcements of changes failed; looking at all files instead");
                vec![Signal::Survey]
            }
        };
        for signal in heard {
            if signals.try_send(signal).is_err() {
                flags.overflowed.store(true, Ordering::SeqCst);
            }
        }
    })
}

fn signals_of(checked: &Checked, directories: &[PathBuf], event: &notify::Event) -> Vec<Signal> {
    let writing = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Writing::Ended,
        // Our own reading makes these, and to answer them would never end.
        EventKind::Access(_) => return Vec::new(),
        EventKind::Modify(ModifyKind::Data(_)) => Writing::Began,
        EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => Writing::Ended,
        _ => Writing::Unsaid,
    };
    let moved = matches!(
        event.kind,
        EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_)
    );
    event
        .paths
        .iter()
        .flat_map(|path| signals_of_path(checked, directories, path, writing, moved))
        .collect()
}

#[allow(clippy::print_stderr)]
fn signals_of_path(
    checked: &Checked,
    directories: &[PathBuf],
    path: &Path,
    writing: Writing,
    moved: bool,
) -> Vec<Signal> {
    if directories.iter().any(|directory| directory == path) {
        return vec![if moved {
            Signal::DirectoryLost
        } else {
            Signal::Survey
        }];
    }
    let Some(name) = path.file_name() else {
        return Vec::new();
    };
    if name == KUBERNETES_DATA_LINK {
        return vec![Signal::Survey];
    }
    let is_lock = checked.lock.as_ref().is_some_and(|(_, lock)| lock == name);
    let is_watched = is_plugin_name(name) || is_signature_name(name);
    if !is_watched && !is_lock && name != checked.config_name {
        return Vec::new();
    }
    Tracker::keys_of(checked, name)
        .into_iter()
        .map(|key| Signal::Touched(key, writing))
        .collect()
}
