//! Where secrets come from: the environment or a file, never the configuration itself.
//!
//! A source is resolved when it is needed and the secret lives in a [`SecretString`], which prints as
//! nothing. Errors name the setting, the variable or the file, and the remedy; never a value (law
//! 16). Nothing is kept between two resolutions, so a rotated file is seen at the next one.

use secrecy::SecretString;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The largest secret, in bytes: a PEM key fits, a mistaken path to something large does not.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// Where a secret is to be found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretSource {
    /// The environment variable of this name.
    Env(String),
    /// The file at this path; its last line end is not part of the secret.
    File(PathBuf),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// A secret could not be had. The message names the setting and the source, never a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set: set it where fillsync is started.
    #[error(
        "{setting}: environment variable {name} is not set; export it before starting, or use {{ file = \"…\" }}"
    )]
    NotSet {
        /// The setting that wants it.
        setting: String,
        /// The variable.
        name: String,
    },
    /// The file cannot be read: create it, or give the user of fillsync the right to read it.
    #[error("{setting}: file {} cannot be read ({cause}); create it readable for the user that runs fillsync", path.display())]
    Unreadable {
        /// The setting that wants it.
        setting: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The path is a folder, a pipe or a device: name a plain file.
    #[error("{setting}: {} is no plain file; name a file that holds only the secret", path.display())]
    NotAFile {
        /// The setting that wants it.
        setting: String,
        /// The path.
        path: PathBuf,
    },
    /// There is nothing in it: put the secret there.
    #[error("{setting}: {origin} is empty; put the secret there")]
    Empty {
        /// The setting that wants it.
        setting: String,
        /// The variable or file.
        origin: SecretSource,
    },
    /// It is too large: the source is probably a mistake.
    #[error(
        "{setting}: {origin} has more than {SECRET_BYTES_MAX} bytes; it must hold only the secret"
    )]
    TooLarge {
        /// The setting that wants it.
        setting: String,
        /// The variable or file.
        origin: SecretSource,
    },
    /// It is not text of one line: remove what does not belong to it.
    #[error(
        "{setting}: {origin} holds more than one line, a space at an end or bytes that are no text; it must hold only the secret"
    )]
    NotOneLine {
        /// The setting that wants it.
        setting: String,
        /// The variable or file.
        origin: SecretSource,
    },
}

/// A secret that was found.
#[derive(Debug)]
pub struct Resolved {
    /// The secret; it prints as nothing.
    pub secret: SecretString,
    /// What somebody should look at, such as a file that everybody can read.
    pub warning: Option<String>,
}

impl SecretSource {
    /// Fetches the secret. `setting` is the key that wants it, for messages (`account.main.api_key`).
    ///
    /// It reads a file, so call it where blocking is allowed.
    ///
    /// # Errors
    /// When the variable or file is missing, unreadable, empty, too large or not one line of text.
    pub fn resolve(&self, setting: &str) -> Result<Resolved, SecretError> {
        let (bytes, warning) = match self {
            Self::Env(name) => (self.read_env(setting, name)?, None),
            Self::File(path) => self.read_file(setting, path)?,
        };
        let (setting, origin) = (setting.to_owned(), self.clone());
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(SecretError::TooLarge { setting, origin });
        }
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(SecretError::NotOneLine { setting, origin });
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.trim().is_empty() {
            return Err(SecretError::Empty { setting, origin });
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err(SecretError::NotOneLine { setting, origin });
        }
        Ok(Resolved {
            secret: SecretString::from(text),
            warning,
        })
    }

    fn read_env(&self, setting: &str, name: &str) -> Result<Vec<u8>, SecretError> {
        match std::env::var(name) {
            Ok(text) => Ok(text.into_bytes()),
            Err(std::env::VarError::NotPresent) => Err(SecretError::NotSet {
                setting: setting.to_owned(),
                name: name.to_owned(),
            }),
            Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::NotOneLine {
                setting: setting.to_owned(),
                origin: self.clone(),
            }),
        }
    }

    fn read_file(
        &self,
        setting: &str,
        path: &Path,
    ) -> Result<(Vec<u8>, Option<String>), SecretError> {
        let unreadable = |cause| SecretError::Unreadable {
            setting: setting.to_owned(),
            path: path.to_owned(),
            cause,
        };
        // Asked before opening: opening a pipe would wait for a writer for ever.
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(SecretError::NotAFile {
                setting: setting.to_owned(),
                path: path.to_owned(),
            });
        }
        let mut bytes = Vec::new();
        let limit = u64::try_from(SECRET_BYTES_MAX).unwrap_or(u64::MAX);
        std::fs::File::open(path)
            .and_then(|file| file.take(limit.saturating_add(3)).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        let warning = is_readable_by_others(&metadata).then(|| {
            format!(
                "{setting}: file {} can be read by every user of this machine; run `chmod 600` on it",
                path.display()
            )
        });
        Ok((bytes, warning))
    }
}

#[cfg(unix)]
fn is_readable_by_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use secrecy::ExposeSecret as _;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, SecretSource) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, bytes).unwrap();
        (folder, SecretSource::File(path))
    }

    #[test]
    fn a_file_gives_its_line_without_its_end() {
        for bytes in ["k3y-value\n", "k3y-value\r\n", "k3y-value"] {
            let (_folder, source) = file(bytes.as_bytes());
            let resolved = source.resolve("account.main.api_key").unwrap();
            assert_eq!(resolved.secret.expose_secret(), "k3y-value");
            assert!(!format!("{resolved:?}").contains("k3y-value"));
        }
    }

    #[test]
    fn an_error_names_the_setting_and_the_source_but_never_the_value() {
        let large = "hush".repeat(SECRET_BYTES_MAX);
        for bytes in [
            "hush\nhush\n",
            "",
            "\n",
            " hush",
            "hush ",
            "hu\u{0}sh",
            large.as_str(),
        ] {
            let (_folder, source) = file(bytes.as_bytes());
            let error = source.resolve("account.main.api_key").unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("account.main.api_key"), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
        let (_folder, source) = file(b"hush\xff");
        assert!(matches!(
            source.resolve("x"),
            Err(SecretError::NotOneLine { .. })
        ));
    }

    #[test]
    fn a_missing_source_is_named_with_its_remedy() {
        let name = "FILLSYNC_TEST_VARIABLE_THAT_NOBODY_SETS";
        let error = SecretSource::Env(name.into()).resolve("account.main.api_key");
        insta::assert_snapshot!(error.unwrap_err(), @r#"account.main.api_key: environment variable FILLSYNC_TEST_VARIABLE_THAT_NOBODY_SETS is not set; export it before starting, or use { file = "…" }"#);
        let folder = tempfile::tempdir().unwrap();
        let missing = SecretSource::File(folder.path().join("none"));
        assert!(matches!(
            missing.resolve("x"),
            Err(SecretError::Unreadable { .. })
        ));
        let source = SecretSource::File(folder.path().to_owned());
        assert!(matches!(
            source.resolve("x"),
            Err(SecretError::NotAFile { .. })
        ));
    }

    #[test]
    fn the_environment_is_read() {
        let source = SecretSource::Env("CARGO_PKG_NAME".into());
        let resolved = source.resolve("x").unwrap();
        assert_eq!(resolved.secret.expose_secret(), "fillsync-config");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_everybody_can_read_is_pointed_out() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, source) = file(b"k3y");
        let path = folder.path().join("key");
        for (mode, warns) in [(0o600, false), (0o640, false), (0o644, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let warning = source.resolve("account.main.api_key").unwrap().warning;
            assert_eq!(warning.is_some(), warns, "{mode:o}");
        }
    }
}
