//! Bybit's envelopes, and its answers that are no rows of trading. Nothing here sends or waits.
//!
//! Every answer has a code, a text for people, a result and the venue's clock; most results are lists whose
//! rows stay unread here. Unknown keys are passed over. The rows are in `wire.rs`.

use crate::field::Field;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The envelope of every answer, with the list that most of them carry.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<'a> {
    /// 0 is success.
    pub ret_code: i64,
    /// Text for people.
    #[serde(borrow, default)]
    pub ret_msg: Cow<'a, str>,
    /// The rows.
    #[serde(borrow, default)]
    pub result: List<'a>,
    /// The venue's clock, in milliseconds.
    #[serde(default)]
    pub time: Option<i64>,
}

/// One page of rows.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct List<'a> {
    /// The rows, unread.
    #[serde(borrow)]
    pub list: Option<Vec<&'a RawValue>>,
    /// Where the next page is, already percent-encoded; empty at the end.
    #[serde(borrow)]
    pub next_page_cursor: Option<Cow<'a, str>>,
}

/// The envelope without a view of its result, for answers that are no list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bare<'a> {
    /// 0 is success.
    pub ret_code: i64,
    /// Text for people.
    #[serde(borrow, default)]
    pub ret_msg: Option<Cow<'a, str>>,
    /// Whatever the call answers.
    #[serde(borrow, default)]
    pub result: Option<&'a RawValue>,
    /// The venue's clock, in milliseconds.
    #[serde(default)]
    pub time: Option<i64>,
}

/// `GET /v5/market/time`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServerTime<'a> {
    /// Nanoseconds since 1970.
    #[serde(borrow)]
    pub time_nano: Field<'a>,
}

/// `GET /v5/user/query-api`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KeyRow<'a> {
    /// 1 for a key that can only read, 0 for one that can do more.
    #[serde(borrow)]
    pub read_only: Field<'a>,
    /// Group of permissions to their names.
    #[serde(borrow)]
    pub permissions: Option<&'a RawValue>,
    /// RFC 3339; 1970 for keys that do not expire.
    #[serde(borrow)]
    pub expired_at: Field<'a>,
    /// Whole days until the key expires; negative for keys that do not.
    #[serde(borrow)]
    pub deadline_day: Field<'a>,
    /// The addresses that may use the key; `*` is any.
    #[serde(borrow)]
    pub ips: Option<&'a RawValue>,
    /// 1 for a unified account, 0 for a classic one.
    #[serde(borrow)]
    pub uta: Field<'a>,
    /// The account's id.
    #[serde(borrow, rename = "userID")]
    pub user_id: Field<'a>,
}

/// `GET /v5/account/info`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AccountRow<'a> {
    /// 1 classic, 3 and 4 unified 1.0, 5 and 6 unified 2.0.
    #[serde(borrow)]
    pub unified_margin_status: Field<'a>,
}

/// One row of `GET /v5/market/option-base-coins`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OptionRow<'a> {
    /// What the options are on.
    #[serde(borrow)]
    pub base_coin: Field<'a>,
}
