//! Where all randomness of the prover, and of the programs around it, comes from.
//!
//! Every generator is made here, for one [`Label`]: seeded with a hash of the label, what is known
//! of the statement before the proof, the owner's local key, a digest of the witness and 32 bytes
//! of the operating system's. Two uses never share a stream, nor do two statements about one
//! witness, nor two witnesses of one statement, *even if the operating system repeats itself*: for
//! that all of them, and the local key, would have to be equal. An attacker who knows all but the
//! operating system's bytes still cannot predict the stream. If the operating system gives no
//! bytes, there is no generator.

use ark_bn254::Fr;
use ark_ff::{UniformRand, Zero};
use rand::{CryptoRng, Error, RngCore, SeedableRng, rngs::OsRng};
use rand_chacha::ChaCha20Rng;
use sha3::{Digest, Keccak256};
use zktrain_model::Hash;
use zktrain_msm::Row;

/// What randomness is for. No label serves two uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// An owner's [`LocalKey`].
    LocalKey,
    /// Blindings of the data rows that a registration commits to.
    DataRows,
    /// Blindings of a proof's own rows.
    OwnRows,
    /// The row that masks what an opening reveals, and its blinding.
    Mask,
    /// What keeps a proof's challenges independent of the witness.
    Salt,
    /// All blinding of a halo2 proof.
    Halo2,
    /// Groth16's `r` and `s`.
    Groth16,
    /// `τ`, `α` and `β` of a reference string made on one machine.
    ReferenceString,
    /// The trapdoor of a Groth16 key made by one party.
    InsecureKey,
    /// A contribution's secret factor of a ceremony.
    Contribution,
    /// Weights of the check of a reference string's powers.
    StringWeights,
    /// Where a Lagrange basis that was kept is compared with the powers.
    BasisPoint,
    /// Weights of the check of a ceremony's key.
    CeremonyWeights,
    /// What all masks and keys of an owner in a round of secure aggregation follow from.
    RoundSecret,
    /// The order of an owner's rows.
    RowOrder,
    /// An address for proofs off chain.
    Address,
}

impl Label {
    /// All labels.
    pub const ALL: [Self; 16] = [
        Self::LocalKey,
        Self::DataRows,
        Self::OwnRows,
        Self::Mask,
        Self::Salt,
        Self::Halo2,
        Self::Groth16,
        Self::ReferenceString,
        Self::InsecureKey,
        Self::Contribution,
        Self::StringWeights,
        Self::BasisPoint,
        Self::CeremonyWeights,
        Self::RoundSecret,
        Self::RowOrder,
        Self::Address,
    ];

    /// What is hashed for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LocalKey => "local key",
            Self::DataRows => "data rows",
            Self::OwnRows => "own rows",
            Self::Mask => "mask",
            Self::Salt => "salt",
            Self::Halo2 => "halo2",
            Self::Groth16 => "groth16",
            Self::ReferenceString => "reference string",
            Self::InsecureKey => "insecure key",
            Self::Contribution => "contribution",
            Self::StringWeights => "reference string weights",
            Self::BasisPoint => "Lagrange basis point",
            Self::CeremonyWeights => "ceremony weights",
            Self::RoundSecret => "round secret",
            Self::RowOrder => "row order",
            Self::Address => "address",
        }
    }
}

/// The operating system gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandomness;

/// Where fresh bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    Operating,
    #[cfg(any(test, feature = "testing"))]
    Repeating([u8; 32]),
    #[cfg(any(test, feature = "testing"))]
    Failing,
}

impl System {
    fn bytes(self) -> Result<[u8; 32], NoRandomness> {
        match self {
            Self::Operating => {
                let mut bytes = [0; 32];
                OsRng.try_fill_bytes(&mut bytes).map_err(|_| NoRandomness)?;
                Ok(bytes)
            }
            #[cfg(any(test, feature = "testing"))]
            Self::Repeating(bytes) => Ok(bytes),
            #[cfg(any(test, feature = "testing"))]
            Self::Failing => Err(NoRandomness),
        }
    }
}

/// A secret of the owner's that never leaves the machine.
#[derive(Clone)]
pub struct LocalKey {
    bytes: [u8; 32],
    system: System,
}

impl LocalKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`NoRandomness`] if the operating system gives none.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 32];
        Randomness::fresh(Label::LocalKey)?.fill_bytes(&mut bytes);
        Ok(Self::new(bytes))
    }

    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { bytes, system: System::Operating }
    }

    /// The secret bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// A key whose owner's operating system repeats itself: only for tests that show what is
    /// hidden all the same.
    #[cfg(any(test, feature = "testing"))]
    pub fn with_repeating_system(bytes: [u8; 32], system: [u8; 32]) -> Self {
        Self { bytes, system: System::Repeating(system) }
    }

    /// A key whose owner's operating system gives no bytes: only for tests.
    #[cfg(any(test, feature = "testing"))]
    pub fn with_failing_system(bytes: [u8; 32]) -> Self {
        Self { bytes, system: System::Failing }
    }
}

/// Whose proof of what: what the randomness of a proof depends on besides the witness.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The owner's secret.
    pub key: &'a LocalKey,
    /// What is known of the statement before the proof.
    pub known: &'a [u8],
}

/// A generator of randomness for one use.
pub struct Randomness(ChaCha20Rng);

impl Randomness {
    /// For one use by the holder of a key. `known` is what is known of the statement before the
    /// proof, `witness` a digest of all that is to be hidden.
    ///
    /// # Errors
    /// [`NoRandomness`] if the operating system gives none.
    pub fn new(
        purpose: Label,
        known: &[u8],
        key: &LocalKey,
        witness: &Hash,
    ) -> Result<Self, NoRandomness> {
        let fresh = key.system.bytes()?;
        let name = purpose.name().as_bytes();
        let seed = Keccak256::new()
            .chain_update(b"zktrain/randomness/2")
            .chain_update((name.len() as u64).to_be_bytes())
            .chain_update(name)
            .chain_update((known.len() as u64).to_be_bytes())
            .chain_update(known)
            .chain_update(key.bytes)
            .chain_update(witness)
            .chain_update(fresh)
            .finalize();
        Ok(Self(ChaCha20Rng::from_seed(seed.into())))
    }

    /// For a use without a witness to hide, or by someone without a local key: the label and the
    /// operating system's bytes alone.
    ///
    /// # Errors
    /// [`NoRandomness`] if the operating system gives none.
    pub fn fresh(purpose: Label) -> Result<Self, NoRandomness> {
        Self::hedged(purpose, &[], &[0; 32])
    }

    /// As [`Self::new`], by someone without a local key.
    ///
    /// # Errors
    /// [`NoRandomness`] if the operating system gives none.
    pub fn hedged(purpose: Label, known: &[u8], witness: &Hash) -> Result<Self, NoRandomness> {
        Self::new(purpose, known, &LocalKey::new([0; 32]), witness)
    }

    /// Uniform scalars.
    pub fn scalars(&mut self, count: usize) -> Vec<Fr> {
        scalars(self, count)
    }

    /// A uniform scalar other than zero.
    pub fn nonzero(&mut self) -> Fr {
        loop {
            let scalar = Fr::rand(self);
            if !scalar.is_zero() {
                return scalar;
            }
        }
    }
}

impl RngCore for Randomness {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.0.fill_bytes(dest);
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        self.0.try_fill_bytes(dest)
    }
}

impl CryptoRng for Randomness {}

/// Uniform scalars of a generator.
pub fn scalars(rng: &mut impl RngCore, count: usize) -> Vec<Fr> {
    (0..count).map(|_| Fr::rand(rng)).collect()
}

/// A digest of a sheet's rows, for [`Randomness::new`].
pub fn sheet_digest(rows: &[Row]) -> Hash {
    let mut digest = blake3::Hasher::new();
    for row in rows {
        digest.update(&(row.width() as u64).to_le_bytes());
        match row {
            Row::Dense(entries) => {
                let mut bytes = Vec::with_capacity(4 * entries.len());
                entries.iter().for_each(|e| bytes.extend_from_slice(&e.to_le_bytes()));
                digest.update(&[0]).update(&bytes);
            }
            Row::Sparse(entries) => {
                digest.update(&[1]).update(&(entries.len() as u64).to_le_bytes());
                for (position, entry) in entries {
                    digest.update(&position.to_le_bytes()).update(&entry.to_le_bytes());
                }
            }
        }
    }
    *digest.finalize().as_bytes()
}

/// A digest of field elements, for [`Randomness::new`].
pub fn scalars_digest<'a>(scalars: impl IntoIterator<Item = &'a Fr>) -> Hash {
    const BLOCK: usize = 1 << 12;
    let mut digest = blake3::Hasher::new();
    let mut bytes = Vec::with_capacity(32 * BLOCK);
    for scalar in scalars {
        // Elements are kept reduced: equal ones have equal limbs.
        scalar.0.0.iter().for_each(|limb| bytes.extend_from_slice(&limb.to_le_bytes()));
        if bytes.len() == 32 * BLOCK {
            digest.update(&bytes);
            bytes.clear();
        }
    }
    *digest.update(&bytes).finalize().as_bytes()
}

/// What hides the witness of one proof.
#[derive(Clone)]
pub struct ProofRandomness {
    /// A blinding for each of the proof's own rows.
    pub blinds: Vec<Fr>,
    /// The mask row: it hides what the opening reveals.
    pub mask: Vec<Fr>,
    /// The mask row's blinding.
    pub mask_blinding: Fr,
    /// Makes challenges independent of the witness.
    pub salt: Fr,
}

impl ProofRandomness {
    /// Fresh randomness for a proof with `own` rows of its own, of `2^row_log` cells.
    ///
    /// # Errors
    /// [`NoRandomness`] if the operating system gives none.
    pub fn fresh(
        context: &Context<'_>,
        sheet: &[Row],
        own: usize,
        row_log: u32,
    ) -> Result<Self, NoRandomness> {
        let witness = sheet_digest(sheet);
        let generator = |label| Randomness::new(label, context.known, context.key, &witness);
        let mut mask = generator(Label::Mask)?;
        Ok(Self {
            blinds: generator(Label::OwnRows)?.scalars(own),
            mask: mask.scalars(1 << row_log),
            mask_blinding: Fr::rand(&mut mask),
            salt: Fr::rand(&mut generator(Label::Salt)?),
        })
    }
}

#[cfg(test)]
mod tests;
