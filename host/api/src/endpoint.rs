//! An endpoint: its path, its handler, and its description, which come from the same types.
//!
//! The builders take a handler and read off its types what it asks and what it answers, so a route
//! that is not described cannot be written, and neither can a description without its route. The
//! server routes by the same list that `/openapi.json` is written from.

use crate::answer::{Data, Refusal};
use crate::endpoints::Server;
use crate::question::{Asked, NoQuestion, Parameter, Question};
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;
use std::future::Future;

/// One endpoint.
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pub(crate) method: Method,
    /// What it does, in a sentence.
    pub(crate) what: &'static str,
    /// Whether it is answered without the token: it has nothing of the ledger in it.
    pub(crate) is_open: bool,
    pub(crate) parameters: &'static [Parameter],
    /// Whether the path has the number of a row in it, as `{id}`.
    pub(crate) has_id: bool,
    pub(crate) answers: Vec<Described>,
    pub(crate) route: MethodRouter<Server>,
}

/// One kind of answer.
pub(crate) struct Described {
    pub(crate) status: StatusCode,
    pub(crate) what: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) schema: fn(&mut SchemaGenerator) -> Value,
}

fn of_type<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn any_text(_: &mut SchemaGenerator) -> Value {
    serde_json::json!({ "type": "string" })
}

impl Described {
    fn json<T: JsonSchema>(status: StatusCode, what: &'static str) -> Self {
        Self {
            status,
            what,
            content_type: "application/json",
            schema: of_type::<T>,
        }
    }
}

/// A question that is answered in JSON.
pub(crate) fn question<Q, A, H, F>(path: &'static str, what: &'static str, handler: H) -> Endpoint
where
    Q: Question + Send + 'static,
    A: Serialize + JsonSchema + 'static,
    H: Fn(Server, Q) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<A, Refusal>> + Send + 'static,
{
    Endpoint {
        path,
        method: Method::GET,
        what,
        is_open: false,
        parameters: Q::PARAMETERS,
        has_id: false,
        answers: vec![Described::json::<A>(StatusCode::OK, "The answer.")],
        route: get(
            move |State(server): State<Server>, Asked(asked): Asked<Q>| {
                let answered = handler(server, asked);
                async move { answered.await.map(|answer| Data(StatusCode::OK, answer)) }
            },
        ),
    }
}

/// A question about the daemon itself, which anybody may ask: well (200) or not (503), in one shape.
pub(crate) fn wellness<A, H>(path: &'static str, what: &'static str, handler: H) -> Endpoint
where
    A: Serialize + JsonSchema + Send + 'static,
    H: Fn(Server) -> (bool, A) + Clone + Send + Sync + 'static,
{
    Endpoint {
        path,
        method: Method::GET,
        what,
        is_open: true,
        parameters: &[],
        has_id: false,
        answers: vec![
            Described::json::<A>(StatusCode::OK, "It is so."),
            Described::json::<A>(StatusCode::SERVICE_UNAVAILABLE, "It is not, with reasons."),
        ],
        route: get(move |State(server): State<Server>, _: Asked<NoQuestion>| {
            let (is_well, answer) = handler(server);
            let status = if is_well {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            std::future::ready(Data(status, answer))
        }),
    }
}

/// Something that is not answered in JSON of ours.
pub(crate) fn text<H, F>(
    path: &'static str,
    what: &'static str,
    content_type: &'static str,
    handler: H,
) -> Endpoint
where
    H: Fn(Server, HeaderMap) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Refusal>> + Send + 'static,
{
    Endpoint {
        path,
        method: Method::GET,
        what,
        is_open: false,
        parameters: &[],
        has_id: false,
        answers: vec![Described {
            status: StatusCode::OK,
            what: "The answer.",
            content_type,
            schema: any_text,
        }],
        route: get(
            move |State(server): State<Server>, headers: HeaderMap, _: Asked<NoQuestion>| {
                handler(server, headers)
            },
        ),
    }
}

/// Something that is done to one row.
pub(crate) fn act<A, H, F>(path: &'static str, what: &'static str, handler: H) -> Endpoint
where
    A: Serialize + JsonSchema + 'static,
    H: Fn(Server, i64) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<A, Refusal>> + Send + 'static,
{
    Endpoint {
        path,
        method: Method::POST,
        what,
        is_open: false,
        parameters: &[],
        has_id: true,
        answers: vec![
            Described::json::<A>(StatusCode::OK, "It is done."),
            Described::json::<Refusal>(
                StatusCode::FORBIDDEN,
                "Another page asks, or the header is missing.",
            ),
            Described::json::<Refusal>(StatusCode::NOT_FOUND, "There is no such row."),
            Described::json::<Refusal>(StatusCode::CONFLICT, "The row is in another state."),
        ],
        route: post(
            move |State(server): State<Server>, RowOfPath(id): RowOfPath, _: Asked<NoQuestion>| {
                let done = handler(server, id);
                async move { done.await.map(|answer| Data(StatusCode::OK, answer)) }
            },
        ),
    }
}

impl Endpoint {
    /// Answered without the token.
    pub(crate) fn open(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// May also be refused in this way.
    pub(crate) fn or(mut self, status: StatusCode, what: &'static str) -> Self {
        self.answers.push(Described::json::<Refusal>(status, what));
        self
    }
}

/// The number of a row in a path.
struct RowOfPath(i64);

impl<S: Send + Sync> FromRequestParts<S> for RowOfPath {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, Response> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(IntoResponse::into_response)?;
        let text = parameters
            .iter()
            .find(|(name, _)| *name == "id")
            .map_or("", |(_, value)| value);
        match text.parse::<i64>() {
            Ok(id) if id >= 0 => Ok(Self(id)),
            _ => Err(Refusal::wrong(
                format!("{text:?} is no number of a row"),
                "take the `id` of a message from /outbox",
            )
            .into_response()),
        }
    }
}
