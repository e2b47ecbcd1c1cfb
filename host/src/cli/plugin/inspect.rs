//! `plugin inspect`: what a component is, seen from outside and from its own card.

use super::run::size;
use super::workbench::{Terms, Workbench, component};
use crate::cli::answers::Answers;
use anyhow::anyhow;
use clap::Args;
use fillsync_plugin_host::Card;
use fillsync_plugin_host::kit::{
    ANSWERED_INERTLY, Inspection, PROVEN, Setting, inspect as look_at, settings_of,
};
use fillsync_report::{Answer, Look};
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct Wish {
    /// The component, or the name of a plugin.
    file: PathBuf,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Serialize)]
struct Inspected {
    #[serde(flatten)]
    outside: Inspection,
    name: Option<String>,
    version: Option<String>,
    summary: Option<String>,
    attributes: Vec<(String, String)>,
    settings: Vec<Setting>,
    settings_schema: Option<Value>,
    /// Why it cannot be loaded.
    rejected: Option<String>,
}

impl Answer for Inspected {
    fn table(&self, _look: Look) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: &str| text.push_str(&format!("{name:<10} {value}\n"));
        if let (Some(name), Some(version)) = (&self.name, &self.version) {
            row("name", name);
            row("version", version);
        }
        if let Some(summary) = &self.summary {
            row("summary", summary);
        }
        for (key, value) in &self.attributes {
            row(key, value);
        }
        row(
            "world",
            self.outside
                .world
                .as_deref()
                .unwrap_or("none of fillsync:plugin"),
        );
        row(
            "format",
            if self.outside.is_component {
                "component"
            } else {
                "core module that describes its world"
            },
        );
        row("size", &size(self.outside.bytes));
        row("sha256", &self.outside.sha256);
        for (name, list) in [
            ("imports", &self.outside.imports),
            ("exports", &self.outside.exports),
        ] {
            if list.is_empty() {
                row(name, "nothing");
            }
            for (index, entry) in list.iter().enumerate() {
                row(if index == 0 { name } else { "" }, entry);
            }
        }
        if self.name.is_some() && self.settings.is_empty() {
            row("settings", "none");
        }
        for (index, setting) in self.settings.iter().enumerate() {
            let default = match (&setting.default, setting.is_required) {
                (Some(default), _) => format!("; default {default}"),
                (None, true) => "; required".to_owned(),
                (None, false) => String::new(),
            };
            let line = format!("{} = {}{default}", setting.name, setting.takes);
            row(if index == 0 { "settings" } else { "" }, &line);
            if !setting.about.is_empty() {
                row("", &format!("  {}", setting.about));
            }
        }
        match (&self.rejected, self.outside.is_proven) {
            (Some(why), _) => text.push_str(&format!("\nIt cannot be loaded: {why}\n")),
            (None, true) => text.push_str(&format!("\n{PROVEN}\n")),
            (None, false) => text.push_str(&format!("\n{ANSWERED_INERTLY}\n")),
        }
        text
    }
}

pub(super) fn inspect(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    let bytes = component(answers, &wish.file)?;
    let outside = look_at(&bytes).map_err(|rejection| {
        anyhow!(
            "{}; {}",
            rejection.cause,
            rejection.hint.unwrap_or_default()
        )
    })?;
    let workbench = Workbench::new(answers, &wish.terms)?;
    let loaded = workbench.load(&bytes, None);
    let card: Option<&Card> = loaded.as_ref().ok().map(|loaded| loaded.card());
    answers.print(&Inspected {
        outside,
        name: card.map(|card| card.name.to_string()),
        version: card.map(|card| card.version.clone()),
        summary: card.map(|card| card.summary.clone()),
        attributes: card.map(|card| card.attributes.clone()).unwrap_or_default(),
        settings: card
            .map(|card| settings_of(&card.settings_schema))
            .unwrap_or_default(),
        settings_schema: card.map(|card| card.settings_schema.clone()),
        rejected: loaded.as_ref().err().map(ToString::to_string),
    })
}
