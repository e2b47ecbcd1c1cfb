//! `/alerts` and `fillsync alerts`: what was told, to whom, and whether it arrived.

use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, ROWS_MAX, time_text};
use fillsync_core::alert::Severity;
use fillsync_core::time::HostTime;
use fillsync_ledger::{AlertFilter, LedgerError, Reader, StoredAlert};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Alerts, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Alerts {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Alerts in it.
    pub count: usize,
    /// The alerts.
    pub alerts: Vec<AlertAnswer>,
    /// Ask again with this as `before` for older alerts; none at the end.
    pub next: Option<i64>,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AlertAnswer {
    /// The ledger's row.
    pub id: i64,
    /// The same happening has the same identity for ever.
    pub identity: String,
    /// 0 when first told; higher where a later truth replaced it.
    pub revision: u32,
    /// What kind of alert.
    #[schemars(schema_with = "crate::words::alert_kind")]
    pub kind: &'static str,
    /// How much it matters.
    #[schemars(schema_with = "crate::words::severity")]
    pub severity: &'static str,
    /// `queued`: it goes to channels; `suppressed`: recorded, but told of only in a digest.
    #[schemars(schema_with = "crate::words::alert_state")]
    pub state: &'static str,
    /// When it happened, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// The group.
    pub group: Option<String>,
    /// The symbol, in the group's spelling.
    pub symbol: Option<String>,
    /// The direction of the position: `long` or `short`.
    #[schemars(schema_with = "crate::words::side_or_none")]
    pub side: Option<&'static str>,
    /// The group cycle.
    pub cycle: Option<u64>,
    /// The account.
    pub account: Option<String>,
    /// What happened, as formatters get it; amounts are decimal strings, moments RFC 3339.
    pub body: Value,
    /// When it was recorded.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// How it fared in each channel.
    pub deliveries: Vec<DeliveryAnswer>,
}

/// How an alert fared in one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeliveryAnswer {
    /// The channel.
    pub channel: String,
    /// `pending`, `sent`, `dead`, `superseded`, or `digested`: told in a digest of that channel.
    #[schemars(schema_with = "crate::words::message_state")]
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The text that was sent.
    pub text: Option<String>,
    /// Why it was not taken.
    pub last_error: Option<String>,
    /// When it was sent, given up, superseded or told in a digest.
    #[schemars(extend("format" = "date-time"))]
    pub finished_at: Option<String>,
}

/// The newest alerts that pass a filter. A limit beyond [`ROWS_MAX`] becomes [`ROWS_MAX`].
///
/// # Errors
/// When the ledger cannot be read.
pub fn alerts(
    reader: &Reader,
    filter: &AlertFilter,
    limit: u32,
    now: HostTime,
) -> Result<Alerts, LedgerError> {
    let limit = limit.clamp(1, ROWS_MAX);
    let mut rows = reader.alerts(filter, limit + 1)?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    Ok(Alerts {
        timestamp: time_text::host(now),
        count: rows.len(),
        next: rows.last().filter(|_| more).map(|row| row.id),
        alerts: rows.iter().map(answer).collect(),
    })
}

pub(crate) fn answer(row: &StoredAlert) -> AlertAnswer {
    let alert = &row.alert;
    let mut body = serde_json::to_value(&alert.body).unwrap_or(Value::Null);
    time_text::readable_moments(&mut body);
    AlertAnswer {
        id: row.id,
        identity: alert.identity.clone(),
        revision: alert.revision,
        kind: alert.kind().as_str(),
        severity: match alert.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        },
        state: if row.suppressed {
            "suppressed"
        } else {
            "queued"
        },
        timestamp: time_text::venue(alert.at),
        group: alert.group.as_ref().map(ToString::to_string),
        symbol: alert.symbol.as_ref().map(ToString::to_string),
        side: alert
            .position
            .map(fillsync_core::order::PositionSide::as_str),
        cycle: alert.cycle,
        account: alert
            .account
            .as_ref()
            .map(|account| account.name.to_string()),
        body,
        created_at: time_text::host(row.created_at),
        deliveries: row
            .deliveries
            .iter()
            .map(|delivery| DeliveryAnswer {
                channel: delivery.channel.to_string(),
                state: delivery.state.clone(),
                attempts: delivery.attempts,
                text: delivery.sent_text.clone(),
                last_error: delivery.last_error.clone(),
                finished_at: delivery.finished_at.map(time_text::host),
            })
            .collect(),
    }
}

impl Answer for Alerts {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Right("ID"),
            Column::Left("TIME"),
            Column::Left("KIND"),
            Column::Left("GROUP"),
            Column::Left("SYMBOL"),
            Column::Left("ACCOUNT"),
            Column::Left("DELIVERY"),
            Column::Left("IDENTITY"),
        ];
        let rows = self.alerts.iter().map(|alert| {
            let fared: Vec<_> = alert
                .deliveries
                .iter()
                .map(|delivery| match &delivery.last_error {
                    Some(error) if delivery.state != "sent" => {
                        format!("{} {} ({error})", delivery.channel, delivery.state)
                    }
                    _ => format!("{} {}", delivery.channel, delivery.state),
                })
                .collect();
            vec![
                alert.id.to_string(),
                alert.timestamp.clone(),
                alert.kind.to_owned(),
                or_dash(alert.group.as_deref()),
                or_dash(alert.symbol.as_deref()),
                or_dash(alert.account.as_deref()),
                if fared.is_empty() {
                    alert.state.to_owned()
                } else {
                    fared.join(", ")
                },
                format!("{} r{}", alert.identity, alert.revision),
            ]
        });
        let mut text = render(look, &columns, rows, "No alerts.");
        if let Some(next) = self.next {
            text.push_str(&format!("There are older alerts: --before {next}\n"));
        }
        text
    }
}
