//! Messages on their way to channels, and the one thing that this server does: to send one again that was
//! given up.

use super::Server;
use crate::answer::Refusal;
use crate::question::{OutboxQuestion, message_state, name};
use axum::http::StatusCode;
use fillsync_ledger::AgainOutcome;
use fillsync_report::{Messages, OutboxFilter, messages as messages_of, rows_wanted};
use schemars::JsonSchema;
use serde::Serialize;

pub(super) async fn messages(server: Server, asked: OutboxQuestion) -> Result<Messages, Refusal> {
    let filter = OutboxFilter {
        state: message_state(asked.state)?,
        channel: name("channel", asked.channel.as_deref())?,
        before_id: asked.before.map(|place| place.0),
        limit: rows_wanted(asked.limit),
    };
    server
        .ask(move |reader, now| messages_of(reader, &filter, now))
        .await
}

/// A message that is sent again.
#[derive(Serialize, JsonSchema)]
pub(super) struct SentAgain {
    /// The message.
    id: i64,
    /// `pending`: it waits to be sent.
    state: &'static str,
}

pub(super) async fn send_again(server: Server, id: i64) -> Result<SentAgain, Refusal> {
    let now = server.state.live.now();
    let ledger = &server.state.ledger;
    let Some((alert, channel)) = ledger.read(move |reader| reader.outbox_place(id)).await? else {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            format!("there is no message {id}"),
            "take the `id` of a message from /outbox?state=dead",
        ));
    };
    let done = ledger.outbox_again(alert, Some(channel), now).await?;
    match done.into_iter().next().map(|again| again.outcome) {
        Some(AgainOutcome::Queued) => {
            tracing::info!(event = "message_sent_again", id, "asked for over HTTP");
            server.state.live.messages_wait();
            Ok(SentAgain {
                id,
                state: "pending",
            })
        }
        Some(AgainOutcome::NotDead(state)) => Err(Refusal::new(
            StatusCode::CONFLICT,
            format!("message {id} is {state}, not dead"),
            "only what was given up can be sent again",
        )),
        Some(AgainOutcome::Overtaken) | None => Err(Refusal::new(
            StatusCode::CONFLICT,
            format!("message {id} tells what is no longer so: a newer revision took its place"),
            "look at /alerts for what was told instead",
        )),
    }
}
