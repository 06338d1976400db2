//! What prover and verifier derive from a manifest and a reference string.

use ark_bn254::G1Affine;
use sha3::{Digest, Keccak256};
use zktrain_argument::arith::Check;
use zktrain_argument::counter::Counter;
use zktrain_argument::curve::g2_encoding;
use zktrain_argument::opening::KzgVerifierKey;
use zktrain_model::Hash;
use zktrain_model::compile::{CompileError, TrainingIds, compile_dataset, compile_training};
use zktrain_model::relation::{Group, Relation};
use zktrain_model::size::{Bounded, ChunkError};

/// The public key of a manifest's training proofs.
///
/// ```
/// # use ark_bn254::g2::{G2_GENERATOR_X, G2_GENERATOR_Y};
/// # use ark_bn254::{Fr, G1Affine, G2Affine};
/// # use zktrain_argument::opening::KzgVerifierKey;
/// # use zktrain_model::compile::compile_training;
/// # use zktrain_model::manifest::Manifest;
/// # use zktrain_model::size::Limits;
/// # use zktrain_model::relation::Group;
/// use zktrain_statement::key::{KeyError, TrainingKey};
/// # let text = std::fs::read_to_string("../model/tests/manifest.toml")?;
/// # let manifest = Manifest::from_toml(&text)?;
/// # let network = Limits::default().admit(manifest.network()?)?;
/// # let rows = compile_training(&network)?.0.layout.group_rows(Group::Tables).count();
/// # let tables = vec![G1Affine::default(); rows];
/// # let generator = G2Affine::new_unchecked(G2_GENERATOR_X, G2_GENERATOR_Y);
/// # let kzg = KzgVerifierKey::new((generator * Fr::from(7u64)).into())?;
///
/// let of = |hash| TrainingKey::new(hash, network.clone(), tables.clone(), kzg);
/// assert_ne!(of(manifest.hash())?.spec, of([0; 32])?.spec);
/// // Commitments to all rows of the function tables, and to nothing else.
/// let fewer = TrainingKey::new(manifest.hash(), network.clone(), tables[1..].to_vec(), kzg);
/// assert!(matches!(fewer, Err(KeyError::TableRows { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrainingKey {
    /// Digest of the manifest and of the reference string.
    pub spec: Hash,
    /// The network.
    pub network: Bounded,
    /// What is proven.
    pub relation: Relation,
    /// Names of the tensors.
    pub ids: TrainingIds,
    /// Commitments to the function tables' rows, without blinding.
    pub tables: Vec<G1Affine>,
    /// The reference string's part that verification needs.
    pub kzg: KzgVerifierKey,
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The tables do not fill the rows that the layout has for them.
    #[error("{got} commitments to table rows; the layout has {expected} such rows")]
    TableRows {
        /// Rows of the layout.
        expected: usize,
        /// Commitments given.
        got: usize,
    },
    /// There is no relation of the network.
    #[error("no relation can be written for this network: {0}")]
    Compile(#[from] CompileError),
    /// There is no relation of a registration of one window.
    #[error(transparent)]
    Registration(#[from] ChunkError),
    /// The verifier cannot be run over a relation.
    #[error("the verifier cannot read the relation: {0}")]
    Verifier(#[from] Check),
}

/// Refuses a network with a relation that the verifier cannot read, of its training proofs or of the
/// registration of one window: the verifier runs once over arithmetic that only counts.
///
/// No key is made without this. Who reads others' manifests asks it as soon as a network is admitted,
/// before anything is opened, committed or proven for it.
///
/// # Errors
/// [`KeyError::Verifier`], or if there are no such relations.
pub fn check_readable(network: &Bounded) -> Result<(), KeyError> {
    readable(network).map(|_| ())
}

/// The relation of training proofs, if the verifier can read all of the network's.
fn readable(network: &Bounded) -> Result<(Relation, TrainingIds), KeyError> {
    let training = compile_training(network)?;
    Counter::of(&training.0)?;
    Counter::of(&compile_dataset(network, 1)?.0)?;
    Ok(training)
}

impl TrainingKey {
    /// The key of a network whose manifest has this hash.
    ///
    /// # Errors
    /// If `tables` has another length than the layout's table rows, or as [`check_readable`].
    pub fn new(
        manifest: Hash,
        network: Bounded,
        tables: Vec<G1Affine>,
        kzg: KzgVerifierKey,
    ) -> Result<Self, KeyError> {
        let (relation, ids) = readable(&network)?;
        let expected = relation.layout.group_rows(Group::Tables).count();
        let got = tables.len();
        if expected != got {
            return Err(KeyError::TableRows { expected, got });
        }
        let spec = spec(&manifest, &kzg);
        Ok(Self { spec, network, relation, ids, tables, kzg })
    }
}

/// `keccak256` of the manifest's hash and of the reference string's `[τ]` in G2.
///
/// This identifies the whole string only because strings are checked before anything is derived
/// from them: with the generators fixed, `[τ]` in G2 determines every power, and the pairing
/// relations leave no other choice for those in G1. Of an unchecked string it says nothing.
pub fn spec(manifest: &Hash, kzg: &KzgVerifierKey) -> Hash {
    Keccak256::new()
        .chain_update(b"zktrain/spec")
        .chain_update(manifest)
        .chain_update(g2_encoding(&kzg.tau_g2()))
        .finalize()
        .into()
}
