//! The hand-made client: signs for Bybit, sends headers for Alpaca, and shows status, headers and body.

use std::time::Duration;

use fillsync_fake::{
    AlpacaAccount, AlpacaOptions, BybitAccount, BybitOptions, FakeAlpaca, FakeBybit, FakeClock,
    sign,
};
use serde_json::Value;

pub(crate) const KEY: &str = "TESTKEY0123456789";
pub(crate) const SECRET: &str = "testsecret-abcdefghijklmnopqrstuvwxyz";
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;
pub(crate) const DAY_MS: i64 = 24 * 3_600_000;

/// An answer, read completely.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn code(&self) -> i64 {
        self.json()["retCode"].as_i64().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    }

    /// Bybit's rows.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let body = self.json();
        assert_eq!(body["retCode"], 0, "{body}");
        body["result"]["list"].as_array().unwrap().clone()
    }

    /// One field of all of Bybit's rows.
    pub(crate) fn column(&self, key: &str) -> Vec<String> {
        self.rows()
            .iter()
            .map(|row| row[key].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn cursor(&self) -> String {
        self.json()["result"]["nextPageCursor"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
    let response = request.timeout(Duration::from_secs(10)).send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply {
        status,
        headers,
        text: response.text().await?,
    })
}

pub(crate) fn http() -> reqwest::Client {
    // In a build of the whole workspace reqwest has TLS without a provider of its own choice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// A fake Bybit whose clock stands still at [`NOW_MS`], with the account `main`.
pub(crate) async fn bybit() -> FakeBybit {
    let account = BybitAccount::new("main", KEY, SECRET, 7);
    FakeBybit::start(BybitOptions::new([account]).clock(FakeClock::fixed(NOW_MS)))
        .await
        .unwrap()
}

/// A signed GET at the given time, `query` exactly as given.
pub(crate) fn signed(
    venue: &FakeBybit,
    path: &str,
    query: &str,
    at_ms: i64,
) -> reqwest::RequestBuilder {
    let timestamp = at_ms.to_string();
    let separator = if query.is_empty() { "" } else { "?" };
    http()
        .get(format!("{}{path}{separator}{query}", venue.base_url()))
        .header("X-BAPI-API-KEY", KEY)
        .header("X-BAPI-TIMESTAMP", &timestamp)
        .header("X-BAPI-RECV-WINDOW", "5000")
        .header("X-BAPI-SIGN", sign(SECRET, &timestamp, KEY, "5000", query))
}

pub(crate) async fn ask(venue: &FakeBybit, path: &str, query: &str) -> Reply {
    send(signed(venue, path, query, venue.clock().now_ms()))
        .await
        .unwrap()
}

/// The pages of a traversal until the empty one, with the cursor put on the wire as it came.
pub(crate) async fn traverse(venue: &FakeBybit, path: &str, query: &str) -> Vec<Reply> {
    let mut pages = Vec::new();
    let mut next = query.to_owned();
    loop {
        let page = ask(venue, path, &next).await;
        let (cursor, is_empty) = (page.cursor(), page.rows().is_empty());
        pages.push(page);
        if is_empty || cursor.is_empty() {
            return pages;
        }
        assert!(pages.len() < 100, "the traversal does not end");
        next = format!("{query}&cursor={cursor}");
    }
}

/// A fake Alpaca whose clock stands still at [`NOW_MS`], with the account `bot`.
pub(crate) async fn alpaca() -> FakeAlpaca {
    let account = AlpacaAccount::new("bot", "PK1", "secret-1");
    FakeAlpaca::start(AlpacaOptions::new([account]).clock(FakeClock::fixed(NOW_MS)))
        .await
        .unwrap()
}

pub(crate) async fn get(venue: &FakeAlpaca, path: &str) -> Reply {
    let request = http()
        .get(format!("{}{path}", venue.base_url()))
        .header("APCA-API-KEY-ID", "PK1")
        .header("APCA-API-SECRET-KEY", "secret-1");
    send(request).await.unwrap()
}

/// One field of an array of objects.
pub(crate) fn column(body: &Value, key: &str) -> Vec<String> {
    body.as_array()
        .unwrap()
        .iter()
        .map(|row| row[key].as_str().unwrap().to_owned())
        .collect()
}
