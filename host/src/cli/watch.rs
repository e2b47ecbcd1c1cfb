//! `--watch`: the same answer again and again, until somebody has seen enough.
//!
//! On a terminal the picture is redrawn in its place without flicker: one write, line over line, nothing is
//! cleared that is not overwritten. Anywhere else each answer follows the one before, so that a pipe gets
//! them all. What fails at first fails the command; what fails later is shown, because a daemon
//! that restarts must not end a watch.

use super::{runtime, say};
use clap::Args;
use console::{Term, truncate_str};
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// The longest time from one answer to the next, in seconds.
const EVERY_MAX_S: u64 = 86_400;
/// The alternate screen, and no cursor on it.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
/// Back to where the terminal was.
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
/// A terminal that knows it shows the picture when it is whole (synchronised update); others ignore it.
const BEGIN: &str = "\u{1b}[?2026h\u{1b}[H";
const END: &str = "\u{1b}[J\u{1b}[?2026l";
/// Clears what an older, longer line left.
const LINE_END: &str = "\u{1b}[0m\u{1b}[K";

/// Whether an answer is repeated.
#[derive(Debug, Clone, Args)]
pub(super) struct Wish {
    /// Repeat the answer every so many seconds, until Ctrl-C.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = clap::value_parser!(u64).range(1..=EVERY_MAX_S)
    )]
    watch: Option<u64>,
}

impl Wish {
    /// Shows an answer once, or until Ctrl-C.
    ///
    /// # Errors
    /// When the first answer cannot be had, or standard output is closed.
    pub(super) fn show(&self, answer: impl Fn() -> anyhow::Result<String>) -> anyhow::Result<()> {
        match self.watch {
            None => say(&answer()?),
            Some(seconds) => runtime()?.block_on(repeat(Duration::from_secs(seconds), answer)),
        }
    }
}

async fn repeat(
    every: Duration,
    answer: impl Fn() -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut resized = signal(SignalKind::window_change())?;
    let mut last = answer()?;
    let screen = Screen::open();
    let note = format!("every {} s, Ctrl-C ends", every.as_secs());
    screen.show(&last, &note)?;
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = resized.recv() => {
                if screen.is_terminal {
                    screen.show(&last, &note)?;
                }
                continue;
            }
            _ = ticks.tick() => {}
        }
        match answer() {
            Ok(text) => {
                last = text;
                screen.show(&last, &note)?;
            }
            Err(error) => screen.fail(&last, &format!("{error:#}"))?,
        }
    }
    let is_terminal = screen.is_terminal;
    drop(screen);
    // What was seen last stays in sight.
    if is_terminal { say(&last) } else { Ok(()) }
}

/// Where answers are shown.
struct Screen {
    is_terminal: bool,
}

impl Screen {
    fn open() -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let is_terminal = std::io::stdout().is_terminal() && !is_dumb;
        if is_terminal {
            // A terminal that is gone shows at the first picture.
            let _ = std::io::stdout().write_all(ENTER.as_bytes());
        }
        Self { is_terminal }
    }

    fn show(&self, text: &str, note: &str) -> anyhow::Result<()> {
        if !self.is_terminal {
            return say(text);
        }
        let (rows, columns) = Term::stdout().size();
        let mut out = std::io::stdout().lock();
        out.write_all(picture(text, note, rows.into(), columns.into()).as_bytes())?;
        Ok(out.flush()?)
    }

    /// An answer that could not be had: on a terminal below the last one, else on standard error.
    fn fail(&self, last: &str, error: &str) -> anyhow::Result<()> {
        if self.is_terminal {
            let error = error.lines().next().unwrap_or_default();
            return self.show(last, &format!("{error} (what is shown is older)"));
        }
        super::warn(error);
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.is_terminal {
            let mut out = std::io::stdout().lock();
            // Nobody is left to be told.
            let _ = out.write_all(LEAVE.as_bytes());
            let _ = out.flush();
        }
    }
}

/// One picture: as much as fits the terminal, with the note in the last line.
fn picture(text: &str, note: &str, rows: usize, columns: usize) -> String {
    let room = rows.saturating_sub(1);
    let lines: Vec<&str> = text.lines().collect();
    let hidden = lines.len().saturating_sub(room);
    let note = if hidden > 0 {
        format!("{hidden} lines more than fit here; {note}")
    } else {
        note.to_owned()
    };
    let mut picture = String::from(BEGIN);
    for line in lines.iter().take(room) {
        picture.push_str(&truncate_str(line, columns, "…"));
        picture.push_str(LINE_END);
        picture.push_str("\r\n");
    }
    picture.push_str(&truncate_str(&note, columns, "…"));
    picture.push_str(LINE_END);
    picture.push_str(END);
    picture
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// What a terminal shows: without what steers it.
    fn shown(picture: &str) -> Vec<String> {
        let bare = console::strip_ansi_codes(picture).into_owned();
        bare.split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_picture_fits_the_terminal_and_says_what_does_not() {
        let text = "one\ntwo is long\nthree\nfour";
        assert_eq!(
            shown(&picture(text, "note", 6, 40)),
            ["one", "two is long", "three", "four", "note"]
        );
        assert_eq!(
            shown(&picture(text, "note", 3, 8)),
            ["one", "two is …", "2 lines…"]
        );
    }

    #[test]
    fn nothing_is_cleared_before_it_is_overwritten() {
        let picture = picture("one", "note", 5, 20);
        assert!(!picture.contains("\u{1b}[2J"), "{picture:?}");
        assert!(picture.ends_with(END), "{picture:?}");
        // The last line does not scroll the terminal.
        assert!(!picture.contains("note\r\n"), "{picture:?}");
    }
}
