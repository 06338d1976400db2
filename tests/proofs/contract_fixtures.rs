//! Proofs for the tests of the contracts, in `contracts/test/fixtures`.
//!
//! `ZKTRAIN_WRITE_FIXTURES=1` makes them anew, a list of names those; otherwise those that are
//! there are checked, natively and by the contracts' bytecode.

use crate::common;

use std::path::PathBuf;

use ark_bn254::Fr;
use common::Run;
use common::cases::{Case, LossKind};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zktrain_argument::opening::{point_bytes, scalar_bytes};
use zktrain_argument::poseidon;
use zktrain_backends::halo2::key::Halo2Key;
use zktrain_backends::halo2::partial::recurrence;
use zktrain_backends::r1cs;
use zktrain_ceremony::groth16::insecure_key;
use zktrain_devnet::{Evm, EvmError, Rejection, Verified};
use zktrain_model::manifest::{Manifest, Optimizer};
use zktrain_model::size::Limits;
use zktrain_prove::compress::Compressor;
use zktrain_prove::halo2::{Halo2Params, log_rows};
use zktrain_prove::training::{TrainingProved, derive_key};
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::TrainingStatement;
use zktrain_trainer::synthetic;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::evm::{EvmKeyError, encode_key, key_hash};
use zktrain_verify::groth16::Groth16Key;

/// The id of forge's chain.
const CHAIN: u64 = 31337;
/// The shape whose gas is bounded: 784-128-10, batch 32.
const MEASURED: &str = "mnist";

/// A proof with what checks it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fixture {
    key: String,
    key_hash: String,
    /// Whole key of a Groth16 circuit, provenance included; empty for halo2.
    circuit_key: String,
    statement: String,
    proof: String,
    claim: Claim,
}

/// What the contract says about an accepted proof.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
struct Claim {
    spec: String,
    contract_address: String,
    domain: u64,
    round: u64,
    prover: String,
    step: u64,
    steps: u64,
    dataset: String,
    windows: u64,
    window: u64,
    model: String,
    state: String,
    update: String,
    state_after: String,
}

impl Claim {
    fn of(key: &TrainingKey, statement: &TrainingStatement) -> Self {
        let digest = |rows: &[_]| {
            let bytes: Vec<u8> = rows.iter().flat_map(point_bytes).collect();
            text(&key_hash(&bytes))
        };
        Self {
            spec: text(&statement.spec),
            contract_address: text(&statement.binding.contract),
            domain: statement.binding.domain,
            round: statement.binding.round,
            prover: text(&statement.binding.prover),
            step: statement.step,
            steps: key.network.steps as u64,
            dataset: text(&statement.dataset),
            windows: statement.windows,
            window: statement.window,
            model: digest(&statement.model),
            state: digest(&statement.state),
            update: digest(&statement.update),
            state_after: digest(&statement.state_after),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text.strip_prefix("0x").unwrap()).unwrap()
}

fn path(name: &str, system: ProofSystem) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contracts/test/fixtures");
    folder.join(format!("{name}_{system}.json"))
}

fn manifests() -> Vec<(&'static str, Manifest)> {
    let plain = Case { batch: 2, steps: 0, row_log: 13, ..Case::plain(&[7, 5, 3]) };
    let cases = [
        ("plain", plain.clone()),
        ("momentum", Case { momentum: 0.9, row_log: 12, ..plain.clone() }),
        ("two_steps", Case { momentum: 0.9, steps: 1, ..plain.clone() }),
        ("logistic", Case { loss: LossKind::Logistic, ..plain.clone() }),
        ("adam", Case { adam: Some(Optimizer::adam(0.01)), steps: 1, ..plain.clone() }),
    ];
    let mut all: Vec<_> =
        cases.into_iter().map(|(name, case)| (name, case.manifest().unwrap())).collect();
    all.push((MEASURED, synthetic::manifest(&[784, 128, 10], 32, 1).unwrap()));
    all
}

/// The second proof of a chain, whose optimizer state is not zero.
fn prove(run: &Run) -> TrainingProved {
    let mut before = run.start.clone();
    let mut last = None;
    for (index, (window, trace)) in run.traces(2).into_iter().enumerate() {
        let position = run.position(index, window);
        let proved = run.prover().prove(&before, position, &trace).unwrap();
        before = proved.after.clone();
        last = Some(proved);
    }
    last.unwrap()
}

fn compressor(run: &Run, system: ProofSystem) -> Compressor {
    let relation = run.key.relation.clone();
    match system {
        ProofSystem::Halo2 => {
            let params = Halo2Params::new(common::srs(), log_rows(&relation).unwrap()).unwrap();
            Compressor::halo2(relation, params).unwrap()
        }
        ProofSystem::Groth16 => {
            let mut rng = ChaCha20Rng::seed_from_u64(11);
            let key = insecure_key(&r1cs::compile(&relation).unwrap(), &mut rng);
            Compressor::groth16(relation, key)
        }
    }
}

fn write(name: &str, manifest: &Manifest) {
    let initial = zktrain_trainer::initial_parameters(&manifest.network().unwrap(), 1);
    let mut run = Run::trained_on(manifest.clone(), initial, 5, &|_, _| {}, 3);
    run.binding.chain_id = CHAIN;
    for system in [ProofSystem::Halo2, ProofSystem::Groth16] {
        let compressor = compressor(&run, system);
        let proved = prove(&run);
        let proof = compressor.compress(proved.proof).unwrap();
        let circuit = compressor.key();
        let key = encode_key(&run.key, system, &circuit.contract_bytes(system).unwrap()).unwrap();
        let fixture = Fixture {
            key: text(&key),
            key_hash: text(&key_hash(&key)),
            circuit_key: text(&circuit.groth16.map_or_else(Vec::new, |key| key.to_bytes())),
            statement: text(&proved.statement.to_bytes()),
            proof: text(&proof.to_bytes()),
            claim: Claim::of(&run.key, &proved.statement),
        };
        let file = path(name, system);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, serde_json::to_string_pretty(&fixture).unwrap() + "\n").unwrap();
    }
}

fn key(manifest: &Manifest) -> TrainingKey {
    let (srs, network) = (common::srs(), manifest.network().unwrap());
    let network = Limits::default().admit(network).unwrap();
    derive_key(manifest.hash(), network, srs).unwrap()
}

/// A committed fixture, decoded.
struct Loaded {
    key: TrainingKey,
    circuit: CircuitKey,
    system: ProofSystem,
    encoded_key: Vec<u8>,
    statement: Vec<u8>,
    proof: Vec<u8>,
    claim: Claim,
}

impl Loaded {
    fn new(name: &str, manifest: &Manifest, system: ProofSystem) -> Self {
        let file = path(name, system);
        let json = std::fs::read_to_string(&file).unwrap_or_else(|e| {
            panic!("{}: {e}; ZKTRAIN_WRITE_FIXTURES=1 makes it", file.display())
        });
        let fixture: Fixture = serde_json::from_str(&json).unwrap();
        let key = key(manifest);
        let encoded_key = bytes(&fixture.key);
        let circuit = match system {
            ProofSystem::Halo2 => {
                let at = encoded_key.len() - Halo2Key::LENGTH;
                let halo2 = Halo2Key::from_bytes(&encoded_key[at..]).unwrap();
                CircuitKey { halo2: Some(halo2), groth16: None }
            }
            ProofSystem::Groth16 => {
                let groth16 = Groth16Key::from_bytes(&bytes(&fixture.circuit_key)).unwrap();
                CircuitKey { halo2: None, groth16: Some(groth16) }
            }
        };
        assert_eq!(text(&key_hash(&encoded_key)), fixture.key_hash, "{name}");
        let (statement, proof) = (bytes(&fixture.statement), bytes(&fixture.proof));
        Self { key, circuit, system, encoded_key, statement, proof, claim: fixture.claim }
    }

    /// What the native verifier says about these bytes.
    fn natively(&self, statement: &[u8], proof: &[u8]) -> bool {
        let statement = TrainingStatement::from_bytes(statement);
        let proof = CompressedProof::from_bytes(&self.key.relation, self.system, proof);
        let (Ok(statement), Ok(proof)) = (statement, proof) else { return false };
        zktrain_verify::training::verify(&self.key, &self.circuit, &statement, &proof).is_ok()
    }
}

/// Whether this fixture is to be made anew: all, or those named.
fn writes(name: &str) -> bool {
    let wanted = std::env::var("ZKTRAIN_WRITE_FIXTURES").unwrap_or_default();
    wanted == "1" || wanted.split(',').any(|wanted| wanted == name)
}

/// Both verifiers accept; neither accepts an altered copy, and the contract says why.
fn check(name: &str, fixture: &Loaded, evm: &mut Evm) {
    let key = evm.register(&fixture.encoded_key).unwrap().key;
    assert!(fixture.natively(&fixture.statement, &fixture.proof), "{name}");
    let verified = evm.verify(key, &fixture.statement, &fixture.proof).unwrap();
    let statement = TrainingStatement::from_bytes(&fixture.statement).unwrap();
    assert_eq!(Claim::of(&fixture.key, &statement), fixture.claim, "{name}");
    let said = verified.claim;
    let claim = Claim {
        spec: text(&said.spec[..]),
        contract_address: text(&said.contractAddress[..]),
        domain: said.domain,
        round: said.round,
        prover: text(&said.prover[..]),
        step: said.step,
        steps: said.steps,
        dataset: text(&said.dataset[..]),
        windows: said.windows,
        window: said.window,
        model: text(&said.model[..]),
        state: text(&said.state[..]),
        update: text(&said.update[..]),
        state_after: text(&said.stateAfter[..]),
    };
    assert_eq!(claim, fixture.claim, "{name}");
    assert_eq!(said.chainId, CHAIN);
    println!("{name} {}: {} gas, {} bytes", fixture.system, verified.gas, fixture.proof.len());
    if name == MEASURED {
        let limit = if fixture.system == ProofSystem::Halo2 { 1_000_000 } else { 750_000 };
        assert!(verified.gas <= limit, "{} gas", verified.gas);
        return;
    }
    let both = [&fixture.statement, &fixture.proof];
    for (part, bytes) in both.iter().enumerate() {
        for position in (0..bytes.len()).step_by(bytes.len() / 25) {
            let mut altered = both.map(Vec::clone);
            altered[part][position] ^= 1 << (position % 8);
            let [statement, proof] = altered;
            let native = fixture.natively(&statement, &proof);
            assert!(!native, "{name}: part {part}, byte {position}");
            assert_rejected(evm.verify(key, &statement, &proof), position);
        }
    }
}

fn assert_rejected(result: Result<Verified, EvmError>, position: usize) {
    match result {
        Err(EvmError::Rejected { rejection, .. }) => {
            assert!(!matches!(*rejection, Rejection::Unknown(_)), "{position}: {rejection}");
        }
        other => panic!("byte {position}: {other:?}"),
    }
}

#[test]
fn native_and_contract_accept_the_fixtures_and_reject_altered_copies() {
    // Rows of the measured shape have 2^16 entries.
    let mut evm = Evm::new(CHAIN).unwrap();
    // The measured shape first: it takes longest to make.
    for (name, manifest) in manifests().into_iter().rev() {
        if writes(name) {
            write(name, &manifest);
        }
        for system in [ProofSystem::Halo2, ProofSystem::Groth16] {
            let fixture = Loaded::new(name, &manifest, system);
            let circuit = fixture.circuit.contract_bytes(system).unwrap();
            let key = encode_key(&fixture.key, system, &circuit).unwrap();
            assert_eq!(key, fixture.encoded_key, "{name}: the manifest gives another key");
            check(name, &fixture, &mut evm);
        }
    }
}

/// The contract has the constants of the gates in its source.
#[test]
fn the_contract_has_the_gates_constants() {
    let r = recurrence();
    let mut constants: Vec<Fr> = poseidon::constants().matrix.iter().flatten().copied().collect();
    constants.extend(r.observations.iter().skip(1).flatten());
    constants.extend(r.linear);
    constants.extend(r.fifth);
    constants.extend(r.characteristic);
    constants.extend(r.echo);
    constants.extend(r.entry);
    let root = env!("CARGO_MANIFEST_DIR");
    let file = format!("{root}/contracts/src/libraries/Halo2Gates.sol");
    let source = std::fs::read_to_string(file).unwrap();
    let words: Vec<&str> = source.split("hex\"").skip(1).map(|s| &s[..64]).collect();
    let expected: Vec<String> = constants.iter().map(|c| hex::encode(scalar_bytes(c))).collect();
    assert_eq!(words, expected);
}

/// Sheets with more rows than a transaction can fold have no key.
#[test]
fn sheets_of_too_many_rows_have_no_key() {
    let key = |row_log: u32| {
        let manifest = Case { row_log, ..Case::plain(&[7, 5, 3]) }.manifest().unwrap();
        key(&manifest)
    };
    let wide = key(5);
    let got = wide.relation.layout.hi_log();
    let result = encode_key(&wide, ProofSystem::Halo2, &[0; 832]);
    assert_eq!(result, Err(EvmKeyError::Rows { got }));
    let result = encode_key(&key(12), ProofSystem::Halo2, &[0; 24_576]);
    assert!(matches!(result, Err(EvmKeyError::Length { .. })));
}
