//! Whose turn it is, where more orders must be looked up than one round has room for.
//!
//! Orders that were never asked for come first, in the order of the list; then those whose last turn is
//! longest ago. So orders that fail again and again keep no other from being found. Deliberately absent:
//! a memory of answers; nothing of this is needed after a restart.

use fillsync_core::id::{Category, OrderId};
use std::collections::BTreeMap;

/// The most orders that are looked up by id in one round.
pub const LOOK_UPS_MAX: usize = 40;

/// The turns of the orders that still wait for an answer.
#[derive(Debug, Default)]
pub struct LookUps {
    turn: u64,
    asked: BTreeMap<(Category, OrderId), u64>,
}

impl LookUps {
    /// Chooses those that are asked for now. The list is all that waits: others are forgotten.
    pub fn choose<T>(
        &mut self,
        category: &Category,
        mut waiting: Vec<T>,
        id: impl Fn(&T) -> &OrderId,
    ) -> Vec<T> {
        self.turn = self.turn.saturating_add(1);
        let key = |item: &T| (category.clone(), id(item).clone());
        let mut still = BTreeMap::new();
        for item in &waiting {
            let key = key(item);
            if let Some(turn) = self.asked.get(&key) {
                still.insert(key, *turn);
            }
        }
        self.asked
            .retain(|asked, _| asked.0 != *category || still.contains_key(asked));
        // Stable: within one turn the list's own order stays.
        waiting.sort_by_key(|item| still.get(&key(item)).copied());
        waiting.truncate(LOOK_UPS_MAX);
        for item in &waiting {
            self.asked.insert(key(item), self.turn);
        }
        waiting
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::drive::bench::{Bench, category, fill};
    use crate::drive::found::Found;
    use fillsync_core::coverage::Window;
    use std::collections::BTreeSet;

    /// More orders than one round has room for are refused by the venue; the others are found all the same.
    #[tokio::test]
    async fn orders_that_fail_keep_no_other_from_being_found() {
        let bench = Bench::new(&["linear"]);
        let linear = category("linear");
        let ids: Vec<String> = (0..LOOK_UPS_MAX + 20).map(|n| format!("o{n:03}")).collect();
        let rows = ids.iter().enumerate().map(|(n, id)| {
            fill(
                "linear",
                &format!("e-{id}"),
                id,
                10 + i64::try_from(n).unwrap(),
            )
        });
        let rows = rows.collect();
        {
            let mut answers = bench.venue.answers.lock().unwrap();
            answers.executions.insert(linear.clone(), rows);
            // The newest are asked for first.
            answers.refused = ids[20..]
                .iter()
                .map(|id| OrderId::new(id.as_str()).unwrap())
                .collect();
        }
        let traverser = bench.traverser();
        let mut turns = LookUps::default();
        let window = Window::new(crate::drive::bench::at(0), crate::drive::bench::at(100));
        for _ in 0..2 {
            let mut found = Found::default();
            traverser
                .executions(&linear, window, &mut found)
                .await
                .unwrap();
            traverser
                .wanted_orders(&linear, &mut found, &mut turns)
                .await
                .unwrap();
        }
        let asked: BTreeSet<OrderId> = bench
            .venue
            .answers
            .lock()
            .unwrap()
            .asked
            .iter()
            .cloned()
            .collect();
        assert_eq!(asked.len(), ids.len());
    }
}
