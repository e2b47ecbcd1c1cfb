//! What strategies were asked, to be asked again: views that were decided about, the newest first.

use crate::codec::{all, get, id, json, named};
use crate::decisions::DecisionOutcome;
use crate::error::LedgerError;
use crate::reader::Reader;
use fillsync_core::id::GroupName;
use fillsync_core::view::Shown;
use rusqlite::params;
use std::collections::BTreeSet;

/// Rows that are read at once.
const PAGE: u32 = 500;

/// One view that was decided about, and what was shown for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedDecision {
    /// The row.
    pub id: i64,
    /// The group.
    pub group: GroupName,
    /// The strategy's name ("none" without one).
    pub plugin: String,
    /// SHA-256 of the plugin's file.
    pub plugin_sha256: Option<String>,
    /// SHA-256 of its settings.
    pub settings_sha256: Option<String>,
    /// How the answer came about.
    pub outcome: DecisionOutcome,
    /// The view, as JSON.
    pub view_json: String,
    /// What was shown for each account, after the host's own rules.
    pub answer: Vec<Shown>,
}

impl Reader {
    /// What a strategy was asked about a group, the newest first; the same view only once.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn recorded_decisions(
        &self,
        plugin: Option<&str>,
        group: Option<&GroupName>,
        limit: u32,
    ) -> Result<Vec<RecordedDecision>, LedgerError> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        let mut before = i64::MAX;
        loop {
            let page = all(
                self.connection(),
                "SELECT * FROM decision
                 WHERE id < ?1 AND (?2 IS NULL OR plugin = ?2) AND (?3 IS NULL OR group_name = ?3)
                 ORDER BY id DESC LIMIT ?4",
                params![before, plugin, group.map(GroupName::as_str), PAGE],
                |row| {
                    let decision = RecordedDecision {
                        id: get(row, "id")?,
                        group: id(row, "group_name")?,
                        plugin: get(row, "plugin")?,
                        plugin_sha256: get(row, "plugin_sha256")?,
                        settings_sha256: get(row, "settings_sha256")?,
                        outcome: named(row, "outcome", DecisionOutcome::from_name)?,
                        view_json: get(row, "view_json")?,
                        answer: json(row, "answer_json")?,
                    };
                    Ok((get::<String>(row, "view_hash")?, decision))
                },
            )?;
            let is_last = page.len() < PAGE as usize;
            for (hash, decision) in page {
                before = decision.id;
                if found.len() < limit as usize && seen.insert(hash) {
                    found.push(decision);
                }
            }
            if is_last || found.len() >= limit as usize {
                return Ok(found);
            }
        }
    }
}
