//! What is held together, and what the digest says of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use fillsync_config::{BreaksThrough, TimeOfDay, Zone};
use fillsync_core::alert::{AlertAccount, ExitAlert, ExitReason, SystemAlert};
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::execution::Side;
use fillsync_core::id::{AccountName, GroupName, Symbol};
use fillsync_core::order::PositionSide;
use fillsync_core::time::VenueTime;

fn at(text: &str) -> HostTime {
    HostTime::parse(text).unwrap()
}

fn ops() -> ChannelName {
    ChannelName::new("ops").unwrap()
}

fn patience(quiet: bool) -> Patience {
    Patience {
        quiet: quiet.then(|| Quiet {
            from: TimeOfDay::parse("22:00").unwrap(),
            to: TimeOfDay::parse("07:00").unwrap(),
            zone: Zone::parse("UTC").unwrap(),
            breaks_through: BreaksThrough(Some(Severity::Critical)),
        }),
        backlog_after: Duration::from_secs(30 * 60),
    }
}

fn row(id: i64, queued_at: &str, severity: Severity, body: AlertBody) -> OutboxRow {
    OutboxRow {
        id,
        channel: ops(),
        alert: Alert {
            identity: format!("alert/{id}"),
            revision: 0,
            severity,
            group: Some(GroupName::new("desk").unwrap()),
            symbol: Some(Symbol::new("GTCUSDT").unwrap()),
            position: Some(PositionSide::Short),
            cycle: Some(1),
            account: Some(AlertAccount {
                name: AccountName::new("main").unwrap(),
                role: None,
            }),
            at: VenueTime::from_us(at(queued_at).us()),
            body,
        },
        attempts: 0,
        next_at: at(queued_at),
        queued_at: at(queued_at),
        message_id: None,
    }
}

fn exit(id: i64, queued_at: &str) -> OutboxRow {
    let body = AlertBody::Exit(ExitAlert {
        reason: ExitReason::Close,
        side: Side::Buy,
        price: Price::parse("1").unwrap(),
        quantity: Quantity::parse("1").unwrap(),
        realised: None,
    });
    row(id, queued_at, Severity::Info, body)
}

fn notice(id: i64, queued_at: &str, severity: Severity, text: &str) -> OutboxRow {
    let body = AlertBody::System(SystemAlert {
        topic: "test".to_owned(),
        text: text.to_owned(),
        remedy: None,
    });
    row(id, queued_at, severity, body)
}

fn lines(gathered: &Gathered) -> Vec<String> {
    match &gathered.row.alert.body {
        AlertBody::Digest(digest) => digest.lines.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_came_in_quiet_hours_is_told_as_one_after_them() {
    let waiting = vec![
        exit(1, "2026-11-28T22:10:00Z"),
        exit(2, "2026-11-29T03:00:00Z"),
        notice(
            3,
            "2026-11-29T06:59:59Z",
            Severity::Warning,
            "a key expires",
        ),
        // It came after the quiet hours, and is told by itself.
        exit(4, "2026-11-29T07:00:00Z"),
    ];
    let now = at("2026-11-29T07:00:01Z");
    let gathered = gather(&ops(), waiting.clone(), &patience(true), now).unwrap();
    assert_eq!(gathered.ids, [1, 2, 3]);
    assert_eq!(gathered.row.id, 1, "it takes the first one's place");
    assert_eq!(
        gathered.row.alert.severity,
        Severity::Warning,
        "the highest of them"
    );
    assert_eq!(
        lines(&gathered),
        [
            "kept for after the quiet hours",
            "main GTCUSDT Sell: 2 exits",
            "a key expires"
        ]
    );
    // The same messages make the same digest, however often it is made.
    let again = gather(
        &ops(),
        waiting,
        &patience(true),
        now.plus(Duration::from_secs(60)),
    )
    .unwrap();
    assert_eq!(again.row.alert, gathered.row.alert);
    assert_eq!(again.row.alert.identity, "digest/ops/alert/1#0");
}

#[test]
fn what_broke_through_the_quiet_is_not_held() {
    let urgent = notice(
        1,
        "2026-11-29T06:59:00Z",
        Severity::Critical,
        "accounts differ",
    );
    assert_eq!(
        patience(true).holds(&urgent, at("2026-11-29T07:00:01Z")),
        None
    );
    assert_eq!(
        patience(true).quiet_until(at("2026-11-29T03:00:00Z")),
        Some(at("2026-11-29T07:00:00Z"))
    );
    assert_eq!(
        patience(false).quiet_until(at("2026-11-29T03:00:00Z")),
        None
    );
}

#[test]
fn a_backlog_is_one_digest_and_what_is_young_is_told_by_itself() {
    let mut waiting: Vec<OutboxRow> = (0..300)
        .map(|id| exit(id, "2026-11-28T10:00:00Z"))
        .collect();
    waiting.push(exit(300, "2026-11-28T11:50:00Z"));
    let now = at("2026-11-28T12:05:00Z");
    let gathered = gather(&ops(), waiting, &patience(false), now).unwrap();
    assert_eq!(gathered.ids.len(), 300);
    assert_eq!(
        lines(&gathered),
        [
            "told late: waited for this channel up to 2 h 5 min",
            "main GTCUSDT Sell: 300 exits"
        ]
    );
}

#[test]
fn one_that_is_held_alone_is_told_as_it_is_and_an_edit_is_never_held() {
    let now = at("2026-11-28T12:00:00Z");
    let old = || exit(1, "2026-11-28T10:00:00Z");
    assert!(gather(&ops(), vec![old()], &patience(false), now).is_none());
    let edit = OutboxRow {
        message_id: Some("77".to_owned()),
        ..exit(2, "2026-11-28T10:00:00Z")
    };
    assert!(gather(&ops(), vec![old(), edit.clone()], &patience(false), now).is_none());
    let gathered = gather(
        &ops(),
        vec![edit, old(), exit(3, "2026-11-28T10:00:00Z")],
        &patience(false),
        now,
    );
    assert_eq!(gathered.unwrap().ids, [1, 3]);
}

#[test]
fn a_digest_is_bounded() {
    let now = at("2026-11-28T12:00:00Z");
    let waiting = (0..200).map(|id| {
        let mut row = if id % 2 == 0 {
            exit(id, "2026-11-28T10:00:00Z")
        } else {
            notice(
                id,
                "2026-11-28T10:00:00Z",
                Severity::Info,
                &format!("notice {id}"),
            )
        };
        row.alert.symbol = Some(Symbol::new(format!("S{id}")).unwrap());
        row
    });
    let gathered = gather(&ops(), waiting.collect(), &patience(false), now).unwrap();
    let lines = lines(&gathered);
    assert_eq!(gathered.ids.len(), 200);
    assert_eq!(lines.len(), 1 + DIGEST_LINES_MAX + 1 + NOTICES_MAX + 1);
    assert_eq!(lines.last().map(String::as_str), Some("… and 90 more"));
}
