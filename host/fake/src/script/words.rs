//! What single steps of a script say, as TOML has them.
//!
//! Promise: each struct is one step's keys and nothing else; amounts stay text, because the book reads them.

use serde::Deserialize;

use crate::book::{Category, ExecutionKind, OrderKind, SelfMatchIds, Side};

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SideWord {
    Buy,
    Sell,
}

impl From<SideWord> for Side {
    fn from(word: SideWord) -> Self {
        match word {
            SideWord::Buy => Self::Buy,
            SideWord::Sell => Self::Sell,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CategoryWord {
    #[default]
    Linear,
    Inverse,
    Spot,
    Option,
}

impl From<CategoryWord> for Category {
    fn from(word: CategoryWord) -> Self {
        match word {
            CategoryWord::Linear => Self::Linear,
            CategoryWord::Inverse => Self::Inverse,
            CategoryWord::Spot => Self::Spot,
            CategoryWord::Option => Self::Option,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KindWord {
    Limit,
    Market,
    Stop,
    StopLimit,
    TakeProfit,
    StopLoss,
    TrailingStop,
}

impl From<KindWord> for OrderKind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Limit => Self::Limit,
            KindWord::Market => Self::Market,
            KindWord::Stop => Self::Stop,
            KindWord::StopLimit => Self::StopLimit,
            KindWord::TakeProfit => Self::TakeProfit,
            KindWord::StopLoss => Self::StopLoss,
            KindWord::TrailingStop => Self::TrailingStop,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    #[serde(rename = "as")]
    pub(super) name: String,
    pub(super) account: String,
    pub(super) symbol: String,
    pub(super) side: SideWord,
    pub(super) qty: String,
    pub(super) price: Option<String>,
    /// Default: limit with a price, market without.
    pub(super) kind: Option<KindWord>,
    pub(super) trigger_price: Option<String>,
    #[serde(default)]
    pub(super) category: CategoryWord,
    #[serde(default)]
    pub(super) position_idx: u8,
    #[serde(default)]
    pub(super) reduce_only: bool,
    pub(super) client_order_id: Option<String>,
    pub(super) late: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FillStep {
    #[serde(rename = "as")]
    pub(super) name: Option<String>,
    pub(super) order: String,
    pub(super) qty: String,
    pub(super) price: String,
    #[serde(default)]
    pub(super) maker: bool,
    pub(super) fee: Option<String>,
    pub(super) fee_currency: Option<String>,
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) plus_us: u16,
    pub(super) late: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderStep {
    pub(super) order: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reject {
    pub(super) order: String,
    pub(super) reason: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Amend {
    pub(super) order: String,
    pub(super) qty: Option<String>,
    pub(super) price: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replace {
    #[serde(rename = "as")]
    pub(super) name: String,
    pub(super) order: String,
    pub(super) qty: Option<String>,
    pub(super) price: Option<String>,
    pub(super) client_order_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowStep {
    pub(super) account: String,
    pub(super) what: String,
    pub(super) symbol: String,
    pub(super) side: SideWord,
    pub(super) qty: String,
    pub(super) price: String,
    pub(super) fee: Option<String>,
    #[serde(default)]
    pub(super) category: CategoryWord,
    #[serde(default)]
    pub(super) position_idx: u8,
    pub(super) order_id: Option<String>,
    pub(super) id: Option<String>,
    pub(super) late: Option<String>,
}

impl RowStep {
    pub(super) fn kind(&self) -> ExecutionKind {
        match self.what.as_str() {
            "funding" => ExecutionKind::Funding,
            "adl" => ExecutionKind::Adl,
            "bust" => ExecutionKind::Bust,
            "delivery" => ExecutionKind::Delivery,
            "settle" => ExecutionKind::Settle,
            other => ExecutionKind::Other(other.to_owned()),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IdsWord {
    #[default]
    Same,
    Own,
}

impl From<IdsWord> for SelfMatchIds {
    fn from(word: IdsWord) -> Self {
        match word {
            IdsWord::Same => Self::Same,
            IdsWord::Own => Self::Own,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SelfMatch {
    pub(super) buy: String,
    pub(super) sell: String,
    pub(super) qty: String,
    pub(super) price: String,
    #[serde(default)]
    pub(super) ids: IdsWord,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TakeBack {
    pub(super) account: String,
    pub(super) execution: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CorrectStep {
    #[serde(rename = "as")]
    pub(super) name: Option<String>,
    pub(super) account: String,
    pub(super) execution: String,
    pub(super) qty: Option<String>,
    pub(super) price: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultStep {
    pub(super) what: String,
    pub(super) path: Option<String>,
    pub(super) account: Option<String>,
    pub(super) page: Option<u32>,
    pub(super) query: Option<String>,
    #[serde(default)]
    pub(super) after: u32,
    pub(super) times: Option<u32>,
    pub(super) status: Option<u16>,
    pub(super) code: Option<i64>,
    pub(super) text: Option<String>,
    pub(super) ms: Option<u64>,
    pub(super) bytes: Option<usize>,
    pub(super) with_headers: Option<bool>,
    pub(super) retry_after_s: Option<u64>,
    pub(super) order: Option<String>,
    pub(super) qty: Option<String>,
    pub(super) price: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamFaultStep {
    pub(super) what: String,
    pub(super) frame: Option<String>,
    pub(super) account: Option<String>,
    pub(super) contains: Option<String>,
    #[serde(default)]
    pub(super) after: u32,
    pub(super) times: Option<u32>,
    pub(super) ms: Option<u64>,
    pub(super) text: Option<String>,
    pub(super) code: Option<u16>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MixStep {
    pub(super) seed: u64,
    pub(super) per_hundred: Option<u8>,
    pub(super) total_max: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetStep {
    pub(super) unplugged: Option<bool>,
    pub(super) clock_skew_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Undo {
    Faults,
    Streams,
    RecentClosed,
}
