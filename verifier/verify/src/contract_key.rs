//! A contract's key, read back: with the manifest, all that it takes to check a proof's file.
//!
//! To derive a key takes the reference string, as much of it as the circuit is long, and a prover's
//! arithmetic. A verifier who knows the key's name needs neither: somebody trusted, perhaps the
//! verifier on another machine, has derived it (`zktrain keys derive --contract FILE`). So this reads
//! the bytes of [`crate::evm`], makes the key anew with what else it takes from the manifest, and
//! accepts the bytes only if the new key has the same.
//!
//! The name is all that a verdict rests on then. It is the hash of the bytes, in which the spec
//! names the manifest, and `[τ]` is the reference string's. That a chain has registered a key says
//! nothing: anybody may, also one that accepts everything. A key whose name nobody has compared is
//! one that the prover may have chosen.

use ark_bn254::{G1Affine, G2Affine};
use zktrain_argument::arith::Check;
use zktrain_argument::opening::{DegenerateTau, KzgVerifierKey};
use zktrain_backends::halo2::key::{Halo2Key, Halo2KeyError};
use zktrain_backends::r1cs;
use zktrain_model::Hash;
use zktrain_model::compile::{CompileError, compile_training};
use zktrain_model::manifest::{Manifest, ManifestError};
use zktrain_model::relation::{Group, Relation};
use zktrain_model::size::{AdmitError, Limits};
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::key::{KeyError, TrainingKey};
use zktrain_statement::statements::TrainingStatement;
use zktrain_statement::wire::WireError;

use crate::circuit::CircuitKey;
use crate::evm::{EvmKeyError, MAX_KEY, NUMBERS, encode_key, key_hash};
use crate::file::{self, StoredProof};
use crate::groth16::{G1_BYTES, G2_BYTES, Groth16Key, KeyDecodeError, PointError, PointReader};
use crate::training::{TrainingError, verify};

/// Bytes of a hash, and of a word.
const WORD: usize = 32;

/// A contract's key with its manifest.
#[derive(Clone, Debug)]
pub struct ContractKey {
    name: Hash,
    manifest: Hash,
    system: ProofSystem,
    training: TrainingKey,
    circuit: CircuitKey,
}

/// Why bytes are not the key of a manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractKeyError {
    /// The manifest is refused.
    #[error("the manifest is refused: {0}")]
    Manifest(Box<ManifestError>),
    /// What the manifest asks for is too much.
    #[error("the manifest is not admitted: {0}")]
    Admit(Box<AdmitError>),
    /// There is no relation of the manifest.
    #[error("no relation can be written for the manifest: {0}")]
    Compile(#[from] CompileError),
    /// Contracts store no such key.
    #[error(transparent)]
    Evm(#[from] EvmKeyError),
    /// The bytes end too early.
    #[error("the key ends after {got} bytes, before its circuit's key begins")]
    Truncated {
        /// Bytes given.
        got: usize,
    },
    /// A number that stands for no proof system.
    #[error("the key is for proof system {got}; there are 1 (halo2) and 2 (groth16)")]
    System {
        /// The number found.
        got: u32,
    },
    /// A point is not valid.
    #[error("the key: {0}")]
    Point(#[from] PointError),
    /// The reference string's point cannot be one.
    #[error("the key's reference string: {0}")]
    Tau(#[from] DegenerateTau),
    /// The training key cannot be put together.
    #[error("the key: {0}")]
    Key(#[from] KeyError),
    /// The key of another manifest.
    #[error(
        "the key is of another manifest: its spec is {}, this manifest's would be {}",
        Hex(got),
        Hex(expected)
    )]
    OtherManifest {
        /// Of this manifest with the key's reference string.
        expected: Hash,
        /// The key's.
        got: Hash,
    },
    /// Sizes that do not follow from the manifest.
    #[error("the key names its manifest, but has other rows than follow from that")]
    Layout,
    /// The circuit's key, of halo2.
    #[error("the key's circuit: {0}")]
    Halo2(#[from] Halo2KeyError),
    /// The circuit's key, of Groth16.
    #[error("the key's circuit: {0}")]
    Groth16(#[from] KeyDecodeError),
    /// There is no circuit of the relation.
    #[error("no circuit can be written for the manifest: {0}")]
    Circuit(Check),
}

/// Why a file does not convince.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is not a training proof of the key's manifest.
    #[error(transparent)]
    Wire(Box<WireError>),
    /// It is one, and does not hold.
    #[error(transparent)]
    Rejected(Box<TrainingError>),
}

impl ContractKey {
    /// Reads a key, given the text of its manifest.
    ///
    /// # Errors
    /// If the manifest is refused or larger than `limits`, or the bytes are not what contracts store
    /// for it.
    pub fn read(manifest: &str, limits: Limits, bytes: &[u8]) -> Result<Self, ContractKeyError> {
        let got = bytes.len();
        if got > MAX_KEY {
            return Err(EvmKeyError::Length { got }.into());
        }
        let refused = |error| ContractKeyError::Manifest(Box::new(error));
        let manifest = Manifest::from_toml(manifest).map_err(refused)?;
        let network = manifest.network().map_err(refused)?;
        let network = limits.admit(network).map_err(|e| ContractKeyError::Admit(Box::new(e)))?;
        let (relation, _) = compile_training(&network)?;
        let parts = Parts::read(&relation, bytes)?;
        let kzg = KzgVerifierKey::new(parts.tau)?;
        let manifest = manifest.hash();
        let training = TrainingKey::new(manifest, network, parts.tables, kzg)?;
        let (expected, got) = (training.spec, parts.spec);
        if expected != got {
            return Err(ContractKeyError::OtherManifest { expected, got });
        }
        // Whatever was not looked at above, such as the rows' indices, is compared here.
        if encode_key(&training, parts.system, parts.circuit)? != bytes {
            return Err(ContractKeyError::Layout);
        }
        let circuit = circuit_key(parts.system, &relation, parts.circuit)?;
        Ok(Self { name: key_hash(bytes), manifest, system: parts.system, training, circuit })
    }

    /// The key's name on chain: what has to come from somebody who is trusted.
    pub fn name(&self) -> Hash {
        self.name
    }

    /// The manifest's hash.
    pub fn manifest(&self) -> Hash {
        self.manifest
    }

    /// Of which system compressed proofs can be.
    pub fn system(&self) -> ProofSystem {
        self.system
    }

    /// What proofs are checked with, but for the circuit.
    pub fn training(&self) -> &TrainingKey {
        &self.training
    }

    /// Checks the file of a training proof, in either form.
    ///
    /// That it continues another proof, and for whom, where and on whose data it was made, is what
    /// its statement says, which is returned.
    ///
    /// # Errors
    /// If it is not a training proof of the manifest, or does not hold.
    pub fn verify(&self, bytes: &[u8]) -> Result<(TrainingStatement, StoredProof), FileError> {
        let decoded = file::decode(&self.training, bytes);
        let (statement, proof) = decoded.map_err(|e| FileError::Wire(Box::new(e)))?;
        verify(&self.training, &self.circuit, &statement, &proof)
            .map_err(|e| FileError::Rejected(Box::new(e)))?;
        Ok((statement, proof))
    }
}

/// The parts of a key that do not follow from the manifest.
struct Parts<'a> {
    spec: Hash,
    system: ProofSystem,
    tables: Vec<G1Affine>,
    tau: G2Affine,
    circuit: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(relation: &Relation, bytes: &'a [u8]) -> Result<Self, ContractKeyError> {
        let truncated = ContractKeyError::Truncated { got: bytes.len() };
        let rows = relation.layout.rows.len();
        let tables = relation.layout.group_rows(Group::Tables).count();
        let points = WORD + 4 * (NUMBERS + rows);
        let circuit = points + tables * G1_BYTES + G2_BYTES + WORD;
        let Some(circuit) = bytes.get(circuit..) else { return Err(truncated) };
        let Some((spec, rest)) = bytes.split_first_chunk() else { return Err(truncated) };
        let Some(system) = rest.first_chunk() else { return Err(truncated) };
        let got = u32::from_be_bytes(*system);
        let system = ProofSystem::from_code(got.into()).ok_or(ContractKeyError::System { got })?;
        let mut reader = PointReader::at(bytes, points);
        let tables = (0..tables).map(|_| reader.g1()).collect::<Result<_, _>>()?;
        Ok(Self { spec: *spec, system, tables, tau: reader.g2()?, circuit })
    }
}

fn circuit_key(
    system: ProofSystem,
    relation: &Relation,
    bytes: &[u8],
) -> Result<CircuitKey, ContractKeyError> {
    let mut key = CircuitKey::default();
    match system {
        ProofSystem::Halo2 => key.halo2 = Some(Halo2Key::from_bytes(bytes)?),
        ProofSystem::Groth16 => {
            let circuit = r1cs::compile(relation).map_err(ContractKeyError::Circuit)?;
            key.groth16 = Some(Groth16Key::from_points(circuit.digest(), bytes)?);
        }
    }
    Ok(key)
}

struct Hex<'a>(&'a Hash);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = include_str!("../../../tests/fixtures/compressed_v1.toml");
    const HALO2: &[u8] = include_bytes!("../../../tests/fixtures/compressed_halo2_v1.key");
    const GROTH16: &[u8] = include_bytes!("../../../tests/fixtures/compressed_groth16_v1.key");
    const NAME: &str = include_str!("../../../tests/fixtures/compressed_halo2_v1.name");
    const PROOFS: [&[u8]; 2] = [
        include_bytes!("../../../tests/fixtures/compressed_halo2_v1.proof"),
        include_bytes!("../../../tests/fixtures/compressed_groth16_v1.proof"),
    ];

    fn read(manifest: &str, bytes: &[u8]) -> Result<ContractKey, ContractKeyError> {
        ContractKey::read(manifest, Limits::default(), bytes)
    }

    #[test]
    fn a_key_with_its_manifest_checks_files_of_its_system() {
        let keys = [HALO2, GROTH16].map(|bytes| read(MANIFEST, bytes).unwrap());
        assert_eq!(Hex(&keys[0].name()).to_string(), NAME.trim());
        assert_eq!(
            keys.each_ref().map(ContractKey::system),
            [ProofSystem::Halo2, ProofSystem::Groth16]
        );
        for (own, key) in keys.iter().enumerate() {
            for (other, proof) in PROOFS.iter().enumerate() {
                match key.verify(proof) {
                    Ok((statement, proof)) => {
                        assert_eq!(own, other);
                        assert_eq!(statement.spec, key.training().spec);
                        assert_eq!(proof.system(), Some(key.system()));
                    }
                    Err(error) => {
                        assert_ne!(own, other);
                        assert!(error.to_string().contains("there is no key for that"), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn altered_files_do_not_hold() {
        let key = read(MANIFEST, HALO2).unwrap();
        let [proof, _] = PROOFS;
        for position in (0..proof.len()).step_by(97) {
            let mut altered = proof.to_vec();
            altered[position] ^= 1;
            assert!(key.verify(&altered).is_err(), "byte {position}");
        }
        for cut in [0, 1, 30, 100, proof.len() - 1] {
            assert!(matches!(key.verify(&proof[..cut]), Err(FileError::Wire(_))), "{cut} bytes");
        }
    }

    /// Another byte is another key, where it is a key at all: never the same.
    #[test]
    fn altered_keys_are_others() {
        let name = read(MANIFEST, HALO2).unwrap().name();
        for position in 0..HALO2.len() {
            // Each takes as long as compiling the relation.
            if position > 72 && position % 41 != 0 {
                continue;
            }
            let mut altered = HALO2.to_vec();
            altered[position] ^= 1;
            match read(MANIFEST, &altered) {
                Ok(other) => assert_ne!(other.name(), name, "byte {position}"),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        for cut in [0, 31, 32, 40, 500, HALO2.len() - 1] {
            assert!(read(MANIFEST, &HALO2[..cut]).is_err(), "{cut} bytes");
        }
        let longer = [HALO2, &[0]].concat();
        assert!(matches!(read(MANIFEST, &longer), Err(ContractKeyError::Layout)));
        let largest = vec![0; MAX_KEY + 1];
        let refused = read(MANIFEST, &largest);
        assert!(matches!(refused, Err(ContractKeyError::Evm(EvmKeyError::Length { .. }))));
    }

    #[test]
    fn a_key_goes_with_its_manifest_alone() {
        let other = MANIFEST.replace("learning_rate = 0.0625", "learning_rate = 0.125");
        assert_ne!(other, MANIFEST);
        assert!(read(&other, HALO2).is_err());
        let renamed = MANIFEST.replace("synthetic", "synthesized");
        let refused = read(&renamed, HALO2);
        assert!(matches!(refused, Err(ContractKeyError::OtherManifest { .. })), "{refused:?}");
        assert!(matches!(read("", HALO2), Err(ContractKeyError::Manifest(_))));
        let none = Limits { rows: 1, ..Limits::default() };
        let refused = ContractKey::read(MANIFEST, none, HALO2);
        assert!(matches!(refused, Err(ContractKeyError::Admit(_))));
    }

    #[test]
    fn systems_are_those_that_there_are() {
        let mut altered = HALO2.to_vec();
        altered[35] = 9;
        assert!(matches!(read(MANIFEST, &altered), Err(ContractKeyError::System { got: 9 })));
        altered[35] = 2;
        assert!(matches!(read(MANIFEST, &altered), Err(ContractKeyError::Groth16(_))));
    }
}
