//! The outbox: recorded once, in order, superseded by what is newer, and sent stays sent (law 11).

use super::{Bench, SEEN, at, runtime};
use crate::{AlertFilter, AlertRow, LedgerError};
use fillsync_core::alert::{Alert, AlertBody, Severity, SystemAlert};
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
