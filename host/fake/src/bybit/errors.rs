//! Bybit's table of error codes, with the texts of its documentation.
//!
//! Promise: every code of the table can be answered by name. The texts are of no use to a client, which must look at
//! the code alone: one of them has been seen in another language.

use crate::fault::Fault;

/// Codes and texts, as answered with HTTP 200.
pub const BYBIT_ERRORS: [(i64, &str); 25] = [
    (-1, "request expired"),
    (-2015, "(Spot) Your api key has expired"),
    (
        429,
        "The trading service is experiencing a high server load. Please retry if you encounter this issue.",
    ),
    (10000, "Server Timeout"),
    (10001, "Request parameter error"),
    (10002, "The request time exceeds the time window range."),
    (10003, "API key is invalid."),
    (
        10004,
        "Error sign, please check your signature generation algorithm.",
    ),
    (
        10005,
        "Permission denied, please check your API key permissions.",
    ),
    (10006, "Too many visits. Exceeded the API Rate Limit."),
    (10007, "User authentication failed."),
    (10008, "Common banned, please check your account mode"),
    (10009, "IP has been banned."),
    (
        10010,
        "Unmatched IP, please check your API key's bound IP addresses.",
    ),
    (10014, "Invalid duplicate request."),
    (10016, "Server error."),
    (10017, "Route not found."),
    (10018, "Exceeded the IP Rate Limit."),
    (10024, "Compliance rules triggered"),
    (10027, "Transactions are banned."),
    (
        10028,
        "The API can only be accessed by unified account users.",
    ),
    (
        10029,
        "The requested symbol is invalid, please check symbol whitelist",
    ),
    (33004, "Derivatives: your api key has expired"),
    (110001, "Order does not exist"),
    (181017, "OrderStatus must be a final status"),
];

impl Fault {
    /// A refusal of Bybit with the text that its table has for the code; none for codes beyond the table.
    #[must_use]
    pub fn bybit(code: i64) -> Option<Self> {
        let (code, text) = BYBIT_ERRORS.iter().find(|(known, _)| *known == code)?;
        Some(Self::refuse(*code, text))
    }
}
