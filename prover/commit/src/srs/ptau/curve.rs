//! The curve that a file's header gives, by the modulus of its coordinates.

use ark_bn254::Fq;
use ark_ff::{BigInteger, PrimeField};

/// Bytes of the longest modulus that is read: more than any curve has.
pub(super) const LONGEST: u64 = 256;

/// The moduli of other curves that ceremonies were held on, in hexadecimal.
const OTHERS: [(&str, &str); 2] = [
    (
        "BLS12-381",
        "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f624\
         1eabfffeb153ffffb9feffffffffaaab",
    ),
    (
        "BLS12-377",
        "1ae3a4617c510eac63b05c06ca1493b1a22d9f300f5138f1ef3622fba094800\
         170b5d44300000008508c00000000001",
    ),
];

/// Digits of an unknown modulus that are shown.
const SHOWN: usize = 16;

/// A curve that is not BN254.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curve {
    /// The modulus of its coordinates, in hexadecimal without leading zeros.
    modulus: String,
}

impl Curve {
    /// The curve of a little-endian modulus, if it is not BN254.
    pub(super) fn other(modulus: &[u8]) -> Option<Self> {
        let end = modulus.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let modulus = &modulus[..end];
        if modulus == Fq::MODULUS.to_bytes_le() {
            return None;
        }
        let digits: String = modulus.iter().rev().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { modulus: digits.trim_start_matches('0').to_owned() })
    }

    /// Its name, if it is one of those that are known here.
    pub fn name(&self) -> Option<&'static str> {
        OTHERS.iter().find(|(_, modulus)| *modulus == self.modulus).map(|(name, _)| *name)
    }

    /// Bits of its modulus.
    fn bits(&self) -> u32 {
        let first = self.modulus.chars().next().and_then(|digit| digit.to_digit(16));
        let first_bits = first.map_or(0, |digit| u32::BITS - digit.leading_zeros());
        first_bits + 4 * (self.modulus.len().saturating_sub(1) as u32)
    }
}

impl std::fmt::Display for Curve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bits = self.bits();
        match self.name() {
            Some(name) => write!(f, "the curve {name}, by its header's modulus of {bits} bits"),
            None if bits == 0 => f.write_str("no curve, by its header's modulus, which is zero"),
            None => {
                let shown = self.modulus.get(..SHOWN).unwrap_or(&self.modulus);
                let more = if shown.len() < self.modulus.len() { "…" } else { "" };
                write!(
                    f,
                    "an unknown curve, by its header's modulus 0x{shown}{more} of {bits} bits"
                )
            }
        }
    }
}
