//! A plugin with its settings, checked and ready to be asked; and the way there.
//!
//! `load` is the only way to one, for an embedded component and for a file alike. It runs every
//! stage on the bytes in memory and ends in an immutable value or a [`Rejection`], so that a swap is
//! the exchange of one pointer (law 15).

use crate::call::{self, CallReport, Remark, Target};
use crate::card::{Card, read_card};
use crate::contract::{Formatter, Prepared, Strategy, Version, v1};
use crate::engine::PluginEngine;
use crate::error::{CallError, PluginKind, Rejection, Stage};
use crate::file::{self, Checked};
use crate::kit::remedy;
use crate::limits::Limits;
use crate::reach::Reach;
use crate::self_test;
use crate::settings::{canonical_settings, check_schema};
use crate::stopwatch::Stopwatch;
use crate::wasi;
use fillsync_core::alert::Alert;
use fillsync_core::message::Rendered;
use fillsync_core::view::{Shown, View};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use wasmtime::component::Component;

/// A plugin with its settings, ready to be asked from any thread.
pub struct Loaded {
    engine: PluginEngine,
    prepared: Prepared,
    card: Card,
    imports: Vec<String>,
    limits: Limits,
    settings: String,
    sha256: String,
    settings_sha256: String,
    remarks: Vec<Remark>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("card", &self.card)
            .field("sha256", &self.sha256)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl PluginEngine {
    /// Takes a component with its settings through every stage. Empty settings mean `{}`.
    ///
    /// Compiling takes milliseconds for Rust and seconds for Python and JavaScript: call it off the
    /// runtime's threads.
    ///
    /// # Errors
    /// The stage that stopped it, why, and what can be done.
    pub fn load(
        &self,
        bytes: &[u8],
        settings_json: &str,
        limits: &Limits,
    ) -> Result<Arc<Loaded>, Rejection> {
        let mut stopwatch = Stopwatch::start();
        let checked = file::check(bytes, limits, &mut stopwatch)?;
        self.make(
            checked,
            sha256(bytes),
            settings_json,
            limits,
            &mut stopwatch,
        )
    }

    /// Takes a file that may be compiled through the stages that are left.
    pub(crate) fn make(
        &self,
        checked: Checked<'_>,
        sha256_of_file: String,
        settings_json: &str,
        limits: &Limits,
        stopwatch: &mut Stopwatch,
    ) -> Result<Arc<Loaded>, Rejection> {
        let settings = canonical_settings(settings_json)?;
        let compiled = self.compile(&checked.component);
        stopwatch.lap(Stage::Compile);
        let prepared = self.prepare(&compiled?, checked.kind, checked.version);
        stopwatch.lap(Stage::Instantiate);
        let prepared = prepared?;
        let card = self.describe(&prepared, checked.kind, limits);
        stopwatch.lap(Stage::Describe);
        let card = card?;
        check_schema(&card.settings_schema, &settings)?;
        let settings = settings.to_string();
        let remarks = self.configure(&prepared, limits, &settings);
        stopwatch.lap(Stage::Configure);
        let remarks = remarks?;
        let loaded = Loaded {
            engine: self.clone(),
            prepared,
            card,
            imports: checked.imports,
            limits: limits.clone(),
            sha256: sha256_of_file,
            settings_sha256: sha256(settings.as_bytes()),
            settings,
            remarks,
        };
        let tested = self_test::run(&loaded);
        stopwatch.lap(Stage::SelfTest);
        tested.map(|()| Arc::new(loaded))
    }

    fn prepare(
        &self,
        compiled: &Component,
        kind: PluginKind,
        version: Version,
    ) -> Result<Prepared, Rejection> {
        let link = |error: wasmtime::Error| {
            Rejection::new(
                Stage::World,
                format!("it does not fit its world: {error:#}"),
            )
            .hint("build it against wit/v1 of this fillsync")
        };
        let linker = match kind {
            PluginKind::Strategy => self.strategy_linker(),
            PluginKind::Formatter => self.formatter_linker(),
        };
        let linker = wasi::linker_for(self.wasmtime(), compiled, linker).map_err(link)?;
        let pre = linker.instantiate_pre(compiled).map_err(link)?;
        match (kind, version) {
            (PluginKind::Strategy, Version::V1) => v1::StrategyPluginPre::new(pre)
                .map(|pre| Prepared::Strategy(Strategy::V1(pre)))
                .map_err(link),
            (PluginKind::Formatter, Version::V1) => v1::FormatterPluginPre::new(pre)
                .map(|pre| Prepared::Formatter(Formatter::V1(pre)))
                .map_err(link),
            #[cfg(test)]
            (PluginKind::Strategy, Version::Next) => {
                crate::contract::next::StrategyPluginPre::new(pre)
                    .map(|pre| Prepared::Strategy(Strategy::Next(pre)))
                    .map_err(link)
            }
            #[cfg(test)]
            (PluginKind::Formatter, Version::Next) => Err(Rejection::new(
                Stage::World,
                "there is no formatter of this version",
            )),
        }
    }

    fn describe(
        &self,
        prepared: &Prepared,
        kind: PluginKind,
        limits: &Limits,
    ) -> Result<Card, Rejection> {
        let ask = || call::describe(self, prepared, limits).map_err(|error| at_first_call(&error));
        let card = read_card(ask()?, kind)?;
        if card != read_card(ask()?, kind)? {
            let cause = "its card differs from one call to the next";
            return Err(Rejection::new(Stage::Describe, cause)
                .hint("a plugin must give the same answer to the same question"));
        }
        Ok(card)
    }

    fn configure(
        &self,
        prepared: &Prepared,
        limits: &Limits,
        settings: &str,
    ) -> Result<Vec<Remark>, Rejection> {
        let remarks = call::configure(self, prepared, limits, settings).map_err(|error| {
            Rejection::new(
                Stage::Configure,
                format!("while it took its settings {error}"),
            )
            .hint(remedy(&error))
        })?;
        match remarks.iter().find(|remark| remark.is_error) {
            Some(remark) => {
                let place = if remark.path.is_empty() {
                    "its settings"
                } else {
                    &remark.path
                };
                Err(Rejection::new(
                    Stage::Configure,
                    format!("it refuses {place}: {}", remark.message),
                )
                .hint("give it other settings; the words are its author's"))
            }
            None => Ok(remarks),
        }
    }
}

/// An error at the very first call is an instance that cannot be made, or a card that cannot be read.
fn at_first_call(error: &CallError) -> Rejection {
    let stage = match error {
        CallError::Trapped { cause } if cause.contains("type mismatch") => {
            return Rejection::new(Stage::World, format!("it does not fit its world: {cause}"))
                .hint("build it against wit/v1 of this fillsync");
        }
        CallError::Memory { .. } | CallError::Host { .. } => Stage::Instantiate,
        _ => Stage::Describe,
    };
    Rejection::new(stage, format!("asked for its card, {error}")).hint(remedy(error))
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Loaded {
    /// Its card.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// What it imports, as the component names it.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// What it can reach.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach::of(self.imports.iter().map(String::as_str))
    }

    /// SHA-256 of the file's bytes, in hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// SHA-256 of its settings, in hex: JSON with the keys in order and no spaces.
    #[must_use]
    pub fn settings_sha256(&self) -> &str {
        &self.settings_sha256
    }

    /// Its settings: JSON with the keys in order and no spaces.
    #[must_use]
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// Whether it is made of the same bytes, settings and limits as another.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
            && self.settings == other.settings
            && self.limits == other.limits
    }

    /// Its limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What it remarked on its settings; all of them are warnings.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Asks a strategy. The answer is checked: one row for each member, in the view's order.
    ///
    /// # Errors
    /// No answer that can be used, or this is a formatter.
    pub fn decide(&self, view: &View) -> Result<(Vec<Shown>, CallReport), CallError> {
        let (answer, report) = self.try_decide(view);
        answer.map(|shown| (shown, report))
    }

    /// As [`Self::decide`], with what the call used and wrote even where it gave no answer.
    pub fn try_decide(&self, view: &View) -> (Result<Vec<Shown>, CallError>, CallReport) {
        match &self.prepared {
            Prepared::Strategy(pre) => {
                call::decide(&self.engine, pre, &self.limits, &self.settings, view)
            }
            Prepared::Formatter(_) => (
                Err(self.wrong_kind(PluginKind::Strategy)),
                CallReport::default(),
            ),
        }
    }

    /// Asks a formatter. The message is checked: not empty, within bounds, fit for the target.
    ///
    /// # Errors
    /// No message that can be sent, or this is a strategy.
    pub fn format(
        &self,
        alert: &Alert,
        target: &Target,
    ) -> Result<(Rendered, CallReport), CallError> {
        let (answer, report) = self.try_format(alert, target);
        answer.map(|rendered| (rendered, report))
    }

    /// As [`Self::format`], with what the call used and wrote even where it gave no message.
    pub fn try_format(
        &self,
        alert: &Alert,
        target: &Target,
    ) -> (Result<Rendered, CallError>, CallReport) {
        match &self.prepared {
            Prepared::Formatter(pre) => call::format(
                &self.engine,
                pre,
                &self.limits,
                &self.settings,
                alert,
                target,
            ),
            Prepared::Strategy(_) => (
                Err(self.wrong_kind(PluginKind::Formatter)),
                CallReport::default(),
            ),
        }
    }

    const fn wrong_kind(&self, wanted: PluginKind) -> CallError {
        CallError::Kind {
            is: self.card.kind,
            wanted,
        }
    }
}
