//! Discord: each answer, as the outbox must understand it; what a reader sees; the token nowhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::OpenError;
use crate::loopback::{
    Loopback, Reply, Request, Still, dead_remedy, hard, http, impatient, is_markup, is_retry, name,
    outgoing, plainly, raw, receipt, waited,
};
use fillsync_core::alert::Severity;
use fillsync_core::message::{Rendered, RichMessage, Span};
use fillsync_core::port::{Channel, ChannelError, Outgoing, Receipt};
use fillsync_fake::{DiscordOptions, FakeDiscord, Fault, Match, Rate};
use secrecy::SecretString;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const TOKEN: &str = "AAtheWebhooksToken_with-everything";
const SENT: &str = r#"{"id":"1180000000000001000","type":0,"content":"x"}"#;

fn settings(url: &str) -> Settings {
    Settings {
        url: SecretString::from(url),
        thread_id: None,
        embeds: true,
    }
}

fn opened(settings: Settings) -> Result<Discord, OpenError> {
    Discord::open(name("chat"), settings, http(), Arc::new(Still))
}

fn discord(base: &str) -> Discord {
    opened(settings(&format!(
        "{base}/api/webhooks/1180000000000000001/{TOKEN}"
    )))
    .unwrap()
}

async fn sent_as(
    script: Vec<Reply>,
    outgoing: &Outgoing,
) -> (Result<Receipt, ChannelError>, Vec<Request>) {
    let server = Loopback::start(script).await;
    let result = discord(&server.url).send(outgoing).await;
    assert_no_token(&result);
    (result, server.requests())
}

async fn sent(reply: Reply) -> Result<Receipt, ChannelError> {
    let (result, requests) = sent_as(vec![reply], &outgoing("A", "1")).await;
    assert_eq!(requests.len(), 1, "no repetition by itself");
    result
}

fn assert_no_token(result: &Result<Receipt, ChannelError>) {
    let shown = format!("{result:?}");
    assert!(!shown.contains("AAthe"), "{shown}");
}

fn refusal(status: u16, code: i64, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"message": message, "code": code}).to_string(),
    )
}

async fn fake() -> (FakeDiscord, Discord) {
    let fake = FakeDiscord::start(DiscordOptions::new(TOKEN))
        .await
        .unwrap();
    let channel = opened(settings(&fake.webhook_url())).unwrap();
    (fake, channel)
}

#[tokio::test]
async fn an_embed_is_sent_that_calls_nobody_and_its_id_comes_back() {
    let message = Outgoing {
        severity: Severity::Critical,
        ..outgoing("A", "1")
    };
    let (result, requests) = sent_as(vec![Reply::json(200, SENT)], &message).await;
    assert_eq!(result, receipt("1180000000000001000"));
    assert_eq!(
        (requests[0].method.as_str(), requests[0].path.as_str()),
        (
            "POST",
            format!("/api/webhooks/1180000000000000001/{TOKEN}?wait=true").as_str()
        )
    );
    assert_eq!(
        requests[0].json(),
        json!({
            "content": "",
            "embeds": [{"title": "A", "description": "1", "color": 0xe7_4c_3c}],
            "allowed_mentions": {"parse": []},
        })
    );
}

#[tokio::test]
async fn a_message_full_of_marks_is_read_as_it_was_meant() {
    let (fake, channel) = fake().await;
    let (message, seen) = hard();
    channel.send(&message).await.unwrap();
    channel.send(&plainly(message.clone())).await.unwrap();
    let contents = Settings {
        embeds: false,
        ..settings(&fake.webhook_url())
    };
    opened(contents).unwrap().send(&message).await.unwrap();
    let received = fake.received();
    assert_eq!(received.len(), 3);
    for message in &received {
        assert_eq!(message.text, seen, "{message:?}");
        assert!(!message.calls_people);
    }
    assert!(received[0].content.is_empty() && received[1].embeds.is_empty());
    assert!(
        received[2].content.starts_with("**P&L"),
        "{}",
        received[2].content
    );
}

#[tokio::test]
async fn the_longest_message_is_cut_to_what_discord_takes() {
    let (fake, channel) = fake().await;
    for part in ["*", "😀", "x"] {
        let long = Outgoing {
            rendered: Rendered::Rich(RichMessage {
                title: vec![Span::bold(part.repeat(400))],
                lines: vec![vec![Span::text(part.repeat(9_000))]; 3],
            }),
            ..outgoing("", "")
        };
        channel.send(&long).await.unwrap();
        channel.send(&plainly(long)).await.unwrap();
        fake.set_pace(Rate::new(1_000, 1_000));
    }
    assert_eq!(fake.received().len(), 6);
}

#[tokio::test]
async fn an_edit_replaces_in_place_and_a_deleted_message_is_sent_anew() {
    let (fake, channel) = fake().await;
    assert!(channel.can_edit());
    let id = channel
        .send(&outgoing("A", "1"))
        .await
        .unwrap()
        .message_id
        .unwrap();
    assert_eq!(channel.edit(&id, &outgoing("A", "2")).await, receipt(&id));
    let received = fake.received();
    assert_eq!((received.len(), received[0].text.as_str()), (1, "A\n2"));
    assert_eq!(received[0].edits[0].text, "A\n1");
    // From an embed to plain content and back: nothing of the old form stays.
    channel
        .edit(&id, &plainly(outgoing("A", "3")))
        .await
        .unwrap();
    assert_eq!(fake.received()[0].text, "A\n3");

    fake.delete_message(&id);
    let anew = channel.edit(&id, &outgoing("A", "4")).await.unwrap();
    assert_ne!(anew.message_id.as_deref(), Some(id.as_str()));
    assert_eq!(fake.received()[0].text, "A\n4");

    // An id that is none could lead to another address.
    let wrong = channel.edit("1/../../2", &outgoing("A", "5")).await;
    assert!(!dead_remedy(wrong).is_empty());
}

#[tokio::test]
async fn a_thread_is_named_in_every_call_and_a_wrong_one_is_dead() {
    let mut options = DiscordOptions::new(TOKEN);
    options.threads = vec![42];
    let fake = FakeDiscord::start(options).await.unwrap();
    let in_thread = |thread| {
        opened(Settings {
            thread_id: Some(thread),
            ..settings(&fake.webhook_url())
        })
        .unwrap()
    };
    let id = in_thread(42)
        .send(&outgoing("A", "1"))
        .await
        .unwrap()
        .message_id
        .unwrap();
    assert_eq!(fake.received()[0].thread_id, Some(42));
    in_thread(42).edit(&id, &outgoing("A", "2")).await.unwrap();
    let edits = fake.requests().all();
    assert_eq!(edits.last().unwrap().query, "thread_id=42");
    let wrong = in_thread(43).send(&outgoing("A", "1")).await;
    assert!(dead_remedy(wrong).contains("thread_id"));
}

#[tokio::test]
async fn the_documented_waits_are_passed_on() {
    let user = include_str!("../../../../tests/fixtures/discord/429_user.json");
    let global = include_str!("../../../../tests/fixtures/discord/429_global.json");
    for body in [user, global] {
        assert_eq!(
            waited(sent(Reply::json(429, body)).await),
            Duration::from_millis(64_570)
        );
    }
    // A proxy before Discord has no JSON, and perhaps a header.
    let banned = Reply::Full(
        429,
        vec![("Retry-After", "65".to_owned())],
        "<html>".to_owned(),
    );
    assert_eq!(waited(sent(banned).await).as_secs(), 65);
    assert_eq!(
        waited(sent(Reply::json(429, "")).await),
        crate::http::WAIT_UNSAID
    );
}

#[tokio::test]
async fn the_bucket_of_the_headers_is_the_pace() {
    let (fake, channel) = fake().await;
    fake.set_pace(Rate::new(2, 60_000));
    channel.send(&outgoing("A", "1")).await.unwrap();
    assert_eq!(channel.pace(), Duration::ZERO, "one is left");
    channel.send(&outgoing("A", "2")).await.unwrap();
    let pace = channel.pace();
    assert!(
        pace > Duration::from_secs(50) && pace <= Duration::from_secs(60),
        "{pace:?}"
    );
    // Who does not keep to it is told how long to wait.
    let after = waited(channel.send(&outgoing("A", "3")).await);
    assert!(after > Duration::from_secs(50) && after <= Duration::from_secs(60));
    assert_eq!(fake.received().len(), 2);
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_never_called_again() {
    let (fake, channel) = fake().await;
    fake.delete_webhook();
    for _ in 0..3 {
        let remedy = dead_remedy(channel.send(&outgoing("A", "1")).await);
        assert!(remedy.contains("url"), "{remedy}");
    }
    assert_eq!(fake.requests().all().len(), 1);
}

#[tokio::test]
async fn what_will_never_work_is_dead_and_names_the_setting() {
    for (reply, setting) in [
        (refusal(401, 50_027, "Invalid Webhook Token"), "url"),
        (refusal(403, 50_013, "Missing Permissions"), "url"),
        (refusal(404, 10_015, "Unknown Webhook"), "url"),
        (refusal(400, 10_003, "Unknown Channel"), "thread_id"),
        (
            refusal(
                400,
                220_001,
                "Webhooks posted to forum channels must have a thread",
            ),
            "thread_id",
        ),
        (Reply::json(404, "<html>not here</html>"), "url"),
        (Reply::json(405, ""), "formatter"),
    ] {
        let remedy = dead_remedy(sent(reply.clone()).await);
        assert!(remedy.contains(setting), "{reply:?}: {remedy}");
    }
}

#[tokio::test]
async fn a_form_that_is_refused_is_sent_once_more_as_plain_text_and_then_never() {
    let unreadable = || refusal(400, 50_035, "Invalid Form Body");
    assert!(is_markup(&sent(unreadable()).await));
    let (result, requests) = sent_as(vec![unreadable()], &plainly(outgoing("A", "*1*"))).await;
    dead_remedy(result);
    assert_eq!(requests[0].json()["content"], "A\n\\*1\\*");
    assert_eq!(requests[0].json()["embeds"], json!([]));
}

#[tokio::test]
async fn passing_faults_are_tried_again() {
    for reply in [
        refusal(500, 0, "Internal Server Error"),
        Reply::json(502, "<html><h1>502 Bad Gateway</h1></html>"),
        Reply::json(200, "<html>log in to this network</html>"),
        Reply::Torn(200, r#"{"id":"11"#),
        Reply::Close,
    ] {
        let result = sent(reply.clone()).await;
        assert!(is_retry(&result), "{reply:?}: {result:?}");
    }
    // Taken, but said to nobody: it is sent once more.
    let (fake, channel) = fake().await;
    fake.faults().next(1, Fault::LoseAnswer);
    assert!(is_retry(&channel.send(&outgoing("A", "1")).await));
    assert_eq!(fake.received().len(), 1);
    // Too slow.
    fake.faults()
        .add(Match::any(), Fault::DelayAnswer { ms: 2_000 }, 1);
    let slow = Discord::open(
        name("chat"),
        settings(&fake.webhook_url()),
        impatient(),
        Arc::new(Still),
    )
    .unwrap();
    assert!(is_retry(&slow.send(&outgoing("A", "2")).await));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let inside = Loopback::start(vec![]).await;
    let result = sent(Reply::with(307, "location", &inside.url)).await;
    assert!(dead_remedy(result).contains("url"));
    assert!(inside.requests().is_empty());
}

#[tokio::test]
async fn an_echoed_token_is_redacted_even_where_the_quote_is_cut() {
    let padding = "a ".repeat(89);
    let body = format!("{padding}/api/webhooks/1/{TOKEN}");
    for reply in [
        Reply::json(502, &body),
        refusal(400, 0, &body),
        refusal(403, 0, TOKEN),
    ] {
        let shown = format!("{:?}", sent(reply).await);
        assert!(shown.contains("[hidden"), "{shown}");
    }
}

#[tokio::test]
async fn a_raw_payload_goes_out_and_can_call_nobody() {
    let payload = r#"{"content":"<@1> @everyone","allowed_mentions":{"parse":[]}}"#;
    let (result, requests) = sent_as(vec![Reply::json(200, SENT)], &raw("discord", payload)).await;
    assert_eq!(result, receipt("1180000000000001000"));
    assert_eq!(
        requests[0].json(),
        json!({"content": "<@1> @everyone", "embeds": [], "allowed_mentions": {"parse": []}})
    );
    for wrong in [
        raw("slack", "{}"),
        raw("discord", "[1]"),
        raw("discord", "{"),
    ] {
        let (result, requests) = sent_as(vec![], &wrong).await;
        assert!(!dead_remedy(result).is_empty());
        assert!(requests.is_empty());
    }
}

#[tokio::test]
async fn an_empty_message_is_not_even_tried() {
    let (result, requests) = sent_as(vec![], &outgoing("", " ")).await;
    assert!(dead_remedy(result).contains("formatter"));
    assert!(requests.is_empty());
}

#[tokio::test]
async fn the_webhook_says_what_it_is_without_its_token() {
    let (fake, channel) = fake().await;
    let said = channel.probe().await.unwrap().unwrap();
    assert!(said.contains("fills") && !said.contains(TOKEN), "{said}");
    assert!(fake.received().is_empty());
    fake.delete_webhook();
    assert!(matches!(
        channel.probe().await,
        Err(ChannelError::Dead { .. })
    ));
}

#[test]
fn only_a_webhooks_address_is_taken_and_never_shown() {
    for wrong in [
        "https://discord.com/api/channels/1/AAtheToken",
        "https://discord.com/api/webhooks/1",
        "http://discord.com/api/webhooks/1/AAtheToken",
        "AAtheToken",
        "https://user:AAtheToken@discord.com/api/webhooks/1/x",
    ] {
        let error = opened(settings(wrong)).err().unwrap().to_string();
        assert!(error.contains("url") && !error.contains("AAthe"), "{error}");
    }
    for right in [
        "https://discord.com/api/webhooks/1/x",
        "https://discord.com/api/v10/webhooks/1/x/",
        "https://proxy.example.com/discord/api/webhooks/1/x?wait=false",
    ] {
        assert!(opened(settings(right)).is_ok(), "{right}");
    }
}

#[test]
fn seconds_are_read_without_a_float_and_rounded_up() {
    for (text, ms) in [
        ("64.57", 64_570),
        ("1", 1_000),
        ("0.0001", 1),
        ("2.9990001", 3_000),
        ("0", 0),
    ] {
        assert_eq!(
            wire::seconds(text),
            Some(Duration::from_millis(ms)),
            "{text}"
        );
    }
    for text in ["", ".", "-1", "1e3", "NaN", "1.x", "99999999999999999999"] {
        assert_eq!(wire::seconds(text), None, "{text}");
    }
}
