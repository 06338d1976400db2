//! Checks that a proof's statement is the one that a round asks of a member.
//!
//! A proof says what its statement says, no more: who proved, for which contract on which chain,
//! in which domain and round, from which model, on which window of whose data. All of that follows
//! from the round, and none of it is the member's choice. This is the rule that the contracts apply on chain, for those who
//! look at proofs off chain: the coordinator and auditors. The proof itself is checked by
//! [`crate::training::verify`] or [`crate::batch`].

use ark_bn254::G1Affine;
use ark_ec::AffineRepr;
use sha3::{Digest, Keccak256};
use zktrain_argument::opening::point_bytes;
use zktrain_model::Hash;
use zktrain_model::schedule::round_window;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::{Binding, TrainingStatement};

/// `keccak256` of row commitments, 64 bytes each: what contracts know a model or an update by.
pub fn rows_hash(rows: &[G1Affine]) -> Hash {
    let mut hasher = Keccak256::new();
    rows.iter().for_each(|row| hasher.update(point_bytes(row)));
    hasher.finalize().into()
}

/// What all members of a round have in common.
#[derive(Clone, Copy, Debug)]
pub struct RoundTask<'a> {
    /// The chain that settles the round.
    pub chain_id: u64,
    /// The contract `Rounds` there.
    pub contract: [u8; 20],
    /// The domain whose round it is.
    pub domain: u64,
    /// The round's number there.
    pub round: u64,
    /// Draws the windows.
    pub nonce: Hash,
    /// Row commitments of the model that all start from.
    pub model: &'a [G1Affine],
}

/// What is a member's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberTask {
    /// Its address.
    pub account: [u8; 20],
    /// Merkle root of its registered dataset.
    pub dataset: Hash,
    /// The dataset's windows.
    pub windows: u64,
}

/// Why a statement is not the one asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoundError {
    /// About another manifest or reference string.
    #[error("the statement is about another manifest or reference string")]
    Spec,
    /// Of another chain.
    #[error("the statement is for chain {got}, expected {expected}")]
    ChainId {
        /// The round's chain.
        expected: u64,
        /// The statement's.
        got: u64,
    },
    /// Of another contract.
    #[error("the statement is for contract {}, expected {}", Hex(got), Hex(expected))]
    Contract {
        /// The round's contract.
        expected: [u8; 20],
        /// The statement's.
        got: [u8; 20],
    },
    /// Of another domain.
    #[error("the statement is for domain {got}, expected {expected}")]
    Domain {
        /// The round's domain.
        expected: u64,
        /// The statement's.
        got: u64,
    },
    /// Of another round.
    #[error("the statement is for round {got}, expected {expected}")]
    Round {
        /// The round.
        expected: u64,
        /// The statement's.
        got: u64,
    },
    /// Somebody else's.
    #[error("the statement is by {}, expected {}", Hex(got), Hex(expected))]
    Prover {
        /// The member's address.
        expected: [u8; 20],
        /// The statement's.
        got: [u8; 20],
    },
    /// Does not start a chain of steps.
    #[error("the statement is about step {got}, expected 0")]
    Step {
        /// The statement's.
        got: u64,
    },
    /// About other data.
    #[error("the statement is about dataset {}, expected {}", Hex(got), Hex(expected))]
    Dataset {
        /// The registered root.
        expected: Hash,
        /// The statement's.
        got: Hash,
    },
    /// The dataset has another size.
    #[error("the statement's dataset has {got} windows, expected {expected}")]
    Windows {
        /// Registered windows.
        expected: u64,
        /// The statement's.
        got: u64,
    },
    /// The member has no data to draw from.
    #[error("a dataset without windows")]
    EmptyDataset,
    /// Another window than the one drawn.
    #[error("the statement is about window {got}; window {expected} was drawn")]
    Window {
        /// The window drawn.
        expected: u64,
        /// The statement's.
        got: u64,
    },
    /// Starts from another model.
    #[error("the statement starts from another model than the round: row {row} differs")]
    Model {
        /// The first row that differs or is missing.
        row: usize,
    },
    /// Starts from an optimizer that has moved.
    #[error("the statement starts from an optimizer's state that is not zero: row {row}")]
    State {
        /// The first row that is not zero.
        row: usize,
    },
}

/// Bytes as addresses and hashes are written.
struct Hex<'a>(&'a [u8]);

impl core::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Checks that a statement is what a member had to prove in a round: the right chain,
/// contract, domain, round and prover; the first step, from the round's model and a fresh optimizer; on the window that the
/// round's nonce draws from the member's dataset.
///
/// # Errors
/// The first field that is another.
pub fn check(
    key: &TrainingKey,
    round: &RoundTask<'_>,
    member: &MemberTask,
    statement: &TrainingStatement,
) -> Result<(), RoundError> {
    if statement.spec != key.spec {
        return Err(RoundError::Spec);
    }
    check_binding(round, member, &statement.binding)?;
    if statement.step != 0 {
        return Err(RoundError::Step { got: statement.step });
    }
    check_data(round, member, statement)?;
    if let Some(row) = first_difference(round.model, &statement.model) {
        return Err(RoundError::Model { row });
    }
    match statement.state.iter().position(|row| !row.is_zero()) {
        Some(row) => Err(RoundError::State { row }),
        None => Ok(()),
    }
}

fn check_binding(
    round: &RoundTask<'_>,
    member: &MemberTask,
    binding: &Binding,
) -> Result<(), RoundError> {
    let (expected, got) = (round.chain_id, binding.chain_id);
    if expected != got {
        return Err(RoundError::ChainId { expected, got });
    }
    let (expected, got) = (round.contract, binding.contract);
    if expected != got {
        return Err(RoundError::Contract { expected, got });
    }
    let (expected, got) = (round.domain, binding.domain);
    if expected != got {
        return Err(RoundError::Domain { expected, got });
    }
    let (expected, got) = (round.round, binding.round);
    if expected != got {
        return Err(RoundError::Round { expected, got });
    }
    let (expected, got) = (member.account, binding.prover);
    if expected != got {
        return Err(RoundError::Prover { expected, got });
    }
    Ok(())
}

fn check_data(
    round: &RoundTask<'_>,
    member: &MemberTask,
    statement: &TrainingStatement,
) -> Result<(), RoundError> {
    let (expected, got) = (member.dataset, statement.dataset);
    if expected != got {
        return Err(RoundError::Dataset { expected, got });
    }
    let (expected, got) = (member.windows, statement.windows);
    if expected != got {
        return Err(RoundError::Windows { expected, got });
    }
    let drawn = round_window(round.nonce, member.account, member.windows);
    let (expected, got) = (drawn.ok_or(RoundError::EmptyDataset)?, statement.window);
    if expected != got {
        return Err(RoundError::Window { expected, got });
    }
    Ok(())
}

fn first_difference(expected: &[G1Affine], got: &[G1Affine]) -> Option<usize> {
    let shorter = expected.len().min(got.len());
    let differs = expected.iter().zip(got).position(|(expected, got)| expected != got);
    differs.or((expected.len() != got.len()).then_some(shorter))
}

#[cfg(test)]
mod tests {
    use ark_bn254::G2Affine;
    use ark_ec::CurveGroup;
    use zktrain_argument::opening::KzgVerifierKey;
    use zktrain_model::compile::compile_training;
    use zktrain_model::manifest::Manifest;
    use zktrain_model::relation::Group;
    use zktrain_model::size::Limits;

    use super::*;

    type Change = fn(&mut TrainingStatement);

    fn key() -> TrainingKey {
        let manifest =
            Manifest::from_toml(include_str!("../../../circuits/model/tests/manifest.toml"));
        let network = manifest.as_ref().unwrap().network().unwrap();
        let network = Limits::default().admit(network).unwrap();
        let tables = compile_training(&network).unwrap().0.layout.group_rows(Group::Tables).count();
        let tables = vec![G1Affine::zero(); tables];
        let one = G2Affine::generator();
        let kzg = KzgVerifierKey::new((one + one).into_affine()).unwrap();
        TrainingKey::new(manifest.unwrap().hash(), network, tables, kzg).unwrap()
    }

    const NONCE: Hash = [5; 32];

    fn task(nonce: Hash, model: &[G1Affine]) -> RoundTask<'_> {
        RoundTask { chain_id: 1, contract: [3; 20], domain: 4, round: 2, nonce, model }
    }

    fn member() -> MemberTask {
        MemberTask { account: [7; 20], dataset: [8; 32], windows: 9 }
    }

    fn statement(key: &TrainingKey, model: &[G1Affine]) -> TrainingStatement {
        let MemberTask { account, dataset, windows } = member();
        TrainingStatement {
            spec: key.spec,
            binding: Binding {
                chain_id: 1,
                contract: [3; 20],
                domain: 4,
                round: 2,
                prover: account,
            },
            step: 0,
            dataset,
            windows,
            window: round_window(NONCE, account, windows).unwrap(),
            data: Vec::new(),
            path: Vec::new(),
            model: model.to_vec(),
            state: vec![G1Affine::zero(); 2],
            update: Vec::new(),
            state_after: Vec::new(),
        }
    }

    #[test]
    fn every_field_is_the_one_that_was_asked_for() {
        let key = key();
        let model = [G1Affine::generator(), G1Affine::zero(), G1Affine::generator()];
        let round = task(NONCE, &model);
        let good = statement(&key, &model);
        assert_eq!(check(&key, &round, &member(), &good), Ok(()));
        let drawn = good.window;
        let cases: [(Change, RoundError); 14] = [
            (|s| s.spec[0] ^= 1, RoundError::Spec),
            (|s| s.binding.chain_id = 3, RoundError::ChainId { expected: 1, got: 3 }),
            (
                |s| s.binding.contract = [9; 20],
                RoundError::Contract { expected: [3; 20], got: [9; 20] },
            ),
            (|s| s.binding.domain = 3, RoundError::Domain { expected: 4, got: 3 }),
            (|s| s.binding.round = 3, RoundError::Round { expected: 2, got: 3 }),
            (
                |s| s.binding.prover = [9; 20],
                RoundError::Prover { expected: [7; 20], got: [9; 20] },
            ),
            (|s| s.step = 4, RoundError::Step { got: 4 }),
            (|s| s.dataset = [9; 32], RoundError::Dataset { expected: [8; 32], got: [9; 32] }),
            (|s| s.windows = 10, RoundError::Windows { expected: 9, got: 10 }),
            (|s| s.window = 70, RoundError::Window { expected: drawn, got: 70 }),
            (|s| s.model[1] = G1Affine::generator(), RoundError::Model { row: 1 }),
            (|s| s.model.truncate(2), RoundError::Model { row: 2 }),
            (|s| s.model.push(G1Affine::zero()), RoundError::Model { row: 3 }),
            (|s| s.state[1] = G1Affine::generator(), RoundError::State { row: 1 }),
        ];
        for (change, error) in cases {
            let mut other = good.clone();
            change(&mut other);
            assert_eq!(check(&key, &round, &member(), &other), Err(error));
        }
    }

    #[test]
    fn nonce_and_account_draw_the_window() {
        let key = key();
        let good = statement(&key, &[]);
        let drawn = |nonce| task(nonce, &[]);
        let others = (0..20u8).filter(|byte| {
            let result = check(&key, &drawn([*byte; 32]), &member(), &good);
            matches!(result, Err(RoundError::Window { .. }))
        });
        assert!(others.count() > 10);
        let empty = MemberTask { windows: 0, ..member() };
        let mut other = good;
        other.windows = 0;
        assert_eq!(check(&key, &drawn(NONCE), &empty, &other), Err(RoundError::EmptyDataset));
    }

    #[test]
    fn errors_name_accounts_as_they_are_written() {
        let text = RoundError::Prover { expected: [1; 20], got: [0xab; 20] }.to_string();
        assert!(text.contains(&"ab".repeat(20)) && text.contains("expected 0x0101"), "{text}");
    }
}
