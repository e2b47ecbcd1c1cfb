//! One traversal: every page of one window, to the end.
//!
//! Law 9 lives here: coverage is claimed only by the record that ends a traversal, and a page that
//! failed, or a cursor that came twice, leaves a known gap instead. Rows are recorded as they come,
//! so what was seen before a failure is kept. Pages are held back until the traversal ends or enough
//! rows have come, so that a short page and the empty one that ends it are one transaction, and so
//! that what a venue lists newest first is recorded oldest first.

use crate::drive::found::Found;
use crate::drive::look_ups::{LOOK_UPS_MAX, LookUps};
use crate::drive::refused;
use fillsync_core::coverage::Window;
use fillsync_core::execution::Execution;
use fillsync_core::id::{Category, OrderId, Symbol};
use fillsync_core::order::Order;
use fillsync_core::port::{Clock, Cursor, Page, Position, Positions, Venue, VenueError};
use fillsync_core::time::VenueTime;
use fillsync_ledger::{Gap, Ledger, LedgerError, PageRecord, Proven};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

/// The most pages of one traversal; one that has more is cut and leaves a gap.
pub const PAGES_MAX: u32 = 20_000;

/// So many rows are held back at most. A venue that lists the newest first would otherwise be recorded
/// backwards: each record would be older than all before it, and the books followed again from there.
const HOLD_ROWS_MAX: usize = 20_000;

/// The most rows of one record, so that no commit keeps the others waiting for long.
const RECORD_ROWS_MAX: usize = 2_000;

/// The longest window that is traversed at once where there is more to read: with `HOLD_ROWS_MAX` it
/// keeps long histories in the order of time, and proves them day by day.
pub const WINDOW_MAX: Duration = Duration::from_hours(24);

/// From one look at positions that the fills do not explain to the next.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why a traversal did not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum TraverseError {
    /// The venue gave no page.
    #[error(transparent)]
    Venue(#[from] VenueError),
    /// The ledger took no page.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The pages do not end.
    #[error("{0}")]
    Endless(String),
}

/// One account's venue with the ledger that its pages go to.
pub struct Traverser<'a> {
    /// The venue.
    pub venue: &'a dyn Venue,
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The host's clock.
    pub clock: &'a dyn Clock,
}

impl Traverser<'_> {
    /// The longest window that is worth a traversal of its own.
    #[must_use]
    pub fn window_max(&self) -> Duration {
        self.venue.window_max().min(WINDOW_MAX)
    }

    /// A record of nothing yet.
    pub(super) fn blank(&self, category: &Category) -> PageRecord {
        PageRecord::new(
            self.venue.account().clone(),
            self.venue.kind(),
            category.clone(),
            self.clock.now(),
        )
    }

    /// Reads every execution of a window, and proves it.
    ///
    /// # Errors
    /// When a page did not come or the pages do not end: the window is then a known gap.
    pub async fn executions(
        &self,
        category: &Category,
        window: Window,
        found: &mut Found,
    ) -> Result<(), TraverseError> {
        match self.walk(category, window, found).await {
            Ok(()) => Ok(()),
            Err(TraverseError::Ledger(error)) => Err(error.into()),
            Err(error) => {
                self.gap(category, window, error.to_string(), found).await?;
                Err(error)
            }
        }
    }

    /// Records that a window is not proven, and why.
    ///
    /// # Errors
    /// When the ledger does not take it.
    pub async fn gap(
        &self,
        category: &Category,
        window: Window,
        reason: String,
        found: &mut Found,
    ) -> Result<(), LedgerError> {
        let mut record = self.blank(category);
        record.gap = Some(Gap { window, reason });
        found.add(self.ledger.record(record).await?);
        Ok(())
    }

    async fn walk(
        &self,
        category: &Category,
        window: Window,
        found: &mut Found,
    ) -> Result<(), TraverseError> {
        let mut pager = Pager::default();
        let mut held = self.blank(category);
        let mut rows = 0u32;
        loop {
            let answer = self
                .venue
                .executions(category, window, pager.cursor())
                .await;
            let page: Page<Execution> = match answer {
                Ok(page) => page,
                Err(error) => {
                    self.keep(held, found).await?;
                    return Err(error.into());
                }
            };
            held.seen_at = self.clock.now();
            rows = rows.saturating_add(u32::try_from(page.rows.len()).unwrap_or(u32::MAX));
            held.executions.extend(page.rows);
            held.unreadable.extend(page.unreadable);
            found.pages += 1;
            if page.next.is_none() {
                held.proven = Some(Proven {
                    window,
                    pages: pager.pages + 1,
                    rows,
                });
                self.keep(held, found).await?;
                return Ok(());
            }
            if held.executions.len() >= HOLD_ROWS_MAX {
                let full = std::mem::replace(&mut held, self.blank(category));
                self.keep(full, found).await?;
            }
            if let Err(why) = pager.turn(page.next, PAGES_MAX) {
                self.keep(held, found).await?;
                return Err(TraverseError::Endless(why));
            }
        }
    }

    /// Reads every execution of one order, however old. Nothing is proven by it.
    ///
    /// # Errors
    /// When a page did not come or the pages do not end; what came before is recorded.
    pub async fn executions_of(
        &self,
        category: &Category,
        symbol: &Symbol,
        order_id: &OrderId,
        found: &mut Found,
    ) -> Result<(), TraverseError> {
        let mut pager = Pager::default();
        let mut held = self.blank(category);
        loop {
            let answer = self
                .venue
                .executions_of(category, symbol, order_id, pager.cursor())
                .await;
            let page = match answer {
                Ok(page) => page,
                Err(error) => {
                    self.keep(held, found).await?;
                    return Err(error.into());
                }
            };
            held.seen_at = self.clock.now();
            held.executions.extend(page.rows);
            held.unreadable.extend(page.unreadable);
            let turned = match page.next {
                None => None,
                next => Some(pager.turn(next, PAGES_MAX)),
            };
            match turned {
                Some(Ok(())) => {}
                None => return Ok(self.keep(held, found).await?),
                Some(Err(why)) => {
                    self.keep(held, found).await?;
                    return Err(TraverseError::Endless(why));
                }
            }
        }
    }

    /// Records what was held back, the oldest rows first; what it proves goes with the last of them.
    async fn keep(&self, mut held: PageRecord, found: &mut Found) -> Result<(), LedgerError> {
        held.executions
            .sort_by_key(|row| Reverse((row.executed_at, row.venue_sequence)));
        let mut times = Vec::new();
        while held.executions.len() > RECORD_ROWS_MAX {
            let mut record = self.blank(&held.category);
            record.seen_at = held.seen_at;
            let newer = held.executions.len() - RECORD_ROWS_MAX;
            record.executions = held.executions.split_off(newer);
            times.extend(refused::record(self.ledger, record, found).await?);
        }
        if !held.executions.is_empty() || !held.unreadable.is_empty() || held.proven.is_some() {
            // What an earlier part had refused of it is no part of what is proven.
            let proven = if times.is_empty() {
                None
            } else {
                held.proven.take()
            };
            let page = self.blank(&held.category);
            times.extend(refused::record(self.ledger, held, found).await?);
            if let Some(proven) = proven {
                refused::prove_around(self.ledger, &page, proven, &times, found).await?;
            }
        }
        Ok(())
    }

    /// Reads the positions: what is open less what was filled since is what was open before the data
    /// begin. Positions that the known fills do not explain are looked at twice: a venue in its
    /// maintenance answers with success and nothing in it, and a book that began with the opposite of
    /// what it filled since would be wrong for ever. False when the two looks differ: nothing is
    /// recorded then.
    ///
    /// # Errors
    /// When the venue did not answer.
    pub async fn positions(
        &self,
        category: &Category,
        found: &mut Found,
    ) -> Result<bool, TraverseError> {
        let Some(first) = self.venue.positions(category).await? else {
            return Ok(true);
        };
        if !self.is_explained(category, &first).await? {
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
            let second = self.venue.positions(category).await?;
            if second
                .is_none_or(|second| sorted(second.positions) != sorted(first.positions.clone()))
            {
                return Ok(false);
            }
        }
        let mut record = self.blank(category);
        record.positions = Some(first);
        found.add(self.ledger.record(record).await?);
        Ok(true)
    }

    /// Whether the known fills lead to these positions.
    async fn is_explained(
        &self,
        category: &Category,
        said: &Positions,
    ) -> Result<bool, LedgerError> {
        let (account, asked) = (self.venue.account().clone(), category.clone());
        let known = self
            .ledger
            .read(move |reader| reader.position_now(&account, &asked))
            .await?;
        Ok(sorted(known) == sorted(said.positions.clone()))
    }

    /// Reads every open order, and asks for those that are no longer among them. The answer is when they
    /// were read; none where one of them could not be found, so that nothing is claimed.
    ///
    /// # Errors
    /// When a page did not come, or the pages do not end: nothing is claimed then.
    pub async fn orders(
        &self,
        category: &Category,
        found: &mut Found,
        turns: &mut LookUps,
    ) -> Result<Option<VenueTime>, TraverseError> {
        let checked_at = self.venue.now().await?;
        let (account, asked) = (self.venue.account().clone(), category.clone());
        let before: Vec<Order> = self
            .ledger
            .read(move |reader| reader.open_orders(&account, &asked))
            .await?;
        let mut pager = Pager::default();
        let mut record = self.blank(category);
        loop {
            let page = self.venue.open_orders(category, pager.cursor()).await?;
            record.orders.extend(page.rows);
            record.unreadable.extend(page.unreadable);
            if page.next.is_none() {
                break;
            }
            pager
                .turn(page.next, PAGES_MAX)
                .map_err(TraverseError::Endless)?;
        }
        let listed: HashSet<&OrderId> = record.orders.iter().map(|order| &order.order_id).collect();
        let vanished: Vec<&Order> = before
            .iter()
            .filter(|order| !listed.contains(&order.order_id))
            .collect();
        let mut looked_up = Vec::new();
        let mut is_complete = vanished.len() <= LOOK_UPS_MAX;
        let mut failure = None;
        for order in turns.choose(category, vanished, |order| &order.order_id) {
            let answer = self
                .venue
                .order(category, &order.market.symbol, &order.order_id)
                .await;
            match answer {
                Ok(Some(order)) => looked_up.push(order),
                Ok(None) => self.gone(order, checked_at).await?,
                // The list itself is good; only nothing is claimed of it until every order was found.
                Err(VenueError::Rejected { what }) => {
                    is_complete = false;
                    found.unread_orders.push((order.order_id.clone(), what));
                }
                Err(error @ VenueError::Retry { .. }) => {
                    is_complete = false;
                    failure = Some(error);
                }
                Err(error) => return Err(error.into()),
            }
        }
        record.orders.extend(looked_up);
        record.seen_at = self.clock.now();
        // Orders that were not looked up may have ended: until they are, nothing is claimed.
        let orders_checked = is_complete.then_some(checked_at);
        record.orders_checked = orders_checked;
        refused::record(self.ledger, record, found).await?;
        failure.map_or(Ok(orders_checked), |error| Err(error.into()))
    }

    async fn gone(&self, order: &Order, at: VenueTime) -> Result<(), LedgerError> {
        self.ledger
            .order_gone(
                order.market.account.clone(),
                order.market.category.clone(),
                order.market.symbol.clone(),
                order.order_id.clone(),
                at,
            )
            .await
    }

    /// Asks for the orders that executions name and the ledger does not have: fills of orders that
    /// nobody tracked.
    ///
    /// # Errors
    /// When the venue did not answer; what came before it is recorded.
    pub async fn wanted_orders(
        &self,
        category: &Category,
        found: &mut Found,
        turns: &mut LookUps,
    ) -> Result<(), TraverseError> {
        let wanted = std::mem::take(&mut found.orders_wanted);
        if wanted.is_empty() {
            return Ok(());
        }
        let mut record = self.blank(category);
        let mut failure = None;
        for (symbol, order_id) in &turns.choose(category, wanted, |(_, order_id)| order_id) {
            match self.venue.order(category, symbol, order_id).await {
                Ok(Some(order)) => record.orders.push(order),
                Ok(None) => {
                    self.ledger
                        .order_gone(
                            self.venue.account().clone(),
                            category.clone(),
                            symbol.clone(),
                            order_id.clone(),
                            self.venue.now().await?,
                        )
                        .await?;
                }
                // One order that cannot be read does not keep the others from being found.
                Err(VenueError::Rejected { what }) => {
                    found.unread_orders.push((order_id.clone(), what));
                }
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        record.seen_at = self.clock.now();
        if !record.orders.is_empty() {
            refused::record(self.ledger, record, found).await?;
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// What is held, to be compared.
fn sorted(mut positions: Vec<Position>) -> Vec<Position> {
    positions.retain(|position| !position.quantity.is_zero());
    positions.sort_by(|a, b| (&a.symbol, a.lane).cmp(&(&b.symbol, b.lane)));
    positions
}

/// Turns pages, and refuses a cursor that comes twice or pages without end.
#[derive(Debug, Default)]
pub(super) struct Pager {
    cursor: Option<Cursor>,
    seen: HashSet<Cursor>,
    pages: u32,
}

impl Pager {
    pub(super) fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    pub(super) fn turn(&mut self, next: Option<Cursor>, pages_max: u32) -> Result<(), String> {
        self.pages += 1;
        if self.pages >= pages_max {
            return Err(format!("the venue gave {pages_max} pages without an end"));
        }
        if let Some(cursor) = &next
            && !self.seen.insert(cursor.clone())
        {
            return Err(format!(
                "the venue repeated a cursor after {} pages",
                self.pages
            ));
        }
        self.cursor = next;
        Ok(())
    }
}
