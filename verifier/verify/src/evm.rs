//! What the contracts store: a training key as bytes.
//!
//! # Encoding
//! Numbers are four bytes, big-endian; points are big-endian words as in
//! [`zktrain_argument::opening`], those of G2 `x.c1 ‖ x.c0 ‖ y.c1 ‖ y.c0`.
//!
//! | bytes | field |
//! |---|---|
//! | 32 | spec |
//! | 4 | proof system: 1 halo2, 2 Groth16 |
//! | 4 | `row_log` |
//! | 4 | `address_log` |
//! | 4 | rows of a window of data |
//! | 4 | rows of the parameters |
//! | 4 | rows of the optimizer's state |
//! | 4 | rows of the function tables |
//! | 4 | rows of one step's update, and with Adam of the moments behind it |
//! | 4 | steps of one proof |
//! | 4 | rows of the trace |
//! | 4 a row | row indices, in the order of the layout |
//! | 64 a row | commitments to the function tables' rows |
//! | 128 | `[τ]` in G2 |
//! | 32 | length of the circuit's key in bytes |
//! | | the circuit's key |
//!
//! A key's name on chain is the `keccak256` of these bytes.

use ark_bn254::{Fq, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField};
use sha3::{Digest, Keccak256};
use zktrain_argument::opening::point_bytes;
use zktrain_model::Hash;
use zktrain_model::relation::Group;
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::key::TrainingKey;

/// The largest key in bytes: a contract's code has at most 24,576, one of which is not the key's.
pub const MAX_KEY: usize = 24_575;
/// The contracts fold sheets of at most `2^12` rows.
pub const MAX_ROWS_LOG: u32 = 12;

/// Why a manifest's proofs cannot be checked on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvmKeyError {
    /// The sheet has too many rows to fold in a transaction.
    #[error("the sheet has 2^{got} rows; the contracts fold at most 2^{MAX_ROWS_LOG}")]
    Rows {
        /// Logarithm of the rows of the address space.
        got: u32,
    },
    /// The key does not fit in a contract's code.
    #[error("the key has {got} bytes; at most {MAX_KEY} fit in a contract")]
    Length {
        /// Bytes of the key.
        got: usize,
    },
    /// A number that needs more than four bytes.
    #[error("{part}: {got} needs more than four bytes")]
    Number {
        /// Which one.
        part: &'static str,
        /// The number.
        got: u64,
    },
}

/// Numbers before the rows' indices, of four bytes each.
pub(crate) const NUMBERS: usize = 10;

/// Encodes the key of a manifest's proofs in one proof system, given the circuit's key as its
/// verifier contract reads it.
///
/// # Errors
/// If the contracts cannot store the key or fold so many rows.
pub fn encode_key(
    key: &TrainingKey,
    system: ProofSystem,
    circuit: &[u8],
) -> Result<Vec<u8>, EvmKeyError> {
    let layout = &key.relation.layout;
    if layout.hi_log() > MAX_ROWS_LOG {
        return Err(EvmKeyError::Rows { got: layout.hi_log() });
    }
    let rows = |group| layout.group_rows(group).count() as u64;
    let numbers: [(&str, u64); NUMBERS] = [
        ("system", system.code()),
        ("row_log", u64::from(layout.row_log)),
        ("address_log", u64::from(layout.address_log)),
        ("data rows", rows(Group::Data(0))),
        ("parameter rows", rows(Group::Parameters)),
        ("state rows", rows(Group::State)),
        ("table rows", rows(Group::Tables)),
        ("update rows", rows(Group::Update(0))),
        ("steps", key.network.steps as u64),
        ("trace rows", rows(Group::Trace)),
    ];
    let indices = layout.rows.iter().map(|row| ("row index", row.index));
    let mut out = key.spec.to_vec();
    for (part, got) in numbers.into_iter().chain(indices) {
        let number = u32::try_from(got).map_err(|_| EvmKeyError::Number { part, got })?;
        out.extend_from_slice(&number.to_be_bytes());
    }
    for point in &key.tables {
        out.extend_from_slice(&point_bytes(point));
    }
    out.extend_from_slice(&g2_bytes(&key.kzg.tau_g2()));
    out.extend_from_slice(&[0; 24]);
    out.extend_from_slice(&(circuit.len() as u64).to_be_bytes());
    out.extend_from_slice(circuit);
    if out.len() > MAX_KEY {
        return Err(EvmKeyError::Length { got: out.len() });
    }
    Ok(out)
}

/// A key's name on chain.
pub fn key_hash(encoded: &[u8]) -> Hash {
    Keccak256::digest(encoded).into()
}

/// A point of G2 as the precompile reads it; zeros for the neutral element.
pub fn g2_bytes(point: &G2Affine) -> [u8; 128] {
    let mut out = [0u8; 128];
    if let Some((x, y)) = point.xy() {
        let words = [x.c1, x.c0, y.c1, y.c0];
        for (place, word) in out.chunks_exact_mut(32).zip(words) {
            place.copy_from_slice(&word_bytes(&word));
        }
    }
    out
}

fn word_bytes(coordinate: &Fq) -> [u8; 32] {
    let mut word = [0u8; 32];
    let bytes = coordinate.into_bigint().to_bytes_be();
    for (place, byte) in word.iter_mut().zip(bytes) {
        *place = byte;
    }
    word
}

#[cfg(test)]
mod tests {
    use ark_bn254::G2Affine;
    use ark_ec::AffineRepr;

    use super::g2_bytes;

    /// The words of EIP-197's generator, imaginary parts first.
    #[test]
    fn points_of_g2_are_written_imaginary_part_first() {
        let bytes = g2_bytes(&G2Affine::generator());
        assert_eq!(bytes[..4], [0x19, 0x8e, 0x93, 0x93]);
        assert_eq!(bytes[32..36], [0x18, 0x00, 0xde, 0xef]);
        assert_eq!(bytes[64..68], [0x09, 0x06, 0x89, 0xd0]);
        assert_eq!(bytes[96..100], [0x12, 0xc8, 0x5e, 0xa5]);
        assert_eq!(g2_bytes(&G2Affine::zero()), [0; 128]);
    }
}
