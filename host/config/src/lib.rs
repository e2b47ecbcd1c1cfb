//! The configuration of fillsync: the only room of TOML.
//!
//! [`load`] reads a file, reports everything that is wrong with it at once (file, line, column, the
//! piece of text, the key and the nearest right one), and gives either a configuration in which every
//! reference leads somewhere, or nothing. [`difference`] says what a reload changes. Secrets are
//! never in a file, only where they come from ([`SecretSource`]), and no problem shows one. Watching
//! the file and carrying out a change are not done here.

mod check;
mod diff;
mod field;
mod judge;
mod lock;
mod notes;
mod pin;
mod problem;
mod quiet;
mod read;
mod reference;
mod schema;
mod secret;
mod value;

#[cfg(test)]
mod tests;

pub use check::{CONFIG_BYTES_MAX, EXAMPLE, Loaded, MINIMAL, load, parse, parse_bytes};
pub use diff::{Change, RESTART_KEYS, Step, apply, difference, running};
pub use field::LIST_ITEMS_MAX;
pub use lock::{APPROVALS_MAX, LOCK_BYTES_MAX, LockEntry, LockError, PluginLock};
pub use pin::{PinError, with_pin};
pub use problem::{PROBLEMS_MAX, Place, Problem, Severity, report};
pub use quiet::{BreaksThrough, TimeOfDay, Zone};
pub use read::Key;
pub use reference::{ReferenceSection, SECTIONS, reference};
pub use schema::{
    Account, ByteSize, Channel, ChannelKind, Config, Daemon, Discord, Email, Group, Member, Ntfy,
    Plugin, PluginLimits, Quiet, Slack, Strategy, Telegram, Webhook, venue_base_url,
};
pub use secret::{Resolved, SECRET_BYTES_MAX, SecretError, SecretSource};
pub use value::{
    EmailTls, HttpUrl, LogFormat, LogLevel, PluginSwap, PluginTrust, SPAN_MAX, Sha256Pin,
    SigningKey, SlotToken, ValueError, parse_size, parse_span, print_size, print_span,
};
