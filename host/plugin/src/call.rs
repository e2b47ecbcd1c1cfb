//! One question, asked of a fresh instance, and its answer, checked.
//!
//! Keeps law 8: whatever the code does in here, the caller gets an answer that can be used or an
//! error with a class, within the limits. Keeps law 4: nothing of one call is left for the next.

use crate::bindings::formatter::exports::fillsync::plugin::formatter::FormatterError;
use crate::bindings::strategy::exports::fillsync::plugin::strategy::StrategyError;
use crate::bindings::{FormatterPluginPre, StrategyPluginPre};
use crate::convert;
use crate::engine::{PluginEngine, TICK};
use crate::error::{CallError, one_line};
use crate::limits::{Limits, MESSAGE_CHARACTERS_MAX, MESSAGE_LINES_MAX, bytes};
use crate::store::{Call, LogLevel, LogLine};
use fillsync_core::alert::Alert;
use fillsync_core::id::ChannelName;
use fillsync_core::message::{Rendered, Span};
use fillsync_core::view::{Shown, View, check_answer};
use serde::Serialize;
use std::time::{Duration, Instant};
use wasmtime::{Store, Trap};

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The channel.
    pub channel: ChannelName,
    /// Its kind ("telegram").
    pub kind: String,
    /// The longest message it takes, in characters.
    pub characters_max: u32,
}

/// What a call used, and what the plugin wrote meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CallReport {
    /// Fuel, instantiation and `configure` included. The same for the same question, on any machine.
    pub fuel: u64,
    /// The most memory that it had, in bytes.
    pub memory_bytes: usize,
    /// By the wall clock.
    pub took: Duration,
    /// What it wrote.
    pub log: Vec<LogLine>,
    /// Lines beyond the bound.
    pub log_dropped: u32,
}

/// What a plugin says of itself, before anything of it is checked.
pub(crate) struct RawInfo {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) is_strategy: bool,
    pub(crate) summary: String,
    pub(crate) settings_schema: String,
    pub(crate) attributes: Vec<(String, String)>,
}

/// A remark of `configure`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// JSON Pointer to the setting; "" is the whole.
    pub path: String,
    /// Whether it keeps the plugin from being used.
    pub is_error: bool,
    /// The plugin's words.
    pub message: String,
}

/// A component linked to its world, from which instances are made.
pub(crate) enum Prepared {
    Strategy(StrategyPluginPre<Call>),
    Formatter(FormatterPluginPre<Call>),
}

/// The store of a call and its bounds.
struct Session<'a> {
    store: Store<Call>,
    limits: &'a Limits,
    started: Instant,
}

impl<'a> Session<'a> {
    fn open(engine: &PluginEngine, limits: &'a Limits) -> Result<Self, CallError> {
        let started = Instant::now();
        let mut store = Store::new(engine.wasmtime(), Call::new(limits.memory_bytes));
        store.limiter(|call| call);
        store.set_hostcall_fuel(limits.output_bytes);
        // One tick more, because the running one is already partly over.
        let ticks = limits.time.as_nanos().div_ceil(TICK.as_nanos());
        store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX - 1) + 1);
        store.epoch_deadline_trap();
        let mut session = Self {
            store,
            limits,
            started,
        };
        session
            .store
            .set_fuel(limits.fuel)
            .map_err(|error| session.translate(&error))?;
        Ok(session)
    }

    fn report(self) -> CallReport {
        let fuel = self
            .limits
            .fuel
            .saturating_sub(self.store.get_fuel().unwrap_or_default());
        let call = self.store.into_data();
        CallReport {
            fuel,
            memory_bytes: call.peak,
            took: self.started.elapsed(),
            log: call.log,
            log_dropped: call.log_dropped,
        }
    }

    /// What an error of the engine means.
    fn translate(&self, error: &wasmtime::Error) -> CallError {
        let call = self.store.data();
        if let Some(asked) = call.denied {
            return CallError::Memory {
                asked,
                limit: self.limits.memory_bytes,
            };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => {
                return CallError::OutOfFuel {
                    limit: self.limits.fuel,
                };
            }
            Some(Trap::Interrupt) => {
                return CallError::TimedOut {
                    limit: self.limits.time,
                };
            }
            Some(trap) => {
                let last = call
                    .log
                    .iter()
                    .rev()
                    .find(|line| line.level == LogLevel::Error);
                let cause = match last {
                    Some(line) => format!("{trap}; its last words: {}", line.message),
                    None => trap.to_string(),
                };
                return CallError::Trapped {
                    cause: one_line(&cause),
                };
            }
            None => {}
        }
        let text = format!("{error:#}");
        // The engine's own type for these two is private; a test holds their words fast.
        if text.contains("fuel allocated for hostcalls") {
            let what = format!("more than {} in one piece", bytes(self.limits.output_bytes));
            return CallError::OutputTooLarge { what };
        }
        if text.contains("maximum concurrent") {
            return CallError::Host {
                cause: one_line(&text),
            };
        }
        CallError::Trapped {
            cause: one_line(&text),
        }
    }
}

/// Runs one step of a session, translating its error.
macro_rules! step {
    ($session:ident, $result:expr) => {{
        let result = $result;
        result.map_err(|error| $session.translate(&error))?
    }};
}

/// Takes the settings in a fresh instance, as every question does first.
macro_rules! configured {
    ($session:ident, $plugin:ident, $settings:ident) => {{
        let remarks = step!(
            $session,
            $plugin
                .fillsync_plugin_settings()
                .call_configure(&mut $session.store, $settings)
        );
        remarks
            .into_iter()
            .map(|remark| Remark {
                path: one_line(&remark.path),
                is_error: matches!(remark.severity, Severity::Error),
                message: one_line(&remark.message),
            })
            .collect::<Vec<Remark>>()
    }};
}

impl Prepared {
    /// Asks for the plugin's card.
    pub(crate) fn describe(
        &self,
        engine: &PluginEngine,
        limits: &Limits,
    ) -> Result<RawInfo, CallError> {
        let mut session = Session::open(engine, limits)?;
        macro_rules! describe {
            ($pre:ident, $world:ident) => {{
                use crate::bindings::$world::exports::fillsync::plugin::description::Kind;
                let plugin = step!(session, $pre.instantiate(&mut session.store));
                let info = step!(
                    session,
                    plugin
                        .fillsync_plugin_description()
                        .call_describe(&mut session.store)
                );
                RawInfo {
                    name: info.name,
                    version: info.version,
                    is_strategy: matches!(info.kind, Kind::Strategy),
                    summary: info.summary,
                    settings_schema: info.settings_schema,
                    attributes: info.attributes,
                }
            }};
        }
        Ok(match self {
            Self::Strategy(pre) => describe!(pre, strategy),
            Self::Formatter(pre) => describe!(pre, formatter),
        })
    }

    /// Gives the settings to an instance that is asked nothing else.
    pub(crate) fn configure(
        &self,
        engine: &PluginEngine,
        limits: &Limits,
        settings: &str,
    ) -> Result<Vec<Remark>, CallError> {
        let mut session = Session::open(engine, limits)?;
        Ok(match self {
            Self::Strategy(pre) => {
                use crate::bindings::strategy::exports::fillsync::plugin::settings::Severity;
                let plugin = step!(session, pre.instantiate(&mut session.store));
                configured!(session, plugin, settings)
            }
            Self::Formatter(pre) => {
                use crate::bindings::formatter::exports::fillsync::plugin::settings::Severity;
                let plugin = step!(session, pre.instantiate(&mut session.store));
                configured!(session, plugin, settings)
            }
        })
    }
}

/// Asks a strategy.
pub(crate) fn decide(
    engine: &PluginEngine,
    pre: &StrategyPluginPre<Call>,
    limits: &Limits,
    settings: &str,
    view: &View,
) -> Result<(Vec<Shown>, CallReport), CallError> {
    use crate::bindings::strategy::exports::fillsync::plugin::settings::Severity;
    let mut session = Session::open(engine, limits)?;
    let plugin = step!(session, pre.instantiate(&mut session.store));
    refuse(configured!(session, plugin, settings))?;
    let question = convert::view(view);
    let answer = step!(
        session,
        plugin
            .fillsync_plugin_strategy()
            .call_decide(&mut session.store, &question)
    );
    let decision = answer.map_err(|error| match error {
        StrategyError::Undecided(reason) => CallError::Undecided {
            reason: one_line(&reason),
        },
        StrategyError::InvalidView(reason) => CallError::Failed {
            reason: one_line(&format!("it cannot read the view: {reason}")),
        },
        StrategyError::Internal(reason) => CallError::Failed {
            reason: one_line(&reason),
        },
    })?;
    let rows = decision
        .shown
        .into_iter()
        .map(|row| (row.account, row.count, row.note))
        .collect();
    let shown = check_answer(view, rows)?;
    Ok((shown, session.report()))
}

/// Asks a formatter.
pub(crate) fn format(
    engine: &PluginEngine,
    pre: &FormatterPluginPre<Call>,
    limits: &Limits,
    settings: &str,
    alert: &Alert,
    target: &Target,
) -> Result<(Rendered, CallReport), CallError> {
    use crate::bindings::formatter::exports::fillsync::plugin::settings::Severity;
    let mut session = Session::open(engine, limits)?;
    let plugin = step!(session, pre.instantiate(&mut session.store));
    refuse(configured!(session, plugin, settings))?;
    let event = convert::event(alert);
    let to = convert::target(target);
    let answer = step!(
        session,
        plugin
            .fillsync_plugin_formatter()
            .call_format(&mut session.store, &event, &to)
    );
    let rendered = answer.map_err(|error| match error {
        FormatterError::Unsupported(reason) => CallError::Unsupported {
            reason: one_line(&reason),
        },
        FormatterError::InvalidAlert(reason) => CallError::Failed {
            reason: one_line(&format!("it cannot read the alert: {reason}")),
        },
        FormatterError::Internal(reason) => CallError::Failed {
            reason: one_line(&reason),
        },
    })?;
    let rendered = convert::rendered(rendered);
    check_message(&rendered, target)?;
    Ok((rendered, session.report()))
}

/// Settings that were taken when the plugin was loaded must still be taken.
fn refuse(remarks: Vec<Remark>) -> Result<(), CallError> {
    match remarks.into_iter().find(|remark| remark.is_error) {
        Some(remark) => Err(CallError::Settings {
            reason: format!("{} {}", remark.path, remark.message)
                .trim()
                .to_owned(),
        }),
        None => Ok(()),
    }
}

/// Whether a message can go to its target.
fn check_message(rendered: &Rendered, target: &Target) -> Result<(), CallError> {
    match rendered {
        Rendered::Rich(message) => {
            if message.lines.len() > MESSAGE_LINES_MAX {
                let what = format!("{} lines; at most {MESSAGE_LINES_MAX}", message.lines.len());
                return Err(CallError::OutputTooLarge { what });
            }
            let spans = || message.title.iter().chain(message.lines.iter().flatten());
            let characters: usize = spans().map(|span| span.as_plain().chars().count()).sum();
            if characters > MESSAGE_CHARACTERS_MAX {
                let what = format!("{characters} characters; at most {MESSAGE_CHARACTERS_MAX}");
                return Err(CallError::OutputTooLarge { what });
            }
            if spans().all(|span| span.as_plain().trim().is_empty()) {
                return Err(CallError::Message {
                    what: "it is empty".to_owned(),
                });
            }
            spans().try_for_each(check_span)
        }
        Rendered::Raw { channel_kind, json } => {
            if *channel_kind != target.kind {
                let what = format!(
                    "it is made for a channel of the kind {:?}, and {} is of the kind {:?}",
                    one_line(channel_kind),
                    target.channel,
                    target.kind
                );
                return Err(CallError::Message { what });
            }
            if json.len() > MESSAGE_CHARACTERS_MAX {
                let what = format!(
                    "{}; at most {}",
                    bytes(json.len()),
                    bytes(MESSAGE_CHARACTERS_MAX)
                );
                return Err(CallError::OutputTooLarge { what });
            }
            serde_json::from_str::<serde::de::IgnoredAny>(json)
                .map(drop)
                .map_err(|error| CallError::Message {
                    what: format!("its payload is not JSON: {error}"),
                })
        }
    }
}

fn check_span(span: &Span) -> Result<(), CallError> {
    match span {
        Span::Link { url, .. } if !url.starts_with("https://") && !url.starts_with("http://") => {
            let what = format!("its link {:?} is neither http nor https", one_line(url));
            Err(CallError::Message { what })
        }
        _ => Ok(()),
    }
}
