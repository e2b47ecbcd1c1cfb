//! No text makes the reader panic, run out of stack or report without end.

use super::{KNOWN, printed, read};
use crate::{CONFIG_BYTES_MAX, EXAMPLE, PROBLEMS_MAX, parse_bytes};
use proptest::prelude::*;
use std::path::Path;

#[test]
fn deep_nesting_is_refused() {
    let deep = 100_000;
    for text in [
        "[".repeat(deep),
        format!("x = {}", "[".repeat(deep)),
        format!("x = {}", "{a=".repeat(deep)),
        format!("{}x = 1", "a.".repeat(deep)),
        format!("[{}x]\ny = 1", "a.".repeat(deep)),
        format!("[[{}x]]\ny = 1", "a.".repeat(deep)),
        format!(
            "[plugin.x]\nsettings = {}1{}",
            "{a=".repeat(70),
            "}".repeat(70)
        ),
    ] {
        assert!(read(&text).is_err());
    }
}

#[test]
fn many_problems_are_counted() {
    let text: String = (0..5_000)
        .map(|number| format!("key{number} = 1\n"))
        .collect();
    let problems = read(&text).unwrap_err();
    assert_eq!(problems.len(), PROBLEMS_MAX + 1);
    assert!(problems[PROBLEMS_MAX].message.contains("more problems"));
    let broken = "=\n".repeat(100_000);
    assert_eq!(read(&broken).unwrap_err().len(), PROBLEMS_MAX + 1);
}

#[test]
fn a_long_line_is_cut_around_its_caret() {
    let text = format!("{}\nx{} = 1", EXAMPLE, "y".repeat(5_000));
    assert!(
        printed(&text)
            .lines()
            .all(|line| line.chars().count() < 600)
    );
}

#[test]
fn the_largest_file_is_read() {
    let text = format!("{EXAMPLE}{}", "#".repeat(CONFIG_BYTES_MAX - EXAMPLE.len()));
    assert!(read(&text).is_ok());
    assert!(read(&format!("{text}#")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Err(problems) = parse_bytes(&bytes, "f", Path::new(""), &KNOWN) {
            prop_assert!(!problems.is_empty());
            prop_assert!(crate::report(&problems).contains("error"));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]{}=\"'.,#a-z0-9 \n\té\u{7f}]{0,300}") {
        printed(&text);
    }

    /// Pieces of the example cut out, doubled and put elsewhere.
    #[test]
    fn any_shuffle_of_the_example_is_read_or_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..60, any::<char>()), 1..12),
    ) {
        let mut characters: Vec<char> = EXAMPLE.chars().collect();
        for (from, to, length, extra) in edits {
            let from = from.index(characters.len());
            let piece: Vec<char> = characters.iter().skip(from).take(length).copied().collect();
            if length % 2 == 0 {
                characters.drain(from..(from + length).min(characters.len()));
            }
            let to = to.index(characters.len() + 1);
            characters.splice(to..to, piece.into_iter().chain([extra]));
        }
        let text: String = characters.into_iter().collect();
        printed(&text);
    }
}
