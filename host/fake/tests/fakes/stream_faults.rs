//! What goes wrong on streams: frames that are lost, late or doubled, and connections that end or fall silent.

use std::time::{Duration, Instant};

use fillsync_fake::{
    FOREVER, FakeBybit, Fault, Fill, Match, NewOrder, Side, StreamFault, StreamMatch, sign_stream,
};
use serde_json::json;

use crate::client::{KEY, SECRET, ask, bybit};
use crate::socket::{Heard, PATIENCE, Socket, bybit_stream};

/// Fills `count` executions of one and answers their ids.
fn fills(venue: &FakeBybit, count: u32) -> Vec<String> {
    let order = NewOrder::market("GTCUSDT", Side::Buy, "1000");
    let order = venue.book().place_order("main", order).unwrap();
    (0..count)
        .map(|_| venue.book().fill(&order, Fill::new("1", "2")).unwrap())
        .collect()
}

async fn told(socket: &mut Socket, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let message = socket.next().await;
        ids.push(message["data"][0]["execId"].as_str().unwrap().to_owned());
    }
    ids
}

#[tokio::test]
async fn single_frames_are_lost_without_a_trace() {
    let venue = bybit().await;
    let mut socket = bybit_stream(&venue, &["execution"]).await;
    let executions = || StreamMatch::kind("execution").account("main");
    venue
        .stream_faults()
        .add(executions().after(1), StreamFault::Drop, 1);
    let ids = fills(&venue, 3);
    assert_eq!(told(&mut socket, 2).await, [ids[0].as_str(), &ids[2]]);
    assert_eq!(venue.stream_faults().pending(), 0);
    // REST has all of them.
    let rows = ask(&venue, "/v5/execution/list", "category=linear").await;
    assert_eq!(rows.rows().len(), 3);
}

#[tokio::test]
async fn frames_are_doubled_overtaken_and_held_up() {
    let venue = bybit().await;
    let mut socket = bybit_stream(&venue, &["execution"]).await;
    let faults = venue.stream_faults();
    faults.add(StreamMatch::any(), StreamFault::Duplicate, 1);
    faults.add(StreamMatch::any(), StreamFault::Late { ms: 200 }, 1);
    let ids = fills(&venue, 3);
    let expected = [&ids[0], &ids[0], &ids[2], &ids[1]];
    assert_eq!(
        told(&mut socket, 4).await.iter().collect::<Vec<_>>(),
        expected
    );

    faults.add(StreamMatch::any(), StreamFault::Delay { ms: 150 }, 1);
    let since = Instant::now();
    let ids = fills(&venue, 2);
    assert_eq!(told(&mut socket, 2).await, ids);
    assert!(since.elapsed() >= Duration::from_millis(150));
    let instead = StreamFault::Instead {
        text: "{\"topic\":\"nonsense\"}".to_owned(),
    };
    faults.add(StreamMatch::kind("execution"), instead, 1);
    fills(&venue, 1);
    assert_eq!(socket.next().await, json!({"topic": "nonsense"}));
}

#[tokio::test]
async fn a_connection_breaks_or_is_closed_in_place_of_a_frame() {
    let venue = bybit().await;
    let mut socket = bybit_stream(&venue, &["execution"]).await;
    venue
        .stream_faults()
        .add(StreamMatch::kind("execution").after(1), StreamFault::Cut, 1);
    let ids = fills(&venue, 1);
    assert_eq!(told(&mut socket, 1).await, ids);
    fills(&venue, 1);
    assert_eq!(socket.heard().await, Heard::Broken);

    let mut socket = bybit_stream(&venue, &["execution"]).await;
    let close = StreamFault::Close {
        code: 1012,
        reason: "service restart".to_owned(),
    };
    venue.stream_faults().add(StreamMatch::any(), close, 1);
    fills(&venue, 1);
    assert_eq!(socket.heard().await, Heard::Closed(1012));
    assert!(venue.streams().wait_live("main", 0, PATIENCE).await);

    let mut socket = bybit_stream(&venue, &["execution"]).await;
    venue.streams().cut("nobody");
    assert_eq!(venue.streams().live("main"), 1);
    venue.streams().cut("main");
    assert_eq!(socket.heard().await, Heard::Broken);
    assert!(venue.streams().wait_live("main", 0, PATIENCE).await);
}

#[tokio::test]
async fn a_stream_falls_silent_and_stays_open() {
    let venue = bybit().await;
    let mut socket = bybit_stream(&venue, &["execution"]).await;
    venue.stream_faults().add(
        StreamMatch::kind("execution").after(1),
        StreamFault::Silence,
        1,
    );
    let ids = fills(&venue, 3);
    assert_eq!(told(&mut socket, 1).await, [ids[0].as_str()]);
    socket.say(&json!({"op": "ping"})).await;
    // Nothing comes, and the connection is still counted; only an end from outside is heard of.
    let nothing = tokio::time::timeout(Duration::from_millis(150), socket.heard());
    assert!(nothing.await.is_err());
    assert_eq!(venue.streams().live("main"), 1);
    venue.streams().cut_all();
    assert_eq!(socket.heard().await, Heard::Broken);
}

#[tokio::test]
async fn an_authentication_is_never_answered_and_a_handshake_meets_the_faults_of_requests() {
    let venue = bybit().await;
    venue
        .stream_faults()
        .add(StreamMatch::kind("auth"), StreamFault::Drop, FOREVER);
    let mut socket = Socket::open(&venue.stream_url()).await;
    let expires_ms = venue.clock().now_ms() + 10_000;
    let auth = json!({"op": "auth", "args": [KEY, expires_ms, sign_stream(SECRET, expires_ms)]});
    socket.say(&auth).await;
    assert_eq!(socket.ask(&json!({"op": "ping"})).await["op"], "pong");

    let handshake = Match::path("/v5/private");
    venue
        .faults()
        .add(handshake, Fault::status(503, "maintenance"), 1);
    let refused = tokio_tungstenite::connect_async(venue.stream_url()).await;
    assert!(refused.unwrap_err().to_string().contains("503"));
    assert_eq!(venue.requests().count("/v5/private"), 2);
    assert_eq!(venue.streams().opened(), 1);
}

#[tokio::test]
async fn the_plug_and_the_end_of_the_fake_break_streams_too() {
    let venue = bybit().await;
    let mut socket = bybit_stream(&venue, &["execution"]).await;
    venue.faults().unplug();
    assert_eq!(socket.heard().await, Heard::Broken);
    venue.faults().plug_in();
    let mut socket = bybit_stream(&venue, &["execution"]).await;
    drop(venue);
    assert_eq!(socket.heard().await, Heard::Broken);
}
