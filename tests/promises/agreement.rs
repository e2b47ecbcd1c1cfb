//! Accounts that disagree: what is shown, what stands beside it, and what is true all the same.
//!
//! The stories of the first bot's operators, told to the whole daemon: the counts of main and mirror
//! must agree in every alert, and a real difference must be told, however well the counts agree.

use crate::rig::{Rig, SYMBOL, eventually, so};
use fillsync_fake::{NewOrder, Side};

const MARK: &str = "[Synchronized count]";

/// Places three orders for each account and fills the first ones of each, in this order: all of
/// main's, then all of the mirror's.
fn play(rig: &Rig, symbol: &str, main: usize, mirror: usize) {
    let orders = |account: &str| -> Vec<String> {
        (1..=3)
            .map(|slot| rig.place_in(symbol, account, slot))
            .collect()
    };
    let (of_main, of_mirror) = (orders("main"), orders("mirror"));
    for order in of_main.iter().take(main) {
        rig.fill(order);
    }
    for order in of_mirror.iter().take(mirror) {
        rig.fill(order);
    }
}

/// What the newest fill alert of an account says.
fn last_alert(rig: &Rig, account: &str, symbol: &str) -> Option<String> {
    rig.of_kind("fill")
        .into_iter()
        .rfind(|message| message.account == account && message.text.contains(symbol))
        .map(|message| message.text)
}

#[test]
fn the_seeds_count_vectors_agree_and_stay_true() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    // Main saw one and the mirror two; main two and the mirror one; three each.
    for (symbol, main, mirror, shown) in [
        ("GTCUSDT", 1, 2, 2),
        ("ARBUSDT", 2, 1, 2),
        ("OPUSDT", 3, 3, 3),
    ] {
        play(&rig, symbol, main, mirror);
        daemon.wait_for_counts(symbol, [(main as u64, shown), (mirror as u64, shown)]);
        for (account, detected) in [("main", main as u64), ("mirror", mirror as u64)] {
            eventually("the account's last alert says the shared count", || {
                let text = last_alert(&rig, account, symbol).unwrap_or_default();
                so(
                    text.contains(&format!("✅ {shown} of 3 orders filled")),
                    text,
                )
            });
            let text = last_alert(&rig, account, symbol).unwrap();
            assert_eq!(text.contains(MARK), detected != shown, "{text}");
        }
    }
    // Where the counts were made to agree, the truth still says who is behind.
    eventually("the difference is true whatever is shown", || {
        let gtc = daemon.counts("GTCUSDT").unwrap();
        let arb = daemon.counts("ARBUSDT").unwrap();
        let op = daemon.counts("OPUSDT").unwrap();
        so(
            gtc[0].2 == "lagging"
                && gtc[1].2 == "extra"
                && arb[1].2 == "lagging"
                && arb[0].2 == "aligned"
                && op[0].2 == "aligned"
                && op[1].2 == "aligned",
            (gtc, arb, op),
        )
    });
}

#[test]
fn one_edited_line_swaps_the_strategy_and_the_next_alert_follows() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let main = [rig.place("main", 1), rig.place("main", 2)];
    let mirror = [1, 2, 3].map(|slot| rig.place("mirror", slot));
    rig.fill(&main[0]);
    rig.fill(&mirror[0]);
    rig.fill(&mirror[1]);
    daemon.wait_for_counts(SYMBOL, [(1, 2), (2, 2)]);

    rig.edit("strategy = \"max-count\"", "strategy = \"main-master\"");
    daemon.wait_for_event("config_reloaded");
    daemon.wait_for_counts(SYMBOL, [(1, 1), (2, 1)]);

    let before = rig.of_kind("fill").len();
    rig.fill(&mirror[2]);
    let next = rig.wait_for("fill", before + 1).pop().unwrap();
    assert!(
        next.text
            .contains(&format!("✅ 1 of 3 orders filled {MARK}")),
        "{}",
        next.text
    );
    assert!(
        next.text.contains("this account: 3 seen (L1, L2, L3)"),
        "{}",
        next.text
    );
    daemon.wait_for_counts(SYMBOL, [(1, 1), (3, 1)]);
    // Nothing was fetched or told again for the swap's sake.
    rig.wait_for_all_fills();
    assert_eq!(rig.of_kind("fill").len(), before + 1);
}

#[test]
fn law_10_the_mark_stands_exactly_where_the_shown_count_is_not_the_own() {
    let rig = Rig::new();
    rig.with_telegram();
    let now = rig.now_ms();
    // Four instants: main's two orders at once, the mirror's 0.2 s and 1.2 s later.
    let place = |account: &str, slot: usize| {
        let order = NewOrder::limit(SYMBOL, Side::Sell, "150", crate::rig::PRICES[slot - 1]);
        rig.bybit
            .book()
            .place_order(account, order.at_ms(now - 20_000))
            .unwrap()
    };
    let main = [place("main", 1), place("main", 2)];
    let mirror = [place("mirror", 1), place("mirror", 2)];
    rig.fill_at(&main[0], Some(now - 5_000));
    rig.fill_at(&main[1], Some(now - 5_000));
    rig.fill_at(&mirror[0], Some(now - 4_800));
    rig.fill_at(&mirror[1], Some(now - 3_800));
    let _daemon = rig.start_ready();

    let fills = rig.wait_for("fill", 4);
    let told: Vec<(String, String)> = fills
        .iter()
        .map(|message| {
            let line = message
                .text
                .lines()
                .find(|line| line.contains("orders filled"));
            (message.account.clone(), line.unwrap().to_owned())
        })
        .collect();
    let expected = [
        ("main", "✅ 2 of 2 orders filled"),
        ("main", "✅ 2 of 2 orders filled"),
        ("mirror", "✅ 2 of 2 orders filled [Synchronized count]"),
        ("mirror", "✅ 2 of 2 orders filled"),
    ]
    .map(|(account, line)| (account.to_owned(), line.to_owned()));
    assert_eq!(told, expected);
    // The account's own fact stands beside a mark, and nowhere else.
    for message in &fills {
        let is_marked = message.text.contains(MARK);
        assert_eq!(
            is_marked,
            message.text.contains("this account: 1 seen (L1)"),
            "{}",
            message.text
        );
        assert_eq!(
            is_marked,
            message.text.contains("venue data complete to"),
            "{}",
            message.text
        );
    }
    // The same words on another channel.
    let on_telegram = eventually("four messages on Telegram", || {
        let received = rig.telegram.received();
        if received.len() >= 4 {
            Ok(received)
        } else {
            Err(format!("{received:#?}"))
        }
    });
    let of_hook: Vec<&str> = fills.iter().map(|message| message.text.as_str()).collect();
    let of_telegram: Vec<&str> = on_telegram
        .iter()
        .map(|message| message.text.as_str())
        .collect();
    assert_eq!(of_telegram, of_hook);
}

#[test]
fn law_06_no_strategy_hides_a_divergence() {
    // Max-count shows two for both, so that the counts look the same; the alert comes all the same.
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let main = [rig.place("main", 1), rig.place("main", 2)];
    let mirror = [rig.place("mirror", 1), rig.place("mirror", 2)];
    rig.fill(&main[0]);
    rig.fill(&mirror[0]);
    rig.fill(&main[1]);
    let told = rig.wait_for("divergence", 1).pop().unwrap();
    assert!(
        told.text.starts_with("⚠️ ACCOUNTS DIVERGED  GTCUSDT Sell"),
        "{}",
        told.text
    );
    assert!(
        told.text.contains("L2 @0.223: MAIN filled"),
        "{}",
        told.text
    );
    assert!(
        told.text.contains("MIRROR still open 0/150 (checked"),
        "{}",
        told.text
    );
    daemon.wait_for_counts(SYMBOL, [(2, 2), (1, 2)]);
    daemon.wait_for_event("divergence_detected");
    let open = daemon.json("/divergences?open=true");
    assert_eq!(open["open"], 1, "{open:#}");
    assert_eq!(open["divergences"][0]["truth"], "lagging", "{open:#}");

    // It fills after all: that is told once, and no divergence stays open.
    rig.fill(&mirror[1]);
    let resolved = rig.wait_for("resolved", 1).pop().unwrap();
    assert!(
        resolved.text.contains("ACCOUNTS AGREE AGAIN"),
        "{}",
        resolved.text
    );
    daemon.wait_for_event("divergence_resolved");
    eventually("no divergence is open", || {
        let answer = daemon.json("/divergences?open=true");
        so(answer["open"] == 0, answer)
    });
    daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
    assert_eq!(rig.of_kind("divergence").len(), 1);
    assert_eq!(rig.of_kind("resolved").len(), 1);
}

#[test]
fn law_03_a_shown_count_never_becomes_a_detected_one() {
    // The first bot wrote the shared count over the detected one, and so took the mirror's own second
    // fill for one that it had seen: its alert was skipped.
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let main = [rig.place("main", 1), rig.place("main", 2)];
    let mirror = [rig.place("mirror", 1), rig.place("mirror", 2)];
    rig.fill(&main[0]);
    rig.fill(&main[1]);
    rig.fill(&mirror[0]);
    daemon.wait_for_counts(SYMBOL, [(2, 2), (1, 2)]);
    daemon.wait_for_event("mirror_uses_synchronized_count");
    rig.wait_for("fill", 3);
    rig.fill(&mirror[1]);
    let told = rig.wait_for("fill", 4).pop().unwrap();
    assert_eq!(told.account, "mirror");
    assert!(!told.text.contains(MARK), "{}", told.text);
    daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
}
