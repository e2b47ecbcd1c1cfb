//! One row of a foreign file, as text, and what it becomes.
//!
//! Every field is judged, and all that is wrong with a line is said at once. Nothing is guessed: a side
//! that is neither a purchase nor a sale, a time without a zone, a price of nothing are wrong lines.

use super::ImportSettings;
use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::execution::{Execution, ExecutionClass, Fee, Relation, Side, Source};
use fillsync_core::id::{Category, ClientOrderId, Currency, ExecutionId, Market, OrderId, Symbol};
use fillsync_core::order::{OrderKind, StopKind};
use fillsync_core::time::VenueTime;

/// A row as it stands in the file; what is not there, or empty, is none.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) timestamp: Option<String>,
    pub(super) symbol: Option<String>,
    pub(super) side: Option<String>,
    pub(super) quantity: Option<String>,
    pub(super) price: Option<String>,
    pub(super) order_id: Option<String>,
    pub(super) execution_id: Option<String>,
    pub(super) account: Option<String>,
    pub(super) category: Option<String>,
    pub(super) client_order_id: Option<String>,
    pub(super) order_kind: Option<String>,
    pub(super) fee: Option<String>,
    pub(super) fee_currency: Option<String>,
    pub(super) is_maker: Option<String>,
    /// The row as JSON, for `raw`.
    pub(super) raw: String,
}

/// Collects what is wrong with one row.
#[derive(Default)]
struct Judge {
    wrong: Vec<String>,
}

impl Judge {
    fn need<'a>(&mut self, name: &str, text: Option<&'a str>) -> Option<&'a str> {
        if text.is_none() {
            self.wrong.push(format!("{name} is empty"));
        }
        text
    }

    /// Reads a field; an error becomes a sentence.
    fn read<T, E: std::fmt::Display>(
        &mut self,
        name: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(text?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong.push(format!("{name}: {error}"));
                None
            }
        }
    }
}

/// What every row must say.
struct Needed {
    executed_at: VenueTime,
    symbol: Symbol,
    side: Side,
    quantity: Quantity,
    price: Price,
    category: Category,
}

/// What a row becomes, or everything that is wrong with it.
pub(super) fn execution(draft: &Draft, settings: &ImportSettings) -> Result<Execution, String> {
    let mut judge = Judge::default();
    let needed = needed(draft, settings, &mut judge);
    let order_id = judge.read("order_id", draft.order_id.as_deref(), str::parse);
    let own_id = judge.read("exec_id", draft.execution_id.as_deref(), str::parse);
    let client_order_id = judge.read(
        "client_order_id",
        draft.client_order_id.as_deref(),
        str::parse::<ClientOrderId>,
    );
    let fee = fee_of(draft, &mut judge);
    let is_maker = judge.read("is_maker", draft.is_maker.as_deref(), |text| match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(format!("{other:?} is neither true nor false")),
    });
    let identity = needed.as_ref().and_then(|needed| {
        judge
            .read("exec_id", Some(""), |_| {
                identity(order_id.as_ref(), own_id, needed.quantity)
            })
            .flatten()
    });
    let (Some(needed), Some((execution_id, relation)), true) =
        (needed, identity, judge.wrong.is_empty())
    else {
        return Err(judge.wrong.join("; "));
    };
    Ok(Execution {
        market: Market {
            account: settings.account.clone(),
            category: needed.category,
            symbol: needed.symbol,
        },
        execution_id,
        class: ExecutionClass::OrderFill,
        order_id,
        client_order_id,
        side: needed.side,
        quantity: needed.quantity,
        price: needed.price,
        fee,
        is_maker,
        leaves_quantity: None,
        closed_quantity: None,
        order_kind: draft
            .order_kind
            .as_deref()
            .map_or(OrderKind::Unstated, OrderKind::from_name),
        stop: StopKind::None,
        venue_sequence: None,
        executed_at: needed.executed_at,
        source: Source::Import,
        relation,
        raw: draft.raw.clone(),
    })
}

fn needed(draft: &Draft, settings: &ImportSettings, judge: &mut Judge) -> Option<Needed> {
    let text = judge.need("timestamp", draft.timestamp.as_deref());
    let executed_at = judge.read("timestamp", text, |text| time(text, settings));
    let text = judge.need("symbol", draft.symbol.as_deref());
    let symbol = judge.read("symbol", text, str::parse);
    let text = judge.need("side", draft.side.as_deref());
    let side = judge.read("side", text, side_of);
    let text = judge.need("quantity", draft.quantity.as_deref());
    let quantity = judge.read("quantity", text, quantity_of);
    let text = judge.need("price", draft.price.as_deref());
    let price = judge.read("price", text, price_of);
    let category = judge.read("category", Some(""), |_| category_of(draft, settings));
    if draft.order_id.is_none() && draft.execution_id.is_none() {
        let what = "neither order_id nor exec_id is there; a row needs one of them";
        judge.wrong.push(what.to_owned());
    }
    if let Some(account) = &draft.account
        && account != settings.account.as_str()
    {
        judge.wrong.push(format!(
            "account is {account:?}, not {:?}; import each account by itself",
            settings.account.as_str()
        ));
    }
    Some(Needed {
        executed_at: executed_at?,
        symbol: symbol?,
        side: side?,
        quantity: quantity?,
        price: price?,
        category: category?,
    })
}

/// The id of a row, and what it means. A row that has its order's id or none for its own is the sum of
/// that order.
fn identity(
    order_id: Option<&OrderId>,
    own_id: Option<ExecutionId>,
    quantity: Quantity,
) -> Result<Option<(ExecutionId, Relation)>, String> {
    match (order_id, own_id) {
        (Some(order_id), own_id)
            if own_id
                .as_ref()
                .is_none_or(|id| id.as_str() == order_id.as_str()) =>
        {
            let id = ExecutionId::new(format!("inferred:{order_id}:0-{quantity}"))
                .map_err(|error| format!("order_id: {error}"))?;
            let relation = Relation::StandsIn {
                from: Quantity::ZERO,
                to: quantity,
            };
            Ok(Some((id, relation)))
        }
        (_, own_id) => Ok(own_id.map(|own_id| (own_id, Relation::Own))),
    }
}

fn time(text: &str, settings: &ImportSettings) -> Result<VenueTime, String> {
    let time = VenueTime::parse(text).map_err(|error| error.to_string())?;
    if time < VenueTime::EPOCH || time > settings.latest() {
        return Err(format!("{text:?} is not between 1970 and now"));
    }
    Ok(time)
}

/// `BOT` and `SLD` are what the seed's first broker wrote; `sell_short` is a sale at Alpaca.
fn side_of(text: &str) -> Result<Side, String> {
    match text.to_ascii_lowercase().as_str() {
        "buy" | "bot" => Ok(Side::Buy),
        "sell" | "sld" | "sell_short" => Ok(Side::Sell),
        _ => Err(format!("{text:?} is neither BUY nor SELL")),
    }
}

fn quantity_of(text: &str) -> Result<Quantity, String> {
    let quantity = Quantity::parse(text).map_err(|error| error.to_string())?;
    if quantity.is_positive() {
        return Ok(quantity);
    }
    Err(format!("{text:?} is not more than 0"))
}

/// The seed's own `/fills` rounds prices to cents: what cost less than half a cent stands there as 0.
fn price_of(text: &str) -> Result<Price, String> {
    let price = Price::parse(text).map_err(|error| error.to_string())?;
    if price.is_positive() {
        return Ok(price);
    }
    Err(format!(
        "{text:?} is not more than 0 (if it was rounded on its way, import the database instead)"
    ))
}

fn category_of(draft: &Draft, settings: &ImportSettings) -> Result<Category, String> {
    let known = || {
        let names: Vec<&str> = settings.categories.iter().map(Category::as_str).collect();
        names.join(", ")
    };
    match (&draft.category, settings.categories.as_slice()) {
        (Some(text), categories) => categories
            .iter()
            .find(|category| category.as_str() == text)
            .cloned()
            .ok_or_else(|| format!("{text:?} is none of the account's ({})", known())),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(format!(
            "is empty, and the account has several ({}); add a column `category`, or say --category",
            known()
        )),
    }
}

fn fee_of(draft: &Draft, judge: &mut Judge) -> Option<Fee> {
    let amount = judge.read("fee", draft.fee.as_deref(), Money::parse)?;
    let currency = judge.read(
        "fee_currency",
        draft.fee_currency.as_deref(),
        str::parse::<Currency>,
    );
    Some(Fee { amount, currency })
}
