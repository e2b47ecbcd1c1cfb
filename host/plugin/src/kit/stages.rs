//! All stages of loading, each with its outcome: what `plugin check` shows.
//!
//! There is one way into the daemon, [`crate::PluginEngine::load`], and this takes it. A stage before
//! the one that stopped the file is passed, one after it was not reached.

use super::outside::inspect;
use crate::engine::PluginEngine;
use crate::error::{PluginKind, Rejection, Stage};
use crate::limits::{Limits, bytes};
use crate::loaded::Loaded;
use crate::self_test;
use serde::Serialize;
use std::sync::Arc;

/// The stages, in the order in which a file comes by them.
const STAGES: [Stage; 10] = [
    Stage::Size,
    Stage::Format,
    Stage::Imports,
    Stage::World,
    Stage::Compile,
    Stage::Instantiate,
    Stage::Describe,
    Stage::Schema,
    Stage::Configure,
    Stage::SelfTest,
];

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageOutcome {
    /// It was passed.
    Passed,
    /// It stopped the file.
    Failed,
    /// A stage before it stopped the file.
    NotReached,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageReport {
    /// Which.
    pub stage: Stage,
    /// How it ended.
    pub outcome: StageOutcome,
    /// What was found, or why it failed.
    pub found: String,
    /// What its author can do.
    pub hint: Option<String>,
}

/// A file's way through the stages.
#[derive(Debug)]
pub struct Passage {
    /// All stages.
    pub stages: Vec<StageReport>,
    /// The plugin, where all were passed.
    pub loaded: Result<Arc<Loaded>, Rejection>,
}

/// Takes a file through every stage of loading.
#[must_use]
pub fn check(engine: &PluginEngine, file: &[u8], settings: &str, limits: &Limits) -> Passage {
    let loaded = engine.load(file, settings, limits);
    let stopped_at = match &loaded {
        Ok(_) => STAGES.len(),
        Err(rejection) => position(rejection.stage),
    };
    let found = Found {
        file,
        limits,
        loaded: loaded.as_ref().ok(),
    };
    let stages = STAGES
        .iter()
        .enumerate()
        .map(|(index, stage)| match (&loaded, index) {
            (Err(rejection), index) if index == stopped_at => StageReport {
                stage: *stage,
                outcome: StageOutcome::Failed,
                found: rejection.cause.clone(),
                hint: rejection.hint.clone(),
            },
            (_, index) if index < stopped_at => StageReport {
                stage: *stage,
                outcome: StageOutcome::Passed,
                found: found.of(*stage),
                hint: None,
            },
            _ => StageReport {
                stage: *stage,
                outcome: StageOutcome::NotReached,
                found: String::new(),
                hint: None,
            },
        })
        .collect();
    Passage { stages, loaded }
}

fn position(stage: Stage) -> usize {
    STAGES
        .iter()
        .position(|known| *known == stage)
        .unwrap_or_default()
}

/// What a passed stage has to tell.
struct Found<'a> {
    file: &'a [u8],
    limits: &'a Limits,
    loaded: Option<&'a Arc<Loaded>>,
}

impl Found<'_> {
    fn of(&self, stage: Stage) -> String {
        let card = self.loaded.map(|loaded| loaded.card());
        match stage {
            Stage::Size => format!("{} of {}", bytes(self.file.len()), bytes(self.limits.file_bytes)),
            Stage::Format => match inspect(self.file) {
                Ok(inspection) if inspection.is_component => "a component".to_owned(),
                _ => "a core module that describes its world; it is made a component when it is loaded".to_owned(),
            },
            Stage::Imports => match inspect(self.file) {
                Ok(inspection) if !inspection.imports.is_empty() => inspection.imports.join(", "),
                _ => "none".to_owned(),
            },
            Stage::World => match inspect(self.file) {
                Ok(inspection) => inspection.world.unwrap_or_default(),
                Err(_) => String::new(),
            },
            Stage::Describe => card.map_or_else(String::new, |card| {
                format!("{} {}: {}", card.name, card.version, card.summary)
            }),
            Stage::Schema => self
                .loaded
                .map_or_else(String::new, |loaded| loaded.settings().to_owned()),
            Stage::Configure => self.loaded.map_or_else(String::new, |loaded| {
                let remarks: Vec<String> = loaded
                    .remarks()
                    .iter()
                    .map(|remark| format!("warning {}: {}", remark.path, remark.message))
                    .collect();
                remarks.join("; ")
            }),
            Stage::SelfTest => card.map_or_else(String::new, |card| match card.kind {
                PluginKind::Strategy => format!("{} views, each asked twice", self_test::VIEWS),
                PluginKind::Formatter => format!("{} alerts, each asked twice", self_test::ALERTS),
            }),
            _ => String::new(),
        }
    }
}
