//! What is true of an account at a slot that somebody in the group has filled.
//!
//! Truth is the third value beside detected and shown. It is always computed from facts, whatever
//! the strategy says (law 6). Coverage past the fill, together with the order's own state, tells
//! "not seen yet" from "really not filled"; without that proof nothing is claimed.

use crate::leg::LegState;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is true of one account at one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truth {
    /// Nobody has filled the slot, so there is nothing to compare.
    Unfilled,
    /// This account has filled it as well.
    Aligned,
    /// It differed before, and agrees now.
    Resolved,
    /// Not seen yet: this account's data do not reach past the fill.
    Pending,
    /// Cannot be said: the account is not reachable, or the slots cannot be compared.
    Unknown,
    /// This account filled what main did not.
    Extra,
    /// Really not filled: its order is still open at the venue.
    Lagging,
    /// Really only partly filled.
    Partial,
    /// Its order was cancelled or expired.
    Cancelled,
    /// Its order was rejected.
    Rejected,
    /// It has no order for this slot.
    Missing,
}

impl Truth {
    /// The name in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unfilled => "unfilled",
            Self::Aligned => "aligned",
            Self::Resolved => "resolved",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Extra => "extra",
            Self::Lagging => "lagging",
            Self::Partial => "partial",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Missing => "missing",
        }
    }

    /// From [`Truth::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Unfilled,
            Self::Aligned,
            Self::Resolved,
            Self::Pending,
            Self::Unknown,
            Self::Extra,
            Self::Lagging,
            Self::Partial,
            Self::Cancelled,
            Self::Rejected,
            Self::Missing,
        ]
        .into_iter()
        .find(|truth| truth.as_str() == name)
    }

    /// Whether it says that accounts really differ.
    #[must_use]
    pub const fn is_diverged(self) -> bool {
        matches!(
            self,
            Self::Extra
                | Self::Lagging
                | Self::Partial
                | Self::Cancelled
                | Self::Rejected
                | Self::Missing
        )
    }

    /// Of two truths the one that a group must show: the order of the variants is from good to bad.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        self.max(other)
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of one member at one slot that somebody has filled.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// Where its leg stands; none where it has no such leg.
    pub leg: Option<LegState>,
    /// Whether the leg counts.
    pub counted: bool,
    /// Its cycle began before its data: what it lacks may have been before.
    pub at_least: bool,
    /// Its executions are proven complete past the fill and the group's settle.
    pub covered: bool,
    /// Its orders were read to the end after the fill and the group's settle.
    pub orders_read: bool,
    /// The group's deadline for the fill has passed.
    pub past_deadline: bool,
    /// The slot's match is sure enough to compare.
    pub comparable: bool,
}

/// What is true of a member at a slot that somebody has filled.
#[must_use]
pub const fn truth_of(evidence: Evidence) -> Truth {
    if evidence.counted {
        return Truth::Aligned;
    }
    if evidence.at_least || !evidence.comparable {
        return Truth::Unknown;
    }
    if !evidence.covered || !evidence.orders_read {
        return if evidence.past_deadline {
            Truth::Unknown
        } else {
            Truth::Pending
        };
    }
    match evidence.leg {
        None | Some(LegState::Missing) => Truth::Missing,
        Some(LegState::Planned | LegState::Open) => Truth::Lagging,
        Some(LegState::Partial | LegState::PartialFinal) => Truth::Partial,
        Some(LegState::Cancelled) => Truth::Cancelled,
        Some(LegState::Rejected) => Truth::Rejected,
        // All of it is filled, and yet it does not count: the facts contradict each other.
        Some(LegState::Filled | LegState::Unknown) => Truth::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Evidence = Evidence {
        leg: Some(LegState::Open),
        counted: false,
        at_least: false,
        covered: true,
        orders_read: true,
        past_deadline: false,
        comparable: true,
    };

    #[test]
    fn an_open_order_with_proof_is_really_not_filled() {
        assert_eq!(truth_of(OPEN), Truth::Lagging);
    }

    #[test]
    fn without_proof_nothing_is_claimed() {
        for (covered, orders_read) in [(false, true), (true, false), (false, false)] {
            let evidence = Evidence {
                covered,
                orders_read,
                ..OPEN
            };
            assert_eq!(truth_of(evidence), Truth::Pending);
            let late = Evidence {
                past_deadline: true,
                ..evidence
            };
            assert_eq!(truth_of(late), Truth::Unknown);
        }
    }

    #[test]
    fn an_unknown_start_or_an_unsure_match_is_never_called_diverged() {
        for evidence in [
            Evidence {
                at_least: true,
                ..OPEN
            },
            Evidence {
                comparable: false,
                ..OPEN
            },
        ] {
            assert!(!truth_of(evidence).is_diverged());
        }
    }

    #[test]
    fn every_name_reads_back() {
        for truth in [
            Truth::Unfilled,
            Truth::Extra,
            Truth::Resolved,
            Truth::Missing,
        ] {
            assert_eq!(Truth::from_name(truth.as_str()), Some(truth));
        }
    }
}
