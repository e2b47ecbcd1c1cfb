//! What became of an offer, told: one line of the log and one row each, and a notice where somebody must
//! do something.

use super::Shelf;
use fillsync_core::id::PluginName;
use fillsync_ledger::PluginEventRow;
use fillsync_plugin_host::{Outcome, Passage, Rejection, Source, Stage, Swap};

impl Shelf {
    /// Tells how an offer ended. What was told before is not told again.
    pub(super) async fn tell(&self, name: &PluginName, source: &Source, passage: Passage) {
        let stages = passage
            .took
            .iter()
            .map(|(stage, took)| {
                let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                (stage.to_string(), us)
            })
            .collect();
        let row = PluginEventRow {
            settings_sha256: passage.settings_sha256,
            stages,
            comparison_json: passage
                .comparison
                .as_ref()
                .and_then(|comparison| serde_json::to_string(comparison).ok()),
            ..PluginEventRow::new(self.clock.now(), name.as_str(), passage.stage.as_str(), "")
        };
        let compared = passage.comparison.map(|comparison| comparison.summary());
        match passage.outcome {
            Outcome::Swapped(swap) => self.taken(name, source, &swap, compared, row).await,
            Outcome::Rejected {
                rejection,
                sha256,
                again: false,
            } => self.rejected(name, Some(&sha256), &rejection, row).await,
            Outcome::Held {
                why,
                sha256,
                again: false,
            } => self.held(name, &sha256, &why, row).await,
            Outcome::Unchanged | Outcome::Rejected { .. } | Outcome::Held { .. } => {}
        }
    }

    async fn taken(
        &self,
        name: &PluginName,
        source: &Source,
        swap: &Swap,
        compared: Option<String>,
        row: PluginEventRow,
    ) {
        let (event, outcome) = match (&swap.previous_sha256, swap.promoted) {
            (None, _) => ("plugin_loaded", "loaded"),
            (Some(_), false) => ("plugin_swapped", "swapped"),
            (Some(_), true) => ("plugin_swapped", "promoted"),
        };
        tracing::info!(event, plugin = %name, version = swap.used.version, sha256 = swap.used.sha256, %source,
            previous = swap.previous_sha256, generation = swap.used.generation, promoted = swap.promoted, compared, "in use");
        if outcome == "promoted" {
            tracing::info!(event = "plugin_promoted", plugin = %name, sha256 = swap.used.sha256, "as the operator said");
        }
        let row = PluginEventRow {
            outcome: outcome.to_owned(),
            old_sha256: swap.previous_sha256.clone(),
            new_sha256: Some(swap.used.sha256.clone()),
            cause: compared,
            ..row
        };
        self.voice.plugin_event(row).await;
    }

    pub(super) async fn rejected(
        &self,
        name: &PluginName,
        sha256: Option<&str>,
        rejection: &Rejection,
        row: PluginEventRow,
    ) {
        let Rejection { stage, cause, hint } = rejection;
        tracing::error!(event = "plugin_rejected", plugin = %name, sha256, %stage, cause, hint, "what was active stays");
        let row = PluginEventRow {
            outcome: "rejected".to_owned(),
            old_sha256: self.plugins.used(name).map(|used| used.sha256.clone()),
            new_sha256: sha256.map(ToOwned::to_owned),
            cause: Some(cause.clone()),
            hint: hint.clone(),
            ..row
        };
        self.voice.plugin_event(row).await;
        self.voice
            .plugin_rejected(
                name.as_str(),
                sha256.unwrap_or("none"),
                &format!("{stage}: {cause}"),
                hint.as_deref()
                    .unwrap_or("look at it with `fillsync plugin list`"),
            )
            .await;
    }

    async fn held(&self, name: &PluginName, sha256: &str, why: &Rejection, row: PluginEventRow) {
        let Rejection { stage, cause, hint } = why;
        tracing::warn!(event = "plugin_held", plugin = %name, sha256, %stage, cause, hint, "it waits; what was active stays");
        let hint = hint.clone().unwrap_or_default();
        let row = PluginEventRow {
            outcome: "held".to_owned(),
            old_sha256: self.plugins.used(name).map(|used| used.sha256.clone()),
            new_sha256: Some(sha256.to_owned()),
            cause: Some(cause.clone()),
            hint: Some(hint.clone()),
            ..row
        };
        self.voice.plugin_event(row).await;
        self.voice
            .plugin_held(name.as_str(), sha256, &format!("{stage}: {cause}"), &hint)
            .await;
    }

    /// There is nothing to offer.
    pub(super) async fn missing(&self, name: &PluginName, why: &str) {
        let rejection = Rejection {
            stage: Stage::Read,
            cause: why.to_owned(),
            hint: Some("put the component there; it is taken up while fillsync runs".to_owned()),
        };
        let row = PluginEventRow::new(self.clock.now(), name.as_str(), "read", "");
        self.rejected(name, None, &rejection, row).await;
    }

    /// The file of what runs is gone.
    pub(super) async fn file_gone(&self, name: &PluginName, sha256: &str) {
        let cause = "its file is gone; what runs goes on, and a start takes the copy that is kept";
        let hint = "put the file back, or take the plugin out of the configuration";
        tracing::warn!(event = "plugin_file_gone", plugin = %name, sha256, hint, "{cause}");
        let row = PluginEventRow {
            old_sha256: Some(sha256.to_owned()),
            cause: Some(cause.to_owned()),
            hint: Some(hint.to_owned()),
            ..PluginEventRow::new(self.clock.now(), name.as_str(), "read", "file-gone")
        };
        self.voice.plugin_event(row).await;
    }
}
