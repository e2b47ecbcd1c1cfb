//! The HTTP server that all fakes share: read the request, meet its fault, ask the dialect, log, answer.
//!
//! Promise: a dialect is a plain function from request to answer and knows nothing of sockets, faults or the log.
//! Requests with bodies beyond [`BODY_BYTES_MAX`] are refused with 413.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::body::{CutBody, SlowBody};
use crate::book::{BookError, News};
use crate::connection::{BreakableListener, Connections, LineHandle};
use crate::fault::{Fault, Faults, RequestTraits};
use crate::query::Query;
use crate::requests::{LoggedRequest, Requests};
use crate::stream::{self, StreamDesk, Talk};

/// Largest request body a fake reads.
pub const BODY_BYTES_MAX: usize = 1 << 20;

const HTML_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head>\
     <body><h1>Service temporarily unavailable</h1></body></html>\n";

/// One request, read completely.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Incoming {
    /// Whether the client asks for a WebSocket.
    pub(crate) fn wants_stream(&self) -> bool {
        self.method == "GET"
            && self.header("sec-websocket-key").is_some()
            && self
                .header("upgrade")
                .is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
    }

    /// A header's text; absent and unreadable count the same.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// One answer, before faults.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "application/json; charset=utf-8",
            body: body.to_string().into_bytes(),
        }
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "text/plain; charset=utf-8",
            body: body.as_bytes().to_vec(),
        }
    }

    /// The answer to a handshake: the connection is a stream from now on.
    pub(crate) fn switching() -> Self {
        Self {
            content_type: "",
            ..Self::text(SWITCHING, "")
        }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

/// What happens in a book.
pub(crate) type NewsOfBook = broadcast::Receiver<Arc<News>>;

/// The status that hands a connection over to the WebSocket protocol.
pub(crate) const SWITCHING: u16 = 101;

/// How one service speaks.
pub(crate) trait Dialect: Send + Sync + 'static {
    /// Carries the request out and answers it.
    fn answer(&self, request: &Incoming) -> Answer;
    /// Answers with the page that the client already has.
    fn repeat_page(&self, request: &Incoming) -> Answer {
        self.answer(request)
    }
    /// An error in the service's own form.
    fn refusal(&self, code: i64, message: &str) -> Answer;
    /// The service's own "too many requests".
    fn too_many(&self, retry_after_s: u64, with_headers: bool) -> Answer;
    /// The account whose key the request carries; a messenger has none.
    fn account_of(&self, _request: &Incoming) -> Option<String> {
        None
    }
    /// The decoded cursor or page token that makes this request a continuation; a messenger has no pages.
    fn continues(&self, _request: &Incoming) -> bool {
        false
    }
    /// The path as the log may show it.
    fn shown_path(&self, request: &Incoming) -> String {
        request.path.clone()
    }
    /// Fills an order of the service's book.
    fn fill(&self, order: &str, _qty: &str, _price: &str) -> Result<(), BookError> {
        Err(BookError::UnknownOrder(order.to_owned()))
    }
    /// The talk over a connection whose handshake was answered with 101, and what it listens to.
    fn talk(&self, _request: &Incoming) -> Option<(Box<dyn Talk>, NewsOfBook)> {
        None
    }
    /// The service's time, for the log.
    fn now_ms(&self) -> i64;
}

/// A running server; dropping it closes the port and every connection.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) faults: Faults,
    pub(crate) requests: Requests,
    pub(crate) streams: StreamDesk,
    connections: Arc<Connections>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        self.streams.streams.cut_all();
        self.connections.kill_all();
    }
}

impl Server {
    /// Binds `127.0.0.1:port` (0: any free port) and serves until dropped.
    pub(crate) async fn start(
        dialect: Arc<dyn Dialect>,
        faults: Faults,
        port: u16,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let requests = Requests::default();
        let connections = Arc::new(Connections::default());
        let listener = BreakableListener::new(listener, faults.clone(), Arc::clone(&connections));
        let streams = StreamDesk::default();
        let desk = Arc::new(Desk {
            streams: streams.clone(),
            dialect,
            faults: faults.clone(),
            requests: requests.clone(),
            pages: Mutex::default(),
        });
        let service = Router::new()
            .fallback(serve)
            .with_state(desk)
            .into_make_service_with_connect_info::<LineHandle>();
        let task = tokio::spawn(async move {
            // axum's accept loop ends only by being aborted.
            let _ = axum::serve(listener, service).await;
        });
        Ok(Self {
            address,
            faults,
            requests,
            streams,
            connections,
            task,
        })
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

struct Desk {
    dialect: Arc<dyn Dialect>,
    faults: Faults,
    requests: Requests,
    streams: StreamDesk,
    /// The page number of the last request per account, path and category.
    pages: Mutex<HashMap<(String, String, String), u32>>,
}

/// The answer to send, or `None` where the connection breaks; and how its body leaves.
struct Outcome {
    answer: Option<Answer>,
    pace: Pace,
}

/// How a body leaves.
#[derive(Clone, Copy)]
enum Pace {
    Whole,
    Cut { keep_bytes: usize },
    Slow { piece_bytes: usize, every: Duration },
}

async fn serve(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(line): ConnectInfo<LineHandle>,
    request: Request,
) -> Result<Response<Body>, Infallible> {
    let (mut parts, body) = request.into_parts();
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return Ok(respond(
            Answer::text(413, "Request Entity Too Large"),
            Pace::Whole,
        ));
    };
    let incoming = Incoming {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        headers: parts.headers,
        body,
    };
    let Outcome { answer, pace } = desk.handle(&incoming).await;
    let Some(answer) = answer else {
        line.kill();
        // Never leaves: the line is dead before the first byte.
        return Ok(Response::new(Body::empty()));
    };
    if answer.status != SWITCHING {
        return Ok(respond(answer, pace));
    }
    let accept = incoming.header("sec-websocket-key").unwrap_or_default();
    let accept = derive_accept_key(accept.as_bytes());
    let (Some(upgrade), Some((talk, news))) = (upgrade, desk.dialect.talk(&incoming)) else {
        return Ok(respond(Answer::text(426, "Upgrade Required"), Pace::Whole));
    };
    let (streams, faults) = (desk.streams.clone(), desk.faults.clone());
    tokio::spawn(stream::serve(upgrade, talk, news, streams, faults, line));
    let answer = answer
        .with_header("connection", "Upgrade")
        .with_header("upgrade", "websocket")
        .with_header("sec-websocket-accept", accept);
    Ok(respond(answer, Pace::Whole))
}

impl Desk {
    async fn handle(&self, incoming: &Incoming) -> Outcome {
        let at_ms = self.dialect.now_ms();
        let account = self.dialect.account_of(incoming);
        let path = self.dialect.shown_path(incoming);
        let page = self.page_of(incoming, account.as_deref(), &path);
        let traits = RequestTraits {
            path: &path,
            query: incoming.query.raw(),
            account: account.as_deref(),
            page,
        };
        let unplugged = self.faults.is_unplugged();
        let fault = if unplugged {
            None
        } else {
            self.faults.take(&traits)
        };
        let name = if unplugged {
            Some("unplugged")
        } else {
            fault.as_ref().map(Fault::name)
        };
        let mut outcome = if unplugged {
            Outcome {
                answer: None,
                pace: Pace::Whole,
            }
        } else {
            self.outcome(incoming, fault).await
        };
        if self.faults.is_unplugged() {
            outcome.answer = None;
        }
        self.requests.record(LoggedRequest {
            number: 0,
            at_ms,
            method: incoming.method.clone(),
            path,
            query: incoming.query.raw().to_owned(),
            account,
            page,
            status: outcome.answer.as_ref().map(|answer| answer.status),
            fault: name,
        });
        outcome
    }

    async fn outcome(&self, incoming: &Incoming, fault: Option<Fault>) -> Outcome {
        let dialect = &self.dialect;
        let mut pace = Pace::Whole;
        let answer = match fault {
            None => Some(dialect.answer(incoming)),
            Some(Fault::Status {
                status,
                headers,
                body,
            }) => Some(Answer {
                headers,
                ..Answer::text(status, &body)
            }),
            Some(Fault::Refuse { code, message }) => Some(dialect.refusal(code, &message)),
            Some(Fault::TooManyRequests {
                retry_after_s,
                with_headers,
            }) => Some(dialect.too_many(retry_after_s, with_headers)),
            Some(Fault::Delay { ms }) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Some(dialect.answer(incoming))
            }
            Some(Fault::DelayAnswer { ms }) => {
                let answer = dialect.answer(incoming);
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Some(answer)
            }
            Some(Fault::CutBody { keep_bytes }) => {
                pace = Pace::Cut { keep_bytes };
                Some(dialect.answer(incoming))
            }
            Some(Fault::SlowBody {
                piece_bytes,
                every_ms,
            }) => {
                let every = Duration::from_millis(every_ms);
                pace = Pace::Slow { piece_bytes, every };
                Some(dialect.answer(incoming))
            }
            Some(Fault::FillAfter { order, qty, price }) => {
                let answer = dialect.answer(incoming);
                // A fill that cannot happen is the driver's mistake and must not pass for a quiet venue.
                Some(match dialect.fill(&order, &qty, &price) {
                    Ok(()) => answer,
                    Err(error) => Answer::text(500, &format!("the planned fill failed: {error}")),
                })
            }
            Some(Fault::Html) => Some(Answer {
                content_type: "text/html; charset=utf-8",
                ..Answer::text(200, HTML_PAGE)
            }),
            Some(Fault::RepeatPage) => Some(dialect.repeat_page(incoming)),
            Some(Fault::DropConnection) => None,
            Some(Fault::LoseAnswer) => {
                dialect.answer(incoming);
                None
            }
        };
        Outcome { answer, pace }
    }

    fn page_of(&self, incoming: &Incoming, account: Option<&str>, path: &str) -> u32 {
        let category = incoming.query.get("category").unwrap_or_default();
        let key = (
            account.unwrap_or_default().to_owned(),
            path.to_owned(),
            category.to_owned(),
        );
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.dialect.continues(incoming) {
            // Page 1 needs no entry, so the table holds only traversals that went on.
            pages.remove(&key);
            return 1;
        }
        let page = pages.entry(key).or_insert(1);
        *page += 1;
        *page
    }
}

fn respond(answer: Answer, pace: Pace) -> Response<Body> {
    let body = Bytes::from(answer.body);
    let body = match pace {
        Pace::Whole => Body::from(body),
        Pace::Cut { keep_bytes } => Body::new(CutBody::new(&body, keep_bytes)),
        Pace::Slow { piece_bytes, every } => Body::new(SlowBody::new(body, piece_bytes, every)),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !answer.content_type.is_empty() {
        let content_type = HeaderValue::from_static(answer.content_type);
        headers.insert("content-type", content_type);
    }
    for (name, value) in answer.headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
        else {
            continue;
        };
        headers.insert(name, value);
    }
    response
}
