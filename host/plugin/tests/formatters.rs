//! The formatters for machines, as components: what they make for Slack and Discord is within the
//! receivers' limits and calls nobody, whatever stands in the alert; elsewhere they give rich messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{alert, count, divergence, fill, load, progress};
use fillsync_core::alert::{Alert, AlertBody, CorrectionAlert, DigestAlert, SystemAlert};
use fillsync_core::execution::Side;
use fillsync_core::id::ChannelName;
use fillsync_core::limits::MessageLimits;
use fillsync_core::message::Rendered;
use fillsync_core::raw;
use fillsync_core::time::VenueTime;
use fillsync_plugin_host::{Loaded, Target};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

fn target(kind: &str, edits: bool) -> Target {
    Target {
        channel: ChannelName::new("ops").unwrap(),
        kind: kind.to_owned(),
        limits: *MessageLimits::of(kind).unwrap(),
        edits,
    }
}

/// Loaded once: compiling is what takes time.
fn loaded(formatter: &str) -> Arc<Loaded> {
    static LOADED: Mutex<BTreeMap<String, Arc<Loaded>>> = Mutex::new(BTreeMap::new());
    let mut all = LOADED.lock().unwrap();
    let one = all.entry(formatter.to_owned());
    Arc::clone(one.or_insert_with(|| load(formatter, "")))
}

/// The payload, held against the receiver's rules once more.
#[track_caller]
fn payload(formatter: &str, kind: &str, alert: &Alert, edits: bool) -> Value {
    let (rendered, _) = loaded(formatter)
        .format(alert, &target(kind, edits))
        .unwrap();
    let Rendered::Raw { channel_kind, json } = rendered else {
        panic!("{formatter} made no payload for {kind}")
    };
    assert_eq!(channel_kind, kind);
    raw::checked(kind, &json).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn digest(lines: Vec<String>) -> AlertBody {
    AlertBody::Digest(DigestAlert {
        events: u32::try_from(lines.len()).unwrap(),
        lines,
        from: VenueTime::EPOCH,
        to: VenueTime::from_us(common::NOON_US),
    })
}

#[test]
fn slack_gets_a_header_the_lines_and_the_time_of_each_reader() {
    let said = payload(
        "slack-blocks",
        "slack",
        &alert("desk", fill(count(1, 2))),
        false,
    );
    assert_eq!(said["blocks"][0]["text"]["text"], "📊 LIMIT ORDER FILLED");
    let lines = said["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(
        lines.contains("2 of 3 orders filled [Synchronized count]"),
        "{lines}"
    );
    assert!(lines.contains("this account: 1 seen (L1)"), "{lines}");
    let context = said["blocks"][2]["elements"][0]["text"].as_str().unwrap();
    assert_eq!(
        context,
        "desk · GTCUSDT · cycle 12 · <!date^1763726400^{date_num} {time_secs}|12:00:00Z>"
    );
    assert!(
        said["text"]
            .as_str()
            .unwrap()
            .starts_with("📊 LIMIT ORDER FILLED\n")
    );
}

#[test]
fn discord_gets_one_embed_with_its_colour_and_the_accounts_side_by_side() {
    let said = payload(
        "discord-embed",
        "discord",
        &alert("desk", divergence()),
        true,
    );
    let embed = &said["embeds"][0];
    assert!(
        embed["title"]
            .as_str()
            .unwrap()
            .starts_with("⚠️ ACCOUNTS DIVERGED")
    );
    assert_eq!(embed["timestamp"], "2025-11-21T12:00:00Z");
    assert_eq!(embed["footer"]["text"], "desk · GTCUSDT · cycle 12");
    assert_eq!(embed["fields"][0]["name"], "MAIN");
    assert_eq!(
        embed["fields"][1]["value"],
        "still open 0/150 (checked 12:00:31Z)"
    );
    assert_eq!(said["allowed_mentions"], serde_json::json!({ "parse": [] }));
    assert!(said.get("content").is_none());
}

#[test]
fn a_long_digest_is_cut_at_a_line_and_says_how_many_are_missing() {
    let lines: Vec<String> = (0..2_000)
        .map(|n| {
            format!(
                "main S{n}USDT Sell: 3 fills, 1 cycle closed <&> {}",
                "x".repeat(120)
            )
        })
        .collect();
    let alert = alert("desk", digest(lines.clone()));
    let slack = payload("slack-blocks", "slack", &alert, false);
    let blocks = slack["blocks"].as_array().unwrap();
    let sections: Vec<&str> = blocks
        .iter()
        .filter(|block| block["type"] == "section")
        .map(|block| block["text"]["text"].as_str().unwrap())
        .collect();
    let shown: usize = sections.iter().map(|section| section.lines().count()).sum();
    let last = sections.last().unwrap().lines().last().unwrap();
    assert_eq!(last, format!("… {} more lines", lines.len() - (shown - 1)));
    assert!(shown > 500, "{shown}");
    let discord = payload("discord-embed", "discord", &alert, false);
    let description = discord["embeds"][0]["description"].as_str().unwrap();
    let kept = description.lines().count() - 1;
    let note = format!("… {} more lines", lines.len() - kept);
    assert!(description.ends_with(&note), "{description}");
    // No escape is cut in two.
    assert!(
        description
            .lines()
            .take(kept)
            .all(|line| line.ends_with('x'))
    );
}

#[test]
fn a_later_truth_that_cannot_edit_says_that_it_replaces_what_was_said() {
    let mut later = alert("desk", fill(count(2, 2)));
    later.revision = 1;
    for (formatter, kind) in [("slack-blocks", "slack"), ("discord-embed", "discord")] {
        let note = "instead of what was said before (revision 1)";
        assert!(
            payload(formatter, kind, &later, false)
                .to_string()
                .contains(note)
        );
        assert!(
            !payload(formatter, kind, &later, true)
                .to_string()
                .contains(note)
        );
    }
}

#[test]
fn other_channels_get_the_words_of_limit_fill() {
    for body in [fill(count(1, 2)), progress(), divergence()] {
        let alert = alert("desk", body);
        let words = |formatter: &str| {
            let (rendered, _) = loaded(formatter)
                .format(&alert, &target("telegram", true))
                .unwrap();
            rendered
        };
        let expected = words("limit-fill");
        assert!(matches!(expected, Rendered::Rich(_)));
        assert_eq!(words("slack-blocks"), expected);
        assert_eq!(words("discord-embed"), expected);
    }
}

/// Text as venues and strategies could write it: markup, mentions, pictures, and too much of it.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,60}",
        "\\PC{0,40}",
        prop::sample::select(vec![
            "<!channel> <@U024BE7LH> <!subteam^S1>",
            "@everyone @here <@&123> <@!1>",
            "*_~`|>#[x](https://x.example)\\",
            "&lt;!channel&gt;",
            "\u{202e}txt\u{2066}\u{0}\u{7}",
        ])
        .prop_map(str::to_owned),
        (1_usize..9_000).prop_map(|n| "𝄞<&".repeat(n)),
    ]
}

fn any_body() -> impl Strategy<Value = AlertBody> {
    prop_oneof![
        prop::collection::vec(any_text(), 0..40).prop_map(digest),
        (any_text(), any_text(), prop::option::of(any_text())).prop_map(|(topic, text, remedy)| {
            AlertBody::System(SystemAlert {
                topic,
                text,
                remedy,
            })
        }),
        any_text().prop_map(|reason| AlertBody::Correction(CorrectionAlert {
            slot: 1,
            side: Side::Sell,
            previous: 2,
            count: count(1, 2),
            reason,
        })),
        any_text().prop_map(|note| {
            let mut counted = count(1, 1);
            counted.synchronised = false;
            counted.note = Some(note);
            fill(counted)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_in_an_alert_can_be_sent_and_calls_nobody(body in any_body(), revision in 0_u32..3) {
        let mut alert = alert("desk", body);
        alert.revision = revision;
        payload("slack-blocks", "slack", &alert, false);
        payload("discord-embed", "discord", &alert, false);
    }
}
