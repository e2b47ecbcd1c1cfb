//! Telegram and the webhook.

use std::time::Duration;

use fillsync_fake::{
    FakeTelegram, FakeWebhook, Fault, MarkupError, Match, TelegramOptions, WebhookAnswer,
    parse_html,
};
use serde_json::{Value, json};

use crate::client::{Reply, http, send};

const TOKEN: &str = "123456:AAtoken-of-the-test";
const PATIENCE: Duration = Duration::from_secs(5);

async fn telegram() -> FakeTelegram {
    let mut options = TelegramOptions::new(TOKEN);
    options.chats = vec!["-1001234".to_owned(), "-5".to_owned()];
    FakeTelegram::start(options).await.unwrap()
}

async fn call(fake: &FakeTelegram, method: &str, body: Value) -> Reply {
    send(
        http()
            .post(format!("{}/bot{TOKEN}/{method}", fake.base_url()))
            .json(&body),
    )
    .await
    .unwrap()
}

fn html(text: &str) -> Value {
    json!({ "chat_id": "-1001234", "text": text, "parse_mode": "HTML" })
}

#[test]
fn markup_is_read_as_telegram_reads_it() {
    let read = parse_html("📈 <b>GTC<i>USDT</i></b> &lt;1 &amp; &#128200; a & b &nbsp; <a href=\"https://x.y/?a=1&amp;b=2\">go</a>").unwrap();
    assert_eq!(read.text, "📈 GTCUSDT <1 & 📈 a & b &nbsp; go");
    assert_eq!(
        read.entities,
        [
            json!({ "type": "bold", "offset": 3, "length": 7 }),
            json!({ "type": "italic", "offset": 6, "length": 4 }),
            json!({ "type": "text_link", "offset": 32, "length": 2, "url": "https://x.y/?a=1&b=2" }),
        ]
    );
    let kinds = "<pre><code class=\"language-rust\">x</code></pre><blockquote expandable>q</blockquote><tg-spoiler>s</tg-spoiler><span class='tg-spoiler'>t</span><u>u</u><s>v</s>";
    assert_eq!(parse_html(kinds).unwrap().entities.len(), 7);
    for (broken, words) in [
        ("a <br> b", "Unsupported start tag \"br\" at byte offset 2"),
        ("1 < 2", "Unclosed start tag at byte offset 2"),
        (
            "<b>x",
            "Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            "<b><i>x</b></i>",
            "Unmatched end tag at byte offset 7, expected \"</i>\", found \"</b>\"",
        ),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        (
            "<span>x</span>",
            "Tag \"span\" must have class \"tg-spoiler\" at byte offset 0",
        ),
    ] {
        assert_eq!(
            parse_html(broken),
            Err(MarkupError(words.to_owned())),
            "{broken}"
        );
    }
}

#[tokio::test]
async fn messages_are_sent_and_edited_and_broken_markup_is_refused() {
    let fake = telegram().await;
    let sent = call(&fake, "sendMessage", html("<b>filled</b> 1 &lt; 2"))
        .await
        .json();
    assert_eq!(
        (&sent["ok"], &sent["result"]["message_id"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(sent["result"]["text"], "filled 1 < 2");
    assert_eq!(
        sent["result"]["chat"],
        json!({ "id": -1_001_234, "type": "supergroup", "title": "fills" })
    );
    let broken = call(&fake, "sendMessage", html("1 <2 orders")).await;
    assert_eq!(broken.status, 400);
    let words = "Bad Request: can't parse entities: Unclosed start tag at byte offset 2";
    assert_eq!(
        broken.json(),
        json!({ "ok": false, "error_code": 400, "description": words })
    );
    let mut edit = html("<b>filled</b> 2 of 3");
    edit["message_id"] = json!(1);
    assert_eq!(
        call(&fake, "editMessageText", edit.clone()).await.status,
        200
    );
    let same = call(&fake, "editMessageText", edit.clone()).await.json();
    assert!(
        same["description"]
            .as_str()
            .unwrap()
            .starts_with("Bad Request: message is not modified")
    );
    edit["message_id"] = json!(99);
    let missing = call(&fake, "editMessageText", edit).await.json();
    assert_eq!(
        missing["description"],
        "Bad Request: message to edit not found"
    );

    let messages = fake.wait_for(1, PATIENCE).await.unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(
        (messages[0].text.as_str(), messages[0].parse_mode.as_deref()),
        ("filled 2 of 3", Some("HTML"))
    );
    assert_eq!(messages[0].edits[0].text, "filled 1 < 2");
    assert_eq!(
        fake.wait_for(2, Duration::from_millis(10))
            .await
            .unwrap_err()
            .len(),
        1
    );
}

#[tokio::test]
async fn lengths_count_in_utf16_units_after_the_markup() {
    let fake = telegram().await;
    let long = "x".repeat(4_096);
    assert_eq!(
        call(&fake, "sendMessage", html(&format!("<b>{long}</b>")))
            .await
            .status,
        200
    );
    let over = call(&fake, "sendMessage", html(&format!("{long}x")))
        .await
        .json();
    assert_eq!(over["description"], "Bad Request: message is too long");
    let emoji = call(&fake, "sendMessage", html(&"📈".repeat(2_049))).await;
    assert_eq!(emoji.status, 400);
    let empty = call(&fake, "sendMessage", html("<b></b>")).await.json();
    assert_eq!(empty["description"], "Bad Request: message text is empty");
}

#[tokio::test]
async fn chats_tokens_and_limits_are_refused_as_documented() {
    let fake = telegram().await;
    let wrong = send(
        http()
            .post(format!("{}/bot1:wrong/sendMessage", fake.base_url()))
            .json(&html("x")),
    )
    .await
    .unwrap();
    assert_eq!(
        (wrong.status, &wrong.json()["description"]),
        (401, &json!("Unauthorized"))
    );
    let unknown = call(&fake, "sendMessage", json!({ "chat_id": 42, "text": "x" })).await;
    assert_eq!(
        (unknown.status, &unknown.json()["description"]),
        (400, &json!("Bad Request: chat not found"))
    );
    fake.migrate_chat("-5", -100_777);
    let moved = call(&fake, "sendMessage", json!({ "chat_id": -5, "text": "x" }))
        .await
        .json();
    assert_eq!(
        moved["parameters"],
        json!({ "migrate_to_chat_id": -100_777 })
    );
    assert_eq!(
        call(
            &fake,
            "sendMessage",
            json!({ "chat_id": -100_777, "text": "x" })
        )
        .await
        .status,
        200
    );
    fake.block_chat("-1001234");
    assert_eq!(call(&fake, "sendMessage", html("x")).await.status, 403);
    fake.faults().add(
        Match::path("/bot***/getMe"),
        Fault::TooManyRequests {
            retry_after_s: 41,
            with_headers: true,
        },
        1,
    );
    let limited = call(&fake, "getMe", json!({})).await;
    let expected = json!({ "ok": false, "error_code": 429, "description": "Too Many Requests: retry after 41", "parameters": { "retry_after": 41 } });
    assert_eq!((limited.status, limited.json()), (429, expected));
    assert_eq!(
        call(&fake, "getMe", json!({})).await.json()["result"]["is_bot"],
        true
    );
    assert_eq!(
        call(&fake, "getChat", json!({ "chat_id": -100_777 }))
            .await
            .json()["result"]["type"],
        "supergroup"
    );
    assert_eq!(call(&fake, "sendPhoto", json!({})).await.status, 404);
    assert!(!format!("{:?}", fake.requests().all()).contains("AAtoken"));
}

#[tokio::test]
async fn a_lost_answer_was_delivered_and_a_dropped_request_was_not() {
    let fake = telegram().await;
    let post = |text: &str| {
        send(
            http()
                .post(format!("{}/bot{TOKEN}/sendMessage", fake.base_url()))
                .json(&html(text)),
        )
    };
    fake.faults().next(1, Fault::DropConnection);
    assert!(post("dropped").await.is_err());
    fake.faults().next(1, Fault::LoseAnswer);
    assert!(post("delivered").await.is_err());
    let texts: Vec<String> = fake
        .received()
        .into_iter()
        .map(|message| message.text)
        .collect();
    assert_eq!(texts, ["delivered"]);
}

#[tokio::test]
async fn the_webhook_keeps_headers_and_bodies_and_answers_as_told() {
    let hook = FakeWebhook::start(0).await.unwrap();
    let url = format!("{}/alerts?team=desk", hook.base_url());
    let post = || {
        http()
            .post(&url)
            .header("X-Signature", "abc")
            .json(&json!({ "kind": "fill" }))
    };
    assert_eq!(send(post()).await.unwrap().text, "ok");
    hook.respond(WebhookAnswer {
        status: 503,
        ..WebhookAnswer::default()
    });
    assert_eq!(send(post()).await.unwrap().status, 503);
    hook.faults()
        .next(1, Fault::redirect(307, "http://127.0.0.1:9/elsewhere"));
    let redirected = send(post()).await.unwrap();
    assert_eq!(
        (redirected.status, redirected.header("location").is_some()),
        (307, true)
    );
    hook.faults().next(
        1,
        Fault::TooManyRequests {
            retry_after_s: 3,
            with_headers: true,
        },
    );
    assert_eq!(
        send(post()).await.unwrap().header("retry-after").as_deref(),
        Some("3")
    );
    let requests = hook.wait_for(2, PATIENCE).await.unwrap();
    assert_eq!(requests.len(), 2, "faulted requests are not carried out");
    assert_eq!(
        (requests[0].path.as_str(), requests[0].query.as_str()),
        ("/alerts", "team=desk")
    );
    assert_eq!(
        (requests[0].header("x-signature"), requests[0].json()),
        (Some("abc"), Some(json!({ "kind": "fill" })))
    );
    assert_eq!(hook.requests().total(), 4);
}
