//! Alerts: each true one once, none that is old, none lost on the way to a receiver.

use crate::rig::{PRICES, Rig, SYMBOL, eventually};
use crate::stage::AlpacaStage;
use fillsync_fake::{Book, Fault, Fill, Match, NewOrder, Side, TelegramMessage};
use std::collections::BTreeMap;

/// A rig whose Telegram chat is one person, to whom one message a second may go.
fn with_person() -> Rig {
    let rig = Rig::new();
    rig.with_telegram();
    rig.edit("chat_id = \"-1001234\"", "chat_id = \"1234\"");
    let all = "alerts = [\"fill\", \"divergence\", \"resolved\", \"system\"]";
    rig.edit(all, "alerts = [\"fill\"]");
    rig
}

fn wait_for_telegram(rig: &Rig, count: usize) -> Vec<TelegramMessage> {
    eventually(&format!("{count} messages on Telegram"), || {
        let received = rig.telegram.received();
        if received.len() >= count {
            Ok(received)
        } else {
            Err(format!("{received:#?}"))
        }
    })
}

/// How often each message of the webhook came, by its key.
fn times_told(rig: &Rig) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for message in rig.messages() {
        *times.entry(message.key).or_default() += 1;
    }
    times
}

#[test]
fn case_25_what_was_stored_and_not_told_is_told_after_a_crash() {
    // "Processed" was written down first and the event sent afterwards; a crash in between, and the
    // fill was known to the database and to nobody else, for ever (Nautilus, pull request 4068).
    // What is still to be decided is a row beside the fill, what is still to be sent is a row beside
    // the decision, and each goes only together with what it asked for.
    let rig = Rig::new();
    rig.edit("settle = \"300ms\"", "settle = \"4s\"");
    rig.edit("deadline = \"2s\"", "deadline = \"20s\"");
    let mut daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.wait_for_all_fills();
    daemon.kill();
    assert!(
        rig.of_kind("fill").is_empty(),
        "killed before it was decided"
    );
    // Decided, but not sent: the receiver is away.
    rig.hook.faults().unplug();
    let mut daemon = rig.start_ready();
    daemon.wait_for_event("alert_waits");
    daemon.kill();
    rig.hook.faults().plug_in();
    let _daemon = rig.start_ready();
    rig.wait_for("fill", 1);
    rig.fill(&rig.place("main", 2));
    rig.wait_for("fill", 2);
    assert!(
        times_told(&rig).values().all(|times| *times == 1),
        "{:#?}",
        times_told(&rig)
    );
}

#[test]
fn case_32_a_restart_tells_nothing_again() {
    // After a restart the alerts of the last days came once more (hummingbot 2945, OctoBot 2931,
    // freqtrade 5989; one bot replayed fills three days old). An alert has an identity made of what
    // it is about, and a row in the ledger: neither knows anything of the process.
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    for account in ["main", "mirror"] {
        rig.fill(&rig.place(account, 1));
        rig.fill(&rig.place(account, 2));
    }
    rig.wait_for("fill", 4);
    daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
    // Killed, and started again: at once, and three days later.
    for days in [0, 3] {
        daemon.kill();
        rig.bybit.clock().advance_ms(days * 24 * 3_600_000);
        daemon = rig.start_ready();
        daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
    }
    rig.fill(&rig.place("main", 3));
    rig.wait_for("fill", 5);
    assert!(
        times_told(&rig).values().all(|times| *times == 1),
        "{:#?}",
        times_told(&rig)
    );
    let fills: Vec<_> = rig
        .of_kind("fill")
        .into_iter()
        .map(|fill| fill.identity)
        .collect();
    let mut once = fills.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), fills.len(), "{fills:#?}");
    assert_eq!(fills.len(), 5);
}

/// Seven fills of a trade of both accounts that ended, all before alerts are worth telling.
fn old_trade(book: &Book, symbol: &str, now: i64) {
    for account in ["main", "mirror"] {
        old_trade_of(account, book, symbol, now);
    }
}

fn old_trade_of(account: &str, book: &Book, symbol: &str, now: i64) {
    let start = now - 50 * 60_000;
    for number in 0..7i64 {
        let at = start + number * 60_000;
        let price = PRICES[usize::try_from(number % 3).unwrap()];
        let order = NewOrder::limit(symbol, Side::Buy, "10", price).at_ms(at - 10);
        let order = book.place_order(account, order).unwrap();
        book.fill(&order, Fill::new("10", price).maker().at_ms(at))
            .unwrap();
    }
    let order = NewOrder::market(symbol, Side::Sell, "70").at_ms(now - 30 * 60_000);
    let order = book.place_order(account, order).unwrap();
    book.fill(&order, Fill::new("70", "0.3").at_ms(now - 30 * 60_000))
        .unwrap();
}

/// One digest of what was before, then what is new by itself.
fn told_of_the_past(rig: &Rig, book: &Book, symbol: &str) {
    let digest = rig.wait_for("digest", 1);
    assert_eq!(digest.len(), 1, "{digest:#?}");
    assert!(
        digest[0].text.contains("7 limit orders filled"),
        "{}",
        digest[0].text
    );
    let order = NewOrder::limit(symbol, Side::Buy, "10", PRICES[0]);
    let order = book.place_order("main", order).unwrap();
    book.fill(&order, Fill::new("10", PRICES[0]).maker())
        .unwrap();
    let fills = rig.wait_for("fill", 1);
    assert_eq!(fills.len(), 1, "{fills:#?}");
    assert!(fills[0].identity.ends_with(&order), "{fills:#?}");
    let kinds: Vec<_> = rig
        .messages()
        .into_iter()
        .map(|message| message.kind)
        .collect();
    assert_eq!(kinds, ["digest", "fill"]);
}

#[test]
fn case_33_a_first_start_acts_on_nothing_of_the_past_on_bybit() {
    // The second seed's first start read fifty closed orders and placed a real trailing stop for
    // every old purchase among them. Nothing here can place an order, and what is old is told in one
    // digest.
    let rig = Rig::new();
    old_trade(rig.bybit.book(), SYMBOL, rig.now_ms());
    let _daemon = rig.start_ready();
    told_of_the_past(&rig, rig.bybit.book(), SYMBOL);
    let asked = rig.bybit.requests().all();
    assert!(asked.iter().all(|request| request.method == "GET"));
}

#[test]
fn case_33_a_first_start_acts_on_nothing_of_the_past_on_alpaca() {
    // The same at Alpaca, where it happened.
    let stage = AlpacaStage::new();
    let (book, now) = (stage.alpaca.book(), stage.alpaca.clock().now_ms());
    old_trade(book, "AAPL", now);
    let _daemon = stage.rig.start_ready();
    told_of_the_past(&stage.rig, book, "AAPL");
    let asked = stage.alpaca.requests().all();
    assert!(asked.iter().all(|request| request.method == "GET"));
}

#[test]
fn case_34_telegrams_pauses_are_kept_and_an_outage_loses_nothing() {
    // Asked to wait, one bot asked again at once, was asked to wait for hours (tdlib 1331: 10,072 s)
    // and dropped what it had meanwhile (netdata 13119, fabston 34). The queue is in the ledger, the
    // wait is what Telegram said, and nothing overtakes.
    let rig = with_person();
    let mut daemon = rig.start_ready();
    let too_many = Fault::TooManyRequests {
        retry_after_s: 2,
        with_headers: true,
    };
    rig.telegram.faults().add(Match::any(), too_many, 1);
    rig.fill(&rig.place("main", 1));
    wait_for_telegram(&rig, 1);
    let asked = rig.telegram.requests().all();
    let refused = asked
        .iter()
        .find(|request| request.fault.is_some())
        .unwrap();
    let next = asked
        .iter()
        .find(|request| request.number > refused.number)
        .unwrap();
    let waited = next.at_ms - refused.at_ms;
    assert!(waited >= 2_000, "asked again after {waited} ms");
    // Away for a while, in which the daemon dies.
    rig.telegram.faults().unplug();
    rig.fill(&rig.place("main", 2));
    rig.wait_for("fill", 2);
    rig.fill(&rig.place("main", 3));
    rig.wait_for("fill", 3);
    daemon.kill();
    rig.telegram.faults().plug_in();
    let _daemon = rig.start_ready();
    let received = wait_for_telegram(&rig, 3);
    assert_eq!(received.len(), 3, "{received:#?}");
    for (message, number) in received.iter().zip(1..) {
        let wanted = format!("{number} of {number}");
        assert!(message.text.contains(&wanted), "{wanted}: {}", message.text);
    }
}

#[test]
fn case_35_what_looks_like_markup_is_text_and_a_refusal_of_markup_loses_nothing() {
    // A symbol with an underscore or a sign of markup in it, and Telegram answers "can't parse
    // entities": the alert was dropped (freqtrade 6352 and 7727, pycryptobot 217, fabston 27 with
    // "#USDT_BTC"). Texts are escaped for their own channel; and where a receiver still cannot read
    // the markup, the same words go out without any.
    let symbol = "A_B*[<C>&\"USDT";
    let rig = with_person();
    let daemon = rig.start_ready();
    rig.fill(&rig.place_in(symbol, "main", 1));
    let first = wait_for_telegram(&rig, 1).remove(0);
    assert!(first.text.contains(symbol), "{}", first.text);
    assert_eq!(first.parse_mode.as_deref(), Some("HTML"));
    assert!(daemon.events("markup_refused").is_empty());
    let cannot = "Bad Request: can't parse entities: Unsupported start tag \"C\" at byte offset 9";
    rig.telegram
        .faults()
        .add(Match::any(), Fault::refuse(400, cannot), 1);
    rig.fill(&rig.place_in(symbol, "main", 2));
    let second = wait_for_telegram(&rig, 2).remove(1);
    assert!(second.text.contains(symbol), "{}", second.text);
    assert_eq!(second.parse_mode, None);
    daemon.wait_for_event("markup_refused");
}

#[test]
fn case_36_two_true_fills_in_a_short_time_are_two_alerts() {
    // The first seed drops "repeats" for 300 seconds by symbol, side and account: the second order
    // that fills within five minutes is one of these. Alerts are told apart by what they are about,
    // never by a clock: the next order, and the same order of the next trade, are others.
    let rig = Rig::new();
    let _daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.wait_for("fill", 1);
    rig.fill(&rig.place("main", 2));
    rig.wait_for("fill", 2);
    rig.flatten("main");
    rig.wait_for("closed", 1);
    rig.fill(&rig.place("main", 1));
    let told = rig.wait_for("fill", 3);
    let texts: Vec<bool> = told
        .iter()
        .zip(["1 of 1", "2 of 2", "1 of 1"])
        .map(|(message, count)| message.text.contains(count))
        .collect();
    assert_eq!(texts, [true; 3], "{told:#?}");
    let spread = rig.hook.received();
    assert_eq!(spread.len(), rig.messages().len());
    assert!(times_told(&rig).values().all(|times| *times == 1));
}
