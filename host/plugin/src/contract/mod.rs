//! The published versions of the contract, one module for each.
//!
//! A version's module has its generated types, converts the core's own types to them and back, and
//! asks its questions; nothing else in the house sees a contract's type. A plugin stays with the
//! version that it was built against for ever, beside plugins of any other, because each version
//! converts to the same core.
//!
//! How a version is added: its WIT in a folder of its own (`wit/v2`), a module beside [`v1`] with
//! `decide` and its like, an arm in [`Version`], in [`Strategy`] or [`Formatter`], and in the four
//! questions of `call`; the compiler names what is left. Interfaces that did not change are shared by
//! `with:`. `next` does all of this for a later `strategy` that no plugin has yet, in tests only, so
//! that the way stays open. Deliberately absent: anything that turns one version into another.

pub(crate) mod v1;

#[cfg(test)]
pub(crate) mod next;
#[cfg(test)]
mod next_tests;

use crate::store::Call;

/// A published version of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// `fillsync:plugin@1.x`.
    V1,
    /// The later version that only tests speak.
    #[cfg(test)]
    Next,
}

/// The major versions that this host speaks, in words.
pub(crate) const SPOKEN: &str = "1.x";

impl Version {
    /// The version of an interface that a component names ("1.2.0"); none where it is not spoken here.
    /// A preview of a version is no version.
    pub(crate) fn of(interface: &str, version: &str) -> Option<Self> {
        if version.contains(['-', '+']) {
            return None;
        }
        match (interface, version.split('.').next()) {
            (_, Some("1")) => Some(Self::V1),
            #[cfg(test)]
            ("strategy", Some("2")) => Some(Self::Next),
            _ => None,
        }
    }
}

/// A component linked to its world, from which instances are made.
pub(crate) enum Prepared {
    Strategy(Strategy),
    Formatter(Formatter),
}

/// A strategy, by the version that it answers in.
pub(crate) enum Strategy {
    V1(v1::StrategyPluginPre<Call>),
    #[cfg(test)]
    Next(next::StrategyPluginPre<Call>),
}

/// A formatter, by the version that it answers in.
pub(crate) enum Formatter {
    V1(v1::FormatterPluginPre<Call>),
}
