//! The demo's surroundings: fake venues, a folder with the configuration, and the daemon.

use crate::cli::say;
use crate::run::{self, RunSettings};
use crate::supervisor::Supervisor;
use crate::telemetry::{self, LogFormat};
use anyhow::{Context as _, anyhow};
use fillsync_channel::stdout::Sink;
use fillsync_fake::{
    AlpacaAccount, AlpacaOptions, BybitAccount, BybitOptions, FakeAlpaca, FakeBybit,
};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// How long an act may take at most.
const ACT_MAX: Duration = Duration::from_secs(40);
/// How often the demo looks whether an act is done.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Secrets of accounts that exist on this machine only.
const KEYS: [(&str, &str, &str); 3] = [
    ("main", "DEMOKEYMAIN000001", "demo-secret-of-main"),
    ("mirror", "DEMOKEYMIRROR00002", "demo-secret-of-mirror"),
    ("bot", "DEMOKEYBOT00000003", "demo-secret-of-bot"),
];

/// Everything that the story needs.
pub(super) struct Stage {
    pub(super) bybit: FakeBybit,
    pub(super) alpaca: FakeAlpaca,
    pub(super) dir: PathBuf,
    _temporary: Option<tempfile::TempDir>,
    heard: Arc<Mutex<String>>,
    daemon: Option<Daemon>,
    stop: watch::Receiver<bool>,
    port: u16,
}

struct Daemon {
    stop: watch::Sender<bool>,
    handle: JoinHandle<anyhow::Result<()>>,
}

/// Prints what the daemon sends, and remembers it.
struct Ear(Arc<Mutex<String>>);

impl Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().lock().flush()
    }
}

impl Stage {
    pub(super) async fn set(dir: Option<PathBuf>) -> anyhow::Result<Self> {
        let (temporary, dir) = match dir {
            Some(dir) => {
                std::fs::create_dir_all(&dir)
                    .with_context(|| format!("{} cannot be made", dir.display()))?;
                // The fakes begin anew with the same ids: an old ledger would contradict them.
                anyhow::ensure!(
                    !dir.join("fillsync.db").exists(),
                    "{} holds the ledger of an earlier run; name an empty folder",
                    dir.display()
                );
                (None, dir)
            }
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("fillsync-demo-")
                    .tempdir()?;
                let dir = temporary.path().to_owned();
                (Some(temporary), dir)
            }
        };
        let [main, mirror, bot] = KEYS;
        let bybit = FakeBybit::start(BybitOptions::new([
            BybitAccount::new(main.0, main.1, main.2, 1_001),
            BybitAccount::new(mirror.0, mirror.1, mirror.2, 1_002),
        ]))
        .await?;
        let alpaca = FakeAlpaca::start(AlpacaOptions::new([AlpacaAccount::new(
            bot.0, bot.1, bot.2,
        )]))
        .await?;
        let log = std::fs::File::create(dir.join("fillsync.log"))?;
        telemetry::start_into(LogFormat::Text, &telemetry::filter("info"), log)?;
        let (hint, _) = mpsc::channel(1);
        let stage = Self {
            bybit,
            alpaca,
            _temporary: temporary,
            heard: Arc::default(),
            daemon: None,
            stop: crate::cli::signals(hint)?,
            port: free_port(8080)?,
            dir,
        };
        stage.write_files()?;
        Ok(stage)
    }

    pub(super) fn config_path(&self) -> PathBuf {
        self.dir.join("fillsync.toml")
    }

    fn write_files(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(self.dir.join("plugins"))?;
        let keys = self.dir.join("keys");
        std::fs::create_dir_all(&keys)?;
        for (account, key, secret) in KEYS {
            write_secret(&keys.join(format!("{account}.key")), key)?;
            write_secret(&keys.join(format!("{account}.secret")), secret)?;
        }
        std::fs::write(self.config_path(), self.configuration())?;
        Ok(())
    }

    fn configuration(&self) -> String {
        let mut text = format!(
            r#"# Written by `fillsync demo`. Edit it while the demo stays up: it is taken up at once.

[daemon]
database = "fillsync.db"
listen   = "127.0.0.1:{}"
"#,
            self.port
        );
        let bybit = self.bybit.base_url();
        let alpaca = self.alpaca.base_url();
        for (account, venue, base_url) in [
            ("main", "bybit", &bybit),
            ("mirror", "bybit", &bybit),
            ("bot", "alpaca", &alpaca),
        ] {
            text.push_str(&format!(
                r#"
[[account]]
name       = "{account}"
venue      = "{venue}"
base_url   = "{base_url}"
api_key    = {{ file = "keys/{account}.key" }}
api_secret = {{ file = "keys/{account}.secret" }}
poll_every = "500ms"
lookback   = "1d"
"#
            ));
        }
        text.push_str(
            r#"
[[group]]
name     = "desk"
strategy = "max-count"
settle   = "500ms"
deadline = "5s"
members  = [{ account = "main", role = "main" }, { account = "mirror", role = "mirror" }]

[[channel]]
name      = "terminal"
kind      = "stdout"
formatter = "limit-fill"
"#,
        );
        text
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Starts the daemon and waits until every account has caught up.
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        let (stop, stopped) = watch::channel(false);
        let (bound, address) = oneshot::channel();
        let sink: Sink = Arc::new(Mutex::new(Ear(Arc::clone(&self.heard))));
        let handle = tokio::spawn(run::run(RunSettings {
            config_path: self.config_path(),
            stop: stopped,
            bound: Some(bound),
            sink: Some(sink),
            rescan: None,
            log: None,
            supervisor: Supervisor::none(),
            // The demo has the plugins of the binary only.
            compiler: None,
        }));
        let daemon = Daemon { stop, handle };
        let Ok(address) = address.await else {
            let why = daemon.handle.await?;
            return Err(why
                .err()
                .unwrap_or_else(|| anyhow!("the daemon ended at once")));
        };
        self.daemon = Some(daemon);
        self.until("every account has caught up", async || {
            is_ready(address).await
        })
        .await
    }

    /// Stops the daemon as SIGTERM would.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(daemon) = self.daemon.take() {
            let _ = daemon.stop.send(true);
            daemon.handle.await??;
        }
        Ok(())
    }

    /// Waits until the daemon has said each of these texts so many times.
    pub(super) async fn hear(&self, texts: &[(&str, usize)]) -> anyhow::Result<()> {
        let what = texts
            .iter()
            .map(|(text, times)| format!("{times}× {text:?}"))
            .collect::<Vec<_>>()
            .join(", ");
        let heard = Arc::clone(&self.heard);
        self.until(&what, async || {
            let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            texts
                .iter()
                .all(|(text, times)| heard.matches(text).count() >= *times)
        })
        .await
    }

    /// Forgets what was heard: the next act begins.
    pub(super) fn forget(&self) {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    async fn until(&self, what: &str, is_done: impl AsyncFn() -> bool) -> anyhow::Result<()> {
        let began = tokio::time::Instant::now();
        while !is_done().await {
            if *self.stop.borrow() {
                return Err(anyhow!("interrupted"));
            }
            if self
                .daemon
                .as_ref()
                .is_some_and(|daemon| daemon.handle.is_finished())
            {
                return Err(anyhow!(
                    "the daemon ended; see {}",
                    self.dir.join("fillsync.log").display()
                ));
            }
            if began.elapsed() > ACT_MAX {
                return Err(anyhow!(
                    "waited {}s in vain for: {what}; see {}",
                    ACT_MAX.as_secs(),
                    self.dir.join("fillsync.log").display()
                ));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Edits the configuration as an operator would.
    pub(super) fn edit(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let path = self.config_path();
        let text = std::fs::read_to_string(&path)?;
        std::fs::write(&path, text.replace(from, to))?;
        Ok(())
    }

    /// Waits until the daemon's log says something.
    pub(super) async fn see_in_log(&self, text: &str) -> anyhow::Result<()> {
        let log = self.dir.join("fillsync.log");
        self.until(text, async || {
            std::fs::read_to_string(&log).is_ok_and(|log| log.contains(text))
        })
        .await
    }

    pub(super) async fn wait_for_interrupt(&mut self) {
        let _ = self.stop.wait_for(|stop| *stop).await;
    }

    pub(super) async fn strike(mut self) {
        if let Err(error) = self.stop().await {
            let _ = say(&format!("the daemon: {error:#}"));
        }
    }
}

fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    Ok(writeln!(file, "{text}")?)
}

/// The wished port, or another one where it is taken.
fn free_port(wish: u16) -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", wish))
        .or_else(|_| std::net::TcpListener::bind(("127.0.0.1", 0)))?;
    Ok(listener.local_addr()?.port())
}

async fn is_ready(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        let request =
            format!("GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask.await.unwrap_or(false)
}
