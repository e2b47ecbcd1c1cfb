//! What venues do wrong: each of it can delay a fill and none of it can lose one.

use crate::rig::{Rig, SYMBOL, eventually, so};
use fillsync_fake::{AlpacaAccount, AlpacaOptions, FakeAlpaca, Fault, Fill, Match, NewOrder, Side};

const EXECUTIONS: &str = "/v5/execution/list";

#[test]
fn pages_of_every_broken_kind_lose_nothing() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let broken = [
        Fault::Html,
        Fault::CutBody { keep_bytes: 40 },
        Fault::status(200, "{\"retCode\":0}"),
        Fault::status(200, "null"),
        Fault::status(500, "oops"),
        Fault::DropConnection,
        Fault::LoseAnswer,
        Fault::refuse(10_000, "server timeout"),
        Fault::refuse(10_016, "service is restarting"),
        Fault::RepeatPage,
    ];
    for (number, fault) in broken.into_iter().enumerate() {
        let (account, other) = if number % 2 == 0 {
            ("main", "mirror")
        } else {
            ("mirror", "main")
        };
        let order = NewOrder::limit(SYMBOL, Side::Sell, "150", "0.2215");
        let order = rig.bybit.book().place_order(account, order).unwrap();
        rig.bybit
            .faults()
            .add(Match::path(EXECUTIONS).account(account), fault, 1);
        rig.fill(&order);
        rig.fill(&rig.place(other, 1));
        rig.wait_for_all_fills();
        assert_eq!(rig.bybit.faults().pending(), 0);
    }
    assert_eq!(rig.ledger_ids("main").len(), 10);
    assert!(!daemon.events("poll_failed").is_empty());
    eventually("nothing stays a gap", || {
        let status = daemon.json("/status");
        so(status["gaps"] == 0, status)
    });
}

#[test]
fn an_unplugged_venue_is_told_and_caught_up_with() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    rig.bybit.faults().unplug();
    let orders = [
        rig.place("main", 1),
        rig.place("mirror", 1),
        rig.place("main", 2),
    ];
    for order in &orders {
        rig.fill(order);
    }
    eventually("the operator is told", || {
        let system = rig.of_kind("system");
        so(
            system
                .iter()
                .any(|message| message.text.contains("account-unreachable")),
            system,
        )
    });
    let (status, body) = daemon.ask("/health");
    assert_eq!(status, 503, "{body}");
    rig.bybit.faults().plug_in();
    rig.wait_for_all_fills();
    rig.wait_for("fill", 3);
    daemon.wait_for_counts(SYMBOL, [(2, 2), (1, 2)]);
    eventually("the operator is told that it is back", || {
        let system = rig.of_kind("system");
        so(
            system
                .iter()
                .any(|message| message.text.contains("account-reachable")),
            system,
        )
    });
}

#[test]
fn one_account_that_is_away_delays_the_other_until_the_deadline_only() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let main = rig.place("main", 1);
    let mirror = rig.place("mirror", 1);
    rig.bybit.faults().add(
        Match::any().account("mirror"),
        Fault::DropConnection,
        fillsync_fake::FOREVER,
    );
    rig.fill(&mirror);
    rig.fill(&main);
    let told = rig.wait_for("fill", 1).remove(0);
    assert_eq!(told.account, "main");
    assert!(
        told.text.contains("not confirmed") || told.text.contains("mirror"),
        "{}",
        told.text
    );
    assert!(
        rig.of_kind("divergence").is_empty(),
        "nothing is proven of an account that is away"
    );
    rig.bybit.faults().clear();
    daemon.wait_for_counts(SYMBOL, [(1, 1), (1, 1)]);
    rig.wait_for("fill", 2);
    assert!(
        rig.of_kind("divergence").is_empty(),
        "{:#?}",
        rig.messages()
    );
}

#[test]
fn limits_are_waited_for_and_another_clock_is_allowed_for() {
    let rig = Rig::new();
    // The venue's clock is not this machine's: the difference is measured, not refused.
    rig.bybit.clock().advance_ms(-90_000);
    let daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.wait_for_all_fills();
    // It jumps while the daemon runs, as after a correction of this machine's clock.
    rig.bybit.clock().advance_ms(135_000);
    rig.fill(&rig.place("main", 2));
    rig.wait_for_all_fills();
    for fault in [
        Fault::TooManyRequests {
            retry_after_s: 1,
            with_headers: true,
        },
        Fault::TooManyRequests {
            retry_after_s: 1,
            with_headers: false,
        },
        Fault::refuse(10_006, "too many visits"),
    ] {
        rig.bybit
            .faults()
            .add(Match::path(EXECUTIONS).account("main"), fault, 1);
        rig.fill(&rig.place("main", 1));
        rig.wait_for_all_fills();
    }
    eventually("it is well again", || {
        let (status, body) = daemon.ask("/health");
        so(status == 200, body)
    });
}

#[test]
fn a_page_that_comes_late_and_a_row_that_appears_late_are_taken() {
    let rig = Rig::new();
    let _daemon = rig.start_ready();
    let now = rig.now_ms();
    let book = rig.bybit.book();
    rig.bybit
        .faults()
        .add(Match::path(EXECUTIONS), Fault::DelayAnswer { ms: 700 }, 2);
    let order = rig.place("main", 1);
    book.fill(
        &order,
        Fill::new("50", "0.2215")
            .at_ms(now - 1)
            .visible_at_ms(now + 2_500),
    )
    .unwrap();
    book.fill(&order, Fill::new("100", "0.2215").at_ms(now))
        .unwrap();
    rig.wait_for_all_fills();
    let told = rig.wait_for("fill", 1);
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[test]
fn alpaca_stands_beside_bybit_in_one_group() {
    let rig = Rig::new();
    let alpaca = FakeAlpaca::start(AlpacaOptions::new([AlpacaAccount::new(
        "bot",
        crate::rig::MAIN_KEY,
        crate::rig::MAIN_SECRET,
    )]));
    let alpaca = rig.runtime.block_on(alpaca).unwrap();
    alpaca.rules(|rules| rules.per_key = fillsync_fake::Rate::new(100_000, 1_000));
    rig.append(&format!(
        "[[account]]\nname = \"bot\"\nvenue = \"alpaca\"\nbase_url = \"{}\"\n\
         api_key = {{ env = \"RIG_MAIN_KEY\" }}\napi_secret = {{ env = \"RIG_MAIN_SECRET\" }}\n\
         poll_every = \"500ms\"\nlookback = \"1h\"\n",
        alpaca.base_url()
    ));
    rig.edit(
        "{ account = \"mirror\", role = \"mirror\" }]",
        "{ account = \"bot\", role = \"mirror\", symbols = { \"BTC/USD\" = \"BTCUSDT\" } }]",
    );
    let daemon = rig.start_ready();
    let order = NewOrder::limit("BTCUSDT", Side::Buy, "0.003", "64000");
    let order = rig.bybit.book().place_order("main", order).unwrap();
    rig.bybit
        .book()
        .fill(&order, Fill::new("0.003", "64000"))
        .unwrap();
    let order = NewOrder::limit("BTC/USD", Side::Buy, "0.003", "64000");
    let order = alpaca.book().place_order("bot", order).unwrap();
    alpaca
        .book()
        .fill(&order, Fill::new("0.001", "64000"))
        .unwrap();
    alpaca
        .book()
        .fill(&order, Fill::new("0.002", "63999.5"))
        .unwrap();
    rig.wait_for("fill", 2);
    eventually("both are counted together", || {
        let answer = daemon.json("/counts?symbol=BTCUSDT");
        let accounts = &answer["counts"][0]["accounts"];
        so(
            accounts[0]["detected"] == 1 && accounts[1]["detected"] == 1,
            answer.clone(),
        )
    });
    let mut wanted = alpaca.book().trade_ids("bot");
    wanted.sort();
    assert_eq!(rig.ledger_ids("bot"), wanted);
}

#[test]
fn a_downtime_longer_than_the_venues_memory_is_told_once_and_survived() {
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.wait_for_all_fills();
    rig.flatten("main");
    rig.wait_for_all_fills();
    assert!(daemon.stop().success());
    // Bybit serves two years; the daemon was away for longer.
    rig.bybit.clock().advance_ms(800 * 24 * 3_600_000);
    rig.fill(&rig.place("main", 1));
    let mut daemon = rig.start_ready();
    eventually("the fill of today is there", || {
        let have = rig.ledger_ids("main");
        so(have.len() == 3, have)
    });
    let lost = |rig: &Rig| {
        let system = rig.of_kind("system").into_iter();
        system
            .filter(|message| message.text.contains("coverage-gap"))
            .count()
    };
    eventually("what is lost is told", || {
        so(lost(&rig) == 2, rig.of_kind("system"))
    });
    let reads = rig.bybit.requests().count(EXECUTIONS);
    eventually("it goes on reading", || {
        let now = rig.bybit.requests().count(EXECUTIONS);
        so(now > reads + 20, now)
    });
    assert!(daemon.is_running());
    assert_eq!(
        lost(&rig),
        2,
        "once for each account: {:#?}",
        rig.of_kind("system")
    );
    assert!(
        daemon.events("coverage_gap").len() <= 2,
        "{:#?}",
        daemon.events("coverage_gap")
    );
}
