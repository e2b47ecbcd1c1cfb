//! What goes back: JSON of the report, or a refusal that says what is wrong and what to do.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use fillsync_ledger::LedgerError;
use schemars::JsonSchema;
use serde::Serialize;

/// The longest part of a caller's text that a refusal repeats, in characters.
const ECHO_CHARACTERS_MAX: usize = 200;

/// A request that is not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Refusal {
    #[serde(skip)]
    pub(crate) status: StatusCode,
    /// What is wrong.
    pub(crate) error: String,
    /// What to do.
    pub(crate) remedy: String,
    /// The endpoints, where the path is none of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoints: Option<Vec<&'static str>>,
}

impl Refusal {
    pub(crate) fn new(
        status: StatusCode,
        error: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            status,
            error: cut(&error.into()),
            remedy: remedy.into(),
            endpoints: None,
        }
    }

    pub(crate) fn wrong(error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, remedy)
    }
}

fn cut(text: &str) -> String {
    text.chars().take(ECHO_CHARACTERS_MAX).collect()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body =
            serde_json::to_string(&self).unwrap_or_else(|_| r#"{"error":"unknown"}"#.to_owned());
        let mut response = json(self.status, body);
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"fillsync\""),
            );
        }
        response
    }
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Self {
        let (status, remedy) = match &error {
            LedgerError::Full | LedgerError::Busy { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "ask again in a moment")
            }
            LedgerError::Closed => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the daemon is stopping; ask again when it runs",
            ),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "look at the daemon's log and run `fillsync verify`",
            ),
        };
        tracing::warn!(%error, "a question to the ledger failed");
        Self::new(status, error.to_string(), remedy)
    }
}

/// An answer in JSON.
pub(crate) struct Data<T>(pub(crate) StatusCode, pub(crate) T);

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        written(self.0, serde_json::to_string(&self.1))
    }
}

fn written(status: StatusCode, text: Result<String, serde_json::Error>) -> Response {
    match text {
        Ok(text) => json(status, text),
        Err(error) => Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the answer cannot be written as JSON ({error})"),
            "run `fillsync verify`",
        )
        .into_response(),
    }
}

/// A line of JSON.
fn json(status: StatusCode, mut text: String) -> Response {
    text.push('\n');
    typed(status, "application/json", text)
}

pub(crate) fn typed(status: StatusCode, content_type: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
