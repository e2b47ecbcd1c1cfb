//! Compiled plugins on disk, so that a start does not compile: milliseconds instead of seconds.
//!
//! Compiled code runs with the daemon's own rights, so an entry is believed only when its
//! HMAC-SHA256 proves that this installation wrote it, for this component and this engine. Any doubt
//! (another mode, a cut-off file, another key) means: compile again. This is the one module with
//! `unsafe`; its proof stands at the one block. Deliberately absent: mapping or changing a file that
//! is in use; entries are read whole, written beside and renamed.
#![allow(
    unsafe_code,
    reason = "wasmtime cannot check machine code; the proof is at the block"
)]

use crate::compile::CODE_BYTES_MAX;
use crate::error::EngineError;
use crate::loaded::sha256;
use crate::seal::{KEY_BYTES, Proven, Seal};
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The largest entry that is read.
const ENTRY_BYTES_MAX: u64 = CODE_BYTES_MAX + 64;
/// What all entries together may have; the oldest go first.
const FOLDER_BYTES_MAX: u64 = 512 << 20;
/// A draft that is older than this was left behind by a process that was killed.
const DRAFT_AGE_MAX: Duration = Duration::from_secs(3600);

/// Compiled code, made ready to run. The one way from bytes to code.
pub(crate) fn revive(engine: &Engine, proven: &Proven<'_>) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` needs bytes that wasmtime's own serialisation made and nobody changed. A
    // `Proven` has an HMAC-SHA256, verified when it was made, over what the code is of and the code.
    // There are two keys. The cache's was drawn at random, is in a file that only this user can read,
    // inside a folder that only this user can write, and closes nothing but what `serialize` or a child
    // returned. A child's key was drawn for it alone, was told to nobody else, and closes only what
    // `precompile_component` returned there. So whoever could forge either could already act as this
    // user. The bytes are in our memory, not mapped from a file, so they cannot change after the check.
    // Wasmtime itself checks its version and the engine's settings again.
    unsafe { Component::deserialize(engine, proven.code()) }
}

/// A folder of compiled plugins with the key that proves them.
pub(crate) struct CompileCache {
    folder: PathBuf,
    /// Who owns the folder, the key and every entry: this user.
    owner: u32,
    seal: Seal,
    bytes_max: u64,
    trouble: Mutex<Option<String>>,
    counter: AtomicU64,
}

impl CompileCache {
    /// Opens a folder, making it and its key when they are not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, EngineError> {
        let refused = |error: io::Error| EngineError::Cache {
            folder: folder.display().to_string(),
            cause: error.to_string(),
        };
        let owner = make_private_folder(folder).map_err(refused)?;
        let key = read_or_make_key(folder, owner).map_err(refused)?;
        Ok(Self {
            folder: folder.to_owned(),
            owner,
            seal: Seal::new(key),
            bytes_max: FOLDER_BYTES_MAX,
            trouble: Mutex::new(None),
            counter: AtomicU64::new(0),
        })
    }

    /// The compiled form of a component, if an authentic one is here.
    pub(crate) fn find(&self, engine: &Engine, component: &[u8]) -> Option<Component> {
        let name = entry_name(engine, component);
        let path = self.folder.join(&name);
        let entry = match read_private(&path, self.owner, ENTRY_BYTES_MAX) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return self.doubt(&path, &error.to_string()),
        };
        let Some(proven) = self.seal.open(&name, &entry) else {
            return self.doubt(
                &path,
                "it was not written by this installation, or was changed since",
            );
        };
        match revive(engine, &proven) {
            Ok(compiled) => Some(compiled),
            Err(error) => self.doubt(&path, &format!("{error:#}")),
        }
    }

    /// Keeps the code of a component. A cache that cannot be written costs time, nothing else.
    pub(crate) fn keep(&self, engine: &Engine, component: &[u8], code: &[u8]) {
        let name = entry_name(engine, component);
        if let Err(error) = self.write(&name, code) {
            self.note(format!("{}: {error}", self.folder.join(name).display()));
        }
        if let Err(error) = self.make_room() {
            self.note(format!("{}: {error}", self.folder.display()));
        }
    }

    /// The latest trouble, once.
    pub(crate) fn take_trouble(&self) -> Option<String> {
        self.trouble.lock().ok()?.take()
    }

    fn write(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let beside = self
            .folder
            .join(format!(".{}-{number}.tmp", std::process::id()));
        let written = create_private(&beside).and_then(|mut file| {
            file.write_all(&self.seal.header(name, code))?;
            file.write_all(code)?;
            file.sync_all()?;
            fs::rename(&beside, self.folder.join(name))
        });
        if written.is_err() {
            // It may not even be there; the error that counts is the one above.
            let _ = fs::remove_file(&beside);
        }
        written
    }

    /// An entry that is not to be believed goes, and the component is compiled again.
    fn doubt(&self, path: &Path, cause: &str) -> Option<Component> {
        self.note(format!("{}: {cause}; compiled again", path.display()));
        // If it cannot be removed now, it is doubted again next time.
        let _ = fs::remove_file(path);
        None
    }

    fn note(&self, trouble: String) {
        if let Ok(mut place) = self.trouble.lock() {
            *place = Some(trouble);
        }
    }

    /// Removes the oldest entries beyond what the folder may have, and drafts that nobody finishes.
    fn make_room(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            // What another process removed meanwhile needs no room.
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            let written = metadata.modified()?;
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("cwasm") => entries.push((written, metadata.len(), path)),
                Some("tmp") => {
                    let age = SystemTime::now().duration_since(written);
                    if age.is_ok_and(|age| age > DRAFT_AGE_MAX) {
                        fs::remove_file(path)?;
                    }
                }
                _ => {}
            }
        }
        entries.sort();
        let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in entries {
            if total <= self.bytes_max {
                break;
            }
            fs::remove_file(path)?;
            total -= bytes;
        }
        Ok(())
    }
}

/// One name for one component on one engine, so that two engines never share an entry.
fn entry_name(engine: &Engine, component: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    format!("{}-{:016x}.cwasm", sha256(component), hasher.finish())
}

fn read_or_make_key(folder: &Path, owner: u32) -> io::Result<[u8; KEY_BYTES]> {
    let path = folder.join("key");
    match read_private(&path, owner, KEY_BYTES as u64) {
        Ok(bytes) => match bytes.try_into() {
            Ok(key) => return Ok(key),
            // Cut off: what it proved is lost, and compiling again restores it.
            Err(_) => fs::remove_file(&path)?,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    let beside = folder.join(format!(".key-{}.tmp", std::process::id()));
    let mut file = create_private(&beside)?;
    file.write_all(&key)?;
    file.sync_all()?;
    // A link and not a rename: where another process was faster, its key stays.
    let linked = fs::hard_link(&beside, &path);
    fs::remove_file(&beside)?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read_private(&path, owner, KEY_BYTES as u64)?
                .try_into()
                .map_err(|_| io::Error::other("its key is cut off"))
        }
        Err(error) => Err(error),
    }
}

/// Reads a plain file that nobody else can have written. A link is not followed: it would lead to a
/// file of which nothing is known, and a fifo must not be waited for.
#[cfg(unix)]
fn read_private(path: &Path, owner: u32, bytes_max: u64) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    let metadata = file.metadata()?;
    let what = if !metadata.is_file() {
        "it is no plain file"
    } else if metadata.uid() != owner {
        "it belongs to another user"
    } else if metadata.mode() & 0o077 != 0 {
        "it is open to other users; its mode must be 0600"
    } else if metadata.len() > bytes_max {
        "it is too large"
    } else {
        let mut bytes = Vec::new();
        file.take(bytes_max + 1).read_to_end(&mut bytes)?;
        return Ok(bytes);
    };
    Err(io::Error::other(what))
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Makes the folder for this user alone, and refuses one that others could write to. Gives its owner.
#[cfg(unix)]
fn make_private_folder(folder: &Path) -> io::Result<u32> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let metadata = fs::metadata(folder)?;
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other(
            "other users can write to it; its mode must be 0700",
        ));
    }
    let probe = folder.join(format!(".owner-{}.tmp", std::process::id()));
    let own = create_private(&probe).and_then(|file| file.metadata());
    // Left behind it would only be in the way of the next start of the same process id.
    let _ = fs::remove_file(&probe);
    let owner = own?.uid();
    if owner != metadata.uid() {
        return Err(io::Error::other("it belongs to another user"));
    }
    Ok(owner)
}

#[cfg(not(unix))]
fn read_private(_path: &Path, _owner: u32, _bytes_max: u64) -> io::Result<Vec<u8>> {
    Err(io::Error::other(
        "this system has no file modes to keep compiled code private",
    ))
}

#[cfg(not(unix))]
fn create_private(_path: &Path) -> io::Result<File> {
    Err(io::Error::other(
        "this system has no file modes to keep compiled code private",
    ))
}

#[cfg(not(unix))]
fn make_private_folder(_folder: &Path) -> io::Result<u32> {
    Err(io::Error::other(
        "this system has no file modes to keep compiled code private",
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_oldest_entries_and_forgotten_drafts_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("compiled");
        let mut cache = CompileCache::open(&folder).unwrap();
        cache.bytes_max = 1_000;
        let draft = folder.join(".1-1.tmp");
        fs::write(&draft, "left behind").unwrap();
        let long_ago = SystemTime::now() - DRAFT_AGE_MAX * 2;
        File::open(&draft).unwrap().set_modified(long_ago).unwrap();
        for (age, name) in ["a.cwasm", "b.cwasm", "c.cwasm"].iter().enumerate() {
            cache.write(name, &[7; 400]).unwrap();
            let written = long_ago + Duration::from_secs(age as u64);
            let file = File::open(folder.join(name)).unwrap();
            file.set_modified(written).unwrap();
        }
        cache.make_room().unwrap();
        let left = |name: &str| folder.join(name).exists();
        assert_eq!(
            ["a.cwasm", "b.cwasm", "c.cwasm", ".1-1.tmp", "key"].map(left),
            [false, true, true, false, true]
        );
    }
}
