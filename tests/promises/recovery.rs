//! What failed is done again: a commit that the disk refused, a strategy that had been set aside, a
//! message that was revised while nobody could be told.

use crate::plugins::hostile;
use crate::rig::{MAIN_SECRET, MIRROR_SECRET, PATIENCE, PRICES, Rig, SYMBOL, eventually, so};
use fillsync_fake::{BybitAccount, Fill, NewOrder, Side};
use std::time::{Duration, Instant};

#[test]
fn a_decision_whose_commit_failed_is_made_again() {
    // Both accounts agree, so that nothing but the failed commit is left to be done.
    let rig = Rig::new();
    rig.edit("settle = \"300ms\"", "settle = \"3s\"");
    rig.edit("deadline = \"2s\"", "deadline = \"4s\"");
    let daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.fill(&rig.place("mirror", 1));
    rig.wait_for_all_fills();
    daemon.wait_for_event("alert_deferred");
    eventually("the marks of both fills are answered", || {
        let marks = rig.reader().marks().unwrap().0;
        so(marks.is_empty(), marks)
    });
    // Somebody else keeps the file locked past the deadline and past the ledger's own patience.
    let other = rusqlite::Connection::open(rig.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    eventually("the deadline and the ledger's patience pass", || {
        so(began.elapsed() > Duration::from_secs(11), began.elapsed())
    });
    assert!(!daemon.events("ledger_waits").is_empty());
    assert!(rig.of_kind("fill").is_empty(), "{:#?}", rig.messages());
    other.execute_batch("ROLLBACK").unwrap();
    let told = rig.wait_for("fill", 2);
    assert_eq!(told.len(), 2, "{told:#?}");
    daemon.wait_for_counts(SYMBOL, [(1, 1), (1, 1)]);
}

#[test]
fn a_revision_that_nobody_took_hides_no_later_correction() {
    // What the webhook was told is revised twice. The first time only words change that it is not sent
    // again for; the second time a count does, and that is corrected.
    let rig = Rig::new();
    rig.edit("deadline = \"2s\"", "deadline = \"1s\"");
    let daemon = rig.start_ready();
    let main = rig.place("main", 1);
    let mirror = [rig.place("mirror", 1), rig.place("mirror", 2)];
    let now = rig.now_ms();
    for (order, price, after_ms) in [
        (&mirror[0], PRICES[0], 3_000),
        (&mirror[1], PRICES[1], 6_000),
    ] {
        let late = Fill::new("150", price).maker().at_ms(now);
        rig.bybit
            .book()
            .fill(order, late.visible_at_ms(now + after_ms))
            .unwrap();
    }
    rig.fill(&main);
    let first = rig.wait_for("fill", 1).remove(0);
    let revisions = || {
        let database = rusqlite::Connection::open(rig.database()).unwrap();
        let sql = "SELECT state FROM alert WHERE identity = ?1 ORDER BY revision";
        let mut rows = database.prepare(sql).unwrap();
        let states = rows.query_map([&first.identity], |row| row.get::<_, String>(0));
        states.unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    eventually("it is revised, and no channel takes that", || {
        let states = revisions();
        so(
            states.get(1).is_some_and(|state| state == "suppressed"),
            states,
        )
    });
    assert!(rig.of_kind("correction").is_empty());
    daemon.wait_for_counts(SYMBOL, [(1, 2), (2, 2)]);
    let correction = eventually("what main was told is corrected", || {
        let mut corrections = rig.of_kind("correction");
        corrections.retain(|correction| correction.identity.contains(&first.identity));
        corrections
            .pop()
            .ok_or_else(|| format!("{:#?}", rig.messages()))
    });
    assert!(correction.text.contains("(was 1)"), "{}", correction.text);
}

#[test]
fn law_08_an_open_trade_is_decided_again_when_its_strategy_is_back() {
    // One group's facts make the strategy fail until it is set aside. The other group's trade shows
    // own counts meanwhile, marked as such; when the strategy is back, it is asked about that trade
    // without waiting for another fill.
    let rig = Rig::new();
    rig.put_plugin("hostile.wasm", &hostile().0);
    rig.edit("strategy = \"max-count\"", "strategy = \"hostile\"");
    rig.bybit
        .add_account(BybitAccount::new("third", MAIN_SECRET, MIRROR_SECRET, 1003));
    rig.append(&format!(
        "[plugin.hostile]\nsettings = {{ deed = \"panic\", group = \"trouble\" }}\n\
         [[account]]\nname = \"third\"\nvenue = \"bybit\"\nbase_url = \"{}\"\n\
         api_key = {{ env = \"RIG_MAIN_SECRET\" }}\napi_secret = {{ env = \"RIG_MIRROR_SECRET\" }}\n\
         poll_every = \"100ms\"\nlookback = \"1h\"\n\
         [[group]]\nname = \"trouble\"\nstrategy = \"hostile\"\n\
         members = [{{ account = \"third\", role = \"main\" }}]\n",
        rig.bybit.base_url()
    ));
    let daemon = rig.start_ready();
    let of_third = |slot: usize| {
        let order = NewOrder::limit("TROUBLEUSDT", Side::Sell, "150", PRICES[slot - 1]);
        let order = rig.bybit.book().place_order("third", order).unwrap();
        rig.fill(&order);
    };
    for slot in 1..=3 {
        of_third(slot);
        rig.wait_for("fill", slot);
    }
    let until = eventually("the strategy is set aside", || {
        let plugins = daemon.json("/plugins").to_string();
        so(plugins.contains("\"set-aside\""), plugins).map(|()| Instant::now())
    });
    // The trade that it failed over ends, so that it is not asked about that one again.
    let close = NewOrder::market("TROUBLEUSDT", Side::Buy, "450").reduce_only();
    let close = rig.bybit.book().place_order("third", close).unwrap();
    let close = rig.bybit.book().fill(&close, Fill::new("450", "0.2100"));
    close.unwrap();
    rig.wait_for("closed", 1);

    rig.fill(&rig.place("main", 1));
    rig.fill(&rig.place("mirror", 1));
    let told = rig.wait_for("fill", 5);
    for message in &told[3..] {
        assert!(
            message.text.contains("not synchronised"),
            "{}",
            message.text
        );
    }
    let synchronised = || {
        let answer = daemon.json(&format!("/counts?symbol={SYMBOL}"));
        let accounts = answer["counts"][0]["accounts"].as_array().unwrap().clone();
        let all = accounts.iter().all(|account| {
            account["synchronised"] == true && account["note"].is_null() && account["shown"] == 1
        });
        (all, answer)
    };
    let (early, answer) = synchronised();
    assert!(!early || until.elapsed() > PATIENCE, "{answer:#}");
    crate::rig::eventually_within(2 * PATIENCE, "the trade is decided again", || {
        let (all, answer) = synchronised();
        so(all, answer)
    });
    // That tells nothing by itself: the next alert follows it.
    assert_eq!(rig.of_kind("fill").len(), 5);
    assert!(rig.of_kind("correction").is_empty());
}
