//! What the ledger answers.

use super::Server;
use crate::answer::Refusal;
use crate::question::{
    AlertQuestion, CountQuestion, DivergenceQuestion, EventQuestion, FillQuestion, GroupQuestion,
    NoQuestion, OrderQuestion, PerformanceQuestion, Place, TimelineQuestion, alert_kind,
    host_moment, moment, name, side, text,
};
use fillsync_core::time::VenueTime;
use fillsync_ledger::{AlertFilter, FillFilter};
use fillsync_report as report;
use report::groups::CYCLES_DEFAULT;
use report::timeline::SPAN_DEFAULT_US;
use report::{
    CountFilter, DivergenceFilter, EventFilter, GroupFilter, OrderFilter, PerformanceFilter,
    TimelineFilter, rows_wanted,
};
use std::time::Duration;

fn row(place: Option<Place>) -> Option<i64> {
    place.map(|place| place.0)
}

pub(super) async fn fills(server: Server, asked: FillQuestion) -> Result<report::Fills, Refusal> {
    let group = name("group", asked.group.as_deref())?;
    let filter = FillFilter {
        account: name("account", asked.account.as_deref())?,
        among: server.members_of(group.as_ref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        from: moment("since", asked.since.as_deref())?,
        to: moment("until", asked.until.as_deref())?,
        before_id: row(asked.before),
        limit: rows_wanted(asked.limit),
    };
    server
        .ask(move |reader, now| report::fills(reader, &filter, now))
        .await
}

pub(super) async fn performance(
    server: Server,
    asked: PerformanceQuestion,
) -> Result<report::PerformanceAnswer, Refusal> {
    let filter = PerformanceFilter {
        account: name("account", asked.account.as_deref())?,
        group: name("group", asked.group.as_deref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        side: side(asked.side.as_deref())?,
        currency: text("currency", asked.currency)?,
        from: moment("since", asked.since.as_deref())?,
        to: moment("until", asked.until.as_deref())?,
        members: server.members(),
    };
    server.members_of(filter.group.as_ref())?;
    server
        .ask_trades(move |trades, reader, now| trades.performance(reader, &filter, now))
        .await
}

pub(super) async fn timeline(
    server: Server,
    asked: TimelineQuestion,
) -> Result<report::Timeline, Refusal> {
    let what = PerformanceFilter {
        account: name("account", asked.account.as_deref())?,
        group: name("group", asked.group.as_deref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        members: server.members(),
        ..PerformanceFilter::default()
    };
    server.members_of(what.group.as_ref())?;
    // The clocks differ by their offset, which is small against an hour.
    let now = VenueTime::from_us(server.state.live.now().us());
    let to = moment("until", asked.until.as_deref())?.unwrap_or(now);
    let day = Duration::from_micros(SPAN_DEFAULT_US.unsigned_abs());
    let from = moment("since", asked.since.as_deref())?.unwrap_or_else(|| to.minus(day));
    let filter = TimelineFilter { what, from, to };
    server
        .ask_trades(move |trades, reader, now| trades.timeline(reader, &filter, now))
        .await
}

pub(super) async fn groups(
    server: Server,
    asked: GroupQuestion,
) -> Result<report::Groups, Refusal> {
    let filter = GroupFilter {
        group: name("group", asked.group.as_deref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        limit: u32::try_from(asked.limit.unwrap_or(CYCLES_DEFAULT.into())).unwrap_or(u32::MAX),
    };
    server.members_of(filter.group.as_ref())?;
    let plans = server.state.live.groups();
    server
        .ask(move |reader, now| report::groups(reader, &plans, &filter, now))
        .await
}

pub(super) async fn counts(
    server: Server,
    asked: CountQuestion,
) -> Result<report::Counts, Refusal> {
    let filter = CountFilter {
        group: name("group", asked.group.as_deref())?,
        account: name("account", asked.account.as_deref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        from: moment("since", asked.since.as_deref())?,
        to: moment("until", asked.until.as_deref())?,
        before: asked.before.map(|place| VenueTime::from_us(place.0)),
        limit: rows_wanted(asked.limit),
    };
    server
        .ask(move |reader, now| report::counts(reader, &filter, now))
        .await
}

pub(super) async fn divergences(
    server: Server,
    asked: DivergenceQuestion,
) -> Result<report::Divergences, Refusal> {
    let filter = DivergenceFilter {
        group: name("group", asked.group.as_deref())?,
        account: name("account", asked.account.as_deref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        open_only: asked.open.unwrap_or(false),
        from: moment("since", asked.since.as_deref())?,
        to: moment("until", asked.until.as_deref())?,
        before_id: row(asked.before),
        limit: rows_wanted(asked.limit),
    };
    server
        .ask(move |reader, now| report::divergences(reader, &filter, now))
        .await
}

pub(super) async fn alerts(
    server: Server,
    asked: AlertQuestion,
) -> Result<report::Alerts, Refusal> {
    let filter = AlertFilter {
        group: name("group", asked.group.as_deref())?,
        account: name("account", asked.account.as_deref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        kind: alert_kind(asked.kind)?,
        identity: text("identity", asked.identity)?,
        cycle: None,
        from: moment("since", asked.since.as_deref())?,
        to: moment("until", asked.until.as_deref())?,
        before_id: row(asked.before),
    };
    let limit = rows_wanted(asked.limit);
    server
        .ask(move |reader, now| report::alerts(reader, &filter, limit, now))
        .await
}

pub(super) async fn accounts(server: Server, _: NoQuestion) -> Result<report::Accounts, Refusal> {
    let streams = server.state.live.streams();
    server
        .ask(move |reader, now| report::accounts(reader, Some(&streams), now))
        .await
}

pub(super) async fn status(server: Server, _: NoQuestion) -> Result<report::Status, Refusal> {
    let path = server.state.ledger.path().to_owned();
    let streams = server.state.live.streams();
    server
        .ask(move |reader, now| report::status(reader, &path, Some(&streams), now))
        .await
}

pub(super) async fn orders(
    server: Server,
    asked: OrderQuestion,
) -> Result<report::Orders, Refusal> {
    let group = name("group", asked.group.as_deref())?;
    let filter = OrderFilter {
        account: name("account", asked.account.as_deref())?,
        among: server.members_of(group.as_ref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        from: moment("since", asked.since.as_deref())?,
        to: moment("until", asked.until.as_deref())?,
        before_id: row(asked.before),
        limit: rows_wanted(asked.limit),
    };
    server
        .ask(move |reader, now| report::orders(reader, &filter, now))
        .await
}

pub(super) async fn events(
    server: Server,
    asked: EventQuestion,
) -> Result<report::Events, Refusal> {
    let filter = EventFilter {
        name: text("event", asked.event)?,
        account: name("account", asked.account.as_deref())?,
        group: name("group", asked.group.as_deref())?,
        from: host_moment("since", asked.since.as_deref())?,
        to: host_moment("until", asked.until.as_deref())?,
        after: row(asked.after),
        limit: rows_wanted(asked.limit),
    };
    server
        .ask(move |reader, now| report::events(reader, &filter, now))
        .await
}
