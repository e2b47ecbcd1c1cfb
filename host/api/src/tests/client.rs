//! A server on a free port of this machine, and the smallest client that can ask it.

use super::sample;
use crate::{
    AccountHealth, ApiState, GroupPlan, Health, Limits, Live, PluginTally, StreamHealth,
    StreamState, Streams, serve_within,
};
use fillsync_core::id::GroupName;
use fillsync_core::time::HostTime;
use fillsync_core::view::Role;
use fillsync_ledger::Ledger;
use secrecy::SecretString;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long any one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon that says what a test wants.
pub(crate) struct Daemon {
    pub(crate) reasons: Vec<String>,
    pub(crate) missing: Vec<String>,
    pub(crate) has_accounts: bool,
    pub(crate) now: HostTime,
}

impl Daemon {
    pub(crate) const WELL: Self = Self {
        reasons: Vec::new(),
        missing: Vec::new(),
        has_accounts: true,
        now: sample::NOW,
    };
}

impl Live for Daemon {
    fn now(&self) -> HostTime {
        self.now
    }

    fn plugins(&self) -> serde_json::Value {
        serde_json::json!([{
            "name": "max-count", "state": "active", "aside_until": null, "calls": 7, "failures": 1,
            "failures_in_a_row": 0, "last_error": null, "last_rejection": null,
            "active": {
                "own_name": "max-count", "kind": "strategy", "version": "1.0.0", "summary": "The largest.",
                "sha256": "ab", "settings_sha256": "cd", "source": "embedded", "generation": 1,
                "loaded_at": "2027-01-15T08:00:00.000000Z", "remarks": [],
            },
        }])
    }

    fn plugin_tallies(&self) -> Vec<PluginTally> {
        vec![PluginTally {
            plugin: "max\"count".to_owned(),
            calls: 7,
            failures: 1,
            is_set_aside: true,
        }]
    }

    fn health(&self, _: HostTime) -> Health {
        Health {
            ok: self.reasons.is_empty(),
            reasons: self.reasons.clone(),
            accounts: if self.has_accounts {
                vec![AccountHealth {
                    account: "main".to_owned(),
                    ok: self.reasons.is_empty(),
                    data_age_ms: Some(1_200),
                }]
            } else {
                Vec::new()
            },
        }
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        if self.missing.is_empty() {
            Ok(())
        } else {
            Err(self.missing.clone())
        }
    }

    fn streams(&self) -> Streams {
        let health = StreamHealth {
            state: StreamState::CatchingUp,
            since: Some(sample::NOW),
            reason: None,
        };
        [(sample::account("main"), health)].into()
    }

    fn groups(&self) -> Vec<GroupPlan> {
        vec![GroupPlan {
            name: GroupName::new("desk").unwrap(),
            strategy: Some("max-count".to_owned()),
            members: vec![
                (sample::account("main"), Role::Main),
                (sample::account("mirror"), Role::Mirror),
            ],
            settle_ms: 3_000,
            deadline_ms: 30_000,
        }]
    }
}

/// A running server; it stops when told, or with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) ledger: Ledger,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Serves the story.
    pub(crate) async fn start() -> Self {
        Self::with(None, Limits::default(), Daemon::WELL).await
    }

    pub(crate) async fn with(token: Option<&str>, limits: Limits, daemon: Daemon) -> Self {
        let (folder, ledger) = sample::story().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = ApiState {
            ledger: ledger.clone(),
            token: token.map(SecretString::from),
            live: Arc::new(daemon),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve_within(listener, state, limits, async move {
            let _ = stopped.await;
        }));
        Self {
            address,
            ledger,
            stop,
            task,
            _folder: folder,
        }
    }

    /// Tells it to stop and waits until it has.
    pub(crate) async fn stop(self) -> io::Result<()> {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Asks one path of the server, as a well-behaved client does.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.get_with(path, "").await
    }

    /// The same with more header lines, each ending with CRLF.
    pub(crate) async fn get_with(&self, path: &str, lines: &str) -> Reply {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{lines}\r\n",
            self.address
        ))
        .await
    }

    /// Asks for something to be done, with more header lines.
    pub(crate) async fn post_with(&self, path: &str, lines: &str) -> Reply {
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 0\r\n{lines}\r\n",
            self.address
        ))
        .await
    }

    /// Sends text as it is and reads until the server closes.
    pub(crate) async fn send(&self, text: &str) -> Reply {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        Reply::parse(&read_to_end(&mut stream).await)
    }
}

/// What comes until the server closes; a reset ends it as well.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("the server closes in time");
    String::from_utf8(bytes).unwrap()
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        Self {
            status,
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line == header)
    }
}
