//! Payloads that are refused, each with the place and the remedy, and those that pass.
#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

#[track_caller]
fn refused(kind: &str, payload: &Value, path: &str, words: &str) {
    let fault = checked(kind, &payload.to_string()).unwrap_err();
    assert_eq!(fault.path, path, "{fault}");
    assert!(fault.what.contains(words), "{fault}");
}

#[track_caller]
fn passes(kind: &str, payload: &str) {
    assert!(
        checked(kind, payload).is_ok(),
        "{:?}",
        checked(kind, payload)
    );
}

fn slack_of(block: &Value) -> Value {
    json!({ "text": "2 of 3 filled", "blocks": [block] })
}

fn discord_of(embed: &Value) -> Value {
    json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } })
}

#[test]
fn payloads_that_only_say_something_pass() {
    let slack = json!({
        "text": "LIMIT ORDER FILLED", "unfurl_links": false,
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": "LIMIT ORDER FILLED", "emoji": true } },
            { "type": "section", "text": { "type": "mrkdwn", "text": "a &lt;b&gt; <https://x.example|link> <!date^1|{date}|x>" } },
            { "type": "section", "fields": [{ "type": "mrkdwn", "text": "*L2*" }] },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": "12:00:00Z" }] },
            { "type": "divider" },
        ],
    });
    passes("slack", &slack.to_string());
    let discord = discord_of(&json!({
        "title": "FILLED", "description": "x".repeat(4_096), "color": 0x2e_b8_86, "timestamp": "2025-11-21T12:00:00Z",
        "footer": { "text": "desk" }, "author": { "name": "MIRROR" },
        "fields": [{ "name": "L2", "value": "150 at 0.2215", "inline": true }],
    }));
    passes("discord", &discord.to_string());
    passes(
        "discord",
        r#"{"content":"x","allowed_mentions":{"parse":[]},"flags":4}"#,
    );
    passes("telegram", r#"{"text":"fine"}"#);
    passes(
        "ntfy",
        r#"{"message":"fine","priority":4,"tags":["chart"]}"#,
    );
    passes("webhook", r#"[1, "anything"]"#);
}

#[test]
fn nobody_is_called_by_an_alert() {
    for text in [
        "<!channel> look",
        "<!here>",
        "<!subteam^S1>",
        "hello <@U024BE7LH>",
    ] {
        refused("slack", &json!({ "text": text }), "/text", "calls people");
        let block = json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } });
        refused(
            "slack",
            &slack_of(&block),
            "/blocks/0/text/text",
            "calls people",
        );
    }
    let open = json!({ "content": "@everyone" });
    refused("discord", &open, "/allowed_mentions", "must be");
    let wide = json!({ "content": "x", "allowed_mentions": { "parse": ["everyone"] } });
    refused("discord", &wide, "/allowed_mentions", "must be");
    let mention = json!({ "text": "x", "parse_mode": "HTML" });
    passes("telegram", &mention.to_string());
    let mention = json!({ "text": "<a href=\"tg://user?id=1\">x</a>", "parse_mode": "HTML" });
    refused("telegram", &mention, "", "calls people");
}

#[test]
fn an_alert_goes_nowhere_else_and_speaks_in_no_other_name() {
    for key in [
        "channel",
        "username",
        "icon_url",
        "attachments",
        "response_type",
    ] {
        refused(
            "slack",
            &json!({ "text": "x", key: "y" }),
            &format!("/{key}"),
            "not allowed",
        );
    }
    for key in ["username", "avatar_url", "tts", "components", "thread_name"] {
        let payload = json!({ "content": "x", "allowed_mentions": { "parse": [] }, key: "y" });
        refused("discord", &payload, &format!("/{key}"), "not allowed");
    }
    refused(
        "telegram",
        &json!({ "text": "x", "chat_id": 1 }),
        "/chat_id",
        "not allowed",
    );
    refused(
        "ntfy",
        &json!({ "message": "x", "topic": "y" }),
        "/topic",
        "not allowed",
    );
    let image = json!({ "type": "image", "image_url": "https://x.example/1.png", "alt_text": "x" });
    refused(
        "slack",
        &slack_of(&image),
        "/blocks/0/type",
        "header, section",
    );
    let embed = json!({ "title": "x", "thumbnail": { "url": "https://x.example/1.png" } });
    refused(
        "discord",
        &discord_of(&embed),
        "/embeds/0/thumbnail",
        "not allowed",
    );
    refused(
        "slack",
        &json!({ "text": "x", "unfurl_links": true }),
        "/unfurl_links",
        "only be false",
    );
}

#[test]
fn what_the_receiver_would_refuse_for_its_length_is_named() {
    let block =
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x".repeat(3_001) } });
    refused(
        "slack",
        &slack_of(&block),
        "/blocks/0/text/text",
        "3001 characters; at most 3000",
    );
    let header =
        json!({ "type": "header", "text": { "type": "plain_text", "text": "x".repeat(151) } });
    refused(
        "slack",
        &slack_of(&header),
        "/blocks/0/text/text",
        "at most 150",
    );
    let many = json!({ "text": "x", "blocks": vec![json!({ "type": "divider" }); 51] });
    refused("slack", &many, "/blocks", "51 items; at most 50");
    let embed = json!({ "description": "x".repeat(4_097) });
    refused(
        "discord",
        &discord_of(&embed),
        "/embeds/0/description",
        "at most 4096",
    );
    let field = json!({ "name": "a", "value": "b" });
    let embed = json!({ "fields": vec![field; 26] });
    refused(
        "discord",
        &discord_of(&embed),
        "/embeds/0/fields",
        "26 items; at most 25",
    );
    let embed = json!({ "title": "x", "fields": [{ "name": "a", "value": " " }] });
    refused(
        "discord",
        &discord_of(&embed),
        "/embeds/0/fields/0/value",
        "must not be empty",
    );
    let embed = json!({ "description": "x".repeat(3_001) });
    let two = json!({ "embeds": [embed, embed], "allowed_mentions": { "parse": [] } });
    refused(
        "discord",
        &two,
        "/embeds",
        "6002 characters in all; at most 6000",
    );
    // 𝄞 is two units.
    let content = json!({ "content": "𝄞".repeat(1_001), "allowed_mentions": { "parse": [] } });
    refused("discord", &content, "/content", "2002 characters");
    refused(
        "telegram",
        &json!({ "text": "x".repeat(4_097) }),
        "/text",
        "at most 4096",
    );
    refused(
        "ntfy",
        &json!({ "message": "é".repeat(2_049) }),
        "/message",
        "4098 bytes",
    );
}

/// Two keys of one name: the receiver could read the one that was not looked at.
#[test]
fn what_is_sent_has_each_key_once() {
    let twice = r#"{"content":"x","allowed_mentions":{"parse":["everyone"]},"allowed_mentions":{"parse":[]}}"#;
    let sent = checked("discord", twice).unwrap();
    assert_eq!(sent.matches("allowed_mentions").count(), 1, "{sent}");
    assert!(!sent.contains("everyone"), "{sent}");
}

#[test]
fn what_is_no_payload_is_told_so() {
    refused("slack", &json!([]), "", "not a JSON object");
    refused("slack", &json!({ "blocks": [] }), "/text", "needed");
    refused(
        "discord",
        &json!({ "allowed_mentions": { "parse": [] } }),
        "",
        "says nothing",
    );
    refused("email", &json!({}), "", "rich message");
    refused(
        "pigeon",
        &json!({}),
        "",
        "kind of channel that there is not",
    );
    let fault = checked("slack", "{").unwrap_err();
    assert!(
        fault
            .to_string()
            .starts_with("its payload for slack: as a whole is not JSON"),
        "{fault}"
    );
    assert!(!is_taken_by("email") && is_taken_by("slack"));
}
