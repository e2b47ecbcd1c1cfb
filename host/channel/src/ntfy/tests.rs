//! ntfy: each answer, as the outbox must understand it; the priority of each severity; no secret anywhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::http::WAIT_UNSAID;
use crate::loopback::{
    Loopback, Reply, Still, dead_remedy, hard, http, is_retry, name, outgoing, plainly, raw, waited,
};
use fillsync_core::alert::{AlertKind, Severity};
use fillsync_core::message::{Rendered, RichMessage, Span};
use fillsync_core::port::{Channel, ChannelError, Outgoing, Receipt};
use fillsync_fake::{FakeNtfy, Fault, Match, NtfyLogin, NtfyOptions, Rate};
use secrecy::SecretString;
use serde_json::json;
use std::sync::Arc;

const TOPIC: &str = "AAthe-topic-7f3a9c";
const TOKEN: &str = "tk_AAthe_token_0123456789";

fn ntfy(base_url: &str, login: Login) -> Ntfy {
    let settings = Settings {
        base_url: base_url.to_owned(),
        topic: SecretString::from(TOPIC),
        login,
    };
    Ntfy::open(name("phone"), settings, http(), Arc::new(Still)).unwrap()
}

fn with_token(base_url: &str) -> Ntfy {
    ntfy(base_url, Login::Token(SecretString::from(TOKEN)))
}

async fn sent(reply: Reply) -> Result<Receipt, ChannelError> {
    let server = Loopback::start(vec![reply]).await;
    let result = with_token(&server.url).send(&outgoing("A", "1")).await;
    let shown = format!("{result:?}");
    assert!(!shown.contains("AAthe"), "{shown}");
    assert_eq!(server.requests().len(), 1, "no repetition by itself");
    result
}

fn refusal(status: u16, code: u32, error: &str) -> Reply {
    let body =
        json!({"code": code, "http": status, "error": error, "link": "https://ntfy.sh/docs"});
    Reply::json(status, &body.to_string())
}

async fn fake(login: NtfyLogin) -> FakeNtfy {
    let mut options = NtfyOptions::new(TOPIC);
    options.login = login;
    FakeNtfy::start(options).await.unwrap()
}

#[tokio::test]
async fn severity_is_the_priority_and_the_kind_is_a_tag() {
    let fake = fake(NtfyLogin::Anybody).await;
    let channel = ntfy(&fake.base_url(), Login::Nobody);
    for severity in Severity::ALL {
        let message = Outgoing {
            severity,
            kind: AlertKind::Divergence,
            ..outgoing("A", "1")
        };
        assert_eq!(channel.send(&message).await, Ok(Receipt::default()));
    }
    let received = fake.received();
    let priorities: Vec<u64> = received.iter().map(|message| message.priority).collect();
    assert_eq!(priorities, [3, 4, 5]);
    assert_eq!(received[0].tags, ["divergence"]);
    assert_eq!(received[2].tags, ["rotating_light", "divergence"]);
    assert_eq!(
        (received[0].title.as_str(), received[0].message.as_str()),
        ("A", "1")
    );
    assert!(!channel.can_edit());
}

#[tokio::test]
async fn a_login_is_shown_and_the_wrong_one_is_dead() {
    let basic = Login::User("desk".to_owned(), SecretString::from("AAthe password"));
    for (header, login) in [
        (
            format!("Bearer {TOKEN}"),
            Login::Token(SecretString::from(TOKEN)),
        ),
        // printf 'desk:AAthe password' | base64
        ("Basic ZGVzazpBQXRoZSBwYXNzd29yZA==".to_owned(), basic),
    ] {
        let fake = fake(NtfyLogin::Header(header)).await;
        let channel = ntfy(&fake.base_url(), login);
        channel.send(&outgoing("A", "1")).await.unwrap();
        assert!(channel.probe().await.unwrap().is_some());
        for stranger in [
            Login::Nobody,
            Login::Token(SecretString::from("tk_AAthe_other")),
        ] {
            let stranger = ntfy(&fake.base_url(), stranger);
            assert!(!dead_remedy(stranger.send(&outgoing("A", "1")).await).is_empty());
        }
        assert_eq!(fake.received().len(), 1);
    }
}

#[tokio::test]
async fn a_message_full_of_marks_is_plain_text() {
    let fake = fake(NtfyLogin::Anybody).await;
    let (message, seen) = hard();
    let channel = ntfy(&fake.base_url(), Login::Nobody);
    channel.send(&message).await.unwrap();
    channel.send(&plainly(message)).await.unwrap();
    for message in fake.received() {
        assert_eq!(format!("{}\n{}", message.title, message.message), seen);
    }
}

#[tokio::test]
async fn no_message_is_so_long_that_it_becomes_a_file() {
    let fake = fake(NtfyLogin::Anybody).await;
    let long = Outgoing {
        rendered: Rendered::Rich(RichMessage {
            title: vec![Span::bold("é".repeat(2_000))],
            lines: vec![vec![Span::text("é".repeat(1_000))]; 20],
        }),
        ..outgoing("", "")
    };
    ntfy(&fake.base_url(), Login::Nobody)
        .send(&long)
        .await
        .unwrap();
    let received = fake.received().remove(0);
    assert!(!received.is_attachment && received.message.len() <= 4_096);
    assert!(received.title.chars().count() <= 250);
    assert!(
        received.message.contains("more line"),
        "{}",
        received.message
    );
}

#[tokio::test]
async fn a_message_of_a_title_only_does_not_say_triggered() {
    let fake = fake(NtfyLogin::Anybody).await;
    ntfy(&fake.base_url(), Login::Nobody)
        .send(&outgoing("A", ""))
        .await
        .unwrap();
    assert_eq!(fake.received()[0].message, "A");
}

#[tokio::test]
async fn what_will_never_work_is_dead_and_names_the_setting() {
    for (reply, setting) in [
        (refusal(401, 40_101, "unauthorized"), "token"),
        (refusal(403, 40_301, "forbidden"), "topic"),
        (refusal(404, 40_401, "page not found"), "base_url"),
        (refusal(413, 41_301, "attachment too large"), "limit"),
        (refusal(400, 40_009, "topic invalid"), "topic"),
        (
            Reply::with(301, "location", "https://example.com"),
            "base_url",
        ),
    ] {
        let remedy = dead_remedy(sent(reply.clone()).await);
        assert!(remedy.contains(setting), "{reply:?}: {remedy}");
    }
}

#[tokio::test]
async fn too_fast_waits_and_a_day_that_is_used_up_waits_longer() {
    let after = waited(sent(refusal(429, 42_901, "limit reached: too many requests")).await);
    assert_eq!(after, WAIT_UNSAID);
    let after = waited(
        sent(refusal(
            429,
            42_908,
            "limit reached: daily message quota reached",
        ))
        .await,
    );
    assert_eq!(after.as_secs(), 3_600);
    assert_eq!(
        waited(sent(Reply::with(429, "retry-after", "9")).await).as_secs(),
        9
    );
    let fake = fake(NtfyLogin::Anybody).await;
    fake.set_pace(Rate::new(1, 60_000));
    let channel = ntfy(&fake.base_url(), Login::Nobody);
    channel.send(&outgoing("A", "1")).await.unwrap();
    waited(channel.send(&outgoing("A", "2")).await);
}

#[tokio::test]
async fn passing_faults_are_tried_again() {
    for reply in [
        refusal(500, 50_001, "internal server error"),
        refusal(507, 50_701, "cannot publish to UnifiedPush topic"),
        Reply::json(502, "<html>bad gateway</html>"),
        Reply::json(200, "<html>log in to this network</html>"),
        Reply::Torn(200, r#"{"id":"a"#),
        Reply::Close,
    ] {
        let result = sent(reply.clone()).await;
        assert!(is_retry(&result), "{reply:?}: {result:?}");
    }
    let fake = fake(NtfyLogin::Anybody).await;
    fake.faults().add(Match::any(), Fault::LoseAnswer, 1);
    let channel = ntfy(&fake.base_url(), Login::Nobody);
    assert!(is_retry(&channel.send(&outgoing("A", "1")).await));
    assert_eq!(fake.received().len(), 1, "taken, but said to nobody");
}

#[tokio::test]
async fn echoed_secrets_are_redacted() {
    for body in [
        format!("no {TOKEN} here"),
        format!("Authorization: Bearer {TOKEN}"),
        format!("no topic {TOPIC}"),
    ] {
        let shown = format!("{:?}", sent(Reply::json(500, &body)).await);
        assert!(shown.contains("[hidden]"), "{shown}");
    }
}

#[tokio::test]
async fn a_raw_payload_goes_to_the_operators_topic() {
    let fake = fake(NtfyLogin::Anybody).await;
    let payload = r#"{"message":"A","priority":5,"tags":["skull"]}"#;
    let channel = ntfy(&fake.base_url(), Login::Nobody);
    channel.send(&raw("ntfy", payload)).await.unwrap();
    let received = fake.received().remove(0);
    assert_eq!((received.topic.as_str(), received.priority), (TOPIC, 5));
}

#[tokio::test]
async fn the_server_is_asked_without_a_message() {
    let fake = fake(NtfyLogin::Header(format!("Bearer {TOKEN}"))).await;
    assert!(
        with_token(&fake.base_url())
            .probe()
            .await
            .unwrap()
            .unwrap()
            .contains("login")
    );
    let stranger = ntfy(
        &fake.base_url(),
        Login::Token(SecretString::from("tk_AAthe_other")),
    );
    assert!(matches!(
        stranger.probe().await,
        Err(ChannelError::Dead { .. })
    ));
    let nobody = ntfy(&fake.base_url(), Login::Nobody);
    assert!(nobody.probe().await.unwrap().unwrap().contains("answers"));
    assert!(fake.received().is_empty());
}

#[test]
fn a_login_never_crosses_a_network_in_the_clear() {
    let settings = Settings {
        base_url: "http://ntfy.example.com".to_owned(),
        topic: SecretString::from(TOPIC),
        login: Login::Nobody,
    };
    let error = Ntfy::open(name("phone"), settings, http(), Arc::new(Still))
        .err()
        .unwrap();
    assert!(error.to_string().contains("base_url"), "{error}");
}
