//! Checks one training proof and a chain of them.

use ark_bn254::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use zktrain_model::Hash;
use zktrain_model::relation::Group;
use zktrain_model::schedule::window_order;
use zktrain_statement::compressed::CompressedProof;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::merkle;
use zktrain_statement::statements::{Binding, TrainingStatement};

use crate::circuit::CircuitKey;
use crate::sheet::{self, SheetError, SheetTerms, VerifiableProof};

/// Why a training proof or a chain is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The statement speaks of another manifest or reference string.
    #[error("the statement is about another manifest or reference string")]
    Spec,
    /// A list of row commitments has the wrong length.
    #[error("{part}: {got} row commitments, expected {expected}")]
    RowCount {
        /// Which list.
        part: &'static str,
        /// Rows of the layout.
        expected: usize,
        /// Rows found.
        got: usize,
    },
    /// The window's rows do not lead to the dataset's root.
    #[error("the rows of window {window} are not those registered")]
    Dataset {
        /// The window.
        window: u64,
    },
    /// The update in the statement is not the sum of the steps' updates.
    #[error("row {row} of the update is not the sum of the steps' updates")]
    Update {
        /// Which row.
        row: usize,
    },
    /// The state after is not the last step's update.
    #[error("the optimizer's state after the window is not the last update")]
    StateAfter,
    /// The proof of the sheet.
    #[error(transparent)]
    Sheet(#[from] SheetError),
    /// A proof of a chain.
    #[error("proof {index}: {source}")]
    Link {
        /// Position in the chain.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: Box<TrainingError>,
    },
    /// A statement does not follow from the one before it.
    #[error("{part} does not continue the chain")]
    Continuation {
        /// Which part of the statement.
        part: &'static str,
    },
    /// More steps than the manifest's bounds on parameters allow.
    #[error("the chain has {got} steps; the manifest allows {expected}")]
    TooLong {
        /// Steps allowed.
        expected: u64,
        /// Steps found.
        got: u64,
    },
}

/// Checks one proof.
///
/// That the window is the one the round asks for and that model and state are
/// where they should be is the caller's: see [`ProofChain`].
///
/// # Errors
/// If any check fails.
pub fn verify<P: VerifiableProof>(
    key: &TrainingKey,
    circuit: &P::Circuit,
    statement: &TrainingStatement,
    proof: &P,
) -> Result<(), TrainingError> {
    check_statement(key, statement, proof.rows())?;
    let known = known_rows(key, statement);
    proof.verify(&key.kzg, circuit, &key.relation, &statement.to_bytes(), &known)?;
    Ok(())
}

/// Everything about a compressed proof but the pairings: those of many proofs are checked together
/// by [`crate::batch`].
///
/// # Errors
/// If a check fails already.
pub fn reduce(
    key: &TrainingKey,
    circuit: &CircuitKey,
    statement: &TrainingStatement,
    proof: &CompressedProof,
) -> Result<SheetTerms, TrainingError> {
    check_statement(key, statement, proof.rows())?;
    let known = known_rows(key, statement);
    let (kzg, relation) = (&key.kzg, &key.relation);
    Ok(sheet::reduce(proof, kzg, circuit, relation, &statement.to_bytes(), &known)?)
}

/// What a statement has to be for any proof of it.
fn check_statement(
    key: &TrainingKey,
    statement: &TrainingStatement,
    own_rows: &[G1Affine],
) -> Result<(), TrainingError> {
    if statement.spec != key.spec {
        return Err(TrainingError::Spec);
    }
    let rows = |group| key.relation.layout.group_rows(group).count();
    let block = rows(Group::Parameters);
    let state = rows(Group::State);
    let counts = [
        ("data", &statement.data, rows(Group::Data(0))),
        ("model", &statement.model, block),
        ("state", &statement.state, state),
        ("update", &statement.update, block),
        ("state after", &statement.state_after, state),
    ];
    for (part, list, expected) in counts {
        let got = list.len();
        if got != expected {
            return Err(TrainingError::RowCount { part, expected, got });
        }
    }
    check_window(statement)?;
    check_update(key, statement, own_rows)
}

/// The rows that a statement fixes, in the order of the layout.
pub fn known_rows(key: &TrainingKey, statement: &TrainingStatement) -> Vec<G1Affine> {
    let known = [&statement.data, &statement.model, &statement.state, &key.tables];
    known.into_iter().flatten().copied().collect()
}

fn check_window(statement: &TrainingStatement) -> Result<(), TrainingError> {
    let window = statement.window;
    let depth = merkle::depth(statement.windows) as usize;
    // The length first: a path of more siblings than a number has bits has no meaning.
    if window >= statement.windows || statement.path.len() != depth {
        return Err(TrainingError::Dataset { window });
    }
    let leaf = merkle::leaf(window, &statement.data);
    if merkle::root_from(leaf, window, &statement.path) != statement.dataset {
        return Err(TrainingError::Dataset { window });
    }
    Ok(())
}

/// `C_update = −Σ_t C_{δ_t}`, and the state after is the end of what the last step leaves: its update with momentum, what
/// stands behind that with Adam.
fn check_update(
    key: &TrainingKey,
    statement: &TrainingStatement,
    own_rows: &[G1Affine],
) -> Result<(), TrainingError> {
    let block = statement.update.len();
    let left = key.relation.layout.group_rows(Group::Update(0)).count();
    // The layout has the updates first among a proof's own rows: none of them may be missing here.
    let expected = left * key.network.steps;
    let Some(updates) = own_rows.get(..expected) else {
        let (part, got) = ("updates of the steps", own_rows.len());
        return Err(TrainingError::RowCount { part, expected, got });
    };
    let mut steps = updates.chunks_exact(left.max(1));
    let mut sums = vec![G1Projective::default(); block];
    for step in steps.clone() {
        for (sum, row) in sums.iter_mut().zip(step) {
            *sum -= row;
        }
    }
    for (row, (sum, claimed)) in sums.iter().zip(&statement.update).enumerate() {
        if sum.into_affine() != *claimed {
            return Err(TrainingError::Update { row });
        }
    }
    let last = steps.next_back().unwrap_or_default();
    if !last.ends_with(&statement.state_after) {
        return Err(TrainingError::StateAfter);
    }
    Ok(())
}

/// What every statement of a chain has to follow.
#[derive(Clone, Debug)]
pub struct ProofChain {
    /// Prover, chain, contract, domain and round.
    pub binding: Binding,
    /// The registered dataset.
    pub dataset: Hash,
    /// Its windows.
    pub windows: u64,
    /// Draws the order of the windows; not the trainer's choice.
    pub nonce: [u8; 32],
    /// Row commitments of the model that the chain starts from.
    pub model: Vec<G1Affine>,
}

/// A checked chain's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainEnd {
    /// Steps proven.
    pub steps: u64,
    /// Row commitments of the model after the last step.
    pub model: Vec<G1Affine>,
}

impl ProofChain {
    /// Checks that every proof holds and that each continues the one before:
    /// same owner, round and dataset, windows in the drawn order, parameters
    /// and optimizer state handed over. The state starts at zero.
    ///
    /// # Errors
    /// The first failure, with its position.
    pub fn verify<P: VerifiableProof>(
        &self,
        key: &TrainingKey,
        circuit: &P::Circuit,
        proofs: &[(TrainingStatement, P)],
    ) -> Result<ChainEnd, TrainingError> {
        let steps = key.network.steps as u64;
        let (expected, got) = (key.network.max_steps as u64, steps * proofs.len() as u64);
        if got > expected {
            return Err(TrainingError::TooLong { expected, got });
        }
        let mut model = self.model.clone();
        let mut state: Option<Vec<G1Affine>> = None;
        let mut order = EpochOrder::new(self.nonce, self.windows);
        for (index, (statement, proof)) in proofs.iter().enumerate() {
            let at = |source| TrainingError::Link { index, source: Box::new(source) };
            let window = order.window(index as u64);
            self.check_link(statement, steps * index as u64, window, &model, state.as_deref())
                .map_err(at)?;
            verify(key, circuit, statement, proof).map_err(at)?;
            model = add_rows(&model, &statement.update).map_err(at)?;
            state = Some(statement.state_after.clone());
        }
        Ok(ChainEnd { steps: got, model })
    }

    fn check_link(
        &self,
        statement: &TrainingStatement,
        step: u64,
        window: Option<u64>,
        model: &[G1Affine],
        state: Option<&[G1Affine]>,
    ) -> Result<(), TrainingError> {
        let zero = |rows: &[G1Affine]| rows.iter().all(AffineRepr::is_zero);
        let checks = [
            ("the binding", statement.binding == self.binding),
            ("the step", statement.step == step),
            ("the dataset", statement.dataset == self.dataset),
            ("the number of windows", statement.windows == self.windows),
            ("the window", Some(statement.window) == window),
            ("the model", statement.model == model),
            ("the state", state.map_or(zero(&statement.state), |s| statement.state == s)),
        ];
        match checks.iter().find(|(_, holds)| !holds) {
            Some((part, _)) => Err(TrainingError::Continuation { part }),
            None => Ok(()),
        }
    }
}

/// The drawn order of windows, epoch after epoch.
struct EpochOrder {
    nonce: [u8; 32],
    windows: u64,
    epoch: Option<(u64, Vec<usize>)>,
}

impl EpochOrder {
    fn new(nonce: [u8; 32], windows: u64) -> Self {
        Self { nonce, windows, epoch: None }
    }

    /// The window of proof `index`; `None` for an empty dataset.
    fn window(&mut self, index: u64) -> Option<u64> {
        let epoch = index.checked_div(self.windows)?;
        let position = (index % self.windows) as usize;
        if self.epoch.as_ref().is_none_or(|(known, _)| *known != epoch) {
            let order = window_order(self.nonce, epoch, self.windows as usize);
            self.epoch = Some((epoch, order));
        }
        let (_, order) = self.epoch.as_ref()?;
        order.get(position).map(|window| *window as u64)
    }
}

/// Row by row, `a + b`.
///
/// # Errors
/// [`TrainingError::RowCount`] if there are more rows of one than of the other.
pub fn add_rows(a: &[G1Affine], b: &[G1Affine]) -> Result<Vec<G1Affine>, TrainingError> {
    let (expected, got) = (a.len(), b.len());
    if expected != got {
        return Err(TrainingError::RowCount { part: "update", expected, got });
    }
    Ok(a.iter().zip(b).map(|(a, b)| (*a + b).into_affine()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_another_size_are_not_added_up() {
        let one = G1Affine::generator();
        let refused = TrainingError::RowCount { part: "update", expected: 2, got: 1 };
        assert_eq!(add_rows(&[one; 2], &[one]), Err(refused));
        assert_eq!(add_rows(&[one], &[-one]), Ok(vec![G1Affine::zero()]));
    }
}
