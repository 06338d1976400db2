//! What this machine is prepared to do for somebody else's manifest: settings in the environment.
//!
//! All commands read the same: `ZKTRAIN_LIMIT_ROWS`, `ZKTRAIN_LIMIT_ADDRESS_BITS`,
//! `ZKTRAIN_LIMIT_LEAVES`, `ZKTRAIN_LIMIT_MEMORY`. A limit never changes a proof, only who reads it.

use zktrain_model::size::{Limit, Limits};

/// A setting that is no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {got:?}; a whole number is expected")]
pub struct LimitError {
    /// The environment's variable.
    pub variable: &'static str,
    /// What it holds.
    pub got: String,
}

/// The variable of the environment that sets a limit.
pub fn variable(limit: Limit) -> &'static str {
    match limit {
        Limit::Rows => "ZKTRAIN_LIMIT_ROWS",
        Limit::AddressBits => "ZKTRAIN_LIMIT_ADDRESS_BITS",
        Limit::Leaves => "ZKTRAIN_LIMIT_LEAVES",
        Limit::Memory => "ZKTRAIN_LIMIT_MEMORY",
    }
}

/// The limits of this process' environment, the defaults where it sets none.
///
/// # Errors
/// If a setting is no number.
pub fn of_environment() -> Result<Limits, LimitError> {
    read(|variable| std::env::var_os(variable).map(|text| text.to_string_lossy().into_owned()))
}

fn read(setting: impl Fn(&'static str) -> Option<String>) -> Result<Limits, LimitError> {
    let number = |limit: Limit, default: u64| {
        let variable = variable(limit);
        let Some(text) = setting(variable) else { return Ok(default) };
        text.trim().parse().map_err(|_| LimitError { variable, got: text })
    };
    let Limits { rows, address_bits, leaves, memory } = Limits::default();
    let bits = number(Limit::AddressBits, address_bits.into())?;
    Ok(Limits {
        rows: number(Limit::Rows, rows)?,
        address_bits: bits.try_into().unwrap_or(u32::MAX),
        leaves: number(Limit::Leaves, leaves)?,
        memory: number(Limit::Memory, memory)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_from_the_environment() {
        assert_eq!(read(|_| None), Ok(Limits::default()));
        let one = |variable| (variable == "ZKTRAIN_LIMIT_ROWS").then(|| " 4096".to_owned());
        assert_eq!(read(one), Ok(Limits { rows: 4096, ..Limits::default() }));
        let all = read(|_| Some("7".to_owned())).unwrap();
        assert_eq!(all, Limits { rows: 7, address_bits: 7, leaves: 7, memory: 7 });
        for text in ["", "-1", "2^16", "many", "99999999999999999999999"] {
            let error = read(|_| Some(text.to_owned())).unwrap_err();
            assert_eq!(error.got, text);
        }
    }
}
