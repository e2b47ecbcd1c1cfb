//! The streams of both venues: handshake, authentication, topics, and what each event tells.

use fillsync_fake::{
    Change, Correction, Fill, NewOrder, NewRow, SecondStream, SelfMatchIds, Side, sign_stream,
};
use serde_json::{Value, json};

use crate::client::{KEY, SECRET, alpaca, ask, bybit, column, get};
use crate::socket::{Heard, PATIENCE, Socket, alpaca_auth, alpaca_stream, bybit_stream};

#[test]
fn the_signature_of_a_stream_equals_the_reference_vector() {
    assert_eq!(
        sign_stream(SECRET, 1_700_000_010_000),
        "df86ef1e84b6f9120cd2e807efbc67ed85fb7f508efc10f63a27a223279bfa8e"
    );
}

#[tokio::test]
async fn bybit_tells_an_execution_and_its_order_the_moment_they_happen() {
    let venue = bybit().await;
    let mut socket = bybit_stream(&venue, &["execution", "order"]).await;
    assert!(venue.streams().wait_live("main", 1, PATIENCE).await);
    let order = NewOrder::limit("GTCUSDT", Side::Sell, "150", "0.2215").client_order_id("plan7-L1");
    let order = venue.book().place_order("main", order).unwrap();
    let placed = socket.next().await;
    assert_eq!(placed["topic"], "order");
    assert_eq!(placed["data"][0]["orderStatus"], "New");
    let id = venue
        .book()
        .fill(&order, Fill::new("50", "0.2215").maker())
        .unwrap();

    let told = socket.next().await;
    assert_eq!(told["topic"], "execution");
    assert!(told["id"].is_string() && told["creationTime"].is_i64());
    let row = &told["data"][0];
    assert_eq!(row["execId"], id.as_str());
    assert_eq!(row["category"], "linear");
    assert_eq!(row["extraFees"], json!([]));
    assert!(row.get("execFeeV2").is_none());
    let order_row = socket.next().await;
    assert_eq!(order_row["topic"], "order");
    assert_eq!(order_row["data"][0]["category"], "linear");
    assert_eq!(order_row["data"][0]["cumExecQty"], "50");
    assert_eq!(order_row["data"][0]["orderStatus"], "PartiallyFilled");

    // What REST says of the same execution differs in nothing that both have, but in `extraFees`.
    let rest = ask(&venue, "/v5/execution/list", "category=linear").await;
    let rest = &rest.rows()[0];
    for (key, value) in rest.as_object().unwrap() {
        if !["extraFees", "execFeeV2"].contains(&key.as_str()) {
            assert_eq!(&row[key], value, "{key}");
        }
    }
}

#[tokio::test]
async fn bybit_authenticates_before_it_subscribes_and_answers_pings() {
    let venue = bybit().await;
    let mut socket = Socket::open(&venue.stream_url()).await;
    let pong = socket.ask(&json!({"op": "ping", "req_id": "7"})).await;
    assert_eq!(
        (&pong["op"], &pong["req_id"]),
        (&json!("pong"), &json!("7"))
    );
    let subscribe = json!({"op": "subscribe", "args": ["execution"]});
    assert_eq!(socket.ask(&subscribe).await["success"], false);

    let now_ms = venue.clock().now_ms();
    let auth = |key: &str, expires_ms: i64, signature: String| json!({"op": "auth", "args": [key, expires_ms, signature]});
    for refused in [
        auth(KEY, now_ms, sign_stream(SECRET, now_ms)),
        auth(
            "STRANGER",
            now_ms + 1_000,
            sign_stream(SECRET, now_ms + 1_000),
        ),
        auth(KEY, now_ms + 1_000, sign_stream(SECRET, now_ms + 1_001)),
    ] {
        let answer = socket.ask(&refused).await;
        assert_eq!(answer["success"], false, "{refused}");
        assert_eq!(answer["ret_msg"], "Params Error");
    }
    // The time is the server's own, skew included.
    venue.faults().set_clock_skew_ms(5_000);
    let late = auth(KEY, now_ms + 4_000, sign_stream(SECRET, now_ms + 4_000));
    assert_eq!(socket.ask(&late).await["success"], false);
    let good = auth(KEY, now_ms + 9_000, sign_stream(SECRET, now_ms + 9_000));
    assert_eq!(socket.ask(&good).await["success"], true);

    let topics = |topics: &[&str]| json!({"op": "subscribe", "args": topics});
    for refused in [topics(&["trades"]), topics(&["execution", "order.linear"])] {
        assert_eq!(socket.ask(&refused).await["success"], false, "{refused}");
    }
    assert_eq!(venue.streams().live("main"), 0);
    let answer = socket.ask(&topics(&["execution.spot"])).await;
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(venue.streams().live("main"), 1);
}

#[tokio::test]
async fn bybit_tells_only_the_own_account_and_only_what_is_subscribed() {
    let venue = bybit().await;
    venue.add_account(fillsync_fake::BybitAccount::new(
        "other", "OTHERKEY", "s", 8,
    ));
    let mut socket = bybit_stream(&venue, &["execution"]).await;
    let order = NewOrder::market("GTCUSDT", Side::Buy, "1");
    let foreign = venue.book().place_order("other", order.clone()).unwrap();
    venue.book().fill(&foreign, Fill::new("1", "2")).unwrap();
    let own = venue.book().place_order("main", order).unwrap();
    let own = venue.book().fill(&own, Fill::new("1", "2")).unwrap();
    let funding = NewRow::funding("GTCUSDT", Side::Buy, "1", "2", "0.01");
    let funding = venue.book().add_row("main", funding).unwrap();
    assert_eq!(socket.next().await["data"][0]["execId"], own.as_str());
    let told = socket.next().await;
    assert_eq!(told["data"][0]["execId"], funding.as_str());
    assert_eq!(told["data"][0]["execType"], "Funding");
}

#[tokio::test]
async fn bybit_tells_a_filled_order_twice_and_a_position_with_its_own_words() {
    let venue = bybit().await;
    venue.rules(|rules| rules.filled_twice = true);
    let mut socket = bybit_stream(&venue, &["order", "position"]).await;
    let order = NewOrder::market("BTCUSDT", Side::Buy, "1").position_idx(1);
    let order = venue.book().place_order("main", order).unwrap();
    assert_eq!(socket.next().await["data"][0]["orderStatus"], "New");
    venue.book().fill(&order, Fill::new("1", "64000")).unwrap();
    for reason in ["EC_NoError", "EC_OrigClOrdIDDoesNotExist"] {
        let told = socket.next().await;
        assert_eq!(told["data"][0]["orderStatus"], "Filled");
        assert_eq!(told["data"][0]["rejectReason"], reason);
    }
    let position = socket.next().await;
    assert_eq!(position["topic"], "position");
    assert_eq!(position["data"][0]["entryPrice"], "64000");
    assert!(position["data"][0].get("avgPrice").is_none());
    assert_eq!(position["data"][0]["positionIdx"], 1);
}

#[tokio::test]
async fn nothing_is_told_again_to_a_client_that_was_away() {
    let venue = bybit().await;
    let order = NewOrder::market("GTCUSDT", Side::Buy, "2");
    let order = venue.book().place_order("main", order).unwrap();
    venue.book().fill(&order, Fill::new("1", "2")).unwrap();
    let mut socket = bybit_stream(&venue, &["execution"]).await;
    let second = venue.book().fill(&order, Fill::new("1", "2")).unwrap();
    assert_eq!(socket.next().await["data"][0]["execId"], second.as_str());
}

#[tokio::test]
async fn a_stream_that_hears_nothing_is_closed() {
    let venue = bybit().await;
    venue.rules(|rules| rules.stream_idle_ms = 50);
    let mut socket = Socket::open(&venue.stream_url()).await;
    assert_eq!(socket.heard().await, Heard::Closed(1000));
}

#[tokio::test]
async fn new_streams_of_an_address_are_limited() {
    let venue = bybit().await;
    venue.rules(|rules| rules.streams_per_ip = fillsync_fake::Rate::new(1, 60_000));
    let _first = Socket::open(&venue.stream_url()).await;
    let error = tokio_tungstenite::connect_async(venue.stream_url()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("403"), "{error}");
    let plain =
        crate::client::send(crate::client::http().get(format!("{}/v5/private", venue.base_url())));
    assert_eq!(plain.await.unwrap().status, 400);
}

#[tokio::test]
async fn alpaca_talks_in_binary_frames_and_listens_only_for_who_is_authorised() {
    let venue = alpaca().await;
    let mut socket = Socket::open(&venue.stream_url()).await;
    let listen = |streams: &[&str]| json!({"action": "listen", "data": {"streams": streams}});
    socket.say(&listen(&["trade_updates"])).await;
    let refused =
        json!({"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}});
    assert_eq!(socket.heard().await, Heard::Message(refused, true));
    let wrong = json!({"action": "auth", "key": "PK1", "secret": "wrong"});
    assert_eq!(socket.ask(&wrong).await["data"]["status"], "unauthorized");
    let short = json!({"action": "auth", "key": "PK1", "secret": "secret-1"});
    assert_eq!(socket.ask(&short).await["data"]["status"], "authorized");
    let answer = socket.ask(&listen(&["trade_updates", "tea_leaves"])).await;
    assert_eq!(
        answer,
        json!({"stream": "listening", "data": {"streams": ["trade_updates"]}})
    );
    // The list replaces the one before.
    let answer = socket.ask(&listen(&["tea_leaves"])).await;
    assert_eq!(answer["data"]["streams"], json!([]));
    venue.rules(|rules| rules.binary_frames = false);
    socket.say(&json!({"action": "sing"})).await;
    let error = json!({"action": "error", "data": {"error_message": "invalid syntax"}});
    assert_eq!(socket.heard().await, Heard::Message(error, false));
}

#[tokio::test]
async fn alpaca_tells_events_of_which_only_fills_carry_an_execution() {
    let venue = alpaca().await;
    let mut socket = alpaca_stream(&venue).await;
    let book = venue.book();
    let order = NewOrder::limit("BTC/USD", Side::Buy, "3", "60000");
    let order = book.place_order("bot", order).unwrap();
    let first = book.fill(&order, Fill::new("1", "60000")).unwrap();
    let successor = book.replace(&order, Change::price("61000")).unwrap();
    let second = book.fill(&successor, Fill::new("2", "61000")).unwrap();
    let third = NewOrder::limit("AAPL", Side::Buy, "1", "190");
    let third = book.place_order("bot", third).unwrap();
    book.cancel(&third, None).unwrap();

    let mut told = Vec::new();
    for _ in 0..7 {
        let message = socket.next().await;
        assert_eq!(message["stream"], "trade_updates");
        told.push(message["data"].clone());
    }
    let events: Vec<&str> = told
        .iter()
        .map(|data| data["event"].as_str().unwrap())
        .collect();
    let expected = [
        "new",
        "partial_fill",
        "replaced",
        "new",
        "fill",
        "new",
        "canceled",
    ];
    assert_eq!(events, expected);
    assert_eq!(told[1]["execution_id"], first.as_str());
    assert_eq!(told[1]["qty"], "1");
    assert_eq!(told[1]["order"]["filled_qty"], "1");
    assert_eq!(told[2]["order"]["replaced_by"], successor.as_str());
    assert_eq!(told[3]["order"]["replaces"], order.as_str());
    assert_eq!(told[4]["execution_id"], second.as_str());
    assert_eq!(told[4]["position_qty"], "3");
    let ids = book.execution_ids("bot");
    for quiet in [0, 2, 3, 5, 6] {
        let foreign = told[quiet]["execution_id"].as_str().unwrap().to_owned();
        assert!(!ids.contains(&foreign), "{quiet}");
        assert!(told[quiet].get("price").is_none());
    }
    // The uuid half of the activity's id is the event's execution id.
    let activities = get(&venue, "/v2/account/activities/FILL").await.json();
    let halves = column(&activities, "id");
    assert!(halves.iter().any(|id| id.ends_with(&format!("::{second}"))));
}

#[tokio::test]
async fn alpaca_takes_a_trade_back_and_corrects_one() {
    let venue = alpaca().await;
    let mut socket = alpaca_stream(&venue).await;
    let book = venue.book();
    let order = NewOrder::limit("AAPL", Side::Buy, "10", "190");
    let order = book.place_order("bot", order).unwrap();
    let first = book.fill(&order, Fill::new("4", "190")).unwrap();
    let second = book.fill(&order, Fill::new("6", "190")).unwrap();
    let bust = book.bust("bot", &first, None).unwrap();
    let correction = book
        .correct("bot", &second, Correction::price("189.5"))
        .unwrap();
    assert!(
        book.bust("bot", &first, None).is_err(),
        "it no longer stands"
    );

    let mut told: Vec<Value> = Vec::new();
    for _ in 0..5 {
        told.push(socket.next().await["data"].clone());
    }
    assert_eq!(told[3]["event"], "trade_bust");
    assert_eq!(told[3]["execution_id"], bust.as_str());
    assert_eq!(told[3]["previous_execution_id"], first.as_str());
    assert_eq!(told[3]["order"]["filled_qty"], "6");
    assert_eq!(told[3]["position_qty"], "6");
    assert_eq!(told[4]["event"], "trade_correct");
    assert_eq!(told[4]["previous_execution_id"], second.as_str());
    assert_eq!(told[4]["price"], "189.5");
    assert_eq!(told[4]["order"]["filled_avg_price"], "189.5");

    // The activities keep the rows that were, and name in the new ones which they mean.
    let activities = get(&venue, "/v2/account/activities/FILL").await.json();
    assert_eq!(activities.as_array().unwrap().len(), 4);
    let row = |id: &str| {
        let rows = activities.as_array().unwrap().iter();
        let mut rows = rows.filter(|row| row["id"].as_str().unwrap().ends_with(id));
        rows.next().unwrap().clone()
    };
    assert_eq!(row(&bust)["type"], "trade_bust");
    assert_eq!(row(&bust)["previous_id"], row(&first)["id"]);
    assert_eq!(row(&correction)["type"], "trade_correct");
    assert_eq!(row(&correction)["previous_id"], row(&second)["id"]);
    assert_eq!(book.trade_ids("bot"), [correction]);
    assert_eq!(book.position_size("bot", "AAPL", 0).to_string(), "6");
}

#[tokio::test]
async fn a_second_stream_of_one_key_ends_the_first_or_is_refused() {
    let venue = alpaca().await;
    let mut first = alpaca_stream(&venue).await;
    let mut second = alpaca_stream(&venue).await;
    assert_eq!(first.heard().await, Heard::Closed(1008));
    assert!(venue.streams().wait_live("bot", 1, PATIENCE).await);

    venue.rules(|rules| rules.second_stream = SecondStream::IsRefused);
    let mut third = Socket::open(&venue.stream_url()).await;
    let answer = third.ask(&alpaca_auth()).await;
    assert_eq!(answer["data"]["error_message"], "connection limit exceeded");
    assert_eq!(third.heard().await, Heard::Closed(1000));
    let order = NewOrder::market("AAPL", Side::Buy, "1");
    venue.book().place_order("bot", order).unwrap();
    assert_eq!(second.next().await["data"]["event"], "new");

    venue.rules(|rules| rules.second_stream = SecondStream::IsServed);
    let _fourth = alpaca_stream(&venue).await;
    assert_eq!(venue.streams().live("bot"), 2);
}

#[tokio::test]
async fn a_self_match_is_one_trade_with_two_sides() {
    let venue = bybit().await;
    venue.add_account(fillsync_fake::BybitAccount::new("mirror", "M", "s", 8));
    let book = venue.book();
    let place = |account: &str, side| {
        book.place_order(account, NewOrder::limit("GTCUSDT", side, "10", "0.22"))
            .unwrap()
    };
    let (buy, sell) = (place("main", Side::Buy), place("mirror", Side::Sell));
    let wrong = book.self_match(&sell, &buy, Fill::new("1", "0.22"), SelfMatchIds::Same);
    assert!(wrong.is_err());
    assert!(book.executions("main").is_empty(), "half a trade");
    let same = book.self_match(&buy, &sell, Fill::new("4", "0.22"), SelfMatchIds::Same);
    let (bought, sold) = same.unwrap();
    assert_eq!(bought, sold);
    let own = book.self_match(&buy, &sell, Fill::new("6", "0.22"), SelfMatchIds::Own);
    let (bought, sold) = own.unwrap();
    assert_ne!(bought, sold);
    let sides = [book.executions("main"), book.executions("mirror")];
    assert!(sides.iter().all(|rows| rows.len() == 2));
    for (one, other) in sides[0].iter().zip(&sides[1]) {
        assert_ne!(one.side, other.side);
        assert_ne!(one.is_maker, other.is_maker);
    }
}
