//! E-mail: what is sent over what, how letters belong together, and what each reply means to the outbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::loopback::{Still, dead_remedy, hard, is_retry, name, outgoing, plainly, raw};
use fillsync_core::port::{Channel, ChannelError, Outgoing, Receipt};
use fillsync_fake::{FakeSmtp, Letter, SMTP_CA_PEM, SmtpFault, SmtpOptions, SmtpTls};
use secrecy::SecretString;
use std::sync::Arc;

const PASSWORD: &str = "AAthe password of the test";

async fn fake(tls: SmtpTls, login: bool) -> FakeSmtp {
    let login = login.then(|| ("desk".to_owned(), PASSWORD.to_owned()));
    FakeSmtp::start(SmtpOptions { tls, login }).await.unwrap()
}

fn settings(fake: &FakeSmtp, tls: Tls) -> Settings {
    Settings {
        host: "127.0.0.1".to_owned(),
        port: Some(fake.port()),
        tls,
        ca_pem: Some(SMTP_CA_PEM.as_bytes().to_vec()),
        login: Some(Login {
            user: "desk".to_owned(),
            password: SecretString::from(PASSWORD),
        }),
        from: "fillsync <fillsync@example.com>".to_owned(),
        to: vec![
            "desk@example.com".to_owned(),
            "Risk <risk@example.com>".to_owned(),
        ],
    }
}

fn opened(settings: Settings) -> Email {
    Email::open(name("mail"), settings, Arc::new(Still)).unwrap()
}

/// Over a plain connection, without a login.
fn plain(fake: &FakeSmtp) -> Email {
    opened(Settings {
        login: None,
        ..settings(fake, Tls::None)
    })
}

async fn one(fake: &FakeSmtp, outgoing: &Outgoing) -> Letter {
    let result = plain(fake).send(outgoing).await;
    assert_eq!(result, Ok(Receipt::default()));
    fake.received().pop().unwrap()
}

fn assert_no_password(result: &Result<Receipt, ChannelError>) {
    let shown = format!("{result:?}");
    assert!(
        !shown.contains("AAthe") && !shown.contains("QUF0aGU"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_letter_has_a_subject_a_text_and_html_of_the_same_words() {
    let fake = fake(SmtpTls::None, false).await;
    let (message, seen) = hard();
    let letter = one(&fake, &message).await;
    assert_eq!(letter.from, "fillsync@example.com");
    assert_eq!(letter.to, ["desk@example.com", "risk@example.com"]);
    let title = seen.lines().next().unwrap();
    assert_eq!(letter.header("subject").as_deref(), Some(title));
    assert_eq!(letter.text(), seen);
    assert!(
        letter
            .html()
            .contains("<b>P&amp;L &lt;-1.50&gt; *x* _y_</b>"),
        "{}",
        letter.html()
    );
    assert_eq!(
        letter.header("auto-submitted").as_deref(),
        Some("auto-generated")
    );
    assert_eq!(
        letter.header("x-fillsync-kind").as_deref(),
        Some("fill; severity=info")
    );
    assert_eq!(
        letter.header("date").as_deref(),
        Some("Sat, 21 Nov 2026 12:00:00 +0000")
    );
    let letter = one(&fake, &plainly(message)).await;
    assert_eq!((letter.text(), letter.html()), (seen, String::new()));
}

#[tokio::test]
async fn the_same_alert_has_the_same_id_and_what_belongs_to_it_is_an_answer_to_it() {
    let fake = fake(SmtpTls::None, false).await;
    let alert = |identity: &str, revision: u32| Outgoing {
        idempotency_key: format!("{identity}#{revision}"),
        alert_json: format!(r#"{{"identity":"{identity}","revision":{revision}}}"#),
        ..outgoing("A", "1")
    };
    let fill = "fill/desk/main/linear/GTCUSDT/oneway/order-7";
    let first = one(&fake, &alert(fill, 0))
        .await
        .header("message-id")
        .unwrap();
    assert!(
        first.starts_with('<') && first.ends_with("@example.com>"),
        "{first}"
    );
    assert!(!first.contains("order"), "{first}");
    assert_eq!(
        one(&fake, &alert(fill, 0))
            .await
            .header("message-id")
            .unwrap(),
        first
    );
    for later in [alert(fill, 1), alert(&format!("correction/{fill}/1"), 0)] {
        let letter = one(&fake, &later).await;
        assert_ne!(letter.header("message-id").unwrap(), first);
        assert_eq!(
            letter.header("in-reply-to").as_deref(),
            Some(first.as_str())
        );
        assert_eq!(letter.header("references").as_deref(), Some(first.as_str()));
    }
    let began = one(&fake, &alert("divergence/desk/slot-2/mirror=lagging", 0)).await;
    let ended = one(&fake, &alert("resolved/desk/slot-2/mirror", 0)).await;
    assert_eq!(began.header("references"), ended.header("references"));
    assert!(began.header("references").is_some());
}

#[tokio::test]
async fn nothing_is_said_before_the_connection_is_encrypted_and_the_server_proven() {
    for (at_server, tls) in [
        (SmtpTls::StartTls, Tls::StartTls),
        (SmtpTls::Implicit, Tls::Implicit),
    ] {
        let fake = fake(at_server, true).await;
        opened(settings(&fake, tls))
            .send(&outgoing("A", "1"))
            .await
            .unwrap();
        let letter = fake.received().remove(0);
        assert!(letter.is_encrypted);
        assert_eq!(letter.user.as_deref(), Some("desk"));
        // Nobody vouches for this server: no word of the letter, and no password, leaves.
        let unproven = Settings {
            ca_pem: None,
            ..settings(&fake, tls)
        };
        let result = opened(unproven).send(&outgoing("A", "1")).await;
        assert!(is_retry(&result), "{result:?}");
        assert!(
            format!("{result:?}").contains("cannot be encrypted"),
            "{result:?}"
        );
        assert_eq!(fake.received().len(), 1);
    }
    // A server without STARTTLS is not spoken to in the clear instead.
    let fake = fake(SmtpTls::None, false).await;
    let result = opened(settings(&fake, Tls::StartTls))
        .send(&outgoing("A", "1"))
        .await;
    assert!(dead_remedy(result).contains("tls"));
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_dead_and_stands_nowhere() {
    let fake = fake(SmtpTls::StartTls, true).await;
    fake.fault(SmtpFault::Reply {
        to: "AUTH",
        code: 535,
        text: format!("5.7.8 no: {PASSWORD}"),
    });
    let result = opened(settings(&fake, Tls::StartTls))
        .send(&outgoing("A", "1"))
        .await;
    assert_no_password(&result);
    assert!(dead_remedy(result).contains("password"));
    let without = Settings {
        login: None,
        ..settings(&fake, Tls::StartTls)
    };
    let result = opened(without).send(&outgoing("A", "1")).await;
    assert!(dead_remedy(result).contains("user"));
}

#[tokio::test]
async fn a_refusal_for_now_is_tried_again_and_one_for_good_is_dead() {
    for (to, code, text, remedy) in [
        ("", 421, "4.3.2 too many connections", None),
        ("", 554, "5.3.2 no mail here", Some("server")),
        ("MAIL", 451, "4.7.1 greylisted, come back", None),
        ("MAIL", 550, "5.7.1 sender not allowed", Some("from")),
        ("RCPT", 450, "4.2.1 mailbox busy", None),
        ("RCPT", 550, "5.1.1 no such user", Some("to")),
        ("DATA", 452, "4.3.1 out of storage", None),
        (".", 552, "5.3.4 too large", Some("large")),
        (".", 554, "5.7.1 looks like spam", Some("server")),
        (".", 451, "4.3.0 later", None),
    ] {
        let fake = fake(SmtpTls::None, false).await;
        fake.fault(SmtpFault::Reply {
            to,
            code,
            text: text.to_owned(),
        });
        let result = plain(&fake).send(&outgoing("A", "1")).await;
        match remedy {
            None => assert!(is_retry(&result), "{to} {code}: {result:?}"),
            Some(word) => {
                let remedy = dead_remedy(result);
                assert!(remedy.contains(word), "{to} {code}: {remedy}");
            }
        }
        assert!(fake.received().is_empty());
        // And then it goes.
        plain(&fake).send(&outgoing("A", "1")).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again_whether_the_letter_was_taken_or_not() {
    let fake = fake(SmtpTls::None, false).await;
    fake.fault(SmtpFault::DropLetter);
    assert!(is_retry(&plain(&fake).send(&outgoing("A", "1")).await));
    assert!(fake.received().is_empty());
    fake.fault(SmtpFault::LoseAnswer);
    assert!(is_retry(&plain(&fake).send(&outgoing("A", "1")).await));
    let again = one(&fake, &outgoing("A", "1")).await;
    let ids: Vec<_> = fake
        .received()
        .iter()
        .map(|letter| letter.header("message-id"))
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(
        ids[0],
        again.header("message-id"),
        "a mailbox can drop the repeat"
    );

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let nobody = Settings {
        port: Some(port),
        login: None,
        ..settings(&fake, Tls::None)
    };
    assert!(is_retry(&opened(nobody).send(&outgoing("A", "1")).await));
}

#[tokio::test]
async fn only_rich_messages_become_letters_and_no_letter_is_edited() {
    let fake = fake(SmtpTls::None, false).await;
    let channel = plain(&fake);
    assert!(!channel.can_edit());
    assert!(!dead_remedy(channel.send(&raw("email", "{}")).await).is_empty());
    assert!(!dead_remedy(channel.send(&outgoing("", " ")).await).is_empty());
    assert!(!dead_remedy(channel.edit("1", &outgoing("A", "1")).await).is_empty());
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn the_server_is_asked_without_a_letter() {
    let fake = fake(SmtpTls::StartTls, true).await;
    let said = opened(settings(&fake, Tls::StartTls))
        .probe()
        .await
        .unwrap()
        .unwrap();
    assert!(said.contains("login"), "{said}");
    let wrong = Settings {
        login: Some(Login {
            user: "desk".to_owned(),
            password: SecretString::from("AAthe wrong one"),
        }),
        ..settings(&fake, Tls::StartTls)
    };
    assert!(matches!(
        opened(wrong).probe().await,
        Err(ChannelError::Dead { .. })
    ));
    assert!(fake.received().is_empty());
}

#[test]
fn what_can_never_work_is_refused_by_its_setting() {
    let good = || Settings {
        host: "smtp.example.com".to_owned(),
        port: None,
        tls: Tls::Implicit,
        ca_pem: None,
        login: None,
        from: "fillsync@example.com".to_owned(),
        to: vec!["desk@example.com".to_owned()],
    };
    let refused = |settings| {
        let error = Email::open(name("mail"), settings, Arc::new(Still)).err();
        error.map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(refused(good()), "");
    let mut wrong = good();
    wrong.tls = Tls::None;
    assert!(refused(wrong).contains("tls"));
    let mut wrong = good();
    wrong.from = "nobody".to_owned();
    assert!(refused(wrong).contains("from"));
    let mut wrong = good();
    wrong.to = Vec::new();
    assert!(refused(wrong).contains("to"));
    let mut wrong = good();
    wrong.ca_pem = Some(b"-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n".to_vec());
    assert!(refused(wrong).contains("ca_file"));
}
