//! How histories are made from a seed.
//!
//! A plan of limit orders for each trade, and what became of each order on each account: lags,
//! partial fills, cancels, rejections, replaces, amendments, flips, hedged accounts, rows that appear
//! late or are corrected, orders that the venue forgets, data that begin in the middle of a trade.

use crate::history::{
    DEADLINE_MS, History, LATE_MS, OTHER_SYMBOL, SETTLE_MS, SYMBOL, TrueAccount, TrueFill,
    TrueOrder, TrueStep,
};
use crate::random::Random;
use fillsync_core::execution::Side;
use fillsync_core::id::{AccountName, OrderId};
use fillsync_core::order::{Lane, OrderStatus, PositionSide};
use fillsync_core::view::{CountsWhen, Role};
use std::collections::BTreeMap;

/// One trade's plan.
struct Plan {
    trade: usize,
    side: PositionSide,
    start_ms: i64,
    exit_ms: i64,
    base_price: i64,
    spacing: i64,
    /// When price reaches each rung; none where it never does.
    reached_ms: Vec<Option<i64>>,
    /// The position before it is closed by its first order.
    is_flip: bool,
    /// It ends by its own exit orders, not by a flip.
    exits: bool,
}

impl Plan {
    const fn lane(&self) -> Lane {
        match self.side {
            PositionSide::Long => Lane::Long,
            PositionSide::Short => Lane::Short,
        }
    }
}

impl History {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let mirrors = if random.percent(6) {
            random.between(4, 9)
        } else {
            random.between(1, 3)
        };
        let is_wide = random.percent(65);
        let is_separated = random.percent(80);
        let has_tokens = random.percent(30);
        let plans = plans(random, is_wide, is_separated);
        let counts_when = if random.percent(75) {
            CountsWhen::Filled
        } else {
            CountsWhen::Touched
        };
        let mut accounts = Vec::new();
        for index in 0..=mirrors {
            let (name, role) = match index {
                0 => ("main".to_owned(), Role::Main),
                1.. if index == mirrors && index > 1 && random.percent(25) => {
                    ("watcher".to_owned(), Role::Observer)
                }
                _ => (format!("mirror-{index}"), Role::Mirror),
            };
            accounts.push(account(random, &name, role, &plans, is_wide));
        }
        // A source of its own: what becomes of the orders does not depend on how their rows come, or on how
        // their symbol is spelt.
        let hiding = &mut Random::new(seed.rotate_left(29));
        for account in &mut accounts {
            if account.data_begin_ms == 0 && hiding.percent(30) {
                hide_rows(hiding, account);
            }
        }
        for account in accounts.iter_mut().skip(1).step_by(2) {
            if hiding.percent(20) {
                account.symbol = OTHER_SYMBOL;
            }
        }
        let end_ms = plans.last().map_or(0, |plan| plan.exit_ms) + 120_000;
        let mut by_id = BTreeMap::new();
        for (at, account) in accounts.iter().enumerate() {
            for (index, order) in account.orders.iter().enumerate() {
                for step in &order.steps {
                    by_id.insert(step.id.clone(), (at, index));
                }
            }
        }
        Self {
            seed,
            counts_when,
            has_tokens,
            is_plain: is_wide && is_separated,
            is_separated,
            wrong_by: if is_wide { 100 } else { 10_000 },
            placed_within_ms: (has_tokens && !is_separated).then_some(5_000),
            price_tolerance_bps: if is_wide && random.percent(50) {
                100
            } else {
                10
            },
            accounts,
            end_ms,
            by_id,
        }
    }
}

fn plans(random: &mut Random, is_wide: bool, is_separated: bool) -> Vec<Plan> {
    let trades = if random.percent(70) {
        random.between(1, 2)
    } else {
        random.between(3, 4)
    };
    let mut plans: Vec<Plan> = Vec::new();
    let mut start_ms = random.between(5_000, 20_000);
    let mut side = if random.percent(50) {
        PositionSide::Long
    } else {
        PositionSide::Short
    };
    for trade in 0..usize::try_from(trades).unwrap() {
        let is_flip = trade > 0 && random.percent(15);
        if let Some(before) = plans.last_mut().filter(|_| is_flip) {
            before.exits = false;
        }
        if is_flip || random.percent(30) {
            side = match side {
                PositionSide::Long => PositionSide::Short,
                PositionSide::Short => PositionSide::Long,
            };
        }
        let depth = random.between(0, 5);
        let mut at_ms = start_ms + random.between(2_000, 6_000);
        let reached_ms: Vec<Option<i64>> = (0..random.between(1, 5))
            .map(|rung| {
                at_ms += random.between(0, 12_000);
                (rung < depth || (is_flip && rung == 0)).then_some(at_ms)
            })
            .collect();
        let exit_ms = at_ms + random.between(8_000, 60_000);
        let spacing = if is_wide {
            random.between(800_000, 900_000)
        } else {
            random.between(20_000, 150_000)
        };
        plans.push(Plan {
            trade,
            side,
            start_ms,
            exit_ms,
            base_price: random.between(9_000_000, 11_000_000),
            spacing,
            reached_ms,
            is_flip,
            exits: true,
        });
        // Exits lag by up to twenty seconds; the deadline runs from the last of them.
        let pause_ms = if is_separated {
            random.between(52_000 + DEADLINE_MS, 120_000 + DEADLINE_MS)
        } else {
            random.between(500, 40_000)
        };
        start_ms = exit_ms + pause_ms;
    }
    plans
}

fn account(
    random: &mut Random,
    name: &str,
    role: Role,
    plans: &[Plan],
    is_wide: bool,
) -> TrueAccount {
    let never_flips = plans.iter().all(|plan| !plan.is_flip);
    let mut account = TrueAccount {
        name: AccountName::new(name).unwrap(),
        role,
        symbol: SYMBOL,
        data_begin_ms: 0,
        opening: 0,
        is_hedged: never_flips && random.percent(25),
        ratio: [50, 100, 200][usize::try_from(random.between(0, 2)).unwrap()],
        says_closed: random.percent(50),
        orders: Vec::new(),
    };
    let says_leaves = random.percent(60);
    for plan in plans {
        if plan.is_flip {
            end_others(&mut account.orders, plan);
        }
        let lane = if account.is_hedged {
            plan.lane()
        } else {
            Lane::OneWay
        };
        let position = position(&account.orders, lane, i64::MAX).abs();
        let lag_ms = random.between(0, 800);
        // Its own exit: nothing of the plan fills after it began.
        let exit_ms = plan.exit_ms
            + if random.percent(20) {
                random.between(0, 20_000)
            } else {
                random.between(0, 3_000)
            };
        for rung in 0..plan.reached_ms.len() {
            let order = rung_order(random, name, plan, rung, lag_ms, exit_ms, position);
            if let Some(mut order) = order {
                order.says_leaves = says_leaves;
                order.lane = lane;
                account.orders.push(order);
            }
        }
        if plan.exits {
            exit(
                random,
                name,
                plan,
                exit_ms,
                (says_leaves, lane),
                &mut account.orders,
            );
        }
    }
    change_terms(random, &mut account.orders, is_wide);
    disturb(random, &mut account.orders);
    allocate(&mut account);
    if !account.is_hedged && random.percent(6) {
        hide_the_beginning(random, &mut account);
    }
    account
}

/// What became of one order of the plan on one account.
fn rung_order(
    random: &mut Random,
    name: &str,
    plan: &Plan,
    rung: usize,
    lag_ms: i64,
    exit_ms: i64,
    position: i64,
) -> Option<TrueOrder> {
    let flips = plan.is_flip && rung == 0;
    let fate = random.between(if flips { 40 } else { 0 }, 99);
    if fate < 5 {
        return None;
    }
    let depth = i64::try_from(rung).unwrap() * plan.spacing + random.between(0, 3_000);
    let created_ms = plan.start_ms + lag_ms + i64::try_from(rung).unwrap() * 10;
    let mut order = TrueOrder {
        id: OrderId::new(format!("{name}-{}-L{rung}", plan.trade)).unwrap(),
        steps: Vec::new(),
        lane: Lane::OneWay,
        trade: plan.trade,
        rung: Some(rung),
        side: plan.side.entry_side(),
        is_limit: true,
        price: match plan.side {
            PositionSide::Long => plan.base_price - depth,
            PositionSide::Short => plan.base_price + depth,
        },
        quantity: 10 * random.between(1, 9) + if flips { position } else { 0 },
        created_ms,
        fills: Vec::new(),
        ended: None,
        says_leaves: true,
        is_forgotten: false,
        is_hidden: false,
    };
    let reached_ms = plan.reached_ms[rung];
    let until_ms = exit_ms + random.between(-1_500, 1_500);
    let at_exit = Some((until_ms, OrderStatus::Cancelled));
    match (fate, reached_ms) {
        (5..9, _) => order.ended = Some((created_ms, OrderStatus::Rejected)),
        (9..14, _) => {
            let at = created_ms + random.between(1_000, 15_000);
            order.ended = Some((at.min(until_ms), OrderStatus::Cancelled));
        }
        (14..22, _) | (_, None) => order.ended = at_exit,
        (_, Some(reached)) => {
            let lag = if random.percent(7) && !flips {
                random.between(5_000, 60_000)
            } else {
                random.between(0, 1_500)
            };
            let is_partial = (22..32).contains(&fate);
            fill(random, &mut order, reached + lag, is_partial);
            if !flips {
                // What would fill after the exit began does not.
                order
                    .fills
                    .retain(|fill| fill.at_ms < exit_ms.min(until_ms));
            }
            if order.completed_ms().is_none() {
                let early = order.fills.last().map(|fill| fill.at_ms + 700);
                let early = early.filter(|_| random.percent(50));
                let at = early.map_or(until_ms, |at| at.min(until_ms));
                order.ended = Some((at, OrderStatus::Cancelled));
            }
        }
    }
    Some(order)
}

fn fill(random: &mut Random, order: &mut TrueOrder, from_ms: i64, is_partial: bool) {
    let mut left = if is_partial {
        order.quantity / 2
    } else {
        order.quantity
    };
    let mut at_ms = from_ms;
    for _ in 0..random.between(0, 2) {
        let part = random.between(1, 9).min(left - 1);
        if part < 1 {
            break;
        }
        order.fills.push(TrueFill {
            at_ms,
            quantity: part,
            entered: 0,
            cycle: 0,
            late_ms: 0,
            corrected_ms: None,
        });
        left -= part;
        at_ms += random.between(0, 4_000);
    }
    order.fills.push(TrueFill {
        at_ms,
        quantity: left,
        entered: 0,
        cycle: 0,
        late_ms: 0,
        corrected_ms: None,
    });
}

/// A flip ends what was still open of the plan before.
fn end_others(orders: &mut [TrueOrder], plan: &Plan) {
    for order in orders {
        if order.over_ms().is_none_or(|at| at > plan.start_ms) {
            order.fills.retain(|fill| fill.at_ms < plan.start_ms);
            order.ended = Some((plan.start_ms, OrderStatus::Cancelled));
        }
    }
}

fn exit(
    random: &mut Random,
    name: &str,
    plan: &Plan,
    exit_ms: i64,
    (says_leaves, lane): (bool, Lane),
    orders: &mut Vec<TrueOrder>,
) {
    let quantity = position(orders, lane, i64::MAX).abs();
    if quantity == 0 {
        return;
    }
    let mut order = TrueOrder {
        id: OrderId::new(format!("{name}-{}-exit", plan.trade)).unwrap(),
        steps: Vec::new(),
        lane,
        trade: plan.trade,
        rung: None,
        side: plan.side.entry_side().opposite(),
        is_limit: random.percent(30),
        price: plan.base_price,
        quantity,
        created_ms: exit_ms,
        fills: Vec::new(),
        ended: None,
        says_leaves,
        is_forgotten: false,
        is_hidden: false,
    };
    fill(random, &mut order, exit_ms, false);
    orders.push(order);
}

/// Some orders are replaced by new ones, or amended in place, while they work: their price, or what
/// they want.
fn change_terms(random: &mut Random, orders: &mut [TrueOrder], is_wide: bool) {
    for order in orders {
        let last = TrueStep {
            id: order.id.clone(),
            at_ms: order.created_ms,
            price: order.price,
            quantity: order.quantity,
        };
        order.steps = vec![last.clone()];
        let over_ms = order.over_ms().unwrap_or(order.created_ms);
        if order.rung.is_none() || !random.percent(15) || over_ms < order.created_ms + 1_000 {
            continue;
        }
        let at_ms = random.between(order.created_ms + 500, over_ms - 1);
        let is_replaced = random.percent(50);
        // Where rungs are near each other the price would be that of another rung.
        let off = if is_wide && random.percent(60) {
            random.between(-400, 400) * order.price / 10_000
        } else {
            0
        };
        let filled = order.filled_before(at_ms);
        order.steps[0].price += off;
        // Without a word of what is left, a sum that reaches what was wanted before looks complete.
        let sums: Vec<i64> = order
            .fills
            .iter()
            .map(|fill| order.filled_before(fill.at_ms + 1))
            .collect();
        let wanted = filled + random.between(1, 90);
        order.steps[0].quantity = (wanted..).find(|wanted| !sums.contains(wanted)).unwrap();
        let mut next = TrueStep { at_ms, ..last };
        if is_replaced {
            next.id = OrderId::new(format!("{}-again", order.id)).unwrap();
        }
        order.steps.push(next);
    }
}

/// Rows that appear late or are corrected, and orders that the venue forgets.
fn disturb(random: &mut Random, orders: &mut [TrueOrder]) {
    for order in orders {
        let is_cancelled = matches!(order.ended, Some((_, OrderStatus::Cancelled)));
        order.is_forgotten = is_cancelled && order.steps.len() == 1 && random.percent(5);
        for fill in &mut order.fills {
            if random.percent(8) {
                fill.late_ms = random.between(1, LATE_MS);
            }
            if random.percent(5) {
                fill.corrected_ms = Some(fill.at_ms + random.between(1_000, 60_000));
            }
        }
    }
}

const fn signed(side: Side, quantity: i64) -> i64 {
    match side {
        Side::Buy => quantity,
        Side::Sell => -quantity,
    }
}

fn position(orders: &[TrueOrder], lane: Lane, before_ms: i64) -> i64 {
    orders
        .iter()
        .filter(|order| order.lane == lane)
        .map(|order| signed(order.side, order.filled_before(before_ms)))
        .sum()
}

/// Works out which part of each fill enlarged its position, in the order in which they happened.
fn allocate(account: &mut TrueAccount) {
    for lane in [Lane::OneWay, Lane::Long, Lane::Short] {
        allocate_lane(account, lane);
    }
}

fn allocate_lane(account: &mut TrueAccount, lane: Lane) {
    let mut rows: Vec<(i64, usize, usize)> = Vec::new();
    for (at, order) in account.orders.iter().enumerate() {
        if order.lane != lane {
            continue;
        }
        let fills = order.fills.iter().enumerate();
        rows.extend(fills.map(|(index, fill)| (fill.at_ms, at, index)));
    }
    rows.sort_unstable();
    let (mut position, mut cycle) = (0i64, 0);
    for (_, order, index) in rows {
        let order = &mut account.orders[order];
        let is_exit = order.rung.is_none();
        let fill = &mut order.fills[index];
        let after = position + signed(order.side, fill.quantity);
        fill.entered = if position.signum() * after.signum() < 0 {
            after.abs()
        } else {
            (after.abs() - position.abs()).max(0)
        };
        // Where trades overlap an exit can turn the position, which no venue lets a limit exit do.
        order.is_limit &= !is_exit || fill.entered == 0;
        let is_flip = position.signum() * after.signum() < 0;
        fill.cycle = cycle + usize::from(is_flip);
        if position != 0 && (is_flip || after == 0) {
            cycle += 1;
        }
        position = after;
    }
}

/// The rows of some entries appear later than the settle allows for, but before what closed their
/// position: without the entry, that would be another trade.
fn hide_rows(random: &mut Random, account: &mut TrueAccount) {
    let is_entry = |order: &TrueOrder| order.fills.iter().all(|fill| fill.entered == fill.quantity);
    let closed_ms: Vec<i64> = account
        .orders
        .iter()
        .flat_map(|order| &order.fills)
        .filter(|fill| fill.entered < fill.quantity)
        .map(|fill| fill.at_ms)
        .collect();
    for order in &mut account.orders {
        let Some(last_ms) = order.fills.last().map(|fill| fill.at_ms) else {
            continue;
        };
        let until_ms = closed_ms.iter().filter(|at| **at >= last_ms).min();
        let room_ms = until_ms.map_or(0, |at| at - last_ms - 1).min(60_000);
        let can_hide = order.rung.is_some() && is_entry(order);
        if !can_hide || room_ms <= SETTLE_MS || !random.percent(50) {
            continue;
        }
        order.is_hidden = true;
        let late_ms = random.between(SETTLE_MS + 1, room_ms);
        for fill in &mut order.fills {
            fill.late_ms = late_ms;
        }
    }
}

/// The account was in its first position before the data begin.
fn hide_the_beginning(random: &mut Random, account: &mut TrueAccount) {
    let first = account.orders.iter().flat_map(|order| &order.fills);
    let Some(first_ms) = first.map(|fill| fill.at_ms).min() else {
        return;
    };
    account.data_begin_ms = first_ms + random.between(1, 9_000);
    account.opening = position(&account.orders, Lane::OneWay, account.data_begin_ms);
}
