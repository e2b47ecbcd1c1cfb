//! What a plugin can reach, as its imports prove it.
//!
//! A component can call nothing but what it imports, so its list of imports is a proof and not a
//! promise: one that imports the log and types only has no way to a network, a file, a clock or
//! randomness. The sentence is said exactly when that is so. What the host answers to other imports,
//! and with which authority, is not judged here.

use crate::error::Rejection;
use crate::file;
use crate::kit::{ANSWERED_INERTLY, PROVEN};
use serde::Serialize;

/// What the imports of a plugin say about what it can reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// Whether every import is the log or has types only.
    pub proven: bool,
    /// The imports that are neither, as they are named.
    pub others: Vec<String>,
}

impl Reach {
    /// Reads a list of imports, as a component names them.
    pub fn of<'a>(imports: impl IntoIterator<Item = &'a str>) -> Self {
        let others: Vec<String> = imports
            .into_iter()
            .filter(|import| !file::is_harmless(import))
            .map(ToOwned::to_owned)
            .collect();
        Self {
            proven: others.is_empty(),
            others,
        }
    }

    /// One line for people: the proof, or what keeps it from being one.
    #[must_use]
    pub fn sentence(&self) -> String {
        if self.proven {
            return PROVEN.to_owned();
        }
        format!("{ANSWERED_INERTLY} It imports {}.", self.others.join(", "))
    }
}

/// The imports of a plugin's file: of a component, or of the component that a core module describes.
/// Nothing is compiled or run.
///
/// # Errors
/// When the file is neither.
pub fn imports(file: &[u8]) -> Result<Vec<String>, Rejection> {
    file::imports(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::embedded::first_party;

    #[test]
    fn every_plugin_that_ships_is_proven_to_reach_nothing() {
        for plugin in first_party() {
            let imports = imports(plugin.bytes).unwrap();
            let reach = Reach::of(imports.iter().map(String::as_str));
            assert_eq!(reach.sentence(), PROVEN, "{}: {imports:?}", plugin.name);
        }
    }

    #[test]
    fn one_foreign_import_ends_the_proof() {
        for foreign in [
            "wasi:clocks/wall-clock@0.2.0",
            "wasi:random/random@0.2.0",
            "fillsync:plugin/network@1.0.0",
            "fillsync:plugin/log",
            "fillsync:plugin/log@2.0.0",
            "fillsync:plugins/log@1.0.0",
            "",
        ] {
            let reach = Reach::of(["fillsync:plugin/log@1.0.0", foreign]);
            assert!(!reach.proven, "{foreign}");
            assert!(!reach.sentence().contains("proven from its imports."));
            assert!(reach.sentence().contains(foreign));
        }
        assert!(imports(b"no component").is_err());
    }
}
