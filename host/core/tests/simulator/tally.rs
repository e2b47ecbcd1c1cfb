//! How much was claimed, and how much could have been.
//!
//! A core that claims nothing says nothing false, so silence is counted as well: of every account at
//! every slot it is worked out what really was so and could be known, and whether it was said.

use fillsync_core::truth::Truth;
use std::collections::BTreeMap;
use std::fmt;

/// A class of histories, and what was really so in it.
type Question = (&'static str, &'static str);

#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    /// How often each word was said.
    pub(crate) said: BTreeMap<&'static str, u64>,
    /// How often what was so was claimed, and how often it could have been.
    pub(crate) claims: BTreeMap<Question, (u64, u64)>,
}

impl Tally {
    pub(crate) fn add(&mut self, what: &'static str) {
        *self.said.entry(what).or_default() += 1;
    }

    /// What was really so could be known: was it said?
    pub(crate) fn offer(&mut self, class: &'static str, real: Truth, said: Truth) {
        let said = if said == Truth::Extra {
            Truth::Aligned
        } else {
            said
        };
        let (made, possible) = self.claims.entry((class, real.as_str())).or_default();
        *made += u64::from(said == real);
        *possible += 1;
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for (what, count) in &other.said {
            *self.said.entry(what).or_default() += count;
        }
        for (question, (made, possible)) in &other.claims {
            let sum = self.claims.entry(*question).or_default();
            *sum = (sum.0 + made, sum.1 + possible);
        }
    }

    /// Of a hundred claims that could be made so many were.
    pub(crate) fn percent(&self, question: Question) -> u64 {
        let (made, possible) = self.claims.get(&question).copied().unwrap_or_default();
        (100 * made).checked_div(possible).unwrap_or(0)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.said {
            writeln!(f, "said {what}: {count}")?;
        }
        for (question, (made, possible)) in &self.claims {
            let ((class, real), percent) = (question, self.percent(*question));
            writeln!(
                f,
                "{class} {real}: claimed {made} of {possible} ({percent}%)"
            )?;
        }
        Ok(())
    }
}
