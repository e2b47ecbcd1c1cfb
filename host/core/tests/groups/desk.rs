//! A desk of accounts as data: what they did, made into facts as the ledger would make them.

use fillsync_core::amount::{Price, Quantity};
use fillsync_core::coverage::Window;
use fillsync_core::cut::{self, Difference};
use fillsync_core::cycle::{Book, BookFold, BookRule};
use fillsync_core::execution::{Execution, ExecutionClass, Relation, Side, Source};
use fillsync_core::group::{
    BookFacts, CONFIDENCE_MIN, FillFact, GroupFacts, GroupRules, Knowledge, MemberRules, OrderFact,
    PLACED_WITHIN, PRICE_TOLERANCE_BPS,
};
use fillsync_core::id::{
    AccountName, Category, ClientOrderId, ExecutionId, GroupName, Market, OrderId, Symbol,
};
use fillsync_core::join::{GroupCycle, join};
use fillsync_core::moment::{self, Answer, Frame};
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, PositionSide, StopKind};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::{Doubt, Truth};
use fillsync_core::view::{CountsWhen, Role, View};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn rules(members: &[(&str, Role)]) -> GroupRules {
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
pub(crate) struct Account {
    pub(crate) market: Market,
    pub(crate) orders: Vec<Order>,
    pub(crate) rows: Vec<Execution>,
    /// When its orders were last looked at.
    pub(crate) checked_ms: i64,
}

impl Account {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            market: Market {
                account: AccountName::new(name).unwrap(),
                category: Category::new("linear").unwrap(),
                symbol: Symbol::new("GTCUSDT").unwrap(),
            },
            orders: Vec::new(),
            rows: Vec::new(),
            checked_ms: 200_000,
        }
    }

    pub(crate) fn limit(mut self, id: &str, price: &str) -> Self {
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

    pub(crate) fn id(&self, id: &str) -> OrderId {
        OrderId::new(format!("{}-{id}", self.market.account)).unwrap()
    }

    /// A row of an order, which says itself that so much more of it is filled.
    pub(crate) fn trade(mut self, id: &str, side: Side, quantity: &str, at_ms: i64) -> Self {
        let order_id = self.id(id);
        self = self.with(id, |order| {
            order.filled_quantity += Quantity::parse(quantity).unwrap();
        });
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
            relation: Relation::Own,
            raw: String::new(),
        });
        self
    }

    /// The newest order takes the place of another of the account.
    pub(crate) fn replacing(mut self, before: &str, at_ms: i64) -> Self {
        let before = self.id(before);
        if let Some(order) = self.orders.last_mut() {
            order.replaces = Some(before);
            order.created_at = VenueTime::from_ms(at_ms);
        }
        self
    }

    /// Changes an order.
    pub(crate) fn with(mut self, id: &str, change: impl Fn(&mut Order)) -> Self {
        let order_id = self.id(id);
        let orders = self.orders.iter_mut();
        orders
            .filter(|order| order.order_id == order_id)
            .for_each(change);
        self
    }

    pub(crate) fn fill(self, id: &str, at_ms: i64) -> Self {
        self.trade(id, Side::Sell, "150", at_ms)
    }

    pub(crate) fn status(mut self, id: &str, status: OrderStatus, at_ms: i64) -> Self {
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

    pub(crate) fn book(mut self) -> BookFacts {
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
                    checked_at: VenueTime::from_ms(self.checked_ms),
                })
                .collect(),
            fills,
        }
    }
}

pub(crate) fn facts(accounts: Vec<Account>, known_to_ms: &[(&str, i64)]) -> GroupFacts {
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
                        category.clone(),
                        vec![VenueTime::from_ms(to.ms() - 3_000)],
                    )]),
                    closed_checked: BTreeMap::from([(category, to)]),
                };
                (AccountName::new(account).unwrap(), knowledge)
            })
            .collect(),
        ..GroupFacts::default()
    }
}

pub(crate) fn only(rules: &GroupRules, facts: &GroupFacts) -> GroupCycle {
    let mut cycles = join(rules, facts, PositionSide::Short);
    assert_eq!(cycles.len(), 1, "one group cycle");
    cycles.remove(0)
}

pub(crate) fn view(
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

pub(crate) fn detected(view: &View) -> Vec<(String, u32)> {
    view.members
        .iter()
        .map(|member| (member.account.to_string(), member.detected))
        .collect()
}

pub(crate) fn differences(
    rules: &GroupRules,
    facts: &GroupFacts,
    cycle: &GroupCycle,
    now_ms: i64,
) -> Vec<Difference> {
    let frame = Frame {
        rules,
        facts,
        cycle,
        symbol: &Symbol::new("GTCUSDT").unwrap(),
        number: 1,
    };
    cut::differences(frame, HostTime::from_ms(now_ms))
}

pub(crate) fn truths(
    rules: &GroupRules,
    facts: &GroupFacts,
    cycle: &GroupCycle,
    now_ms: i64,
) -> Vec<(u32, String, Truth)> {
    differences(rules, facts, cycle, now_ms)
        .into_iter()
        .map(|difference| {
            let account = difference.account.to_string();
            (difference.slot, account, difference.truth)
        })
        .collect()
}

/// What is true of an account at the slot whose founding order this is, and why nothing more is said.
pub(crate) fn judged(
    rules: &GroupRules,
    facts: &GroupFacts,
    slot_key: &str,
    account: &str,
) -> (Truth, Option<Doubt>) {
    let cycle = only(rules, facts);
    let all = differences(rules, facts, &cycle, 60_000);
    let found = all
        .iter()
        .find(|one| one.slot_key == slot_key && one.account.as_str() == account)
        .unwrap_or_else(|| panic!("{account} at {slot_key}: {all:?}"));
    (found.truth, found.doubt)
}

/// The fill alerts of everything that counts, by their identities.
pub(crate) fn told(rules: &GroupRules, facts: &GroupFacts, now_ms: i64) -> Vec<String> {
    let cycle = only(rules, facts);
    let frame = Frame {
        rules,
        facts,
        cycle: &cycle,
        symbol: &Symbol::new("GTCUSDT").unwrap(),
        number: 1,
    };
    let mut told = Vec::new();
    for moment in moment::moments(rules, &cycle) {
        let now = HostTime::from_ms(now_ms);
        let view = moment::view_at(frame, moment.at, &BTreeMap::new(), now);
        let verdicts = moment::verdicts(&view, &Answer::None, false);
        let cuts = cut::fills(frame, &moment, &view, &verdicts);
        told.extend(cuts.into_iter().map(|cut| cut.alert.identity));
    }
    told
}

pub(crate) const PAIR: [(&str, Role); 2] = [("main", Role::Main), ("mirror", Role::Mirror)];

pub(crate) fn plan(name: &str) -> Account {
    Account::new(name)
        .limit("L1", "0.2210")
        .limit("L2", "0.2215")
        .limit("L3", "0.2220")
}
