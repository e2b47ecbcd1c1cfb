//! Figure b: fills from HTTP to committed, through the real adapter, traverser and ledger.
//!
//! The venue is a server that repeats pages which a fake Bybit rendered beforehand, in the order of
//! keys that Bybit documents, so its cost is a lookup and a write. The peer is a loop over rusqlite that
//! inserts the same rows into the same schema with the same settings and as many rows for each
//! transaction: what SQLite alone can do here. Every round checks that all fills are there.

use crate::http::{self, Client};
use crate::measure::{Rounds, Samples, bytes_of, folder, time};
use crate::report::Section;
use crate::rows::SYMBOLS;
use crate::venue::{SECRET, Venue, key};
use fillsync::app::SystemClock;
use fillsync::drive::found::Found;
use fillsync::drive::traverse::{Traverser, WINDOW_MAX};
use fillsync_core::coverage::Window;
use fillsync_core::execution::VenueKind;
use fillsync_core::id::{AccountName, Category};
use fillsync_core::port::Venue as Port;
use fillsync_core::time::VenueTime;
use fillsync_fake::{Fill, NewOrder, Side};
use fillsync_ledger::Ledger;
use fillsync_venue::{AccountSettings, Address, Limits, Pace};
use rusqlite::types::Value;
use secrecy::SecretString;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const ACCOUNTS: [&str; 2] = ["main", "mirror"];
/// So many rows the traverser holds back at most: the peer's transactions are as large.
const ROWS_PER_TRANSACTION: usize = 2_000;
const SCHEMA: &str = include_str!("../../../host/ledger/schema/0001_ledger.sql");
const HISTORY: Duration = Duration::from_hours(120);

pub fn measure(rounds: &Rounds) -> Section {
    let mut section = Section::new("fills from HTTP to committed");
    let fills = 100_000;
    let now_ms = now_ms();
    let now = VenueTime::from_ms(now_ms);
    let windows = Window::new(now.minus(HISTORY), now).split(WINDOW_MAX);
    let venue = Pages::capture(fills, now_ms, &windows).serve();
    let windows = Arc::new(windows);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (mut ours, mut bare, mut all, mut ratio) = (
        Samples::default(),
        Samples::default(),
        Samples::default(),
        Samples::default(),
    );
    let mut bytes = 0;
    for _ in 0..rounds.of(12) {
        let folder = folder();
        let path = folder.path().join("ledger.db");
        let took = runtime.block_on(ingest(venue, &path, &windows));
        let rows = Rows::of(&path);
        assert_eq!(rows.executions.len(), fills, "every fill is there once");
        let per_second = fills as f64 / took.as_secs_f64();
        ours.add(per_second);
        bytes = bytes_of(&path) / fills as u64;
        let peer = rows.insert(&folder.path().join("bare.db"), false);
        bare.add(fills as f64 / peer.as_secs_f64());
        ratio.add(per_second / (fills as f64 / peer.as_secs_f64()) * 100.0);
        let peer = rows.insert(&folder.path().join("all.db"), true);
        all.add(fills as f64 / peer.as_secs_f64());
    }
    section.line("fillsync, 2 accounts at once", "fills/s", ours, "25,000/s");
    section.line("bare rusqlite, the executions only", "fills/s", bare, "");
    section.line(
        "bare rusqlite, executions, cycles and wanted orders",
        "fills/s",
        all,
        "",
    );
    section.line(
        "fillsync of bare, executions only, same round",
        "%",
        ratio,
        "80 %",
    );
    section.remark(format!(
        "{fills} fills of 2 accounts and 4 symbols in pages of 100, {ROWS_PER_TRANSACTION} rows for each \
         transaction; {bytes} bytes of database for each fill, its raw row included."
    ));
    section
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// Both accounts are traversed at once, as the daemon does it.
async fn ingest(venue: SocketAddr, path: &Path, windows: &Arc<Vec<Window>>) -> Duration {
    let mut limits = Limits::of(VenueKind::Bybit);
    let fast = Pace {
        count: 10_000_000,
        period: Duration::from_secs(1),
    };
    limits.per_key = fast;
    limits.per_address = Some(fast);
    let address = Address::new(VenueKind::Bybit, limits).unwrap();
    let ledger = Ledger::open(path).unwrap();
    let category = Category::new("linear").unwrap();
    let started = std::time::Instant::now();
    let tasks: Vec<_> = ACCOUNTS
        .iter()
        .map(|name| {
            let settings = AccountSettings::new(
                AccountName::new(name).unwrap(),
                VenueKind::Bybit,
                format!("http://{venue}"),
                SecretString::from(key(name)),
                SecretString::from(SECRET),
                vec![category.clone()],
            );
            let venue = fillsync_venue::open(settings, &address, Arc::new(SystemClock)).unwrap();
            let (ledger, category) = (ledger.clone(), category.clone());
            let windows = Arc::clone(windows);
            tokio::spawn(async move { traverse(venue, ledger, category, &windows).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let took = started.elapsed();
    ledger.close().await;
    took
}

async fn traverse(venue: Arc<dyn Port>, ledger: Ledger, category: Category, windows: &[Window]) {
    let traverser = Traverser {
        venue: venue.as_ref(),
        ledger: &ledger,
        clock: &SystemClock,
    };
    for window in windows {
        let mut found = Found::default();
        traverser
            .executions(&category, *window, &mut found)
            .await
            .unwrap();
    }
}

/// Pages by key and query, as they go over the wire but for their time.
struct Pages(HashMap<(String, String), Vec<u8>>);

/// The digits of a page's time, which are its last.
const TIME_DIGITS: usize = 13;

impl Pages {
    fn capture(fills: usize, now_ms: i64, windows: &[Window]) -> Self {
        let venue = Venue::start(&ACCOUNTS);
        for account in ACCOUNTS {
            lay_down(&venue, account, fills / ACCOUNTS.len(), now_ms);
        }
        let mut client = Client::connect(venue.address()).unwrap();
        let mut pages = HashMap::new();
        for account in ACCOUNTS {
            for window in windows {
                capture_window(&mut client, account, *window, &mut pages);
            }
        }
        Self(pages)
    }

    /// Serves them, each with the time of the moment.
    fn serve(self) -> SocketAddr {
        http::serve(move |request, _| {
            let time = now_ms().to_string();
            if request.target().starts_with("/v5/market/time") {
                return format!(
                    r#"{{"retCode":0,"retMsg":"OK","result":{{"timeSecond":"0","timeNano":"{time}000000"}},"retExtInfo":{{}},"time":{time}}}"#
                )
                .into_bytes();
            }
            let query = request
                .target()
                .split_once('?')
                .map_or("", |(_, query)| query);
            let key = request.header("x-bapi-api-key").unwrap_or("");
            let mut page = self.0[&(key.to_owned(), query.to_owned())].clone();
            let at = page.len() - 1 - TIME_DIGITS;
            page[at..at + TIME_DIGITS].copy_from_slice(time.as_bytes());
            page
        })
    }
}

/// Every page of one window, asked for as the adapter will ask for it.
fn capture_window(
    client: &mut Client,
    account: &str,
    window: Window,
    pages: &mut HashMap<(String, String), Vec<u8>>,
) {
    let asked = format!(
        "category=linear&startTime={}&endTime={}&limit=100",
        window.from.ms(),
        window.to.ms() - 1
    );
    let mut query = asked.clone();
    loop {
        let body = ask(client, account, &query);
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["retCode"], 0, "{answer}");
        let (result, time) = (&answer["result"], &answer["time"]);
        let page = format!(
            r#"{{"retCode":0,"retMsg":"OK","result":{result},"retExtInfo":{{}},"time":{time}}}"#
        );
        pages.insert((key(account), query), page.into_bytes());
        match result["nextPageCursor"].as_str() {
            None | Some("") => break,
            Some(cursor) => query = format!("{asked}&cursor={cursor}"),
        }
    }
}

/// Orders of ten fills, buying and selling in turn, so that every second order closes a cycle.
fn lay_down(venue: &Venue, account: &str, fills: usize, now_ms: i64) {
    let book = venue.fake.book();
    let span_ms = i64::try_from(HISTORY.as_millis()).unwrap() - 60_000;
    let from = now_ms - span_ms;
    for order in 0..fills / 10 {
        let side = if (order / SYMBOLS.len()).is_multiple_of(2) {
            Side::Buy
        } else {
            Side::Sell
        };
        let at =
            |fill: usize| from + i64::try_from(order * 10 + fill).unwrap() * span_ms / fills as i64;
        let symbol = SYMBOLS[order % SYMBOLS.len()];
        let id = book
            .place_order(
                account,
                NewOrder::limit(symbol, side, "15", "0.2215")
                    .client_order_id(&format!("plan-{order}"))
                    .at_ms(at(0)),
            )
            .unwrap();
        for fill in 0..10 {
            book.fill(&id, Fill::new("1.5", "0.2215").maker().at_ms(at(fill)))
                .unwrap();
        }
    }
}

fn ask(client: &mut Client, account: &str, query: &str) -> Vec<u8> {
    let timestamp = now_ms().to_string();
    let sign = fillsync_fake::sign(SECRET, &timestamp, &key(account), "5000", query);
    let answer = client
        .get(
            &format!("/v5/execution/list?{query}"),
            &[
                ("x-bapi-api-key", key(account)),
                ("x-bapi-timestamp", timestamp),
                ("x-bapi-recv-window", "5000".to_owned()),
                ("x-bapi-sign", sign),
            ],
        )
        .unwrap();
    answer.body
}

/// All rows of a finished ledger, column by column, for the peer.
struct Rows {
    names: Vec<Vec<Value>>,
    markets: Vec<Vec<Value>>,
    executions: Vec<Vec<Value>>,
    cycles: Vec<Vec<Value>>,
    wanted: Vec<Vec<Value>>,
}

impl Rows {
    fn of(path: &Path) -> Self {
        let connection = rusqlite::Connection::open(path).unwrap();
        let all = |sql: &str| -> Vec<Vec<Value>> {
            let mut statement = connection.prepare(sql).unwrap();
            let columns = statement.column_count();
            let rows = statement.query_map([], |row| (0..columns).map(|n| row.get(n)).collect());
            rows.unwrap().map(Result::unwrap).collect()
        };
        Self {
            names: all("SELECT * FROM account"),
            markets: all("SELECT * FROM market"),
            executions: all("SELECT * FROM execution ORDER BY executed_at"),
            cycles: all("SELECT * FROM cycle"),
            wanted: all("SELECT * FROM order_wanted"),
        }
    }

    /// Inserts them with the ledger's own settings and says how long the inserting took.
    fn insert(&self, path: &Path, everything: bool) -> Duration {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                 PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;
                 PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; PRAGMA journal_size_limit = 67108864;",
            )
            .unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        insert(&connection, "account", &self.names);
        insert(&connection, "market", &self.markets);
        let (_, took) = time(|| {
            insert(&connection, "execution", &self.executions);
            if everything {
                insert(&connection, "cycle", &self.cycles);
                insert(&connection, "order_wanted", &self.wanted);
            }
        });
        took
    }
}

fn insert(connection: &rusqlite::Connection, table: &str, rows: &[Vec<Value>]) {
    let Some(first) = rows.first() else { return };
    let places = vec!["?"; first.len()].join(", ");
    let sql = format!("INSERT INTO {table} VALUES ({places})");
    let mut statement = connection.prepare(&sql).unwrap();
    for chunk in rows.chunks(ROWS_PER_TRANSACTION) {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for row in chunk {
            statement.execute(rusqlite::params_from_iter(row)).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
    }
}
