//! Slack, both ways: each answer, as the outbox must understand it; what a reader sees; no secret anywhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::OpenError;
use crate::http::WAIT_UNSAID;
use crate::loopback::{
    Loopback, Reply, Request, Still, dead_remedy, hard, http, is_markup, is_retry, name, outgoing,
    plainly, raw, receipt, waited,
};
use fillsync_core::message::{Rendered, RichMessage, Span};
use fillsync_core::port::{Channel, ChannelError, Outgoing, Receipt};
use fillsync_fake::{FakeSlack, Fault, Match, Rate, SlackOptions};
use secrecy::SecretString;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const KEY: &str = "AAtheWebhooksKey0123456789";
const TOKEN: &str = "xoxb-AAthe-bots-token-0123456789";
const CHANNEL: &str = "C0123456789";

fn opened(way: Way) -> Result<Slack, OpenError> {
    Slack::open(name("feed"), Settings { way }, http(), Arc::new(Still))
}

fn hook(url: &str) -> Slack {
    opened(Way::Hook(SecretString::from(url))).unwrap()
}

fn way_of_bot(base_url: &str, token: &str, channel: &str) -> Way {
    Way::Bot {
        base_url: base_url.to_owned(),
        token: SecretString::from(token),
        channel: channel.to_owned(),
    }
}

fn bot(base_url: &str) -> Slack {
    opened(way_of_bot(base_url, TOKEN, CHANNEL)).unwrap()
}

fn assert_no_secret(result: &Result<Receipt, ChannelError>) {
    let shown = format!("{result:?}");
    assert!(!shown.contains("AAthe"), "{shown}");
}

/// What a webhook makes of an answer.
async fn by_hook(reply: Reply) -> Result<Receipt, ChannelError> {
    let server = Loopback::start(vec![reply]).await;
    let url = format!("{}/services/T0/B0/{KEY}", server.url);
    let result = hook(&url).send(&outgoing("A", "1")).await;
    assert_no_secret(&result);
    assert_eq!(server.requests().len(), 1, "no repetition by itself");
    result
}

/// What a bot makes of an answer.
async fn by_bot(reply: Reply, outgoing: &Outgoing) -> (Result<Receipt, ChannelError>, Request) {
    let server = Loopback::start(vec![reply]).await;
    let result = bot(&format!("{}/api", server.url)).send(outgoing).await;
    assert_no_secret(&result);
    (result, server.requests().remove(0))
}

fn no(error: &str) -> Reply {
    Reply::json(200, &json!({"ok": false, "error": error}).to_string())
}

async fn fake() -> FakeSlack {
    FakeSlack::start(SlackOptions::new(KEY, TOKEN))
        .await
        .unwrap()
}

#[tokio::test]
async fn styles_travel_as_data_and_the_text_beside_them_is_escaped() {
    let yes = json!({"ok": true, "channel": CHANNEL, "ts": "1503435956.000247"}).to_string();
    let (result, request) = by_bot(Reply::json(200, &yes), &outgoing("P&L", "<!here> *1*")).await;
    assert_eq!(result, receipt("C0123456789/1503435956.000247"));
    assert_eq!(request.path, "/api/chat.postMessage");
    assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(
        request.json(),
        json!({
            "channel": CHANNEL,
            "text": "P&amp;L\n&lt;!here&gt; *1*",
            "blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
                {"type": "text", "text": "P&L", "style": {"bold": true}},
                {"type": "text", "text": "\n"},
                {"type": "text", "text": "<!here> *1*"},
            ]}]}],
            "mrkdwn": false,
            "unfurl_links": false,
            "unfurl_media": false,
        })
    );
}

#[tokio::test]
async fn a_message_full_of_marks_is_read_as_it_was_meant_both_ways() {
    let fake = fake().await;
    let (message, seen) = hard();
    for channel in [hook(&fake.webhook_url()), bot(&fake.api_url())] {
        channel.send(&message).await.unwrap();
        channel.send(&plainly(message.clone())).await.unwrap();
    }
    assert_eq!(fake.received().len(), 4);
    for message in fake.received() {
        assert_eq!(message.text, seen);
        assert_eq!(message.notification, seen);
        assert!(!message.calls_people, "{message:?}");
    }
}

#[tokio::test]
async fn only_a_bot_edits_and_a_deleted_message_is_sent_anew() {
    let fake = fake().await;
    fake.set_pace(Rate::new(100, 1_000));
    let channel = bot(&fake.api_url());
    assert!(channel.can_edit() && !hook(&fake.webhook_url()).can_edit());
    let id = channel
        .send(&outgoing("A", "1"))
        .await
        .unwrap()
        .message_id
        .unwrap();
    assert_eq!(channel.edit(&id, &outgoing("A", "2")).await, receipt(&id));
    // To plain text: the blocks do not stay.
    channel
        .edit(&id, &plainly(outgoing("A", "3")))
        .await
        .unwrap();
    let received = fake.received();
    assert_eq!((received.len(), received[0].text.as_str()), (1, "A\n3"));
    assert_eq!(received[0].edits[1].text, "A\n2");

    fake.delete_message(&received[0].ts);
    let anew = channel.edit(&id, &outgoing("A", "4")).await.unwrap();
    assert_ne!(anew.message_id, Some(id));
    assert_eq!(fake.received()[0].text, "A\n4");
    assert!(!dead_remedy(channel.edit("77", &outgoing("A", "5")).await).is_empty());
}

#[tokio::test]
async fn each_documented_word_of_a_webhook_is_understood() {
    let documented = include_str!("../../../../tests/fixtures/slack/errors.txt");
    let mut seen = 0;
    for line in documented.lines().filter(|line| !line.trim().is_empty()) {
        let (status, word) = line.split_once(' ').unwrap();
        let word = word.split(' ').next().unwrap();
        let reply = Reply::json(status.parse().unwrap(), word);
        let result = by_hook(reply).await;
        match word {
            "ok" => assert_eq!(result, Ok(Receipt::default())),
            "invalid_payload" => assert!(is_markup(&result), "{word}: {result:?}"),
            "rollup_error" => assert!(is_retry(&result), "{word}: {result:?}"),
            "rate_limited" => assert_eq!(waited(result), WAIT_UNSAID),
            _ => assert!(!dead_remedy(result).is_empty(), "{word}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 10, "every line of the file");
    let after = by_hook(Reply::with(429, "retry-after", "7")).await;
    assert_eq!(waited(after).as_secs(), 7);
}

#[tokio::test]
async fn a_refusal_within_a_200_is_a_refusal_and_names_the_setting() {
    for (error, setting) in [
        ("invalid_auth", "token"),
        ("token_revoked", "token"),
        ("missing_scope", "chat:write"),
        ("channel_not_found", "channel"),
        ("not_in_channel", "invite"),
        ("is_archived", "channel"),
        ("some_new_word", "formatter"),
    ] {
        let (result, _) = by_bot(no(error), &outgoing("A", "1")).await;
        let remedy = dead_remedy(result);
        assert!(remedy.contains(setting), "{error}: {remedy}");
    }
    for error in ["internal_error", "fatal_error", "service_unavailable"] {
        let (result, _) = by_bot(no(error), &outgoing("A", "1")).await;
        assert!(is_retry(&result), "{error}: {result:?}");
    }
    let (result, _) = by_bot(no("ratelimited"), &outgoing("A", "1")).await;
    assert_eq!(waited(result), WAIT_UNSAID);
    for error in ["invalid_blocks", "msg_too_long"] {
        let (result, _) = by_bot(no(error), &outgoing("A", "1")).await;
        assert!(is_markup(&result), "{error}: {result:?}");
        let (result, _) = by_bot(no(error), &plainly(outgoing("A", "1"))).await;
        assert!(!dead_remedy(result).is_empty(), "no endless round");
    }
}

#[tokio::test]
async fn passing_faults_are_tried_again_both_ways() {
    for reply in [
        Reply::json(502, "<html>bad gateway</html>"),
        Reply::json(200, "<html>log in to this network</html>"),
        Reply::Torn(200, "o"),
        Reply::Close,
    ] {
        let hook = by_hook(reply.clone()).await;
        let (bot, _) = by_bot(reply.clone(), &outgoing("A", "1")).await;
        assert!(
            is_retry(&hook) && is_retry(&bot),
            "{reply:?}: {hook:?} {bot:?}"
        );
    }
    let fake = fake().await;
    fake.faults().add(Match::any(), Fault::LoseAnswer, 1);
    let channel = bot(&fake.api_url());
    assert!(is_retry(&channel.send(&outgoing("A", "1")).await));
    assert_eq!(fake.received().len(), 1, "taken, but said to nobody");
}

#[tokio::test]
async fn the_pace_is_slacks_and_who_does_not_keep_to_it_waits() {
    let fake = fake().await;
    fake.set_pace(Rate::new(1, 9_000));
    for channel in [hook(&fake.webhook_url()), bot(&fake.api_url())] {
        assert_eq!(channel.pace(), Duration::from_secs(1));
    }
    hook(&fake.webhook_url())
        .send(&outgoing("A", "1"))
        .await
        .unwrap();
    for channel in [hook(&fake.webhook_url()), bot(&fake.api_url())] {
        let after = waited(channel.send(&outgoing("A", "2")).await).as_secs();
        assert!((8..=9).contains(&after), "{after}");
    }
}

#[tokio::test]
async fn the_longest_message_is_taken() {
    let fake = fake().await;
    let long = Outgoing {
        rendered: Rendered::Rich(RichMessage {
            title: vec![Span::bold("&".repeat(200))],
            lines: vec![vec![Span::text("&".repeat(90_000))]],
        }),
        ..outgoing("", "")
    };
    hook(&fake.webhook_url()).send(&long).await.unwrap();
    assert!(fake.received()[0].raw_text.chars().count() <= 40_000);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let inside = Loopback::start(vec![]).await;
    let moved = || Reply::with(302, "location", &inside.url);
    assert!(dead_remedy(by_hook(moved()).await).contains("url"));
    let (result, _) = by_bot(moved(), &outgoing("A", "1")).await;
    assert!(dead_remedy(result).contains("base_url"));
    assert!(inside.requests().is_empty());
}

#[tokio::test]
async fn echoed_secrets_are_redacted() {
    for reply in [
        Reply::json(500, &format!("no {KEY} at /services/T0/B0/{KEY}")),
        Reply::json(400, KEY),
    ] {
        let shown = format!("{:?}", by_hook(reply).await);
        assert!(shown.contains("[hidden]"), "{shown}");
    }
    for reply in [no(&format!("bad {TOKEN}")), Reply::json(500, TOKEN)] {
        let (result, _) = by_bot(reply, &outgoing("A", "1")).await;
        let shown = format!("{result:?}");
        assert!(shown.contains("[hidden]"), "{shown}");
    }
}

#[tokio::test]
async fn a_raw_payload_goes_where_the_operator_says() {
    let yes = json!({"ok": true, "channel": CHANNEL, "ts": "1.2"}).to_string();
    let payload = r#"{"text":"A","blocks":[{"type":"divider"}]}"#;
    let (result, request) = by_bot(Reply::json(200, &yes), &raw("slack", payload)).await;
    assert_eq!(result, receipt("C0123456789/1.2"));
    assert_eq!(
        request.json(),
        json!({"channel": CHANNEL, "text": "A", "blocks": [{"type": "divider"}]})
    );
}

#[tokio::test]
async fn a_bot_says_who_it_is_and_a_webhook_is_not_asked() {
    let fake = fake().await;
    let said = bot(&fake.api_url()).probe().await.unwrap().unwrap();
    assert!(said.contains("fillsync") && said.contains("desk"), "{said}");
    let stranger = opened(way_of_bot(&fake.api_url(), "xoxb-AAthe-other", CHANNEL)).unwrap();
    assert!(matches!(
        stranger.probe().await,
        Err(ChannelError::Dead { .. })
    ));
    assert_eq!(hook(&fake.webhook_url()).probe().await, Ok(None));
    assert!(fake.received().is_empty());
}

#[test]
fn what_can_never_work_is_refused_without_showing_it() {
    let base = "https://slack.com/api";
    for (way, setting) in [
        (
            Way::Hook(SecretString::from("http://hooks.slack.com/AAthe")),
            "url",
        ),
        (Way::Hook(SecretString::from("AAthe")), "url"),
        (way_of_bot(base, "AAthe-token", CHANNEL), "token"),
        (way_of_bot(base, "xoxb-AAthe token", CHANNEL), "token"),
        (
            way_of_bot("http://slack.com/api", TOKEN, CHANNEL),
            "base_url",
        ),
        (way_of_bot(base, TOKEN, "#general"), "channel"),
    ] {
        let error = opened(way).err().unwrap().to_string();
        assert!(
            error.contains(setting) && !error.contains("AAthe"),
            "{error}"
        );
    }
}
