//! The daemon under measurement: in this process, or as the binary.
//!
//! The configuration is a file in a folder of its own, as an operator writes it, with everything on
//! loopback. Nothing is logged: no subscriber is set in this process, and the binary's goes nowhere.

use crate::http::{Client, eventually};
use crate::measure::folder;
use crate::venue::{SECRET, key};
use fillsync::run::{RunSettings, run};
use fillsync::supervisor::Supervisor;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};

/// A folder with a configuration.
pub struct Site {
    pub folder: tempfile::TempDir,
}

impl Site {
    /// `[daemon]` and the accounts; the rest of the file is `more`.
    pub fn new(venue: SocketAddr, accounts: &[&str], poll: &str, listen: u16, more: &str) -> Self {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("plugins")).unwrap();
        std::fs::write(path("secret"), SECRET).unwrap();
        let mut text = format!("[daemon]\nlisten = \"127.0.0.1:{listen}\"\n");
        for account in accounts {
            std::fs::write(path(&format!("key-{account}")), key(account)).unwrap();
            text.push_str(&format!(
                "[[account]]\nname = \"{account}\"\nvenue = \"bybit\"\nbase_url = \"http://{venue}\"\n\
                 api_key = {{ file = \"key-{account}\" }}\napi_secret = {{ file = \"secret\" }}\n\
                 stream = false\npoll_every = \"{poll}\"\nlookback = \"1h\"\noverlap = \"1s\"\n"
            ));
        }
        text.push_str(more);
        std::fs::write(path("fillsync.toml"), text).unwrap();
        for secret in std::fs::read_dir(folder.path()).unwrap().flatten() {
            let name = secret.file_name().into_string().unwrap();
            if name.starts_with("key-") || name == "secret" {
                use std::os::unix::fs::PermissionsExt as _;
                let private = std::fs::Permissions::from_mode(0o600);
                std::fs::set_permissions(secret.path(), private).unwrap();
            }
        }
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets every account listen to its stream.
    pub fn turn_streams_on(&self) {
        let path = self.path("fillsync.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace("stream = false", "stream = true")).unwrap();
    }

    pub fn ledger(&self) -> PathBuf {
        self.path("fillsync.db")
    }
}

/// The daemon in this process, on a runtime like that of the command.
pub struct Running {
    runtime: Runtime,
    stop: watch::Sender<bool>,
    ended: tokio::task::JoinHandle<anyhow::Result<()>>,
    pub address: SocketAddr,
}

impl Running {
    pub fn start(site: &Site) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (stop, stopped) = watch::channel(false);
        let (bound, address) = oneshot::channel();
        let ended = runtime.spawn(run(RunSettings {
            config_path: site.path("fillsync.toml"),
            stop: stopped,
            bound: Some(bound),
            sink: None,
            rescan: None,
            log: None,
            supervisor: Supervisor::none(),
            compiler: None,
        }));
        let address = runtime.block_on(address);
        let address = match address {
            Ok(address) => address,
            Err(_) => panic!("the daemon did not start: {:?}", runtime.block_on(ended)),
        };
        Self {
            runtime,
            stop,
            ended,
            address,
        }
    }

    /// Waits until every account has caught up.
    pub fn ready(self) -> Self {
        let mut client = Client::connect(self.address).unwrap();
        eventually("readiness", || {
            let answer = client.get("/ready", &[])?;
            (answer.status() == 200).then_some(())
        });
        self
    }

    pub fn end(self) {
        let _ = self.stop.send(true);
        self.runtime.block_on(self.ended).unwrap().unwrap();
    }
}

/// The release binary as a process of its own.
pub struct Process(Child);

impl Process {
    /// Starts it, and says when it was.
    pub fn start(config: &Path) -> (Self, Instant) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fillsync-under-test"));
        command
            .arg("--config")
            .arg(config)
            .arg("run")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        (Self(command.spawn().unwrap()), started)
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it as an operator would, and waits.
    pub fn end(mut self) {
        Command::new("kill")
            .args(["-TERM", &self.0.id().to_string()])
            .status()
            .unwrap();
        self.0.wait().unwrap();
    }
}

/// A port that nobody listened on just now.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Asks `/health` until it is 200; a refused connection is tried again at once.
pub fn healthy(port: u16) -> Instant {
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("health", || {
        let answer = Client::connect(to).ok()?.get("/health", &[])?;
        (answer.status() == 200).then(Instant::now)
    })
}

/// Long enough for so many rounds of polling.
pub fn rest(poll_ms: u64, rounds: u64) {
    std::thread::sleep(Duration::from_millis(poll_ms * rounds + 50));
}
