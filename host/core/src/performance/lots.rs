//! What the exits of one cycle realised, by average cost and first in, first out.
//!
//! Both ways release the same cost in the end: the exit that makes the position flat takes all that
//! is left, so over a whole cycle their sums agree to the digit. Value is quantity times price, exact;
//! of an inverse contract it is quantity over price, in the coin. That, and a part of a cost, is rounded
//! to [`COST_PLACES`] half away from zero; later parts take what is left, so nothing is lost by it. Fees are no part of this. The rows must be those of one cycle
//! with a known start, in fill order.

use crate::amount::{Money, Price, Quantity};
use crate::cycle::{Allocation, BookRule, COST_PLACES, held_of, is_flat, share};
use crate::execution::Execution;
use crate::order::PositionSide;
use rust_decimal::RoundingStrategy;
use std::collections::VecDeque;

/// What a quantity at a price is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Valuation {
    /// Quantity times price, in the quote currency.
    Linear,
    /// Quantity over price, in the coin (Bybit's inverse contracts: contracts of one dollar; profit of a
    /// long is quantity × (1/entry − 1/exit)).
    Inverse,
}

impl Valuation {
    /// How a book values.
    #[must_use]
    pub const fn of(rule: BookRule) -> Self {
        if rule.linear {
            Self::Linear
        } else {
            Self::Inverse
        }
    }

    /// The worth; none beyond 28 digits, or over a price of nothing.
    #[must_use]
    pub fn value(self, price: Price, quantity: Quantity) -> Option<Money> {
        match self {
            Self::Linear => price.times(quantity),
            Self::Inverse => quantity
                .decimal()
                .checked_div(price.decimal())
                .map(|value| {
                    let strategy = RoundingStrategy::MidpointAwayFromZero;
                    Money::from_decimal(value.round_dp_with_strategy(COST_PLACES, strategy))
                }),
        }
    }

    /// What an exit worth `value` earned, when it released `cost`.
    fn result(self, side: PositionSide, value: Money, cost: Money) -> Money {
        match (self, side) {
            (Self::Linear, PositionSide::Long) | (Self::Inverse, PositionSide::Short) => {
                value - cost
            }
            (Self::Linear, PositionSide::Short) | (Self::Inverse, PositionSide::Long) => {
                cost - value
            }
        }
    }
}

/// Realised before fees, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Realised {
    /// By average cost.
    pub average_cost: Money,
    /// First in, first out.
    pub fifo: Money,
}

/// What one exit realised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitResult {
    /// How much was left.
    pub quantity: Quantity,
    /// At which price.
    pub price: Price,
    /// What it realised.
    pub realised: Realised,
}

#[derive(Debug, Clone, Copy)]
struct Lot {
    quantity: Quantity,
    cost: Money,
}

/// The lots of one cycle.
#[derive(Debug, Clone)]
pub struct Lots {
    rule: BookRule,
    side: PositionSide,
    ordinal: u32,
    lots: VecDeque<Lot>,
    quantity: Quantity,
    quantity_max: Quantity,
    cost: Money,
    realised: Realised,
}

impl Lots {
    /// Before the first row of a cycle.
    #[must_use]
    pub const fn new(rule: BookRule, side: PositionSide, ordinal: u32) -> Self {
        Self {
            rule,
            side,
            ordinal,
            lots: VecDeque::new(),
            quantity: Quantity::ZERO,
            quantity_max: Quantity::ZERO,
            cost: Money::ZERO,
            realised: Realised {
                average_cost: Money::ZERO,
                fifo: Money::ZERO,
            },
        }
    }

    /// What was realised so far.
    #[must_use]
    pub const fn realised(&self) -> Realised {
        self.realised
    }

    /// What is still held.
    #[must_use]
    pub const fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// Follows one row by what the ledger says that it did; parts in other cycles are not looked at.
    /// None where the row cannot be valued: nothing of the cycle can be said then.
    #[must_use]
    pub fn follow(
        &mut self,
        execution: &Execution,
        allocation: &Allocation,
    ) -> Option<Option<ExitResult>> {
        let mut left = None;
        if let Some(exit) = allocation.exit.filter(|part| part.ordinal == self.ordinal) {
            left = Some(self.leave(exit.quantity, execution.price)?);
        }
        if let Some(entry) = allocation.entry.filter(|part| part.ordinal == self.ordinal) {
            let held = held_of(self.rule, execution, entry.quantity);
            self.enter(entry.quantity, held, execution.price)?;
        }
        Some(left)
    }

    /// `quantity` was filled, of which `held` stays after a fee in kind.
    fn enter(&mut self, quantity: Quantity, held: Quantity, price: Price) -> Option<()> {
        let cost = Valuation::of(self.rule).value(price, quantity)?;
        self.quantity += held;
        self.quantity_max = self.quantity_max.max(self.quantity);
        self.cost += cost;
        self.lots.push_back(Lot {
            quantity: held,
            cost,
        });
        Some(())
    }

    fn leave(&mut self, quantity: Quantity, price: Price) -> Option<ExitResult> {
        let valuation = Valuation::of(self.rule);
        let value = valuation.value(price, quantity)?;
        let rest = self.quantity - quantity;
        let flat = is_flat(rest, self.quantity_max, self.rule);
        let by_average = if flat {
            self.cost
        } else {
            share(self.cost, quantity, self.quantity)?
        };
        let by_lots = self.release(quantity, flat)?;
        let realised = Realised {
            average_cost: valuation.result(self.side, value, by_average),
            fifo: valuation.result(self.side, value, by_lots),
        };
        self.cost -= by_average;
        self.quantity = if flat { Quantity::ZERO } else { rest };
        self.realised.average_cost += realised.average_cost;
        self.realised.fifo += realised.fifo;
        Some(ExitResult {
            quantity,
            price,
            realised,
        })
    }

    /// The cost of the oldest `wanted`; of all of it where the position is flat.
    fn release(&mut self, mut wanted: Quantity, flat: bool) -> Option<Money> {
        if flat {
            return Some(self.lots.drain(..).map(|lot| lot.cost).sum());
        }
        let mut released = Money::ZERO;
        while wanted.is_positive() {
            let mut lot = self.lots.pop_front()?;
            if lot.quantity <= wanted {
                wanted -= lot.quantity;
                released += lot.cost;
                continue;
            }
            let part = share(lot.cost, wanted, lot.quantity)?;
            lot.quantity -= wanted;
            lot.cost -= part;
            released += part;
            self.lots.push_front(lot);
            break;
        }
        Some(released)
    }
}
