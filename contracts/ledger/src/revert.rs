//! Reverts in types: every custom error of every contract.

use core::fmt;

use alloy_sol_types::{Panic, Revert as Reason, SolError, SolInterface};

use crate::bindings;

/// What a contract reverted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// The error's name, with its arguments as Rust prints them.
    pub name: String,
    /// The bytes.
    pub data: Vec<u8>,
}

impl Revert {
    /// Decodes what a call reverted with.
    pub fn decode(data: &[u8]) -> Self {
        Self { name: name(data), data: data.to_vec() }
    }

    /// Whether it is this error.
    pub fn is<E: SolError>(&self) -> bool {
        self.data.get(..4) == Some(&E::SELECTOR[..])
    }

    /// The error, if it is this one.
    pub fn get<E: SolError>(&self) -> Option<E> {
        E::abi_decode(&self.data).ok()
    }
}

fn one<I: SolInterface + fmt::Debug>(data: &[u8]) -> Option<String> {
    let shown = format!("{:?}", I::abi_decode(data).ok()?);
    // `KeyLength(KeyLength { .. })`: which contract's error it is adds nothing.
    let inner = shown.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    Some(inner.unwrap_or(&shown).to_owned())
}

fn name(data: &[u8]) -> String {
    if data.is_empty() {
        return "no reason given".to_owned();
    }
    if let Ok(reason) = Reason::abi_decode(data) {
        return reason.reason;
    }
    if let Ok(panic) = Panic::abi_decode(data) {
        return panic.to_string();
    }
    bindings::ERRORS
        .iter()
        .find_map(|decode| decode(data))
        .unwrap_or_else(|| format!("unknown error 0x{}", hex::encode(data)))
}

/// Reads an error of one contract.
pub(crate) type Decode = fn(&[u8]) -> Option<String>;

/// The reader of one contract's errors.
pub(crate) const fn reader<I: SolInterface + fmt::Debug>() -> Decode {
    one::<I>
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, U256};

    use super::*;
    use crate::bindings::training::TrainingVerifier::{KeyLength, UnknownKey};

    #[test]
    fn errors_have_names_and_arguments() {
        let error = KeyLength { expected: U256::from(2), got: U256::from(1) };
        let revert = Revert::decode(&error.abi_encode());
        assert!(revert.to_string().contains("KeyLength"), "{revert}");
        assert_eq!(revert.get::<KeyLength>(), Some(error));
        assert!(!revert.is::<UnknownKey>());
        let reason = Reason::from("because").abi_encode();
        assert_eq!(Revert::decode(&reason).to_string(), "because");
        assert!(Revert::decode(&[1, 2, 3]).to_string().contains("0x010203"));
        assert_eq!(Revert::decode(&[]).to_string(), "no reason given");
        let unknown = UnknownKey { key: B256::ZERO }.abi_encode();
        assert!(Revert::decode(&unknown[..20]).to_string().contains("unknown error"));
    }
}
