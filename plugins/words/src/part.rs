//! Lines as parts of a bounded length, for receivers that take a message in pieces.
//!
//! Promises: no part is longer than its bound, counted as it is sent; an escape is never split, because
//! a line that is too long is shortened before it is escaped; what does not fit is counted in the last
//! line, "… 12 more lines".

/// What the line that counts the missing lines may take.
const NOTE_UNITS_MAX: usize = 32;

/// UTF-16 units, in which receivers count.
#[must_use]
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The lines, escaped and joined into at most `parts_max` parts of at most `units_max` units each.
#[must_use]
pub fn parts(
    lines: &[String],
    units_max: usize,
    parts_max: usize,
    escape: impl Fn(&str) -> String,
) -> Vec<String> {
    let room = units_max.saturating_sub(NOTE_UNITS_MAX);
    let mut parts: Vec<String> = Vec::new();
    let mut open = String::new();
    for (index, line) in lines.iter().enumerate() {
        let line = fitting(line, room, &escape);
        let joined = units(&open) + 1 + units(&line);
        if !open.is_empty() && joined > room {
            if parts.len() + 1 == parts_max {
                let missing = lines.len() - index;
                let noun = if missing == 1 { "line" } else { "lines" };
                open.push_str(&format!("\n… {missing} more {noun}"));
                parts.push(open);
                return parts;
            }
            parts.push(std::mem::take(&mut open));
        }
        if !open.is_empty() {
            open.push('\n');
        }
        open.push_str(&line);
    }
    if !open.trim().is_empty() {
        parts.push(open);
    }
    parts
}

/// A text of at most so many units, counted as it is sent, with "…" where it was shortened.
#[must_use]
pub fn fitting(text: &str, units_max: usize, escape: impl Fn(&str) -> String) -> String {
    let whole = escape(text);
    if units(&whole) <= units_max {
        return whole;
    }
    let mut kept = String::new();
    let mut used = 1;
    for character in text.chars() {
        let escaped = escape(character.encode_utf8(&mut [0; 4]));
        used += units(&escaped);
        if used > units_max {
            break;
        }
        kept.push_str(&escaped);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escape(text: &str) -> String {
        text.replace('<', "&lt;")
    }

    #[test]
    fn a_message_that_fits_is_one_part() {
        let lines = vec!["a".to_owned(), "b <".to_owned()];
        assert_eq!(parts(&lines, 100, 5, escape), ["a\nb &lt;"]);
        assert_eq!(parts(&[], 100, 5, escape), Vec::<String>::new());
    }

    #[test]
    fn no_part_is_too_long_and_no_line_is_lost_without_a_word() {
        let lines: Vec<String> = (0..300)
            .map(|n| format!("line {n} <𝄞> {}", "x".repeat(n)))
            .collect();
        for (units_max, parts_max) in [(40, 1), (100, 3), (500, 50), (3_000, 2)] {
            let parts = parts(&lines, units_max, parts_max, escape);
            assert!(parts.len() <= parts_max);
            assert!(
                parts.iter().all(|part| units(part) <= units_max),
                "{units_max}"
            );
            let kept: usize = parts.iter().map(|part| part.lines().count()).sum();
            let last = parts.last().unwrap().lines().last().unwrap();
            let missing = lines.len() - (kept - 1);
            assert_eq!(last, format!("… {missing} more lines"));
        }
    }

    #[test]
    fn a_line_is_shortened_before_it_is_escaped() {
        assert_eq!(fitting("<<<<", 9, escape), "&lt;&lt;…");
        assert_eq!(fitting("ab", 2, escape), "ab");
        assert_eq!(fitting("abc", 2, escape), "a…");
    }
}
