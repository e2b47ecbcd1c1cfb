//! Who may ask, and from where.

use super::client::{Daemon, Server};
use crate::guard::is_this_machine;
use crate::{BindError, Limits, bind, paths, serve};
use secrecy::SecretString;

const TOKEN: &str = "correct-horse-battery-staple";

#[tokio::test]
async fn without_the_token_nothing_but_health_and_the_empty_page_is_answered() {
    let server = Server::with(Some(TOKEN), Limits::default(), Daemon::WELL).await;
    for path in paths() {
        let reply = server.get(path).await;
        if path == "/health" || path == "/ready" {
            assert_eq!(reply.status, 200, "{path}");
        } else if path == "/" || path.starts_with("/app") {
            // The page itself holds nothing, and who wants to sign in needs it.
            assert_eq!(reply.status, 200, "{path}");
            assert!(!reply.body.contains("m-1"), "{path}");
        } else {
            assert_eq!(reply.status, 401, "{path}");
            assert!(
                reply.has("www-authenticate: bearer realm=\"fillsync\""),
                "{reply:?}"
            );
        }
    }
    // What does not exist is not told to strangers either, and a wrong question is not looked at.
    assert_eq!(server.get("/nowhere").await.status, 401);
    assert_eq!(server.get("/fills?nonsense=1").await.status, 401);
}

#[tokio::test]
async fn only_the_very_token_opens() {
    let server = Server::with(Some(TOKEN), Limits::default(), Daemon::WELL).await;
    for wrong in [
        "Authorization: Bearer \r\n",
        "Authorization: Bearer correct-horse-battery-stapl\r\n",
        "Authorization: Bearer correct-horse-battery-staple2\r\n",
        "Authorization: Bearer CORRECT-HORSE-BATTERY-STAPLE\r\n",
        "Authorization: Basic correct-horse-battery-staple\r\n",
        "Authorization: correct-horse-battery-staple\r\n",
        "X-Token: correct-horse-battery-staple\r\n",
    ] {
        assert_eq!(
            server.get_with("/fills", wrong).await.status,
            401,
            "{wrong}"
        );
    }
    assert_eq!(
        server.get(&format!("/fills?token={TOKEN}")).await.status,
        401
    );
    for right in ["Authorization: Bearer", "authorization: bearer"] {
        let reply = server
            .get_with("/fills", &format!("{right} {TOKEN}\r\n"))
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(!reply.body.contains(TOKEN));
    }
}

#[tokio::test]
async fn an_address_beyond_this_machine_is_refused_without_a_token() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = bind(address, None).await.unwrap_err();
        assert!(matches!(error, BindError::Open { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("daemon.listen")
                && text.contains("daemon.api_token")
                && text.contains(address),
            "{text}"
        );
    }
    let weak = bind("0.0.0.0:0", Some(&SecretString::from("short")))
        .await
        .unwrap_err();
    assert!(matches!(weak, BindError::WeakToken { bytes: 5 }), "{weak}");
    assert!(!weak.to_string().contains("short"));
    assert!(matches!(
        bind("nonsense", None).await.unwrap_err(),
        BindError::NoAddress { .. }
    ));
    for address in ["127.0.0.1:0", "localhost:0"] {
        let listener = bind(address, None).await.unwrap();
        let taken = listener.local_addr().unwrap().to_string();
        assert!(matches!(
            bind(&taken, None).await.unwrap_err(),
            BindError::Refused { .. }
        ));
    }
}

#[tokio::test]
async fn the_server_itself_refuses_an_open_listener_without_a_token() {
    let (_folder, ledger) = super::sample::empty();
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let state = crate::ApiState {
        ledger,
        token: None,
        live: std::sync::Arc::new(Daemon::WELL),
    };
    let error = serve(listener, state, std::future::pending())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_page_that_rebinds_its_name_to_this_machine_gets_nothing() {
    let server = Server::start().await;
    for host in [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "[::2]:80",
        "10.0.0.1",
    ] {
        let reply = server
            .send(&format!(
                "GET /fills HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            ))
            .await;
        assert_eq!(reply.status, 421, "{host}");
        assert!(!reply.body.contains("exec_id"));
    }
    for host in [
        "localhost",
        "LOCALHOST:9",
        "127.0.0.1:1",
        "127.5.5.5",
        "[::1]",
        "[::1]:8080",
    ] {
        let reply = server
            .send(&format!(
                "GET /fills HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            ))
            .await;
        assert_eq!(reply.status, 200, "{host}");
    }
    // Behind a token the name does not matter: a reverse proxy sends its own.
    let server = Server::with(Some(TOKEN), Limits::default(), Daemon::WELL).await;
    let text = format!(
        "GET /fills HTTP/1.1\r\nHost: fills.example\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(server.send(&text).await.status, 200);
}

#[test]
fn a_host_is_read_strictly() {
    for host in [
        "",
        "localhost:80:80",
        "[::1",
        "[::1]x",
        "[::1]:x",
        "127.0.0.1:8o",
        "user@localhost",
    ] {
        assert!(!is_this_machine(host), "{host}");
    }
}
