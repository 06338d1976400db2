//! What a host gives, and the verdict on it.

use zktrain_model::manifest::MAX_TEXT;
use zktrain_model::size::Limits;
use zktrain_verify::contract_key::{ContractKey, FileError};
use zktrain_verify::evm::{MAX_KEY, MAX_ROWS_LOG};

/// Bytes of a key's name.
const NAME: usize = 32;
/// Bytes of a proof's file at most. Compressed ones have some kilobytes.
const MAX_PROOF: usize = 1 << 26;

/// What bytes are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputPart {
    /// The manifest's text.
    Manifest,
    /// The key, as contracts store it.
    Key,
    /// The key's name, which has to come from somebody who is trusted.
    Name,
    /// The file of a training proof.
    Proof,
}

impl InputPart {
    /// The part with this number: they are numbered in their order.
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Manifest),
            1 => Some(Self::Key),
            2 => Some(Self::Name),
            3 => Some(Self::Proof),
            _ => None,
        }
    }

    /// Bytes at most.
    fn most(self) -> usize {
        match self {
            Self::Manifest => MAX_TEXT,
            Self::Key => MAX_KEY,
            Self::Name => NAME,
            Self::Proof => MAX_PROOF,
        }
    }
}

/// The verdict on a proof, and what a person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WasmVerdict {
    /// The proof holds under the key that was named.
    Accepted(String),
    /// It does not, or is none.
    Rejected(String),
    /// Manifest, key and name do not belong together, so nothing was checked.
    Undecided(String),
}

impl WasmVerdict {
    /// Its number: 0 accepted, 1 rejected, 2 undecided.
    pub fn number(&self) -> u32 {
        match self {
            Self::Accepted(_) => 0,
            Self::Rejected(_) => 1,
            Self::Undecided(_) => 2,
        }
    }

    /// What a person is told.
    pub fn message(&self) -> &str {
        match self {
            Self::Accepted(message) | Self::Rejected(message) | Self::Undecided(message) => message,
        }
    }
}

/// Bytes given so far.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    manifest: Vec<u8>,
    key: Vec<u8>,
    name: Vec<u8>,
    proof: Vec<u8>,
}

impl Inputs {
    /// Takes one more byte of a part; false if the part has as many as it may have.
    pub fn push(&mut self, part: InputPart, byte: u8) -> bool {
        let bytes = match part {
            InputPart::Manifest => &mut self.manifest,
            InputPart::Key => &mut self.key,
            InputPart::Name => &mut self.name,
            InputPart::Proof => &mut self.proof,
        };
        let taken = bytes.len() < part.most();
        if taken {
            bytes.push(byte);
        }
        taken
    }

    /// The verdict on what was given.
    pub fn verdict(&self) -> WasmVerdict {
        let key = match self.key() {
            Ok(key) => key,
            Err(message) => return WasmVerdict::Undecided(message),
        };
        match key.verify(&self.proof) {
            Ok((statement, proof)) => {
                let (step, window) = (statement.step, statement.window);
                let form = proof.form();
                WasmVerdict::Accepted(format!(
                    "a {form} proof from step {step} on, of window {window}"
                ))
            }
            Err(FileError::Wire(error)) => {
                WasmVerdict::Rejected(format!("no proof of this manifest: {error}"))
            }
            Err(error) => WasmVerdict::Rejected(error.to_string()),
        }
    }

    fn key(&self) -> Result<ContractKey, String> {
        let manifest = std::str::from_utf8(&self.manifest);
        let manifest = manifest.map_err(|error| format!("the manifest is no text: {error}"))?;
        // No contract has a key of more rows.
        let limits = Limits { rows: 1 << MAX_ROWS_LOG, ..Limits::default() };
        let key = ContractKey::read(manifest, limits, &self.key).map_err(|e| e.to_string())?;
        match key.name() == *self.name {
            true => Ok(key),
            false => Err("the key has another name than the one given".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &[u8] = include_bytes!("../../../tests/fixtures/compressed_v1.toml");
    const KEY: &[u8] = include_bytes!("../../../tests/fixtures/compressed_halo2_v1.key");
    const NAME: &str = include_str!("../../../tests/fixtures/compressed_halo2_v1.name");
    const PROOF: &[u8] = include_bytes!("../../../tests/fixtures/compressed_halo2_v1.proof");

    fn name() -> Vec<u8> {
        let digits = NAME.trim().as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        digits.map(|pair| byte(pair).unwrap()).collect()
    }

    fn given(manifest: &[u8], key: &[u8], name: &[u8], proof: &[u8]) -> WasmVerdict {
        let mut inputs = Inputs::default();
        for (number, bytes) in [manifest, key, name, proof].into_iter().enumerate() {
            let part = InputPart::from_number(number as u32).unwrap();
            assert!(bytes.iter().all(|byte| inputs.push(part, *byte)));
        }
        inputs.verdict()
    }

    #[test]
    fn a_proof_holds_under_the_key_that_is_named() {
        let verdict = given(MANIFEST, KEY, &name(), PROOF);
        assert_eq!(verdict.number(), 0, "{}", verdict.message());
        assert!(verdict.message().starts_with("a halo2 proof from step 0 on"));
    }

    #[test]
    fn an_altered_proof_is_rejected_and_so_is_what_is_none() {
        let mut altered = PROOF.to_vec();
        altered[PROOF.len() - 1] ^= 1;
        for proof in [&altered[..], &PROOF[..99], &[]] {
            let verdict = given(MANIFEST, KEY, &name(), proof);
            assert_eq!(verdict.number(), 1, "{}", verdict.message());
        }
    }

    #[test]
    fn without_the_named_key_there_is_no_verdict() {
        let mut other = name();
        other[0] ^= 1;
        let invalid: [(&[u8], &[u8], &[u8]); 6] = [
            (MANIFEST, KEY, &other),
            (MANIFEST, KEY, &[]),
            (MANIFEST, &KEY[..100], &name()),
            (MANIFEST, &[], &name()),
            (b"version = 1", KEY, &name()),
            (&[0xff, 0xfe], KEY, &name()),
        ];
        for (manifest, key, name) in invalid {
            let verdict = given(manifest, key, name, PROOF);
            assert_eq!(verdict.number(), 2, "{}", verdict.message());
        }
    }

    #[test]
    fn no_part_has_more_bytes_than_it_may() {
        let mut inputs = Inputs::default();
        let taken = (0..40).filter(|_| inputs.push(InputPart::Name, 0)).count();
        assert_eq!(taken, 32);
        let taken = (0..MAX_KEY + 2).filter(|_| inputs.push(InputPart::Key, 0)).count();
        assert_eq!(taken, MAX_KEY);
        assert_eq!(InputPart::from_number(4), None);
    }
}
