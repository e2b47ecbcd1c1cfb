//! Named events: each is a log line, and a row of `/events` where an operator may look for it later.
//!
//! The names are a surface that users hold on to (design, section 7). System alerts go out from here
//! too: they are told once for each happening, by an identity made of what happened and since when,
//! and routed like every other alert. Nothing here is told twice because a timer ran out.

mod plugins;

use crate::drive::refused::Refused;
use crate::policy::Policy;
use fillsync_core::alert::{Alert, AlertBody, Severity, SystemAlert};
use fillsync_core::coverage::Window;
use fillsync_core::execution::ExecutionKey;
use fillsync_core::id::{AccountName, Category, ChannelName, GroupName, OrderId};
use fillsync_core::port::{Clock, Notice};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{
    AlertRow, EventRow, Ledger, LedgerError, NewExecution, Revised, RevisedKind,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The most events that wait to be written; the rest is in the log only.
const EVENTS_WAITING_MAX: usize = 1_000;

/// The most system alerts that wait for a ledger that is busy or full.
const NOTICES_WAITING_MAX: usize = 200;

/// The most unreadable orders that are remembered as told; the ledger keeps the alerts apart anyway.
const UNREAD_KEPT_MAX: usize = 1_000;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Changes the level of the log while it is written.
#[derive(Clone)]
pub struct LogSwitch(Arc<dyn Fn(EnvFilter) -> anyhow::Result<()> + Send + Sync>);

impl LogSwitch {
    /// Lets lines of this level and of more severe ones through from now on.
    ///
    /// # Errors
    /// When the level is no filter, or the log has ended.
    pub fn set(&self, level: &str) -> anyhow::Result<()> {
        (self.0)(EnvFilter::try_new(filter(level))?)
    }
}

/// Starts logging to standard error.
///
/// # Errors
/// When a subscriber is set already, or the level is no filter.
pub fn start(format: LogFormat, level: &str) -> anyhow::Result<LogSwitch> {
    start_with(format, level, std::io::stderr)
}

/// Starts logging into a file.
///
/// # Errors
/// As [`start`].
pub fn start_into(
    format: LogFormat,
    level: &str,
    file: std::fs::File,
) -> anyhow::Result<LogSwitch> {
    start_with(format, level, Arc::new(file))
}

fn start_with<W>(format: LogFormat, level: &str, writer: W) -> anyhow::Result<LogSwitch>
where
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = tracing_subscriber::reload::Layer::new(EnvFilter::try_new(level)?);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(false);
    match format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init()?,
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    Ok(LogSwitch(Arc::new(
        move |filter| Ok(handle.reload(filter)?),
    )))
}

/// The filter for a level: the HTTP libraries never say more than warnings, because the addresses
/// that they would print hold tokens (law 16).
#[must_use]
pub fn filter(level: &str) -> String {
    format!("{level},hyper=warn,hyper_util=warn,h2=warn,reqwest=warn,rustls=warn")
}

/// Fills of a page that were known.
pub fn fills_already_processed(account: &AccountName, category: &Category, count: u64) {
    tracing::debug!(event = "fill_already_processed", %account, %category, count, "rows were known");
}

/// One window of a catch-up is done.
pub fn caught_up(account: &AccountName, category: &Category, window: Window, pages: u32, new: u64) {
    tracing::info!(event = "catch_up", %account, %category, from = %window.from, to = %window.to, pages, new, "caught up to here");
}

/// A stream is open.
pub fn stream_opened(account: &AccountName) {
    tracing::info!(event = "stream_opened", %account, "catching up before it counts as live");
}

/// A stream broke, or could not be opened.
pub fn stream_broken(account: &AccountName, failures: u32, error: &str) {
    tracing::warn!(event = "stream_broken", %account, failures, error, "polling goes on without it");
}

/// A number that differs from name to name, so that what fails together does not return together.
#[must_use]
pub fn spread(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A round of polling failed.
pub fn poll_failed(account: &AccountName, failures: u32, error: &str) {
    tracing::warn!(event = "poll_failed", %account, failures, error, "polling failed; what is proven stays, the rest is tried again");
}

/// Events that wait to be written, and how many found no room.
#[derive(Default)]
struct Waiting {
    rows: Vec<EventRow>,
    dropped: u64,
}

/// Tells events and system alerts.
pub struct Voice {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    policy: watch::Receiver<Arc<Policy>>,
    alerts: Arc<dyn Fn() + Send + Sync>,
    waiting: Mutex<Waiting>,
    /// System alerts that the ledger could not take yet.
    unraised: Mutex<Vec<AlertRow>>,
    /// Orders that were said to be unreadable.
    unread: Mutex<BTreeSet<String>>,
    written: Notify,
}

impl Voice {
    /// A voice that writes to a ledger, routes by a policy, and hints to `alerts`.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        policy: watch::Receiver<Arc<Policy>>,
        alerts: Arc<dyn Fn() + Send + Sync>,
    ) -> Arc<Self> {
        Arc::new(Self {
            ledger,
            clock,
            policy,
            alerts,
            waiting: Mutex::default(),
            unraised: Mutex::default(),
            unread: Mutex::default(),
            written: Notify::new(),
        })
    }

    /// Keeps an event for `/events`; [`Voice::flush`] writes it.
    pub fn keep(
        &self,
        name: &str,
        account: Option<&AccountName>,
        group: Option<&GroupName>,
        fields: &Value,
    ) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.rows.len() < EVENTS_WAITING_MAX {
            waiting.rows.push(EventRow {
                at: self.clock.now(),
                name: name.to_owned(),
                account: account.cloned(),
                group: group.cloned(),
                json: fields.to_string(),
            });
        } else {
            waiting.dropped = waiting.dropped.saturating_add(1);
        }
    }

    /// Writes the events that wait, and the system alerts that could not be written before. Events that
    /// cannot be written are in the log only: they explain, they are no facts.
    pub async fn flush(&self) {
        let unraised =
            std::mem::take(&mut *self.unraised.lock().unwrap_or_else(PoisonError::into_inner));
        if !unraised.is_empty() {
            self.raise(unraised).await;
        }
        let Waiting { rows, dropped } =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if dropped > 0 {
            tracing::warn!(
                event = "events_not_kept",
                dropped,
                "more events than wait at once; these are in the log only"
            );
        }
        if rows.is_empty() {
            return;
        }
        if let Err(error) = self.ledger.log_events(rows).await {
            tracing::warn!(event = "events_not_kept", %error, "events are in the log only");
        }
        self.written.notify_waiters();
    }

    /// A fill that was not known.
    pub fn fill_received(&self, now: HostTime, new: &NewExecution) {
        let execution = &new.execution;
        let (account, symbol) = (&execution.market.account, &execution.market.symbol);
        let fields = json!({
            "symbol": symbol, "side": execution.side.title(), "quantity": execution.quantity,
            "price": execution.price, "order_id": execution.order_id, "exec_id": execution.execution_id,
            "executed_at": execution.executed_at.to_string(),
        });
        tracing::info!(event = "fill_received", %account, %symbol, side = execution.side.title(),
            quantity = %execution.quantity, price = %execution.price, exec_id = %execution.execution_id,
            seen_after_ms = now.ms() - execution.executed_at.ms(), "fill");
        self.keep("fill_received", Some(account), None, &fields);
        if !new.order_was_tracked {
            let order_id = execution.order_id.as_ref().map(ToString::to_string);
            tracing::info!(event = "untracked_fill_detected", %account, %symbol, order_id,
                quantity = %execution.quantity, "a fill of an order that was not known");
            self.keep("untracked_fill_detected", Some(account), None, &fields);
        }
    }

    /// More came at once than is told one by one.
    pub fn not_told(&self, account: &AccountName, category: &Category, rows: u64) {
        tracing::warn!(event = "fills_not_told", %account, %category, rows,
            "so many rows came beyond what is told one by one; they are in the ledger");
        self.keep(
            "fills_not_told",
            Some(account),
            None,
            &json!({"category": category, "rows": rows}),
        );
    }

    /// An order's sum stands in for fills that the venue does not show.
    pub fn fill_inferred(&self, new: &NewExecution) {
        let execution = &new.execution;
        let (account, symbol) = (&execution.market.account, &execution.market.symbol);
        let order_id = execution.order_id.as_ref().map(ToString::to_string);
        tracing::warn!(event = "fill_inferred", %account, %symbol, order_id, side = execution.side.title(),
            quantity = %execution.quantity, price = %execution.price,
            "the venue says that the order filled, but shows no fill; its sum stands in for it");
        self.keep(
            "fill_inferred",
            Some(account),
            None,
            &json!({
                "symbol": symbol, "side": execution.side.title(), "quantity": execution.quantity,
                "price": execution.price, "order_id": order_id, "exec_id": execution.execution_id,
                "executed_at": execution.executed_at.to_string(),
            }),
        );
    }

    /// A row no longer stands.
    pub async fn fill_revised(&self, revised: &Revised) {
        let execution = &revised.execution;
        let (account, symbol) = (&execution.market.account, &execution.market.symbol);
        let what = match revised.kind {
            RevisedKind::Replaced => "replaced",
            RevisedKind::Corrected => "corrected",
            RevisedKind::Busted => "taken back",
        };
        tracing::warn!(event = "fill_revised", %account, %symbol, exec_id = %execution.execution_id, by = %revised.by,
            quantity = %execution.quantity, price = %execution.price, "{what}");
        self.keep("fill_revised", Some(account), None, &json!({
            "symbol": symbol, "side": execution.side.title(), "quantity": execution.quantity,
            "price": execution.price, "exec_id": execution.execution_id, "by": revised.by, "what": what,
        }));
        // Real fills in the place of an order's sum are what was expected.
        if revised.kind == RevisedKind::Replaced {
            return;
        }
        self.system(Some(account), Severity::Warning,
            format!("fill-revised/{account}/{}/{symbol}/{}", execution.market.category, execution.execution_id), SystemAlert {
            topic: "fill-revised".to_owned(),
            text: format!("{account} {symbol}: the venue has {what} the fill {} ({} {} at {})", execution.execution_id,
                execution.side.title(), execution.quantity, execution.price),
            remedy: Some("counts and profit are recomputed; compare the position with the venue: `fillsync verify`".to_owned()),
        }).await;
    }

    /// Raises a system alert, once for its identity.
    pub async fn system(
        &self,
        account: Option<&AccountName>,
        severity: Severity,
        identity: String,
        body: SystemAlert,
    ) {
        self.system_but(None, account, severity, identity, body)
            .await;
    }

    async fn system_but(
        &self,
        but: Option<&ChannelName>,
        account: Option<&AccountName>,
        severity: Severity,
        identity: String,
        body: SystemAlert,
    ) {
        let notice = self.notice(but, account, severity, &identity, body);
        self.raise(vec![notice]).await;
    }

    /// A system alert with its channels.
    fn notice(
        &self,
        but: Option<&ChannelName>,
        account: Option<&AccountName>,
        severity: Severity,
        identity: &str,
        body: SystemAlert,
    ) -> AlertRow {
        let alert = Alert {
            identity: format!("system/{identity}"),
            revision: 0,
            severity,
            group: None,
            symbol: None,
            position: None,
            cycle: None,
            account: account.map(|name| fillsync_core::alert::AlertAccount {
                name: name.clone(),
                role: None,
            }),
            at: VenueTime::from_us(self.clock.now().us()),
            body: AlertBody::System(body),
        };
        let mut channels = self.policy.borrow().channels_for(&alert);
        channels.retain(|channel| Some(channel) != but);
        AlertRow {
            alert,
            channels,
            suppressed: false,
        }
    }

    /// Raises notices. What a ledger that is busy or full does not take is raised again by the next
    /// [`Voice::flush`], which every loop calls: what happens once is told once.
    async fn raise(&self, notices: Vec<AlertRow>) {
        let kept = notices.clone();
        match self.ledger.raise(notices, self.clock.now()).await {
            Ok(_) => (self.alerts)(),
            Err(error) if error.is_passing() => {
                let mut unraised = self.unraised.lock().unwrap_or_else(PoisonError::into_inner);
                for notice in kept {
                    if unraised.len() < NOTICES_WAITING_MAX {
                        tracing::warn!(event = "alert_waits", %error, identity = notice.alert.identity, "a system alert is raised again later");
                        unraised.push(notice);
                    } else {
                        tracing::error!(event = "alert_not_kept", %error, identity = notice.alert.identity, "a system alert is in the log only");
                    }
                }
            }
            Err(error) => {
                for notice in kept {
                    tracing::error!(event = "alert_not_kept", %error, identity = notice.alert.identity, "a system alert is in the log only");
                }
            }
        }
    }

    /// The venue refuses a key.
    pub async fn key_refused(
        &self,
        account: &AccountName,
        since: HostTime,
        what: &str,
        remedy: &str,
    ) {
        tracing::error!(event = "key_refused", %account, error = what, remedy, "the venue refuses the key");
        self.system(
            Some(account),
            Severity::Critical,
            format!("key-refused/{account}/{}", since.us()),
            SystemAlert {
                topic: "key-refused".to_owned(),
                text: format!("{account}: {what}"),
                remedy: Some(remedy.to_owned()),
            },
        )
        .await;
    }

    /// An account cannot be reached.
    pub async fn account_unreachable(&self, account: &AccountName, since: HostTime, what: &str) {
        self.system(Some(account), Severity::Warning, format!("account-unreachable/{account}/{}", since.us()), SystemAlert {
            topic: "account-unreachable".to_owned(),
            text: format!("{account} not reachable since {}: {what}", since.clock()),
            remedy: Some("its counts are not confirmed until it answers again; fills are fetched when it does".to_owned()),
        }).await;
    }

    /// An account answers again.
    pub async fn account_is_back(&self, account: &AccountName) {
        tracing::info!(event = "account_reachable", %account, "answers again");
        self.system(
            Some(account),
            Severity::Info,
            format!("account-reachable/{account}/{}", self.clock.now().us()),
            SystemAlert {
                topic: "account-reachable".to_owned(),
                text: format!("{account} answers again; everything since was fetched"),
                remedy: None,
            },
        )
        .await;
    }

    /// The venue refuses the account's stream; polling goes on without it.
    pub async fn stream_refused(&self, account: &AccountName, what: &str, remedy: &str) {
        self.system(Some(account), Severity::Warning, format!("stream-refused/{account}/{what}"), SystemAlert {
            topic: "stream-refused".to_owned(),
            text: format!("{account}: the venue refuses the stream ({what}); fills are still found by polling"),
            remedy: Some(remedy.to_owned()),
        }).await;
    }

    /// The ledger cannot write just now.
    pub fn ledger_waits(&self, error: &LedgerError) {
        tracing::error!(event = "ledger_waits", %error, "nothing is lost: the page is asked for again");
    }

    /// A row that the ledger refuses: the rest of its page was taken.
    pub async fn row_refused(&self, account: &AccountName, category: &Category, refused: &Refused) {
        let Refused { row, why } = refused;
        tracing::error!(event = "row_refused", %account, %category, row, error = why, "the ledger refuses a row; it is kept raw, the rest was taken");
        self.system(Some(account), Severity::Critical, format!("row-refused/{account}/{category}/{row}"), SystemAlert {
            topic: "row-refused".to_owned(),
            text: format!("{account} {category}: {row} cannot be stored: {why}; it is kept raw and counts for nothing, the rest was taken"),
            remedy: Some("run `fillsync verify`, look at the table `quarantine`, and look for a newer fillsync".to_owned()),
        }).await;
    }

    /// The ledger refuses what a loop asks of it; the loop goes on with everything else.
    pub async fn request_refused(&self, about: &str, why: &str) {
        tracing::error!(
            event = "request_refused",
            about,
            error = why,
            "the ledger refuses it; everything else goes on"
        );
        self.system(
            None,
            Severity::Critical,
            format!("request-refused/{about}/{why}"),
            SystemAlert {
                topic: "request-refused".to_owned(),
                text: format!("{about}: {why}; everything else goes on"),
                remedy: Some(
                    "run `fillsync verify`, and look for a newer fillsync; it is tried again"
                        .to_owned(),
                ),
            },
        )
        .await;
    }

    /// Raises the notice that a window can no longer be fetched.
    ///
    /// # Errors
    /// When it was not written: the window must not count as told then.
    pub async fn raise_lost_gap(
        &self,
        account: &AccountName,
        category: &Category,
        gap: Window,
    ) -> Result<(), LedgerError> {
        let notice = self.notice(None, Some(account), Severity::Critical, &format!("coverage-gap/{account}/{category}/{}", gap.from.us()), SystemAlert {
            topic: "coverage-gap".to_owned(),
            text: format!("{account} {category}: fills from {} to {} can no longer be fetched", gap.from, gap.to),
            remedy: Some("import them from the venue's own export, or leave the gap; counts that touch it say \"at least\"".to_owned()),
        });
        self.ledger.raise(vec![notice], self.clock.now()).await?;
        (self.alerts)();
        Ok(())
    }

    /// A window that the venue can no longer serve, after its notice was raised.
    pub fn gap_is_lost(&self, account: &AccountName, category: &Category, gap: Window) {
        tracing::error!(event = "coverage_gap", %account, %category, %gap, "the venue can no longer serve this window");
        self.keep("coverage_gap", Some(account), None, &json!({"category": category, "from": gap.from.to_string(), "to": gap.to.to_string(), "unfillable": true}));
    }

    /// A class word that was never seen.
    pub async fn unknown_class(&self, account: &AccountName, class: &str) {
        tracing::warn!(event = "unknown_class", %account, class, "stored raw, classed unknown");
        self.system(Some(account), Severity::Warning, format!("unknown-class/{account}/{class}"), SystemAlert {
            topic: "unknown-class".to_owned(),
            text: format!("{account}: the venue reports executions of an unknown kind {class:?}; they are stored raw and count for nothing"),
            remedy: Some("look at them with `fillsync fills`, and look for a newer fillsync".to_owned()),
        }).await;
    }

    /// An order that the venue refuses to give: told once for each order, though it is asked for in
    /// every round.
    pub async fn order_unreadable(&self, account: &AccountName, order: &OrderId, what: &str) {
        let key = format!("{account}/{order}");
        {
            let mut told = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
            if told.len() >= UNREAD_KEPT_MAX {
                told.clear();
            }
            if !told.insert(key.clone()) {
                return;
            }
        }
        tracing::error!(event = "order_unreadable", %account, %order, error = what, "the venue refuses an order; nothing is claimed of it");
        self.system(Some(account), Severity::Warning, format!("order-unreadable/{key}"), SystemAlert {
            topic: "order-unreadable".to_owned(),
            text: format!("{account}: order {order} cannot be read: {what}; until it can, nothing is called a difference"),
            remedy: Some("look at the order at the venue; it is asked for in every round".to_owned()),
        }).await;
    }

    /// The same id with other content.
    pub async fn conflict(&self, account: &AccountName, key: &str) {
        tracing::error!(event = "fill_conflict", %account, key, "the same execution came with other content; the first is kept");
        self.system(Some(account), Severity::Critical, format!("fill-conflict/{key}"), SystemAlert {
            topic: "fill-conflict".to_owned(),
            text: format!("the venue reported execution {key} again with other content; what came first is kept"),
            remedy: Some("compare it with the venue's own page".to_owned()),
        }).await;
    }

    /// Two accounts of one owner traded with each other.
    pub async fn self_match(&self, key: &ExecutionKey, other: &AccountName) {
        let account = &key.account;
        tracing::warn!(event = "self_match", %account, %other, symbol = %key.symbol, exec_id = %key.execution_id,
            "both sides of this fill are ours");
        let (first, second) = if account < other {
            (account, other)
        } else {
            (other, account)
        };
        self.system(Some(account), Severity::Warning, format!("self-match/{first}/{second}/{}", key.symbol), SystemAlert {
            topic: "self-match".to_owned(),
            text: format!("{first} and {second} traded {} with each other; nothing was made or lost by it, and venues forbid it", key.symbol),
            remedy: Some("let the two not rest orders at one price on opposite sides; `fillsync fills` marks such fills".to_owned()),
        }).await;
    }

    /// Rows that could not be read.
    pub async fn quarantined(&self, account: &AccountName, rows: u64) {
        tracing::error!(event = "row_quarantined", %account, rows, "rows could not be read; they are kept raw");
        self.system(Some(account), Severity::Critical, format!("row-quarantined/{account}/{}", self.clock.now().us()), SystemAlert {
            topic: "row-quarantined".to_owned(),
            text: format!("{account}: {rows} rows of the venue could not be read; they are kept raw, the rest was taken"),
            remedy: Some("look at the table `quarantine`, and look for a newer fillsync".to_owned()),
        }).await;
    }

    /// A receiver will not take a message: tell it to the others.
    pub async fn dead_letter(
        &self,
        channel: &ChannelName,
        since: HostTime,
        what: &str,
        remedy: &str,
    ) {
        self.system_but(
            Some(channel),
            None,
            Severity::Critical,
            format!("dead-letter/{channel}/{}/{what}", since.us()),
            SystemAlert {
                topic: "dead-letter".to_owned(),
                text: format!("channel {channel} refuses messages: {what}"),
                remedy: Some(remedy.to_owned()),
            },
        )
        .await;
    }
}

impl Voice {
    /// A receiver said something of itself while it took a message: told once, for ever.
    pub async fn receiver_says(&self, channel: &ChannelName, notice: &Notice) {
        self.system(
            None,
            Severity::Warning,
            format!("channel/{channel}/{}", notice.key),
            SystemAlert {
                topic: "channel-changed".to_owned(),
                text: notice.what.clone(),
                remedy: Some(notice.remedy.clone()),
            },
        )
        .await;
    }

    /// A channel cannot be reached since long: the other channels are told, once for the first message that
    /// waits.
    pub async fn channel_unreachable(
        &self,
        channel: &ChannelName,
        first_waits_since: HostTime,
        since: HostTime,
        what: &str,
    ) {
        self.system_but(
            Some(channel),
            None,
            Severity::Critical,
            format!("channel-unreachable/{channel}/{}", first_waits_since.us()),
            SystemAlert {
                topic: "channel-unreachable".to_owned(),
                text: format!("channel {channel} takes no messages since {since}: {what}"),
                remedy: Some(
                    "see that its receiver can be reached; what waits is kept, and told as one digest then"
                        .to_owned(),
                ),
            },
        )
        .await;
    }

    /// A configuration took effect.
    pub async fn config_reloaded(&self, changes: &[String]) {
        self.keep(
            "config_reloaded",
            None,
            None,
            &json!({ "changes": changes }),
        );
        self.flush().await;
    }

    /// A configuration was not taken.
    pub async fn config_rejected(&self, why: &str) {
        self.keep("config_rejected", None, None, &json!({ "why": why }));
        self.flush().await;
        self.system(
            None,
            Severity::Warning,
            format!("config-rejected/{}", self.clock.now().us()),
            SystemAlert {
                topic: "config-rejected".to_owned(),
                text: format!("the changed configuration was not taken: {why}"),
                remedy: Some("mend the file; what was in force stays in force".to_owned()),
            },
        )
        .await;
    }
}
