//! What happens to plugins, told: a row of `/plugins` each, and a notice where the operator must know.
//!
//! The log's line stands where it happens, or here where it happens in several places.

use super::Voice;
use fillsync_core::alert::{Severity, SystemAlert};
use fillsync_core::time::HostTime;
use fillsync_ledger::PluginEventRow;
use fillsync_plugin_host::RolledBack;

/// The most bytes of a comparison that are kept with its row.
const COMPARISON_BYTES_MAX: usize = 32 * 1024;

impl Voice {
    /// Something happened to a plugin.
    pub async fn plugin_event(&self, mut row: PluginEventRow) {
        // Its lines are bounded one by one and in number; this bounds what they have together.
        row.comparison_json = row
            .comparison_json
            .filter(|json| json.len() <= COMPARISON_BYTES_MAX);
        if let Err(error) = self.ledger.log_plugin_event(row).await {
            tracing::warn!(event = "events_not_kept", %error, "a plugin's event is in the log only");
        }
    }

    /// A plugin was set aside after failing again and again.
    pub async fn plugin_set_aside(&self, plugin: &str, until: HostTime, error: &str) {
        tracing::error!(event = "plugin_failed", plugin, error, until = %until, "set aside");
        let row = PluginEventRow {
            cause: Some(error.to_owned()),
            hint: Some(format!("it is tried again at {}", until.clock())),
            ..PluginEventRow::new(self.clock.now(), plugin, "call", "set-aside")
        };
        self.plugin_event(row).await;
        self.system(None, Severity::Critical, format!("plugin-set-aside/{plugin}/{}", until.us()), SystemAlert {
            topic: "plugin-set-aside".to_owned(),
            text: format!("plugin {plugin} failed again and again ({error}); own counts and plain words are used until {}", until.clock()),
            remedy: Some("put a mended file in its place; it is taken up while fillsync runs".to_owned()),
        }).await;
    }

    /// A candidate was not taken.
    pub async fn plugin_rejected(&self, plugin: &str, sha256: &str, why: &str, hint: &str) {
        self.system(
            None,
            Severity::Warning,
            format!("plugin-rejected/{plugin}/{sha256}"),
            SystemAlert {
                topic: "plugin-rejected".to_owned(),
                text: format!("plugin {plugin} was not taken: {why}; what was active stays"),
                remedy: Some(hint.to_owned()),
            },
        )
        .await;
    }

    /// A candidate waits for the operator.
    pub async fn plugin_held(&self, plugin: &str, sha256: &str, why: &str, hint: &str) {
        self.system(
            None,
            Severity::Warning,
            format!("plugin-held/{plugin}/{sha256}"),
            SystemAlert {
                topic: "plugin-held".to_owned(),
                text: format!(
                    "plugin {plugin} has a new file that waits: {why}; what was active stays"
                ),
                remedy: Some(hint.to_owned()),
            },
        )
        .await;
    }

    /// A swap was undone: what came failed at what the version before answers.
    pub async fn plugin_rolled_back(&self, rolled_back: &RolledBack) {
        let RolledBack { from, to, .. } = rolled_back;
        let (plugin, cause) = (from.name.as_str(), rolled_back.cause());
        let hint = format!("put a mended file in its place, or `fillsync plugin promote {plugin}`");
        tracing::error!(
            event = "plugin_rolled_back",
            plugin,
            from = from.sha256,
            to = to.sha256,
            cause,
            generation = to.generation,
            "the version before answers again"
        );
        let row = PluginEventRow {
            old_sha256: Some(from.sha256.clone()),
            new_sha256: Some(to.sha256.clone()),
            settings_sha256: Some(from.settings_sha256.clone()),
            cause: Some(cause.clone()),
            hint: Some(hint.clone()),
            ..PluginEventRow::new(self.clock.now(), plugin, "probation", "rolled-back")
        };
        self.plugin_event(row).await;
        self.system(
            None,
            Severity::Critical,
            format!(
                "plugin-rolled-back/{plugin}/{}/{}",
                from.sha256, to.generation
            ),
            SystemAlert {
                topic: "plugin-rolled-back".to_owned(),
                text: format!(
                    "plugin {plugin} was rolled back from {} {} to {} {}: {cause}",
                    from.version,
                    short(&from.sha256),
                    to.version,
                    short(&to.sha256)
                ),
                remedy: Some(hint),
            },
        )
        .await;
    }
}

/// Enough of a hash for people.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}
