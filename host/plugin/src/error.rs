//! What can go wrong with a plugin: a call that fails, and a file that is not taken.
//!
//! A failed call costs its own answer only (law 8); its class tells the caller whether the plugin is
//! at fault. A rejection names the stage, the cause and what the author can do; the last good
//! version stays (law 15). No wasmtime type is in here.

use crate::limits::bytes;
use fillsync_core::time::HostTime;
use fillsync_core::view::AnswerError;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// One call that gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The code stopped by itself: a panic, an out-of-bounds access, a stack overflow.
    #[error("it trapped: {cause}")]
    Trapped {
        /// The trap, with the plugin's last words where it logged any.
        cause: String,
    },
    /// It computed more than its budget.
    #[error("it used all of its fuel ({limit})")]
    OutOfFuel {
        /// The budget.
        limit: u64,
    },
    /// It ran longer than it may.
    #[error("it ran for more than {} ms", limit.as_millis())]
    TimedOut {
        /// The bound.
        limit: Duration,
    },
    /// It asked for more memory than it may have.
    #[error("it asked for {}, its limit is {}", bytes(*asked), bytes(*limit))]
    Memory {
        /// What it wanted in all, in bytes.
        asked: usize,
        /// The bound, in bytes.
        limit: usize,
    },
    /// Its answer is larger than may be taken over.
    #[error("its answer is too large: {what}")]
    OutputTooLarge {
        /// What was too large, and the bound.
        what: String,
    },
    /// A strategy's answer does not fit its view.
    #[error("its answer cannot be shown: {0}")]
    Answer(#[from] AnswerError),
    /// A formatter's message cannot be sent.
    #[error("its message cannot be sent: {what}")]
    Message {
        /// What is wrong with it.
        what: String,
    },
    /// A strategy says that it cannot decide from this view. Not the plugin's fault.
    #[error("it is undecided: {reason}")]
    Undecided {
        /// Its words.
        reason: String,
    },
    /// A formatter does not speak for this kind of alert. Not the plugin's fault.
    #[error("it does not speak for this alert: {reason}")]
    Unsupported {
        /// Its words.
        reason: String,
    },
    /// The plugin reports a failure of its own, or that it cannot read what it was given.
    #[error("it failed: {reason}")]
    Failed {
        /// Its words.
        reason: String,
    },
    /// It refused its settings, which it had taken when it was loaded.
    #[error("it refused its settings: {reason}")]
    Settings {
        /// Its words.
        reason: String,
    },
    /// A strategy was asked to format, or a formatter to decide.
    #[error("it is a {is}, not a {wanted}")]
    Kind {
        /// What it is.
        is: PluginKind,
        /// What was needed.
        wanted: PluginKind,
    },
    /// No plugin of this name is loaded.
    #[error("no plugin of the name {name} is loaded")]
    Absent {
        /// The name.
        name: String,
    },
    /// It failed too often in a row and is left alone for a while.
    #[error("it is set aside after {failures} failures in a row")]
    SetAside {
        /// How many.
        failures: u32,
        /// When it is tried again.
        until: HostTime,
    },
    /// The host itself could not make the call.
    #[error("the host could not call it: {cause}")]
    Host {
        /// Why.
        cause: String,
    },
}

impl CallError {
    /// A short stable name, for metrics and rows.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Trapped { .. } => "trapped",
            Self::OutOfFuel { .. } => "out-of-fuel",
            Self::TimedOut { .. } => "timed-out",
            Self::Memory { .. } => "memory",
            Self::OutputTooLarge { .. } => "output-too-large",
            Self::Answer(_) => "bad-answer",
            Self::Message { .. } => "bad-message",
            Self::Undecided { .. } => "undecided",
            Self::Unsupported { .. } => "unsupported",
            Self::Failed { .. } => "failed",
            Self::Settings { .. } => "settings",
            Self::Kind { .. } => "kind",
            Self::Absent { .. } => "absent",
            Self::SetAside { .. } => "set-aside",
            Self::Host { .. } => "host",
        }
    }

    /// Whether it is an answer like any other: the plugin says that it has none.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        matches!(self, Self::Undecided { .. } | Self::Unsupported { .. })
    }

    /// Whether the plugin misbehaved, so that the call counts towards setting it aside.
    #[must_use]
    pub const fn is_plugins_fault(&self) -> bool {
        !matches!(
            self,
            Self::Undecided { .. }
                | Self::Unsupported { .. }
                | Self::Kind { .. }
                | Self::Absent { .. }
                | Self::SetAside { .. }
                | Self::Host { .. }
        )
    }
}

/// The question that a plugin answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// What shall be shown?
    Strategy,
    /// How does it look?
    Formatter,
}

impl PluginKind {
    /// The name in configuration and API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::Formatter => "formatter",
        }
    }
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where on its way in a candidate was stopped. They are in the order in which they are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Reading the file.
    Read,
    /// What exactly was read.
    Hash,
    /// The limits of the plugin, or the size of the file.
    Size,
    /// Whether it is a WebAssembly component at all.
    Format,
    /// What it wants from the host.
    Imports,
    /// Which question it answers, of which version of the contract.
    World,
    /// Whether the operator lets this content in: a pin, an approval, a signature.
    Trust,
    /// Translation to machine code.
    Compile,
    /// Making an instance.
    Instantiate,
    /// What it says of itself.
    Describe,
    /// Its settings against its own schema.
    Schema,
    /// Its settings as it takes them.
    Configure,
    /// Canned questions.
    SelfTest,
    /// Questions of the past, compared with what is active.
    Replay,
    /// Whether the operator wants to be asked.
    Policy,
    /// The exchange.
    Swap,
    /// The first calls after it.
    Probation,
}

impl Stage {
    /// The name in events and API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Hash => "hash",
            Self::Size => "size",
            Self::Format => "format",
            Self::Imports => "imports",
            Self::World => "world",
            Self::Trust => "trust",
            Self::Compile => "compile",
            Self::Instantiate => "instantiate",
            Self::Describe => "describe",
            Self::Schema => "schema",
            Self::Configure => "configure",
            Self::SelfTest => "self-test",
            Self::Replay => "replay",
            Self::Policy => "policy",
            Self::Swap => "swap",
            Self::Probation => "probation",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A candidate that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Rejection {
    /// Where it was stopped.
    pub stage: Stage,
    /// Why.
    pub cause: String,
    /// What its author or the operator can do.
    pub hint: Option<String>,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.cause, self.stage)?;
        match &self.hint {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

impl Rejection {
    pub(crate) fn new(stage: Stage, cause: impl Into<String>) -> Self {
        Self {
            stage,
            cause: one_line(&cause.into()),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The engine could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// This machine or build cannot run the engine as it is configured.
    #[error("the WebAssembly engine cannot start: {cause}")]
    Engine {
        /// Why.
        cause: String,
    },
    /// The folder for compiled plugins cannot be used.
    #[error(
        "the cache of compiled plugins {folder} cannot be used: {cause}; remove it or name another"
    )]
    Cache {
        /// The folder.
        folder: String,
        /// Why.
        cause: String,
    },
}

/// Text of a plugin or of the engine, made safe for one log line of bounded length.
pub(crate) fn one_line(text: &str) -> String {
    const CHARACTERS_MAX: usize = 600;
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(CHARACTERS_MAX)
        .collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
