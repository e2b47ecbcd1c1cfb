//! The author's kit: questions written by hand, answers as text, measures, and what to do about errors.
//!
//! Everything here asks a plugin through the same [`crate::Loaded`] as the daemon, under the same
//! limits, so that what passes here passes there. Deliberately absent: files, folders, printing and
//! arguments, which belong to the command line; and any leniency that the daemon does not have.

mod alert;
mod answer;
mod bench;
mod case;
mod fill_in;
mod outside;
mod redact;
mod remedy;
mod stages;
mod view;

pub use answer::{Comparison, DiffLine, Said, compare};
pub use bench::{CALLS_DEFAULT, Figures, Share, bench};
pub use case::{
    Asked, CASE_BYTES_MAX, Case, CaseError, Question, ask, canned, read_case, write_case,
};
pub use outside::{ANSWERED_INERTLY, Inspection, PROVEN, Setting, inspect, settings_of};
pub use redact::Redaction;
pub use remedy::remedy;
pub use stages::{Passage, StageOutcome, StageReport, check};
