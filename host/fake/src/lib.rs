//! Fake venues and messengers on loopback that speak the dialects of the real services, for the demo and the tests.
//!
//! The promise: a client that reads these fakes correctly also reads the documented service correctly. Therefore
//! this package deliberately does **not** depend on `fillsync-core` or on any adapter: the fakes are shaped by the
//! venues' documentation and by recorded payloads, never by our own parser. There is no global state: any number of
//! fakes live in one process, each with its own port, accounts, book, clock, faults and request log.
//!
//! # A venue
//!
//! ```no_run
//! # async fn story() -> Result<(), Box<dyn std::error::Error>> {
//! use fillsync_fake::{BybitAccount, BybitOptions, FakeBybit, Fill, NewOrder, Side};
//!
//! let venue = FakeBybit::start(BybitOptions::new([
//!     BybitAccount::new("main", "MAINKEY", "main-secret", 1001),
//!     BybitAccount::new("mirror", "MIRRORKEY", "mirror-secret", 1002),
//! ])).await?;
//! println!("{}", venue.base_url()); // http://127.0.0.1:PORT
//!
//! let order = venue.book().place_order("main",
//!     NewOrder::limit("GTCUSDT", Side::Sell, "150", "0.2215").client_order_id("plan7-L1").at_ms(1_700_000_000_000))?;
//! let execution = venue.book().fill(&order, Fill::new("50", "0.2215").maker())?;
//! # let _ = execution; Ok(()) }
//! ```
//!
//! [`FakeBybit`] and [`FakeAlpaca`] share these: `start(options)` (async, binds `127.0.0.1:0` unless the options name
//! a port), `base_url()`, `book()`, `clock()`, `faults()`, `requests()`, `rules(|rules| …)`, `add_account(…)`,
//! `remove_account(name)`. Dropping the value closes the port and every connection.
//!
//! * [`Book`]: what happens at the venue. `place_order`, `fill`, `cancel`, `expire`, `reject`, `trigger`, `amend` (same
//!   id, as Bybit does), `replace` (new id chained to the old, as Alpaca does), `add_row` (funding, ADL, fee, unknown
//!   kinds), `self_match`, `bust`, `correct`; and to compare with: `executions`, `execution_ids`, `trade_ids`, `orders`, `order`, `positions`,
//!   `position_size`. Amounts go in as text and are exact decimals. Every event takes an optional time (`at_ms`, default: the clock's now), so histories in
//!   the past can be laid down; `visible_at_ms` makes a row appear late.
//! * [`FakeClock`]: the venue's time. Follows the system by default; `set_ms`, `advance_ms`, `follow_system`.
//! * [`Faults`]: what goes wrong, as data. `add(Match, Fault, times)`, `next(n, Fault)`, `clear()`,
//!   `unplug()`/`plug_in()`, `set_clock_skew_ms(ms)`.
//! * `streams()`, `stream_faults()`, `stream_url()`: the WebSocket of the venue ([`Streams`], [`StreamFaults`]). What
//!   the book is told leaves at once; single frames are lost, doubled, late, connections are cut or fall silent.
//! * [`Mix`]: faults mixed by a seed, for `faults().mix(…)` and `stream_faults().mix(…)`.
//! * [`Requests`]: the log of what was asked: `all()`, `count(path)`, `counts()`, `wait_for(path, n, timeout)`.
//!   Keys, signatures and tokens never enter it.
//!
//! # A script, a venue alone
//!
//! [`script`] drives a venue from a small TOML text; [`alone`] starts one venue with a script (or a sample history) and
//! serves until it is told to stop.
//!
//! # A messenger
//!
//! [`FakeTelegram`] (`sendMessage`, `editMessageText`, `getMe`, `getChat`, with Telegram's own check of HTML markup),
//! [`FakeDiscord`] (a webhook with its bucket), [`FakeSlack`] (an incoming webhook and a bot), [`FakeNtfy`] and
//! [`FakeWebhook`] (any path) have the same `faults()` and `requests()`, and `received()` with
//! `wait_for(n, timeout).await`; those that publish a pace hold to it (`set_pace`). [`FakeSmtp`] is a mail server with
//! faults of its own ([`SmtpFault`]).
//!
//! # Limits bite
//!
//! The documented limits are in force by default (Bybit 50 requests per second, user and endpoint, 600 per 5 s over
//! all; Alpaca 200 per minute and key). A test or benchmark that asks faster changes them first:
//! `venue.rules(|rules| rules.per_uid = Rate::new(1_000_000, 1_000))`. A skewed clock, a longer page, another cursor
//! habit are rules and faults of the same kind.
//!
//! # Deliberately absent
//!
//! Order entry over HTTP (fillsync only reads), Alpaca's event feeds (SSE), RSA signatures, Telegram's MarkdownV2 (refused
//! with 400) and any address but loopback.

mod alone;
mod alpaca;
mod body;
mod book;
mod bybit;
mod clock;
mod connection;
mod fault;
mod ids;
mod messenger;
mod mix;
mod query;
mod rate;
mod requests;
pub mod sample;
pub mod script;
mod server;
mod stream;
mod symbols;

pub use alone::{Alone, AloneError, Key, Ready, Service, alone};
pub use alpaca::{AlpacaAccount, AlpacaOptions, AlpacaRules, FakeAlpaca, SecondStream};
pub use book::{
    Book, BookError, Category, Change, Correction, Execution, ExecutionKind, Fill, LateRows,
    NewOrder, NewRow, Order, OrderAtFill, OrderKind, OrderStatus, Position, Revision, SelfMatchIds,
    Side,
};
pub use bybit::{
    BYBIT_ERRORS, BybitAccount, BybitOptions, BybitRules, CursorAtEnd, FakeBybit, HistoryWindow,
    Paging, sign, sign_stream,
};
pub use clock::FakeClock;
pub use fault::{FOREVER, Fault, Faults, Match};
pub use messenger::{
    DiscordEdit, DiscordMessage, DiscordOptions, FakeDiscord, FakeNtfy, FakeSlack, FakeSmtp,
    FakeTelegram, FakeWebhook, Letter, MarkupError, NtfyLogin, NtfyMessage, NtfyOptions, PlainText,
    RECEIVED_KEPT_MAX, SMTP_CA_PEM, SlackEdit, SlackMessage, SlackOptions, SmtpFault, SmtpOptions,
    SmtpTls, TelegramEdit, TelegramMessage, TelegramOptions, WebhookAnswer, WebhookRequest,
    parse_html, read_markdown,
};
pub use mix::Mix;
pub use rate::Rate;
pub use requests::{LoggedRequest, REQUESTS_KEPT_MAX, Requests};
pub use server::BODY_BYTES_MAX;
pub use stream::{StreamFault, StreamFaults, StreamMatch, Streams};
