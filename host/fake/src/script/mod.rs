//! Scripts: a small language in TOML that drives a fake venue.
//!
//! Promise: a script is data. It says who has accounts, and what happens when, in times relative to its start; the
//! same script gives the same book in every run. A mistake in it is found before anything happens, or told with the
//! number of its step. Deliberately absent: conditions and loops; who needs them drives the book from Rust.
//!
//! ```toml
//! [[account]]
//! name = "main"
//! key = "MAINKEY"
//! secret = "main-secret"
//! uid = 1001                      # Bybit's user id; Alpaca has none
//!
//! [[step]]
//! at = "-2h"                      # history: laid down before the first answer
//! place = { as = "tp1", account = "main", symbol = "GTCUSDT", side = "sell", qty = "150", price = "0.2215" }
//!
//! [[step]]
//! at = "2s"                       # ms, s, m, h or d after the start
//! fill = { order = "tp1", qty = "50", price = "0.2215", as = "first", late = "5s" }
//! ```
//!
//! Each step has `at` and exactly one of:
//!
//! | step | keys (those in brackets may be left out) |
//! |---|---|
//! | `place` | `as` `account` `symbol` `side` `qty` [`price` `kind` `trigger_price` `category` `position_idx` `reduce_only` `client_order_id` `late`] |
//! | `fill` | `order` `qty` `price` [`as` `maker` `fee` `fee_currency` `id` `plus_us` `late`] |
//! | `cancel`, `expire`, `trigger` | `order` |
//! | `reject` | `order` `reason` |
//! | `amend` | `order` [`qty` `price`] |
//! | `replace` | `order` `as` [`qty` `price` `client_order_id`] |
//! | `row` | `account` `what` `symbol` `side` `qty` `price` [`fee` `category` `position_idx` `order_id` `id` `late`]; `what`: `funding`, `adl`, `bust`, `delivery`, `settle` or the venue's own word |
//! | `self_match` | `buy` `sell` `qty` `price` [`ids` = `same` or `own`] |
//! | `take_back` | `account` `execution` |
//! | `correct` | `account` `execution` [`qty` `price` `as`] |
//! | `fault` | `what` [`path` `account` `page` `query` `after` `times` and the fault's own keys] |
//! | `stream_fault` | `what` [`frame` `account` `contains` `after` `times` and the fault's own keys] |
//! | `mix` | `seed` [`per_hundred` `total_max`] |
//! | `set` | [`unplugged` `clock_skew_ms`] |
//! | `undo` | `faults`, `streams` (cuts every stream) or `recent_closed` (what a release of Bybit wipes) |
//!
//! `order` and `execution` take the name of an earlier `as`, or a venue's id. `late` hides the row from the lists for
//! so long, while a stream tells it at once. `times` is 1 unless said otherwise; 0 means for ever.

mod build;
mod faults;
mod play;
mod schema;
mod words;

pub(crate) use self::play::play;
pub use self::play::{Pace, Played, ScriptError, Stage, run_script};
pub use self::schema::{Script, ScriptAccount, ScriptMistake};
