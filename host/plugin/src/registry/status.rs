//! How plugins are, as data for `/plugins` and for the command line.
//!
//! Plain values without a way back into the registry; times are the host's.

use super::gate::SwapPolicy;
use crate::call::Remark;
use crate::error::{PluginKind, Rejection};
use crate::reach::Reach;
use crate::replay::Comparison;
use fillsync_core::id::PluginName;
use fillsync_core::time::HostTime;
use serde::Serialize;
use std::fmt;

/// Where a plugin's bytes came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It ships inside the binary.
    Embedded,
    /// A file, by the name that the operator knows it by.
    File(String),
    /// The copy that is kept of what is in use, because its file is gone or has another content now.
    Kept,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::File(name) => write!(f, "file {name}"),
            Self::Kept => f.write_str("kept copy"),
        }
    }
}

/// Which plugin answered, for the decision's row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Used {
    /// The name in the configuration.
    pub name: PluginName,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file, in hex.
    pub sha256: String,
    /// SHA-256 of its settings, in hex.
    pub settings_sha256: String,
    /// The name on its card.
    #[serde(skip)]
    pub own_name: PluginName,
    /// Its settings, as the JSON that was hashed.
    #[serde(skip)]
    pub settings_json: String,
    /// Counts the swaps of this name, from 1.
    pub generation: u64,
}

/// How one plugin is, for `/plugins`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginStatus {
    /// The name in the configuration.
    pub name: PluginName,
    /// Its own name, version and the rest; none while nothing of this name is active.
    pub active: Option<ActiveStatus>,
    /// "active", "set-aside" or "rejected" (nothing of this name was ever taken).
    pub state: &'static str,
    /// When it is tried again, while set aside.
    pub aside_until: Option<HostTime>,
    /// Calls since the daemon started.
    pub calls: u64,
    /// Those that failed by its fault.
    pub failures: u64,
    /// Failures in a row, up to now.
    pub failures_in_a_row: u32,
    /// The latest failure.
    pub last_error: Option<Dated>,
    /// The latest candidate that was not taken, unless one was taken since.
    pub last_rejection: Option<DatedRejection>,
    /// A candidate that waits for the operator.
    pub held: Option<HeldStatus>,
    /// How what is active does while it can still be rolled back.
    pub probation: Option<ProbationStatus>,
}

/// What is active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveStatus {
    /// The plugin's own name.
    pub own_name: PluginName,
    /// Its kind.
    pub kind: PluginKind,
    /// Its version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// Of its file.
    pub sha256: String,
    /// Of its settings.
    pub settings_sha256: String,
    /// Where it came from.
    pub source: Source,
    /// Counts the swaps, from 1.
    pub generation: u64,
    /// When.
    pub loaded_at: HostTime,
    /// What it remarked on its settings.
    pub remarks: Vec<Remark>,
    /// What it imports.
    pub imports: Vec<String>,
    /// What its imports prove.
    pub reach: Reach,
}

/// A candidate that waits for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldStatus {
    /// Since when.
    pub at: HostTime,
    /// Of its file.
    pub sha256: String,
    /// Where it came from.
    pub source: Source,
    /// The policy that holds it.
    pub policy: SwapPolicy,
    /// At which stage, why, and what lets it in.
    pub why: Rejection,
    /// How its answers differ from those of what is active; none where it was not asked.
    pub comparison: Option<Comparison>,
}

/// How the first calls after a swap went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbationStatus {
    /// What it would be rolled back to.
    pub previous_sha256: String,
    /// It lasts at least until then.
    pub until: HostTime,
    /// Calls so far.
    pub calls: u32,
    /// Those at which it failed and what was active before answers.
    pub faults: u32,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dated {
    /// When.
    pub at: HostTime,
    /// What.
    pub text: String,
}

/// A candidate that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatedRejection {
    /// When it was offered first.
    pub at: HostTime,
    /// Of its file.
    pub sha256: String,
    /// Where it came from.
    pub source: Source,
    /// Why.
    pub rejection: Rejection,
}
