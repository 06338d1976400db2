//! Values as people write them: the same text in a file, a variable and a flag.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use alloy::primitives::{Address, U256};
use serde::Deserializer;
use serde::de::{Error, Visitor};
use zktrain_chain::amount;
use zktrain_ledger::weights::WEIGHT_LOG;

struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err: Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a single value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.trim().parse().map_err(E::custom)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    // The shortest text that is this number: what was written, for up to 15 digits.
    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }
}

/// A value that is there.
pub(super) fn one<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    from.deserialize_any(Text(PhantomData))
}

/// A value that need not be there; with `#[serde(default)]`.
pub(super) fn some<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    one(from).map(Some)
}

/// A time span: `90s`, `10m`, `1h 30m`.
pub(super) fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let span: humantime::Duration = one(from)?;
    Ok(*span)
}

/// An Ethereum address.
pub(super) fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Address>, D::Error> {
    let text: String = one(from)?;
    amount::parse_address(&text).map(Some).map_err(D::Error::custom)
}

/// An amount of tokens: `12`, `0.5`, `12 ZKT`, or `7 wei` for base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub U256);

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        amount::parse(text).map(Self)
    }
}

/// A part of a whole: `0.5` or `50%`; above 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// As a fraction.
    pub fn part(self) -> f64 {
        self.0
    }

    /// The largest weight that is no more than this part of all weights of a round.
    pub fn weight(self) -> u32 {
        // At most 2^16.
        (self.0 * f64::from(1u32 << WEIGHT_LOG)).floor() as u32
    }
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected a part of one, as 0.5 or 50%";
        let (digits, unit) = match text.strip_suffix('%') {
            Some(digits) => (digits.trim_end(), 100.0),
            None => (text, 1.0),
        };
        let part = digits.parse::<f64>().map_err(|_| wrong)? / unit;
        if part > 0.0 && part <= 1.0 { Ok(Self(part)) } else { Err(wrong) }
    }
}

/// Accounts: addresses with commas between them, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts(pub Vec<Address>);

impl FromStr for Accounts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let mut accounts = parts.map(amount::parse_address).collect::<Result<Vec<_>, _>>()?;
        accounts.sort_unstable();
        match accounts.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("{} is there twice", pair[0])),
            None => Ok(Self(accounts)),
        }
    }
}

/// How a program logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected `text` or `json`"),
        }
    }
}
