//! Tables of figures, and their place in `tests/BENCHMARKS.md`.
//!
//! Each figure stands between two marks of its own, so measuring one again leaves the others and all
//! prose as they are.

use crate::measure::{self, Samples};
use std::path::Path;

/// What was measured for one letter.
#[derive(Default)]
pub struct Section {
    pub title: &'static str,
    pub lines: Vec<Line>,
    /// Sentences below the table that name what was measured besides: ratios, sizes.
    pub remarks: Vec<String>,
}

/// One line of a table.
pub struct Line {
    pub what: String,
    pub unit: &'static str,
    pub samples: Samples,
    pub aim: &'static str,
}

impl Section {
    pub fn new(title: &'static str) -> Self {
        Self {
            title,
            ..Self::default()
        }
    }

    pub fn line(
        &mut self,
        what: impl Into<String>,
        unit: &'static str,
        samples: Samples,
        aim: &'static str,
    ) {
        self.lines.push(Line {
            what: what.into(),
            unit,
            samples,
            aim,
        });
    }

    pub fn remark(&mut self, text: String) {
        self.remarks.push(text);
    }
}

/// A section with the state of the machine around it.
pub struct Figure {
    letter: char,
    section: Section,
    conditions: String,
}

impl Figure {
    pub fn of(letter: char, measure: impl FnOnce() -> Section) -> Self {
        let (load, sync) = (measure::load(), measure::fdatasync_ms());
        let section = measure();
        let conditions = format!(
            "{}. Load {load} before, {} after; fdatasync p50 {sync:.2} ms before, {:.2} ms after.",
            measure::machine(),
            measure::load(),
            measure::fdatasync_ms(),
        );
        Self {
            letter,
            section,
            conditions,
        }
    }

    pub fn markdown(&self) -> String {
        let mut text = format!("### {}: {}\n\n", self.letter, self.section.title);
        text.push_str("| what | unit | p50 | p99 | max | min | rounds | aim |\n");
        text.push_str("|---|---|---:|---:|---:|---:|---:|---|\n");
        for line in &self.section.lines {
            let samples = &line.samples;
            let [p50, p99, max, min] = [0.5, 0.99, 1.0, 0.0].map(|q| number(samples.quantile(q)));
            text.push_str(&format!(
                "| {} | {} | {p50} | {p99} | {max} | {min} | {} | {} |\n",
                line.what,
                line.unit,
                samples.len(),
                line.aim
            ));
        }
        for remark in &self.section.remarks {
            text.push_str(&format!("\n{remark}\n"));
        }
        text.push_str(&format!("\n{}\n", self.conditions));
        text
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => {
            let digits = format!("{value:.0}");
            let mut grouped = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if index > 0 && (digits.len() - index).is_multiple_of(3) {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            grouped
        }
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Puts a figure into its place in the file.
pub fn write(figure: &Figure, path: &Path) {
    let text = std::fs::read_to_string(path).expect("tests/BENCHMARKS.md is there");
    let begin = format!("<!-- figure {}: begin -->\n", figure.letter);
    let end = format!("<!-- figure {}: end -->", figure.letter);
    let (head, rest) = text.split_once(&begin).expect("the figure has its marks");
    let (_, tail) = rest.split_once(&end).expect("the figure has its end mark");
    let text = format!("{head}{begin}{}{end}{tail}", figure.markdown());
    std::fs::write(path, text).expect("tests/BENCHMARKS.md can be written");
}
