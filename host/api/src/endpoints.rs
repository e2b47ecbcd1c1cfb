//! The endpoints: each turns a question into one read of the ledger, at one moment of it.

use crate::ApiState;
use crate::answer::{Data, Refusal, Reported, typed};
use crate::guard::{Guard, Refused, guard};
use crate::live::{AccountHealth, readiness};
use crate::metrics;
use crate::question::{
    AlertQuestion, Asked, CountQuestion, DivergenceQuestion, EventQuestion, FillQuestion,
    NoQuestion, OrderQuestion, PerformanceQuestion, PluginQuestion, alert_kind, moment, name, side,
};
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use fillsync_core::id::GroupName;
use fillsync_core::time::HostTime;
use fillsync_ledger::{AlertFilter, FillFilter, LedgerError, Reader};
use fillsync_report as report;
use fillsync_report::counts::CountFilter;
use fillsync_report::divergences::DivergenceFilter;
use fillsync_report::plugin_events::PluginEventAnswer;
use fillsync_report::{PerformanceFilter, Trades, rows_wanted};
use serde::Serialize;
use std::sync::{Arc, Mutex};

/// Every endpoint, and what it answers.
pub const ENDPOINTS: [(&str, &str); 14] = [
    ("/", "this list"),
    (
        "/fills",
        "fills, the newest first: account, symbol, since, until, before, limit",
    ),
    (
        "/performance",
        "what closed cycles earned: account, group, symbol, side, currency, since, until",
    ),
    (
        "/counts",
        "detected, shown and true counts: group, symbol, limit",
    ),
    (
        "/divergences",
        "where accounts really differ: group, account, symbol, open, limit",
    ),
    (
        "/alerts",
        "alerts and their deliveries: group, account, symbol, kind, identity, before, limit",
    ),
    (
        "/accounts",
        "what is proven of each account, and the known gaps",
    ),
    (
        "/plugins",
        "the plugins that run, and what happened to them: limit",
    ),
    ("/status", "the ledger at a glance"),
    ("/orders", "open orders: account, limit"),
    ("/events", "named events: after, limit"),
    (
        "/health",
        "200 while the daemon does its work, 503 with reasons otherwise",
    ),
    (
        "/ready",
        "200 when every account has caught up, 503 with reasons until then or without any",
    ),
    ("/metrics", "metrics for Prometheus"),
];

#[derive(Clone)]
struct Server {
    state: ApiState,
    refused: Arc<Refused>,
    /// What performance is summed from, kept up from question to question.
    trades: Arc<Mutex<Trades>>,
}

impl FromRef<Server> for ApiState {
    fn from_ref(server: &Server) -> Self {
        server.state.clone()
    }
}

pub(crate) fn router(state: ApiState, rules: Guard) -> Router {
    let server = Server {
        state,
        refused: Arc::clone(&rules.refused),
        trades: Arc::default(),
    };
    Router::new()
        .route("/", get(index))
        .route("/fills", get(fills))
        .route("/performance", get(performance))
        .route("/counts", get(counts))
        .route("/divergences", get(divergences))
        .route("/alerts", get(alerts))
        .route("/accounts", get(accounts))
        .route("/plugins", get(plugins))
        .route("/status", get(status))
        .route("/orders", get(orders))
        .route("/events", get(events))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(prometheus))
        .fallback(nowhere)
        .with_state(server)
        .layer(middleware::from_fn_with_state(rules, guard))
}

type Answered<A> = Result<Reported<A>, Refusal>;

/// Asks the ledger on its own threads, so that no runtime thread waits for the disk.
async fn ask<A, F>(state: &ApiState, question: F) -> Answered<A>
where
    A: Send + 'static,
    F: FnOnce(&Reader, HostTime) -> Result<A, LedgerError> + Send + 'static,
{
    let now = state.live.now();
    Ok(Reported(
        state
            .ledger
            .read(move |reader| question(reader, now))
            .await?,
    ))
}

async fn index(_: Asked<NoQuestion>) -> Response {
    let width = ENDPOINTS
        .iter()
        .map(|(path, _)| path.len())
        .max()
        .unwrap_or(0);
    let text = ENDPOINTS
        .iter()
        .fold(String::from("fillsync\n\n"), |mut text, (path, what)| {
            text.push_str(&format!("{path:width$}  {what}\n"));
            text
        });
    typed(StatusCode::OK, "text/plain; charset=utf-8", text)
}

async fn nowhere(uri: axum::http::Uri) -> Refusal {
    let mut refusal = Refusal::new(
        StatusCode::NOT_FOUND,
        format!("there is no {}", uri.path()),
        "ask one of the endpoints",
    );
    refusal.endpoints = Some(ENDPOINTS.iter().map(|(path, _)| *path).collect());
    refusal
}

async fn fills(
    State(state): State<ApiState>,
    Asked(asked): Asked<FillQuestion>,
) -> Answered<report::Fills> {
    let filter = FillFilter {
        account: name("account", asked.account.as_deref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        from: moment("since", asked.since.as_deref())?,
        to: moment("until", asked.until.as_deref())?,
        before_id: asked.before,
        limit: rows_wanted(asked.limit),
    };
    ask(&state, move |reader, now| {
        report::fills(reader, &filter, now)
    })
    .await
}

async fn performance(
    State(server): State<Server>,
    Asked(asked): Asked<PerformanceQuestion>,
) -> Answered<report::PerformanceAnswer> {
    let filter = PerformanceFilter {
        account: name("account", asked.account.as_deref())?,
        group: name("group", asked.group.as_deref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        side: side(asked.side.as_deref())?,
        currency: asked.currency,
        from: moment("since", asked.since.as_deref())?,
        to: moment("until", asked.until.as_deref())?,
        members: server.state.live.groups(),
    };
    if let Some(group) = &filter.group
        && !filter.members.contains_key(group)
    {
        return Err(unknown_group(group, &filter));
    }
    ask(&server.state, move |reader, now| {
        // Nothing was read yet, so the reader's moment is not older than that of the answer before.
        // What a panic may have left half done is thrown away.
        let mut trades = server.trades.lock().unwrap_or_else(|poisoned| {
            server.trades.clear_poison();
            let mut trades = poisoned.into_inner();
            *trades = Trades::default();
            trades
        });
        trades.performance(reader, &filter, now)
    })
    .await
}

fn unknown_group(group: &GroupName, filter: &PerformanceFilter) -> Refusal {
    let known: Vec<_> = filter.members.keys().map(GroupName::as_str).collect();
    Refusal::wrong(
        format!("group: there is no group {group}"),
        match known.join(", ").as_str() {
            "" => "there are no groups in the configuration".to_owned(),
            known => format!("the groups are {known}"),
        },
    )
}

async fn counts(
    State(state): State<ApiState>,
    Asked(asked): Asked<CountQuestion>,
) -> Answered<report::Counts> {
    let filter = CountFilter {
        group: name("group", asked.group.as_deref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        limit: rows_wanted(asked.limit),
    };
    ask(&state, move |reader, now| {
        report::counts(reader, &filter, now)
    })
    .await
}

async fn divergences(
    State(state): State<ApiState>,
    Asked(asked): Asked<DivergenceQuestion>,
) -> Answered<report::Divergences> {
    let filter = DivergenceFilter {
        group: name("group", asked.group.as_deref())?,
        account: name("account", asked.account.as_deref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        open_only: asked.open.unwrap_or(false),
        limit: rows_wanted(asked.limit),
    };
    ask(&state, move |reader, now| {
        report::divergences(reader, &filter, now)
    })
    .await
}

async fn alerts(
    State(state): State<ApiState>,
    Asked(asked): Asked<AlertQuestion>,
) -> Answered<report::Alerts> {
    let filter = AlertFilter {
        group: name("group", asked.group.as_deref())?,
        account: name("account", asked.account.as_deref())?,
        symbol: name("symbol", asked.symbol.as_deref())?,
        kind: alert_kind(asked.kind)?,
        identity: asked.identity,
        before_id: asked.before,
        cycle: None,
    };
    let limit = rows_wanted(asked.limit);
    ask(&state, move |reader, now| {
        report::alerts(reader, &filter, limit, now)
    })
    .await
}

async fn accounts(
    State(state): State<ApiState>,
    _: Asked<NoQuestion>,
) -> Answered<report::Accounts> {
    let streams = state.live.streams();
    ask(&state, move |reader, now| {
        report::accounts(reader, Some(&streams), now)
    })
    .await
}

async fn status(State(state): State<ApiState>, _: Asked<NoQuestion>) -> Answered<report::Status> {
    let path = state.ledger.path().to_owned();
    let streams = state.live.streams();
    ask(&state, move |reader, now| {
        report::status(reader, &path, Some(&streams), now)
    })
    .await
}

async fn orders(
    State(state): State<ApiState>,
    Asked(asked): Asked<OrderQuestion>,
) -> Answered<report::Orders> {
    let account = name("account", asked.account.as_deref())?;
    let limit = rows_wanted(asked.limit);
    ask(&state, move |reader, now| {
        report::orders(reader, account.as_ref(), limit, now)
    })
    .await
}

async fn events(
    State(state): State<ApiState>,
    Asked(asked): Asked<EventQuestion>,
) -> Answered<report::Events> {
    let limit = rows_wanted(asked.limit);
    ask(&state, move |reader, now| {
        report::events(reader, limit, asked.after, now)
    })
    .await
}

#[derive(Serialize)]
struct Plugins {
    timestamp: String,
    plugins: serde_json::Value,
    events: Vec<PluginEventAnswer>,
}

async fn plugins(
    State(state): State<ApiState>,
    Asked(asked): Asked<PluginQuestion>,
) -> Result<Response, Refusal> {
    let limit = rows_wanted(asked.limit);
    let Reported(past) = ask(&state, move |reader, now| {
        report::plugin_events(reader, limit, now)
    })
    .await?;
    let answer = Plugins {
        timestamp: past.timestamp,
        plugins: state.live.plugins(),
        events: past.events,
    };
    Ok(Data(StatusCode::OK, answer).into_response())
}

#[derive(Serialize)]
struct HealthAnswer {
    timestamp: String,
    ok: bool,
    reasons: Vec<String>,
    accounts: Vec<AccountHealth>,
}

async fn health(State(state): State<ApiState>, _: Asked<NoQuestion>) -> Response {
    let now = state.live.now();
    let mut health = state.live.health(now);
    if let Some(cause) = state.ledger.poisoned() {
        health.ok = false;
        health.reasons.push(format!(
            "the ledger takes no more writes after an I/O error ({cause})"
        ));
    }
    let answer = HealthAnswer {
        timestamp: now.to_string(),
        ok: health.ok,
        reasons: health.reasons,
        accounts: health.accounts,
    };
    Data(ok_or_unavailable(answer.ok), answer).into_response()
}

#[derive(Serialize)]
struct ReadyAnswer {
    timestamp: String,
    ready: bool,
    reasons: Vec<String>,
}

async fn ready(State(state): State<ApiState>, _: Asked<NoQuestion>) -> Response {
    let now = state.live.now();
    let reasons = readiness(state.live.as_ref(), now).err();
    let answer = ReadyAnswer {
        timestamp: now.to_string(),
        ready: reasons.is_none(),
        reasons: reasons.unwrap_or_default(),
    };
    Data(ok_or_unavailable(answer.ready), answer).into_response()
}

const fn ok_or_unavailable(ok: bool) -> StatusCode {
    if ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

async fn prometheus(
    State(server): State<Server>,
    _: Asked<NoQuestion>,
) -> Result<Response, Refusal> {
    let facts = server.state.ledger.read(metrics::Facts::read).await?;
    let text = metrics::text(&facts, server.state.live.as_ref(), &server.refused);
    Ok(typed(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        text,
    ))
}
