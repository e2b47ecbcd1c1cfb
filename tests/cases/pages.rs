//! Pages: how a traversal can lose rows although every page came, and how it must not.

use crate::arrival::Dice;
use crate::desk::{DAY_MS, Desk, HOUR_MS, MINUTE_MS, Stand};
use fillsync_fake::{FOREVER, FakeAlpaca, FakeBybit, Fault, Fill, Match, NewOrder, Side};

/// One order that filled in so many parts of 1, the n-th at `at_ms(n)`.
fn fill_in_parts<V: Stand>(desk: &Desk<V>, parts: i64, at_ms: impl Fn(i64) -> i64) -> String {
    let book = desk.fake.book();
    let order =
        NewOrder::limit(V::SYMBOL, Side::Buy, &parts.to_string(), "0.2215").at_ms(at_ms(0) - 1_000);
    let order = book.place_order("main", order).unwrap();
    for part in 0..parts {
        let fill = Fill::new("1", "0.2215").maker().at_ms(at_ms(part));
        book.fill(&order, fill).unwrap();
    }
    order
}

fn paging_by_time<V: Stand>() {
    let desk = Desk::<V>::new();
    let at = desk.now_ms() - MINUTE_MS;
    // Two and a half pages of one instant, and something before and after it.
    fill_in_parts(&desk, 250, |_| at);
    fill_in_parts(&desk, 3, |part| at - 5_000 + part);
    fill_in_parts(&desk, 3, |part| at + 5_000 + part);
    desk.round("main", HOUR_MS);
    assert_eq!(desk.ids("main").len(), 256);
    assert_eq!(desk.ids("main"), desk.venue_ids("main"));
    assert!(desk.gaps("main").is_empty());
}

#[test]
fn case_07_paging_by_time_skips_equal_timestamps_on_bybit() {
    // A sweep through the book fills one order in more parts than a page has, all in one
    // millisecond. Readers that asked for the next page "from the last row's time on" either read
    // the same rows for ever or stepped one millisecond further and lost the rest of that instant
    // (ccxt's pull request 9409; a Deribit adapter did the same). The venue's cursor is followed.
    paging_by_time::<FakeBybit>();
}

#[test]
fn case_07_paging_by_time_skips_equal_timestamps_on_alpaca() {
    // The same at Alpaca, whose `after` is a time as well and whose page token is the id of the
    // last row: only the token separates rows of one instant.
    paging_by_time::<FakeAlpaca>();
}

fn short_pages<V: Stand>(limit_rows: impl Fn(&V, usize)) {
    for rows in [1, 7, 50] {
        let desk = Desk::<V>::new();
        limit_rows(&desk.fake, rows);
        let from = desk.now_ms() - 10 * MINUTE_MS;
        fill_in_parts(&desk, 90, |part| from + part * 100);
        desk.round("main", HOUR_MS);
        assert_eq!(desk.ids("main").len(), 90, "{rows} rows on a page");
        assert_eq!(desk.ids("main"), desk.venue_ids("main"));
    }
}

#[test]
fn case_09_a_short_page_is_not_the_last_on_bybit() {
    // A page with fewer rows than were asked for was taken for the last one by rotki and by
    // passivbot (pull request 1394); venues cut pages short for reasons of their own, with a cursor
    // that goes on. Only the absence of a cursor, or an empty page, is the end.
    short_pages::<FakeBybit>(|fake, rows| fake.rules(|rules| rules.rows_per_page_max = rows));
}

#[test]
fn case_09_a_short_page_is_not_the_last_on_alpaca() {
    // The same at Alpaca, where nothing but an empty page says that there is no more.
    short_pages::<FakeAlpaca>(|fake, rows| fake.rules(|rules| rules.rows_per_page_max = rows));
}

fn repeated_cursor<V: Stand>() {
    let desk = Desk::<V>::new();
    let from = desk.now_ms() - 10 * MINUTE_MS;
    fill_in_parts(&desk, 250, |part| from + part * 100);
    // The second page comes again and again.
    desk.fake
        .faults()
        .add(Match::path(V::FILLS).page(3), Fault::RepeatPage, 1);
    let window = desk.last("main", HOUR_MS);
    desk.read("main", window)
        .expect_err("a traversal that turns in a circle has not ended");
    assert!(!desk.coverage("main").contains(window));
    assert_eq!(desk.gaps("main").len(), 1);
    // Next time it ends, and nothing is missing.
    desk.read("main", window).unwrap();
    assert_eq!(desk.ids("main"), desk.venue_ids("main"));
    assert!(desk.coverage("main").contains(window));
    assert!(desk.gaps("main").is_empty());
}

#[test]
fn case_09_a_cursor_that_comes_twice_is_no_end_on_bybit() {
    // A cursor that leads back to its own page was read as "nothing new, so done" (passivbot's pull
    // request 1394): everything behind it was lost without a word. It is an error, the window a
    // known gap, and the next round reads it again.
    repeated_cursor::<FakeBybit>();
}

#[test]
fn case_09_a_cursor_that_comes_twice_is_no_end_on_alpaca() {
    // The same at Alpaca: a page token that is ignored answers with the page that is there already.
    repeated_cursor::<FakeAlpaca>();
}

fn failed_page<V: Stand>() {
    let faults = [
        Fault::status(500, "oops"),
        Fault::Html,
        Fault::CutBody { keep_bytes: 700 },
        Fault::DropConnection,
    ];
    for (fault, page) in faults.into_iter().zip([2, 3, 2, 3]) {
        let desk = Desk::<V>::new();
        let from = desk.now_ms() - 10 * MINUTE_MS;
        fill_in_parts(&desk, 250, |part| from + part * 100);
        desk.fake
            .faults()
            .add(Match::path(V::FILLS).page(page), fault.clone(), FOREVER);
        let window = desk.last("main", HOUR_MS);
        desk.read("main", window).expect_err("a page did not come");
        // What came is kept, and nothing is claimed.
        let kept = desk.ids("main").len();
        assert!((100..250).contains(&kept), "{fault:?}: {kept}");
        assert!(!desk.coverage("main").contains(window), "{fault:?}");
        let gaps = desk.gaps("main");
        assert_eq!(gaps.len(), 1, "{fault:?}: {gaps:?}");
        assert_eq!(gaps[0].window, window, "{fault:?}");
        desk.fake.faults().clear();
        desk.read("main", window).unwrap();
        assert_eq!(desk.ids("main"), desk.venue_ids("main"), "{fault:?}");
        assert!(desk.coverage("main").contains(window), "{fault:?}");
        assert!(desk.gaps("main").is_empty(), "{fault:?}");
    }
}

#[test]
fn case_10_a_failed_page_is_not_done_on_bybit() {
    // A fetch that failed in the middle was stored as done, and the days behind it were never asked
    // for again (passivbot's pull request 1327). Rows and proof are one transaction here: a page
    // that did not come leaves a known gap over the whole window.
    failed_page::<FakeBybit>();
}

#[test]
fn case_10_a_failed_page_is_not_done_on_alpaca() {
    // The same at Alpaca.
    failed_page::<FakeAlpaca>();
}

#[test]
fn case_08_a_window_longer_than_seven_days_is_read_whole_on_bybit() {
    // Bybit answers at most seven days: asked with a start only, it gives the seven days after it,
    // without a word about the rest. ccxt (22349, 23415), passivbot (pull request 1394) and others
    // lost weeks that way. Windows are explicit, closed and shorter than that, one after the other.
    let desk = Desk::<FakeBybit>::new();
    let (now, mut dice) = (desk.now_ms(), Dice::new(8));
    for day in (1..40).rev() {
        let at = now - day * DAY_MS + i64::try_from(dice.roll(3_600_000)).unwrap();
        fill_in_parts(&desk, 2, |part| at + part);
    }
    desk.round("main", 45 * DAY_MS);
    assert_eq!(desk.ids("main").len(), 78);
    assert_eq!(desk.ids("main"), desk.venue_ids("main"));
    // What is claimed is one piece without holes.
    let coverage = desk.coverage("main");
    assert_eq!(coverage.windows().len(), 1, "{coverage:?}");
    for request in desk.fake.requests().of(FakeBybit::FILLS) {
        assert!(
            request.query.contains("startTime=") && request.query.contains("endTime="),
            "{}",
            request.query
        );
    }
}

#[test]
fn case_08_a_long_history_is_read_whole_on_alpaca() {
    // Alpaca has no such bound, but the same windows are used there: none of their edges may lose a
    // fill, and an edge belongs to both sides (`after` takes its own instant in, `until` does not).
    let desk = Desk::<FakeAlpaca>::new();
    let window = desk.last("main", 10 * DAY_MS);
    let most = std::time::Duration::from_hours(24);
    for edge in window.split(most) {
        let at = edge.from.ms();
        fill_in_parts(&desk, 3, |part| at + part);
    }
    desk.read("main", window).unwrap();
    assert_eq!(desk.ids("main").len(), 30);
    assert_eq!(desk.ids("main"), desk.venue_ids("main"));
}
