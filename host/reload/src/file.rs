//! One look at one path: what is there, whether it is the same as a moment ago, and its whole content.
//!
//! Nothing here can block: what is not a regular file is never opened, and if it becomes a fifo
//! between the look and the opening, `O_NONBLOCK` and a second look at the opened file catch it.
//! Symbolic links are followed, since deployments use them; Unix only, as the inode is the proof
//! that a path still means the same file.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Times of files are as coarse as two seconds on some file systems: a file younger than this when
/// it was read may have changed again without its times showing it.
const COARSEST_FILE_TIME: Duration = Duration::from_secs(2);

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    device: u64,
    inode: u64,
    length_bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Fingerprint {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length_bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether an equal fingerprint later proves an equal content, if the file was read at this time.
    pub(crate) fn proves_content_read_at(&self, read_at: SystemTime) -> bool {
        let newest_s = self.modified.0.max(self.changed.0);
        let read_s = read_at
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let limit_s = read_s.saturating_sub(COARSEST_FILE_TIME.as_secs());
        i64::try_from(limit_s).is_ok_and(|limit_s| newest_s < limit_s)
    }
}

/// Why a path cannot be read.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    NotRegular(&'static str),
    TooLarge { length_bytes: u64, limit_bytes: u64 },
    DanglingLink,
    NameNotText,
    Refused(ErrorKind),
    KeepsChanging(Duration),
    ConfigGone,
    DirectoryRefused(ErrorKind),
    TooManyFiles(usize),
}

impl Fault {
    /// Whether reporting `other` after this one would tell nothing new. Sizes that grow are not new.
    pub(crate) fn same_cause(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused(one), Self::Refused(two))
            | (Self::DirectoryRefused(one), Self::DirectoryRefused(two)) => one == two,
            (Self::NotRegular(one), Self::NotRegular(two)) => one == two,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// The reason and the remedy, for the operator.
    pub(crate) fn words(&self) -> (String, &'static str) {
        match self {
            Self::NotRegular(shape) => (
                format!("it is a {shape}, not a regular file"),
                "remove it and put the file itself in its place",
            ),
            Self::TooLarge {
                length_bytes,
                limit_bytes,
            } => (
                format!("it has {length_bytes} bytes, and at most {limit_bytes} are read"),
                "check that it is the right file; a release build without debug information is smaller",
            ),
            Self::DanglingLink => (
                "it is a symbolic link to something that is not there".to_owned(),
                "mend the link or remove it",
            ),
            Self::NameNotText => (
                "its name is not valid UTF-8, so it cannot be the name of a plugin".to_owned(),
                "rename it with letters, digits and hyphens",
            ),
            Self::Refused(kind) => (
                format!("it cannot be read: {kind}"),
                "let the user that runs fillsync read it (chmod, chown)",
            ),
            Self::KeepsChanging(waited) => (
                format!(
                    "it has been changing for {} s without a pause",
                    waited.as_secs()
                ),
                "write it under another name and rename it into place when it is complete",
            ),
            Self::ConfigGone => (
                "the configuration file is gone".to_owned(),
                "put it back; what was read last stays in force until then",
            ),
            Self::DirectoryRefused(kind) => (
                format!("the plugin folder cannot be listed: {kind}"),
                "create it again and let the user that runs fillsync read it; it is tried again at every rescan",
            ),
            Self::TooManyFiles(limit) => (
                format!("it holds more than {limit} plugin files; the others are not loaded"),
                "remove the files that are no longer used",
            ),
        }
    }
}

/// What one look at a path found.
#[derive(Clone, Debug)]
pub(crate) enum Sample {
    Missing,
    Faulty(Fault),
    Regular(Fingerprint),
}

impl Sample {
    /// Whether two looks found the same.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Missing, Self::Missing) => true,
            (Self::Faulty(one), Self::Faulty(two)) => one.same_cause(two),
            (Self::Regular(one), Self::Regular(two)) => one == two,
            _ => false,
        }
    }
}

/// Looks at a path without opening it.
pub(crate) fn sample(path: &Path) -> Sample {
    match std::fs::metadata(path) {
        Ok(metadata) => of_metadata(&metadata),
        Err(error) if is_absence(error.kind()) => match std::fs::symlink_metadata(path) {
            Ok(link) if link.is_symlink() => Sample::Faulty(Fault::DanglingLink),
            Ok(_) | Err(_) => Sample::Missing,
        },
        Err(error) => Sample::Faulty(Fault::Refused(error.kind())),
    }
}

fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn of_metadata(metadata: &Metadata) -> Sample {
    let file_type = metadata.file_type();
    if file_type.is_file() {
        Sample::Regular(Fingerprint::of(metadata))
    } else if file_type.is_dir() {
        Sample::Faulty(Fault::NotRegular("folder"))
    } else if file_type.is_fifo() {
        Sample::Faulty(Fault::NotRegular("fifo"))
    } else if file_type.is_socket() {
        Sample::Faulty(Fault::NotRegular("socket"))
    } else {
        Sample::Faulty(Fault::NotRegular("device"))
    }
}

/// What an attempt to read a settled file gave.
#[derive(Debug)]
pub(crate) enum Reading {
    Whole(Vec<u8>),
    /// It is not, or no longer, what the sample showed: look again.
    Moved,
    Faulty(Fault),
}

/// Reads a file that two samples agreed on, and proves that it is still that file, before and after.
pub(crate) fn read_whole(path: &Path, expected: &Fingerprint, limit_bytes: u64) -> Reading {
    if expected.length_bytes > limit_bytes {
        return Reading::Faulty(Fault::TooLarge {
            length_bytes: expected.length_bytes,
            limit_bytes,
        });
    }
    match try_read(path, expected, limit_bytes) {
        Ok(Some(bytes)) => Reading::Whole(bytes),
        Ok(None) => Reading::Moved,
        Err(error) if is_absence(error.kind()) => Reading::Moved,
        Err(error) => Reading::Faulty(Fault::Refused(error.kind())),
    }
}

fn try_read(path: &Path, expected: &Fingerprint, limit_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    if !still(&file, expected)? {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(expected.length_bytes).unwrap_or_default());
    (&file)
        .take(limit_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    let complete = u64::try_from(bytes.len()).is_ok_and(|length| length == expected.length_bytes);
    Ok((complete && still(&file, expected)?).then_some(bytes))
}

fn still(file: &File, expected: &Fingerprint) -> io::Result<bool> {
    let metadata = file.metadata()?;
    Ok(metadata.is_file() && Fingerprint::of(&metadata) == *expected)
}
