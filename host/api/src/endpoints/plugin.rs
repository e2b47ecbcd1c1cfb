//! What `/plugins` says of a plugin, as `/openapi.json` describes it.
//!
//! The plugin room serialises itself, and this room does not know it: here stands what callers may rely
//! on. A test asks the running daemon and holds its answer against this; more fields are allowed.
#![expect(dead_code, reason = "the fields are the description")]

use schemars::JsonSchema;

/// One plugin of the configuration.
#[derive(JsonSchema)]
pub(super) struct PluginAnswer {
    /// The name in the configuration.
    name: String,
    /// What runs; null while nothing of this name does.
    active: Option<ActivePlugin>,
    /// `active`, `set-aside` or `rejected` (nothing of this name was ever taken).
    state: String,
    /// When it is tried again, while set aside.
    aside_until: Option<String>,
    /// Calls since the daemon started.
    calls: u64,
    /// Those that failed by its fault.
    failures: u64,
    /// Failures in a row, up to now.
    failures_in_a_row: u32,
    /// The latest failure.
    last_error: Option<Dated>,
    /// The latest candidate that was not taken, unless one was taken since.
    last_rejection: Option<PluginRejection>,
}

/// The component that runs.
#[derive(JsonSchema)]
struct ActivePlugin {
    /// The plugin's own name.
    own_name: String,
    /// `strategy` or `formatter`.
    kind: String,
    /// Its version.
    version: String,
    /// What it does, in one sentence of its own.
    summary: String,
    /// SHA-256 of its file.
    sha256: String,
    /// SHA-256 of its settings.
    settings_sha256: String,
    /// Where it came from.
    source: PluginSource,
    /// Counts the swaps, from 1.
    generation: u64,
    /// When it was taken.
    loaded_at: String,
    /// What it remarked on its settings.
    remarks: Vec<PluginRemark>,
}

/// Where a plugin's bytes came from.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum PluginSource {
    /// It ships inside the binary.
    Embedded,
    /// A file of the plugin folder.
    File(String),
}

/// What a plugin remarked on its settings.
#[derive(JsonSchema)]
struct PluginRemark {
    /// JSON Pointer to the setting; "" is the whole.
    path: String,
    /// Whether it keeps the plugin from being used.
    is_error: bool,
    /// The plugin's words.
    message: String,
}

/// Something that happened.
#[derive(JsonSchema)]
struct Dated {
    /// When.
    at: String,
    /// What.
    text: String,
}

/// A candidate that was not taken.
#[derive(JsonSchema)]
struct PluginRejection {
    /// When it was offered first.
    at: String,
    /// SHA-256 of its file.
    sha256: String,
    /// Where it came from.
    source: PluginSource,
    /// Where and why.
    rejection: Stopped,
}

/// Where a candidate was stopped.
#[derive(JsonSchema)]
struct Stopped {
    /// The stage.
    stage: String,
    /// Why.
    cause: String,
    /// What its author or the operator can do.
    hint: Option<String>,
}
