//! What the watcher reports: the content that is there now, a file that is gone, or a path that
//! cannot be read, with the reason and the remedy in words for the operator.
//!
//! A change carries the bytes, so that nobody reads the path again and sees something else than what
//! was hashed. `Debug` shows the length of the content only: a log must not repeat a whole file.

use std::fmt;
use std::path::PathBuf;

/// One difference between what is on the disk and what was last reported of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// The configuration file has this content.
    Config {
        /// The whole file, unchecked: it may be no UTF-8 and no TOML.
        bytes: Vec<u8>,
        /// SHA-256 of `bytes`, 64 lower-case hexadecimal digits.
        sha256: String,
    },
    /// A plugin file appeared or has this new content.
    Plugin {
        /// The plugin's name: the file's name without `.wasm`.
        name: String,
        /// Where it was read, for messages; reading it again may give something else.
        path: PathBuf,
        /// The whole file, unchecked.
        bytes: Vec<u8>,
        /// SHA-256 of `bytes`, 64 lower-case hexadecimal digits.
        sha256: String,
    },
    /// A plugin file that had been reported is no longer there.
    PluginGone {
        /// The plugin's name: the file's name without `.wasm`.
        name: String,
    },
    /// A file that says which plugins may be used has this content: the lock, or a plugin's signature.
    Word {
        /// Whose.
        of: Word,
        /// The whole file, unchecked; none when it is gone.
        bytes: Option<Vec<u8>>,
        /// SHA-256 of `bytes`, 64 lower-case hexadecimal digits; empty when it is gone.
        sha256: String,
    },
    /// A path that should be read cannot be: a plugin file, the configuration file (also when it is
    /// gone), or the plugin folder itself. Once it can be read its content is reported, even when
    /// that is what it was before, so that the receiver can end the fault.
    Unreadable {
        /// The path in question.
        path: PathBuf,
        /// What is wrong, with the value.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// A rescan that was asked for is done: everything that it found was reported before this.
    Rescanned,
}

/// Whose word about plugins a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The operator's, about all of them: the lock file.
    Lock,
    /// A signer's, about one file: by the plugin's name, its file's name without `.wasm.minisig`.
    Signature(String),
}

impl fmt::Debug for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { bytes, sha256 } => formatter
                .debug_struct("Config")
                .field("length_bytes", &bytes.len())
                .field("sha256", sha256)
                .finish(),
            Self::Plugin {
                name,
                path,
                bytes,
                sha256,
            } => formatter
                .debug_struct("Plugin")
                .field("name", name)
                .field("path", path)
                .field("length_bytes", &bytes.len())
                .field("sha256", sha256)
                .finish(),
            Self::PluginGone { name } => formatter
                .debug_struct("PluginGone")
                .field("name", name)
                .finish(),
            Self::Word { of, bytes, sha256 } => formatter
                .debug_struct("Word")
                .field("of", of)
                .field("length_bytes", &bytes.as_ref().map(Vec::len))
                .field("sha256", sha256)
                .finish(),
            Self::Unreadable {
                path,
                reason,
                remedy,
            } => formatter
                .debug_struct("Unreadable")
                .field("path", path)
                .field("reason", reason)
                .field("remedy", remedy)
                .finish(),
            Self::Rescanned => formatter.write_str("Rescanned"),
        }
    }
}
