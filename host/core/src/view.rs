//! The question that a strategy answers, and its answer.
//!
//! The same shapes as the interface `strategy` of `wit/v1`. A view is all that is known of one group
//! cycle as of one moment of venue time; it is stored with its decision, so that the decision can be
//! made again. An answer is checked here (every member once, no count above the slots) before
//! anything is shown; a strategy can change neither what is detected nor what is true.

use crate::amount::{Price, Quantity};
use crate::id::{AccountName, GroupName, Symbol};
use crate::leg::LegState;
use crate::order::PositionSide;
use crate::slot::SlotMatch;
use crate::time::VenueTime;
use crate::truth::Truth;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// What an account is in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The account that the plan is made for.
    Main,
    /// An account that follows it.
    Mirror,
    /// Watched and compared; its facts move no count.
    Observer,
}

impl Role {
    /// The name in configuration and database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Mirror => "mirror",
            Self::Observer => "observer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// When a leg counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountsWhen {
    /// When it is entirely filled.
    #[default]
    Filled,
    /// From its first partial fill on.
    Touched,
}

/// One order of the plan, seen across the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewSlot {
    /// 1 for "L1".
    pub ordinal: u32,
    /// The price at which the plan wanted it, of the main account where it has one.
    pub reference_price: Option<Price>,
    /// How its legs were matched.
    pub matched_by: SlotMatch,
    /// How sure the match is, in percent.
    pub confidence: u8,
}

/// One account's order at one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewLeg {
    /// The slot's ordinal.
    pub slot: u32,
    /// As the account's own facts say.
    pub state: LegState,
    /// Filled so far.
    pub filled_quantity: Quantity,
    /// Wanted in all.
    pub quantity: Quantity,
    /// Whether it is part of this account's detected count.
    pub counted: bool,
    /// What is true of it.
    pub truth: Truth,
}

/// One account of the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewMember {
    /// The account.
    pub account: AccountName,
    /// Its role.
    pub role: Role,
    /// The number of its own counted legs.
    pub detected: u32,
    /// Whether its facts are proven complete past the moment of the view.
    pub known: bool,
    /// Its position was open before its data begin: `detected` is a lower bound.
    pub at_least: bool,
    /// Venue time up to which its executions are proven complete.
    pub coverage_to: Option<VenueTime>,
    /// The count that was last shown for it in this cycle.
    pub shown_before: Option<u32>,
    /// Its legs, by slot.
    pub legs: Vec<ViewLeg>,
}

/// All that is known of one group cycle as of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The group.
    pub group: GroupName,
    /// The symbol, in the group's spelling.
    pub symbol: Symbol,
    /// The direction of the position.
    pub side: PositionSide,
    /// The number of the cycle within group, symbol and side.
    pub cycle: u64,
    /// Fills after it are not in the view.
    pub as_of: VenueTime,
    /// When a leg counts.
    pub counts_when: CountsWhen,
    /// The slots, by ordinal.
    pub slots: Vec<ViewSlot>,
    /// The members, by name.
    pub members: Vec<ViewMember>,
}

impl View {
    /// The hash under which the decision about this view is stored: SHA-256 of its JSON, in hex.
    #[must_use]
    pub fn hash(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        hex(&Sha256::digest(json))
    }
}

/// The hash that a view of this JSON has, as [`View::hash`] makes it.
#[must_use]
pub fn hash_of_json(json: &str) -> String {
    hex(&Sha256::digest(json.as_bytes()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What to show for one account, as a strategy answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The account, as the view names it.
    pub account: AccountName,
    /// The count to show.
    pub count: u32,
    /// Why it differs from the account's own.
    pub note: Option<String>,
}

/// The longest note that is kept, in characters.
pub const NOTE_CHARACTERS_MAX: usize = 200;

/// An answer that cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// An account that the view does not have.
    #[error("it answered for {account:?}, which is not in the group")]
    Stranger {
        /// The account it named.
        account: String,
    },
    /// An account twice.
    #[error("it answered twice for {account}")]
    Twice {
        /// The account.
        account: AccountName,
    },
    /// An account left out.
    #[error("it gave no answer for {account}")]
    Missing {
        /// The account.
        account: AccountName,
    },
    /// More than there are slots.
    #[error("it wants to show {count} for {account}, but the plan has {slots} orders")]
    TooMany {
        /// The account.
        account: AccountName,
        /// What it answered.
        count: u32,
        /// What there is.
        slots: u32,
    },
}

/// Checks a strategy's raw answer against its view, and puts it in the view's order of members.
///
/// # Errors
/// When the answer names a stranger, leaves out or repeats a member, or counts more than the slots.
pub fn check_answer(
    view: &View,
    answer: Vec<(String, u32, Option<String>)>,
) -> Result<Vec<Shown>, AnswerError> {
    let slots = u32::try_from(view.slots.len()).unwrap_or(u32::MAX);
    let mut by_account: BTreeMap<&AccountName, Shown> = BTreeMap::new();
    for (account, count, note) in answer {
        let Some(member) = view.members.iter().find(|m| m.account.as_str() == account) else {
            return Err(AnswerError::Stranger {
                account: account.chars().take(64).collect(),
            });
        };
        let account = member.account.clone();
        if count > slots.max(member.detected) {
            return Err(AnswerError::TooMany {
                account,
                count,
                slots,
            });
        }
        let note = note
            .map(|note| one_line(&note))
            .filter(|note| !note.is_empty());
        let shown = Shown {
            account: account.clone(),
            count,
            note,
        };
        if by_account.insert(&member.account, shown).is_some() {
            return Err(AnswerError::Twice { account });
        }
    }
    view.members
        .iter()
        .map(|member| {
            by_account
                .remove(&member.account)
                .ok_or_else(|| AnswerError::Missing {
                    account: member.account.clone(),
                })
        })
        .collect()
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(NOTE_CHARACTERS_MAX)
        .collect::<String>()
        .trim()
        .to_owned()
}
