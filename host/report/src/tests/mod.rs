//! The answers, as JSON and as tables, of a small ledger with something of everything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod kept;
mod sample;

use crate::{
    Answer, GroupFilter, GroupPlan, Look, PerformanceFilter, ROWS_DEFAULT, ROWS_MAX, StreamHealth,
    StreamState, Streams, TimelineFilter, Trades, rows_wanted,
};
use fillsync_core::execution::{Side, VenueKind};
use fillsync_core::id::{GroupName, Symbol};
use fillsync_core::view::Role;
use fillsync_ledger::{
    AlertFilter, CountFilter, CycleFilter, DivergenceFilter, EventFilter, FillFilter, LedgerError,
    OrderFilter, OutboxFilter, PageRecord, Reader,
};
use sample::{NOW, account, at, empty, execution, page, story};

/// Both forms of an answer. The JSON is laid out by hand, because a value would lose exact numbers.
fn both(answer: &impl Answer) -> String {
    format!(
        "{}\n\n{}",
        laid_out(&answer.json().unwrap()),
        answer.table(Look::Plain)
    )
}

/// JSON over several lines, without touching a digit.
fn laid_out(json: &str) -> String {
    let (mut text, mut depth, mut quoted, mut escaped) = (String::new(), 0usize, false, false);
    let mut characters = json.chars().peekable();
    while let Some(c) = characters.next() {
        if quoted {
            text.push(c);
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        if let ('{', Some('}')) | ('[', Some(']')) = (c, characters.peek()) {
            text.push(c);
            text.extend(characters.next());
            continue;
        }
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        let line = format!("\n{}", "  ".repeat(depth));
        match c {
            '{' | '[' | ',' => text.push_str(&format!("{c}{line}")),
            '}' | ']' => text.push_str(&format!("{line}{c}")),
            ':' => text.push_str(": "),
            '"' => {
                quoted = true;
                text.push(c);
            }
            other => text.push(other),
        }
    }
    text
}

fn asked<A: Send + 'static>(
    question: impl FnOnce(&Reader) -> Result<A, LedgerError> + Send + 'static,
) -> A {
    runtime().block_on(async {
        let (_folder, ledger) = story().await;
        ledger.read(question).await.unwrap()
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn any_fill() -> FillFilter {
    FillFilter {
        limit: ROWS_DEFAULT,
        ..FillFilter::default()
    }
}

#[test]
fn fills_keep_the_seeds_shape_and_every_digit() {
    let fills = asked(|reader| crate::fills(reader, &any_fill(), NOW));
    // The funding row is no fill.
    assert_eq!(fills.count, 8);
    assert_eq!(
        fills
            .fills
            .iter()
            .find(|fill| fill.exec_id == "b-1")
            .unwrap()
            .price,
        "0.00001234"
    );
    insta::assert_snapshot!("fills", both(&fills));
}

#[test]
fn fills_are_narrowed_and_read_page_by_page() {
    let (by_account, pages) = asked(|reader| {
        let by_account = crate::fills(
            reader,
            &FillFilter {
                account: Some(account("bot")),
                ..any_fill()
            },
            NOW,
        )?;
        let (mut pages, mut before_id) = (Vec::new(), None);
        loop {
            let page = crate::fills(
                reader,
                &FillFilter {
                    before_id,
                    limit: 3,
                    ..any_fill()
                },
                NOW,
            )?;
            pages.push(
                page.fills
                    .into_iter()
                    .map(|fill| fill.exec_id)
                    .collect::<Vec<_>>(),
            );
            before_id = page.next;
            if before_id.is_none() {
                return Ok((by_account, pages));
            }
        }
    });
    assert_eq!(
        by_account
            .fills
            .iter()
            .map(|fill| fill.exec_id.as_str())
            .collect::<Vec<_>>(),
        ["b-2", "b-1"]
    );
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2]);
    let mut all: Vec<_> = pages.concat();
    assert_eq!(all.first().map(String::as_str), Some("b-2"));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 8, "no fill on two pages");
}

#[test]
fn performance_counts_longs_shorts_and_fees_exactly() {
    let answer = asked(|reader| crate::performance(reader, &CycleFilter::default(), NOW));
    // Short of GTC: 66.675 sold, 63 bought back, 0.003 of fees. Long of ARB: 5 lost, 0.002 of fees.
    // SHIB: bought for 12.34, sold for 12.977475; its fee is in the coin and stands apart.
    assert_eq!(
        answer.by_symbol.get("GTCUSDT").unwrap().pnl.to_string(),
        "3.672"
    );
    assert_eq!(
        answer.by_symbol.get("ARBUSDT").unwrap().pnl.to_string(),
        "-5.002"
    );
    assert_eq!(
        answer.by_symbol.get("SHIB/USD").unwrap().pnl.to_string(),
        "0.637475"
    );
    assert_eq!(answer.overall.total_pnl.to_string(), "-0.692525");
    assert_eq!(answer.by_side.get("short").unwrap().trades, 1);
    assert_eq!(answer.by_side.get("long").unwrap().trades, 2);
    assert_eq!(
        answer.incomplete_cycles, 1,
        "mirror's position was open before its data"
    );
    assert_eq!(answer.coverage.incomplete_accounts, ["mirror"]);
    insta::assert_snapshot!("performance", both(&answer));
}

#[test]
fn performance_numbers_never_pass_through_a_float() {
    let json = runtime().block_on(async {
        let (_folder, ledger) = empty();
        let record = PageRecord {
            executions: vec![
                execution((
                    "a",
                    "linear",
                    "XUSDT",
                    "1",
                    Side::Buy,
                    "1",
                    "1",
                    "0 USDT",
                    1,
                )),
                execution((
                    "a",
                    "linear",
                    "XUSDT",
                    "2",
                    Side::Sell,
                    "1",
                    "123456789012346.123456789",
                    "0 USDT",
                    2,
                )),
            ],
            ..page("a", VenueKind::Bybit, "linear")
        };
        ledger.record(record).await.unwrap();
        ledger
            .read(|reader| crate::performance(reader, &CycleFilter::default(), NOW))
            .await
            .unwrap()
            .json()
            .unwrap()
    });
    assert!(
        json.contains(r#""total_pnl":123456789012345.123456789,"#),
        "{json}"
    );
}

#[test]
fn performance_without_trades_has_the_seeds_message_and_the_whole_shape() {
    let answer = runtime().block_on(async {
        let (_folder, ledger) = empty();
        ledger
            .read(|reader| crate::performance(reader, &CycleFilter::default(), NOW))
            .await
            .unwrap()
    });
    insta::assert_snapshot!("performance_of_nothing", both(&answer));
}

#[test]
fn counts_keep_detected_shown_and_truth_apart() {
    let filter = CountFilter {
        limit: ROWS_DEFAULT,
        ..CountFilter::default()
    };
    insta::assert_snapshot!(
        "counts",
        both(&asked(move |reader| crate::counts(reader, &filter, NOW)))
    );
}

#[test]
fn divergences_say_since_when() {
    let filter = DivergenceFilter {
        open_only: true,
        limit: ROWS_DEFAULT,
        ..DivergenceFilter::default()
    };
    insta::assert_snapshot!(
        "divergences",
        both(&asked(move |reader| crate::divergences(
            reader, &filter, NOW
        )))
    );
}

#[test]
fn alerts_say_how_they_fared() {
    let answer = asked(|reader| crate::alerts(reader, &AlertFilter::default(), ROWS_DEFAULT, NOW));
    insta::assert_snapshot!("alerts", both(&answer));
}

#[test]
fn accounts_say_what_is_proven_and_what_is_missing() {
    insta::assert_snapshot!(
        "accounts",
        both(&asked(|reader| crate::accounts(reader, None, NOW)))
    );
}

#[test]
fn accounts_say_how_their_streams_are() {
    let stream = |state, reason: Option<&str>| StreamHealth {
        state,
        since: Some(NOW),
        reason: reason.map(str::to_owned),
    };
    let streams: Streams = [
        (account("main"), stream(StreamState::Live, None)),
        (
            account("mirror"),
            stream(StreamState::Failed, Some("the key is refused")),
        ),
    ]
    .into();
    let answer = asked(move |reader| crate::accounts(reader, Some(&streams), NOW));
    let states: Vec<_> = answer
        .accounts
        .iter()
        .map(|account| account.stream.as_ref().unwrap().state)
        .collect();
    assert_eq!(
        states,
        [StreamState::Off, StreamState::Live, StreamState::Failed]
    );
    let text = answer.table(Look::Plain);
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    insta::assert_snapshot!("accounts_with_streams", text);
}

#[test]
fn spans_and_seconds_are_short_and_never_claim_more() {
    let spans = [850, 12_000, 119_999, 420_000, 108_000_000, 400_000_000];
    let short = spans.map(crate::time_text::span);
    assert_eq!(short, ["850ms", "12s", "119s", "7m", "30h", "4d"]);
    let us = sample::NOON_US + 400_000;
    assert_eq!(crate::time_text::second(us), "2027-01-15T08:00:00Z");
    assert_eq!(crate::time_text::second_from(us), "2027-01-15T08:00:01Z");
}

#[test]
fn status_is_the_ledger_at_a_glance() {
    let mut status =
        asked(|reader| crate::status(reader, std::path::Path::new("fillsync.db"), None, NOW));
    assert!(status.database.bytes > 0);
    assert!(status.database.schema > 0);
    (status.database.bytes, status.database.schema) = (4096, 1);
    insta::assert_snapshot!("status", both(&status));
}

#[test]
fn orders_are_those_that_are_open() {
    insta::assert_snapshot!(
        "orders",
        both(&asked(|reader| crate::orders(
            reader,
            &OrderFilter {
                limit: ROWS_DEFAULT,
                ..OrderFilter::default()
            },
            NOW
        )))
    );
}

#[test]
fn events_carry_their_fields_as_json() {
    let filter = |after| EventFilter {
        after,
        limit: ROWS_DEFAULT,
        ..EventFilter::default()
    };
    let answer = asked(move |reader| crate::events(reader, &filter(None), NOW));
    assert!(
        answer
            .json()
            .unwrap()
            .contains(r#""fields":{"main":2,"mirror":2}"#)
    );
    insta::assert_snapshot!("events", both(&answer));
    let next = answer.next;
    let later = asked(move |reader| crate::events(reader, &filter(next), NOW));
    assert_eq!((later.count, later.next), (0, next));
}

#[test]
fn plugin_events_carry_cause_and_hint() {
    insta::assert_snapshot!(
        "plugin_events",
        both(&asked(|reader| crate::plugin_events(
            reader,
            ROWS_DEFAULT,
            NOW
        )))
    );
}

#[test]
fn a_terminal_gets_lines_and_nothing_gets_control_characters() {
    let filter = CountFilter {
        limit: ROWS_DEFAULT,
        ..CountFilter::default()
    };
    let text = asked(move |reader| crate::counts(reader, &filter, NOW)).table(Look::Terminal);
    insta::assert_snapshot!("counts_on_a_terminal", text);
    let columns = [crate::table::Column::Left("A")];
    let text = crate::table::render(
        Look::Plain,
        &columns,
        [vec!["\u{1b}[2Jx\u{7}".to_owned()]],
        "",
    );
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{7}'),
        "{text:?}"
    );
}

#[test]
fn a_wish_for_rows_stays_in_bounds() {
    assert_eq!(rows_wanted(None), ROWS_DEFAULT);
    assert_eq!(rows_wanted(Some(0)), 1);
    assert_eq!(rows_wanted(Some(7)), 7);
    assert_eq!(rows_wanted(Some(1_000_000_000)), ROWS_MAX);
    assert_eq!(rows_wanted(Some(u64::MAX)), ROWS_MAX);
}

fn desk() -> Vec<GroupPlan> {
    let member = |name: &str, role| (account(name), role);
    vec![GroupPlan {
        name: GroupName::new("desk").unwrap(),
        strategy: Some("max-count".to_owned()),
        members: vec![
            member("bot", Role::Observer),
            member("mirror", Role::Mirror),
            member("main", Role::Main),
        ],
        settle_ms: 3_000,
        deadline_ms: 30_000,
    }]
}

#[test]
fn groups_stand_side_by_side_slot_by_slot() {
    let filter = GroupFilter {
        limit: 5,
        ..GroupFilter::default()
    };
    let answer = asked(move |reader| crate::groups(reader, &desk(), &filter, NOW));
    let cycle = &answer.groups[0].cycles[0];
    // Three values, and main first.
    let values: Vec<_> = cycle
        .accounts
        .iter()
        .map(|one| (&*one.account, one.detected, one.shown, one.truth))
        .collect();
    assert_eq!(
        values,
        [
            ("main", 2, Some(2), "aligned"),
            ("mirror", 0, Some(2), "lagging")
        ]
    );
    assert_eq!((cycle.truth, cycle.divergences.len()), ("lagging", 1));
    insta::assert_snapshot!("groups", both(&answer));
    let other = GroupFilter {
        symbol: Some(Symbol::new("OPUSDT").unwrap()),
        limit: 5,
        ..GroupFilter::default()
    };
    let answer = asked(move |reader| crate::groups(reader, &desk(), &other, NOW));
    assert_eq!(answer.groups[0].cycles.len(), 0);
}

#[test]
fn messages_say_what_became_of_them() {
    let answer = asked(|reader| crate::messages(reader, &messages(None), NOW));
    insta::assert_snapshot!("messages", both(&answer));
    for (state, wanted) in [("sent", 1), ("pending", 1), ("dead", 0)] {
        let answer = asked(move |reader| crate::messages(reader, &messages(Some(state)), NOW));
        assert_eq!(answer.count, wanted, "{state}");
    }
}

fn messages(state: Option<&str>) -> OutboxFilter {
    OutboxFilter {
        state: state.map(str::to_owned),
        limit: ROWS_DEFAULT,
        ..OutboxFilter::default()
    }
}

/// What is drawn must be what is told: the sums of the steps are those of `/performance` and `/fills`.
#[test]
fn the_timeline_adds_up_to_what_the_others_say() {
    fn of(what: PerformanceFilter) -> TimelineFilter {
        TimelineFilter {
            what,
            from: at(-2 * 3_600),
            to: at(2 * 3_600),
        }
    }
    let everything = of(PerformanceFilter::default());
    let answer = asked(move |reader| Trades::default().timeline(reader, &everything, NOW));
    let sums = asked(|reader| crate::performance(reader, PerformanceFilter::default(), NOW));
    assert_eq!(answer.steps.len(), 4);
    assert_eq!(answer.fills, 8);
    assert_eq!(answer.pnl, sums.overall.total_pnl);
    assert_eq!(answer.trades, sums.overall.total_trades);
    assert_eq!(answer.steps[2].fills, 8);
    assert_eq!(answer.steps[3].pnl_total, answer.pnl);
    for name in ["main", "mirror", "bot"] {
        let narrowed = || PerformanceFilter {
            account: Some(account(name)),
            ..PerformanceFilter::default()
        };
        let timeline =
            asked(move |reader| Trades::default().timeline(reader, &of(narrowed()), NOW));
        let fills = asked(move |reader| {
            let filter = FillFilter {
                account: Some(account(name)),
                ..any_fill()
            };
            crate::fills(reader, &filter, NOW)
        });
        assert_eq!(timeline.fills, fills.count as u64, "{name}");
        let sums = asked(move |reader| crate::performance(reader, narrowed(), NOW));
        assert_eq!(timeline.pnl, sums.overall.total_pnl, "{name}");
    }
}
