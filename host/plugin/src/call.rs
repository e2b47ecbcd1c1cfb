//! One question, asked of a fresh instance, and its answer, checked.
//!
//! Keeps law 8: whatever the code does in here, the caller gets an answer that can be used or an
//! error with a class, within the limits. Keeps law 4: nothing of one call is left for the next.

use crate::contract::{Formatter, Prepared, Strategy, v1};
use crate::engine::{PluginEngine, TICK};
use crate::error::{CallError, one_line};
use crate::limits::{Limits, MESSAGE_CHARACTERS_MAX, MESSAGE_LINES_MAX, bytes};
use crate::store::{Call, LogLine};
use fillsync_core::alert::Alert;
use fillsync_core::id::ChannelName;
use fillsync_core::limits::MessageLimits;
use fillsync_core::message::{Rendered, RichMessage, Span};
use fillsync_core::raw;
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
    /// What it takes.
    pub limits: MessageLimits,
    /// Whether the message replaces one that was sent; else it is a message of its own.
    pub edits: bool,
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

/// The store of a call and its bounds.
pub(crate) struct Session<'a> {
    pub(crate) store: Store<Call>,
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

    fn report(mut self) -> CallReport {
        self.store.data_mut().end_output();
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
    pub(crate) fn translate(&mut self, error: &wasmtime::Error) -> CallError {
        self.store.data_mut().end_output();
        let call = self.store.data();
        if let Some(asked) = call.denied {
            return CallError::Memory {
                asked,
                limit: self.limits.memory_bytes,
            };
        }
        let trap = error.downcast_ref::<Trap>();
        match trap {
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
            _ => {}
        }
        let text = trap.map_or_else(|| format!("{error:#}"), ToString::to_string);
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
        let cause = match call.last_words() {
            Some(words) => format!("{text}; its last words: {words}"),
            None => text,
        };
        CallError::Trapped {
            cause: one_line(&cause),
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
pub(crate) use step;

/// An answer or why there is none, with what the call used and wrote in either case.
pub(crate) type Attempt<T> = (Result<T, CallError>, CallReport);

/// Runs the whole of one question in a session, and takes its report whatever became of it.
fn attempt<T>(
    engine: &PluginEngine,
    limits: &Limits,
    ask: impl FnOnce(&mut Session<'_>) -> Result<T, CallError>,
) -> Attempt<T> {
    match Session::open(engine, limits) {
        Ok(mut session) => {
            let answer = ask(&mut session);
            (answer, session.report())
        }
        Err(error) => (Err(error), CallReport::default()),
    }
}

/// Asks a strategy.
pub(crate) fn decide(
    engine: &PluginEngine,
    strategy: &Strategy,
    limits: &Limits,
    settings: &str,
    view: &View,
) -> Attempt<Vec<Shown>> {
    attempt(engine, limits, |session| {
        let rows = match strategy {
            Strategy::V1(pre) => v1::decide(session, pre, settings, view),
            #[cfg(test)]
            Strategy::Next(pre) => crate::contract::next::decide(session, pre, settings, view),
        }?;
        Ok(check_answer(view, rows)?)
    })
}

/// Asks a formatter.
pub(crate) fn format(
    engine: &PluginEngine,
    formatter: &Formatter,
    limits: &Limits,
    settings: &str,
    alert: &Alert,
    target: &Target,
) -> Attempt<Rendered> {
    attempt(engine, limits, |session| {
        let rendered = match formatter {
            Formatter::V1(pre) => v1::format(session, pre, settings, alert, target),
        }?;
        check_message(rendered, target)
    })
}

/// Asks for the plugin's card.
pub(crate) fn describe(
    engine: &PluginEngine,
    prepared: &Prepared,
    limits: &Limits,
) -> Result<RawInfo, CallError> {
    let mut session = Session::open(engine, limits)?;
    match prepared {
        Prepared::Strategy(Strategy::V1(pre)) => v1::describe_strategy(&mut session, pre),
        Prepared::Formatter(Formatter::V1(pre)) => v1::describe_formatter(&mut session, pre),
        #[cfg(test)]
        Prepared::Strategy(Strategy::Next(pre)) => {
            crate::contract::next::describe(&mut session, pre)
        }
    }
}

/// Gives the settings to an instance that is asked nothing else.
pub(crate) fn configure(
    engine: &PluginEngine,
    prepared: &Prepared,
    limits: &Limits,
    settings: &str,
) -> Result<Vec<Remark>, CallError> {
    let mut session = Session::open(engine, limits)?;
    match prepared {
        Prepared::Strategy(Strategy::V1(pre)) => {
            v1::configure_strategy(&mut session, pre, settings)
        }
        Prepared::Formatter(Formatter::V1(pre)) => {
            v1::configure_formatter(&mut session, pre, settings)
        }
        #[cfg(test)]
        Prepared::Strategy(Strategy::Next(pre)) => {
            crate::contract::next::configure(&mut session, pre, settings)
        }
    }
}

/// Settings that were taken when the plugin was loaded must still be taken.
pub(crate) fn refuse(remarks: Vec<Remark>) -> Result<(), CallError> {
    match remarks.into_iter().find(|remark| remark.is_error) {
        Some(remark) => Err(CallError::Settings {
            reason: format!("{} {}", remark.path, remark.message)
                .trim()
                .to_owned(),
        }),
        None => Ok(()),
    }
}

/// The message as it can go to its target.
fn check_message(rendered: Rendered, target: &Target) -> Result<Rendered, CallError> {
    match rendered {
        Rendered::Rich(message) => check_rich(&message).map(|()| Rendered::Rich(message)),
        Rendered::Raw { channel_kind, json } => {
            if channel_kind != target.kind {
                let what = format!(
                    "it is made for a channel of the kind {:?}, and {} is of the kind {:?}",
                    one_line(&channel_kind),
                    target.channel,
                    target.kind
                );
                return Err(CallError::Message { what });
            }
            let json = raw::checked(&channel_kind, &json).map_err(|fault| CallError::Message {
                what: one_line(&fault.to_string()),
            })?;
            Ok(Rendered::Raw { channel_kind, json })
        }
    }
}

fn check_rich(message: &RichMessage) -> Result<(), CallError> {
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

fn check_span(span: &Span) -> Result<(), CallError> {
    match span {
        Span::Link { url, .. } if !url.starts_with("https://") && !url.starts_with("http://") => {
            let what = format!("its link {:?} is neither http nor https", one_line(url));
            Err(CallError::Message { what })
        }
        _ => Ok(()),
    }
}
