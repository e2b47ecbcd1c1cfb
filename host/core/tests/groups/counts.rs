//! Counts: what is detected in which trade, and what is shown.

use crate::desk::{Account, PAIR, detected, facts, only, plan, rules, truths, view};
use fillsync_core::execution::Side;
use fillsync_core::join::join;
use fillsync_core::moment::{self, Answer};
use fillsync_core::order::PositionSide;
use fillsync_core::truth::Truth;
use fillsync_core::view::{Role, Shown};

#[test]
fn the_alerts_of_two_accounts_at_four_instants() {
    // Main's L1 and L2 at 12:00:00.0, mirror's L1 0.2 s and L2 1.2 s later: main's alerts count 2,
    // mirror's first shows main's 2 beside its own 1, mirror's second is 2 by itself.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main").fill("L1", 10_000).fill("L2", 10_000),
            plan("mirror").fill("L1", 10_200).fill("L2", 11_200),
        ],
        &[("main", 20_000), ("mirror", 20_000)],
    );
    let cycle = only(&rules, &facts);
    let moments = moment::moments(&rules, &cycle);
    let seen: Vec<_> = moments
        .iter()
        .map(|moment| {
            let view = view(&rules, &facts, &cycle, moment.at.ms(), 20_000);
            (
                moment.at.ms(),
                moment.counted.len(),
                detected(&view),
                view.slots.len(),
            )
        })
        .collect();
    let both = |main, mirror| vec![("main".to_owned(), main), ("mirror".to_owned(), mirror)];
    assert_eq!(
        seen,
        [
            (10_000, 2, both(2, 0), 3),
            (10_200, 1, both(2, 1), 3),
            (11_200, 1, both(2, 2), 3)
        ]
    );
}

#[test]
fn a_count_of_one_cycle_never_appears_in_the_next() {
    // Law 7. The mirror closes late, when main's next trade is already open.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main")
                .fill("L1", 10_000)
                .fill("L2", 10_000)
                .trade("exit", Side::Buy, "300", 20_000)
                .limit("M1", "0.2300")
                .fill("M1", 21_000),
            plan("mirror")
                .fill("L1", 10_000)
                .fill("L2", 10_000)
                .trade("exit", Side::Buy, "300", 25_000)
                .limit("M1", "0.2300")
                .fill("M1", 26_000),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycles = join(&rules, &facts, PositionSide::Short);
    assert_eq!(cycles.len(), 2);
    let counts: Vec<_> = cycles
        .iter()
        .map(|cycle| detected(&view(&rules, &facts, cycle, 60_000, 60_000)))
        .collect();
    let both = |main, mirror| vec![("main".to_owned(), main), ("mirror".to_owned(), mirror)];
    assert_eq!(counts, [both(2, 2), both(1, 1)]);
}

#[test]
fn a_shown_count_falls_only_when_the_strategy_changed_and_says_so() {
    // Law 5.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main").fill("L1", 10_000),
            plan("mirror").fill("L1", 10_000).fill("L2", 10_000),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    let mut view = view(&rules, &facts, &cycle, 10_000, 60_000);
    for member in &mut view.members {
        member.shown_before = Some(2);
    }
    let answer = Answer::Shown(
        view.members
            .iter()
            .map(|member| Shown {
                account: member.account.clone(),
                count: 1,
                note: None,
            })
            .collect(),
    );
    let held = moment::verdicts(&view, &answer, false);
    assert!(held.iter().all(|verdict| verdict.shown == 2));
    let changed = moment::verdicts(&view, &answer, true);
    assert!(changed.iter().all(|verdict| verdict.shown == 1
        && verdict.note.as_deref() == Some("was 2 before the strategy changed")));
}

#[test]
fn a_strategy_can_hide_no_divergence_and_change_no_fact() {
    // Laws 3 and 6: whatever is answered, detected and truth come from the facts.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![plan("main").fill("L1", 10_000), plan("mirror")],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    let view = view(&rules, &facts, &cycle, 10_000, 60_000);
    let all_three = Answer::Shown(
        view.members
            .iter()
            .map(|member| Shown {
                account: member.account.clone(),
                count: 3,
                note: Some("all is well".to_owned()),
            })
            .collect(),
    );
    let verdicts = moment::verdicts(&view, &all_three, false);
    assert_eq!(
        verdicts
            .iter()
            .map(|verdict| verdict.detected)
            .collect::<Vec<_>>(),
        [1, 0]
    );
    assert_eq!(truths(&rules, &facts, &cycle, 60_000)[1].2, Truth::Lagging);
}

#[test]
fn an_observer_moves_no_count_and_founds_no_slot() {
    let rules = rules(&[("main", Role::Main), ("watcher", Role::Observer)]);
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L1", "0.2210")
                .fill("L1", 10_000),
            plan("watcher").fill("L1", 9_000).fill("L2", 9_500),
        ],
        &[("main", 60_000), ("watcher", 60_000)],
    );
    let cycle = only(&rules, &facts);
    assert_eq!(cycle.slots.len(), 1);
    assert_eq!(cycle.opened_at.ms(), 10_000);
}

#[test]
fn an_order_that_fills_across_two_trades_counts_in_the_second_only() {
    // L2 wants 150: 40 fill before the exit, 110 after it. Nothing of the first trade was completed.
    let rules = rules(&[("main", Role::Main)]);
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L2", "0.2215")
                .trade("L2", Side::Sell, "40", 10_000)
                .trade("exit", Side::Buy, "40", 20_000)
                .trade("L2", Side::Sell, "110", 60_000),
        ],
        &[("main", 90_000)],
    );
    let cycles = join(&rules, &facts, PositionSide::Short);
    let moments: Vec<usize> = cycles
        .iter()
        .map(|cycle| moment::moments(&rules, cycle).len())
        .collect();
    assert_eq!(moments, [0, 1]);
}

#[test]
fn a_cycle_that_opens_within_the_deadline_joins_and_a_later_one_does_not() {
    let rules = rules(&PAIR);
    let opened = |at_ms: i64| {
        let facts = facts(
            vec![
                Account::new("main")
                    .limit("L1", "0.2210")
                    .fill("L1", 10_000)
                    .trade("exit", Side::Buy, "150", 20_000),
                Account::new("mirror")
                    .limit("L1", "0.2210")
                    .fill("L1", at_ms),
            ],
            &[("main", 90_000), ("mirror", 90_000)],
        );
        join(&rules, &facts, PositionSide::Short).len()
    };
    assert_eq!((opened(50_000), opened(50_001)), (1, 2));
}

#[test]
fn a_settled_cycle_takes_no_part_any_more() {
    let rules = rules(&PAIR);
    let mut facts = facts(
        vec![
            plan("main").fill("L1", 10_000),
            plan("mirror").fill("L1", 10_000),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let all: Vec<_> = facts
        .books
        .iter()
        .map(|book| (book.book.clone(), 1))
        .collect();
    facts.settled.extend(all);
    assert_eq!(join(&rules, &facts, PositionSide::Short), []);
}

#[test]
fn a_detected_count_falls_when_the_venue_takes_a_row_back() {
    // Law 5: the facts fall at once with the correction; nothing else makes them fall.
    let rules = rules(&PAIR);
    let look = |mirror: Account| {
        let facts = facts(
            vec![plan("main").fill("L1", 10_000), mirror],
            &[("main", 60_000), ("mirror", 60_000)],
        );
        let cycle = only(&rules, &facts);
        let moment = moment::moments(&rules, &cycle)[0].at;
        let seen = detected(&view(&rules, &facts, &cycle, 60_000, 60_000));
        (seen[1].1, moment)
    };
    let with = look(plan("mirror").fill("L1", 10_000).fill("L2", 11_000));
    let busted = look(plan("mirror").fill("L1", 10_000));
    let corrected = look(
        plan("mirror")
            .fill("L1", 10_000)
            .trade("L2", Side::Sell, "140", 11_000),
    );
    assert_eq!((with.0, busted.0, corrected.0), (2, 1, 1));
    assert_eq!(with.1, busted.1);
}
