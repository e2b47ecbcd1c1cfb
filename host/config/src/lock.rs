//! `plugins.lock`: which content of which plugin the operator approved, and which was promoted.
//!
//! An entry binds a name to a content and to what that content imports. The file is written by the
//! command line only, whole, beside the old one and renamed, so that whoever reads it never sees half;
//! the daemon follows it while it runs. It stands outside the plugin folder, so that who can put a
//! plugin there cannot approve it. Deliberately absent: what an approval is good for.

use fillsync_core::id::PluginName;
use fillsync_core::time::{HostTime, VenueTime};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The approvals of one name that are kept; the oldest gives way.
pub const APPROVALS_MAX: usize = 16;
/// The largest file that is read.
pub const LOCK_BYTES_MAX: u64 = 1 << 20;
/// The form of the file.
const VERSION: u32 = 1;
const HEAD: &str = "# Written by `fillsync plugin approve` and `fillsync plugin promote`. Keep it with the configuration:\n\
     # whoever can write this file decides which plugins run.\n\n";

/// The approvals of all plugins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PluginLock {
    entries: Vec<LockEntry>,
}

/// One approved content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockEntry {
    /// The name in the configuration.
    pub name: PluginName,
    /// Of the file, in hex.
    pub sha256: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// When it was approved (RFC 3339).
    pub approved_at: String,
    /// When it was promoted, if it was: it is used whatever `swap` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_at: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    #[serde(default)]
    plugin: Vec<LockEntry>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The system refuses.
    #[error("{} cannot be used: {source}", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It is not what this program writes.
    #[error("{} cannot be read: {why}; put back the last good one, or remove it and approve again", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Everybody can write to it, so it proves nothing.
    #[error("{} proves nothing: every user of this machine can write to it; run `chmod o-w` on it after looking at it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
}

impl PluginLock {
    /// Reads the file; one that is not there approves nothing.
    ///
    /// # Errors
    /// When it is there and cannot be believed.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let system = |source| LockError::System {
            path: path.to_owned(),
            source,
        };
        let content = |why: String| LockError::Content {
            path: path.to_owned(),
            why,
        };
        // A fifo must not be waited for; what is looked at here may be replaced by one before it is
        // opened only by who can write beside the configuration.
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(system(error)),
            Ok(metadata) if !metadata.is_file() => {
                return Err(content("it is no plain file".to_owned()));
            }
            Ok(metadata) if is_open_to_everybody(&metadata) => {
                return Err(LockError::Open {
                    path: path.to_owned(),
                });
            }
            Ok(_) => {}
        }
        let mut text = String::new();
        File::open(path)
            .map_err(system)?
            .take(LOCK_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(|error| content(error.to_string()))?;
        if text.len() as u64 > LOCK_BYTES_MAX {
            return Err(content(format!("it has more than {LOCK_BYTES_MAX} bytes")));
        }
        Self::parse(&text).map_err(content)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let stored: Stored = toml::from_str(text).map_err(|error| error.to_string())?;
        if stored.version != VERSION {
            return Err(format!(
                "it is of version {}, this fillsync reads version {VERSION}",
                stored.version
            ));
        }
        for entry in &stored.plugin {
            let is_hash = entry.sha256.len() == 64
                && entry
                    .sha256
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if !is_hash {
                return Err(format!(
                    "plugin {}: {:?} is no SHA-256 in lower-case hexadecimal",
                    entry.name, entry.sha256
                ));
            }
            let times = std::iter::once(&entry.approved_at).chain(&entry.promoted_at);
            for time in times {
                VenueTime::parse(time)
                    .map_err(|error| format!("plugin {}: {error}", entry.name))?;
            }
        }
        Ok(Self {
            entries: stored.plugin,
        })
    }

    /// The approvals of one name, the oldest first.
    pub fn of<'a>(&'a self, name: &'a PluginName) -> impl Iterator<Item = &'a LockEntry> {
        self.entries.iter().filter(move |entry| entry.name == *name)
    }

    /// When exactly this content was promoted under this name.
    #[must_use]
    pub fn promoted_at(&self, name: &PluginName, sha256: &str) -> Option<HostTime> {
        self.of(name)
            .find(|entry| entry.sha256 == sha256)
            .and_then(|entry| entry.promoted_at.as_deref())
            .and_then(|at| VenueTime::parse(at).ok())
            .map(|at| HostTime::from_us(at.us()))
    }

    /// Approves a content, and promotes it if that is wished.
    pub fn approve(
        &mut self,
        name: &PluginName,
        sha256: &str,
        imports: &[String],
        promote: bool,
        now: HostTime,
    ) {
        let before = self
            .entries
            .iter()
            .position(|entry| entry.name == *name && entry.sha256 == sha256)
            .map(|at| self.entries.remove(at));
        let now = VenueTime::from_us(now.us()).to_string();
        let promoted_at = if promote {
            Some(now.clone())
        } else {
            before.and_then(|before| before.promoted_at)
        };
        self.entries.push(LockEntry {
            name: name.clone(),
            sha256: sha256.to_owned(),
            imports: imports.to_vec(),
            approved_at: now,
            promoted_at,
        });
        while self.of(name).count() > APPROVALS_MAX {
            if let Some(oldest) = self.entries.iter().position(|entry| entry.name == *name) {
                self.entries.remove(oldest);
            }
        }
    }

    /// Reads the file, changes it and writes it, while nobody else does.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn update(path: &Path, change: impl FnOnce(&mut Self)) -> Result<Self, LockError> {
        let system = |source| LockError::System {
            path: path.to_owned(),
            source,
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let guard = File::open(folder).map_err(system)?;
        guard.lock().map_err(system)?;
        let mut lock = Self::read(path)?;
        change(&mut lock);
        lock.write(path, folder, &guard).map_err(system)?;
        Ok(lock)
    }

    fn write(&self, path: &Path, folder: &Path, guard: &File) -> io::Result<()> {
        let stored = Stored {
            version: VERSION,
            plugin: self.entries.clone(),
        };
        let text = toml::to_string(&stored).map_err(io::Error::other)?;
        let beside = folder.join(format!(".plugins.lock-{}.tmp", std::process::id()));
        let written = create(&beside).and_then(|mut file| {
            file.write_all(HEAD.as_bytes())?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            guard.sync_all()
        });
        if written.is_err() {
            // It may not even be there; the error that counts is the one above.
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

/// A new file that others can read and nobody else can write.
#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    File::create(path)
}

#[cfg(unix)]
fn is_open_to_everybody(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn is_open_to_everybody(_metadata: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn name(name: &str) -> PluginName {
        PluginName::new(name).unwrap()
    }

    fn at(seconds: i64) -> HostTime {
        HostTime::from_us(1_763_726_400_000_000 + seconds * 1_000_000)
    }

    fn hash(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    #[test]
    fn what_is_written_is_read_back_and_a_promotion_is_of_one_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugins.lock");
        assert_eq!(PluginLock::read(&path).unwrap(), PluginLock::default());
        let imports = ["fillsync:plugin/log@1.0.0 \"odd\"".to_owned()];
        PluginLock::update(&path, |lock| {
            lock.approve(&name("house"), &hash('a'), &imports, false, at(0));
            lock.approve(&name("house"), &hash('b'), &[], true, at(1));
        })
        .unwrap();
        let lock = PluginLock::update(&path, |lock| {
            lock.approve(&name("house"), &hash('b'), &[], false, at(2));
        })
        .unwrap();
        assert_eq!(PluginLock::read(&path).unwrap(), lock);
        assert_eq!(lock.of(&name("house")).count(), 2);
        assert_eq!(lock.of(&name("house")).next().unwrap().imports, imports);
        assert_eq!(lock.of(&name("other")).count(), 0);
        assert_eq!(lock.promoted_at(&name("house"), &hash('b')), Some(at(1)));
        assert_eq!(lock.promoted_at(&name("house"), &hash('a')), None);
        assert_eq!(lock.promoted_at(&name("other"), &hash('b')), None);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn the_oldest_approvals_give_way() {
        let mut lock = PluginLock::default();
        lock.approve(&name("other"), &hash('0'), &[], false, at(0));
        for number in 0..APPROVALS_MAX + 3 {
            let sha256 = format!("{number:064x}");
            lock.approve(&name("house"), &sha256, &[], false, at(0));
        }
        assert_eq!(lock.of(&name("house")).count(), APPROVALS_MAX);
        assert_eq!(
            lock.of(&name("house")).next().unwrap().sha256,
            format!("{:064x}", 3)
        );
        assert_eq!(lock.of(&name("other")).count(), 1);
    }

    #[test]
    fn what_cannot_be_believed_approves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugins.lock");
        let entry = format!(
            "version = 1\n[[plugin]]\nname = \"house\"\nsha256 = \"{}\"\nimports = []\napproved_at = \"2026-01-01T00:00:00Z\"\n",
            hash('a')
        );
        fs::write(&path, &entry).unwrap();
        assert_eq!(
            PluginLock::read(&path).unwrap().of(&name("house")).count(),
            1
        );
        for wrong in [
            "",
            "version = 2\n",
            "version = 1\nextra = 1\n",
            &entry.replace("aa", "AA"),
            &entry.replace(&hash('a'), "abc"),
            &entry.replace("2026-01-01T00:00:00Z", "yesterday"),
            &entry.replace("\"house\"", "\"\""),
            &entry[..entry.len() / 2],
            "\u{0}",
        ] {
            fs::write(&path, wrong).unwrap();
            assert!(PluginLock::read(&path).is_err(), "{wrong}");
            let before = fs::read(&path).unwrap();
            let changed = PluginLock::update(&path, |lock| {
                lock.approve(&name("house"), &hash('b'), &[], false, at(0));
            });
            assert!(changed.is_err());
            assert_eq!(
                fs::read(&path).unwrap(),
                before,
                "what is damaged is not overwritten"
            );
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(PluginLock::read(&path).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_everybody_can_write_proves_nothing() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugins.lock");
        PluginLock::update(&path, |_| {}).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o022, 0);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let error = PluginLock::read(&path).unwrap_err().to_string();
        assert!(error.contains("proves nothing"), "{error}");
    }
}
