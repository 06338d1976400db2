//! Members whose submission is not what the round asks for.

use alloy::primitives::{Address, B256, U256};
use ark_bn254::G1Affine;
use ark_ec::AffineRepr;
use zktrain_audit::submission::{SubmissionError, SubmissionVerifier};
use zktrain_ledger::SignedSubmission;
use zktrain_ledger::files::SubmissionFile;
use zktrain_ledger::typed::{Scope, Submission};
use zktrain_member::work::{submission, submission_file};
use zktrain_secagg::plan::{Plan, PlanMember};
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::statements::{Binding, TrainingStatement};
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::round::RoundError;
use zktrain_verify::round::rows_hash;
use zktrain_wire::Scoped;

use crate::checks::world::{WINDOWS, World, world};
use crate::common::plan::{handed_in, place};
use crate::common::round::Delivered;

impl World {
    fn circuit(&self) -> CircuitKey {
        self.cohort.compressor.key()
    }

    fn judge<'a>(&'a self, scope: &'a Scope, circuit: &'a CircuitKey) -> SubmissionVerifier<'a> {
        SubmissionVerifier { scope, key: self.cohort.key(), circuit, model: self.cohort.genesis() }
    }

    /// What a member's work hands in.
    fn handed_in(&self, member: usize) -> SubmissionFile {
        handed_in(&self.works[member], &self.plan.scope(), self.owner(member))
    }

    fn sign(&self, member: usize, said: Submission) -> SignedSubmission {
        let signer = self.owner(member).sender().signer();
        SignedSubmission::new(said, &self.plan.scope(), signer).unwrap()
    }

    /// What a member handed in, but for a change that it signs.
    fn resigned(&self, member: usize, change: impl FnOnce(&mut Submission)) -> SubmissionFile {
        let mut file = self.handed_in(member);
        change(&mut file.signed.submission);
        let submission = file.signed.submission.clone();
        file.signed = self.sign(member, submission);
        file
    }

    /// The first member's statement after a change, which it signs with the proof that it has.
    fn restated(&self, change: impl FnOnce(&mut TrainingStatement)) -> SubmissionFile {
        let mut statement = self.works[0].statement.clone();
        change(&mut statement);
        let proof = &self.works[0].proof;
        let submission = Submission {
            // What it signs about itself is right.
            round: self.round,
            member: self.owner(0).address(),
            ..submission(&statement, proof)
        };
        submission_file(self.sign(0, submission), &statement, proof)
    }

    /// The verdict on a file of the first member.
    fn verdict(&self, file: &SubmissionFile) -> Result<TrainingStatement, SubmissionError> {
        self.verdict_in(&self.plan, &self.plan.members[0], file)
    }

    fn verdict_in(
        &self,
        plan: &Plan,
        member: &PlanMember,
        file: &SubmissionFile,
    ) -> Result<TrainingStatement, SubmissionError> {
        let (circuit, scope) = (self.circuit(), self.plan.scope());
        let named = scope.hash(&file.signed.submission);
        let bytes = serde_json::to_vec(file).unwrap();
        let judge = self.judge(&scope, &circuit);
        assert_eq!(&judge.read(member.account, named, &bytes)?, file);
        judge.judge(plan, member, file)
    }
}

fn rejected(verdict: Result<TrainingStatement, SubmissionError>) -> String {
    match verdict {
        Err(SubmissionError::False(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// Changes a statement.
type Change<'a> = &'a dyn Fn(&mut TrainingStatement);

#[test]
fn honest_work_of_every_member_counts() {
    let world = world();
    for (index, member) in world.plan.members.iter().enumerate() {
        let file = world.handed_in(index);
        let statement = world.verdict_in(&world.plan, member, &file).unwrap();
        assert_eq!(statement, world.works[index].statement);
    }
}

#[test]
fn what_a_member_has_not_signed_is_no_evidence() {
    let world = world();
    let (circuit, scope) = (world.circuit(), world.plan.scope());
    let (judge, account) = (world.judge(&scope, &circuit), world.owner(0).address());
    let honest = world.handed_in(0);
    let named = scope.hash(&honest.signed.submission);
    let unsigned = |account: Address, named: B256, file: &SubmissionFile| {
        let bytes = serde_json::to_vec(file).unwrap();
        let read = judge.read(account, named, &bytes);
        assert!(matches!(read, Err(SubmissionError::Unsigned(_))), "{read:?}");
    };
    let changes: [fn(&mut SubmissionFile); 9] = [
        |f| f.signed.submission.length += 1,
        |f| f.signed.submission.round += 1,
        |f| f.signed.submission.statement.0[0] ^= 1,
        |f| f.signed.submission.proof.0[0] ^= 1,
        |f| f.signed.submission.update.0[0] ^= 1,
        |f| f.signed.signature = vec![0; 65].into(),
        |f| f.signed.signature = Default::default(),
        |f| f.statement = f.statement[1..].to_vec().into(),
        |f| f.proof = f.proof[1..].to_vec().into(),
    ];
    for change in changes {
        let mut other = honest.clone();
        change(&mut other);
        let named = scope.hash(&other.signed.submission);
        unsigned(account, named, &other);
    }
    // Another member's, in its own name and in this one's.
    let foreign = world.handed_in(1);
    let hash = scope.hash(&foreign.signed.submission);
    unsigned(account, hash, &foreign);
    let mut claimed = foreign;
    claimed.signed.submission.member = account;
    let hash = scope.hash(&claimed.signed.submission);
    unsigned(account, hash, &claimed);
    // For another contract, chain or draw.
    let changes: [fn(&mut Plan); 3] =
        [|p| p.chain_id += 1, |p| p.rounds = Address::repeat_byte(1), |p| p.nonce.0[0] ^= 1];
    for change in changes {
        let mut plan = world.plan.clone();
        change(&mut plan);
        let bytes = serde_json::to_vec(&honest).unwrap();
        let (elsewhere, said) = (plan.scope(), &honest.signed.submission);
        let named = elsewhere.hash(said);
        let read = world.judge(&elsewhere, &circuit).read(account, named, &bytes);
        assert!(matches!(read, Err(SubmissionError::Unsigned(_))), "{read:?}");
    }
    // Signed, but not what its upload names: what peers confirmed is something else.
    unsigned(account, B256::ZERO, &honest);
    for garbage in [&b""[..], b"{}", b"\xff\xff"] {
        let read = judge.read(account, named, garbage);
        assert!(matches!(read, Err(SubmissionError::Unsigned(_))), "{read:?}");
    }
}

#[test]
fn what_is_signed_is_what_the_statement_says() {
    let world = world();
    let says = "what was signed is not what the statement says";
    for file in [
        world.resigned(0, |s| s.round = world.other),
        world.resigned(0, |s| s.update.0[0] ^= 1),
        world.resigned(0, |s| s.update = rows_hash(&world.works[1].statement.update).into()),
    ] {
        assert_eq!(rejected(world.verdict(&file)), says);
    }
    let mut file = world.handed_in(0);
    for garbage in [vec![], file.statement[..file.statement.len() - 1].to_vec(), vec![0xff; 400]] {
        file.statement = garbage.into();
        let statement = alloy::primitives::keccak256(&file.statement);
        file.signed.submission.statement = statement;
        file.signed.submission.length = (file.statement.len() + file.proof.len()) as u32;
        let again = file.signed.submission.clone();
        file.signed = world.sign(0, again);
        rejected(world.verdict(&file));
    }
}

#[test]
fn the_statement_is_the_one_that_the_round_asks_for() {
    let world = world();
    let key = world.cohort.key();
    let (own, set) = (world.works[0].statement.clone(), world.plan.members[0].dataset.0);
    let (chain, contract) = (world.plan.chain_id, world.plan.rounds.into_array());
    let (domain, round) = (world.domain, world.round);
    let account = world.owner(0).address().into_array();
    let mut flipped = set;
    flipped[0] ^= 1;
    let cases: [(Change<'_>, RoundError); 12] = [
        (&|s| s.spec[0] ^= 1, RoundError::Spec),
        (&|s| s.binding.chain_id += 1, RoundError::ChainId { expected: chain, got: chain + 1 }),
        (
            &|s| s.binding.contract = [9; 20],
            RoundError::Contract { expected: contract, got: [9; 20] },
        ),
        (
            &|s| s.binding.domain = world.neighbour,
            RoundError::Domain { expected: domain, got: world.neighbour },
        ),
        (&|s| s.binding.round += 9, RoundError::Round { expected: round, got: round + 9 }),
        (&|s| s.binding.prover = [9; 20], RoundError::Prover { expected: account, got: [9; 20] }),
        (&|s| s.step = 1, RoundError::Step { got: 1 }),
        (&|s| s.dataset[0] ^= 1, RoundError::Dataset { expected: set, got: flipped }),
        (&|s| s.windows = 9, RoundError::Windows { expected: WINDOWS as u64, got: 9 }),
        (&|s| s.window += 9, RoundError::Window { expected: own.window, got: own.window + 9 }),
        (&|s| s.model[0] = s.update[0], RoundError::Model { row: 0 }),
        (&|s| s.state[0] = G1Affine::generator(), RoundError::State { row: 0 }),
    ];
    for (change, error) in cases {
        let file = world.restated(change);
        assert_eq!(rejected(world.verdict(&file)), error.to_string());
    }
    // The same proof, asked about under another plan.
    let file = world.handed_in(0);
    let member = &world.plan.members[0];
    let why = |change: &dyn Fn(&mut Plan)| {
        let mut plan = world.plan.clone();
        change(&mut plan);
        rejected(world.verdict_in(&plan, member, &file))
    };
    let error = RoundError::ChainId { expected: chain + 1, got: chain };
    assert_eq!(why(&|plan| plan.chain_id += 1), error.to_string());
    let error = RoundError::Contract { expected: [1; 20], got: contract };
    assert_eq!(why(&|plan| plan.rounds = Address::repeat_byte(1)), error.to_string());
    let error = RoundError::Domain { expected: world.neighbour, got: domain };
    assert_eq!(why(&|plan| plan.domain = world.neighbour), error.to_string());
    let drawn = |nonce: &B256| world.cohort.window(0, nonce.0);
    let other = (1..).map(|n| B256::from(U256::from(n))).find(|n| drawn(n) != own.window).unwrap();
    let error = RoundError::Window { expected: drawn(&other), got: own.window };
    assert_eq!(why(&|plan| plan.nonce = other), error.to_string());
    assert!(why(&|plan| plan.system = ProofSystem::Groth16.code()).len() > 1);
    let elsewhere = PlanMember { dataset: flipped.into(), ..member.clone() };
    let error = RoundError::Dataset { expected: flipped, got: set };
    let verdict = world.verdict_in(&world.plan, &elsewhere, &file);
    assert_eq!(rejected(verdict), error.to_string());
    let longer = PlanMember { windows: 9, ..member.clone() };
    let error = RoundError::Windows { expected: 9, got: WINDOWS as u64 };
    assert_eq!(rejected(world.verdict_in(&world.plan, &longer, &file)), error.to_string());
    // And from another model than the coordinator's.
    let mut model = world.cohort.genesis().to_vec();
    model[0] = (-model[0]).into_group().into();
    let (circuit, scope) = (world.circuit(), world.plan.scope());
    let judged = SubmissionVerifier { model: &model, key, ..world.judge(&scope, &circuit) };
    let verdict = judged.judge(&world.plan, member, &file);
    assert_eq!(rejected(verdict), RoundError::Model { row: 0 }.to_string());
}

#[test]
fn the_proof_has_to_hold() {
    let world = world();
    let with = |proof: Vec<u8>| {
        let work = &world.works[0];
        let Submission { round, member, update, .. } = submission(&work.statement, &work.proof);
        let statement = work.statement.to_bytes();
        let signed = world.sign(0, Submission::new(round, member, &statement, &proof, update));
        let (statement, proof) = (statement.into(), proof.into());
        rejected(world.verdict(&SubmissionFile { signed, statement, proof }))
    };
    let honest = world.works[0].proof.to_bytes();
    // Each byte of the encoding is somewhere; the last one is in the circuit's proof.
    for place in [31, honest.len() / 2, honest.len() - 1] {
        let mut other = honest.clone();
        other[place] ^= 1;
        with(other);
    }
    with(Vec::new());
    with(honest[1..].to_vec());
    // Someone else's, which holds for its own statement.
    with(world.works[1].proof.to_bytes());
    // The update is another one, and so is its hash.
    rejected(world.verdict(&world.restated(|s| s.update[0] = s.model[0])));
    // A window that was not drawn, proven: only the rule is against it.
    let window = (world.works[0].statement.window + 1) % WINDOWS as u64;
    let chosen: Delivered = world.cohort.prove(0, place(&world.plan), window);
    let why = rejected(world.verdict(&handed_in(&chosen, &world.plan.scope(), world.owner(0))));
    let error = RoundError::Window { expected: world.works[0].statement.window, got: window };
    assert_eq!(why, error.to_string());
    // The drawn one, proven for another contract or another domain.
    let elsewhere: [fn(&mut Binding); 2] = [|b| b.contract = [9; 20], |b| b.domain += 1];
    for change in elsewhere {
        let mut binding = place(&world.plan);
        change(&mut binding);
        let proven = world.cohort.prove(0, binding, world.works[0].statement.window);
        rejected(world.verdict(&handed_in(&proven, &world.plan.scope(), world.owner(0))));
    }
}
