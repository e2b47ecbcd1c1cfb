//! From flat to flat: how executions become position cycles.
//!
//! A [`BookFold`] follows one position of one market through its executions in the order of
//! [`Execution::sequence`] and says, for each, which part of it enlarged the position and which
//! reduced it. It is a left fold: the ledger goes on from the last cycle when new rows come after
//! all it has, and folds again from the start of a cycle when a row arrives late, so the result
//! never depends on how rows arrived (law 1).
//!
//! What the venue itself says of a row (it closed so much, its order can only reduce) wins over what
//! the fold would think; where the two show that the position was open before the data begin, the
//! cycle is one of unknown start, whose counts say "at least". Nothing here looks at groups.

use crate::amount::{Money, Price, Quantity};
use crate::execution::{Execution, Sequence, Side};
use crate::id::{Category, Currency, Market, Symbol};
use crate::order::{Lane, Order, PositionSide, StopKind};
use crate::time::VenueTime;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One position of one market: the unit that a fold follows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Book {
    /// The market.
    pub market: Market,
    /// Which of its positions.
    pub lane: Lane,
}

/// How a market's positions work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookRule {
    /// Whether a position can be short. Without, a sale beyond what is known sells what was there before.
    pub shorts: bool,
    /// The rest, in thousandths of the largest position, that still means flat: where fees are taken
    /// from what was bought, the last sale leaves dust.
    pub dust_permille: u32,
    /// Whether value is quantity times price. Not so for inverse contracts, whose P&L is in the coin.
    pub linear: bool,
}

impl BookRule {
    /// The rule of a market. Bybit's `spot` and Alpaca's crypto pairs (the ones with a slash) take
    /// fees from the asset received; Bybit's `inverse` is valued in the coin.
    #[must_use]
    pub fn of(category: &Category, symbol: &Symbol) -> Self {
        match category.as_str() {
            "spot" => Self {
                shorts: false,
                dust_permille: 5,
                linear: true,
            },
            "fills" if symbol.as_str().contains('/') => Self {
                shorts: false,
                dust_permille: 6,
                linear: true,
            },
            "inverse" => Self {
                shorts: true,
                dust_permille: 0,
                linear: false,
            },
            _ => Self {
                shorts: true,
                dust_permille: 0,
                linear: true,
            },
        }
    }
}

/// How a cycle began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CycleStart {
    /// From flat: all of it is known.
    Flat,
    /// The position was open before the data begin: counts are lower bounds, P&L cannot be said.
    Unknown,
}

/// One cycle of one book: also the whole state from which a fold goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// 1 for the book's first cycle.
    pub ordinal: u32,
    /// The position's direction.
    pub side: PositionSide,
    /// How it began.
    pub start: CycleStart,
    /// When it began.
    pub opened_at: VenueTime,
    /// When it was flat again.
    pub closed_at: Option<VenueTime>,
    /// The position now, without sign.
    pub quantity: Quantity,
    /// The largest position.
    pub quantity_max: Quantity,
    /// What the open quantity cost, by average cost.
    pub cost: Money,
    /// All that was entered.
    pub entry_quantity: Quantity,
    /// What it cost.
    pub entry_value: Money,
    /// All that was left.
    pub exit_quantity: Quantity,
    /// What it brought.
    pub exit_value: Money,
    /// Realised profit or loss by average cost, before fees; meaningless for an unknown start.
    pub realised: Money,
    /// Fees by currency ("" where the venue does not say); positive is paid.
    pub fees: BTreeMap<String, Money>,
    /// Rows that entered.
    pub entries: u32,
    /// Rows that left.
    pub exits: u32,
    /// Its first row.
    pub first: Option<Sequence>,
    /// Its last row.
    pub last: Option<Sequence>,
}

impl Cycle {
    fn open(ordinal: u32, side: PositionSide, start: CycleStart, opened_at: VenueTime) -> Self {
        Self {
            ordinal,
            side,
            start,
            opened_at,
            closed_at: None,
            quantity: Quantity::ZERO,
            quantity_max: Quantity::ZERO,
            cost: Money::ZERO,
            entry_quantity: Quantity::ZERO,
            entry_value: Money::ZERO,
            exit_quantity: Quantity::ZERO,
            exit_value: Money::ZERO,
            realised: Money::ZERO,
            fees: BTreeMap::new(),
            entries: 0,
            exits: 0,
            first: None,
            last: None,
        }
    }

    /// Whether the position is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// Average entry price.
    #[must_use]
    pub fn entry_price(&self) -> Option<Price> {
        self.entry_value.per(self.entry_quantity)
    }

    /// Average exit price.
    #[must_use]
    pub fn exit_price(&self) -> Option<Price> {
        self.exit_value.per(self.exit_quantity)
    }

    /// Realised profit or loss after fees, where it can be said: the start is known, value is
    /// quantity times price, and every fee is in the currency `quote` (or unnamed).
    #[must_use]
    pub fn net(&self, rule: BookRule, quote: Option<&str>) -> Option<Money> {
        if self.start == CycleStart::Unknown || !rule.linear {
            return None;
        }
        let mut net = self.realised;
        for (currency, fee) in &self.fees {
            if !currency.is_empty() && quote.is_some_and(|quote| quote != currency) {
                // Fees in another coin are shown beside the P&L, not mixed into it.
                continue;
            }
            net -= *fee;
        }
        Some(net)
    }
}

/// The part of a row that enlarged a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPart {
    /// The cycle.
    pub ordinal: u32,
    /// How much.
    pub quantity: Quantity,
}

/// The part of a row that reduced a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitPart {
    /// The cycle.
    pub ordinal: u32,
    /// How much.
    pub quantity: Quantity,
    /// Realised by it before fees; none where the entry is not known.
    pub realised: Option<Money>,
}

/// What a row did to its book. A flip has both parts, in two cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Allocation {
    /// The part that entered.
    pub entry: Option<EntryPart>,
    /// The part that left.
    pub exit: Option<ExitPart>,
}

/// Which book a row belongs to: its order says the lane; without an order it is the one-way one.
#[must_use]
pub fn book_of(execution: &Execution, order: Option<&Order>) -> Book {
    Book {
        market: execution.market.clone(),
        lane: order.map_or(Lane::OneWay, |order| order.lane),
    }
}

/// Follows one book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookFold {
    rule: BookRule,
    lane: Lane,
    /// The newest cycle, open or closed.
    last: Option<Cycle>,
    /// Cycles that were changed and are no longer the newest.
    finished: Vec<Cycle>,
}

impl BookFold {
    /// Goes on after a book's newest cycle, or begins where there is none.
    #[must_use]
    pub fn after(rule: BookRule, lane: Lane, last: Option<Cycle>) -> Self {
        Self {
            rule,
            lane,
            last,
            finished: Vec::new(),
        }
    }

    /// Begins a book whose position was already open when its data begin: `opening` is signed.
    #[must_use]
    pub fn opening(rule: BookRule, lane: Lane, opening: Quantity, at: VenueTime) -> Self {
        if opening.is_zero() {
            return Self::after(rule, lane, None);
        }
        let side = if opening.is_negative() {
            PositionSide::Short
        } else {
            PositionSide::Long
        };
        let mut cycle = Cycle::open(1, side, CycleStart::Unknown, at);
        cycle.quantity = opening.abs();
        cycle.quantity_max = cycle.quantity;
        Self::after(rule, lane, Some(cycle))
    }

    /// The newest cycle.
    #[must_use]
    pub const fn last(&self) -> Option<&Cycle> {
        self.last.as_ref()
    }

    /// Every cycle that was changed, the oldest first; the newest stays the fold's state.
    pub fn take_changed(&mut self) -> Vec<Cycle> {
        let mut changed = std::mem::take(&mut self.finished);
        changed.extend(self.last.clone());
        changed
    }

    /// Follows one row. Rows must come in the order of their [`Sequence`].
    pub fn apply(&mut self, execution: &Execution, order: Option<&Order>) -> Allocation {
        if !execution.class.moves_position() || execution.quantity.is_zero() {
            return Allocation::default();
        }
        let (known_exit, unknown_exit, entry) = self.parts(execution, order);
        let mut allocation = Allocation::default();
        if known_exit.is_positive() || unknown_exit.is_positive() {
            allocation.exit = Some(self.leave(execution, known_exit, unknown_exit));
        }
        if entry.is_positive() {
            allocation.entry = Some(self.enter(execution, entry));
        }
        self.charge(execution);
        allocation
    }

    /// Splits a row into what it takes from the known position, what it takes from a position that
    /// was there before the data, and what it adds.
    fn parts(
        &self,
        execution: &Execution,
        order: Option<&Order>,
    ) -> (Quantity, Quantity, Quantity) {
        let quantity = execution.quantity;
        let open = self.last.as_ref().filter(|cycle| cycle.is_open());
        let reduces = match self.lane {
            Lane::Long => execution.side == Side::Sell,
            Lane::Short => execution.side == Side::Buy,
            Lane::OneWay => open.is_some_and(|cycle| cycle.side.entry_side() != execution.side),
        };
        let known_exit = match open {
            Some(cycle) if reduces => quantity.min(cycle.quantity),
            _ => Quantity::ZERO,
        };
        let rest = quantity - known_exit;
        let only_closes = execution.class.is_venue_close()
            || (self.lane != Lane::OneWay && reduces)
            || (!self.rule.shorts && execution.side == Side::Sell)
            || order.is_some_and(|order| {
                order.reduce_only
                    || matches!(
                        order.stop,
                        StopKind::TakeProfit | StopKind::StopLoss | StopKind::TrailingStop
                    )
            });
        let said = execution.closed_quantity.unwrap_or(Quantity::ZERO);
        let unknown_exit = if only_closes {
            rest
        } else if said > known_exit {
            rest.min(said - known_exit)
        } else {
            Quantity::ZERO
        };
        (known_exit, unknown_exit, rest - unknown_exit)
    }

    fn enter(&mut self, execution: &Execution, quantity: Quantity) -> EntryPart {
        let side = PositionSide::opened_by(execution.side);
        let reuse = self
            .last
            .as_ref()
            .is_some_and(|cycle| cycle.is_open() && cycle.side == side);
        if !reuse {
            self.begin(side, CycleStart::Flat, execution);
        }
        let value = execution.price.times(quantity).unwrap_or(Money::ZERO);
        let net = held_of(self.rule, execution, quantity);
        let Some(cycle) = self.last.as_mut() else {
            unreachable!("a cycle was begun just above");
        };
        cycle.quantity += net;
        cycle.quantity_max = cycle.quantity_max.max(cycle.quantity);
        cycle.cost += value;
        cycle.entry_quantity += quantity;
        cycle.entry_value += value;
        cycle.entries = cycle.entries.saturating_add(1);
        note_row(cycle, execution);
        EntryPart {
            ordinal: cycle.ordinal,
            quantity,
        }
    }

    fn leave(&mut self, execution: &Execution, known: Quantity, unknown: Quantity) -> ExitPart {
        let side = PositionSide::opened_by(execution.side.opposite());
        let continues = self.last.as_ref().is_some_and(|cycle| {
            cycle.side == side && (cycle.is_open() || cycle.start == CycleStart::Unknown)
        });
        if !continues {
            self.begin(side, CycleStart::Unknown, execution);
        }
        let rule = self.rule;
        let Some(cycle) = self.last.as_mut() else {
            unreachable!("a cycle was begun just above");
        };
        if unknown.is_positive() {
            cycle.start = CycleStart::Unknown;
        }
        let quantity = known + unknown;
        let value = execution.price.times(quantity).unwrap_or(Money::ZERO);
        let rest = cycle.quantity - known;
        let flat = is_flat(rest, cycle.quantity_max, rule);
        let released = if flat {
            cycle.cost
        } else {
            share(cycle.cost, known, cycle.quantity).unwrap_or(Money::ZERO)
        };
        let realised = match side {
            PositionSide::Long => value - released,
            PositionSide::Short => released - value,
        };
        cycle.cost -= released;
        cycle.quantity = if flat { Quantity::ZERO } else { rest };
        cycle.exit_quantity += quantity;
        cycle.exit_value += value;
        cycle.realised += realised;
        cycle.exits = cycle.exits.saturating_add(1);
        note_row(cycle, execution);
        if flat {
            cycle.closed_at = Some(execution.executed_at);
        }
        ExitPart {
            ordinal: cycle.ordinal,
            quantity,
            realised: (cycle.start == CycleStart::Flat && rule.linear).then_some(realised),
        }
    }

    fn begin(&mut self, side: PositionSide, start: CycleStart, execution: &Execution) {
        let ordinal = match self.last.take() {
            Some(mut before) => {
                if before.is_open() {
                    // Only a position of unknown size can still be "open" here: the row enlarges the
                    // other side, so the venue has it flat.
                    before.closed_at = Some(execution.executed_at);
                    before.quantity = Quantity::ZERO;
                }
                let next = before.ordinal.saturating_add(1);
                self.finished.push(before);
                next
            }
            None => 1,
        };
        self.last = Some(Cycle::open(ordinal, side, start, execution.executed_at));
    }

    fn charge(&mut self, execution: &Execution) {
        let (Some(cycle), Some(fee)) = (self.last.as_mut(), execution.fee.as_ref()) else {
            return;
        };
        if fee.amount.is_zero() {
            return;
        }
        let currency = fee
            .currency
            .as_ref()
            .map_or_else(String::new, ToString::to_string);
        *cycle.fees.entry(currency).or_insert(Money::ZERO) += fee.amount;
    }
}

fn note_row(cycle: &mut Cycle, execution: &Execution) {
    let sequence = execution.sequence();
    if cycle.first.is_none() {
        cycle.first = Some(sequence.clone());
    }
    cycle.last = Some(sequence);
}

/// What of a fill stays: a fee that is taken from what was bought makes the position smaller.
pub(crate) fn held_of(rule: BookRule, execution: &Execution, quantity: Quantity) -> Quantity {
    let Some(fee) = execution.fee.as_ref() else {
        return quantity;
    };
    let in_kind = execution.side == Side::Buy
        && !rule.shorts
        && fee.amount.is_positive()
        && fee
            .currency
            .as_ref()
            .is_some_and(|currency| is_base(currency, &execution.market.symbol));
    if in_kind {
        quantity - Quantity::from_decimal(fee.amount.decimal().min(quantity.decimal()))
    } else {
        quantity
    }
}

fn is_base(currency: &Currency, symbol: &Symbol) -> bool {
    symbol
        .as_str()
        .strip_prefix(currency.as_str())
        .is_some_and(|rest| !rest.is_empty())
}

/// Whether what is left still means flat.
pub(crate) fn is_flat(rest: Quantity, largest: Quantity, rule: BookRule) -> bool {
    let dust = largest.decimal() * Decimal::from(rule.dust_permille) / Decimal::from(1000);
    !rest.is_positive() || rest.decimal() <= dust
}

/// Decimal places of a part of a cost, rounded half away from zero; what is left takes the rest. With
/// all the digits that a division gives, adding the parts up again would round, and a closed cycle
/// would be off in its last digits.
pub const COST_PLACES: u32 = 16;

/// The part of a cost that belongs to `part` of `whole`; none beyond 28 digits.
pub(crate) fn share(cost: Money, part: Quantity, whole: Quantity) -> Option<Money> {
    cost.decimal()
        .checked_mul(part.decimal())?
        .checked_div(whole.decimal())
        .map(|share| {
            let strategy = RoundingStrategy::MidpointAwayFromZero;
            Money::from_decimal(share.round_dp_with_strategy(COST_PLACES, strategy))
        })
}

#[cfg(test)]
#[path = "cycle_tests.rs"]
mod tests;
