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

use crate::error::EngineError;
use crate::loaded::sha256;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The first bytes of an entry; the digit counts this file's own format.
const MAGIC: &[u8; 8] = b"fillsy\x001";
const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
/// The largest entry that is read; a Python component's has 43 MB.
const ENTRY_BYTES_MAX: u64 = 256 << 20;
/// What all entries together may have; the oldest go first.
const FOLDER_BYTES_MAX: u64 = 512 << 20;

/// A folder of compiled plugins with the key that proves them.
pub(crate) struct CompileCache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    trouble: Mutex<Option<String>>,
    counter: AtomicU64,
}

impl CompileCache {
    /// Opens a folder, making it and its key when they are not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, EngineError> {
        let refused = |cause: String| EngineError::Cache {
            folder: folder.display().to_string(),
            cause,
        };
        make_private_folder(folder).map_err(|error| refused(error.to_string()))?;
        let key = read_or_make_key(folder).map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            folder: folder.to_owned(),
            key,
            trouble: Mutex::new(None),
            counter: AtomicU64::new(0),
        })
    }

    /// The compiled form of a component, if an authentic one is here.
    pub(crate) fn find(&self, engine: &Engine, component: &[u8]) -> Option<Component> {
        let name = entry_name(engine, component);
        let path = self.folder.join(&name);
        let entry = match read_private(&path, ENTRY_BYTES_MAX) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return self.doubt(&path, &error.to_string()),
        };
        let Some(code) = self.authentic(&name, &entry) else {
            return self.doubt(
                &path,
                "it was not written by this installation, or was changed since",
            );
        };
        // SAFETY: `deserialize` needs bytes that `Component::serialize` made and nobody changed. These
        // have an HMAC-SHA256, verified just above, over the component's hash, the engine's
        // compatibility hash and the code. The key was drawn at random, is in a file that only this
        // user can read, inside a folder that only this user can write, and is used for nothing but
        // `keep`, which authenticates only what `serialize` returned. So whoever could forge an entry
        // could already act as this user. The bytes are in our memory, not mapped from the file, so
        // they cannot change after the check. Wasmtime itself checks its version and the engine's
        // settings again.
        match unsafe { Component::deserialize(engine, code) } {
            Ok(compiled) => Some(compiled),
            Err(error) => self.doubt(&path, &format!("{error:#}")),
        }
    }

    /// Keeps the compiled form of a component. A cache that cannot be written costs time, nothing else.
    pub(crate) fn keep(&self, engine: &Engine, component: &[u8], compiled: &Component) {
        let name = entry_name(engine, component);
        if let Err(cause) = self.write(&name, compiled) {
            self.note(format!("{}: {cause}", self.folder.join(name).display()));
        }
        if let Err(error) = self.make_room() {
            self.note(format!("{}: {error}", self.folder.display()));
        }
    }

    /// The latest trouble, once.
    pub(crate) fn take_trouble(&self) -> Option<String> {
        self.trouble.lock().ok()?.take()
    }

    fn write(&self, name: &str, compiled: &Component) -> Result<(), String> {
        let code = compiled.serialize().map_err(|error| format!("{error:#}"))?;
        let mac = self.mac(name, &code).finalize().into_bytes();
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let beside = self
            .folder
            .join(format!(".{}-{number}.tmp", std::process::id()));
        let written = create_private(&beside).and_then(|mut file| {
            file.write_all(MAGIC)?;
            file.write_all(&mac)?;
            file.write_all(&code)?;
            file.sync_all()?;
            fs::rename(&beside, self.folder.join(name))
        });
        written.map_err(|error| {
            // It may not even be there; the error that counts is the one above.
            let _ = fs::remove_file(&beside);
            error.to_string()
        })
    }

    fn authentic<'a>(&self, name: &str, entry: &'a [u8]) -> Option<&'a [u8]> {
        let rest = entry.strip_prefix(MAGIC)?;
        let (mac, code) = rest.split_at_checked(MAC_BYTES)?;
        self.mac(name, code).verify_slice(mac).ok()?;
        Some(code)
    }

    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        // HMAC takes keys of any length; this one has the length of its own block's output.
        #[allow(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(code);
        mac
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

    fn make_room(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "cwasm")
            {
                entries.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        entries.sort();
        let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in entries {
            if total <= FOLDER_BYTES_MAX {
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

fn read_or_make_key(folder: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = folder.join("key");
    match read_private(&path, KEY_BYTES as u64) {
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
            read_private(&path, KEY_BYTES as u64)?
                .try_into()
                .map_err(|_| io::Error::other("its key is cut off"))
        }
        Err(error) => Err(error),
    }
}

/// Reads a file that nobody else can have written.
fn read_private(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > bytes_max || is_open_to_others(&metadata) {
        return Err(io::Error::other(
            "it is too large, no plain file, or open to other users; its mode must be 0600",
        ));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(unix)]
fn is_open_to_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 != 0
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

/// Makes the folder for this user alone, and refuses one that others could write to.
#[cfg(unix)]
fn make_private_folder(folder: &Path) -> io::Result<()> {
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
    if own?.uid() != metadata.uid() {
        return Err(io::Error::other("it belongs to another user"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn is_open_to_others(_metadata: &fs::Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn create_private(_path: &Path) -> io::Result<File> {
    Err(io::Error::other(
        "this system has no file modes to keep compiled code private",
    ))
}

#[cfg(not(unix))]
fn make_private_folder(_folder: &Path) -> io::Result<()> {
    Err(io::Error::other(
        "this system has no file modes to keep compiled code private",
    ))
}
