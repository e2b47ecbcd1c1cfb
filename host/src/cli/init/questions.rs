//! Who is asked: a person at a terminal, or lines of standard input, one for each answer.
//!
//! Questions go to standard error, so that standard output holds the result only. A secret that is typed
//! is not shown. A secret that an environment variable of the right name holds is not asked for.

use anyhow::{Context as _, bail};
use fillsync_report::Look;
use secrecy::SecretString;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// How often a person is asked the same.
const TRIES_MAX: usize = 5;

/// Asks.
pub(super) struct Questions {
    is_terminal: bool,
}

impl Questions {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: std::io::stdin().is_terminal(),
        }
    }

    /// Whether a person answers.
    pub(super) const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// How tables look to whoever is asked.
    pub(super) fn look(&self) -> Look {
        if std::io::stderr().is_terminal() {
            Look::Terminal
        } else {
            Look::Plain
        }
    }

    /// Says something between questions.
    pub(super) fn tell(&self, text: &str) {
        // Nobody can be told that standard error is closed.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// One answer; nothing takes the default, and where there is none it is asked again.
    pub(super) fn ask(&mut self, what: &str, default: Option<&str>) -> anyhow::Result<String> {
        for _ in 0..TRIES_MAX {
            let answer = self.line(what, default)?;
            match (answer.as_str(), default) {
                ("", Some(default)) => return Ok(default.to_owned()),
                ("", None) if self.is_terminal => {}
                ("", None) => bail!("{what} has no answer"),
                _ => return Ok(answer),
            }
        }
        bail!("{what} has no answer")
    }

    /// One of a few words; the first where nothing is answered.
    pub(super) fn choose<T: Copy>(&mut self, what: &str, of: &[(&str, T)]) -> anyhow::Result<T> {
        let words: Vec<&str> = of.iter().map(|(word, _)| *word).collect();
        let word = self.word(what, &words, words.first().copied().unwrap_or_default())?;
        of.iter()
            .find(|(of, _)| *of == word)
            .map(|(_, chosen)| *chosen)
            .with_context(|| format!("{word:?} is none of {}", words.join(", ")))
    }

    /// One of a few words.
    pub(super) fn word(
        &mut self,
        what: &str,
        words: &[&str],
        default: &str,
    ) -> anyhow::Result<String> {
        let asked = format!("{what} ({})", words.join(", "));
        for _ in 0..TRIES_MAX {
            let answer = self.ask(&asked, Some(default))?;
            if words.contains(&answer.as_str()) {
                return Ok(answer);
            }
            let wrong = format!("{answer:?} is none of {}", words.join(", "));
            if !self.is_terminal {
                bail!("{wrong}");
            }
            self.tell(&wrong);
        }
        bail!("{what} has no answer")
    }

    /// Yes or no.
    pub(super) fn confirm(&mut self, what: &str, default: bool) -> anyhow::Result<bool> {
        let word = self.word(what, &["yes", "no"], if default { "yes" } else { "no" })?;
        Ok(word == "yes")
    }

    /// A secret: from the variable of this name, else what is typed, unseen.
    pub(super) fn secret(&mut self, what: &str, variable: &str) -> anyhow::Result<SecretString> {
        if let Some(text) = std::env::var(variable).ok().filter(|text| !text.is_empty()) {
            self.tell(&format!("{what} taken from the variable {variable}"));
            return Ok(SecretString::from(text));
        }
        if !self.is_terminal {
            return Ok(SecretString::from(self.ask(what, None)?));
        }
        for _ in 0..TRIES_MAX {
            self.prompt(&format!("{what} (not shown) "));
            let text = console::Term::stderr().read_secure_line()?;
            if !text.trim().is_empty() {
                return Ok(SecretString::from(text.trim()));
            }
        }
        bail!("{what} has no answer")
    }

    fn prompt(&self, text: &str) {
        let mut out = std::io::stderr().lock();
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }

    fn line(&self, what: &str, default: Option<&str>) -> anyhow::Result<String> {
        let default = match default {
            Some("") | None => String::new(),
            Some(default) => format!(" [{default}]"),
        };
        self.prompt(&format!("{what}{default} "));
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line)?;
        if !self.is_terminal {
            // Answers that come from a pipe end no line on the screen.
            self.prompt("\n");
        }
        if read == 0 && self.is_terminal {
            bail!("the input ended; nothing was written");
        }
        Ok(line.trim().to_owned())
    }
}
