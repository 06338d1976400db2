//! Proofs for the tests of the contracts, in `contracts/test/fixtures`.

mod common;

use std::path::PathBuf;

use ark_bn254::{Bn254, Fr};
use ark_ff::Zero;
use ark_ff::{Field, UniformRand};
use ark_groth16::Groth16;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, Variable,
};
use ark_snark::SNARK;
use common::Run;
use common::cases::{Case, LossKind};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_circuits::compress::PublicInputs;
use zktrain_circuits::compressed::{CompressedProof, System};
use zktrain_circuits::opening::point_bytes;
use zktrain_circuits::statement::opening_seed;
use zktrain_prover::training::{TrainingProved, prove_training};
use zktrain_verifier::evm::{encode_key, g2_bytes, key_hash};

#[derive(Clone)]
struct Toy([Fr; 3]);

impl ConstraintSynthesizer<Fr> for Toy {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> ark_relations::gr1cs::Result<()> {
        let vars: Vec<Variable> =
            self.0.iter().map(|v| cs.new_input_variable(|| Ok(*v)).unwrap()).collect();
        let product = cs.new_witness_variable(|| Ok(self.0[0] * self.0[1])).unwrap();
        let p2 = cs.new_witness_variable(|| Ok(self.0[0] * self.0[1] * self.0[2])).unwrap();
        let lc = |v: Variable| move || LinearCombination::from(v);
        cs.enforce_r1cs_constraint(lc(vars[0]), lc(vars[1]), lc(product))?;
        cs.enforce_r1cs_constraint(lc(product), lc(vars[2]), lc(p2))?;
        Ok(())
    }
}

fn toy(inputs: [Fr; 3]) -> (Vec<u8>, Vec<u8>) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut r = || Fr::rand(&mut rng);
    let (a, b, d) = (r(), r(), r());
    let pk = Groth16::<Bn254>::generate_parameters_with_qap(
        Toy([Fr::zero(); 3]),
        a,
        b,
        Fr::ONE,
        d,
        ark_ec::PrimeGroup::generator(),
        ark_ec::PrimeGroup::generator(),
        &mut rng,
    )
    .unwrap();
    let proof = Groth16::<Bn254>::prove(&pk, Toy(inputs), &mut rng).unwrap();
    assert!(Groth16::<Bn254>::verify(&pk.vk, &inputs, &proof).unwrap());
    let mut key = point_bytes(&pk.vk.alpha_g1).to_vec();
    key.extend(g2_bytes(&pk.vk.beta_g2));
    key.extend(g2_bytes(&pk.vk.gamma_g2));
    key.extend(g2_bytes(&pk.vk.delta_g2));
    pk.vk.gamma_abc_g1.iter().for_each(|p| key.extend(point_bytes(p)));
    let mut out = point_bytes(&proof.a).to_vec();
    out.extend(g2_bytes(&proof.b));
    out.extend(point_bytes(&proof.c));
    (key, out)
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contracts/test/fixtures")
}

fn cases() -> Vec<(&'static str, Case)> {
    let plain = Case { batch: 2, row_log: 12, ..Case::plain(&[7, 5, 3]) };
    vec![
        ("plain", plain.clone()),
        ("momentum", Case { momentum: 0.9, row_log: 11, ..plain.clone() }),
        ("two_steps", Case { momentum: 0.9, steps: 1, row_log: 12, ..plain.clone() }),
        ("logistic", Case { loss: LossKind::Logistic, row_log: 13, ..plain.clone() }),
    ]
}

/// The second proof of a chain, whose optimizer state is not zero.
fn prove_second(run: &Run) -> TrainingProved {
    let mut before = run.start.clone();
    let mut last = None;
    for (index, (window, trace)) in run.traces(2).into_iter().enumerate() {
        let position = run.position(index, window);
        let (key, g1) = (&run.key, &common::srs().g1);
        let proved =
            prove_training(key, g1, &run.secret, &run.dataset, &before, position, &trace).unwrap();
        before = proved.after.clone();
        last = Some(proved);
    }
    last.unwrap()
}

#[test]
fn write() {
    for (name, case) in cases() {
        let mut run = Run::of(&case, 5).unwrap();
        run.binding.chain_id = 31337;
        let proved = prove_second(&run);
        let (statement, proof, h, claim) = (proved.statement, proved.proof, proved.h, proved.claim);
        let seed = opening_seed(&h, &claim.point, &claim.gamma, &claim.value, &proof.blinding);
        let inputs = PublicInputs::new(h, &seed, &claim).to_array();
        let (circuit, circuit_proof) = toy(inputs);
        let compressed = CompressedProof {
            rows: proof.rows.clone(),
            mask: proof.mask,
            claim,
            blinding: proof.blinding,
            opening: proof.opening.clone(),
            system: System::Groth16,
            circuit_proof,
        };
        let key = encode_key(&run.key, System::Groth16, &circuit).unwrap();
        let hex = |b: &[u8]| format!("0x{}", hex::encode(b));
        let json = serde_json::json!({
            "key": hex(&key), "keyHash": hex(&key_hash(&key)),
            "statement": hex(&statement.to_bytes()),
            "proof": hex(&compressed.to_bytes()),
        });
        std::fs::create_dir_all(fixtures()).unwrap();
        let file = fixtures().join(format!("{name}_groth16.json"));
        std::fs::write(file, serde_json::to_string_pretty(&json).unwrap()).unwrap();
    }
}
