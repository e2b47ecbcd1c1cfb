//! Groups, as data: what accounts did, and what must be detected, shown and true.
//!
//! The seed's story is the first test: main says 1, mirror says 2, for one plan.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use fillsync_core::amount::{Price, Quantity};
use fillsync_core::coverage::Window;
use fillsync_core::cut;
use fillsync_core::cycle::{Book, BookFold, BookRule};
use fillsync_core::execution::{Execution, ExecutionClass, Side, Source};
use fillsync_core::group::{
    BookFacts, CONFIDENCE_MIN, FillFact, GroupFacts, GroupRules, Knowledge, MemberRules, OrderFact,
    PLACED_WITHIN, PRICE_TOLERANCE_BPS,
};
use fillsync_core::id::{
    AccountName, Category, ClientOrderId, ExecutionId, GroupName, Market, OrderId, Symbol,
};
use fillsync_core::join::{GroupCycle, join};
use fillsync_core::moment::{self, Answer, Frame, Readiness};
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, PositionSide, StopKind};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::Truth;
use fillsync_core::view::{CountsWhen, Role, Shown, View};
use std::collections::BTreeMap;
use std::time::Duration;

fn rules(members: &[(&str, Role)]) -> GroupRules {
    GroupRules {
        name: GroupName::new("desk").unwrap(),
        members: members
            .iter()
            .map(|(account, role)| MemberRules {
                account: AccountName::new(account).unwrap(),
                role: *role,
                ratio: rust_decimal::Decimal::ONE,
                symbols: BTreeMap::new(),
            })
            .collect(),
        counts_when: CountsWhen::Filled,
        settle: Duration::from_secs(3),
        deadline: Duration::from_secs(30),
        alert_max_age: Duration::from_secs(600),
        slot_token: None,
        confidence_min: CONFIDENCE_MIN,
        price_tolerance_bps: PRICE_TOLERANCE_BPS,
        placed_within: PLACED_WITHIN,
    }
}

/// One account's doings, made into facts as the ledger would.
struct Account {
    market: Market,
    orders: Vec<Order>,
    rows: Vec<Execution>,
}

impl Account {
    fn new(name: &str) -> Self {
        Self {
            market: Market {
                account: AccountName::new(name).unwrap(),
                category: Category::new("linear").unwrap(),
                symbol: Symbol::new("GTCUSDT").unwrap(),
            },
            orders: Vec::new(),
            rows: Vec::new(),
        }
    }

    fn limit(mut self, id: &str, price: &str) -> Self {
        self.orders.push(Order {
            market: self.market.clone(),
            order_id: self.id(id),
            client_order_id: Some(ClientOrderId::new(format!("plan-{id}-x")).unwrap()),
            side: Side::Sell,
            lane: Lane::OneWay,
            kind: OrderKind::Limit,
            stop: StopKind::None,
            reduce_only: false,
            quantity: Some(Quantity::parse("150").unwrap()),
            price: Some(Price::parse(price).unwrap()),
            filled_quantity: Quantity::ZERO,
            average_price: None,
            status: OrderStatus::Open,
            created_at: VenueTime::from_ms(1),
            updated_at: VenueTime::from_ms(1),
            replaces: None,
            raw: String::new(),
        });
        self
    }

    fn id(&self, id: &str) -> OrderId {
        OrderId::new(format!("{}-{id}", self.market.account)).unwrap()
    }

    fn trade(mut self, id: &str, side: Side, quantity: &str, at_ms: i64) -> Self {
        let order_id = self.id(id);
        let price = self
            .orders
            .iter()
            .find(|order| order.order_id == order_id)
            .and_then(|order| order.price)
            .unwrap_or_else(|| Price::parse("0.2").unwrap());
        self.rows.push(Execution {
            market: self.market.clone(),
            execution_id: ExecutionId::new(format!("{order_id}-{at_ms}")).unwrap(),
            class: ExecutionClass::OrderFill,
            order_id: Some(order_id),
            client_order_id: None,
            side,
            quantity: Quantity::parse(quantity).unwrap(),
            price,
            fee: None,
            is_maker: Some(true),
            leaves_quantity: None,
            closed_quantity: None,
            order_kind: OrderKind::Limit,
            stop: StopKind::None,
            venue_sequence: None,
            executed_at: VenueTime::from_ms(at_ms),
            source: Source::Poll,
            relation: fillsync_core::execution::Relation::Own,
            raw: String::new(),
        });
        self
    }

    fn fill(self, id: &str, at_ms: i64) -> Self {
        self.trade(id, Side::Sell, "150", at_ms)
    }

    fn status(mut self, id: &str, status: OrderStatus, at_ms: i64) -> Self {
        let order_id = self.id(id);
        for order in self
            .orders
            .iter_mut()
            .filter(|order| order.order_id == order_id)
        {
            order.status = status.clone();
            order.updated_at = VenueTime::from_ms(at_ms);
        }
        self
    }

    fn book(mut self) -> BookFacts {
        self.rows.sort_by_key(Execution::sequence);
        let rule = BookRule::of(&self.market.category, &self.market.symbol);
        let mut fold = BookFold::after(rule, Lane::OneWay, None);
        let fills = self
            .rows
            .iter()
            .map(|row| FillFact {
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
                allocation: fold.apply(row, None),
                source: row.source,
                seen_at: HostTime::from_ms(row.executed_at.ms() + 50),
            })
            .collect();
        BookFacts {
            book: Book {
                market: self.market,
                lane: Lane::OneWay,
            },
            cycles: fold.take_changed(),
            orders: self
                .orders
                .into_iter()
                .map(|order| OrderFact {
                    order,
                    gone: false,
                    checked_at: VenueTime::EPOCH,
                })
                .collect(),
            fills,
        }
    }
}

fn facts(accounts: Vec<Account>, known_to_ms: &[(&str, i64)]) -> GroupFacts {
    GroupFacts {
        books: accounts.into_iter().map(Account::book).collect(),
        knowledge: known_to_ms
            .iter()
            .map(|(account, to)| {
                let category = Category::new("linear").unwrap();
                let to = VenueTime::from_ms(*to);
                let knowledge = Knowledge {
                    coverage: BTreeMap::from([(
                        category.clone(),
                        Window::new(VenueTime::EPOCH, to),
                    )]),
                    orders_checked: BTreeMap::from([(category.clone(), to)]),
                    orders_checked_before: BTreeMap::from([(
                        category,
                        vec![VenueTime::from_ms(to.ms() - 3_000)],
                    )]),
                };
                (AccountName::new(account).unwrap(), knowledge)
            })
            .collect(),
        ..GroupFacts::default()
    }
}

fn only(rules: &GroupRules, facts: &GroupFacts) -> GroupCycle {
    let mut cycles = join(rules, facts, PositionSide::Short);
    assert_eq!(cycles.len(), 1, "one group cycle");
    cycles.remove(0)
}

fn view(
    rules: &GroupRules,
    facts: &GroupFacts,
    cycle: &GroupCycle,
    at_ms: i64,
    now_ms: i64,
) -> View {
    let frame = Frame {
        rules,
        facts,
        cycle,
        symbol: &Symbol::new("GTCUSDT").unwrap(),
        number: 1,
    };
    moment::view_at(
        frame,
        VenueTime::from_ms(at_ms),
        &BTreeMap::new(),
        HostTime::from_ms(now_ms),
    )
}

fn detected(view: &View) -> Vec<(String, u32)> {
    view.members
        .iter()
        .map(|member| (member.account.to_string(), member.detected))
        .collect()
}

fn truths(
    rules: &GroupRules,
    facts: &GroupFacts,
    cycle: &GroupCycle,
    now_ms: i64,
) -> Vec<(u32, String, Truth)> {
    let symbol = Symbol::new("GTCUSDT").unwrap();
    let frame = Frame {
        rules,
        facts,
        cycle,
        symbol: &symbol,
        number: 1,
    };
    cut::differences(frame, HostTime::from_ms(now_ms))
        .into_iter()
        .map(|difference| {
            (
                difference.slot,
                difference.account.to_string(),
                difference.truth,
            )
        })
        .collect()
}

const PAIR: [(&str, Role); 2] = [("main", Role::Main), ("mirror", Role::Mirror)];

fn plan(name: &str) -> Account {
    Account::new(name)
        .limit("L1", "0.2210")
        .limit("L2", "0.2215")
        .limit("L3", "0.2220")
}

#[test]
fn the_alerts_of_two_accounts_at_four_instants() {
    // Main's L1 and L2 at 12:00:00.0, mirror's L1 0.2 s and L2 1.2 s later: main's alerts count 2,
    // mirror's first shows main's 2 beside its own 1, mirror's second is 2 by itself.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main").fill("L1", 10_000).fill("L2", 10_000),
            plan("mirror").fill("L1", 10_200).fill("L2", 11_200),
        ],
        &[("main", 20_000), ("mirror", 20_000)],
    );
    let cycle = only(&rules, &facts);
    let moments = moment::moments(&rules, &cycle);
    let seen: Vec<_> = moments
        .iter()
        .map(|moment| {
            let view = view(&rules, &facts, &cycle, moment.at.ms(), 20_000);
            (
                moment.at.ms(),
                moment.counted.len(),
                detected(&view),
                view.slots.len(),
            )
        })
        .collect();
    let both = |main, mirror| vec![("main".to_owned(), main), ("mirror".to_owned(), mirror)];
    assert_eq!(
        seen,
        [
            (10_000, 2, both(2, 0), 3),
            (10_200, 1, both(2, 1), 3),
            (11_200, 1, both(2, 2), 3)
        ]
    );
}

#[test]
fn one_and_one_are_not_the_same_when_the_orders_differ() {
    // Main filled L1, mirror filled L2: the counts agree and the accounts do not.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main").fill("L1", 10_000),
            plan("mirror").fill("L2", 10_000),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    assert_eq!(
        truths(&rules, &facts, &cycle, 60_000),
        [
            (1, "main".to_owned(), Truth::Aligned),
            (1, "mirror".to_owned(), Truth::Lagging),
            (2, "main".to_owned(), Truth::Lagging),
            (2, "mirror".to_owned(), Truth::Extra),
        ]
    );
}

#[test]
fn not_seen_yet_and_really_not_filled_are_told_apart() {
    let rules = rules(&PAIR);
    let look = |mirror_to: i64, now_ms: i64| {
        let facts = facts(
            vec![plan("main").fill("L1", 10_000), plan("mirror")],
            &[("main", 60_000), ("mirror", mirror_to)],
        );
        let cycle = only(&rules, &facts);
        let moments = moment::moments(&rules, &cycle);
        let ready = moment::readiness(
            &rules,
            &facts,
            &cycle,
            &moments[0],
            HostTime::from_ms(now_ms),
        );
        let truth = truths(&rules, &facts, &cycle, now_ms)[1].2;
        (matches!(ready, Readiness::Waiting { .. }), truth)
    };
    assert_eq!(
        look(12_999, 13_000),
        (true, Truth::Pending),
        "settle is not over"
    );
    assert_eq!(
        look(13_000, 13_100),
        (false, Truth::Lagging),
        "proven: its order is open"
    );
    assert_eq!(
        look(9_000, 41_000),
        (false, Truth::Unknown),
        "not reachable at the deadline"
    );
}

#[test]
fn a_leg_that_cannot_fill_any_more_is_named_for_what_it_is() {
    let rules = rules(&PAIR);
    for (mirror, expected) in [
        (
            plan("mirror").status("L1", OrderStatus::Cancelled, 9_500),
            Truth::Cancelled,
        ),
        (
            plan("mirror").status("L1", OrderStatus::Rejected, 9_500),
            Truth::Rejected,
        ),
        (
            plan("mirror").trade("L1", Side::Sell, "40", 10_000).status(
                "L1",
                OrderStatus::Cancelled,
                10_500,
            ),
            Truth::Partial,
        ),
        (
            Account::new("mirror")
                .limit("L2", "0.2215")
                .limit("L3", "0.2220"),
            Truth::Missing,
        ),
    ] {
        let facts = facts(
            vec![plan("main").fill("L1", 10_000), mirror],
            &[("main", 20_000), ("mirror", 20_000)],
        );
        let cycle = only(&rules, &facts);
        let truths = truths(&rules, &facts, &cycle, 20_000);
        assert!(
            truths.contains(&(1, "mirror".to_owned(), expected)),
            "{expected}: {truths:?}"
        );
    }
}

#[test]
fn a_filled_status_without_its_fills_claims_nothing() {
    // The order list is ahead of the executions: not lagging, not filled.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main").fill("L1", 10_000),
            plan("mirror").status("L1", OrderStatus::Filled, 10_100),
        ],
        &[("main", 20_000), ("mirror", 20_000)],
    );
    let cycle = only(&rules, &facts);
    assert!(
        !truths(&rules, &facts, &cycle, 60_000)
            .iter()
            .any(|(_, _, truth)| truth.is_diverged())
    );
}

#[test]
fn a_count_of_one_cycle_never_appears_in_the_next() {
    // Law 7. The mirror closes late, when main's next trade is already open.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main")
                .fill("L1", 10_000)
                .fill("L2", 10_000)
                .trade("exit", Side::Buy, "300", 20_000)
                .limit("M1", "0.2300")
                .fill("M1", 21_000),
            plan("mirror")
                .fill("L1", 10_000)
                .fill("L2", 10_000)
                .trade("exit", Side::Buy, "300", 25_000)
                .limit("M1", "0.2300")
                .fill("M1", 26_000),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycles = join(&rules, &facts, PositionSide::Short);
    assert_eq!(cycles.len(), 2);
    let counts: Vec<_> = cycles
        .iter()
        .map(|cycle| detected(&view(&rules, &facts, cycle, 60_000, 60_000)))
        .collect();
    let both = |main, mirror| vec![("main".to_owned(), main), ("mirror".to_owned(), mirror)];
    assert_eq!(counts, [both(2, 2), both(1, 1)]);
}

#[test]
fn a_shown_count_falls_only_when_the_strategy_changed_and_says_so() {
    // Law 5.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main").fill("L1", 10_000),
            plan("mirror").fill("L1", 10_000).fill("L2", 10_000),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    let mut view = view(&rules, &facts, &cycle, 10_000, 60_000);
    for member in &mut view.members {
        member.shown_before = Some(2);
    }
    let answer = Answer::Shown(
        view.members
            .iter()
            .map(|member| Shown {
                account: member.account.clone(),
                count: 1,
                note: None,
            })
            .collect(),
    );
    let held = moment::verdicts(&view, &answer, false);
    assert!(held.iter().all(|verdict| verdict.shown == 2));
    let changed = moment::verdicts(&view, &answer, true);
    assert!(changed.iter().all(|verdict| verdict.shown == 1
        && verdict.note.as_deref() == Some("was 2 before the strategy changed")));
}

#[test]
fn a_strategy_can_hide_no_divergence_and_change_no_fact() {
    // Laws 3 and 6: whatever is answered, detected and truth come from the facts.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![plan("main").fill("L1", 10_000), plan("mirror")],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    let view = view(&rules, &facts, &cycle, 10_000, 60_000);
    let all_three = Answer::Shown(
        view.members
            .iter()
            .map(|member| Shown {
                account: member.account.clone(),
                count: 3,
                note: Some("all is well".to_owned()),
            })
            .collect(),
    );
    let verdicts = moment::verdicts(&view, &all_three, false);
    assert_eq!(
        verdicts
            .iter()
            .map(|verdict| verdict.detected)
            .collect::<Vec<_>>(),
        [1, 0]
    );
    assert_eq!(truths(&rules, &facts, &cycle, 60_000)[1].2, Truth::Lagging);
}

#[test]
fn tokens_match_legs_that_prices_would_confuse() {
    let mut rules = rules(&PAIR);
    rules.slot_token = Some(regex::Regex::new("-(?<slot>L[0-9])-").unwrap());
    let mirror = Account::new("mirror")
        .limit("L1", "0.3210")
        .limit("L2", "0.3215");
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L1", "0.2210")
                .limit("L2", "0.2215")
                .fill("L2", 10_000),
            mirror,
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    assert_eq!(cycle.slots.len(), 2);
    assert!(truths(&rules, &facts, &cycle, 60_000).contains(&(
        2,
        "mirror".to_owned(),
        Truth::Lagging
    )));
}

#[test]
fn prices_too_far_apart_cannot_be_compared() {
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L1", "0.2210")
                .fill("L1", 10_000),
            Account::new("mirror").limit("L1", "0.2255"),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    assert!(
        !truths(&rules, &facts, &cycle, 60_000)
            .iter()
            .any(|(_, _, truth)| truth.is_diverged())
    );
}

#[test]
fn an_observer_moves_no_count_and_founds_no_slot() {
    let rules = rules(&[("main", Role::Main), ("watcher", Role::Observer)]);
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L1", "0.2210")
                .fill("L1", 10_000),
            plan("watcher").fill("L1", 9_000).fill("L2", 9_500),
        ],
        &[("main", 60_000), ("watcher", 60_000)],
    );
    let cycle = only(&rules, &facts);
    assert_eq!(cycle.slots.len(), 1);
    assert_eq!(cycle.opened_at.ms(), 10_000);
}

#[test]
fn an_order_that_fills_across_two_trades_counts_in_the_second_only() {
    // L2 wants 150: 40 fill before the exit, 110 after it. Nothing of the first trade was completed.
    let rules = rules(&[("main", Role::Main)]);
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L2", "0.2215")
                .trade("L2", Side::Sell, "40", 10_000)
                .trade("exit", Side::Buy, "40", 20_000)
                .trade("L2", Side::Sell, "110", 60_000),
        ],
        &[("main", 90_000)],
    );
    let cycles = join(&rules, &facts, PositionSide::Short);
    let moments: Vec<usize> = cycles
        .iter()
        .map(|cycle| moment::moments(&rules, cycle).len())
        .collect();
    assert_eq!(moments, [0, 1]);
}

#[test]
fn an_order_that_is_still_open_when_its_trade_ends_was_part_of_the_plan() {
    // Main's L1 and L2 filled; the mirror closed with its L2 still open: lagging, never missing.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main").fill("L1", 10_000).fill("L2", 10_500),
            plan("mirror")
                .fill("L1", 10_000)
                .trade("exit", Side::Buy, "150", 11_000),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    assert_eq!(cycle.slots.len(), 3);
    assert!(truths(&rules, &facts, &cycle, 60_000).contains(&(
        2,
        "mirror".to_owned(),
        Truth::Lagging
    )));
}
