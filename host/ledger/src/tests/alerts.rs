//! The outbox: recorded once, in order, superseded by what is newer, and sent stays sent (law 11).

use super::{Bench, SEEN, at, runtime};
use crate::{Again, AgainOutcome, AlertFilter, AlertRow, LedgerError};
use fillsync_core::alert::{Alert, AlertBody, DigestAlert, Severity, SystemAlert};
use fillsync_core::id::ChannelName;
use fillsync_core::time::HostTime;
use std::time::Duration;

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn alert(identity: &str, revision: u32) -> AlertRow {
    AlertRow {
        alert: Alert {
            identity: identity.to_owned(),
            revision,
            severity: Severity::Warning,
            group: None,
            symbol: None,
            position: None,
            cycle: None,
            account: None,
            at: at(1),
            body: AlertBody::System(SystemAlert {
                topic: "test".to_owned(),
                text: format!("{revision}"),
                remedy: None,
            }),
        },
        channels: vec![channel("ops"), channel("log")],
        suppressed: false,
    }
}

fn due(bench: &Bench, name: &str, now: HostTime) -> Vec<(i64, String, u32, Option<String>)> {
    bench
        .reader()
        .outbox_due(&channel(name), now)
        .unwrap()
        .into_iter()
        .map(|row| {
            (
                row.id,
                row.alert.identity,
                row.alert.revision,
                row.message_id,
            )
        })
        .collect()
}

#[test]
fn law_11_an_alert_is_recorded_once_with_its_messages() {
    let bench = Bench::new();
    runtime().block_on(async {
        let raised = bench
            .ledger
            .raise(vec![alert("a", 0), alert("a", 0)], SEEN)
            .await
            .unwrap();
        assert_eq!(raised.new_alerts, [("a".to_owned(), 0)]);
        assert!(
            bench
                .ledger
                .raise(vec![alert("a", 0)], SEEN)
                .await
                .unwrap()
                .new_alerts
                .is_empty()
        );
        assert_eq!(due(&bench, "ops", SEEN).len(), 1);
        let mut silent = alert("old", 0);
        silent.suppressed = true;
        bench.ledger.raise(vec![silent], SEEN).await.unwrap();
        assert_eq!(due(&bench, "ops", SEEN).len(), 1);
    });
    let status = bench.reader().status().unwrap();
    assert_eq!(
        (
            status.alerts,
            status.alerts_suppressed,
            status.pending.len()
        ),
        (1, 1, 2)
    );
    assert_eq!(bench.reader().self_check().unwrap().findings.len(), 0);
    let stored = bench.reader().alerts(&AlertFilter::default(), 9).unwrap();
    assert_eq!(
        stored
            .iter()
            .map(|alert| (alert.suppressed, alert.deliveries.len()))
            .collect::<Vec<_>>(),
        [(true, 0), (false, 2)]
    );
}

#[test]
fn nothing_overtakes_and_a_newer_revision_takes_the_place_of_a_waiting_one() {
    let bench = Bench::new();
    runtime().block_on(async {
        let ledger = &bench.ledger;
        ledger
            .raise(vec![alert("a", 0), alert("b", 0)], SEEN)
            .await
            .unwrap();
        let first = due(&bench, "ops", SEEN).first().unwrap().0;
        let later = SEEN.plus(Duration::from_secs(30));
        assert!(
            ledger
                .outbox_retry(first, later, "too fast".to_owned())
                .await
                .unwrap()
        );
        assert!(due(&bench, "ops", SEEN).is_empty(), "b must not overtake a");
        assert_eq!(
            due(&bench, "log", SEEN).len(),
            2,
            "another channel does not wait"
        );
        let pending = bench.reader().outbox_channels_pending().unwrap();
        assert_eq!(
            pending
                .iter()
                .find(|one| one.channel == channel("ops"))
                .map(|one| (one.pending, one.next_at)),
            Some((2, later))
        );
        ledger.raise(vec![alert("a", 2)], SEEN).await.unwrap();
        // A replay that brings an older revision after a newer one sends nothing.
        ledger.raise(vec![alert("a", 1)], SEEN).await.unwrap();
        let now: Vec<_> = due(&bench, "ops", SEEN)
            .into_iter()
            .map(|row| (row.1, row.2))
            .collect();
        assert_eq!(now, [("b".to_owned(), 0), ("a".to_owned(), 2)]);
    });
}

#[test]
fn sent_stays_sent_and_a_later_revision_edits_it() {
    let bench = Bench::new();
    runtime().block_on(async {
        let ledger = &bench.ledger;
        ledger.raise(vec![alert("a", 0)], SEEN).await.unwrap();
        let id = due(&bench, "ops", SEEN).first().unwrap().0;
        // It is on its way while revision 1 overtakes it.
        ledger.raise(vec![alert("a", 1)], SEEN).await.unwrap();
        assert!(
            !ledger
                .outbox_dead(id, "late".to_owned(), SEEN)
                .await
                .unwrap()
        );
        assert!(
            ledger
                .outbox_sent(id, Some("77".to_owned()), "text".to_owned(), SEEN)
                .await
                .unwrap()
        );
        assert!(
            !ledger
                .outbox_sent(id, Some("78".to_owned()), "text".to_owned(), SEEN)
                .await
                .unwrap()
        );
        assert!(
            !ledger
                .outbox_retry(id, SEEN, "no".to_owned())
                .await
                .unwrap()
        );
        assert!(!ledger.outbox_dead(id, "no".to_owned(), SEEN).await.unwrap());
        let next = due(&bench, "ops", SEEN);
        assert_eq!(
            next.iter()
                .map(|row| (row.2, row.3.as_deref()))
                .collect::<Vec<_>>(),
            [(1, Some("77"))]
        );
        assert_eq!(
            bench
                .reader()
                .outbox_message_id("a", &channel("ops"))
                .unwrap()
                .as_deref(),
            Some("77")
        );
        assert_eq!(
            bench
                .reader()
                .outbox_message_id("a", &channel("log"))
                .unwrap(),
            None
        );
        let second = next.first().unwrap().0;
        assert!(
            ledger
                .outbox_dead(second, "chat not found".to_owned(), SEEN)
                .await
                .unwrap()
        );
        assert!(matches!(
            ledger.outbox_dead(9_999, "?".to_owned(), SEEN).await,
            Err(LedgerError::Rejected { .. })
        ));
    });
    let status = bench.reader().status().unwrap();
    assert_eq!((status.messages_sent, status.messages_dead), (1, 1));
    let by_hand = rusqlite::Connection::open(bench.path()).unwrap();
    assert!(
        by_hand
            .execute(
                "UPDATE outbox SET state = 'pending' WHERE state = 'sent'",
                []
            )
            .is_err()
    );
}

fn digest(identity: &str) -> Alert {
    Alert {
        body: AlertBody::Digest(DigestAlert {
            lines: vec!["two alerts".to_owned()],
            events: 2,
            from: at(1),
            to: at(1),
        }),
        ..alert(identity, 0).alert
    }
}

fn states(bench: &Bench, identity: &str, name: &str) -> Vec<String> {
    let stored = bench.reader().alerts(&AlertFilter::default(), 99).unwrap();
    let of = stored
        .into_iter()
        .filter(|stored| stored.alert.identity == identity);
    of.flat_map(|stored| stored.deliveries)
        .filter(|delivery| delivery.channel == channel(name))
        .map(|delivery| delivery.state)
        .collect()
}

fn is_consistent(bench: &Bench) {
    assert_eq!(
        bench.reader().self_check().unwrap().findings,
        Vec::<String>::new()
    );
}

#[test]
fn law_11_a_digest_takes_the_first_ones_place_and_nothing_is_lost_from_the_list() {
    let bench = Bench::new();
    runtime().block_on(async {
        let ledger = &bench.ledger;
        let alerts = ["a", "b", "c"].map(|identity| alert(identity, 0));
        ledger.raise(alerts.to_vec(), SEEN).await.unwrap();
        let ids: Vec<i64> = due(&bench, "ops", SEEN).iter().map(|row| row.0).collect();
        // Twice, as after a crash of what follows.
        for _ in 0..2 {
            ledger
                .outbox_digest(ids[..2].to_vec(), digest("digest/ops/a#0"), SEEN)
                .await
                .unwrap();
        }
        let order: Vec<String> = due(&bench, "ops", SEEN)
            .into_iter()
            .map(|row| row.1)
            .collect();
        assert_eq!(
            order,
            ["digest/ops/a#0", "c"],
            "what is younger comes after it"
        );
        assert!(
            ledger
                .outbox_sent(ids[0], None, "two alerts".to_owned(), SEEN)
                .await
                .unwrap()
        );
        for identity in ["a", "b"] {
            assert_eq!(states(&bench, identity, "ops"), ["digested"]);
            assert_eq!(
                states(&bench, identity, "log"),
                ["pending"],
                "another channel is told of each"
            );
        }
        assert_eq!(states(&bench, "digest/ops/a#0", "ops"), ["sent"]);
        is_consistent(&bench);
        // A later truth about one of them is a message of its own.
        ledger.raise(vec![alert("a", 1)], SEEN).await.unwrap();
        let order: Vec<(String, u32)> = due(&bench, "ops", SEEN)
            .into_iter()
            .map(|row| (row.1, row.2))
            .collect();
        assert_eq!(order, [("c".to_owned(), 0), ("a".to_owned(), 1)]);
        // What does not wait cannot be told in a digest.
        let refused = ledger
            .outbox_digest(vec![ids[0]], digest("digest/ops/other"), SEEN)
            .await;
        assert!(
            matches!(refused, Err(LedgerError::Rejected { .. })),
            "{refused:?}"
        );
    });
    is_consistent(&bench);
}

#[test]
fn a_message_that_was_overtaken_while_its_digest_was_on_its_way_stays_overtaken() {
    let bench = Bench::new();
    runtime().block_on(async {
        let ledger = &bench.ledger;
        ledger
            .raise(vec![alert("a", 0), alert("b", 0)], SEEN)
            .await
            .unwrap();
        let ids: Vec<i64> = due(&bench, "ops", SEEN).iter().map(|row| row.0).collect();
        ledger
            .raise(vec![alert("a", 1), alert("b", 1)], SEEN)
            .await
            .unwrap();
        ledger
            .outbox_digest(ids.clone(), digest("digest/ops/a#0"), SEEN)
            .await
            .unwrap();
        assert!(
            ledger
                .outbox_sent(ids[0], None, "text".to_owned(), SEEN)
                .await
                .unwrap()
        );
        let order: Vec<(String, u32)> = due(&bench, "ops", SEEN)
            .into_iter()
            .map(|row| (row.1, row.2))
            .collect();
        assert_eq!(order, [("a".to_owned(), 1), ("b".to_owned(), 1)]);
    });
    is_consistent(&bench);
}

#[test]
fn a_dead_letter_is_sent_again_once_and_nothing_else_is() {
    let bench = Bench::new();
    let path = bench.path();
    runtime().block_on(async {
        let ledger = &bench.ledger;
        ledger
            .raise(vec![alert("a", 0), alert("b", 0)], SEEN)
            .await
            .unwrap();
        let (first, number) = (due(&bench, "ops", SEEN)[0].0, 1);
        ledger
            .outbox_dead(first, "blocked".to_owned(), SEEN)
            .await
            .unwrap();
        let later = SEEN.plus(Duration::from_secs(3_600));
        // Beside the daemon that holds the ledger.
        let done = crate::send_again(&path, number, None, later).unwrap();
        assert_eq!(
            done,
            [
                Again {
                    channel: channel("log"),
                    outcome: AgainOutcome::NotDead("pending".to_owned())
                },
                Again {
                    channel: channel("ops"),
                    outcome: AgainOutcome::Queued
                },
            ]
        );
        let waiting = bench.reader().outbox_waiting(&channel("ops")).unwrap();
        assert_eq!(
            (waiting[0].id, waiting[0].attempts, waiting[0].queued_at),
            (first, 0, later)
        );
        assert_eq!(bench.reader().status().unwrap().messages_dead, 0);
        is_consistent(&bench);
        // Once it waits it is no dead letter; once it was sent even less.
        let again = ledger
            .outbox_again(number, Some(channel("ops")), later)
            .await
            .unwrap();
        assert_eq!(
            again[0].outcome,
            AgainOutcome::NotDead("pending".to_owned())
        );
        ledger
            .outbox_sent(first, None, "text".to_owned(), later)
            .await
            .unwrap();
        let again = ledger
            .outbox_again(number, Some(channel("ops")), later)
            .await
            .unwrap();
        assert_eq!(again[0].outcome, AgainOutcome::NotDead("sent".to_owned()));
        // What a newer revision took the place of would be old news.
        let second = due(&bench, "ops", SEEN)[0].0;
        ledger
            .outbox_dead(second, "blocked".to_owned(), SEEN)
            .await
            .unwrap();
        ledger.raise(vec![alert("b", 1)], SEEN).await.unwrap();
        let again = ledger
            .outbox_again(2, Some(channel("ops")), later)
            .await
            .unwrap();
        assert_eq!(again[0].outcome, AgainOutcome::Overtaken);
        for (number, name) in [(99, None), (1, Some(channel("nobody")))] {
            let refused = ledger.outbox_again(number, name, later).await;
            assert!(
                matches!(refused, Err(LedgerError::Rejected { .. })),
                "{refused:?}"
            );
        }
    });
    is_consistent(&bench);
}

#[test]
fn in_quiet_hours_only_what_is_severe_and_edits_are_due() {
    let bench = Bench::new();
    runtime().block_on(async {
        let ledger = &bench.ledger;
        ledger.raise(vec![alert("told", 0)], SEEN).await.unwrap();
        let told = due(&bench, "ops", SEEN)[0].0;
        ledger
            .outbox_sent(told, Some("77".to_owned()), "text".to_owned(), SEEN)
            .await
            .unwrap();
        let mut severe = alert("severe", 0);
        severe.alert.severity = Severity::Critical;
        ledger
            .raise(vec![alert("held", 0), alert("told", 1), severe], SEEN)
            .await
            .unwrap();
        let quiet = |now: HostTime, least: Option<Severity>| -> Vec<String> {
            let rows = bench
                .reader()
                .outbox_due_in_quiet(&channel("ops"), now, least)
                .unwrap();
            rows.into_iter().map(|row| row.alert.identity).collect()
        };
        assert_eq!(quiet(SEEN, Some(Severity::Critical)), ["told", "severe"]);
        assert_eq!(
            quiet(SEEN, Some(Severity::Warning)),
            ["held", "told", "severe"]
        );
        assert_eq!(quiet(SEEN, None), ["told"]);
        // The receiver asked to wait: that holds for all.
        let held = due(&bench, "ops", SEEN)[0].0;
        let later = SEEN.plus(Duration::from_secs(30));
        ledger
            .outbox_retry(held, later, "too fast".to_owned())
            .await
            .unwrap();
        assert!(quiet(SEEN, Some(Severity::Critical)).is_empty());
        assert_eq!(quiet(later, Some(Severity::Critical)).len(), 2);
    });
}
