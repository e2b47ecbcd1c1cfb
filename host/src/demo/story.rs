//! The acts of the demo, in their order.

use super::stage::Stage;
use crate::cli::say;
use fillsync_fake::{Book, Fill, NewOrder, Side};
use std::time::Duration;

/// From one fill to the next within an act.
const BEAT: Duration = Duration::from_millis(250);

/// A plan of limit orders on one account: L1, L2, L3 at falling chances to fill.
struct Plan<'a> {
    book: &'a Book,
    account: &'static str,
    symbol: &'static str,
    side: Side,
    quantity: &'static str,
    prices: [&'static str; 3],
    orders: Vec<String>,
}

impl<'a> Plan<'a> {
    fn place(
        book: &'a Book,
        account: &'static str,
        symbol: &'static str,
        side: Side,
        quantity: &'static str,
        prices: [&'static str; 3],
    ) -> anyhow::Result<Self> {
        let mut orders = Vec::new();
        for (index, price) in prices.into_iter().enumerate() {
            let order = NewOrder::limit(symbol, side, quantity, price)
                .client_order_id(&format!("{symbol}-L{}-{account}", index + 1));
            orders.push(book.place_order(account, order)?);
        }
        Ok(Self {
            book,
            account,
            symbol,
            side,
            quantity,
            prices,
            orders,
        })
    }

    /// Fills order L`number` entirely.
    async fn fill(&self, number: usize) -> anyhow::Result<()> {
        let at = number.saturating_sub(1);
        if let (Some(order), Some(price)) = (self.orders.get(at), self.prices.get(at)) {
            self.book
                .fill(order, Fill::new(self.quantity, price).maker())?;
        }
        tokio::time::sleep(BEAT).await;
        Ok(())
    }

    /// Closes what so many fills opened, by a market order, and cancels the rest.
    fn close(&self, quantity: &str, price: &str) -> anyhow::Result<()> {
        let opposite = match self.side {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        };
        let exit = self.book.place_order(
            self.account,
            NewOrder::market(self.symbol, opposite, quantity).reduce_only(),
        )?;
        self.book.fill(&exit, Fill::new(quantity, price))?;
        for order in &self.orders {
            if self
                .book
                .order(order)
                .is_some_and(|order| order.status.is_open())
            {
                self.book.cancel(order, None)?;
            }
        }
        Ok(())
    }
}

pub(super) async fn tell(stage: &mut Stage) -> anyhow::Result<()> {
    say(
        "fillsync demo: fake Bybit (main, mirror) and fake Alpaca (bot) on this machine; nothing leaves it.",
    )?;
    say(&format!("Configuration: {}", stage.config_path().display()))?;
    say(&format!(
        "Log:           {}\n",
        stage.dir.join("fillsync.log").display()
    ))?;
    stage.start().await?;
    disagreement(stage).await?;
    other_way_round(stage).await?;
    agreement(stage).await?;
    swap(stage).await?;
    downtime(stage).await?;
    divergence(stage).await?;
    the_end(stage)
}

fn heading(number: u32, text: &str) -> anyhow::Result<()> {
    say(&format!("── {number}. {text}\n"))
}

async fn disagreement(stage: &Stage) -> anyhow::Result<()> {
    heading(
        1,
        "GTCUSDT: mirror's L1 and L2 fill, then main's L1. Alone, main would say 1 and mirror 2.",
    )?;
    stage.forget();
    let book = stage.bybit.book();
    let prices = ["0.2210", "0.2215", "0.2220"];
    let main = Plan::place(book, "main", "GTCUSDT", Side::Sell, "150", prices)?;
    let mirror = Plan::place(book, "mirror", "GTCUSDT", Side::Sell, "75", prices)?;
    tokio::time::sleep(BEAT).await;
    mirror.fill(1).await?;
    mirror.fill(2).await?;
    main.fill(1).await?;
    stage
        .hear(&[
            ("GTCUSDT Sell (MAIN)", 1),
            ("GTCUSDT Sell (MIRROR)", 2),
            ("[Synchronized count]", 1),
        ])
        .await?;
    say(
        "   Main's alert shows 2, marked, with its own 1 beside it. Then main's L2 fills, and both are flat again:\n",
    )?;
    stage.forget();
    main.fill(2).await?;
    stage.hear(&[("GTCUSDT Sell (MAIN)", 1)]).await?;
    main.close("300", "0.2190")?;
    mirror.close("150", "0.2190")?;
    stage.hear(&[("GTCUSDT", 5)]).await
}

async fn other_way_round(stage: &Stage) -> anyhow::Result<()> {
    heading(
        2,
        "ARBUSDT: main 2, mirror 1. The mirror's L2 fills a little later.",
    )?;
    stage.forget();
    let book = stage.bybit.book();
    let prices = ["0.4100", "0.4060", "0.4020"];
    let main = Plan::place(book, "main", "ARBUSDT", Side::Buy, "200", prices)?;
    let mirror = Plan::place(book, "mirror", "ARBUSDT", Side::Buy, "100", prices)?;
    tokio::time::sleep(BEAT).await;
    main.fill(1).await?;
    main.fill(2).await?;
    mirror.fill(1).await?;
    stage
        .hear(&[
            ("ARBUSDT Buy (MAIN)", 2),
            ("ARBUSDT Buy (MIRROR)", 1),
            ("[Synchronized count]", 1),
        ])
        .await?;
    stage.forget();
    mirror.fill(2).await?;
    stage.hear(&[("ARBUSDT Buy (MIRROR)", 1)]).await
}

async fn agreement(stage: &Stage) -> anyhow::Result<()> {
    heading(3, "SOLUSDT: all three orders fill on both.")?;
    stage.forget();
    let book = stage.bybit.book();
    let prices = ["141.20", "141.60", "142.00"];
    let main = Plan::place(book, "main", "SOLUSDT", Side::Sell, "3", prices)?;
    let mirror = Plan::place(book, "mirror", "SOLUSDT", Side::Sell, "1.5", prices)?;
    tokio::time::sleep(BEAT).await;
    for number in 1..=3 {
        main.fill(number).await?;
        mirror.fill(number).await?;
    }
    stage
        .hear(&[("SOLUSDT Sell (MAIN)", 3), ("SOLUSDT Sell (MIRROR)", 3)])
        .await
}

async fn swap(stage: &Stage) -> anyhow::Result<()> {
    heading(
        4,
        "The group's strategy is changed from max-count to main-master: one line of the file, while it runs.",
    )?;
    stage.edit("strategy = \"max-count\"", "strategy = \"main-master\"")?;
    stage.see_in_log("group desk changed: strategy").await?;
    say(
        "   OPUSDT: main's L1, then mirror's L1 and L2. Main is the master now, so mirror's second alert shows 1:\n",
    )?;
    stage.forget();
    let book = stage.bybit.book();
    let prices = ["1.7000", "1.6900", "1.6800"];
    let main = Plan::place(book, "main", "OPUSDT", Side::Buy, "60", prices)?;
    let mirror = Plan::place(book, "mirror", "OPUSDT", Side::Buy, "30", prices)?;
    tokio::time::sleep(BEAT).await;
    main.fill(1).await?;
    mirror.fill(1).await?;
    mirror.fill(2).await?;
    stage
        .hear(&[("OPUSDT Buy (MIRROR)", 2), ("[Synchronized count]", 1)])
        .await?;
    say("   Then main's L2 fills as well:\n")?;
    stage.forget();
    main.fill(2).await?;
    stage.hear(&[("OPUSDT Buy (MAIN)", 1)]).await
}

async fn downtime(stage: &mut Stage) -> anyhow::Result<()> {
    heading(
        5,
        "The daemon is stopped. Meanwhile an order that it never saw fills at Alpaca; then it starts again.",
    )?;
    stage.stop().await?;
    stage.forget();
    let book = stage.alpaca.book();
    let order = book.place_order(
        "bot",
        NewOrder::limit("BTC/USD", Side::Buy, "0.01", "91250.5"),
    )?;
    book.fill(&order, Fill::new("0.004", "91250.5"))?;
    book.fill(&order, Fill::new("0.006", "91249"))?;
    stage.start().await?;
    stage.hear(&[("BTC/USD Buy (bot)", 1)]).await?;
    stage.see_in_log("untracked_fill_detected").await
}

async fn divergence(stage: &Stage) -> anyhow::Result<()> {
    heading(
        6,
        "NEARUSDT: main's L1 fills, the mirror's L1 never does. At the deadline (5 s here) the truth is told:",
    )?;
    stage.forget();
    let book = stage.bybit.book();
    let prices = ["2.3100", "2.3200", "2.3300"];
    let main = Plan::place(book, "main", "NEARUSDT", Side::Sell, "40", prices)?;
    let _mirror = Plan::place(book, "mirror", "NEARUSDT", Side::Sell, "20", prices)?;
    tokio::time::sleep(BEAT).await;
    main.fill(1).await?;
    stage.hear(&[("ACCOUNTS DIVERGED  NEARUSDT", 1)]).await
}

fn the_end(stage: &Stage) -> anyhow::Result<()> {
    let at = format!("http://127.0.0.1:{}", stage.port());
    say("── What to look at\n")?;
    say(&format!(
        "   curl -s {at}/counts       detected, shown and true, side by side"
    ))?;
    say(&format!("   curl -s {at}/divergences  who really differs"))?;
    say(&format!("   curl -s {at}/fills        every fill once"))?;
    say(&format!(
        "   curl -s {at}/performance  closed cycles with fees"
    ))?;
    say(&format!(
        "   curl -s {at}/plugins      versions, hashes, calls"
    ))?;
    say(&format!(
        "   fillsync -c {} counts",
        stage.config_path().display()
    ))?;
    Ok(())
}
