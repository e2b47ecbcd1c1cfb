//! The tables: their columns, and the walks that fill them.

use super::table::{Cell, Column};
use super::{ROWS_AT_ONCE, What, Wish};
use fillsync_core::alert::Severity;
use fillsync_core::cycle::CycleStart;
use fillsync_core::execution::Side;
use fillsync_ledger::{
    AlertFilter, CountFilter, CycleFilter, ExecutionWalk, LedgerError, Reader, StoredAlert,
    StoredCount, WalkedExecution,
};
use fillsync_report::performance::{ClosedTrade, closed_trades};
use serde_json::json;

type Take<'a> = &'a mut dyn FnMut(&[Vec<Cell>]) -> bool;

const FILLS: [Column; 23] = [
    Column::whole("id"),
    Column::moment("executed_at"),
    Column::text("account"),
    Column::text("category"),
    Column::text("symbol"),
    Column::text("side"),
    Column::text("quantity"),
    Column::text("price"),
    Column::text("fee"),
    Column::text("fee_currency"),
    Column::text("exec_id"),
    Column::text("order_id"),
    Column::text("client_order_id"),
    Column::text("order_type"),
    Column::flag("is_maker"),
    Column::text("lane"),
    Column::whole("entry_cycle"),
    Column::text("entry_quantity"),
    Column::whole("exit_cycle"),
    Column::text("exit_quantity"),
    Column::text("realised"),
    Column::text("source"),
    Column::moment("seen_at"),
];

const MORE_OF_EXECUTIONS: [Column; 4] = [
    Column::text("class"),
    Column::text("state"),
    Column::whole("venue_sequence"),
    Column::text("raw"),
];

const EXECUTIONS: [Column; 27] = {
    let mut columns = [Column::text(""); 27];
    let mut place = 0;
    while place < FILLS.len() {
        columns[place] = FILLS[place];
        place += 1;
    }
    while place < columns.len() {
        columns[place] = MORE_OF_EXECUTIONS[place - FILLS.len()];
        place += 1;
    }
    columns
};

const ALERTS: [Column; 15] = [
    Column::whole("id"),
    Column::moment("at"),
    Column::text("identity"),
    Column::whole("revision"),
    Column::text("kind"),
    Column::text("severity"),
    Column::text("state"),
    Column::text("group"),
    Column::text("symbol"),
    Column::text("side"),
    Column::whole("cycle"),
    Column::text("account"),
    Column::text("body"),
    Column::text("deliveries"),
    Column::moment("created_at"),
];

const COUNTS: [Column; 14] = [
    Column::text("group"),
    Column::text("symbol"),
    Column::text("side"),
    Column::whole("cycle"),
    Column::text("account"),
    Column::whole("detected"),
    Column::whole("shown"),
    Column::text("truth"),
    Column::whole("total"),
    Column::flag("synchronised"),
    Column::flag("at_least"),
    Column::text("note"),
    Column::moment("moment"),
    Column::moment("last_fill_sync_timestamp"),
];

const PERFORMANCE: [Column; 12] = [
    Column::moment("closed_at"),
    Column::moment("opened_at"),
    Column::text("account"),
    Column::text("category"),
    Column::text("symbol"),
    Column::text("lane"),
    Column::whole("cycle"),
    Column::text("side"),
    Column::text("start"),
    Column::text("currency"),
    Column::text("pnl"),
    Column::text("fees"),
];

/// The columns of a table.
pub(super) const fn columns(what: What) -> &'static [Column] {
    match what {
        What::Fills => &FILLS,
        What::Executions => &EXECUTIONS,
        What::Alerts => &ALERTS,
        What::Counts => &COUNTS,
        What::Performance => &PERFORMANCE,
    }
}

/// Gives the rows step by step, until there are no more or `take` says no.
pub(super) fn walk(reader: &Reader, wish: &Wish, take: Take<'_>) -> Result<(), LedgerError> {
    match wish.what {
        What::Fills => executions(reader, wish, true, take),
        What::Executions => executions(reader, wish, false, take),
        What::Alerts => alerts(reader, wish, take),
        What::Counts => counts(reader, wish, take),
        What::Performance => performance(reader, wish, take),
    }
}

fn is_last(rows: usize) -> bool {
    rows < usize::try_from(ROWS_AT_ONCE).unwrap_or(usize::MAX)
}

fn executions(
    reader: &Reader,
    wish: &Wish,
    fills_only: bool,
    take: Take<'_>,
) -> Result<(), LedgerError> {
    let which = wish.which();
    let mut walk = ExecutionWalk {
        account: which.account.clone(),
        symbol: which.symbol.clone(),
        from: which.since,
        to: which.until,
        fills_only,
        after: None,
        limit: ROWS_AT_ONCE,
    };
    loop {
        let found = reader.walk_executions(&walk)?;
        let Some(last) = found.last() else {
            return Ok(());
        };
        walk.after = Some((last.execution.executed_at, last.id));
        let rows: Vec<_> = found.iter().map(|one| execution(one, fills_only)).collect();
        if !take(&rows) || is_last(rows.len()) {
            return Ok(());
        }
    }
}

fn execution(one: &WalkedExecution, fills_only: bool) -> Vec<Cell> {
    let WalkedExecution { execution, .. } = one;
    let (entry, exit) = (one.allocation.entry, one.allocation.exit);
    let fee = execution.fee.as_ref();
    let mut row = vec![
        Cell::Whole(one.id),
        Cell::Moment(execution.executed_at.us()),
        Cell::text(&execution.market.account),
        Cell::text(&execution.market.category),
        Cell::text(&execution.market.symbol),
        Cell::text(match execution.side {
            Side::Buy => "BUY",
            Side::Sell => "SELL",
        }),
        Cell::text(execution.quantity),
        Cell::text(execution.price),
        Cell::maybe(fee.map(|fee| fee.amount)),
        Cell::maybe(fee.and_then(|fee| fee.currency.as_ref())),
        Cell::text(&execution.execution_id),
        Cell::maybe(execution.order_id.as_ref()),
        Cell::maybe(execution.client_order_id.as_ref()),
        Cell::text(execution.order_kind.as_str()),
        Cell::flag(execution.is_maker),
        Cell::text(one.lane.as_str()),
        entry.map_or(Cell::Empty, |entry| Cell::whole(entry.ordinal)),
        Cell::maybe(entry.map(|entry| entry.quantity)),
        exit.map_or(Cell::Empty, |exit| Cell::whole(exit.ordinal)),
        Cell::maybe(exit.map(|exit| exit.quantity)),
        Cell::maybe(exit.and_then(|exit| exit.realised)),
        Cell::text(execution.source.as_str()),
        Cell::Moment(one.seen_at.us()),
    ];
    if !fills_only {
        row.extend([
            Cell::text(execution.class.as_str()),
            Cell::text(&one.state),
            execution.venue_sequence.map_or(Cell::Empty, Cell::Whole),
            Cell::text(&execution.raw),
        ]);
    }
    row
}

fn alerts(reader: &Reader, wish: &Wish, take: Take<'_>) -> Result<(), LedgerError> {
    let which = wish.which();
    let mut filter = AlertFilter {
        group: wish.group.clone(),
        account: which.account.clone(),
        symbol: which.symbol.clone(),
        from: which.since,
        to: which.until,
        ..AlertFilter::default()
    };
    loop {
        let found = reader.alerts(&filter, ROWS_AT_ONCE)?;
        let Some(last) = found.last() else {
            return Ok(());
        };
        filter.before_id = Some(last.id);
        let rows: Vec<_> = found.iter().map(alert).collect();
        if !take(&rows) || is_last(rows.len()) {
            return Ok(());
        }
    }
}

fn alert(row: &StoredAlert) -> Vec<Cell> {
    let alert = &row.alert;
    let deliveries: Vec<_> = row
        .deliveries
        .iter()
        .map(|delivery| {
            json!({
                "channel": delivery.channel,
                "state": delivery.state,
                "attempts": delivery.attempts,
                "text": delivery.sent_text,
                "last_error": delivery.last_error,
                "finished_at": delivery.finished_at.map(|at| at.to_string()),
            })
        })
        .collect();
    vec![
        Cell::Whole(row.id),
        Cell::Moment(alert.at.us()),
        Cell::text(&alert.identity),
        Cell::whole(alert.revision),
        Cell::text(alert.kind().as_str()),
        Cell::text(match alert.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }),
        Cell::text(if row.suppressed {
            "suppressed"
        } else {
            "queued"
        }),
        Cell::maybe(alert.group.as_ref()),
        Cell::maybe(alert.symbol.as_ref()),
        Cell::maybe(alert.position.map(|position| position.as_str())),
        alert.cycle.map_or(Cell::Empty, Cell::whole),
        Cell::maybe(alert.account.as_ref().map(|account| &account.name)),
        Cell::maybe(serde_json::to_string(&alert.body).ok()),
        Cell::text(json!(deliveries)),
        Cell::Moment(row.created_at.us()),
    ]
}

fn counts(reader: &Reader, wish: &Wish, take: Take<'_>) -> Result<(), LedgerError> {
    let which = wish.which();
    let mut filter = CountFilter {
        group: wish.group.clone(),
        account: which.account.clone(),
        symbol: which.symbol.clone(),
        from: which.since,
        to: which.until,
        before: None,
        limit: ROWS_AT_ONCE,
    };
    loop {
        let (cycles, more) = reader.counts_page(&filter)?;
        let moments = cycles.last().into_iter().flatten();
        filter.before = moments.map(|row| row.count.moment).max();
        let rows: Vec<_> = cycles.iter().flatten().map(count).collect();
        if rows.is_empty() || !take(&rows) || !more {
            return Ok(());
        }
    }
}

fn count(row: &StoredCount) -> Vec<Cell> {
    let count = &row.count;
    vec![
        Cell::text(&row.group),
        Cell::text(&count.symbol),
        Cell::text(count.side.as_str()),
        Cell::whole(count.cycle),
        Cell::text(&count.account),
        Cell::whole(count.detected),
        Cell::whole(count.shown),
        Cell::text(count.truth.as_str()),
        Cell::whole(count.total),
        Cell::Flag(count.synchronised),
        Cell::Flag(count.at_least),
        Cell::maybe(count.note.as_ref()),
        Cell::Moment(count.moment.us()),
        Cell::Moment(count.last_fill_sync.us()),
    ]
}

fn performance(reader: &Reader, wish: &Wish, take: Take<'_>) -> Result<(), LedgerError> {
    let which = wish.which();
    let filter = CycleFilter {
        account: which.account.clone(),
        symbol: which.symbol.clone(),
        from: which.since,
        to: which.until,
    };
    let mut after = None;
    loop {
        let found = closed_trades(reader, &filter, after.as_ref(), ROWS_AT_ONCE)?;
        let Some(last) = found.last() else {
            return Ok(());
        };
        after = Some(last.place.clone());
        let rows: Vec<_> = found.iter().map(closed).collect();
        if !take(&rows) || is_last(rows.len()) {
            return Ok(());
        }
    }
}

fn closed(trade: &ClosedTrade) -> Vec<Cell> {
    let fees: serde_json::Map<_, _> = trade
        .fees
        .iter()
        .map(|(coin, fee)| (coin.clone(), json!(fee.to_string())))
        .collect();
    vec![
        Cell::Moment(trade.closed_at.us()),
        Cell::Moment(trade.opened_at.us()),
        Cell::text(&trade.market.account),
        Cell::text(&trade.market.category),
        Cell::text(&trade.market.symbol),
        Cell::text(trade.lane.as_str()),
        Cell::whole(trade.cycle),
        Cell::text(trade.side.as_str()),
        Cell::text(match trade.start {
            CycleStart::Flat => "flat",
            CycleStart::Unknown => "unknown",
        }),
        Cell::text(&trade.currency),
        Cell::maybe(trade.pnl),
        Cell::text(serde_json::Value::Object(fees)),
    ]
}
