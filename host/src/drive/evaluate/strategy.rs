//! Which strategy was asked, what it said, and how that is written down.

use fillsync_core::id::PluginName;
use fillsync_core::moment::Answer;
use fillsync_ledger::LatestDecision;
use fillsync_plugin_host::{Unanswered, Used};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) answer: Answer,
    pub(super) fuel: Option<u64>,
    pub(super) took_us: Option<u64>,
    /// Who was asked; another one may have taken its place meanwhile.
    pub(super) by: Option<Arc<Used>>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            answer: Answer::None,
            fuel: None,
            took_us: None,
            by: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StrategyKey {
    pub(super) name: String,
    pub(super) sha256: Option<String>,
    pub(super) settings_sha256: Option<String>,
}

impl StrategyKey {
    pub(super) fn of(decision: &LatestDecision) -> Self {
        Self {
            name: decision.plugin.clone(),
            sha256: decision.plugin_sha256.clone(),
            settings_sha256: decision.settings_sha256.clone(),
        }
    }
}

pub(super) fn failed_note(name: &PluginName, failure: &Unanswered) -> String {
    format!("strategy {name} gave no answer ({})", failure.error)
        .chars()
        .take(fillsync_core::view::NOTE_CHARACTERS_MAX)
        .collect()
}
