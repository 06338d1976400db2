//! What a proof is about, and the digest that its transcript starts from.

use ark_bn254::{Fr, G1Affine};
use ark_ff::PrimeField;
use sha3::{Digest, Keccak256};
use zktrain_argument::opening::point_bytes;
use zktrain_model::Hash;

/// Version of the protocol, part of every statement.
pub const VERSION: u32 = 1;

/// Kind of a [`TrainingStatement`]'s encoding.
pub const TRAINING: &[u8] = b"zktrain/training";
/// Kind of a [`DatasetStatement`]'s encoding.
pub const DATASET: &[u8] = b"zktrain/dataset";

/// Who proves, where and in which round: a proof is worth nothing elsewhere.
///
/// Off chain, chain, contract and domain are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Binding {
    /// EIP-155 chain id of the settling chain; 0 off chain.
    pub chain_id: u64,
    /// Address of the contract there that the proof is for: `Rounds`, or somebody else's.
    pub contract: [u8; 20],
    /// The domain, as that contract numbers them; 0 where it has none.
    pub domain: u64,
    /// The round.
    pub round: u64,
    /// The prover's address.
    pub prover: [u8; 20],
}

/// The statement of one training proof: `T` steps on one window turn the model
/// committed in `model` into one that differs by what `update` commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingStatement {
    /// Digest of the manifest and of the reference string.
    pub spec: Hash,
    /// Prover, chain, contract, domain and round.
    pub binding: Binding,
    /// Number of the first step in its chain.
    pub step: u64,
    /// Merkle root of the registered dataset.
    pub dataset: Hash,
    /// Windows of the dataset.
    pub windows: u64,
    /// The window trained on.
    pub window: u64,
    /// Row commitments of the window.
    pub data: Vec<G1Affine>,
    /// Siblings from the window to the root.
    pub path: Vec<Hash>,
    /// Row commitments of the parameters before.
    pub model: Vec<G1Affine>,
    /// Row commitments of the optimizer's state before; empty of one that carries nothing on.
    pub state: Vec<G1Affine>,
    /// Row commitments of `W_T − W_0`.
    pub update: Vec<G1Affine>,
    /// Row commitments of the state after; empty of one that carries nothing on.
    pub state_after: Vec<G1Affine>,
}

/// The statement of a registration proof: these consecutive windows are well formed.
///
/// It names no chain, contract or domain: it is a fact about an owner's data, registered once and
/// used in as many domains as the owner joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetStatement {
    /// Digest of the manifest and of the reference string.
    pub spec: Hash,
    /// The owner's address.
    pub owner: [u8; 20],
    /// Windows of the whole dataset.
    pub windows: u64,
    /// First window of this proof.
    pub first: u64,
    /// Row commitments, window after window.
    pub rows: Vec<Vec<G1Affine>>,
}

/// Appends fields with their lengths, so that no two statements share an encoding.
struct Encoder(Vec<u8>);

impl Encoder {
    fn new(kind: &[u8]) -> Self {
        let mut encoder = Self(Vec::new());
        encoder.bytes(kind).number(u64::from(VERSION));
        encoder
    }

    fn binding(&mut self, binding: &Binding) -> &mut Self {
        let Binding { chain_id, contract, domain, round, prover } = binding;
        self.number(*chain_id).bytes(contract).number(*domain).number(*round).bytes(prover)
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    fn points(&mut self, points: &[G1Affine]) -> &mut Self {
        self.number(points.len() as u64);
        points.iter().for_each(|p| self.0.extend_from_slice(&point_bytes(p)));
        self
    }

    fn hashes(&mut self, hashes: &[Hash]) -> &mut Self {
        self.number(hashes.len() as u64);
        hashes.iter().for_each(|h| self.0.extend_from_slice(h));
        self
    }
}

impl Binding {
    /// Its part of a statement's encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder(Vec::new());
        encoder.binding(self);
        encoder.0
    }
}

impl TrainingStatement {
    /// The canonical encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(TRAINING);
        encoder
            .bytes(&self.spec)
            .binding(&self.binding)
            .number(self.step)
            .bytes(&self.dataset)
            .number(self.windows)
            .number(self.window)
            .points(&self.data)
            .hashes(&self.path)
            .points(&self.model)
            .points(&self.state)
            .points(&self.update)
            .points(&self.state_after);
        encoder.0
    }
}

impl DatasetStatement {
    /// The canonical encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(DATASET);
        encoder.bytes(&self.spec).bytes(&self.owner).number(self.windows).number(self.first);
        encoder.number(self.rows.len() as u64);
        for rows in &self.rows {
            encoder.points(rows);
        }
        encoder.0
    }
}

/// The nonce of a chain for which nobody drew one: `keccak256("zktrain/nonce" ‖ spec ‖ dataset)`.
///
/// It follows from the registration, but who registers can try several datasets' orders, so it binds
/// less than a nonce that a round draws after the registration.
pub fn derived_nonce(spec: &Hash, dataset: &Hash) -> Hash {
    let hasher = Keccak256::new().chain_update(b"zktrain/nonce");
    hasher.chain_update(spec).chain_update(dataset).finalize().into()
}

/// `h`: the digest of a statement, all rows in the order of the layout, and the mask row.
pub fn transcript_start(statement: &[u8], rows: &[G1Affine], mask: &G1Affine) -> Fr {
    let mut encoder = Encoder::new(b"zktrain/rows");
    encoder.bytes(statement).points(rows).points(core::slice::from_ref(mask));
    Fr::from_be_bytes_mod_order(&Keccak256::digest(&encoder.0))
}

/// The seed of the opening's own transcript.
pub fn opening_seed(h: &Fr, point: &[Fr], gamma: &Fr, value: &Fr, blinding: &Fr) -> Hash {
    let mut hasher = Keccak256::new().chain_update(b"zktrain/opening");
    for scalar in core::iter::once(h).chain(point).chain([gamma, value, blinding]) {
        hasher.update(zktrain_argument::opening::scalar_bytes(scalar));
    }
    hasher.finalize().into()
}
