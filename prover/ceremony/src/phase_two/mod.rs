//! Groth16's second phase: a key that is sound if one of its contributors was honest.
//!
//! 1. [`Ceremony::new`] derives the starting key from the circuit and the powers of tau: `δ = 1`,
//!    no secret but the string's own.
//! 2. [`Ceremony::contribute`]: a contributor multiplies `δ` by a secret factor, divides the
//!    elements that hold `1/δ` by it, and forgets it. [`Ceremony::beacon`] does the same with a
//!    factor that everyone can recompute from public randomness, which nobody could choose.
//! 3. [`Ceremony::verify`] derives the start again and checks every step.
//! 4. [`VerifiedCeremony::finish`] gives the proving key with the verifying key in it.
//!
//! **A contribution** by the factor `d` publishes `[δ·d]` in both groups, `[d]` in G2 and
//! `d·Y` for a point `Y` that is a hash of the transcript so far and of the other elements. The
//! checks are `e([δ·d]_1, [1]) = e([δ]_1, [d])`, `e([1], [δ·d]_2) = e([δ·d]_1, [1])` and
//! `e(d·Y, [1]) = e(Y, [d])`; the last one proves knowledge of `d`, as `Y` has no known logarithm,
//! and binds it to its place in the transcript.
//!
//! **The elements that `δ` divides** are checked at the end, against the start and all at once, by
//! a random linear combination with 128-bit coefficients from the operating system:
//! `e(Σ ρ_i·P_i, [δ]) = e(Σ ρ_i·P_i^start, [1])`, error probability `2^-128`. A wrong element in
//! between that was put right again harms nobody.
//!
//! Source: Kohlweiss, Maller, Siim, Volkhov, "Snarky Ceremonies", eprint 2021/219, which proves
//! this kind of ceremony sound without a beacon.

mod contribution;
mod encoding;
mod lagrange;
mod multiples;
mod start;
#[cfg(test)]
mod tests;
mod verify;

use std::path::PathBuf;

use sha3::{Digest, Keccak256};
use zktrain_backends::r1cs::R1cs;
use zktrain_commit::random::{Label, NoRandomness, Randomness};
use zktrain_commit::srs::CheckedSrs;
use zktrain_model::Hash;
use zktrain_verify::groth16::PointError;

pub use contribution::{Contribution, FactorSource, MAX_BEACON_LOG, MAX_NAME, MIN_BEACON_LOG};
pub use start::starting_key;
pub use verify::VerifiedCeremony;

use crate::groth16::{ProvingKey, ProvingKeyError};

/// The most contributions that a ceremony takes.
pub const MAX_CONTRIBUTIONS: usize = 1 << 12;

/// A second phase, under way or at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceremony {
    /// Digest of the starting key.
    start: Hash,
    /// Who contributed, in order.
    contributions: Vec<Contribution>,
    /// The key as it is by now.
    key: ProvingKey,
}

/// Why a ceremony cannot go on, or is not to be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// The reference string has row commitments in mind only.
    #[error("the reference string has no sections for a second phase")]
    PhaseTwoSections,
    /// The reference string is too short.
    #[error("the circuit needs a reference string of 2^{expected}, this one has 2^{got}")]
    Power {
        /// Binary logarithm of the circuit's domain.
        expected: u32,
        /// Binary logarithm of the string's length.
        got: u32,
    },
    /// The circuit is no compressed statement.
    #[error("a compressed statement has {expected} public inputs, the circuit has {got}")]
    PublicInputs {
        /// Inputs of a compressed statement.
        expected: usize,
        /// The circuit's.
        got: usize,
    },
    /// No secret to contribute, or no weights to check with.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// A name is too long or not printable ASCII.
    #[error("a contributor's name is 1 to {MAX_NAME} printable ASCII characters")]
    Name,
    /// A beacon takes too few or too many rounds of hashing.
    #[error("a beacon takes 2^{MIN_BEACON_LOG} to 2^{MAX_BEACON_LOG} rounds, not 2^{got}")]
    BeaconRounds {
        /// Binary logarithm of the rounds.
        got: u8,
    },
    /// All beacons together take too many rounds of hashing.
    #[error("{got} rounds of hashing in all beacons; 2^{MAX_BEACON_LOG} at most")]
    AllBeaconRounds {
        /// The rounds.
        got: u64,
    },
    /// No room for another contribution.
    #[error("a ceremony takes at most {MAX_CONTRIBUTIONS} contributions")]
    TooMany,
    /// The start is another one than circuit and reference string give.
    #[error("the ceremony did not start from this circuit and this reference string")]
    Start,
    /// A part of the key that no contribution changes was changed.
    #[error("the key's {part} is not that of the start")]
    Fixed {
        /// Which part.
        part: &'static str,
    },
    /// A contribution does not hold.
    #[error("contribution {index}: {fault}")]
    Contribution {
        /// Which, from 0.
        index: usize,
        fault: ContributionFault,
    },
    /// The key's `δ` is not what the contributions make it.
    #[error("the key's delta is not the last contribution's")]
    Delta,
    /// The elements with `1/δ` in them are not the start's divided by `δ`.
    #[error("the key's elements are not the start's divided by delta")]
    Scaled,
    /// Nobody contributed a secret: `δ` is public and any proof can be forged.
    #[error("no contribution with secret randomness was made")]
    NoContribution,
    /// The bytes of a ceremony's key.
    #[error("the ceremony's file: {0}")]
    Decode(#[from] ProvingKeyError),
    /// The bytes of a contribution.
    #[error("contribution {index} of the ceremony's file: {source}")]
    Point {
        /// Which, from 0.
        index: usize,
        #[source]
        source: PointError,
    },
    /// A contribution is of a kind that does not exist.
    #[error("contribution {index} of the ceremony's file is of an unknown kind")]
    Kind {
        /// Which, from 0.
        index: usize,
    },
    /// The operating system refused.
    #[error("{path:?}: {source}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// What is wrong with a contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContributionFault {
    /// The new `δ` is not the old one times the factor.
    #[error("delta in G1 is not the one before times the factor")]
    DeltaG1,
    /// `δ` differs between the groups.
    #[error("delta in G2 is not delta in G1")]
    DeltaG2,
    /// The contributor did not show that they know the factor.
    #[error("the proof of knowledge of the factor does not hold")]
    Knowledge,
    /// The beacon's factor is another one than its randomness gives.
    #[error("the factor is not what the beacon gives")]
    Beacon,
}

impl Ceremony {
    /// Starts a ceremony for a circuit. About two minutes on two cores for 2^16 constraints.
    ///
    /// # Errors
    /// As [`starting_key`].
    pub fn new(system: &R1cs, srs: &CheckedSrs) -> Result<Self, CeremonyError> {
        Ok(Self::from_start(starting_key(system, srs)?))
    }

    fn from_start(key: ProvingKey) -> Self {
        Self { start: start_digest(&key), contributions: Vec::new(), key }
    }

    /// Digest of the circuit that the ceremony is for.
    pub fn circuit(&self) -> &Hash {
        &self.key.key.circuit
    }

    /// The contributions so far.
    pub fn contributions(&self) -> &[Contribution] {
        &self.contributions
    }

    /// Digest of the start and of all contributions so far: what a contributor publishes.
    pub fn transcript(&self) -> Hash {
        let all = self.contributions.iter();
        all.fold(first_transcript(&self.start), |hash, next| next.chained(&hash))
    }

    /// Multiplies `δ` by a secret that is forgotten at once. The secret comes from the operating
    /// system and from `entropy`, which may be empty. Returns the new transcript's digest.
    ///
    /// A contributor should have checked the ceremony, or trust that others will.
    ///
    /// # Errors
    /// If the name is not acceptable or there are too many contributions already.
    pub fn contribute(&mut self, name: &str, entropy: &[u8]) -> Result<Hash, CeremonyError> {
        let entropy: Hash = Keccak256::digest(entropy).into();
        let known = self.transcript();
        let factor = Randomness::hedged(Label::Contribution, &known, &entropy)?.nonzero();
        self.apply(name, FactorSource::Secret, factor)
    }

    /// Multiplies `δ` by a factor that everyone can recompute: `2^rounds_log` times SHA-256 of
    /// public randomness, such as a future block's hash, announced before it was known. Returns
    /// the new transcript's digest.
    ///
    /// # Errors
    /// If the name or the number of rounds is not acceptable, or there are too many contributions
    /// already.
    pub fn beacon(
        &mut self,
        name: &str,
        randomness: [u8; 32],
        rounds_log: u8,
    ) -> Result<Hash, CeremonyError> {
        let source = FactorSource::Beacon { randomness, rounds_log };
        source.check()?;
        let known = self.contributions.iter().map(|c| &c.source);
        contribution::check_rounds(known.chain([&source]))?;
        let factor = contribution::beacon_factor(&self.transcript(), &randomness, rounds_log);
        self.apply(name, source, factor)
    }

    fn apply(
        &mut self,
        name: &str,
        source: FactorSource,
        factor: ark_bn254::Fr,
    ) -> Result<Hash, CeremonyError> {
        contribution::check_name(name)?;
        if self.contributions.len() >= MAX_CONTRIBUTIONS {
            return Err(CeremonyError::TooMany);
        }
        let before = self.transcript();
        let next = Contribution::new(name, source, &before, &self.key, factor);
        contribution::divide(&mut self.key, &next, factor);
        let after = next.chained(&before);
        self.contributions.push(next);
        Ok(after)
    }
}

/// Digest of a starting key.
fn start_digest(key: &ProvingKey) -> Hash {
    let mut bytes = Vec::new();
    key.write(&mut bytes);
    *blake3::hash(&bytes).as_bytes()
}

fn first_transcript(start: &Hash) -> Hash {
    Keccak256::new().chain_update(b"zktrain/ceremony").chain_update(start).finalize().into()
}
