//! Write a strategy or a formatter for fillsync in Rust.
//!
//! A plugin is one type: [`Strategy`] or [`Formatter`], exported by one macro. Settings are read by
//! serde and default where they are left out; a panic's text reaches the host's log; everything else
//! is a pure function of the arguments, which also runs natively in your own tests. Deliberately
//! absent: clock, randomness, network, files. The contract behind this crate is `wit/v1`.
//!
//! ```
//! use fillsync_plugin::{Card, NoSettings, Remarks, Strategy, own_count, strategy::{Decision, Shown, StrategyError, View}};
//!
//! struct Own;
//!
//! impl Strategy for Own {
//!     type Settings = NoSettings;
//!     fn card() -> Card {
//!         Card { name: "own", version: env!("CARGO_PKG_VERSION"), summary: "Everybody's own count.", ..Card::default() }
//!     }
//!     fn configure(_settings: NoSettings, _remarks: &mut Remarks) -> Self {
//!         Self
//!     }
//!     fn decide(&self, view: &View) -> Result<Decision, StrategyError> {
//!         Ok(Decision { shown: view.members.iter().map(|member| own_count(member, None)).collect() })
//!     }
//! }
//! fillsync_plugin::export_strategy!(Own);
//! ```

use serde::Deserialize;
use serde::de::DeserializeOwned;

#[doc(hidden)]
pub use fillsync_formatter_world as formatter_world;
#[doc(hidden)]
pub use fillsync_strategy_world as strategy_world;

mod export;
mod setting;
pub mod testing;

#[doc(hidden)]
pub use export::machinery;
pub use setting::{Remark, Remarks, parse_settings};
pub use strategy_world::fillsync::plugin::types;

/// The question of a strategy, and its answer.
pub mod strategy {
    pub use crate::strategy_world::exports::fillsync::plugin::strategy::{
        Decision, Leg, Member, Shown, Slot, StrategyError, View,
    };
}

/// What happened, as data.
pub mod alert {
    pub use crate::formatter_world::fillsync::plugin::alert::{
        Account, Body, Closed, Correction, Count, Digest, Divergence, DivergenceLeg, Event, Exit,
        ExitReason, Fill, OrderSide, Progress, Severity, System,
    };
}

/// The question of a formatter, and its answer.
pub mod formatter {
    pub use crate::formatter_world::exports::fillsync::plugin::formatter::{
        FormatterError, MessageLimits, Target,
    };
    pub use crate::formatter_world::fillsync::plugin::message::{
        Link, RawMessage, Rendered, RichMessage, Span,
    };
}

/// What a plugin says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Card {
    /// The name by which the configuration refers to it: lower-case letters, digits and "-".
    pub name: &'static str,
    /// Its version, as semantic versioning writes it.
    pub version: &'static str,
    /// One sentence for the operator.
    pub summary: &'static str,
    /// A JSON Schema (an object) of the settings; empty accepts no settings at all.
    pub settings_schema: &'static str,
    /// Anything else worth showing: author, homepage, licence.
    pub attributes: &'static [(&'static str, &'static str)],
}

/// The schema of a plugin without settings.
pub const NO_SETTINGS_SCHEMA: &str = r#"{"type":"object","additionalProperties":false}"#;

/// The settings of a plugin that has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Decides what is shown for the accounts of a group: a pure function of the view.
pub trait Strategy: Sized + 'static {
    /// What the operator may set.
    type Settings: DeserializeOwned + Default;

    /// The card: the same at every call.
    fn card() -> Card;

    /// Takes the settings. A remark of severity `error` keeps the plugin from being used with them.
    fn configure(settings: Self::Settings, remarks: &mut Remarks) -> Self;

    /// One row for every member of the view.
    ///
    /// # Errors
    /// `Undecided` where the view does not allow an answer: each account's own count is shown then.
    fn decide(&self, view: &strategy::View) -> Result<strategy::Decision, strategy::StrategyError>;
}

/// Makes a message of an alert: a pure function of the alert and the target.
pub trait Formatter: Sized + 'static {
    /// What the operator may set.
    type Settings: DeserializeOwned + Default;

    /// The card: the same at every call.
    fn card() -> Card;

    /// Takes the settings. A remark of severity `error` keeps the plugin from being used with them.
    fn configure(settings: Self::Settings, remarks: &mut Remarks) -> Self;

    /// The message.
    ///
    /// # Errors
    /// `Unsupported` where this formatter does not speak for the alert's kind: the host's own plain
    /// text is sent then.
    fn format(
        &self,
        event: &alert::Event,
        target: &formatter::Target,
    ) -> Result<formatter::Rendered, formatter::FormatterError>;
}

/// The row that shows a member's own count.
#[must_use]
pub fn own_count(member: &strategy::Member, note: Option<&str>) -> strategy::Shown {
    strategy::Shown {
        account: member.account.clone(),
        count: member.detected,
        note: note.map(str::to_owned),
    }
}

/// Whether a member's facts move counts: main and mirrors do, observers do not.
#[must_use]
pub fn counts(member: &strategy::Member) -> bool {
    !matches!(member.role, types::Role::Observer)
}

/// Writes a line to the host's log; in native tests to standard error, which a test that fails shows.
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    strategy_world::fillsync::plugin::log::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    {
        use std::io::Write as _;
        // A test whose standard error is closed wants no lines.
        let _ = writeln!(std::io::stderr(), "{level:?}: {message}");
    }
}

pub use strategy_world::fillsync::plugin::log::Level;
