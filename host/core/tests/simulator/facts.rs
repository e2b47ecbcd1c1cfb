//! A history as the ledger would have it: books, fills and orders, folded with the core's own fold.
//!
//! What is here is what was seen so far, in the venue's own words: chains as orders of their own,
//! amendments as the newest terms of one, rows with their late arrivals and wrong first versions.

use crate::history::{History, TrueAccount, TrueOrder};
use crate::watch::Sight;
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::cycle::{Book, BookFold, BookRule};
use fillsync_core::execution::{Execution, ExecutionClass, Relation, Source};
use fillsync_core::group::{BookFacts, FillFact, OrderFact};
use fillsync_core::id::{Category, ClientOrderId, ExecutionId, Market, Symbol};
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, StopKind};
use fillsync_core::time::VenueTime;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

fn decimal(number: i64) -> Quantity {
    Quantity::from_decimal(Decimal::from(number))
}

/// The positions of an account, as they are seen at a moment of host time.
pub(crate) fn books(
    history: &History,
    account: &TrueAccount,
    sight: &Sight,
    now_ms: i64,
) -> Vec<BookFacts> {
    let lanes: &[Lane] = if account.is_hedged {
        &[Lane::Long, Lane::Short]
    } else {
        &[Lane::OneWay]
    };
    let of_lane = |lane: &Lane| book(history, account, sight, now_ms, *lane);
    lanes.iter().map(of_lane).collect()
}

fn book(
    history: &History,
    account: &TrueAccount,
    sight: &Sight,
    now_ms: i64,
    lane: Lane,
) -> BookFacts {
    let market = Market {
        account: account.name.clone(),
        category: Category::new("linear").unwrap(),
        symbol: Symbol::new(account.symbol).unwrap(),
    };
    let orders: BTreeMap<(usize, usize), Order> = sight
        .orders
        .iter()
        .filter(|((index, _), _)| account.orders[*index].lane == lane)
        .map(|((index, step), as_of_ms)| {
            let order = &account.orders[*index];
            let seen = seen_order(history, &market, order, *step, *as_of_ms);
            ((*index, *step), seen)
        })
        .collect();
    let rule = BookRule::of(&market.category, &market.symbol);
    let begin = VenueTime::from_ms(account.data_begin_ms);
    let mut fold = BookFold::opening(rule, lane, decimal(account.opening), begin);
    let fills = rows(history, account, &market, sight, now_ms, lane)
        .into_iter()
        .map(|(key, first_seen_ms, row)| FillFact {
            order_id: row.order_id.clone(),
            client_order_id: None,
            execution_id: row.execution_id.clone(),
            class: row.class.clone(),
            side: row.side,
            quantity: row.quantity,
            price: row.price,
            leaves_quantity: row.leaves_quantity,
            order_kind: row.order_kind.clone(),
            stop: row.stop,
            executed_at: row.executed_at,
            sequence: row.sequence(),
            allocation: fold.apply(&row, orders.get(&key)),
            source: row.source,
            seen_at: sight.first_seen(first_seen_ms),
        })
        .collect();
    let mut order_facts = Vec::new();
    for (key, order) in orders {
        let checked_ms = sight.checked.get(&key).copied().unwrap_or(0);
        order_facts.push(OrderFact {
            gone: sight.gone.contains(&key),
            checked_at: order.updated_at.max(VenueTime::from_ms(checked_ms)),
            order,
        });
    }
    BookFacts {
        book: Book { market, lane },
        cycles: fold.take_changed(),
        orders: order_facts,
        fills,
    }
}

type Key = (usize, usize);

/// The rows seen so far, in the order in which they happened, with when each can be seen.
fn rows(
    history: &History,
    account: &TrueAccount,
    market: &Market,
    sight: &Sight,
    now_ms: i64,
    lane: Lane,
) -> Vec<(Key, i64, Execution)> {
    let mut at: Vec<(i64, usize, usize)> = Vec::new();
    for (order, facts) in account.orders.iter().enumerate() {
        let fills = facts.fills.iter().enumerate();
        at.extend(fills.map(|(index, fill)| (fill.at_ms, order, index)));
    }
    at.sort_unstable();
    at.into_iter()
        .enumerate()
        .filter(|(_, (_, order, _))| account.orders[*order].lane == lane)
        .filter_map(|(sequence, (ms, index, fill))| {
            let order = &account.orders[index];
            let appears_ms = ms + order.fills[fill].late_ms;
            let is_seen = ms >= account.data_begin_ms && appears_ms < sight.seen_ms;
            let step = if order.is_chain() {
                order.step_at(ms)
            } else {
                0
            };
            let row = || row(history, account, order, fill, market, sequence, now_ms);
            is_seen.then(|| ((index, step), appears_ms, row()))
        })
        .collect()
}

fn row(
    history: &History,
    account: &TrueAccount,
    order: &TrueOrder,
    index: usize,
    market: &Market,
    sequence: usize,
    now_ms: i64,
) -> Execution {
    let fill = &order.fills[index];
    let filled: i64 = order.fills[..=index].iter().map(|fill| fill.quantity).sum();
    let step = &order.steps[order.step_at(fill.at_ms)];
    let is_wrong = fill.corrected_ms.is_some_and(|at| now_ms < at);
    let (price, suffix) = if is_wrong {
        (step.price + step.price / history.wrong_by, "-wrong")
    } else {
        (step.price, "")
    };
    let leaves = decimal(step.quantity - filled);
    Execution {
        market: market.clone(),
        execution_id: ExecutionId::new(format!("{}-{index}{suffix}", order.id)).unwrap(),
        class: ExecutionClass::OrderFill,
        order_id: Some(step.id.clone()),
        client_order_id: None,
        side: order.side,
        quantity: decimal(fill.quantity),
        price: Price::from_decimal(Decimal::new(price, 4)),
        fee: None,
        is_maker: Some(true),
        leaves_quantity: order.says_leaves.then_some(leaves),
        closed_quantity: account
            .says_closed
            .then(|| decimal(fill.quantity - fill.entered)),
        order_kind: kind(order),
        stop: StopKind::None,
        venue_sequence: Some(i64::try_from(sequence).unwrap()),
        executed_at: VenueTime::from_ms(fill.at_ms),
        source: Source::Poll,
        relation: Relation::Own,
        raw: String::new(),
    }
}

/// An order as of a moment: of a chain only the step that is asked for, of an amended one its terms then.
fn seen_order(
    history: &History,
    market: &Market,
    order: &TrueOrder,
    step: usize,
    as_of_ms: i64,
) -> Order {
    let (mut status, mut updated_ms): (OrderStatus, i64) = order.state_at(as_of_ms);
    let is_chain = order.is_chain();
    let terms = &order.steps[if is_chain {
        step
    } else {
        order.step_at(as_of_ms)
    }];
    let begin_ms = order.steps[step].at_ms;
    let next = order.steps.get(step + 1).filter(|_| is_chain);
    if let Some(next) = next.filter(|next| next.at_ms <= as_of_ms) {
        (status, updated_ms) = (OrderStatus::Replaced, next.at_ms);
    }
    let end_ms = next.map_or(i64::MAX, |next| next.at_ms).min(as_of_ms + 1);
    let before = if step > 0 {
        order.filled_before(begin_ms)
    } else {
        0
    };
    let token = |rung: usize| ClientOrderId::new(format!("plan-L{rung}-x")).unwrap();
    Order {
        market: market.clone(),
        order_id: terms.id.clone(),
        client_order_id: order.rung.filter(|_| history.has_tokens).map(token),
        side: order.side,
        lane: order.lane,
        kind: kind(order),
        stop: StopKind::None,
        reduce_only: order.rung.is_none() && order.entered_before(i64::MAX) == 0,
        quantity: Some(decimal(terms.quantity - before)),
        price: order
            .is_limit
            .then(|| Price::from_decimal(Decimal::new(terms.price, 4))),
        filled_quantity: decimal(order.filled_before(end_ms) - before),
        average_price: None,
        status,
        created_at: VenueTime::from_ms(begin_ms),
        updated_at: VenueTime::from_ms(updated_ms),
        replaces: (step > 0).then(|| order.steps[step - 1].id.clone()),
        raw: String::new(),
    }
}

const fn kind(order: &TrueOrder) -> OrderKind {
    if order.is_limit {
        OrderKind::Limit
    } else {
        OrderKind::Market
    }
}
