//! Webhooks: what is posted, how it is signed, and what each status means to the outbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::loopback::{
    ALERT, Loopback, Reply, Request, Still, http, impatient, name, outgoing, raw, waited,
};
use crate::{ChannelSettings, KindSettings, OpenError, Surroundings, open};
use fillsync_core::port::{Channel, ChannelError, Outgoing, Receipt};
use secrecy::SecretString;
use serde_json::json;
use std::sync::{Arc, Mutex};

const SECRET: &str = "signing-secret-of-the-test";

fn settings(url: &str, secret: Option<&str>, edits: bool) -> Settings {
    Settings {
        url: SecretString::from(url),
        secret: secret.map(SecretString::from),
        edits,
    }
}

fn webhook(base: &str, secret: Option<&str>, edits: bool) -> Webhook {
    let settings = settings(
        &format!("{base}/hooks/keyInThePath?token=keyInTheQuery"),
        secret,
        edits,
    );
    Webhook::open(name("bot"), settings, http(), Arc::new(Still)).unwrap()
}

async fn sent(
    script: Vec<Reply>,
    outgoing: &Outgoing,
) -> (Result<Receipt, ChannelError>, Vec<Request>) {
    let server = Loopback::start(script).await;
    let result = webhook(&server.url, Some(SECRET), false)
        .send(outgoing)
        .await;
    let shown = format!("{result:?}");
    for hidden in ["keyInThePath", "keyInTheQuery", SECRET] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    (result, server.requests())
}

async fn answered(reply: Reply) -> Result<Receipt, ChannelError> {
    let (result, requests) = sent(vec![reply], &outgoing("A", "1")).await;
    assert_eq!(requests.len(), 1, "no repetition by itself");
    result
}

#[tokio::test]
async fn an_alert_is_posted_as_data_and_as_text() {
    let (result, requests) = sent(vec![Reply::json(200, "ok")], &outgoing("A <b>", "1 & 2")).await;
    assert_eq!(result, Ok(Receipt::default()));
    assert_eq!(requests[0].path, "/hooks/keyInThePath?token=keyInTheQuery");
    let alert: serde_json::Value = serde_json::from_str(ALERT).unwrap();
    assert_eq!(
        requests[0].json(),
        json!({
            "identity": "fill/desk/GTCUSDT/12/2/main",
            "revision": 3,
            "kind": "fill",
            "text": "A <b>\n1 & 2",
            "title": "A <b>",
            "lines": ["1 & 2"],
            "alert": alert,
        })
    );
    // The alert goes out letter by letter: no number passes through a float.
    let body = String::from_utf8(requests[0].body.clone()).unwrap();
    assert!(body.contains(ALERT), "{body}");
}

#[tokio::test]
async fn the_headers_carry_the_key_the_time_and_a_signature_that_can_be_checked() {
    let (_, requests) = sent(vec![Reply::json(204, "")], &outgoing("A", "1")).await;
    let headers = &requests[0].headers;
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["idempotency-key"], "fill/desk/GTCUSDT/12/2/main#3");
    assert_eq!(headers["x-fillsync-timestamp"], "1795262400");
    let expected = wire::signature(SECRET, "1795262400", &requests[0].body).unwrap();
    assert_eq!(headers["x-fillsync-signature"], expected);
}

#[test]
fn the_signature_is_that_of_an_independent_implementation() {
    // printf '%s' '1795262400.{"a":1}' | openssl dgst -sha256 -hmac key
    assert_eq!(
        wire::signature("key", "1795262400", br#"{"a":1}"#).unwrap(),
        "6227e401af31a3a04e1d28744223e72042521edbaa9d3389b0134da62cd753cd"
    );
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let server = Loopback::start(vec![Reply::json(200, "")]).await;
    webhook(&server.url, None, false)
        .send(&outgoing("A", "1"))
        .await
        .unwrap();
    assert!(
        !server.requests()[0]
            .headers
            .contains_key("x-fillsync-signature")
    );
}

#[test]
fn two_keys_never_become_one_header() {
    assert_eq!(wire::header_key("fill/desk#3"), "fill/desk#3");
    assert_eq!(wire::header_key("a b"), "a%20b");
    assert_eq!(wire::header_key("a%20b"), "a%2520b");
    assert_eq!(wire::header_key("é\n"), "%C3%A9%0A");
}

#[tokio::test]
async fn a_raw_payload_goes_out_as_it_is_and_only_to_its_kind() {
    let payload = "{\"price\": 0.10,  \"b\": 1}";
    let (result, requests) = sent(vec![Reply::json(200, "")], &raw("webhook", payload)).await;
    assert!(result.is_ok());
    assert_eq!(requests[0].body, payload.as_bytes());
    assert!(requests[0].headers.contains_key("x-fillsync-signature"));
    for wrong in [raw("slack", "{}"), raw("webhook", "{"), raw("webhook", "")] {
        let (result, requests) = sent(vec![], &wrong).await;
        assert!(
            matches!(result, Err(ChannelError::Dead { .. })),
            "{result:?}"
        );
        assert!(requests.is_empty());
    }
}

#[tokio::test]
async fn a_redirect_to_an_internal_address_is_dead_and_not_followed() {
    let inside = Loopback::start(vec![]).await;
    for status in [301, 302, 303, 307, 308] {
        let result = answered(Reply::with(status, "location", &inside.url)).await;
        assert!(
            matches!(result, Err(ChannelError::Dead { .. })),
            "{status}: {result:?}"
        );
    }
    assert!(inside.requests().is_empty());
}

#[tokio::test]
async fn a_wait_is_taken_in_seconds_or_as_a_date() {
    for status in [408, 429, 503] {
        assert_eq!(
            waited(answered(Reply::with(status, "retry-after", "65")).await).as_secs(),
            65
        );
    }
    let date = "Sat, 21 Nov 2026 12:01:30 GMT";
    assert_eq!(
        waited(answered(Reply::with(429, "retry-after", date)).await).as_secs(),
        90
    );
    assert_eq!(
        waited(answered(Reply::json(429, "")).await),
        crate::http::WAIT_UNSAID
    );
}

#[tokio::test]
async fn passing_faults_are_tried_again_and_the_rest_is_dead() {
    for reply in [
        Reply::json(500, "x"),
        Reply::json(503, ""),
        Reply::json(599, ""),
        Reply::Close,
    ] {
        let result = answered(reply.clone()).await;
        assert!(
            matches!(result, Err(ChannelError::Retry { .. })),
            "{reply:?}: {result:?}"
        );
    }
    for status in [400, 401, 403, 404, 405, 410, 413, 422] {
        let result = answered(Reply::json(status, "no /hooks/keyInThePath here")).await;
        let Err(ChannelError::Dead { what, remedy }) = result else {
            panic!("{status}: {result:?}");
        };
        assert!(
            what.contains(&status.to_string()) && !remedy.is_empty(),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_status_of_success_counts_even_where_the_body_breaks_off_or_floods() {
    let flood = "x".repeat(crate::http::ANSWER_BYTES_MAX + 1);
    for reply in [Reply::Torn(200, "o"), Reply::json(201, &flood)] {
        assert_eq!(answered(reply).await, Ok(Receipt::default()));
    }
}

#[tokio::test]
async fn no_answer_in_time_is_tried_again() {
    let server = Loopback::start(vec![Reply::Silence]).await;
    let settings = settings(&server.url, None, false);
    let channel = Webhook::open(name("bot"), settings, impatient(), Arc::new(Still)).unwrap();
    let result = channel.send(&outgoing("A", "1")).await;
    assert!(
        matches!(result, Err(ChannelError::Retry { .. })),
        "{result:?}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_edit_is_a_post_under_the_same_identity_where_the_receiver_takes_it() {
    let server = Loopback::start(vec![Reply::json(200, ""), Reply::json(200, "")]).await;
    let channel = webhook(&server.url, None, true);
    assert!(channel.can_edit());
    let id = channel
        .send(&outgoing("A", "1"))
        .await
        .unwrap()
        .message_id
        .unwrap();
    assert_eq!(id, "fill/desk/GTCUSDT/12/2/main");
    let later = Outgoing {
        alert_json: ALERT.replace("\"revision\":3", "\"revision\":4"),
        idempotency_key: "fill/desk/GTCUSDT/12/2/main#4".to_owned(),
        ..outgoing("A", "2")
    };
    assert_eq!(
        channel.edit(&id, &later).await.unwrap().message_id,
        Some(id)
    );
    let requests = server.requests();
    let shown: Vec<_> = requests.iter().map(|request| request.json()).collect();
    assert_eq!(shown[0]["identity"], shown[1]["identity"]);
    assert_eq!(
        (&shown[0]["revision"], &shown[1]["revision"]),
        (&json!(3), &json!(4))
    );
    assert_ne!(
        requests[0].headers["idempotency-key"],
        requests[1].headers["idempotency-key"]
    );

    let channel = webhook(&server.url, None, false);
    assert!(!channel.can_edit());
    let refused = channel.edit("x", &later).await;
    assert!(
        matches!(refused, Err(ChannelError::Dead { .. })),
        "{refused:?}"
    );
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn settings_that_can_never_work_are_refused_by_name_and_shown_to_nobody() {
    let surroundings = Surroundings {
        http: http(),
        clock: Arc::new(Still),
        sink: Arc::new(Mutex::new(Vec::new())),
    };
    for (url, secret, expected) in [
        ("example.com/keyInThePath", None, "url"),
        ("ftp://example.com/keyInThePath", None, "url"),
        ("https://u:keyInThePath@example.com", None, "url"),
        ("https://example.com/keyInThePath", Some(""), "secret"),
    ] {
        let settings = settings(url, secret, false);
        assert!(!format!("{settings:?}").contains("keyInThePath"));
        let settings = ChannelSettings {
            name: name("bot"),
            kind: KindSettings::Webhook(settings),
        };
        match open(settings, &surroundings) {
            Err(error @ OpenError::Setting { .. }) => {
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains("keyInThePath"), "{shown}");
                assert!(matches!(error, OpenError::Setting { setting, .. } if setting == expected));
            }
            other => panic!("{:?} is not refused", other.map(|channel| channel.kind())),
        }
    }
}
