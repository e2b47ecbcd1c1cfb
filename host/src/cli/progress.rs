//! Showing that something goes on: a bar on a terminal, nothing or plain lines anywhere else.
//!
//! It goes to standard error, so that an answer on standard output stays an answer.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// From one picture of a spinner to the next.
const TICK: Duration = Duration::from_millis(120);

/// Shows that something goes on, on a terminal only.
pub(super) fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    bar.enable_steady_tick(TICK);
    bar
}

/// How much of something is done: a bar on a terminal, else a line for each step that is told.
pub(super) struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
}

impl Progress {
    /// Of so much, in any unit.
    pub(super) fn new(whole: u64) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(whole), target);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:32} {percent:>3} %  {eta:>4} left  {msg}")
        {
            bar.set_style(style);
        }
        if is_terminal {
            bar.enable_steady_tick(TICK);
        }
        Self { bar, is_terminal }
    }

    /// So much more is done; the bar says what is under way.
    pub(super) fn advance(&self, by: u64, what: &str) {
        self.bar.set_message(what.to_owned());
        self.bar.inc(by);
    }

    /// Tells a step: a line of its own, above the bar.
    pub(super) fn tell(&self, line: &str) {
        if self.is_terminal {
            self.bar.println(line);
        } else {
            // Nobody can be told that standard error is closed.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
