//! Checks a dataset's registration.

use std::borrow::Borrow;

use ark_bn254::G1Affine;
use zktrain_model::Hash;
use zktrain_model::chunks::{TooManyWindows, chunk_sizes};
use zktrain_model::compile::compile_dataset;
use zktrain_model::relation::Group;
use zktrain_model::size::ChunkError;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::merkle;
use zktrain_statement::statements::DatasetStatement;

use crate::sheet::{SheetError, VerifiableProof};

/// Why a registration is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetProofError {
    /// A statement speaks of another manifest or reference string.
    #[error("chunk {chunk} is about another manifest or reference string")]
    Spec {
        /// Which proof.
        chunk: usize,
    },
    /// Owner, size or position of a chunk is not what the registration needs.
    #[error("chunk {chunk} does not continue the registration")]
    Continuation {
        /// Which proof.
        chunk: usize,
    },
    /// More windows than a registration can hold.
    #[error(transparent)]
    Windows(#[from] TooManyWindows),
    /// A chunk has another size than the only one that it can have.
    #[error("chunk {chunk} has {got} windows, expected {expected}")]
    ChunkSize {
        /// Which proof.
        chunk: usize,
        /// Windows of this chunk in a registration of so many windows; 0 if there is no such chunk.
        expected: usize,
        /// Windows found.
        got: usize,
    },
    /// A chunk's relation is not compiled.
    #[error("chunk {chunk}: {source}")]
    Relation {
        /// Which proof.
        chunk: usize,
        /// Why not.
        #[source]
        source: ChunkError,
    },
    /// A window has the wrong number of rows.
    #[error("window {window} has {got} rows, expected {expected}")]
    RowCount {
        /// Which window.
        window: u64,
        /// Rows of the layout.
        expected: usize,
        /// Rows found.
        got: usize,
    },
    /// Windows are missing.
    #[error("the chunks cover {got} windows of {expected}")]
    Incomplete {
        /// Windows of the dataset.
        expected: u64,
        /// Windows covered.
        got: u64,
    },
    /// There is no circuit key for chunks of this size.
    #[error("chunk {chunk}: no circuit key for {windows} windows")]
    NoCircuit {
        /// Which proof.
        chunk: usize,
        /// Windows of the chunk.
        windows: usize,
    },
    /// A chunk's proof.
    #[error("chunk {chunk}: {source}")]
    Sheet {
        /// Which proof.
        chunk: usize,
        /// What is wrong with it.
        #[source]
        source: SheetError,
    },
}

/// Checks all chunks of a registration and returns the dataset's Merkle root. `circuit` gives
/// the circuit's keys for chunks of so many windows; it is asked for a size when all chunks of
/// the sizes before hold.
///
/// # Errors
/// If a chunk does not verify or the chunks do not cover the dataset in order.
pub fn verify<P: VerifiableProof, K: Borrow<P::Circuit>>(
    key: &TrainingKey,
    mut circuit: impl FnMut(usize) -> Option<K>,
    chunks: &[(DatasetStatement, P)],
) -> Result<Hash, DatasetProofError> {
    let first = chunks.first().map(|(statement, _)| statement);
    let (owner, windows) = first.map_or(([0; 20], 0), |s| (s.owner, s.windows));
    let mut sizes = chunk_sizes(&key.network, windows)?.into_iter();
    let mut leaves = Vec::new();
    for (chunk, (statement, proof)) in chunks.iter().enumerate() {
        if statement.spec != key.spec {
            return Err(DatasetProofError::Spec { chunk });
        }
        let continues = (statement.owner, statement.windows, statement.first)
            == (owner, windows, leaves.len() as u64);
        if !continues {
            return Err(DatasetProofError::Continuation { chunk });
        }
        // Before a key for this size is asked for.
        let (expected, windows) = (sizes.next(), statement.rows.len());
        if expected != Some(windows) {
            let expected = expected.unwrap_or(0);
            return Err(DatasetProofError::ChunkSize { chunk, expected, got: windows });
        }
        let circuit = circuit(windows).ok_or(DatasetProofError::NoCircuit { chunk, windows })?;
        verify_chunk(key, circuit.borrow(), chunk, statement, proof)?;
        for rows in &statement.rows {
            leaves.push(merkle::leaf(leaves.len() as u64, rows));
        }
    }
    let got = leaves.len() as u64;
    if got != windows || got == 0 {
        return Err(DatasetProofError::Incomplete { expected: windows, got });
    }
    Ok(merkle::WindowTree::new(leaves).root())
}

fn verify_chunk<P: VerifiableProof>(
    key: &TrainingKey,
    circuit: &P::Circuit,
    chunk: usize,
    statement: &DatasetStatement,
    proof: &P,
) -> Result<(), DatasetProofError> {
    let expected = key.relation.layout.group_rows(Group::Data(0)).count();
    for (window, rows) in (statement.first..).zip(&statement.rows) {
        if rows.len() != expected {
            return Err(DatasetProofError::RowCount { window, expected, got: rows.len() });
        }
    }
    let (relation, _) = compile_dataset(&key.network, statement.rows.len())
        .map_err(|source| DatasetProofError::Relation { chunk, source })?;
    let known: Vec<G1Affine> = statement.rows.iter().flatten().copied().collect();
    proof
        .verify(&key.kzg, circuit, &relation, &statement.to_bytes(), &known)
        .map_err(|source| DatasetProofError::Sheet { chunk, source })
}

#[cfg(test)]
mod tests {
    use ark_bn254::G2Affine;
    use ark_ec::{AffineRepr, CurveGroup};
    use zktrain_argument::opening::KzgVerifierKey;
    use zktrain_model::compile::compile_training;
    use zktrain_model::manifest::Manifest;
    use zktrain_model::relation::Relation;
    use zktrain_model::size::Limits;

    use super::*;

    /// A proof that convinces of everything.
    struct Anything;

    impl VerifiableProof for Anything {
        type Circuit = ();

        fn rows(&self) -> &[G1Affine] {
            &[]
        }

        fn verify(
            &self,
            _: &KzgVerifierKey,
            (): &(),
            _: &Relation,
            _: &[u8],
            _: &[G1Affine],
        ) -> Result<(), SheetError> {
            Ok(())
        }
    }

    fn key() -> TrainingKey {
        let manifest =
            Manifest::from_toml(include_str!("../../../circuits/model/tests/manifest.toml"));
        let network = Limits::default().admit(manifest.unwrap().network().unwrap()).unwrap();
        let relation = compile_training(&network).unwrap().0;
        let tables = vec![G1Affine::zero(); relation.layout.group_rows(Group::Tables).count()];
        let one = G2Affine::generator();
        let kzg = KzgVerifierKey::new((one + one).into_affine()).unwrap();
        TrainingKey::new([1; 32], network, tables, kzg).unwrap()
    }

    /// A chunk of no windows is none, also where no further chunk is expected.
    #[test]
    fn a_chunk_beyond_the_last_is_refused_before_a_key_is_asked_for() {
        let key = key();
        let (owner, rows) = ([7; 20], vec![]);
        let statement = DatasetStatement { spec: key.spec, owner, windows: 0, first: 0, rows };
        let circuit = |_| -> Option<()> { panic!("no key is asked for") };
        let refused = verify(&key, circuit, &[(statement, Anything)]);
        assert_eq!(refused, Err(DatasetProofError::ChunkSize { chunk: 0, expected: 0, got: 0 }));
    }
}
