//! Copies of the plugins in use, by their hash, so that a start begins with what ran before.
//!
//! The copy of a file is what a start compares its new content with, and what runs when the file is
//! gone. A copy is believed when its hash is the one that the ledger remembers, so the folder stands
//! beside the ledger, as `fillsync.db.plugins`. Deliberately absent: which contents are kept.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The largest copy that is read back, as large as the largest plugin.
const COPY_BYTES_MAX: u64 = 128 << 20;

/// The folder of copies.
pub(super) struct Kept {
    folder: PathBuf,
}

impl Kept {
    pub(super) fn beside(database: &Path) -> Self {
        let mut folder = database.as_os_str().to_owned();
        folder.push(".plugins");
        Self {
            folder: folder.into(),
        }
    }

    /// Keeps a content. One that is there already stays as it is.
    pub(super) fn put(
        &self,
        sha256: &str,
        bytes: &[u8],
        signature: Option<&[u8]>,
    ) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        if let Some(signature) = signature {
            self.write(&format!("{sha256}.minisig"), signature)?;
        }
        if self.get(sha256).is_some() {
            return Ok(());
        }
        self.write(&format!("{sha256}.wasm"), bytes)
    }

    /// A content, if its copy is here and whole.
    pub(super) fn get(&self, sha256: &str) -> Option<Vec<u8>> {
        let bytes = self.read(&format!("{sha256}.wasm"))?;
        (hex::encode(Sha256::digest(&bytes)) == sha256).then_some(bytes)
    }

    /// The signature that came with a content.
    pub(super) fn signature(&self, sha256: &str) -> Option<Vec<u8>> {
        self.read(&format!("{sha256}.minisig"))
    }

    /// Removes every copy but these.
    pub(super) fn retain(&self, sha256: &BTreeSet<String>) -> io::Result<()> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if stem.is_none_or(|stem| !sha256.contains(stem)) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.folder.join(name);
        // What stands there under such a name and is no file was not put there by us.
        fs::symlink_metadata(&path)
            .ok()
            .filter(fs::Metadata::is_file)?;
        let mut bytes = Vec::new();
        File::open(path)
            .ok()?
            .take(COPY_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .ok()?;
        Some(bytes)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = self
            .folder
            .join(format!("{name}.{}.tmp", std::process::id()));
        let written = File::create(&beside).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, self.folder.join(name))
        });
        if written.is_err() {
            // It may not even be there; the error that counts is the one above.
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_copy_is_believed_by_its_hash_only() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::beside(&folder.path().join("x.db"));
        let folder = folder.path().join("x.db.plugins");
        let hash = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
        let (old, new) = (hash(b"old"), hash(b"new"));
        kept.put(&old, b"old", None).unwrap();
        kept.put(&new, b"new", Some(b"signed")).unwrap();
        assert_eq!(kept.get(&old).unwrap(), b"old");
        assert_eq!(kept.signature(&new).unwrap(), b"signed");
        assert_eq!(kept.signature(&old), None);
        let path = folder.join(format!("{old}.wasm"));
        fs::write(&path, b"other").unwrap();
        assert_eq!(kept.get(&old), None);
        kept.put(&old, b"old", None).unwrap();
        assert_eq!(kept.get(&old).unwrap(), b"old", "mended");
        kept.retain(&BTreeSet::from([new.clone()])).unwrap();
        assert_eq!((kept.get(&old), kept.get(&new).is_some()), (None, true));
        fs::remove_dir_all(folder).unwrap();
        kept.retain(&BTreeSet::new()).unwrap();
    }
}
