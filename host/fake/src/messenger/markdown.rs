//! Discord's Markdown, as far as a message shows it: escapes, strong, code and links.
//!
//! Promise: what a reader of Discord sees as plain text is what comes out; a mark that has no end is text, as there.
//! Written from Discord's behaviour, not from any client of it. Deliberately absent: lists, quotes and headings, which
//! change how a line looks and not what it says.

/// The text that a reader sees.
#[must_use]
pub fn read_markdown(source: &str) -> String {
    let mut seen = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(character) = rest.chars().next() {
        let after = rest.get(character.len_utf8()..).unwrap_or_default();
        match character {
            '\\' => match after.chars().next() {
                // Only marks are escaped; a backslash before anything else is one.
                Some(mark) if !mark.is_alphanumeric() && !mark.is_whitespace() => {
                    seen.push(mark);
                    rest = after.get(mark.len_utf8()..).unwrap_or_default();
                }
                _ => {
                    seen.push('\\');
                    rest = after;
                }
            },
            '`' => match after.split_once('`') {
                Some((code, after)) if !code.is_empty() => {
                    seen.push_str(code);
                    rest = after;
                }
                _ => {
                    seen.push('`');
                    rest = after;
                }
            },
            '*' if rest.starts_with("**") => match inner(rest, "**") {
                Some((strong, after)) => {
                    seen.push_str(&read_markdown(strong));
                    rest = after;
                }
                None => {
                    seen.push_str("**");
                    rest = rest.get(2..).unwrap_or_default();
                }
            },
            '*' | '_' => match inner(rest, &character.to_string()) {
                Some((slanted, after)) => {
                    seen.push_str(&read_markdown(slanted));
                    rest = after;
                }
                None => {
                    seen.push(character);
                    rest = after;
                }
            },
            '[' => match link(after) {
                Some((text, after)) => {
                    seen.push_str(&read_markdown(text));
                    rest = after;
                }
                None => {
                    seen.push('[');
                    rest = after;
                }
            },
            other => {
                seen.push(other);
                rest = after;
            }
        }
    }
    seen
}

/// What stands between a mark at the start and the next one that is not escaped; and what follows.
fn inner<'a>(source: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let body = source.strip_prefix(mark)?;
    let end = unescaped(body, mark)?;
    let (inside, after) = body.split_at_checked(end)?;
    (!inside.trim().is_empty()).then_some((inside, after.strip_prefix(mark)?))
}

/// The text of `text](address)`, and what follows.
fn link(source: &str) -> Option<(&str, &str)> {
    let end = unescaped(source, "](")?;
    let (text, after) = source.split_at_checked(end)?;
    let (address, after) = after.strip_prefix("](")?.split_once(')')?;
    let is_address = address.starts_with("https://") || address.starts_with("http://");
    (is_address && !address.contains(char::is_whitespace)).then_some((text, after))
}

/// Where a mark stands that no backslash is before.
fn unescaped(text: &str, mark: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        if !is_escaped && text.get(at..).is_some_and(|rest| rest.starts_with(mark)) {
            return Some(at);
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::read_markdown;

    #[test]
    fn marks_are_read_and_escaped_marks_are_text() {
        for (source, seen) in [
            ("**P&L** up", "P&L up"),
            ("a *b* _c_ `d*e`", "a b c d*e"),
            ("\\*not\\* \\_this\\_ \\\\", "*not* _this_ \\"),
            ("[text](https://example.com/a)", "text"),
            ("[x](y) 2 * 3", "[x](y) 2 * 3"),
            ("**open", "**open"),
            ("\\<@everyone\\>", "<@everyone>"),
        ] {
            assert_eq!(read_markdown(source), seen, "{source}");
        }
    }
}
