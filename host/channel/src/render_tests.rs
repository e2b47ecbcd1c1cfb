//! Rendering: what is escaped reads back as it was, and what is cut fits and says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;

fn message(title: Line, lines: Vec<Line>) -> RichMessage {
    RichMessage { title, lines }
}

#[test]
fn plain_text_is_what_the_core_prints() {
    let message = message(
        vec![Span::text("📊 LIMIT ORDER FILLED")],
        vec![
            vec![
                Span::text("GTCUSDT "),
                Span::bold("Sell"),
                Span::text(" (MIRROR)"),
            ],
            vec![],
            vec![Span::Link {
                text: "orders".into(),
                url: "https://example.com/a".into(),
            }],
        ],
    );
    assert_eq!(
        plain(&rows(&message)),
        "📊 LIMIT ORDER FILLED\nGTCUSDT Sell (MIRROR)\n\norders"
    );
    assert_eq!(plain(&rows(&message)), message.to_string());
}

#[test]
fn html_escapes_text_and_addresses() {
    let message = message(
        vec![Span::bold("P&L <-1.50>")],
        vec![vec![
            Span::Code("a<b".into()),
            Span::Link {
                text: "\"x\"".into(),
                url: "https://example.com/?a=\"&b=<c>".into(),
            },
        ]],
    );
    assert_eq!(
        html(&rows(&message)),
        "<b>P&amp;L &lt;-1.50&gt;</b>\n<code>a&lt;b</code>\
         <a href=\"https://example.com/?a=&quot;&amp;b=&lt;c&gt;\">&quot;x&quot;</a>"
    );
}

#[test]
fn what_could_mislead_a_terminal_or_a_reader_is_taken_out() {
    let message = message(
        vec![],
        vec![vec![
            Span::text("a\u{1b}[2Jb\tc\u{202e}d"),
            Span::bold(""),
            Span::bold("one\r\ntwo"),
            Span::Link {
                text: "go".into(),
                url: "javascript:alert(1)".into(),
            },
            Span::Link {
                text: "go".into(),
                url: "tg://user?id=1".into(),
            },
        ]],
    );
    assert_eq!(
        rows(&message),
        vec![
            vec![Span::text("a [2Jb c d"), Span::bold("one")],
            vec![Span::bold("two"), Span::text("go"), Span::text("go")],
        ]
    );
}

#[test]
fn a_long_message_is_cut_at_a_line_and_says_how_many_are_missing() {
    let rows: Vec<Line> = (0..5)
        .map(|n| vec![Span::text(format!("line {n}"))])
        .collect();
    let limits = |units_max| Limits {
        units_max,
        bytes_max: usize::MAX,
    };
    assert_eq!(cut(rows.clone(), limits(34), plain_size), rows);
    assert_eq!(
        plain(&cut(rows.clone(), limits(33), plain_size)),
        "line 0\nline 1\n… 3 more lines"
    );
    assert_eq!(
        plain(&cut(rows, limits(20), plain_size)),
        "line…\n… 4 more lines"
    );
}

#[test]
fn one_line_that_is_too_long_keeps_its_start_and_its_markup() {
    let rows = vec![vec![
        Span::text("ab"),
        Span::bold("😀😀😀"),
        Span::text("tail"),
    ]];
    let limits = Limits {
        units_max: 6,
        bytes_max: usize::MAX,
    };
    // Two units for "ab", two for one face, one for the ellipsis; half a face does not exist.
    assert_eq!(html(&cut(rows, limits, html_size)), "ab<b>😀</b>…");
}

#[test]
fn the_bytes_of_the_markup_are_limited_as_well() {
    let rows: Vec<Line> = (0..10).map(|_| vec![Span::Code("&".into())]).collect();
    let limits = Limits {
        units_max: 4_096,
        bytes_max: 100,
    };
    let cut = cut(rows, limits, html_size);
    assert!(html(&cut).len() <= 100);
    assert_eq!(plain(&cut), "&\n&\n&\n&\n… 6 more lines");
}

/// Reads exactly what `html` may write, and nothing else: a strict parser of a tiny language.
fn read(html: &str) -> Result<Vec<Line>, String> {
    html.split('\n').map(read_row).collect()
}

fn read_row(mut html: &str) -> Result<Line, String> {
    let mut row = Line::new();
    while !html.is_empty() {
        if let Some(rest) = html.strip_prefix("<b>") {
            let (text, rest) = rest.split_once("</b>").ok_or("b is open")?;
            row.push(Span::Bold(unescape(text)?));
            html = rest;
        } else if let Some(rest) = html.strip_prefix("<code>") {
            let (text, rest) = rest.split_once("</code>").ok_or("code is open")?;
            row.push(Span::Code(unescape(text)?));
            html = rest;
        } else if let Some(rest) = html.strip_prefix("<a href=\"") {
            let (url, rest) = rest.split_once("\">").ok_or("href is open")?;
            let (text, rest) = rest.split_once("</a>").ok_or("a is open")?;
            row.push(Span::Link {
                text: unescape(text)?,
                url: unescape(url)?,
            });
            html = rest;
        } else {
            let end = html.find('<').unwrap_or(html.len());
            if end == 0 {
                return Err(format!("unknown tag at {html:?}"));
            }
            let (text, rest) = html.split_at(end);
            row.push(Span::Text(unescape(text)?));
            html = rest;
        }
    }
    Ok(row)
}

fn unescape(mut text: &str) -> Result<String, String> {
    let mut plain = String::new();
    while let Some(next) = text.chars().next() {
        let entities = [
            ("&amp;", '&'),
            ("&lt;", '<'),
            ("&gt;", '>'),
            ("&quot;", '"'),
        ];
        if let Some((entity, character)) =
            entities.iter().find(|(entity, _)| text.starts_with(entity))
        {
            plain.push(*character);
            text = &text[entity.len()..];
        } else if matches!(next, '<' | '>' | '&' | '"') {
            return Err(format!("bare {next} at {text:?}"));
        } else {
            plain.push(next);
            text = &text[next.len_utf8()..];
        }
    }
    Ok(plain)
}

/// Neighbouring plain texts cannot be told apart in HTML, so they count as one.
fn merged(rows: Vec<Line>) -> Vec<Line> {
    let merge = |row: Line| {
        let mut merged = Line::new();
        for span in row {
            match (merged.last_mut(), span) {
                (Some(Span::Text(before)), Span::Text(text)) => before.push_str(&text),
                (_, span) => merged.push(span),
            }
        }
        merged
    };
    rows.into_iter().map(merge).collect()
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z<>&\"'/=; \n]{0,12}",
        "(&amp;|<b>|</b>|</code>|<a href=\"|&#39;|😀|é|\u{202e}|\r\n){0,6}",
    ]
}

fn any_span() -> impl Strategy<Value = Span> {
    prop_oneof![
        any_text().prop_map(Span::Text),
        any_text().prop_map(Span::Bold),
        any_text().prop_map(Span::Code),
        (
            any_text(),
            prop_oneof![any_text(), "https?://[a-z<>&\"?=]{1,20}"]
        )
            .prop_map(|(text, url)| Span::Link { text, url }),
    ]
}

fn any_message() -> impl Strategy<Value = RichMessage> {
    let line = || prop::collection::vec(any_span(), 0..5);
    (line(), prop::collection::vec(line(), 0..8))
        .prop_map(|(title, lines)| RichMessage { title, lines })
}

proptest! {
    #[test]
    fn html_read_back_is_the_message(message in any_message()) {
        let rows = rows(&message);
        let back = read(&html(&rows)).map_err(TestCaseError::fail)?;
        if rows.is_empty() {
            prop_assert_eq!(back, vec![Line::new()]);
        } else {
            prop_assert_eq!(back, merged(rows));
        }
    }

    #[test]
    fn a_cut_message_fits_and_is_whole_markup(
        message in any_message(),
        units_max in 0_usize..120,
        bytes_max in 0_usize..300,
    ) {
        let limits = Limits { units_max, bytes_max };
        let rows = rows(&message);
        let cut = cut(rows.clone(), limits, html_size);
        let sent = html(&cut);
        prop_assert!(sent.len() <= bytes_max, "{} bytes: {:?}", sent.len(), sent);
        prop_assert!(plain(&cut).encode_utf16().count() <= units_max);
        read(&sent).map_err(TestCaseError::fail)?;
        // Nothing is cut that would have fitted, and what is cut is never cut silently where "…" fits.
        let fits = plain(&rows).encode_utf16().count() <= units_max && html(&rows).len() <= bytes_max;
        prop_assert_eq!(fits, cut == rows);
        if !fits && units_max > 0 && bytes_max >= "…".len() {
            prop_assert!(plain(&cut).contains('…'), "{:?}", cut);
        }
    }

    #[test]
    fn no_row_has_a_control_character(message in any_message()) {
        let rows = rows(&message);
        prop_assert!(!plain(&rows).chars().any(|character| character != '\n' && character.is_control()));
        prop_assert!(rows.iter().flatten().all(|span| !span.as_plain().contains('\n')));
    }
}
