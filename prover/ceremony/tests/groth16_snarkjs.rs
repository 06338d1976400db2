//! npm's snarkjs, an independent verifier, accepts our exported proofs and rejects altered ones.

use std::path::{Path, PathBuf};
use std::process::Command;

use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_argument::arith::{Arithmetic, Check};
use zktrain_backends::r1cs::{R1csBuilder, Synthesis};
use zktrain_ceremony::groth16::{insecure_key, prove};
use zktrain_verify::groth16::{Groth16Key, Groth16Proof, snarkjs};

/// `x·w = y` and `w³ = z` for a witness `w`.
fn circuit() -> Synthesis {
    let [x, w] = [12u64, 34].map(Fr::from);
    let (mut builder, [x, y, z]) = R1csBuilder::new([x, x * w, w.square() * w]);
    let w = builder.witness(w);
    let product = builder.mul(&x, &w);
    let _ = builder.assert_equal(Check::Fold, &product, &y);
    let square = builder.mul(&w, &w);
    let cube = builder.mul(&square, &w);
    let _ = builder.assert_equal(Check::Fold, &cube, &z);
    builder.finish()
}

fn program() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    let program = root.join("node_modules/.bin/snarkjs");
    assert!(
        program.exists(),
        "snarkjs is not installed: run `npm ci --ignore-scripts` in contracts/ (scripts/test.sh does)"
    );
    program
}

fn accepted(folder: &Path, key: &Groth16Key, inputs: &[Fr; 3], proof: &Groth16Proof) -> bool {
    std::fs::write(folder.join("key.json"), snarkjs::key_json(key)).unwrap();
    std::fs::write(folder.join("public.json"), snarkjs::inputs_json(inputs)).unwrap();
    std::fs::write(folder.join("proof.json"), snarkjs::proof_json(proof)).unwrap();
    let mut command = Command::new(program());
    command.args(["groth16", "verify", "key.json", "public.json", "proof.json"]);
    let output = command.current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let (ok, invalid) = (said.contains("OK!"), said.contains("Invalid proof"));
    assert!(ok != invalid && ok == output.status.success(), "snarkjs says {output:?}");
    ok
}

#[test]
fn snarkjs_accepts_proofs_and_rejects_altered_ones() {
    let synthesis = circuit();
    let key = insecure_key(&synthesis.system, &mut ChaCha20Rng::seed_from_u64(1));
    let (proof, _) = prove(&key, &synthesis).unwrap();
    let inputs: [Fr; 3] = synthesis.assignment[1..4].try_into().unwrap();
    let folder = std::env::temp_dir().join(format!("zktrain-snarkjs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let accepted = |key: &Groth16Key, inputs: &[Fr; 3], proof: &Groth16Proof| {
        accepted(&folder, key, inputs, proof)
    };
    assert!(accepted(&key.key, &inputs, &proof));

    let altered = Groth16Proof { c: (proof.c + proof.a).into_affine(), ..proof };
    assert!(!accepted(&key.key, &inputs, &altered));
    let [h, kappa, fold] = inputs;
    assert!(!accepted(&key.key, &[h, kappa, fold + Fr::from(1u64)], &proof));
    let mut other = key.key.clone();
    other.delta_g2 = (other.delta_g2 + ark_bn254::G2Affine::generator()).into_affine();
    assert!(!accepted(&other, &inputs, &proof));
    std::fs::remove_dir_all(&folder).unwrap();
}
