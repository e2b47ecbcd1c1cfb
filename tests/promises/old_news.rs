//! Old news: what happened long ago is told in one digest, and what is true now is never old.

use crate::rig::{Rig, SYMBOL, eventually, so};
use fillsync_fake::{FOREVER, Fault, Match};
use std::time::{Duration, Instant};

/// Longer than the age and the deadline of these tests' alerts together.
const LONG: Duration = Duration::from_secs(8);

fn of_short_memory() -> Rig {
    let rig = Rig::new();
    rig.edit(
        "settle = \"300ms\"",
        "settle = \"300ms\"\nalert_max_age = \"5s\"",
    );
    rig
}

fn wait_long() {
    let began = Instant::now();
    eventually("the alerts of this trade are old", || {
        so(began.elapsed() > LONG, began.elapsed())
    });
}

#[test]
fn law_12_a_group_that_comes_later_tells_what_was_seen_long_ago_in_one_digest() {
    // The fills were seen at once, by a group of another name; the new one decides them all the same.
    let rig = of_short_memory();
    let daemon = rig.start_ready();
    let [main, mirror] =
        ["main", "mirror"].map(|account| [1, 2].map(|slot| rig.place(account, slot)));
    rig.fill(&main[0]);
    rig.fill(&mirror[0]);
    rig.wait_for("fill", 2);
    wait_long();
    rig.edit("name = \"desk\"", "name = \"office\"");
    daemon.wait_for_event("config_reloaded");
    rig.fill(&main[1]);
    rig.fill(&mirror[1]);
    let fills = rig.wait_for("fill", 4);
    for (message, order) in fills[2..].iter().zip([&main[1], &mirror[1]]) {
        assert!(message.identity.ends_with(order.as_str()), "{fills:#?}");
        assert!(message.text.contains("2 of 2"), "{}", message.text);
    }
    let digest = rig.wait_for("digest", 1);
    assert_eq!(digest.len(), 1, "{digest:#?}");
    assert!(
        digest[0].text.contains("1 limit order filled"),
        "{}",
        digest[0].text
    );
    assert_eq!(rig.of_kind("fill").len(), 4, "{:#?}", rig.messages());
}

#[test]
fn a_difference_that_is_proven_late_is_told_by_itself() {
    // The mirror was away for longer than alerts are worth telling; what is true of it is true now.
    let rig = of_short_memory();
    let _daemon = rig.start_ready();
    let main = rig.place("main", 1);
    rig.place("mirror", 1);
    rig.bybit.faults().add(
        Match::path("/v5/execution/list").account("mirror"),
        Fault::TooManyRequests {
            retry_after_s: 1,
            with_headers: true,
        },
        FOREVER,
    );
    rig.fill(&main);
    rig.wait_for("fill", 1);
    wait_long();
    rig.bybit.faults().clear();
    let told = rig.wait_for("divergence", 1).remove(0);
    assert!(told.text.contains("MIRROR still open"), "{}", told.text);
    assert!(told.text.contains(SYMBOL), "{}", told.text);
    assert!(rig.of_kind("digest").is_empty());
}

#[test]
fn a_difference_that_a_long_downtime_leaves_is_told_by_itself_and_its_fills_in_the_digest() {
    let rig = of_short_memory();
    let mut daemon = rig.start_ready();
    let main = [1, 2].map(|slot| rig.place("main", slot));
    let mirror = [1, 2].map(|slot| rig.place("mirror", slot));
    rig.fill(&main[0]);
    rig.fill(&mirror[0]);
    rig.wait_for("fill", 2);
    daemon.stop();
    // Only main's second order fills while nobody looks.
    rig.fill(&main[1]);
    wait_long();
    let _daemon = rig.start_ready();
    let told = rig.wait_for("divergence", 1).remove(0);
    assert!(told.text.contains("MIRROR still open"), "{}", told.text);
    let digest = rig.wait_for("digest", 1).remove(0);
    assert!(
        digest.text.contains("1 limit order filled"),
        "{}",
        digest.text
    );
    assert!(!digest.text.contains("divergence"), "{}", digest.text);
    // Whatever would be told twice has been told when the next difference ends.
    rig.fill(&mirror[1]);
    rig.wait_for("resolved", 1);
    assert_eq!(rig.of_kind("divergence").len(), 1, "{:#?}", rig.messages());
    assert_eq!(rig.of_kind("digest").len(), 1, "{:#?}", rig.messages());
}
