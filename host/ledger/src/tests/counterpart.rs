//! Fills of two accounts that are the two sides of one trade.

use super::*;
use fillsync_core::execution::ExecutionKey;

fn side_of(name: &str, id: &str, side: Side, amount: &str, is_maker: bool) -> Execution {
    let mut row = fill(id, &format!("order-{id}"), side, amount, 5);
    row.market = market(name, "GTCUSDT");
    row.is_maker = Some(is_maker);
    row
}

/// The account on the other side of `id` of main.
fn other_side(recorded: Vec<Execution>, id: &str) -> Option<String> {
    let bench = Bench::new();
    runtime().block_on(async {
        for row in recorded {
            let mut record = rows(Vec::new());
            record.account = row.market.account.clone();
            record.executions = vec![row];
            bench.ledger.record(record).await.unwrap();
        }
    });
    let key = ExecutionKey {
        account: account("main"),
        category: linear(),
        symbol: Symbol::new("GTCUSDT").unwrap(),
        execution_id: ExecutionId::new(id).unwrap(),
    };
    let keys = [key.clone()];
    let found = bench.reader().counterparts(&keys).unwrap();
    found.get(&key).map(ToString::to_string)
}

#[test]
fn two_accounts_that_traded_with_each_other_are_told_apart_from_two_that_did_the_same() {
    let mine = || side_of("main", "a", Side::Sell, "150", true);
    let other = |side, amount, is_maker| side_of("mirror", "b", side, amount, is_maker);
    for (case, others, expected) in [
        (
            "the other side",
            vec![other(Side::Buy, "150", false)],
            Some("mirror"),
        ),
        (
            "spelled otherwise",
            vec![other(Side::Buy, "150.0", false)],
            Some("mirror"),
        ),
        ("the same side", vec![other(Side::Sell, "150", false)], None),
        (
            "another quantity",
            vec![other(Side::Buy, "149", false)],
            None,
        ),
        (
            "both were resting",
            vec![other(Side::Buy, "150", true)],
            None,
        ),
        ("nobody", Vec::new(), None),
    ] {
        let rows = std::iter::once(mine()).chain(others).collect();
        assert_eq!(other_side(rows, "a").as_deref(), expected, "{case}");
    }
}
