//! Figure c: from the page that shows a fill to the whole message at the receiver.
//!
//! The real daemon polls a fake Bybit through a forwarder, which notes when the answer that shows the
//! fill leaves for the daemon; the receiver notes when it has the whole post. Between the two lie the
//! adapter, two durable commits, the synchroniser, the formatter and the sending. The fills are single
//! limit orders that the ledger knows as open, of an account in no group, three for each cycle.

use crate::daemon::{Running, Site, rest};
use crate::http::{self, eventually};
use crate::measure::{Rounds, Samples};
use crate::report::Section;
use crate::venue::Venue;
use fillsync_fake::{Fill, NewOrder, Side};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Slow enough that the adapter's own pace, which keeps to the venue's limits, holds nothing up.
const POLL_MS: u64 = 300;
const ENTRIES: usize = 3;

pub fn measure(rounds: &Rounds) -> Section {
    let mut section = Section::new("from the venue's page to the whole message");
    let venue = Venue::start(&["main"]);
    let (front, lookout) = http::forward(venue.address());
    let (sender, posts) = mpsc::channel();
    let hook = http::serve(move |_, at| {
        let _ = sender.send(at);
        b"{}".to_vec()
    });
    let site = Site::new(
        front,
        &["main"],
        &format!("{POLL_MS}ms"),
        0,
        &format!(
            "[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://{hook}/\"\nalerts = [\"fill\"]\n"
        ),
    );
    let daemon = Running::start(&site).ready();
    let (mut without, mut proven, mut with) =
        (Samples::default(), Samples::default(), Samples::default());
    play(
        rounds,
        &venue,
        &posts,
        POLL_MS,
        |name| lookout.look_for("/v5/execution/list", name),
        |made, got| {
            let shown = lookout.seen_at().expect("the page came before the alert");
            let ended = lookout
                .next_at()
                .expect("the traversal ended before the alert");
            without.add_ms(got - shown);
            proven.add_ms(got - ended);
            with.add_ms(got - made);
        },
    );
    daemon.end();
    section.line(
        "without the wait for the poll",
        "ms",
        without,
        "p50 2 ms, p99 10 ms",
    );
    section.line("from the page that ends the traversal", "ms", proven, "");
    section.line(
        format!("from the fill on, polled every {POLL_MS} ms"),
        "ms",
        with,
        "",
    );
    section.line(
        "from the fill on, with the stream, polled every 10 min",
        "ms",
        with_stream(rounds),
        "100 ms",
    );
    section
}

/// The same fills, told by the venue's stream: polling waits for nothing but them.
fn with_stream(rounds: &Rounds) -> Samples {
    let venue = Venue::start(&["main"]);
    let (sender, posts) = mpsc::channel();
    let hook = http::serve(move |_, at| {
        let _ = sender.send(at);
        b"{}".to_vec()
    });
    let site = Site::new(
        venue.address(),
        &["main"],
        "10m",
        0,
        &format!(
            "[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://{hook}/\"\nalerts = [\"fill\"]\n"
        ),
    );
    site.turn_streams_on();
    let daemon = Running::start(&site).ready();
    eventually("the stream", || {
        (venue.fake.streams().live("main") == 1).then_some(())
    });
    let mut samples = Samples::default();
    play(
        rounds,
        &venue,
        &posts,
        POLL_MS,
        |_| {},
        |made, got| samples.add_ms(got - made),
    );
    daemon.end();
    samples
}

/// Plans of single limit orders that fill one after the other, each told before the next.
fn play(
    rounds: &Rounds,
    venue: &Venue,
    posts: &mpsc::Receiver<Instant>,
    pause_ms: u64,
    before: impl Fn(&str),
    mut after: impl FnMut(Instant, Instant),
) {
    let book = venue.fake.book();
    for cycle in 0..rounds.of(330).div_ceil(ENTRIES) {
        let orders: Vec<(String, String)> = (0..ENTRIES)
            .map(|slot| {
                let name = format!("cycle-{cycle}-L{slot}-end");
                let order =
                    NewOrder::limit("GTCUSDT", Side::Buy, "10", &format!("0.22{}", 9 - slot))
                        .client_order_id(&name);
                (book.place_order("main", order).unwrap(), name)
            })
            .collect();
        rest(pause_ms, 1);
        for (slot, (id, name)) in orders.iter().enumerate() {
            // At every phase of the poll, one after the other.
            let phase = (cycle * ENTRIES + slot) as u64 * 37 % pause_ms;
            std::thread::sleep(Duration::from_millis(phase));
            before(name);
            let made = Instant::now();
            book.fill(id, Fill::new("10", &format!("0.22{}", 9 - slot)).maker())
                .unwrap();
            let got = posts
                .recv_timeout(Duration::from_secs(30))
                .expect("an alert for every fill");
            after(made, got);
        }
        let id = book
            .place_order("main", NewOrder::market("GTCUSDT", Side::Sell, "30"))
            .unwrap();
        book.fill(&id, Fill::new("30", "0.23")).unwrap();
        rest(pause_ms, 1);
        eventually("quiet", || posts.try_recv().is_err().then_some(()));
    }
}
