//! One contribution.

use ark_bn254::{Fr, G1Affine, G2Affine, g1};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, PrimeField};
use rayon::prelude::*;
use sha2::Sha256;
use sha3::{Digest, Keccak256};
use zktrain_argument::curve::hash_to_curve;
use zktrain_argument::opening::point_bytes;
use zktrain_model::Hash;
use zktrain_verify::groth16::g2_bytes;

use super::CeremonyError;
use super::lagrange::normalize;
use super::multiples::{Digits, multiply};
use crate::groth16::ProvingKey;

/// The longest name of a contributor.
pub const MAX_NAME: usize = 64;
/// Binary logarithm of the fewest rounds of a beacon.
pub const MIN_BEACON_LOG: u8 = 10;
/// Binary logarithm of the most rounds that all beacons of a ceremony have together: seconds of
/// hashing. A verifier of the ceremony repeats them, so the file must not choose how many hours
/// that takes; a beacon that was announced before anybody could know it needs no long delay.
pub const MAX_BEACON_LOG: u8 = 24;

/// Where a factor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorSource {
    /// From a contributor, who forgot it.
    Secret,
    /// From public randomness.
    Beacon {
        randomness: [u8; 32],
        /// Binary logarithm of the rounds of hashing.
        rounds_log: u8,
    },
}

impl FactorSource {
    /// Rounds of hashing that it takes to check.
    fn rounds(&self) -> u64 {
        match self {
            Self::Beacon { rounds_log, .. } => 1u64.checked_shl((*rounds_log).into()).unwrap_or(0),
            Self::Secret => 0,
        }
    }

    pub(super) fn check(&self) -> Result<(), CeremonyError> {
        match self {
            Self::Beacon { rounds_log, .. }
                if !(MIN_BEACON_LOG..=MAX_BEACON_LOG).contains(rounds_log) =>
            {
                Err(CeremonyError::BeaconRounds { got: *rounds_log })
            }
            _ => Ok(()),
        }
    }
}

/// A step of the ceremony: `δ` times a factor `d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// Who contributed, in their own words.
    pub name: String,
    /// Where the factor comes from.
    pub source: FactorSource,
    /// `[d]` in G2.
    pub factor_g2: G2Affine,
    /// `[δ]` in G1 after it.
    pub delta_g1: G1Affine,
    /// `[δ]` in G2 after it.
    pub delta_g2: G2Affine,
    /// `d` times a point that is a hash of the transcript before and of the rest.
    pub knowledge: G1Affine,
}

impl Contribution {
    pub(super) fn new(
        name: &str,
        source: FactorSource,
        transcript: &Hash,
        key: &ProvingKey,
        factor: Fr,
    ) -> Self {
        let mut contribution = Self {
            name: name.to_string(),
            source,
            factor_g2: (G2Affine::generator() * factor).into_affine(),
            delta_g1: (key.delta_g1 * factor).into_affine(),
            delta_g2: (key.key.delta_g2 * factor).into_affine(),
            knowledge: G1Affine::zero(),
        };
        contribution.knowledge = (contribution.base(transcript) * factor).into_affine();
        contribution
    }

    /// Everything but the proof of knowledge, as bytes.
    fn statement(&self) -> Vec<u8> {
        let mut out = vec![self.name.len() as u8];
        out.extend_from_slice(self.name.as_bytes());
        match self.source {
            FactorSource::Secret => out.push(0),
            FactorSource::Beacon { randomness, rounds_log } => {
                out.push(1);
                out.extend_from_slice(&randomness);
                out.push(rounds_log);
            }
        }
        out.extend_from_slice(&g2_bytes(&self.factor_g2));
        out.extend_from_slice(&point_bytes(&self.delta_g1));
        out.extend_from_slice(&g2_bytes(&self.delta_g2));
        out
    }

    /// The encoding: length of the name, name, kind (0 secret, 1 beacon with randomness and
    /// rounds), `[d]`, `[δ]` in G1 and G2, the proof of knowledge.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.statement();
        out.extend_from_slice(&point_bytes(&self.knowledge));
        out
    }

    /// The point whose multiple by the factor proves knowledge of it.
    pub(super) fn base(&self, transcript: &Hash) -> G1Affine {
        let mut domain = b"zktrain/ceremony/knowledge".to_vec();
        domain.extend_from_slice(transcript);
        domain.extend_from_slice(&self.statement());
        hash_to_curve(&domain)
    }

    /// The transcript's digest after this contribution.
    pub(super) fn chained(&self, transcript: &Hash) -> Hash {
        Keccak256::new().chain_update(transcript).chain_update(self.to_bytes()).finalize().into()
    }
}

/// Refuses beacons that take longer to check than anybody should wait.
pub(super) fn check_rounds<'c>(
    sources: impl IntoIterator<Item = &'c FactorSource>,
) -> Result<(), CeremonyError> {
    let got = sources.into_iter().map(FactorSource::rounds).fold(0, u64::saturating_add);
    if got > 1 << MAX_BEACON_LOG {
        return Err(CeremonyError::AllBeaconRounds { got });
    }
    Ok(())
}

/// Printable ASCII, and not too long.
pub(super) fn check_name(name: &str) -> Result<(), CeremonyError> {
    let printable = name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if printable && (1..=MAX_NAME).contains(&name.len()) {
        Ok(())
    } else {
        Err(CeremonyError::Name)
    }
}

/// The beacon's factor: slow to compute, so that nobody tries many in the time in which they could
/// still influence the randomness.
pub(super) fn beacon_factor(transcript: &Hash, randomness: &[u8; 32], rounds_log: u8) -> Fr {
    let mut state = *randomness;
    for _ in 0..1u64 << rounds_log {
        state = Sha256::digest(state).into();
    }
    let digest = Keccak256::new()
        .chain_update(b"zktrain/ceremony/beacon")
        .chain_update(transcript)
        .chain_update(state)
        .finalize();
    let factor = Fr::from_be_bytes_mod_order(&digest);
    // One digest in 2^254 gives zero, which is no factor.
    if factor == Fr::ZERO { Fr::ONE } else { factor }
}

/// The key after a contribution.
pub(super) fn divide(key: &mut ProvingKey, contribution: &Contribution, factor: Fr) {
    let inverse = factor.inverse().expect("factors are not zero");
    let digits = Digits::new::<g1::Config>(inverse);
    for points in [&mut key.l.points, &mut key.h] {
        let scaled: Vec<_> =
            points.par_iter().with_min_len(32).map(|p| multiply((*p).into(), &digits)).collect();
        *points = normalize(&scaled);
    }
    key.delta_g1 = contribution.delta_g1;
    key.key.delta_g2 = contribution.delta_g2;
}
