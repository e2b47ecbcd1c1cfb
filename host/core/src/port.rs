//! The engines as the core sees them: venues, channels and clocks.
//!
//! An error says what its caller must do, not what went wrong inside: wait so long, try again, stop
//! the account, or keep the gap. Text in an error is redacted by the adapter before it gets here.

use crate::alert::{AlertKind, Severity};
use crate::amount::Quantity;
use crate::coverage::Window;
use crate::execution::{Execution, VenueKind};
use crate::id::{AccountName, Category, ChannelName, OrderId, Symbol};
use crate::limits::MessageLimits;
use crate::message::Rendered;
use crate::order::{Lane, Order};
use crate::time::{HostTime, VenueTime};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The host's clock, as an argument.
pub trait Clock: Send + Sync {
    /// Now, in the host's clock.
    fn now(&self) -> HostTime;
}

/// The place of the next page of one traversal, opaque to everybody but its adapter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor(pub String);

/// A row that could not be read: it is kept raw and reported, and the page goes on without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableRow {
    /// The venue's own row, as JSON text.
    pub raw: String,
    /// Which field, and what stood there.
    pub reason: String,
}

/// One page of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows that could be read.
    pub rows: Vec<T>,
    /// The rows that could not.
    pub unreadable: Vec<UnreadableRow>,
    /// Where the next page is; none at the end of the traversal.
    pub next: Option<Cursor>,
    /// The venue's clock when it answered, where the venue says.
    pub venue_time: Option<VenueTime>,
}

/// A position as the venue sums it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The venue's symbol, spelled as its executions spell it.
    pub symbol: Symbol,
    /// Which position of the market.
    pub lane: Lane,
    /// How much: positive is long, negative is short.
    pub quantity: Quantity,
}

/// All positions of one category that are not flat, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    /// When they were so, in venue time.
    pub at: VenueTime,
    /// The positions that are not flat.
    pub positions: Vec<Position>,
}

/// What an account's key may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReport {
    /// False where the key could trade; fillsync needs only to read.
    pub read_only: Option<bool>,
    /// What it could do beyond reading, in the venue's words ("Wallet: Withdraw").
    pub powers: Vec<String>,
    /// Whether it could place orders; none where the venue does not say.
    pub can_trade: Option<bool>,
    /// Whether it could send money out of the venue; none where the venue does not say.
    pub can_withdraw: Option<bool>,
    /// When it stops working.
    pub expires_at: Option<VenueTime>,
    /// The network addresses that it is bound to; an empty list works from everywhere, none where the
    /// venue does not say.
    pub addresses: Option<Vec<String>>,
    /// What kind of account it opens, in words ("unified 2.0", "classic"); none where it is not said.
    pub account_mode: Option<String>,
    /// The venue's clock minus ours, in milliseconds.
    pub clock_offset_ms: i64,
    /// The venue's own id of the account, where it says.
    pub uid: Option<String>,
}

/// Why a venue gave no page, named by what the caller must do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VenueError {
    /// Too fast: nothing more to this venue with this key before `after` has passed.
    #[error("{what}; waiting {}s", after.as_secs_f32())]
    Wait {
        /// How long, as the venue says or by its published rule.
        after: Duration,
        /// Whether it holds for all accounts of this address (an IP limit).
        whole_address: bool,
        /// What happened.
        what: String,
    },
    /// A passing fault (time-out, 5xx, cut-off body, HTML): the same call again, later.
    #[error("{what}")]
    Retry {
        /// What happened.
        what: String,
    },
    /// The key cannot be used: nothing more with it until the operator acts.
    #[error("{what}; {remedy}")]
    Refused {
        /// What the venue said.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// This call can never work as it is made: it stays undone, the rest goes on.
    #[error("{what}")]
    Rejected {
        /// What the venue said.
        what: String,
    },
}

/// Something that a stream told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRows {
    /// The space of the rows.
    pub category: Category,
    /// Rows, with [`crate::execution::Source::Stream`].
    pub executions: Vec<Execution>,
    /// Orders as they now are.
    pub orders: Vec<Order>,
    /// Rows that could not be read.
    pub unreadable: Vec<UnreadableRow>,
}

/// An open stream: authenticated and subscribed, so that what happens from now on is told. It proves
/// nothing, because venues drop single messages silently: polling goes on beneath it.
#[async_trait]
pub trait Stream: Send {
    /// Waits for the next message that concerns executions or orders. Cancel-safe: a call that is
    /// dropped loses nothing. Keeps the connection alive meanwhile.
    ///
    /// # Errors
    /// When the stream broke, was closed, or fell silent: it is over, and what happened since the last
    /// message must be asked for by REST.
    async fn next(&mut self) -> Result<StreamRows, VenueError>;
}

/// One account at one venue, read only.
#[async_trait]
pub trait Venue: Send + Sync {
    /// The account.
    fn account(&self) -> &AccountName;
    /// The venue's kind.
    fn kind(&self) -> VenueKind;
    /// The spaces in which coverage is proven, each by traversals of its own.
    fn categories(&self) -> &[Category];
    /// The longest window that one traversal may ask for.
    fn window_max(&self) -> Duration;
    /// How far back executions can be asked for; what is older than that can never be proven.
    fn reach(&self) -> Duration;

    /// The venue's clock. Asked once at the start of a traversal, answered from a measured offset.
    async fn now(&self) -> Result<VenueTime, VenueError>;

    /// A page of the executions of a window. Rows outside the window may be among them.
    async fn executions(
        &self,
        category: &Category,
        window: Window,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Execution>, VenueError>;

    /// A page of the orders that are open now (recently closed ones may be among them).
    async fn open_orders(
        &self,
        category: &Category,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Order>, VenueError>;

    /// A page of the orders that ended at `since` or later; older ones may be among them. It tells of
    /// orders that came and ended between two looks at the open ones, also where their executions are
    /// late. An order that was placed long before `since` may be left out: it was among the open ones.
    async fn closed_orders(
        &self,
        category: &Category,
        since: VenueTime,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Order>, VenueError>;

    /// One order, wherever the venue keeps it; none where it no longer does.
    async fn order(
        &self,
        category: &Category,
        symbol: &Symbol,
        order_id: &OrderId,
    ) -> Result<Option<Order>, VenueError>;

    /// A page of the executions of one order, however old.
    async fn executions_of(
        &self,
        category: &Category,
        symbol: &Symbol,
        order_id: &OrderId,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Execution>, VenueError>;

    /// Opens the account's private stream; comes back when it is authenticated and subscribed.
    async fn stream(&self) -> Result<Box<dyn Stream>, VenueError>;

    /// The positions that are not flat; none where the venue has no such thing (spot).
    async fn positions(&self, category: &Category) -> Result<Option<Positions>, VenueError>;

    /// What the key may do.
    async fn key(&self) -> Result<KeyReport, VenueError>;
}

/// Why a message was not taken, named by what the caller must do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// Too fast: nothing more to this channel before `after` has passed.
    #[error("{what}; waiting {}s", after.as_secs_f32())]
    Wait {
        /// How long, as the receiver says.
        after: Duration,
        /// What happened.
        what: String,
    },
    /// A passing fault; the message may or may not have arrived.
    #[error("{what}")]
    Retry {
        /// What happened.
        what: String,
    },
    /// The receiver cannot read the markup: once more, as plain text.
    #[error("{what}")]
    Markup {
        /// What it said.
        what: String,
    },
    /// The receiver will never take this: a dead letter.
    #[error("{what}; {remedy}")]
    Dead {
        /// What it said.
        what: String,
        /// What to do.
        remedy: String,
    },
}

/// What goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The alert's identity with its revision: the receiver may use it to drop repeats.
    pub idempotency_key: String,
    /// The alert's kind.
    pub kind: AlertKind,
    /// How much it matters, for receivers that have priorities or colours.
    pub severity: Severity,
    /// The message.
    pub rendered: Rendered,
    /// The alert as JSON, for channels that carry data.
    pub alert_json: String,
    /// Send without any markup (after [`ChannelError::Markup`]).
    pub as_plain: bool,
}

/// What a receiver says of a message that it took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The receiver's own id of the message, with which it can be edited.
    pub message_id: Option<String>,
    /// Something that the operator should know of the receiver, though the message was taken.
    pub notice: Option<Notice>,
}

/// What a receiver said of itself while it took a message: told once for its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The same thing has the same key, for ever ("moved/-1002").
    pub key: String,
    /// What happened, in a sentence.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Where alerts go.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &ChannelName;
    /// Its kind ("telegram").
    fn kind(&self) -> &'static str;
    /// What its kind takes.
    fn limits(&self) -> &'static MessageLimits;
    /// Whether a message that was sent can be edited.
    fn can_edit(&self) -> bool;
    /// The shortest time from the last message to the next: the receiver's published pace, or what it
    /// said in its last answer.
    fn pace(&self) -> Duration;
    /// Sends a message.
    async fn send(&self, outgoing: &Outgoing) -> Result<Receipt, ChannelError>;
    /// Replaces a message that was sent.
    async fn edit(&self, message_id: &str, outgoing: &Outgoing) -> Result<Receipt, ChannelError>;
    /// Asks the receiver whether it would take messages, without sending one; what it said, in words.
    /// None where the receiver cannot be asked without a message.
    async fn probe(&self) -> Result<Option<String>, ChannelError>;
}
