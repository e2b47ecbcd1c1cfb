//! What one call carries: its memory limit with the recorded peak, and its log.
//!
//! A store lives for one question and is dropped with everything that the plugin made; a plugin that
//! trapped cannot be entered again, so there is nothing to reset. What a program writes to its output
//! is a line of the log like any other. Deliberately absent: any capability.

use crate::contract::v1::bindings::formatter::fillsync::plugin::{alert, message};
use crate::contract::v1::bindings::strategy::fillsync::plugin::{log, types};
use crate::limits::{
    INSTANCES_MAX, LOG_BYTES_MAX, LOG_LINE_BYTES_MAX, LOG_LINES_MAX, MEMORIES_MAX,
    TABLE_ELEMENTS_MAX, TABLES_MAX,
};
use crate::wasi::{Inert, Output};
use serde::Serialize;
use std::collections::VecDeque;
use wasmtime::ResourceLimiter;

/// Lines of a plugin's error output that are quoted as its last words.
const LAST_WORDS: usize = 4;

/// How loud a plugin's line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// For its author.
    Debug,
    /// Good to know.
    Info,
    /// Look at it.
    Warn,
    /// Something failed; a panic's text comes this way.
    Error,
}

/// A line that a plugin wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// How loud.
    pub level: LogLevel,
    /// One line without control characters, cut at [`LOG_LINE_BYTES_MAX`].
    pub message: String,
}

/// The state of one call.
pub(crate) struct Call {
    memory_limit: usize,
    memory: usize,
    /// The most memory that it had.
    pub(crate) peak: usize,
    /// The memory that it wanted and did not get.
    pub(crate) denied: Option<usize>,
    /// What it wrote.
    pub(crate) log: Vec<LogLine>,
    log_bytes: usize,
    /// Lines that were dropped.
    pub(crate) log_dropped: u32,
    /// The world that WASI shows it.
    pub(crate) inert: Inert,
    /// The end of its error output.
    complaints: VecDeque<String>,
}

impl Call {
    pub(crate) fn new(memory_limit: usize) -> Self {
        Self {
            memory_limit,
            memory: 0,
            peak: 0,
            denied: None,
            log: Vec::new(),
            log_bytes: 0,
            log_dropped: 0,
            inert: Inert::default(),
            complaints: VecDeque::new(),
        }
    }

    /// Takes what was written to standard output or standard error: each line is one of the log.
    pub(crate) fn written(&mut self, output: Output, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if let Some(line) = self.inert.written(output, piece) {
                self.write_output(output, line);
            }
        }
    }

    /// Takes the lines of output that were not ended, when nothing more can come.
    pub(crate) fn end_output(&mut self) {
        for (output, line) in self.inert.unended() {
            self.write_output(output, line);
        }
    }

    fn write_output(&mut self, output: Output, line: String) {
        match output {
            Output::Standard => self.write(LogLevel::Info, &line),
            Output::Error => {
                self.write(LogLevel::Warn, &line);
                self.complaints.push_back(line);
                if self.complaints.len() > LAST_WORDS {
                    self.complaints.pop_front();
                }
            }
        }
    }

    /// What it said last about its own end: the last error of its log, else the end of its error output.
    pub(crate) fn last_words(&self) -> Option<String> {
        let error = self
            .log
            .iter()
            .rev()
            .find(|line| line.level == LogLevel::Error);
        match error {
            Some(line) => Some(line.message.clone()),
            None if self.complaints.is_empty() => None,
            None => Some(
                self.complaints
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
        }
    }

    fn write(&mut self, level: LogLevel, text: &str) {
        let mut end = text.len().min(LOG_LINE_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let line = text.get(..end).unwrap_or_default();
        if self.log.len() >= LOG_LINES_MAX || self.log_bytes + line.len() > LOG_BYTES_MAX {
            self.log_dropped = self.log_dropped.saturating_add(1);
            return;
        }
        self.log_bytes += line.len();
        let message = line
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        self.log.push(LogLine { level, message });
    }
}

impl log::Host for Call {
    fn log(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.write(level, &message);
    }
}

// These interfaces have types only; the linker wants to see that nothing is behind them.
impl types::Host for Call {}
impl alert::Host for Call {}
impl message::Host for Call {}

/// The engine carries this through a trap; `denied` says the rest.
#[derive(Debug, thiserror::Error)]
#[error("more memory or tables than the limit")]
struct Denied;

impl ResourceLimiter for Call {
    /// Counts over all memories of the instance. Wasmtime asks before a memory is made and grown.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.memory_limit {
            self.denied = Some(total);
            return Err(wasmtime::Error::new(Denied));
        }
        self.memory = total;
        self.peak = self.peak.max(total);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_is_cut_and_counted() {
        let mut call = Call::new(0);
        for _ in 0..1000 {
            call.write(LogLevel::Info, &"é".repeat(2000));
        }
        assert!(call.log.len() <= LOG_LINES_MAX);
        assert!(
            call.log
                .iter()
                .all(|line| line.message.len() <= LOG_LINE_BYTES_MAX)
        );
        let kept: usize = call.log.iter().map(|line| line.message.len()).sum();
        assert!(kept <= LOG_BYTES_MAX);
        assert_eq!(call.log.len() + call.log_dropped as usize, 1000);
    }

    #[test]
    fn memories_are_added_up() {
        let mut call = Call::new(100);
        assert!(call.memory_growing(0, 60, None).is_ok());
        assert!(call.memory_growing(0, 41, None).is_err());
        assert_eq!((call.peak, call.denied), (60, Some(101)));
        assert!(call.memory_growing(60, 100, None).is_ok());
    }
}
