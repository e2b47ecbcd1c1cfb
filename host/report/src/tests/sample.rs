//! A small ledger with something of everything, written through the ledger's own door.
//!
//! main (Bybit) wins with a short of two entries and loses with a long, with fees in USDT, and has a
//! funding row; mirror (Bybit) closes what was open before its data, has a gap and an open order; bot
//! (Alpaca) trades SHIB/USD at a price of eight places, with a fee in the coin. The tests of the HTTP
//! server use the same ledger.

use fillsync_core::alert::{Alert, AlertAccount, AlertBody, Count, FillAlert, Severity};
use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, ExecutionClass, Fee, Side, Source, VenueKind};
use fillsync_core::id::{
    AccountName, Category, ChannelName, Currency, ExecutionId, GroupName, Market, OrderId, Symbol,
};
use fillsync_core::leg::LegState;
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, PositionSide, StopKind};
use fillsync_core::slot::SlotMatch;
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::Truth;
use fillsync_core::view::{CountsWhen, Role, View, ViewLeg, ViewMember, ViewSlot};
use fillsync_ledger::{
    AlertRow, CountRow, DecisionOutcome, DecisionRow, Decisions, DivergenceRow, EventRow, Gap,
    GroupCycleRow, Ledger, PageRecord, PluginEventRow, Proven,
};

/// 2027-01-15T08:00:00Z
pub(crate) const NOON_US: i64 = 1_800_000_000_000_000;
pub(crate) const NOW: HostTime = HostTime::from_us(NOON_US + 90_000_000);

pub(crate) fn at(second: i64) -> VenueTime {
    VenueTime::from_us(NOON_US + second * 1_000_000)
}

pub(crate) fn account(name: &str) -> AccountName {
    AccountName::new(name).unwrap()
}

/// One fill, by its account, category, symbol, id, side, quantity, price, fee and second.
pub(crate) type Line<'a> = (
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    Side,
    &'a str,
    &'a str,
    &'a str,
    i64,
);

pub(crate) fn execution(
    (who, category, symbol, id, side, quantity, price, fee, second): Line<'_>,
) -> Execution {
    let (amount, currency) = fee.split_once(' ').unwrap();
    Execution {
        market: Market {
            account: account(who),
            category: Category::new(category).unwrap(),
            symbol: Symbol::new(symbol).unwrap(),
        },
        execution_id: ExecutionId::new(id).unwrap(),
        class: ExecutionClass::OrderFill,
        order_id: Some(OrderId::new(format!("order-of-{id}")).unwrap()),
        client_order_id: None,
        side,
        quantity: Quantity::parse(quantity).unwrap(),
        price: Price::parse(price).unwrap(),
        fee: Some(Fee {
            amount: Money::parse(amount).unwrap(),
            currency: Some(Currency::new(currency).unwrap()),
        }),
        is_maker: Some(true),
        leaves_quantity: None,
        closed_quantity: None,
        order_kind: OrderKind::Limit,
        stop: StopKind::None,
        venue_sequence: None,
        executed_at: at(second),
        source: Source::Poll,
        relation: fillsync_core::execution::Relation::Own,
        raw: "{}".to_owned(),
    }
}

pub(crate) fn page(who: &str, venue: VenueKind, category: &str) -> PageRecord {
    PageRecord::new(
        account(who),
        venue,
        Category::new(category).unwrap(),
        HostTime::from_us(NOON_US + 60_000_000),
    )
}

fn proven(from: i64, to: i64) -> Option<Proven> {
    Some(Proven {
        window: Window::new(at(from), at(to)),
        pages: 1,
        rows: 1,
    })
}

async fn main_account(ledger: &Ledger) {
    let mut funding = execution((
        "main",
        "linear",
        "GTCUSDT",
        "m-funding",
        Side::Sell,
        "150",
        "0.22",
        "0.01 USDT",
        12,
    ));
    funding.class = ExecutionClass::Cash;
    funding.order_id = None;
    let record = PageRecord {
        executions: vec![
            execution((
                "main",
                "linear",
                "GTCUSDT",
                "m-1",
                Side::Sell,
                "150",
                "0.2215",
                "0.001 USDT",
                10,
            )),
            execution((
                "main",
                "linear",
                "GTCUSDT",
                "m-2",
                Side::Sell,
                "150",
                "0.223",
                "0.001 USDT",
                11,
            )),
            funding,
            execution((
                "main",
                "linear",
                "GTCUSDT",
                "m-3",
                Side::Buy,
                "300",
                "0.21",
                "0.001 USDT",
                20,
            )),
            execution((
                "main",
                "linear",
                "ARBUSDT",
                "m-4",
                Side::Buy,
                "100",
                "1.1",
                "0.001 USDT",
                13,
            )),
            execution((
                "main",
                "linear",
                "ARBUSDT",
                "m-5",
                Side::Sell,
                "100",
                "1.05",
                "0.001 USDT",
                21,
            )),
        ],
        proven: proven(0, 60),
        orders_checked: Some(at(58)),
        ..page("main", VenueKind::Bybit, "linear")
    };
    ledger.record(record).await.unwrap();
}

async fn mirror_account(ledger: &Ledger) {
    let mut close = execution((
        "mirror",
        "linear",
        "BTCUSDT",
        "r-1",
        Side::Sell,
        "0.5",
        "60000",
        "0.2 USDT",
        15,
    ));
    close.closed_quantity = Some(close.quantity);
    let waiting = Order {
        market: Market {
            account: account("mirror"),
            category: Category::new("linear").unwrap(),
            symbol: Symbol::new("GTCUSDT").unwrap(),
        },
        order_id: OrderId::new("r-order").unwrap(),
        client_order_id: None,
        side: Side::Sell,
        lane: Lane::OneWay,
        kind: OrderKind::Limit,
        stop: StopKind::None,
        reduce_only: false,
        quantity: Some(Quantity::parse("150").unwrap()),
        price: Some(Price::parse("0.2215").unwrap()),
        filled_quantity: Quantity::ZERO,
        average_price: None,
        status: OrderStatus::Open,
        created_at: at(5),
        updated_at: at(5),
        replaces: None,
        raw: "{}".to_owned(),
    };
    let record = PageRecord {
        executions: vec![close],
        orders: vec![waiting],
        proven: proven(0, 30),
        orders_checked: Some(at(55)),
        ..page("mirror", VenueKind::Bybit, "linear")
    };
    ledger.record(record).await.unwrap();
    let gap = Gap {
        window: Window::new(at(30), at(40)),
        reason: "page 2 was cut off".to_owned(),
    };
    ledger
        .record(PageRecord {
            gap: Some(gap),
            ..page("mirror", VenueKind::Bybit, "linear")
        })
        .await
        .unwrap();
    ledger
        .record(PageRecord {
            proven: proven(40, 60),
            ..page("mirror", VenueKind::Bybit, "linear")
        })
        .await
        .unwrap();
}

async fn bot_account(ledger: &Ledger) {
    let record = PageRecord {
        executions: vec![
            execution((
                "bot",
                "fills",
                "SHIB/USD",
                "b-1",
                Side::Buy,
                "1000000",
                "0.00001234",
                "2500 SHIB",
                30,
            )),
            execution((
                "bot",
                "fills",
                "SHIB/USD",
                "b-2",
                Side::Sell,
                "997500",
                "0.00001301",
                "0 USD",
                31,
            )),
        ],
        proven: proven(0, 60),
        ..page("bot", VenueKind::Alpaca, "fills")
    };
    ledger.record(record).await.unwrap();
}

fn count(who: &str, detected: u32, shown: u32, truth: Truth, note: Option<&str>) -> CountRow {
    CountRow {
        symbol: Symbol::new("GTCUSDT").unwrap(),
        side: PositionSide::Short,
        cycle: 12,
        account: account(who),
        detected,
        shown,
        synchronised: true,
        note: note.map(str::to_owned),
        at_least: false,
        total: 3,
        truth,
        moment: at(11),
        last_fill_sync: HostTime::from_us(NOON_US + 61_000_000),
    }
}

/// The alert of main's second fill.
pub(crate) fn alert() -> Alert {
    Alert {
        identity: "fill/desk/GTCUSDT/m-2".to_owned(),
        revision: 0,
        severity: Severity::Info,
        group: Some(GroupName::new("desk").unwrap()),
        symbol: Some(Symbol::new("GTCUSDT").unwrap()),
        position: Some(PositionSide::Short),
        cycle: Some(12),
        account: Some(AlertAccount {
            name: account("main"),
            role: Some(Role::Main),
        }),
        at: at(11),
        body: AlertBody::Fill(FillAlert {
            slot: 2,
            side: Side::Sell,
            price: Price::parse("0.223").unwrap(),
            quantity: Quantity::parse("150").unwrap(),
            count: Count {
                detected: 2,
                shown: 2,
                total: 3,
                at_least: false,
                synchronised: true,
                note: None,
            },
            own_slots: vec![1, 2],
            truth: Truth::Lagging,
            waiting_for: Vec::new(),
            coverage_to: Some(at(60)),
        }),
    }
}

/// The group's cycle, which is still open.
fn cycle() -> GroupCycleRow {
    GroupCycleRow {
        symbol: Symbol::new("GTCUSDT").unwrap(),
        side: PositionSide::Short,
        ordinal: 12,
        opened_at: at(10),
        closed_at: None,
        settled: false,
        members: Vec::new(),
    }
}

/// The decision about main's second fill, with the view that it was made from.
fn decision() -> DecisionRow {
    let leg = |slot: u32, state: LegState, filled: &str, truth: Truth| ViewLeg {
        slot,
        state,
        filled_quantity: Quantity::parse(filled).unwrap(),
        quantity: Quantity::parse("150").unwrap(),
        counted: state == LegState::Filled,
        truth,
    };
    let member = |who: &str, role: Role, detected: u32, legs: Vec<ViewLeg>| ViewMember {
        account: account(who),
        role,
        detected,
        known: true,
        at_least: false,
        coverage_to: Some(at(41)),
        shown_before: None,
        legs,
    };
    let slot = |ordinal: u32, price: &str| ViewSlot {
        ordinal,
        reference_price: Some(Price::parse(price).unwrap()),
        matched_by: SlotMatch::Rank,
        confidence: 90,
    };
    let view = View {
        group: GroupName::new("desk").unwrap(),
        symbol: Symbol::new("GTCUSDT").unwrap(),
        side: PositionSide::Short,
        cycle: 12,
        as_of: at(11),
        counts_when: CountsWhen::Filled,
        slots: vec![slot(1, "0.2215"), slot(2, "0.223")],
        members: vec![
            member(
                "mirror",
                Role::Mirror,
                0,
                vec![leg(1, LegState::Open, "0", Truth::Lagging)],
            ),
            member(
                "main",
                Role::Main,
                2,
                vec![
                    leg(1, LegState::Filled, "150", Truth::Aligned),
                    leg(2, LegState::Filled, "150", Truth::Aligned),
                ],
            ),
        ],
    };
    DecisionRow {
        symbol: Symbol::new("GTCUSDT").unwrap(),
        side: PositionSide::Short,
        cycle: 12,
        moment: at(11),
        revision: 0,
        facts_hash: "facts".to_owned(),
        view_hash: view.hash(),
        view_json: serde_json::to_string(&view).unwrap(),
        plugin: "max-count".to_owned(),
        plugin_sha256: Some("ab".to_owned()),
        settings_sha256: None,
        outcome: DecisionOutcome::Answered,
        error: None,
        answer: Vec::new(),
        fuel: Some(9),
        took_us: Some(30),
        decided_at: HostTime::from_us(NOON_US + 61_000_000),
    }
}

async fn decided(ledger: &Ledger) {
    let mut decisions = Decisions::new(
        GroupName::new("desk").unwrap(),
        HostTime::from_us(NOON_US + 61_000_000),
    );
    decisions.cycles = vec![cycle()];
    decisions.decisions = vec![decision()];
    decisions.counts = vec![
        count("main", 2, 2, Truth::Aligned, None),
        count(
            "mirror",
            0,
            2,
            Truth::Lagging,
            Some("the largest count of the group"),
        ),
    ];
    decisions.divergences = vec![DivergenceRow {
        symbol: Symbol::new("GTCUSDT").unwrap(),
        side: PositionSide::Short,
        cycle: 12,
        slot_key: "main:order-of-m-2".to_owned(),
        account: account("mirror"),
        truth: Truth::Lagging,
        first_at: at(11),
        confirmed_at: Some(at(41)),
        resolved_at: None,
        alert_identity: Some("divergence/desk/GTCUSDT/mirror".to_owned()),
    }];
    decisions.alerts = vec![AlertRow {
        alert: alert(),
        channels: vec![
            ChannelName::new("ops").unwrap(),
            ChannelName::new("log").unwrap(),
        ],
        suppressed: false,
    }];
    ledger.commit(decisions).await.unwrap();
    let ops = ChannelName::new("ops").unwrap();
    let due = ledger
        .read(move |reader| reader.outbox_due(&ops, NOW))
        .await
        .unwrap();
    let row = due.first().unwrap();
    ledger
        .outbox_sent(
            row.id,
            Some("17".to_owned()),
            "📊 LIMIT ORDER FILLED".to_owned(),
            HostTime::from_us(NOON_US + 62_000_000),
        )
        .await
        .unwrap();
}

async fn told(ledger: &Ledger) {
    let event = EventRow {
        at: HostTime::from_us(NOON_US + 61_000_000),
        name: "fills_synchronized".to_owned(),
        account: None,
        group: Some(GroupName::new("desk").unwrap()),
        json: r#"{"main":2,"mirror":2}"#.to_owned(),
    };
    ledger.log_events(vec![event]).await.unwrap();
    let at = HostTime::from_us(NOON_US + 50_000_000);
    let event = PluginEventRow {
        new_sha256: Some("ab".to_owned()),
        cause: Some("it is no component".to_owned()),
        hint: Some("build it for wasm32-wasip2".to_owned()),
        stages: vec![("hash".to_owned(), 120), ("format".to_owned(), 4_300)],
        ..PluginEventRow::new(at, "max-count", "compile", "rejected")
    };
    ledger.log_plugin_event(event).await.unwrap();
}

/// A ledger in a folder that goes with it.
pub(crate) fn empty() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path().join("fillsync.db")).unwrap();
    (folder, ledger)
}

/// The whole story.
pub(crate) async fn story() -> (tempfile::TempDir, Ledger) {
    let (folder, ledger) = empty();
    main_account(&ledger).await;
    mirror_account(&ledger).await;
    bot_account(&ledger).await;
    decided(&ledger).await;
    told(&ledger).await;
    (folder, ledger)
}
