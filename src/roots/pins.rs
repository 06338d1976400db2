//! Options with which a verifier names roots.

use crate::error::{Error, OptionsError};

/// Roots that `verify` and `audit` have in common.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Roots")]
pub struct Pins {
    /// Keccak-256 of the reference string's `[τ]₂`, as `zktrain srs info` prints it. Strings of
    /// public ceremonies that this program knows need none.
    #[arg(long, value_name = "HASH")]
    pub srs_fingerprint: Option<String>,
    /// Keccak-256 of the Groth16 key, as `zktrain keys check` prints it: a verifier should know
    /// it from the ceremony, not from the prover's files.
    #[arg(long, value_name = "HASH")]
    pub groth16_key: Option<String>,
    /// Keccak-256 of the manifest, as `zktrain init` and `zktrain roots` print it.
    #[arg(long, value_name = "HASH")]
    pub manifest_hash: Option<String>,
    /// Keccak-256 of the first model's row commitments, as `zktrain roots` prints it.
    #[arg(long, value_name = "HASH")]
    pub genesis_hash: Option<String>,
    /// Fail unless every root is pinned or known.
    #[arg(long)]
    pub strict: bool,
}

impl Pins {
    /// The pinned reference string.
    ///
    /// # Errors
    /// If it is no hash.
    pub fn srs(&self) -> Result<Option<String>, Error> {
        hash_pin("--srs-fingerprint", self.srs_fingerprint.as_deref())
    }

    /// The pinned Groth16 key.
    ///
    /// # Errors
    /// If it is no hash.
    pub fn groth16(&self) -> Result<Option<String>, Error> {
        hash_pin("--groth16-key", self.groth16_key.as_deref())
    }

    /// The pinned manifest.
    ///
    /// # Errors
    /// If it is no hash.
    pub fn manifest(&self) -> Result<Option<String>, Error> {
        hash_pin("--manifest-hash", self.manifest_hash.as_deref())
    }

    /// The pinned first model.
    ///
    /// # Errors
    /// If it is no hash.
    pub fn genesis(&self) -> Result<Option<String>, Error> {
        hash_pin("--genesis-hash", self.genesis_hash.as_deref())
    }
}

/// What `--nonce` is given by those who know that the round draws none.
pub const DERIVED: &str = "derived";

/// The nonce that is pinned: a hash, or [`DERIVED`].
///
/// # Errors
/// If it is none of both.
pub fn nonce_pin(text: Option<&str>) -> Result<Option<String>, Error> {
    match text {
        Some(DERIVED) => Ok(Some(DERIVED.to_owned())),
        text => hash_pin("--nonce", text),
    }
}

/// The hash that an option gives, as this program writes hashes.
///
/// # Errors
/// If it is not 32 bytes in hexadecimal.
pub fn hash_pin(option: &'static str, text: Option<&str>) -> Result<Option<String>, Error> {
    let Some(text) = text else { return Ok(None) };
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok();
    let bytes = bytes.filter(|bytes| bytes.len() == 32).ok_or_else(|| OptionsError::Value {
        option,
        expected: "32 bytes in hexadecimal",
        got: text.to_owned(),
    })?;
    Ok(Some(hex::encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_in_any_way_that_they_are_written() {
        let read = |text: &str| hash_pin("--nonce", Some(text)).ok().flatten();
        let expected = "ab".repeat(32);
        for text in [expected.clone(), expected.to_uppercase(), format!("0x{expected}")] {
            assert_eq!(read(&text), Some(expected.clone()), "{text}");
        }
        for text in ["", "ab", "0x", "zz", &expected[2..], &format!("{expected}ab")] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(hash_pin("--nonce", None).unwrap(), None);
        assert_eq!(nonce_pin(Some(&expected)).unwrap(), Some(expected));
        assert_eq!(nonce_pin(Some("derived")).unwrap().as_deref(), Some(DERIVED));
        assert!(nonce_pin(Some("Derived")).is_err() && nonce_pin(None).unwrap().is_none());
    }
}
