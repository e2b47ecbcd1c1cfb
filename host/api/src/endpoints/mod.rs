//! The endpoints: each turns a question into one read of the ledger, at one moment of it.
//!
//! The list here is the server's table of routes and the source of `/openapi.json` in one.

mod daemon;
mod ledger;
mod outbox;
mod plugin;

use crate::answer::{Refusal, typed};
use crate::endpoint::{Endpoint, act, question, text, wellness};
use crate::guard::{Guard, Refused, guard, meant};
use crate::limits::Limits;
use crate::stream::{Listeners, listen};
use crate::{ApiState, dashboard, openapi};
use axum::http::{Method, StatusCode, Uri};
use axum::{Router, middleware};
use fillsync_core::id::{AccountName, GroupName};
use fillsync_core::time::HostTime;
use fillsync_ledger::{LedgerError, Reader};
use fillsync_report::Trades;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What every handler has.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) state: ApiState,
    pub(crate) limits: Limits,
    pub(crate) refused: Arc<Refused>,
    pub(crate) listeners: Arc<Listeners>,
    /// What performance is summed from, kept up from question to question.
    trades: Arc<Mutex<Trades>>,
    /// `/openapi.json`.
    described: Arc<str>,
}

impl Server {
    /// Asks the ledger on its own threads, so that no runtime thread waits for the disk.
    async fn ask<A, F>(&self, question: F) -> Result<A, Refusal>
    where
        A: Send + 'static,
        F: FnOnce(&Reader, HostTime) -> Result<A, LedgerError> + Send + 'static,
    {
        let now = self.state.live.now();
        let ledger = &self.state.ledger;
        Ok(ledger.read(move |reader| question(reader, now)).await?)
    }

    /// Asks what is kept up from question to question.
    async fn ask_trades<A, F>(&self, question: F) -> Result<A, Refusal>
    where
        A: Send + 'static,
        F: FnOnce(&mut Trades, &Reader, HostTime) -> Result<A, LedgerError> + Send + 'static,
    {
        let trades = Arc::clone(&self.trades);
        self.ask(move |reader, now| {
            // Whoever waits here has not read yet, so what is kept never goes back in time.
            let mut trades = trades.lock().unwrap_or_else(|poisoned| {
                trades.clear_poison();
                let mut trades = poisoned.into_inner();
                *trades = Trades::default();
                trades
            });
            question(&mut trades, reader, now)
        })
        .await
    }

    /// The members of every group.
    fn members(&self) -> BTreeMap<GroupName, Vec<AccountName>> {
        let plans = self.state.live.groups().into_iter();
        plans
            .map(|plan| {
                let accounts = plan.members.into_iter().map(|(account, _)| account);
                (plan.name, accounts.collect())
            })
            .collect()
    }

    /// The members of a group that was asked for; a group that there is not is refused, because an
    /// empty list would say something else.
    fn members_of(&self, group: Option<&GroupName>) -> Result<Option<Vec<AccountName>>, Refusal> {
        let Some(group) = group else {
            return Ok(None);
        };
        let mut members = self.members();
        match members.remove(group) {
            Some(accounts) => Ok(Some(accounts)),
            None => {
                let known: Vec<_> = members.keys().map(GroupName::as_str).collect();
                let remedy = match known.join(", ").as_str() {
                    "" => "there are no groups in the configuration".to_owned(),
                    known => format!("the groups are {known}"),
                };
                let error = format!("group: there is no group {group}");
                Err(Refusal::new(StatusCode::NOT_FOUND, error, remedy))
            }
        }
    }
}

/// Every endpoint.
fn table() -> Vec<Endpoint> {
    let no_group = "There is no such group.";
    let mut endpoints = dashboard::endpoints();
    endpoints.extend([
        question("/fills", "Fills, the newest first.", ledger::fills)
            .or(StatusCode::NOT_FOUND, no_group),
        question("/performance", "What closed cycles earned.", ledger::performance)
            .or(StatusCode::NOT_FOUND, no_group),
        question("/timeline", "Fills and results over time, in equal steps.", ledger::timeline)
            .or(StatusCode::NOT_FOUND, no_group),
        question(
            "/groups",
            "Every group with its members side by side, slot by slot: detected, shown and true.",
            ledger::groups,
        )
        .or(StatusCode::NOT_FOUND, no_group),
        question("/counts", "Detected, shown and true counts, the newest cycle first.", ledger::counts),
        question("/divergences", "Where accounts really differ, the newest first.", ledger::divergences),
        question("/alerts", "Alerts and their deliveries, the newest first.", ledger::alerts),
        question("/accounts", "What is proven of each account, and the known gaps.", ledger::accounts),
        question("/plugins", "The plugins that run, and what happened to them.", daemon::plugins),
        question("/status", "The ledger at a glance.", ledger::status),
        question("/orders", "Open orders, the newest first.", ledger::orders)
            .or(StatusCode::NOT_FOUND, no_group),
        question("/events", "Named events, the oldest first.", ledger::events),
        text(
            "/events/stream",
            "Fills and named events as they come. A message of the event `fill` is a fill as in /fills, one of \
             `event` is an event as in /events; `start` comes first and says whether something was lost. Send \
             the id of the last message as `Last-Event-ID` to go on after it.",
            "text/event-stream",
            listen,
        ),
        question("/outbox", "Messages on their way to channels, the newest first.", outbox::messages),
        act(
            "/outbox/{id}/send-again",
            "Sends a message again that was given up.",
            outbox::send_again,
        ),
        wellness("/health", "Whether the daemon does its work.", daemon::health),
        wellness("/ready", "Whether every account has caught up.", daemon::ready),
        text("/metrics", "Metrics for Prometheus.", daemon::METRICS_TYPE, daemon::metrics),
        text(
            "/openapi.json",
            "This description.",
            "application/json",
            |server: Server, _| {
                let text = format!("{}\n", server.described);
                std::future::ready(Ok(typed(StatusCode::OK, "application/json", text)))
            },
        ),
    ]);
    endpoints
}

/// The paths of all endpoints that answer, as a list for people.
#[must_use]
pub fn paths() -> Vec<&'static str> {
    let endpoints = table().into_iter();
    endpoints
        .filter(|endpoint| endpoint.method == Method::GET)
        .map(|endpoint| endpoint.path)
        .collect()
}

pub(crate) fn router(
    state: ApiState,
    limits: Limits,
    listeners: Arc<Listeners>,
) -> (Router, Guard) {
    let endpoints = table();
    let open_paths = endpoints.iter().filter(|endpoint| endpoint.is_open);
    let rules = Guard::new(
        state.token.as_ref(),
        limits,
        open_paths.map(|endpoint| endpoint.path).collect(),
    );
    let described = openapi::document(&endpoints, state.token.is_some());
    let server = Server {
        state,
        limits,
        refused: Arc::clone(&rules.refused),
        listeners,
        trades: Arc::default(),
        described: described.into(),
    };
    let mut router = Router::new();
    for endpoint in endpoints {
        let route = if endpoint.method == Method::POST {
            let meant = middleware::from_fn_with_state(rules.clone(), meant);
            endpoint.route.route_layer(meant)
        } else {
            endpoint.route
        };
        router = router.route(endpoint.path, route);
    }
    let router = router
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .with_state(server)
        .layer(middleware::from_fn_with_state(rules.clone(), guard));
    (router, rules)
}

async fn nowhere(uri: Uri) -> Refusal {
    let mut refusal = Refusal::new(
        StatusCode::NOT_FOUND,
        format!("there is no {}", uri.path()),
        "ask one of the endpoints",
    );
    refusal.endpoints = Some(paths());
    refusal
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not understood at {}", uri.path()),
        "/openapi.json says what is; reading is GET",
    )
}
