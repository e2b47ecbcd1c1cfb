//! What is true of an account at a slot that somebody in the group has filled.
//!
//! Truth is the third value beside detected and shown. It is always computed from facts, whatever
//! the strategy says (law 6). Coverage past the fill, together with the order's own state, tells
//! "not seen yet" from "really not filled"; without that proof nothing is claimed.

use crate::leg::{LegState, Sum};
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

/// Why nothing is claimed of a member at a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// Its position was open before its data begin: what it lacks may have been before.
    UnknownStart,
    /// Its facts do not reach past the fill.
    NotSeen,
    /// It shows no order, but one that ended between two looks would not show: its ended orders are to
    /// be read.
    ClosedUnread,
    /// Nobody knows yet whether the accounts are in the same trade.
    TradeNotSeen,
    /// The accounts were never in their positions together: it may be another trade.
    AnotherTrade,
    /// Which orders are the same slot cannot be said surely enough.
    CannotCompare,
    /// The venue says that more of its order filled than the rows show that are seen.
    OrderAhead,
    /// What its order did is not seen yet, or cannot be known any more.
    OrderUnknown,
    /// Its order filled, but closed a position instead of entering this one.
    Closed,
}

impl Doubt {
    /// The words in alerts and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownStart => "its position was open before its data begin",
            Self::NotSeen => "its data do not reach past the fill",
            Self::ClosedUnread => "its ended orders are not read yet",
            Self::TradeNotSeen => "whether it is the same trade is not seen yet",
            Self::AnotherTrade => "it may be another trade",
            Self::CannotCompare => "the orders cannot be compared",
            Self::OrderAhead => "its order filled more than its rows show",
            Self::OrderUnknown => "what its order did is not known",
            Self::Closed => "its order closed a position before",
        }
    }

    /// Whether time answers it: more of the venue's data will be seen.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(
            self,
            Self::NotSeen | Self::ClosedUnread | Self::TradeNotSeen | Self::OrderAhead
        )
    }
}

/// What is true of a member at a slot, and why nothing more can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// What is true.
    pub truth: Truth,
    /// Why it is [`Truth::Pending`] or [`Truth::Unknown`].
    pub doubt: Option<Doubt>,
}

impl Judgement {
    const fn sure(truth: Truth) -> Self {
        Self { truth, doubt: None }
    }
}

/// What is known of the leg that a member has at a slot.
#[derive(Debug, Clone, Copy)]
pub struct LegEvidence {
    /// Where it stands.
    pub state: LegState,
    /// What its orders say that they filled, held against their rows.
    pub sum: Sum,
    /// Its newest order was itself read after the fill and the group's settle.
    pub is_read: bool,
}

/// What is known of one member at one slot that somebody has filled.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// Where its leg stands, and how that is known; none where it has no such leg.
    pub leg: Option<LegEvidence>,
    /// Whether the leg counts.
    pub counted: bool,
    /// What keeps it from being compared with those who filled the slot.
    pub doubt: Option<Doubt>,
    /// Its cycle began before its data: what it lacks may have been before.
    pub at_least: bool,
    /// Its executions are proven complete past the fill and the group's settle.
    pub covered: bool,
    /// Its orders were read to the end after the fill and the group's settle.
    pub orders_read: bool,
    /// Every order that it had until then is known: its executions are proven past that reading.
    pub orders_known: bool,
    /// Those that ended were asked for as well, after the fill and the group's settle.
    pub closed_known: bool,
    /// The group's deadline for the fill has passed.
    pub past_deadline: bool,
}

/// What is true of a member at a slot that somebody has filled.
#[must_use]
pub const fn truth_of(evidence: Evidence) -> Judgement {
    if let Some(doubt) = evidence.doubt {
        return open(doubt, evidence.past_deadline);
    }
    if evidence.counted {
        return Judgement::sure(Truth::Aligned);
    }
    if evidence.at_least {
        return open(Doubt::UnknownStart, true);
    }
    if !evidence.covered || !evidence.orders_read {
        return open(Doubt::NotSeen, evidence.past_deadline);
    }
    match evidence.leg {
        None => missing(evidence),
        Some(leg) => differs(leg, evidence),
    }
}

/// What is true of a member that shows no order at a slot.
const fn missing(evidence: Evidence) -> Judgement {
    if !evidence.orders_known {
        return open(Doubt::NotSeen, evidence.past_deadline);
    }
    // No row, and no place in the list: so looks an order that was never placed, and one that
    // came and filled between two looks and whose rows are late. The ended orders tell which.
    if !evidence.closed_known {
        return open(Doubt::ClosedUnread, evidence.past_deadline);
    }
    Judgement::sure(Truth::Missing)
}

/// How a leg that does not count differs. Its rows alone prove nothing, because one can be later than
/// any settle. The proof is the order itself, read after the fill, where what it had filled by then is
/// what the rows show; what came after that reading is not claimed.
const fn differs(leg: LegEvidence, evidence: Evidence) -> Judgement {
    if let Some(doubt) = doubt_of(leg, evidence) {
        return open(doubt, evidence.past_deadline);
    }
    match leg.state {
        LegState::Planned | LegState::Open => Judgement::sure(Truth::Lagging),
        LegState::Partial | LegState::PartialFinal => Judgement::sure(Truth::Partial),
        LegState::Cancelled => Judgement::sure(Truth::Cancelled),
        LegState::Rejected => Judgement::sure(Truth::Rejected),
        LegState::Missing => missing(evidence),
        LegState::Filled | LegState::Unknown => open(Doubt::OrderUnknown, evidence.past_deadline),
    }
}

/// What keeps a leg that does not count from being called different.
const fn doubt_of(leg: LegEvidence, evidence: Evidence) -> Option<Doubt> {
    let works = matches!(
        leg.state,
        LegState::Planned | LegState::Open | LegState::Partial
    );
    match (leg.sum, leg.state) {
        (Sum::Ahead, _) => Some(Doubt::OrderAhead),
        // All of it is filled, and yet it does not count: the facts contradict each other, or are
        // not all here.
        (_, LegState::Filled | LegState::Unknown) => Some(Doubt::OrderUnknown),
        (Sum::Behind, _) if works => Some(Doubt::NotSeen),
        // It is over, and filled less than its rows show.
        (Sum::Behind, _) => Some(Doubt::OrderUnknown),
        // Where the ended orders do not have it either, it ended long before the fill in question.
        (Sum::Unread, _) if !evidence.closed_known => Some(Doubt::ClosedUnread),
        (Sum::Agrees | Sum::Unread, _) if works && !leg.is_read => Some(Doubt::NotSeen),
        (Sum::Agrees | Sum::Unread, _) => None,
    }
}

/// A question that stays open: pending while time may answer it before the deadline.
const fn open(doubt: Doubt, past_deadline: bool) -> Judgement {
    Judgement {
        truth: if doubt.passes() && !past_deadline {
            Truth::Pending
        } else {
            Truth::Unknown
        },
        doubt: Some(doubt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn leg(state: LegState) -> LegEvidence {
        LegEvidence {
            state,
            sum: Sum::Agrees,
            is_read: true,
        }
    }

    const OPEN: Evidence = Evidence {
        leg: Some(leg(LegState::Open)),
        counted: false,
        doubt: None,
        at_least: false,
        covered: true,
        orders_read: true,
        orders_known: true,
        closed_known: true,
        past_deadline: false,
    };

    #[test]
    fn an_open_order_with_proof_is_really_not_filled() {
        assert_eq!(truth_of(OPEN).truth, Truth::Lagging);
    }

    #[test]
    fn without_proof_nothing_is_claimed() {
        for (covered, orders_read) in [(false, true), (true, false), (false, false)] {
            let evidence = Evidence {
                covered,
                orders_read,
                ..OPEN
            };
            assert_eq!(truth_of(evidence).truth, Truth::Pending);
            let late = Evidence {
                past_deadline: true,
                ..evidence
            };
            assert_eq!(truth_of(late).truth, Truth::Unknown);
        }
    }

    #[test]
    fn an_unknown_start_or_an_unsure_match_is_never_called_diverged() {
        let unknown_start = Evidence {
            at_least: true,
            ..OPEN
        };
        let unsure = Evidence {
            doubt: Some(Doubt::CannotCompare),
            ..OPEN
        };
        for (evidence, why) in [
            (unknown_start, Doubt::UnknownStart),
            (unsure, Doubt::CannotCompare),
        ] {
            let judgement = truth_of(evidence);
            assert_eq!(
                (judgement.truth, judgement.doubt),
                (Truth::Unknown, Some(why))
            );
        }
    }

    #[test]
    fn an_order_that_may_have_come_and_filled_unseen_is_not_missing() {
        let none = Evidence { leg: None, ..OPEN };
        assert_eq!(truth_of(none).truth, Truth::Missing);
        let unseen = Evidence {
            orders_known: false,
            ..none
        };
        assert_eq!(truth_of(unseen).truth, Truth::Pending);
    }

    #[test]
    fn nothing_is_missing_before_the_ended_orders_were_read() {
        for leg in [None, Some(leg(LegState::Missing))] {
            let unread = Evidence {
                leg,
                closed_known: false,
                ..OPEN
            };
            for (past_deadline, truth) in [(false, Truth::Pending), (true, Truth::Unknown)] {
                let judgement = truth_of(Evidence {
                    past_deadline,
                    ..unread
                });
                let doubt = Some(Doubt::ClosedUnread);
                assert_eq!(judgement, Judgement { truth, doubt });
            }
        }
        // An order that is known needs no such proof.
        let open = Evidence {
            closed_known: false,
            ..OPEN
        };
        assert_eq!(truth_of(open).truth, Truth::Lagging);
    }

    #[test]
    fn a_leg_differs_only_where_its_order_was_read_and_agrees_with_its_rows() {
        let works = [LegState::Open, LegState::Partial];
        let over = [
            LegState::Cancelled,
            LegState::Rejected,
            LegState::PartialFinal,
        ];
        let judged = |state: LegState, sum: Sum, is_read: bool, closed_known: bool| {
            let leg = Some(LegEvidence {
                state,
                sum,
                is_read,
            });
            truth_of(Evidence {
                leg,
                closed_known,
                ..OPEN
            })
        };
        let open = |doubt: Doubt| {
            let truth = if doubt.passes() {
                Truth::Pending
            } else {
                Truth::Unknown
            };
            Judgement {
                truth,
                doubt: Some(doubt),
            }
        };
        for state in works {
            assert!(judged(state, Sum::Agrees, true, false).truth.is_diverged());
            assert_eq!(
                judged(state, Sum::Agrees, false, true),
                open(Doubt::NotSeen)
            );
            assert_eq!(judged(state, Sum::Behind, true, true), open(Doubt::NotSeen));
        }
        for state in over {
            // What is over stays as it was read.
            assert!(judged(state, Sum::Agrees, false, false).truth.is_diverged());
            let contradiction = judged(state, Sum::Behind, true, true);
            assert_eq!(contradiction, open(Doubt::OrderUnknown));
        }
        for state in works.into_iter().chain(over) {
            let ahead = judged(state, Sum::Ahead, true, true);
            assert_eq!(ahead, open(Doubt::OrderAhead));
            let unread = judged(state, Sum::Unread, true, false);
            assert_eq!(unread, open(Doubt::ClosedUnread));
            assert!(judged(state, Sum::Unread, true, true).truth.is_diverged());
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
