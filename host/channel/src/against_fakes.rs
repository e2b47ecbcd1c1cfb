//! The channels against the fake Telegram and the fake webhook, which were not written from this
//! package's parser: Telegram's markup is read there by a reader of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::loopback::{Still, http, name, outgoing};
use crate::{ChannelSettings, KindSettings, Surroundings, open, telegram, webhook};
use fillsync_core::message::{Rendered, RichMessage, Span};
use fillsync_core::port::{Channel, ChannelError, Outgoing};
use fillsync_fake::{FakeTelegram, FakeWebhook, TelegramOptions, WebhookAnswer};
use secrecy::SecretString;
use std::sync::{Arc, Mutex};

const TOKEN: &str = "110201543:AAthe-token-of-the-fake";

fn opened(kind: KindSettings) -> Arc<dyn Channel> {
    let surroundings = Surroundings {
        http: http(),
        clock: Arc::new(Still),
        sink: Arc::new(Mutex::new(Vec::new())),
    };
    open(
        ChannelSettings {
            name: name("ops"),
            kind,
        },
        &surroundings,
    )
    .unwrap()
}

async fn fake_telegram() -> (FakeTelegram, Arc<dyn Channel>) {
    let mut options = TelegramOptions::new(TOKEN);
    options.chats = vec!["-1001".to_owned()];
    let fake = FakeTelegram::start(options).await.unwrap();
    let channel = opened(KindSettings::Telegram(telegram::Settings {
        base_url: fake.base_url(),
        token: SecretString::from(TOKEN),
        chat_id: "-1001".to_owned(),
        thread_id: None,
    }));
    (fake, channel)
}

#[tokio::test]
async fn a_message_full_of_markup_is_read_as_it_was_meant_and_can_be_edited() {
    let (fake, channel) = fake_telegram().await;
    let hard = Outgoing {
        rendered: Rendered::Rich(RichMessage {
            title: vec![Span::bold("P&L <-1.50>"), Span::text(" &amp; \"x\"")],
            lines: vec![vec![
                Span::Code("</code>".into()),
                Span::Link {
                    text: "<a>".into(),
                    url: "https://example.com/?a=\"&b=<c>".into(),
                },
            ]],
        }),
        ..outgoing("", "")
    };
    let id = channel.send(&hard).await.unwrap().message_id.unwrap();
    let read = "P&L <-1.50> &amp; \"x\"\n</code><a>";
    assert_eq!(fake.received()[0].text, read);
    assert_eq!(fake.received()[0].entities.len(), 3);

    // The same again is "not modified", which is done; another text is an edit.
    assert_eq!(
        channel.edit(&id, &hard).await.unwrap().message_id.as_ref(),
        Some(&id)
    );
    assert_eq!(
        channel
            .edit(&id, &outgoing("A", "2"))
            .await
            .unwrap()
            .message_id
            .as_ref(),
        Some(&id)
    );
    let received = fake.received();
    assert_eq!((received.len(), received[0].text.as_str()), (1, "A\n2"));
    assert_eq!(received[0].edits[0].text, read);
}

#[tokio::test]
async fn the_longest_message_is_taken() {
    let (fake, channel) = fake_telegram().await;
    for span in [
        Span::text("😀".repeat(5_000)),
        Span::Code("&".repeat(5_000)),
    ] {
        let long = Outgoing {
            rendered: Rendered::Rich(RichMessage {
                title: vec![span],
                lines: vec![],
            }),
            ..outgoing("", "")
        };
        channel.send(&long).await.unwrap();
    }
    for message in fake.received() {
        assert!((4_095..=4_096).contains(&message.text.encode_utf16().count()));
        assert!(message.text.ends_with('…'));
    }
    assert_eq!(fake.received().len(), 2);
}

#[tokio::test]
async fn a_moved_chat_is_followed_and_a_blocked_one_is_dead() {
    let (fake, channel) = fake_telegram().await;
    fake.migrate_chat("-1001", -1_002);
    channel.send(&outgoing("A", "1")).await.unwrap();
    assert_eq!(fake.received()[0].chat_id, "-1002");
    fake.block_chat("-1002");
    let error = channel.send(&outgoing("A", "2")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Dead { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("AAthe"));
}

#[tokio::test]
async fn the_fake_webhook_gets_the_alert_and_its_status_decides() {
    let fake = FakeWebhook::start(0).await.unwrap();
    let channel = opened(KindSettings::Webhook(webhook::Settings {
        url: SecretString::from(format!("{}/alerts?key=1", fake.base_url())),
        secret: Some(SecretString::from("a secret")),
        edits: false,
    }));
    channel.send(&outgoing("A", "1")).await.unwrap();
    let received = fake.received();
    assert_eq!(
        (received[0].path.as_str(), received[0].query.as_str()),
        ("/alerts", "key=1")
    );
    assert_eq!(received[0].json().unwrap()["text"], "A\n1");
    assert_eq!(
        received[0].header("x-fillsync-signature").map(str::len),
        Some(64)
    );

    fake.respond(WebhookAnswer {
        status: 500,
        ..WebhookAnswer::default()
    });
    let error = channel.send(&outgoing("A", "1")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Retry { .. }), "{error:?}");
}
