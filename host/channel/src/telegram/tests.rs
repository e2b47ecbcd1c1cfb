//! Telegram: each answer that the Bot API gives, as the outbox must understand it; the token nowhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::http::{WAIT_UNSAID, quote};
use crate::loopback::{
    Loopback, Reply, Request, Still, dead_remedy, http, impatient, name, outgoing, raw, receipt,
    waited,
};
use crate::{ChannelSettings, KindSettings, OpenError, Surroundings, open};
use fillsync_core::message::{Rendered, RichMessage, Span};
use fillsync_core::port::{Channel, ChannelError, Outgoing, Receipt};
use secrecy::SecretString;
use serde_json::json;
use std::sync::{Arc, Mutex};

const KEY: &str = "AAfirstSecretPart_of-the-token";
const TOKEN: &str = "110201543:AAfirstSecretPart_of-the-token";
const SENT: &str = r#"{"ok":true,"result":{"message_id":77,"date":1,"text":"x"}}"#;

fn settings(base_url: &str, chat_id: &str) -> Settings {
    Settings {
        base_url: base_url.to_owned(),
        token: SecretString::from(TOKEN),
        chat_id: chat_id.to_owned(),
        thread_id: None,
    }
}

fn telegram(base_url: &str, chat_id: &str) -> Telegram {
    Telegram::open(
        name("ops"),
        settings(base_url, chat_id),
        http(),
        Arc::new(Still),
    )
    .unwrap()
}

fn refusal(code: u16, description: &str) -> Reply {
    let body = json!({"ok": false, "error_code": code, "description": description});
    Reply::json(code, &body.to_string())
}

/// Sends one message to a receiver with this script.
async fn sent(script: Vec<Reply>) -> (Result<Receipt, ChannelError>, Vec<Request>) {
    sent_as(script, &outgoing("A", "1")).await
}

async fn sent_as(
    script: Vec<Reply>,
    outgoing: &Outgoing,
) -> (Result<Receipt, ChannelError>, Vec<Request>) {
    let server = Loopback::start(script).await;
    let result = telegram(&server.url, "-1001234").send(outgoing).await;
    assert_no_token(&result);
    (result, server.requests())
}

fn assert_no_token(result: &Result<Receipt, ChannelError>) {
    if let Err(error) = result {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(KEY) && !shown.contains("/bot"), "{shown}");
    }
}

#[tokio::test]
async fn a_message_is_sent_as_escaped_html_and_its_id_comes_back() {
    let (result, requests) = sent_as(
        vec![Reply::json(200, SENT)],
        &outgoing("P&L", "-1.50 <USDT>"),
    )
    .await;
    assert_eq!(result, receipt("77"));
    assert_eq!(requests[0].path, format!("/bot{TOKEN}/sendMessage"));
    assert_eq!(requests[0].headers["content-type"], "application/json");
    assert_eq!(
        requests[0].json(),
        json!({
            "chat_id": -1_001_234,
            "text": "<b>P&amp;L</b>\n-1.50 &lt;USDT&gt;",
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": true},
        })
    );
}

#[tokio::test]
async fn a_topic_and_a_public_name_are_passed_on_and_a_base_path_is_kept() {
    let server = Loopback::start(vec![Reply::json(200, SENT)]).await;
    let mut settings = settings(&format!("{}/bots", server.url), "@desk_alerts");
    settings.thread_id = Some(9);
    let channel = Telegram::open(name("ops"), settings, http(), Arc::new(Still)).unwrap();
    channel.send(&outgoing("A", "1")).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].path, format!("/bots/bot{TOKEN}/sendMessage"));
    let body = requests[0].json();
    assert_eq!(
        (&body["chat_id"], &body["message_thread_id"]),
        (&json!("@desk_alerts"), &json!(9))
    );
}

#[tokio::test]
async fn refused_markup_is_said_once_and_plain_text_has_no_markup() {
    let unreadable = || {
        refusal(
            400,
            "Bad Request: can't parse entities: Unsupported start tag",
        )
    };
    let (result, _) = sent(vec![unreadable()]).await;
    assert!(
        matches!(result, Err(ChannelError::Markup { .. })),
        "{result:?}"
    );

    let plain = Outgoing {
        as_plain: true,
        ..outgoing("P&L", "<1>")
    };
    let (result, requests) = sent_as(vec![Reply::json(200, SENT)], &plain).await;
    assert_eq!(result, receipt("77"));
    let body = requests[0].json();
    assert_eq!(body["text"], "P&L\n<1>");
    assert_eq!(body.get("parse_mode"), None);

    // What is plain already cannot be made plainer: no endless round.
    let (result, _) = sent_as(vec![unreadable()], &plain).await;
    dead_remedy(result);
}

#[tokio::test]
async fn the_recorded_waits_are_passed_on_as_they_are() {
    let short = include_str!("../../../../tests/fixtures/telegram/429.json");
    let long = include_str!("../../../../tests/fixtures/telegram/429_long.json");
    for (body, seconds) in [(short, 41), (long, 10_072)] {
        // The error code inside counts, whatever status a proxy makes of it.
        for status in [429, 200] {
            let (result, _) = sent(vec![Reply::json(status, body)]).await;
            assert_eq!(waited(result).as_secs(), seconds);
        }
    }
}

#[tokio::test]
async fn a_wait_is_found_in_the_text_or_in_the_header_too() {
    let (result, _) = sent(vec![refusal(429, "Too Many Requests: retry after 17")]).await;
    assert_eq!(waited(result).as_secs(), 17);
    let (result, _) = sent(vec![refusal(429, "Too Many Requests")]).await;
    assert_eq!(waited(result), WAIT_UNSAID);
    let (result, _) = sent(vec![Reply::with(429, "retry-after", "8")]).await;
    assert_eq!(waited(result).as_secs(), 8);
}

#[tokio::test]
async fn what_will_never_work_is_dead_and_names_the_setting() {
    for (code, description, setting) in [
        (400, "Bad Request: chat not found", "chat_id"),
        (400, "Bad Request: message thread not found", "thread_id"),
        (400, "Bad Request: message is too long", "formatter"),
        (401, "Unauthorized", "token"),
        (403, "Forbidden: bot was blocked by the user", "chat_id"),
        (
            403,
            "Forbidden: bot was kicked from the supergroup chat",
            "chat_id",
        ),
        (404, "Not Found: method not found", "token"),
    ] {
        let (result, requests) = sent(vec![refusal(code, description)]).await;
        let remedy = dead_remedy(result);
        assert!(remedy.contains(setting), "{code} {description}: {remedy}");
        assert_eq!(requests.len(), 1);
    }
}

#[tokio::test]
async fn passing_faults_are_tried_again() {
    for reply in [
        refusal(500, "Internal Server Error"),
        Reply::json(502, "<html><h1>502 Bad Gateway</h1></html>"),
        Reply::json(
            200,
            r#"{"ok":false,"error_code":500,"description":"Internal"}"#,
        ),
        Reply::json(200, "<html>log in to this network</html>"),
        Reply::json(200, &"x".repeat(crate::http::ANSWER_BYTES_MAX + 1)),
        Reply::Torn(200, r#"{"ok":true,"#),
        Reply::Close,
    ] {
        let (result, requests) = sent(vec![reply.clone()]).await;
        assert!(
            matches!(result, Err(ChannelError::Retry { .. })),
            "{reply:?}: {result:?}"
        );
        assert_eq!(requests.len(), 1, "no repetition by itself");
    }
}

#[tokio::test]
async fn no_answer_in_time_and_no_receiver_are_tried_again_without_the_token() {
    let server = Loopback::start(vec![Reply::Silence]).await;
    let channel = |url: &str| {
        Telegram::open(
            name("ops"),
            settings(url, "5"),
            impatient(),
            Arc::new(Still),
        )
        .unwrap()
    };
    let result = channel(&server.url).send(&outgoing("A", "1")).await;
    assert_no_token(&result);
    assert!(
        matches!(&result, Err(ChannelError::Retry { what }) if what.contains("no answer in time")),
        "{result:?}"
    );
    assert_eq!(server.requests().len(), 1);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let result = channel(&nobody).send(&outgoing("A", "1")).await;
    assert_no_token(&result);
    assert!(
        matches!(&result, Err(ChannelError::Retry { what }) if what.contains("no connection")),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let inside = Loopback::start(vec![]).await;
    let (result, _) = sent(vec![Reply::with(302, "location", &inside.url)]).await;
    assert!(dead_remedy(result).contains("base_url"));
    assert!(inside.requests().is_empty());
}

#[tokio::test]
async fn an_echoed_token_is_redacted_even_where_the_quote_is_cut() {
    // The quote of a body is cut at 200 characters: the token begins before and ends after.
    let padding = "a ".repeat(89);
    let body = format!("{padding}/x{TOKEN}/sendMessage");
    assert!(quote(&body).contains("AAfirst") && !quote(&body).contains(KEY));
    for reply in [
        Reply::json(502, &body),
        refusal(400, &body),
        refusal(400, KEY),
    ] {
        let (result, _) = sent(vec![reply]).await;
        let shown = format!("{result:?}");
        assert!(!shown.contains("AAfirst"), "{shown}");
        assert!(shown.contains("[token"), "{shown}");
    }
}

#[tokio::test]
async fn an_edit_replaces_and_an_edit_without_a_change_is_done() {
    let unchanged =
        "Bad Request: message is not modified: specified new message content is the same";
    let server = Loopback::start(vec![
        Reply::json(200, SENT),
        refusal(400, unchanged),
        Reply::json(200, r#"{"ok":true,"result":true}"#),
    ])
    .await;
    let channel = telegram(&server.url, "-1001234");
    assert!(channel.can_edit());
    for _ in 0..3 {
        assert_eq!(channel.edit("77", &outgoing("A", "2")).await, receipt("77"));
    }
    let request = &server.requests()[0];
    assert_eq!(request.path, format!("/bot{TOKEN}/editMessageText"));
    let body = request.json();
    assert_eq!(
        (&body["message_id"], &body["chat_id"]),
        (&json!(77), &json!(-1_001_234))
    );
    assert_eq!(body["text"], "<b>A</b>\n2");

    let foreign = channel.edit("fill/desk", &outgoing("A", "2")).await;
    dead_remedy(foreign);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn not_modified_is_an_error_where_nothing_was_edited() {
    let (result, _) = sent(vec![refusal(400, "Bad Request: message is not modified")]).await;
    dead_remedy(result);
}

#[tokio::test]
async fn a_later_truth_about_a_deleted_message_is_sent_as_a_new_one() {
    for gone in [
        "Bad Request: message to edit not found",
        "Bad Request: message can't be edited",
    ] {
        let server = Loopback::start(vec![refusal(400, gone), Reply::json(200, SENT)]).await;
        let edited = telegram(&server.url, "5")
            .edit("12", &outgoing("A", "2"))
            .await;
        assert_eq!(edited, receipt("77"));
        let paths: Vec<_> = server
            .requests()
            .into_iter()
            .map(|request| request.path)
            .collect();
        assert!(paths[0].ends_with("/editMessageText") && paths[1].ends_with("/sendMessage"));
    }
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_is_followed_once_and_remembered() {
    let moved = |to: i64| {
        let body = json!({
            "ok": false, "error_code": 400,
            "description": "Bad Request: group chat was upgraded to a supergroup chat",
            "parameters": {"migrate_to_chat_id": to},
        });
        Reply::json(400, &body.to_string())
    };
    let server = Loopback::start(vec![
        moved(-100_777),
        Reply::json(200, SENT),
        Reply::json(200, SENT),
    ])
    .await;
    let channel = telegram(&server.url, "-555");
    let first = channel.send(&outgoing("A", "1")).await.unwrap();
    assert_eq!(first.message_id.as_deref(), Some("77"));
    // Told with the message that found it out; the same move has the same key after a restart as well.
    let notice = first.notice.unwrap();
    assert_eq!(notice.key, "moved/-100777");
    assert!(notice.remedy.contains("chat_id") && notice.remedy.contains("-100777"));
    assert_eq!(channel.send(&outgoing("B", "2")).await, receipt("77"));
    let chats: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.json()["chat_id"].clone())
        .collect();
    assert_eq!(chats, [json!(-555), json!(-100_777), json!(-100_777)]);

    let (result, requests) = sent(vec![moved(-1), moved(-2)]).await;
    assert!(dead_remedy(result).contains("chat_id"));
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn a_long_message_is_cut_to_4096_units_with_a_note() {
    let lines: Vec<_> = (0..3_000).map(|_| vec![Span::text("😀 & <b>")]).collect();
    let long = Outgoing {
        rendered: Rendered::Rich(RichMessage {
            title: vec![Span::bold("A")],
            lines,
        }),
        ..outgoing("", "")
    };
    let (result, requests) = sent_as(vec![Reply::json(200, SENT)], &long).await;
    assert_eq!(result, receipt("77"));
    let body = requests[0].json();
    let text = body["text"].as_str().unwrap();
    let read = text
        .replace("<b>A</b>", "A")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let units = read.encode_utf16().count();
    assert!((4_080..=4_096).contains(&units), "{units}");
    let last = read.lines().last().unwrap();
    let missing = 3_001 - (read.lines().count() - 1);
    assert_eq!(last, format!("… {missing} more lines"));
}

#[tokio::test]
async fn a_raw_payload_keeps_its_markup_but_never_chooses_the_chat() {
    let payload = r#"{"text":"*x*","parse_mode":"MarkdownV2","entities":[]}"#;
    let (result, requests) = sent_as(vec![Reply::json(200, SENT)], &raw("telegram", payload)).await;
    assert_eq!(result, receipt("77"));
    assert_eq!(
        requests[0].json(),
        json!({"chat_id": -1_001_234, "text": "*x*", "parse_mode": "MarkdownV2", "entities": []})
    );
    let plain = Outgoing {
        as_plain: true,
        ..raw("telegram", payload)
    };
    let (_, requests) = sent_as(vec![Reply::json(200, SENT)], &plain).await;
    assert_eq!(
        requests[0].json(),
        json!({"chat_id": -1_001_234, "text": "*x*"})
    );
    for wrong in [
        raw("discord", "{}"),
        raw("telegram", "[1]"),
        raw("telegram", "{"),
        raw("telegram", r#"{"text":"x","chat_id":42}"#),
        raw("telegram", r#"{"text":"x","message_id":1}"#),
    ] {
        let (result, requests) = sent_as(vec![], &wrong).await;
        assert!(!dead_remedy(result).is_empty());
        assert!(requests.is_empty());
    }
}

#[tokio::test]
async fn an_empty_message_is_not_sent() {
    let (result, requests) = sent_as(vec![], &outgoing("", " ")).await;
    assert!(dead_remedy(result).contains("formatter"));
    assert!(requests.is_empty());
}

#[test]
fn the_pace_is_that_of_the_chat() {
    assert_eq!(telegram(BASE_URL, "123456").pace(), PACE_USER);
    assert_eq!(telegram(BASE_URL, "-1001234").pace(), PACE_GROUP);
    assert_eq!(telegram(BASE_URL, "@desk_alerts").pace(), PACE_GROUP);
}

#[test]
fn settings_that_can_never_work_are_refused_by_name_and_the_token_is_not_shown() {
    let surroundings = Surroundings {
        http: http(),
        clock: Arc::new(Still),
        sink: Arc::new(Mutex::new(Vec::new())),
    };
    let refused = |settings: Settings| {
        let shown = format!("{settings:?}");
        assert!(!shown.contains("Hidden"), "{shown}");
        let settings = ChannelSettings {
            name: name("ops"),
            kind: KindSettings::Telegram(settings),
        };
        match open(settings, &surroundings) {
            Err(OpenError::Setting { setting, what, .. }) => {
                assert!(!what.contains("Hidden"), "{what}");
                setting
            }
            other => panic!("{:?} is not refused", other.map(|channel| channel.kind())),
        }
    };
    for base_url in [
        "api.telegram.org",
        "ftp://api.telegram.org",
        "https://a.org/?x=1",
    ] {
        assert_eq!(refused(settings(base_url, "1")), "base_url");
    }
    for chat_id in ["", "0", "@", "@a b", "desk", "1.5"] {
        assert_eq!(refused(settings(BASE_URL, chat_id)), "chat_id");
    }
    for token in ["", "1:", ":Hidden", "1:Hidden\n", "1:/Hidden", "Hidden"] {
        let settings = Settings {
            token: SecretString::from(token),
            ..settings(BASE_URL, "1")
        };
        assert_eq!(refused(settings), "token");
    }
}
