//! `alerts test` and `alerts resend`: whether a channel works, and dead letters sent again.
//!
//! A test goes the way of every alert, through formatter and channel, says of itself that it is one, and
//! is recorded nowhere. Dead letters are put back in line in the ledger, whether the daemon runs or not:
//! it sends them at its next look.

use super::answers::Answers;
use super::{CalledWrongly, check, warn};
use crate::app::{self, SystemClock};
use crate::drive::deliver::{as_plain, outgoing};
use anyhow::{Context as _, anyhow};
use fillsync_channel::Surroundings;
use fillsync_config::{Channel as ChannelConfig, Config};
use fillsync_core::alert::{Alert, AlertAccount, AlertBody, Count, FillAlert, Severity};
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::execution::Side;
use fillsync_core::id::{AccountName, ChannelName, GroupName, Symbol};
use fillsync_core::message::{Rendered, Span};
use fillsync_core::order::PositionSide;
use fillsync_core::plain;
use fillsync_core::port::{Channel, ChannelError, Clock as _, Receipt};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::Truth;
use fillsync_core::view::Role;
use fillsync_ledger::AgainOutcome;
use fillsync_plugin_host::{PluginEngine, Registry, Target};
use fillsync_report::{Answer, Look};
use serde::Serialize;
use std::sync::Arc;

/// What came of a test.
#[derive(Debug, Serialize)]
struct Tested {
    channel: String,
    kind: &'static str,
    formatter: String,
    /// Whether the receiver took it only without markup.
    as_plain: bool,
    /// The receiver's own id of the message, where it gives one.
    message_id: Option<String>,
    /// What the receiver said of itself.
    notice: Option<String>,
}

impl Answer for Tested {
    fn table(&self, _: Look) -> String {
        let id = self
            .message_id
            .as_ref()
            .map(|id| format!(", message {id}"))
            .unwrap_or_default();
        let plain = if self.as_plain {
            ", as plain text: it could not read the markup"
        } else {
            ""
        };
        let notice = self
            .notice
            .as_ref()
            .map(|notice| format!("\n{notice}"))
            .unwrap_or_default();
        format!(
            "channel {} took a test ({}, formatter {}{id}{plain}){notice}\n",
            self.channel, self.kind, self.formatter
        )
    }
}

/// `fillsync alerts test`.
pub(super) async fn test(answers: &Answers<'_>, name: &ChannelName) -> anyhow::Result<()> {
    let config = answers.load()?;
    let settings = known(&config, name)?;
    let clock = Arc::new(SystemClock);
    let surroundings = Surroundings::new(clock)?;
    let mut warnings = Vec::new();
    let channel = app::open_alone(settings, &surroundings, &mut warnings)?;
    for warning in warnings {
        warn(&warning);
    }
    let now = SystemClock.now();
    let alert = sample(name, now)?;
    let rendered = format(&config, settings, &channel, &alert, now).await?;
    let mut message = outgoing(&alert, rendered);
    let mut outcome = channel.send(&message).await;
    if let Err(ChannelError::Markup { what }) = &outcome {
        warn(&format!("{what}; sent once more as plain text"));
        message = as_plain(&alert, message);
        outcome = channel.send(&message).await;
    }
    let Receipt { message_id, notice } =
        outcome.map_err(|error| anyhow!("{}", advice(name, &error)))?;
    answers.print(&Tested {
        channel: name.to_string(),
        kind: channel.kind(),
        formatter: settings.formatter.to_string(),
        as_plain: message.as_plain,
        message_id,
        notice: notice.map(|notice| format!("{}; {}", notice.what, notice.remedy)),
    })
}

/// What the receiver said, and what to do.
fn advice(name: &ChannelName, error: &ChannelError) -> String {
    match error {
        ChannelError::Dead { what, remedy } => format!("{what}; {remedy}"),
        ChannelError::Wait { after, what } => {
            format!(
                "{what}; ask again in {} s: the daemon waits as long",
                after.as_secs()
            )
        }
        ChannelError::Retry { what } => format!(
            "{what}; see that the receiver of channel {name} can be reached from here: the daemon would try again"
        ),
        ChannelError::Markup { what } => {
            format!("{what}; the receiver refuses plain text as well: choose another formatter")
        }
    }
}

/// A channel that the configuration does not have is a wrong call; those that it has are named.
fn known<'a>(config: &'a Config, name: &ChannelName) -> Result<&'a ChannelConfig, CalledWrongly> {
    config.channels.get(name).ok_or_else(|| {
        let known: Vec<&str> = config.channels.keys().map(ChannelName::as_str).collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        CalledWrongly(format!(
            "the configuration has no channel {name}; it has {known}"
        ))
    })
}

/// The formatter's words, or the host's, as the daemon would send them; marked as a test.
async fn format(
    config: &Config,
    settings: &ChannelConfig,
    channel: &Arc<dyn Channel>,
    alert: &Alert,
    now: HostTime,
) -> anyhow::Result<Rendered> {
    let target = Target {
        channel: settings.name.clone(),
        kind: channel.kind().to_owned(),
        limits: *channel.limits(),
        edits: false,
    };
    let (config, formatter, asked) = (config.clone(), settings.formatter.clone(), alert.clone());
    let formatted = tokio::task::spawn_blocking(move || {
        let registry = Registry::new(PluginEngine::new()?);
        check::load_one(&registry, &config, &formatter).map_err(|why| anyhow!("{why}"))?;
        registry
            .format(&formatter, &asked, &target, now)
            .map(|answered| answered.answer)
            .map_err(|failure| anyhow!("{}", failure.error))
    })
    .await
    .context("the formatter broke off")?;
    let rendered = formatted.unwrap_or_else(|error| {
        warn(&format!(
            "formatter {}: {error:#}; plain words are sent in its place",
            settings.formatter
        ));
        Rendered::Rich(plain::message(alert, None))
    });
    Ok(match rendered {
        Rendered::Rich(mut message) => {
            message.title.insert(0, Span::bold("TEST · "));
            message.lines.push(vec![Span::text(format!(
                "this is a test of channel {}: nothing filled",
                settings.name
            ))]);
            Rendered::Rich(message)
        }
        // A payload of the formatter's own cannot be marked: its symbol and account say TEST.
        raw @ Rendered::Raw { .. } => raw,
    })
}

/// A fill that never was.
fn sample(channel: &ChannelName, now: HostTime) -> anyhow::Result<Alert> {
    let at = VenueTime::from_us(now.us());
    Ok(Alert {
        identity: format!("test/{channel}/{}", now.us()),
        revision: 0,
        severity: Severity::Info,
        group: Some(GroupName::new("TEST")?),
        symbol: Some(Symbol::new("TEST")?),
        position: Some(PositionSide::Long),
        cycle: Some(1),
        account: Some(AlertAccount {
            name: AccountName::new("TEST")?,
            role: Some(Role::Main),
        }),
        at,
        body: AlertBody::Fill(FillAlert {
            slot: 1,
            side: Side::Buy,
            price: Price::parse("0.2215")?,
            quantity: Quantity::parse("150")?,
            count: Count {
                detected: 1,
                shown: 1,
                total: 3,
                at_least: false,
                synchronised: true,
                note: None,
            },
            own_slots: vec![1],
            truth: Truth::Aligned,
            waiting_for: Vec::new(),
            coverage_to: Some(at),
        }),
    })
}

/// What became of the dead letters of an alert.
#[derive(Debug, Serialize)]
struct Resent {
    alert: i64,
    channels: Vec<ResentTo>,
}

#[derive(Debug, Serialize)]
struct ResentTo {
    channel: String,
    queued: bool,
    text: String,
}

impl Answer for Resent {
    fn table(&self, _: Look) -> String {
        let lines = self.channels.iter();
        lines
            .map(|to| {
                format!(
                    "alert {} to channel {}: {}\n",
                    self.alert, to.channel, to.text
                )
            })
            .collect()
    }
}

/// `fillsync alerts resend`.
pub(super) fn resend(
    answers: &Answers<'_>,
    alert: i64,
    channel: Option<&ChannelName>,
) -> anyhow::Result<()> {
    let config = answers.load()?;
    if let Some(channel) = channel {
        known(&config, channel)?;
    }
    let done =
        fillsync_ledger::send_again(&config.daemon.database, alert, channel, SystemClock.now())?;
    let channels: Vec<ResentTo> = done
        .into_iter()
        .map(|one| {
            let is_configured = config.channels.contains_key(&one.channel);
            ResentTo {
                channel: one.channel.to_string(),
                queued: one.outcome == AgainOutcome::Queued,
                text: match one.outcome {
                    AgainOutcome::Queued if is_configured => {
                        "queued; the daemon sends it at its next look".to_owned()
                    }
                    AgainOutcome::Queued => {
                        "queued, but the configuration has no such channel any more".to_owned()
                    }
                    AgainOutcome::Overtaken => {
                        "left alone: a newer revision of this alert was queued".to_owned()
                    }
                    AgainOutcome::NotDead(state) => format!("left alone: it is {state}"),
                },
            }
        })
        .collect();
    let is_any = channels.iter().any(|to| to.queued);
    answers.print(&Resent { alert, channels })?;
    if is_any {
        return Ok(());
    }
    Err(anyhow!(
        "alert {alert} has no dead letter to send again; `fillsync alerts` shows what became of each message"
    ))
}
