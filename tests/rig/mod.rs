//! What the tests share: fakes, a configuration in a folder of its own, and the daemon as a process.
//!
//! A rig's fakes run on its own runtime, so the tests themselves are plain blocking code. The daemon
//! binds port 0 and says in its log where; it is killed when it is dropped, and everything that it
//! wrote can be read. Two packages of tests include this folder, and each uses the part that it needs.
//! Deliberately absent: anything that reaches into the daemon's memory.
#![allow(dead_code, reason = "each package of tests uses a part of it")]

mod daemon;
mod messengers;
pub mod signer;
pub mod toolchains;

pub use self::daemon::Daemon;
#[allow(unused_imports, reason = "only one of the packages sends to all kinds")]
pub use self::messengers::{
    DISCORD_TOKEN, MAIL_PASSWORD, Messengers, NTFY_TOKEN, NTFY_TOPIC, SLACK_KEY, SLACK_TOKEN,
};

use fillsync_core::id::AccountName;
use fillsync_fake::{
    BybitAccount, BybitOptions, FakeBybit, FakeTelegram, FakeWebhook, Fill, NewOrder, Rate, Side,
    TelegramOptions,
};
use fillsync_ledger::{FILLS_READ_MAX, FillFilter, Reader};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// As long as anything that must happen may take: generous, because machines of a CI are slow.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// From one look to the next.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The symbol of most stories.
pub const SYMBOL: &str = "GTCUSDT";
/// The prices of the plan's three orders.
pub const PRICES: [&str; 3] = ["0.2215", "0.2230", "0.2245"];

pub const MAIN_KEY: &str = "canary-main-key-0f3a";
pub const MAIN_SECRET: &str = "canary-main-secret-77d1";
pub const MIRROR_KEY: &str = "canary-mirror-key-b2c9";
pub const MIRROR_SECRET: &str = "canary-mirror-secret-5e60";
pub const BOT_TOKEN: &str = "123456:canary-telegram-token-aa41";
pub const HOOK_SECRET: &str = "canary-webhook-secret-c0de";
pub const HOOK_PATH_KEY: &str = "canary-webhook-path-91fe";
pub const API_TOKEN: &str = "canary-api-token-4b4b4b4b4b4b4b4b";

/// The environment of every command: the only place of the secrets.
const ENVIRONMENT: [(&str, &str); 7] = [
    ("RIG_MAIN_KEY", MAIN_KEY),
    ("RIG_MAIN_SECRET", MAIN_SECRET),
    ("RIG_MIRROR_KEY", MIRROR_KEY),
    ("RIG_MIRROR_SECRET", MIRROR_SECRET),
    ("RIG_BOT_TOKEN", BOT_TOKEN),
    ("RIG_HOOK_SECRET", HOOK_SECRET),
    ("RIG_API_TOKEN", API_TOKEN),
];

/// Looks until there is an answer.
///
/// # Panics
/// After [`PATIENCE`], with what the last look said instead.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    eventually_within(PATIENCE, what, look)
}

/// As [`eventually`], with another patience.
pub fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(instead) => {
                assert!(
                    began.elapsed() < patience,
                    "{what}: not so after {patience:?}; instead:\n{instead}"
                );
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// An error that shows what there is, unless it is as wanted.
pub fn so(is_so: bool, instead: impl std::fmt::Debug) -> Result<(), String> {
    if is_so {
        Ok(())
    } else {
        Err(format!("{instead:#?}"))
    }
}

/// A message that the webhook got.
#[derive(Debug, Clone)]
pub struct Message {
    /// What receivers drop repetitions by.
    pub key: String,
    /// The alert's identity.
    pub identity: String,
    /// `fill`, `divergence`, …
    pub kind: String,
    /// Title and lines.
    pub text: String,
    /// The account, where it is about one.
    pub account: String,
    /// The whole body.
    pub body: Value,
}

/// Fakes, a folder with a configuration, and nothing running yet.
pub struct Rig {
    pub bybit: FakeBybit,
    pub hook: FakeWebhook,
    pub telegram: FakeTelegram,
    pub folder: TempDir,
    pub runtime: Runtime,
    config: Mutex<String>,
}

impl Rig {
    /// A main and a mirror account at one venue, in one group, with a webhook for all alerts.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (bybit, hook, telegram) = runtime.block_on(async {
            let bybit = FakeBybit::start(BybitOptions::new([
                BybitAccount::new("main", MAIN_KEY, MAIN_SECRET, 1001),
                BybitAccount::new("mirror", MIRROR_KEY, MIRROR_SECRET, 1002),
            ]))
            .await
            .unwrap();
            (
                bybit,
                FakeWebhook::start(0).await.unwrap(),
                FakeTelegram::start(TelegramOptions::new(BOT_TOKEN))
                    .await
                    .unwrap(),
            )
        });
        // The pace of these tests is not that of an operator.
        bybit.rules(|rules| {
            rules.per_uid = Rate::new(100_000, 1_000);
            rules.per_ip = Rate::new(1_000_000, 5_000);
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("plugins")).unwrap();
        let config = config(&bybit.base_url(), &hook.base_url());
        let rig = Self {
            bybit,
            hook,
            telegram,
            folder,
            runtime,
            config: Mutex::new(config),
        };
        rig.write_config();
        rig
    }

    /// The configuration's file.
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("fillsync.toml")
    }

    /// The configuration's text.
    pub fn config(&self) -> String {
        self.config.lock().unwrap().clone()
    }

    fn write_config(&self) {
        std::fs::write(self.config_path(), self.config()).unwrap();
    }

    /// Changes one place of the configuration, as an editor would: a new file in the place of the old.
    pub fn edit(&self, from: &str, to: &str) -> &Self {
        {
            let mut config = self.config.lock().unwrap();
            assert!(config.contains(from), "no {from:?} in the configuration");
            *config = config.replace(from, to);
        }
        let draft = self.folder.path().join("fillsync.toml.draft");
        std::fs::write(&draft, self.config()).unwrap();
        std::fs::rename(&draft, self.config_path()).unwrap();
        self
    }

    /// Adds lines at the configuration's end.
    pub fn append(&self, lines: &str) -> &Self {
        self.config.lock().unwrap().push_str(lines);
        self.write_config();
        self
    }

    /// Adds the Telegram channel.
    pub fn with_telegram(&self) -> &Self {
        self.append(&format!(
            "[[channel]]\nname = \"ops\"\nkind = \"telegram\"\nbase_url = \"{}\"\n\
             token = {{ env = \"RIG_BOT_TOKEN\" }}\nchat_id = \"-1001234\"\n\
             alerts = [\"fill\", \"divergence\", \"resolved\", \"system\"]\n",
            self.telegram.base_url()
        ))
    }

    /// The ledger's file.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("fillsync.db")
    }

    /// Reads the ledger.
    pub fn reader(&self) -> Reader {
        Reader::open(self.database()).unwrap()
    }

    /// The ids of an account's fills in the ledger, sorted, each as often as it is there.
    pub fn ledger_ids(&self, account: &str) -> Vec<String> {
        let filter = FillFilter {
            account: Some(AccountName::new(account).unwrap()),
            limit: FILLS_READ_MAX,
            ..FillFilter::default()
        };
        let mut ids: Vec<String> = self
            .reader()
            .fills(&filter)
            .unwrap()
            .into_iter()
            .map(|fill| fill.execution.execution_id.to_string())
            .collect();
        ids.sort();
        ids
    }

    /// The ids of an account's fills at the venue, sorted.
    pub fn venue_ids(&self, account: &str) -> Vec<String> {
        let mut ids = self.bybit.book().trade_ids(account);
        ids.sort();
        ids
    }

    /// How many alerts of a kind the ledger has, each counted once whatever its revisions.
    pub fn ledger_alerts(&self, kind: &str) -> usize {
        let ledger = rusqlite::Connection::open(self.database()).unwrap();
        let sql = "SELECT count(DISTINCT identity) FROM alert WHERE kind = ?1";
        let count: i64 = ledger.query_row(sql, [kind], |row| row.get(0)).unwrap();
        usize::try_from(count).unwrap()
    }

    /// Waits until the ledger has exactly what the venue has.
    pub fn wait_for_all_fills(&self) {
        for account in ["main", "mirror"] {
            eventually("every fill of the venue is in the ledger, once", || {
                let (have, want) = (self.ledger_ids(account), self.venue_ids(account));
                so(have == want, (account, have.len(), want.len()))
            });
        }
    }

    /// Places the plan's order of a slot (from 1): 150 GTC to sell.
    pub fn place(&self, account: &str, slot: usize) -> String {
        self.place_in(SYMBOL, account, slot)
    }

    /// Places the plan's order of a slot for another symbol.
    pub fn place_in(&self, symbol: &str, account: &str, slot: usize) -> String {
        let order = NewOrder::limit(symbol, Side::Sell, "150", PRICES[slot - 1]);
        self.bybit.book().place_order(account, order).unwrap()
    }

    /// Fills all of an order of the plan.
    pub fn fill(&self, order: &str) -> String {
        self.fill_at(order, None)
    }

    /// Fills all of an order of the plan, at a time (Unix milliseconds).
    pub fn fill_at(&self, order: &str, at_ms: Option<i64>) -> String {
        let price = self.bybit.book().order(order).unwrap().price.unwrap();
        let mut fill = Fill::new("150", &price.to_string()).maker();
        fill.at_ms = at_ms;
        self.bybit.book().fill(order, fill).unwrap()
    }

    /// Buys everything back that an account sold.
    pub fn flatten(&self, account: &str) -> String {
        let book = self.bybit.book();
        let size = book.position_size(account, SYMBOL, 0).abs().to_string();
        let order = NewOrder::market(SYMBOL, Side::Buy, &size).reduce_only();
        let order = book.place_order(account, order).unwrap();
        book.fill(&order, Fill::new(&size, "0.2100")).unwrap()
    }

    /// Now at the venue, Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.bybit.clock().now_ms()
    }

    /// What the webhook got, in its order.
    pub fn messages(&self) -> Vec<Message> {
        self.hook
            .received()
            .iter()
            .map(|request| {
                let body = request.json().unwrap();
                let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
                Message {
                    key: request.header("idempotency-key").unwrap().to_owned(),
                    identity: text("identity"),
                    kind: text("kind"),
                    text: text("text"),
                    account: body["alert"]["account"]["name"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                    body,
                }
            })
            .collect()
    }

    /// What the webhook got of one kind.
    pub fn of_kind(&self, kind: &str) -> Vec<Message> {
        let mut messages = self.messages();
        messages.retain(|message| message.kind == kind);
        messages
    }

    /// Waits until the webhook got so many messages of a kind, and gives them.
    pub fn wait_for(&self, kind: &str, count: usize) -> Vec<Message> {
        eventually(&format!("{count} {kind} alerts"), || {
            let found = self.of_kind(kind);
            if found.len() >= count {
                Ok(found)
            } else {
                Err(format!("{:#?}", self.messages()))
            }
        })
    }

    /// The command with arguments, the rig's configuration and secrets.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fillsync-under-test"));
        command
            .env_clear()
            .envs(ENVIRONMENT)
            .current_dir(self.folder.path())
            .arg("--config")
            .arg(self.config_path())
            .args(arguments);
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts the daemon and waits until it says where it listens.
    pub fn start(&self) -> Daemon {
        let daemon = self.spawn();
        daemon.address();
        daemon
    }

    /// Starts the daemon and waits until every account has caught up.
    pub fn start_ready(&self) -> Daemon {
        let daemon = self.start();
        eventually("the daemon is ready", || {
            let (status, body) = daemon.ask("/ready");
            so(status == 200, (status, body))
        });
        daemon
    }

    /// Starts the daemon and waits for nothing.
    pub fn spawn(&self) -> Daemon {
        Daemon::start(&mut self.command(&["run"]))
    }
}

fn config(bybit: &str, hook: &str) -> String {
    // Compiled plugins are kept for all tests: what is tested is the daemon, not the compiler.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    format!(
        r#"[daemon]
database = "fillsync.db"
plugin_dir = "plugins"
cache_dir = "{cache}"
listen = "127.0.0.1:0"
log_format = "json"
log_level = "info"

[[account]]
name = "main"
venue = "bybit"
base_url = "{bybit}"
api_key = {{ env = "RIG_MAIN_KEY" }}
api_secret = {{ env = "RIG_MAIN_SECRET" }}
poll_every = "100ms"
stream = false
lookback = "1h"

[[account]]
name = "mirror"
venue = "bybit"
base_url = "{bybit}"
api_key = {{ env = "RIG_MIRROR_KEY" }}
api_secret = {{ env = "RIG_MIRROR_SECRET" }}
poll_every = "100ms"
stream = false
lookback = "1h"

[[group]]
name = "desk"
strategy = "max-count"
settle = "300ms"
deadline = "2s"
members = [{{ account = "main", role = "main" }}, {{ account = "mirror", role = "mirror" }}]

[[channel]]
name = "automation"
kind = "webhook"
url = "{hook}/{HOOK_PATH_KEY}"
secret = {{ env = "RIG_HOOK_SECRET" }}
formatter = "limit-fill"

"#,
        cache = cache.display()
    )
}
