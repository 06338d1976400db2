//! Amounts, addresses and durations as people write them.

use alloy::primitives::utils::{format_units, parse_units};
use alloy::primitives::{Address, U256};

/// Decimals of the reward token.
const DECIMALS: u8 = 18;

/// Reads an amount of tokens: `12`, `0.5`, `12 ZKT`, or `7 wei` for base units.
///
/// # Errors
/// If it is none.
pub fn parse(text: &str) -> Result<U256, String> {
    read(text, "ZKT")
}

/// Reads an amount of ether: `12`, `0.5`, `12 ETH`, or `7 wei`.
///
/// # Errors
/// If it is none.
pub fn parse_ether(text: &str) -> Result<U256, String> {
    read(text, "ETH")
}

fn read(text: &str, unit: &str) -> Result<U256, String> {
    let lower = text.trim().to_lowercase();
    let wrong = |_| format!("{text:?} is no amount: write 12, 0.5 or 12.5{unit}, or 7wei");
    if let Some(units) = lower.strip_suffix("wei") {
        return U256::from_str_radix(units.trim(), 10).map_err(|_| wrong(()));
    }
    let digits = lower.strip_suffix(&unit.to_lowercase()).unwrap_or(&lower).trim();
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    // What is too fine to be an amount would be cut off.
    let plain = !whole.is_empty()
        && fraction.len() <= usize::from(DECIMALS)
        && whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit());
    let parsed = plain.then(|| parse_units(digits, DECIMALS).ok()).flatten();
    parsed.map(|units| units.get_absolute()).ok_or_else(|| wrong(()))
}

/// Writes an amount of tokens.
pub fn show(amount: U256) -> String {
    write(amount, "ZKT")
}

/// Writes an amount of ether.
pub fn show_ether(amount: U256) -> String {
    write(amount, "ETH")
}

fn write(amount: U256, unit: &str) -> String {
    let text = format_units(amount, DECIMALS).unwrap_or_else(|_| amount.to_string());
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    format!("{text} {unit}")
}

/// Reads an address; one with capitals has to have its checksum.
///
/// # Errors
/// If it is none, or mistyped.
pub fn parse_address(text: &str) -> Result<Address, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mixed = digits.chars().any(|c| c.is_ascii_uppercase())
        && digits.chars().any(|c| c.is_ascii_lowercase());
    let parsed = match mixed {
        true => Address::parse_checksummed(format!("0x{digits}"), None)
            .map_err(|_| "the checksum is wrong: it may be mistyped"),
        false => digits.parse().map_err(|_| "expected 20 bytes in hexadecimal"),
    };
    parsed.map_err(|why| format!("{text:?} is no address: {why}"))
}

/// Reads a duration in seconds: `90s`, `10m`, `1h`, `7days`.
///
/// # Errors
/// If it is none.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let parsed = humantime::parse_duration(text);
    parsed.map(|d| d.as_secs()).map_err(|e| format!("{text:?} is no duration: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written() {
        let token = U256::from(10).pow(U256::from(18));
        for (text, amount) in [
            ("12", token * U256::from(12)),
            ("0.5", token / U256::from(2)),
            (" 1.25 zkt", token * U256::from(5) / U256::from(4)),
            ("7 wei", U256::from(7)),
            ("3ZKT", token * U256::from(3)),
        ] {
            assert_eq!(parse(text), Ok(amount), "{text}");
            assert_eq!(parse(&show(amount)), Ok(amount), "{text}");
        }
        for wrong in ["", "-1", "1e3", "x", "1,5", "0x10", "1.2.3", "0.0000000000000000001", "ZKT"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_ether("0.5 eth"), Ok(token / U256::from(2)));
        assert_eq!(show_ether(token / U256::from(2)), "0.5 ETH");
        assert!(parse_ether("1 ZKT").is_err() && parse("1 ETH").is_err());
        assert_eq!(show(token * U256::from(1500)), "1500 ZKT");
        assert_eq!(show(U256::from(1)), "0.000000000000000001 ZKT");
    }

    #[test]
    fn a_mistyped_address_is_noticed() {
        let right = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf";
        let address = parse_address(right).unwrap();
        assert_eq!(parse_address(&right.to_lowercase()), Ok(address));
        assert_eq!(parse_address(&right[2..]), Ok(address));
        assert!(parse_address(&right.replace("7E5F", "7e5F")).is_err());
        assert!(parse_address(&right[..40]).is_err());
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("1h"), Ok(3600));
        assert_eq!(parse_duration("90s"), Ok(90));
        assert!(parse_duration("5").is_err());
    }
}
