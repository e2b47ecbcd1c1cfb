//! What other pages can make a browser send must not make this server act.

use super::client::{Daemon, Server};
use super::sample;
use crate::Limits;
use fillsync_core::id::ChannelName;

const TOKEN: &str = "correct-horse-battery-staple";
const ACT: &str = "/outbox/1/send-again";
const MEANT: &str = "X-Fillsync-Intent: act\r\n";

/// Whether the request came as far as the ledger: it was not stopped by the guard.
fn reached(status: u16) -> bool {
    !matches!(status, 401 | 403 | 405 | 413 | 421)
}

#[tokio::test]
async fn without_a_token_only_this_servers_page_or_no_page_may_act() {
    let server = Server::start().await;
    let own = format!(
        "Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n",
        server.address
    );
    for lines in [
        String::new(),
        own.clone(),
        format!("Origin: http://{}\r\n", server.address),
    ] {
        let reply = server.post_with(ACT, &format!("{lines}{MEANT}")).await;
        assert!(reached(reply.status), "{lines:?}: {reply:?}");
    }
    let port = server.address.port();
    for lines in [
        "Origin: http://evil.example\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        "Origin: \r\n".to_owned(),
        // Another scheme, another port, another name of this machine: other origins all.
        format!("Origin: https://{}\r\n", server.address),
        format!("Origin: http://127.0.0.1:{}\r\n", port.wrapping_add(1)),
        format!("Origin: http://localhost:{port}\r\n"),
        format!("Origin: http://{}.evil.example\r\n", server.address),
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
        "Sec-Fetch-Site: same-site\r\n".to_owned(),
        "Sec-Fetch-Site: none\r\n".to_owned(),
        format!(
            "Origin: http://{}\r\nSec-Fetch-Site: cross-site\r\n",
            server.address
        ),
    ] {
        let reply = server.post_with(ACT, &format!("{lines}{MEANT}")).await;
        assert_eq!(reply.status, 403, "{lines:?}: {reply:?}");
        assert!(reply.body.contains("another origin"), "{reply:?}");
    }
    // A form can send all of this but the header.
    for lines in [
        "",
        "X-Fillsync-Intent: \r\n",
        "X-Fillsync-Intent: read\r\n",
        "Content-Type: text/plain\r\n",
    ] {
        let reply = server.post_with(ACT, &format!("{own}{lines}")).await;
        assert_eq!(reply.status, 403, "{lines:?}: {reply:?}");
        assert!(reply.body.contains("x-fillsync-intent"), "{reply:?}");
    }
    // A name that was rebound to this machine.
    let text = format!(
        "POST {ACT} HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n\
         Connection: close\r\n{MEANT}\r\n"
    );
    assert_eq!(server.send(&text).await.status, 421);
    let metrics = server.get("/metrics").await.body;
    assert!(
        metrics.contains("fillsync_http_refused_total{reason=\"forged\"} 15\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn with_a_token_the_token_is_what_counts() {
    let server = Server::with(Some(TOKEN), Limits::default(), Daemon::WELL).await;
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(server.post_with(ACT, MEANT).await.status, 401);
    assert_eq!(
        server
            .post_with(ACT, &format!("Authorization: Bearer wrong\r\n{MEANT}"))
            .await
            .status,
        401
    );
    assert_eq!(server.post_with(ACT, &token).await.status, 403);
    let cross = format!("{token}{MEANT}Sec-Fetch-Site: cross-site\r\n");
    assert_eq!(server.post_with(ACT, &cross).await.status, 403);
    // Behind a reverse proxy the page's origin is not the name that this server is asked by.
    let proxied =
        format!("{token}{MEANT}Origin: https://fills.example\r\nSec-Fetch-Site: same-origin\r\n");
    assert!(reached(server.post_with(ACT, &proxied).await.status));
    // What is open is open for reading only.
    for path in ["/", "/health", "/app.js"] {
        assert_eq!(server.post_with(path, MEANT).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn nothing_is_done_by_asking_and_nothing_is_read_of_a_body() {
    let server = Server::start().await;
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let text = format!(
            "{method} {ACT} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n{MEANT}\r\n"
        );
        let reply = server.send(&text).await;
        assert_eq!(reply.status, 405, "{method}: {reply:?}");
        assert!(reply.has("allow: post"), "{reply:?}");
    }
    for id in [
        "",
        "x",
        "-1",
        "1.5",
        "99999999999999999999",
        "1%20OR%201=1",
        "../1",
    ] {
        let reply = server
            .post_with(&format!("/outbox/{id}/send-again"), MEANT)
            .await;
        assert!(matches!(reply.status, 400 | 404), "{id}: {reply:?}");
    }
    let body = server
        .send(&format!(
            "POST {ACT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485760\r\n{MEANT}\r\n"
        ))
        .await;
    assert_eq!(body.status, 413);
}

#[tokio::test]
async fn every_answer_tells_browsers_what_a_page_of_ours_may_do() {
    let server = Server::start().await;
    for path in ["/", "/app.js", "/fills", "/nowhere"] {
        let reply = server.get(path).await;
        let policy = reply
            .head
            .lines()
            .find_map(|line| line.strip_prefix("content-security-policy: "))
            .unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self';",
            "style-src 'self';",
            "frame-ancestors 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(
            reply.has("cross-origin-resource-policy: same-origin"),
            "{reply:?}"
        );
        assert!(reply.has("referrer-policy: no-referrer"), "{reply:?}");
    }
    // The page keeps to it: no script or style of its own in the text, nothing from elsewhere.
    let page = server.get("/").await;
    assert!(
        page.has("content-type: text/html; charset=utf-8"),
        "{page:?}"
    );
    for never in [
        "<style",
        " style=",
        "onclick",
        "onload",
        "javascript:",
        "//cdn",
        "https://",
    ] {
        assert!(!page.body.contains(never), "{never}");
    }
    assert_eq!(page.body.matches("<script").count(), 1);
    assert!(
        page.body
            .contains("<script type=\"module\" src=\"/app.js\"></script>")
    );
}

#[tokio::test]
async fn a_message_that_was_given_up_is_sent_again_and_no_other() {
    let server = Server::start().await;
    let log = ChannelName::new("log").unwrap();
    let due = server
        .ledger
        .read(move |reader| reader.outbox_due(&log, sample::NOW))
        .await
        .unwrap();
    let id = due.first().unwrap().id;
    let waiting = server
        .post_with(&format!("/outbox/{id}/send-again"), MEANT)
        .await;
    assert_eq!(
        (waiting.status, waiting.body.contains("is pending")),
        (409, true),
        "{waiting:?}"
    );
    server
        .ledger
        .outbox_dead(id, "404 gone".to_owned(), sample::NOW)
        .await
        .unwrap();
    let dead = server.get("/outbox?state=dead").await.json();
    assert_eq!(
        (
            &dead["messages"][0]["id"],
            &dead["messages"][0]["last_error"]
        ),
        (&id.into(), &"404 gone".into())
    );
    assert_eq!(server.get("/status").await.json()["outbox"]["dead"], 1);
    let again = server
        .post_with(&format!("/outbox/{id}/send-again"), MEANT)
        .await;
    assert_eq!(
        (again.status, again.json()["state"].as_str()),
        (200, Some("pending")),
        "{again:?}"
    );
    let status = server.get("/status").await.json();
    assert_eq!(
        (&status["outbox"]["dead"], &status["outbox"]["pending"]),
        (&0.into(), &1.into())
    );
    assert_eq!(
        server
            .post_with(&format!("/outbox/{id}/send-again"), MEANT)
            .await
            .status,
        409
    );
    assert_eq!(
        server
            .post_with("/outbox/9999/send-again", MEANT)
            .await
            .status,
        404
    );
}
