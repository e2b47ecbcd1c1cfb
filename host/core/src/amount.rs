//! Exact amounts: quantities, prices and money.
//!
//! An amount is read from the venue's own string and never from a float. 28 significant digits are
//! kept; more is an error, not a rounding. `""`, which Bybit writes for "not applicable", is `None`
//! for the reader to handle, never zero by accident. `Display` drops trailing zeros, so one amount
//! has one text.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// Amounts below this are kept: sums of a hundred thousand of them still fit.
const AMOUNT_LIMIT: Decimal = Decimal::from_parts(0, 0, 54_210, false, 0);

/// Text that is no amount we can keep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} is not a decimal of at most 28 digits")]
pub struct AmountError {
    /// The type that was to be made.
    pub kind: &'static str,
    /// What stood there.
    pub text: String,
}

macro_rules! amount {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Decimal);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(Decimal::ZERO);

            /// Reads the venue's own text: plain or scientific notation.
            ///
            /// # Errors
            /// When it is no number or has more digits than can be kept exactly.
            pub fn parse(text: &str) -> Result<Self, AmountError> {
                Decimal::from_str_exact(text)
                    .or_else(|error| {
                        if text.contains(['e', 'E']) { Decimal::from_scientific(text) } else { Err(error) }
                    })
                    .ok()
                    .filter(|decimal| decimal.abs() < AMOUNT_LIMIT)
                    .map(|decimal| Self(decimal.normalize()))
                    .ok_or_else(|| AmountError { kind: stringify!($name), text: text.chars().take(64).collect() })
            }

            /// From a number that was computed exactly.
            #[must_use]
            pub fn from_decimal(decimal: Decimal) -> Self {
                Self(decimal.normalize())
            }

            /// The number.
            #[must_use]
            pub const fn decimal(self) -> Decimal {
                self.0
            }

            /// Whether it is nothing.
            #[must_use]
            pub fn is_zero(self) -> bool {
                self.0.is_zero()
            }

            /// Whether it is less than nothing.
            #[must_use]
            pub fn is_negative(self) -> bool {
                self.0 < Decimal::ZERO
            }

            /// Whether it is more than nothing.
            #[must_use]
            pub fn is_positive(self) -> bool {
                self.0 > Decimal::ZERO
            }

            /// Without its sign.
            #[must_use]
            pub fn abs(self) -> Self {
                Self(self.0.abs())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0.normalize().to_string())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.normalize())
            }
        }

        impl TryFrom<String> for $name {
            type Error = AmountError;
            fn try_from(text: String) -> Result<Self, AmountError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(amount: $name) -> String {
                amount.to_string()
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self((self.0 + other.0).normalize())
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self((self.0 - other.0).normalize())
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::ZERO, |sum, item| sum + item)
            }
        }
    };
}

amount!(
    /// How much of a market's unit (coins, contracts, shares). Signed where it is a position.
    Quantity
);
amount!(
    /// The price of one unit, in the quote currency.
    Price
);
amount!(
    /// Money in some currency: positive is received, except in fees, where positive is paid.
    Money
);

impl Price {
    /// What a quantity costs at this price; `None` beyond 28 digits.
    #[must_use]
    pub fn times(self, quantity: Quantity) -> Option<Money> {
        self.decimal()
            .checked_mul(quantity.decimal())
            .map(Money::from_decimal)
    }
}

impl Money {
    /// The average price of a quantity that cost this; `None` for no quantity.
    #[must_use]
    pub fn per(self, quantity: Quantity) -> Option<Price> {
        self.decimal()
            .checked_div(quantity.decimal())
            .map(Price::from_decimal)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_amount_has_one_text() {
        assert_eq!(Quantity::parse("0.0100").unwrap().to_string(), "0.01");
        assert_eq!(Quantity::parse("150").unwrap().to_string(), "150");
        assert_eq!(Price::parse("1e-7").unwrap().to_string(), "0.0000001");
        assert_eq!(Money::parse("-0.000").unwrap(), Money::ZERO);
    }

    #[test]
    fn what_cannot_be_kept_exactly_is_refused() {
        assert!(Quantity::parse("").is_err());
        assert!(Quantity::parse("NaN").is_err());
        assert!(Price::parse("0.12345678901234567890123456789012345").is_err());
    }

    #[test]
    fn a_shib_price_survives() {
        let price = Price::parse("0.00001234").unwrap();
        let cost = price.times(Quantity::parse("1000000").unwrap()).unwrap();
        assert_eq!(cost.to_string(), "12.34");
        assert_eq!(cost.per(Quantity::parse("1000000").unwrap()), Some(price));
    }
}
