//! The native verifier and the contracts have one verdict on everything.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::LazyLock;

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, BigInteger, One, PrimeField};
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use serde_json::Value;
use zktrain_argument::opening::{KzgVerifierKey, point_bytes, scalar_bytes};
use zktrain_backends::halo2::key::Halo2Key;
use zktrain_devnet::{Evm, EvmError};
use zktrain_model::size::Limits;
use zktrain_prove::training::derive_key;
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::evm::encode_key;
use zktrain_verify::groth16::Groth16Key;
use zktrain_verify::training::verify;

use super::bytes;
use super::harness::{self, pick};
use crate::common::cases::{Case, LossKind};
use crate::common::srs;

/// The id of the fixtures' chain.
const CHAIN: u64 = 31337;
const WORD: usize = 32;

/// An honest proof with everything that both verifiers need.
struct Target {
    name: String,
    key: TrainingKey,
    circuit: CircuitKey,
    system: ProofSystem,
    statement: Vec<u8>,
    proof: Vec<u8>,
}

/// What is asked of both.
#[derive(Clone)]
struct Question {
    key: TrainingKey,
    circuit: CircuitKey,
    system: ProofSystem,
    statement: Vec<u8>,
    proof: Vec<u8>,
}

fn cases() -> [(&'static str, Case); 4] {
    let plain = Case { batch: 2, steps: 0, row_log: 13, ..Case::plain(&[7, 5, 3]) };
    [
        ("plain", plain.clone()),
        ("momentum", Case { momentum: 0.9, row_log: 12, ..plain.clone() }),
        ("two_steps", Case { momentum: 0.9, steps: 1, ..plain.clone() }),
        ("logistic", Case { loss: LossKind::Logistic, ..plain }),
    ]
}

fn load(name: &str, key: &TrainingKey, system: ProofSystem) -> Target {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contracts/test/fixtures");
    let text = std::fs::read_to_string(folder.join(format!("{name}_{system}.json"))).unwrap();
    let fixture: Value = serde_json::from_str(&text).unwrap();
    let field = |name: &str| hex::decode(&fixture[name].as_str().unwrap()[2..]).unwrap();
    let encoded = field("key");
    let circuit = match system {
        ProofSystem::Halo2 => {
            let halo2 = Halo2Key::from_bytes(&encoded[encoded.len() - Halo2Key::LENGTH..]);
            CircuitKey { halo2: Some(halo2.unwrap()), groth16: None }
        }
        ProofSystem::Groth16 => {
            let groth16 = Groth16Key::from_bytes(&field("circuitKey")).unwrap();
            CircuitKey { halo2: None, groth16: Some(groth16) }
        }
    };
    let (name, key) = (format!("{name}, {system}"), key.clone());
    Target { name, key, circuit, system, statement: field("statement"), proof: field("proof") }
}

static TARGETS: LazyLock<Vec<Target>> = LazyLock::new(|| {
    let mut targets = Vec::new();
    for (name, case) in cases() {
        let manifest = case.manifest().unwrap();
        let network = Limits::default().admit(manifest.network().unwrap()).unwrap();
        let key = derive_key(manifest.hash(), network, srs()).unwrap();
        targets.extend(
            [ProofSystem::Halo2, ProofSystem::Groth16].map(|system| load(name, &key, system)),
        );
    }
    targets
});

impl Target {
    fn question(&self) -> Question {
        let Self { key, circuit, system, statement, proof, .. } = self;
        Question {
            key: key.clone(),
            circuit: circuit.clone(),
            system: *system,
            statement: statement.clone(),
            proof: proof.clone(),
        }
    }
}

impl Question {
    /// The native verdict; contracts look at the chain's id themselves.
    fn natively(&self) -> bool {
        let Ok(statement) = TrainingStatement::from_bytes(&self.statement) else { return false };
        assert_eq!(statement.to_bytes(), self.statement, "a statement has one encoding");
        let decoded = CompressedProof::from_bytes(&self.key.relation, self.system, &self.proof);
        let Ok(proof) = decoded else { return false };
        assert_eq!(proof.to_bytes(), self.proof, "a proof has one encoding");
        let verdict = verify(&self.key, &self.circuit, &statement, &proof);
        statement.binding.chain_id == CHAIN && verdict.is_ok()
    }

    /// The contracts' verdict on the same, with the key as they store it.
    fn on_chain(&self, evm: &mut Evm) -> bool {
        let Some(circuit) = self.circuit.contract_bytes(self.system) else { return false };
        let Ok(encoded) = encode_key(&self.key, self.system, &circuit) else { return false };
        let registered = match evm.register(&encoded) {
            Ok(registered) => registered.key,
            Err(error) => return refused(error),
        };
        match evm.verify(registered, &self.statement, &self.proof) {
            Ok(_) => true,
            Err(error) => refused(error),
        }
    }
}

/// A verdict of the contracts is a revert, nothing else.
fn refused(error: EvmError) -> bool {
    assert!(matches!(error, EvmError::Rejected { .. }), "{error}");
    false
}

/// One chain for all cases of a test: keys stay registered.
fn compare(name: &str, cases: u64, alter: impl Fn(&mut ChaCha20Rng, &mut Question)) {
    let evm = RefCell::new(Evm::new(CHAIN).unwrap());
    let accepted = RefCell::new([0u64; 2]);
    harness::run(name, cases, |rng| {
        let target = pick(rng, &TARGETS);
        let mut question = target.question();
        alter(rng, &mut question);
        let verdicts = [question.natively(), question.on_chain(&mut evm.borrow_mut())];
        let [native, contracts] = verdicts;
        assert_eq!(native, contracts, "{}: native and contracts", target.name);
        accepted.borrow_mut()[usize::from(native)] += 1;
        let same = question.statement == target.statement && question.proof == target.proof;
        let same = same && question.key.kzg == target.key.kzg && question.circuit == target.circuit;
        let same = same && question.key.tables == target.key.tables;
        assert!(same || !native, "{}: something else than the honest proof", target.name);
    });
    println!("{name}: rejected and accepted {:?}", accepted.into_inner());
}

#[test]
fn honest_proofs_are_accepted_by_both() {
    let mut evm = Evm::new(CHAIN).unwrap();
    for target in TARGETS.iter() {
        let question = target.question();
        assert!(question.natively() && question.on_chain(&mut evm), "{}", target.name);
    }
}

#[test]
fn altered_proofs_have_one_verdict() {
    compare("altered_proofs_have_one_verdict", 60, |rng, question| {
        for _ in 0..rng.gen_range(1..=2) {
            alter_words(rng, &mut question.proof);
        }
    });
}

#[test]
fn altered_statements_have_one_verdict() {
    compare("altered_statements_have_one_verdict", 60, |rng, question| {
        if rng.gen_bool(0.3) {
            return bytes::alter(rng, &mut question.statement);
        }
        let mut statement = TrainingStatement::from_bytes(&question.statement).unwrap();
        alter_statement(rng, &mut statement, question);
        question.statement = statement.to_bytes();
    });
}

#[test]
fn altered_keys_have_one_verdict() {
    compare("altered_keys_have_one_verdict", 25, alter_key);
}

fn point(rng: &mut ChaCha20Rng) -> G1Affine {
    match rng.gen_range(0..4) {
        0 => G1Affine::zero(),
        1 => G1Affine::generator(),
        2 => -G1Affine::generator(),
        _ => (G1Affine::generator() * Fr::from(rng.r#gen::<u64>())).into(),
    }
}

/// A word, or a point of two: flipped, negated, shifted by a modulus, exchanged, copied, replaced;
/// or the length changed.
fn alter_words(rng: &mut ChaCha20Rng, proof: &mut Vec<u8>) {
    let words = proof.len() / WORD;
    let at = WORD * rng.gen_range(0..words);
    let from = WORD * rng.gen_range(0..words - 1);
    let pair = 2 * WORD * rng.gen_range(0..words / 2);
    match rng.gen_range(0..13) {
        0 => proof[at + rng.gen_range(0..WORD)] ^= 1 << rng.gen_range(0..8),
        1 => plus(&mut proof[at..at + WORD], &Fr::MODULUS),
        2 => plus(&mut proof[at..at + WORD], &Fq::MODULUS),
        3 => proof[at..at + WORD].fill(0),
        4 => proof[at..at + WORD].fill(0xff),
        5 => proof[at..at + WORD].copy_from_slice(&scalar_bytes(&Fr::from(rng.r#gen::<u64>()))),
        6 => negate(&mut proof[pair + WORD..pair + 2 * WORD]),
        7 => proof[pair..pair + 2 * WORD].copy_from_slice(&point_bytes(&point(rng))),
        8 => {
            let word = proof[from..from + WORD].to_vec();
            proof.splice(at..at + WORD, word);
        }
        9 => {
            // Two points change places.
            let other = 2 * WORD * rng.gen_range(0..words / 2);
            (0..2 * WORD).for_each(|byte| proof.swap(pair + byte, other + byte));
        }
        10 => {
            let shifted = Fr::from_be_bytes_mod_order(&proof[at..at + WORD]) + Fr::one();
            proof[at..at + WORD].copy_from_slice(&scalar_bytes(&shifted));
        }
        11 => proof.truncate(proof.len() - rng.gen_range(1..=2 * WORD)),
        _ => proof.extend((0..rng.gen_range(1..=2 * WORD)).map(|_| rng.r#gen::<u8>())),
    }
}

fn number(word: &[u8]) -> BigInt<4> {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().rev().zip(word.chunks(8)) {
        *limb = u64::from_be_bytes(chunk.try_into().unwrap());
    }
    BigInt(limbs)
}

/// The same residue written otherwise, if 256 bits hold it.
fn plus(word: &mut [u8], modulus: &BigInt<4>) {
    let mut sum = number(word);
    if !sum.add_with_carry(modulus) {
        word.copy_from_slice(&sum.to_bytes_be());
    }
}

fn negate(y: &mut [u8]) {
    let negated = -Fq::from_be_bytes_mod_order(y);
    y.copy_from_slice(&negated.into_bigint().to_bytes_be());
}

fn alter_points(rng: &mut ChaCha20Rng, points: &mut Vec<G1Affine>) {
    let new = point(rng);
    if points.is_empty() {
        return points.push(new);
    }
    let (at, other) = (rng.gen_range(0..points.len()), rng.gen_range(0..points.len()));
    match rng.gen_range(0..5) {
        0 => points[at] = -points[at],
        1 => points[at] = new,
        2 => points.swap(at, other),
        3 => points.push(new),
        _ => points.truncate(points.len() - 1),
    }
}

fn alter_number(rng: &mut ChaCha20Rng, number: &mut u64) {
    *number = match rng.gen_range(0..6) {
        0 => number.wrapping_add(1),
        1 => number.wrapping_sub(1),
        2 => *number | 1 << 63,
        3 => u64::MAX,
        4 => 0,
        _ => rng.r#gen(),
    };
}

/// One field of a statement; sometimes the proof's rows or the path follow it.
fn alter_statement(
    rng: &mut ChaCha20Rng,
    statement: &mut TrainingStatement,
    question: &mut Question,
) {
    match rng.gen_range(0..14) {
        0 => statement.spec[rng.gen_range(0..32)] ^= 1,
        1 => alter_number(rng, &mut statement.binding.chain_id),
        2 => alter_number(rng, &mut statement.binding.round),
        3 => statement.binding.prover[rng.gen_range(0..20)] ^= 1,
        4 => alter_number(rng, &mut statement.step),
        5 => statement.dataset[rng.gen_range(0..32)] ^= 1,
        6 => alter_number(rng, &mut statement.windows),
        7 => alter_number(rng, &mut statement.window),
        8 => alter_points(rng, &mut statement.data),
        9 => alter_points(rng, &mut statement.model),
        10 => alter_points(rng, &mut statement.state),
        11 => alter_points(rng, &mut statement.state_after),
        12 => alter_path(rng, &mut statement.path),
        _ => {
            // The update and the row that it sums, so that the check of the sum still holds.
            let row = rng.gen_range(0..statement.update.len());
            statement.update[row] = -statement.update[row];
            if rng.r#gen() {
                negate(&mut question.proof[2 * WORD * row + WORD..2 * WORD * (row + 1)]);
            }
        }
    }
}

fn alter_path(rng: &mut ChaCha20Rng, path: &mut Vec<[u8; 32]>) {
    match (rng.gen_range(0..4), path.len()) {
        (0, _) | (_, 0) => path.push([rng.r#gen(); 32]),
        (1, _) => {
            path.pop();
        }
        (2, len) => path.swap(0, len - 1),
        (_, len) => path[rng.gen_range(0..len)][rng.gen_range(0..32)] ^= 1,
    }
}

/// A part of the key that proofs are checked by.
fn alter_key(rng: &mut ChaCha20Rng, question: &mut Question) {
    match rng.gen_range(0..5) {
        0 => question.key.spec[rng.gen_range(0..32)] ^= 1,
        1 => question.key.kzg = KzgVerifierKey::new(-question.key.kzg.tau_g2()).unwrap(),
        2 => {
            let tables = question.key.tables.len();
            alter_points(rng, &mut question.key.tables);
            question.key.tables.truncate(tables);
        }
        _ => alter_circuit(rng, &mut question.circuit),
    }
}

fn alter_circuit(rng: &mut ChaCha20Rng, circuit: &mut CircuitKey) {
    if let Some(key) = &mut circuit.halo2 {
        let new = point(rng);
        match rng.gen_range(0..4) {
            0 => key.log_rows = key.log_rows.wrapping_add_signed(*pick(rng, &[-1, 1, 2])),
            1 => *key.permutation.last_mut().unwrap() = new,
            2 => key.fixed.swap(0, 1),
            _ => {
                let at = rng.gen_range(0..key.fixed.len());
                key.fixed[at] = -key.fixed[at];
            }
        }
    }
    if let Some(key) = &mut circuit.groth16 {
        let new = point(rng);
        match rng.gen_range(0..4) {
            0 => key.alpha_g1 = -key.alpha_g1,
            1 => std::mem::swap(&mut key.gamma_g2, &mut key.delta_g2),
            2 => key.ic[rng.gen_range(0..4)] = new,
            _ => key.delta_g2 = -key.delta_g2,
        }
    }
}
