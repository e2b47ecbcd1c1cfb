//! Everything that is wrong is reported at once, each thing in its place.

use super::{printed, read};
use crate::{CONFIG_BYTES_MAX, EXAMPLE, MINIMAL, Problem, load, parse_bytes};
use std::path::Path;

#[test]
fn all_problems_of_a_file_come_at_once() {
    insta::assert_snapshot!(printed(include_str!("all_wrong.toml")));
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    insta::assert_snapshot!(printed(
        "[daemon]\nlisten = \"127.0.0.1:8080\nlogformat = \"json\"\n\n[[account]\nname = main\napi_key = \"k\n"
    ));
}

#[test]
fn what_works_but_is_probably_not_meant_is_a_warning() {
    insta::assert_snapshot!(printed(include_str!("suspicious.toml")));
    assert!(read(include_str!("suspicious.toml")).is_ok());
}

/// One edit of the minimal configuration, and the line, column and piece of message it must give.
#[test]
fn each_mistake_is_found_in_its_place() {
    let cases: &[(&str, &str, (usize, usize), &str)] = &[
        ("strategy =", "strateg =", (12, 1), "unknown key `strateg`"),
        (
            "\"max-count\"",
            "\"max-cuont\"",
            (12, 12),
            "no plugin named `max-cuont`",
        ),
        (
            "\"max-count\"",
            "3",
            (12, 12),
            "must be text, not a whole number",
        ),
        (
            "account = \"main\"",
            "account = \"mian\"",
            (13, 25),
            "no account named `mian`",
        ),
        (
            "role = \"main\"",
            "role = \"boss\"",
            (13, 40),
            "`boss` is no `role`",
        ),
        (
            "\"bybit\"",
            "\"binance\"",
            (6, 14),
            "`binance` is no `venue`",
        ),
        (
            "kind = \"stdout\"",
            "kind = \"slack\"",
            (17, 8),
            "a channel of kind `slack` needs `url` (an incoming webhook) or `token` and `channel`",
        ),
        (
            "kind = \"stdout\"",
            "kind = \"stdout\"\nquiet = { from = \"22:00\", to = \"22:00\" }",
            (18, 32),
            "these hours are empty",
        ),
        (
            "kind = \"stdout\"",
            "kind = \"stdout\"\nquiet = { from = \"22:00\", to = \"07:00\", breaks_through = \"info\" }",
            (18, 58),
            "`info` is no `breaks_through`",
        ),
        (
            "kind = \"stdout\"",
            "kind = \"stdout\"\naccounts = [\"mian\"]",
            (18, 13),
            "no account named `mian`",
        ),
        (
            "kind = \"stdout\"",
            "kind = \"stdot\"",
            (17, 8),
            "no kind of channel",
        ),
        (
            "kind = \"stdout\"",
            "kind = \"telegram\"",
            (15, 1),
            "the key `token` is missing",
        ),
        (
            "kind = \"stdout\"",
            "kind = \"stdout\"\ntoken = 1",
            (18, 1),
            "unknown key `token`",
        ),
        (
            "kind = \"stdout\"",
            "kind = \"stdout\"\ngroups = [\"desks\"]",
            (18, 11),
            "no group named `desks`",
        ),
        (
            "kind = \"stdout\"",
            "kind = \"stdout\"\nalerts = [\"fil\"]",
            (18, 11),
            "`fil` is no `alerts[0]`",
        ),
        (
            "name       = \"main\"\n",
            "",
            (4, 1),
            "the key `name` is missing",
        ),
        (
            "[[account]]",
            "[account]",
            (4, 1),
            "must be a list of tables",
        ),
        (
            "[[channel]]",
            "[plugin.Max]\n[[channel]]",
            (15, 9),
            "lower-case",
        ),
        (
            "strategy =",
            "settle = \"40s\"\nstrategy =",
            (10, 1),
            "`deadline` is shorter than `settle`",
        ),
        (
            "strategy =",
            "settle = \"3 sec\"\nstrategy =",
            (12, 10),
            "whole number with a unit",
        ),
        (
            "strategy =",
            "slot_token = \"L([0-9])\"\nstrategy =",
            (12, 14),
            "no group named `slot`",
        ),
        (
            "[[account]]\n",
            "[[account]]\npoll_every = \"99ms\"\n",
            (5, 14),
            "below 100ms",
        ),
        (
            "[[account]]\n",
            "[[account]]\npoll_every = 2\n",
            (5, 14),
            "needs a unit",
        ),
        (
            "[[account]]\n",
            "[[account]]\nbase_url = \"http://api.bybit.com\"\n",
            (5, 12),
            "this machine only",
        ),
        (
            "[[account]]\n",
            "[daemon]\nlisten = \"0.0.0.0:80\"\n[[account]]\n",
            (5, 10),
            "open to other machines",
        ),
        (
            "[[channel]]",
            "[plugin.x]\nsha256 = \"ab\"\n[[channel]]",
            (16, 10),
            "64 hexadecimal digits",
        ),
        (
            "[[channel]]",
            "[plugin.x]\nlimits = { memory = \"4GiB\" }\n[[channel]]",
            (16, 21),
            "between 64KiB and 512MiB",
        ),
    ];
    for (from, to, at, message) in cases {
        let text = MINIMAL.replacen(from, to, 1);
        assert_ne!(
            text, MINIMAL,
            "{from:?} is not in the minimal configuration"
        );
        let problems = read(&text).expect_err(to);
        let found = |problem: &Problem| {
            let place = problem
                .place
                .as_ref()
                .map(|place| (place.line, place.column));
            place == Some(*at) && problem.message.contains(message)
        };
        assert!(
            problems.iter().any(found),
            "{to:?}\n{}",
            crate::report(&problems)
        );
    }
}

#[test]
fn an_account_moves_the_counts_of_one_group_only() {
    let second = "[[group]]\nname = \"two\"\nstrategy = \"none\"\nmembers = [{ account = \"main\", role = \"main\" }]\n";
    let text = format!("{MINIMAL}\n{second}");
    assert!(printed(&text).contains("the counts of two groups, `desk` and `two`"));
    let observed = text.replacen(
        second,
        &second.replace("role = \"main\"", "role = \"observer\""),
        1,
    );
    assert!(read(&observed).is_ok(), "{}", printed(&observed));
}

#[test]
fn an_open_door_with_a_token_is_allowed() {
    let text =
        format!("[daemon]\nlisten = \"0.0.0.0:80\"\napi_token = {{ env = \"T\" }}\n{MINIMAL}");
    assert!(read(&text).is_ok());
}

#[test]
fn a_file_that_is_no_text_names_the_byte() {
    let mut bytes = b"[daemon]\nlisten = \"".to_vec();
    bytes.push(0xff);
    let problems = parse_bytes(&bytes, "f", Path::new(""), &[]).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].message.contains("offset 19 (line 2)"),
        "{}",
        problems[0]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_one_problem() {
    let folder = tempfile::tempdir().unwrap();
    let missing = load(&folder.path().join("none.toml"), &[]).unwrap_err();
    assert!(missing[0].message.contains("cannot be read"));
    let directory = load(folder.path(), &[]).unwrap_err();
    assert!(directory[0].message.contains("no plain file"));
    let large = folder.path().join("large.toml");
    std::fs::write(&large, "#".repeat(10 * CONFIG_BYTES_MAX)).unwrap();
    let large = load(&large, &[]).unwrap_err();
    assert!(large[0].message.contains("more than"));
    let good = folder.path().join("good.toml");
    std::fs::write(&good, EXAMPLE.replace('\n', "\r\n")).unwrap();
    assert!(load(&good, &super::KNOWN).is_ok());
}

/// An editor that truncates before it writes must not remove every account for a moment.
#[test]
fn an_empty_file_is_refused() {
    for text in ["", "\n", "# nothing\n", "[daemon]\n", "\u{feff}"] {
        assert!(
            printed(text).contains("there is no [[account]]"),
            "{text:?}"
        );
    }
}

#[test]
fn a_file_without_a_channel_is_warned_of() {
    let text = MINIMAL.split("[[channel]]").next().unwrap();
    assert!(printed(text).contains("there is no [[channel]], so no alert goes anywhere"));
}
