//! Openings for the tests of the contracts, `contracts/test/fixtures/opening.json`.
//!
//! `ZKTRAIN_WRITE_FIXTURES=1 cargo test --profile ci -p zktrain-commit --test opening_fixture` writes
//! the file anew.

use std::fs;
use std::path::Path;

use ark_bn254::{Fr, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, PrimeField, UniformRand};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_argument::opening::{point_bytes, scalar_bytes};
use zktrain_commit::mercury::prove_committed;
use zktrain_commit::srs::{CheckedSrs, Srs};
use zktrain_msm::eq::evaluate_field;
use zktrain_msm::msm_full;
use zktrain_verify::mercury::verify;

/// Numbers of variables: the least, the first odd and even split, and those of real rows.
const VARIABLES: [usize; 6] = [1, 2, 5, 8, 12, 15];

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"0x{digits}\"")
}

fn list(words: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", words.into_iter().collect::<Vec<_>>().join(", "))
}

/// As the EVM has it: the imaginary part of each coordinate first.
fn g2_words(point: &G2Affine) -> Vec<String> {
    let (x, y) = point.xy().unwrap();
    [x.c1, x.c0, y.c1, y.c0].iter().map(|c| hex(&c.into_bigint().to_bytes_be())).collect()
}

fn openings(srs: &CheckedSrs) -> Vec<String> {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut openings = Vec::new();
    for c in VARIABLES {
        let values: Vec<Fr> = (0..1 << c).map(|_| Fr::rand(&mut rng)).collect();
        let point: Vec<Fr> = (0..c).map(|_| Fr::rand(&mut rng)).collect();
        let value = evaluate_field(&values, &point);
        let commitment = msm_full(&srs.g1[..1 << c], &values);
        let seed = [c as u8; 32];
        let affine = commitment.into_affine();
        let proof = prove_committed(srs.g1(), &affine, values, &point, seed);
        verify(&srs.verifier_key(), &commitment, &point, value, seed, &proof).unwrap();
        openings.push(format!(
            "{{\n  \"point\": {},\n  \"value\": {},\n  \"commitment\": {},\n  \"seed\": {},\n  \
             \"opening\": {}\n}}",
            list(point.iter().map(|x| hex(&scalar_bytes(x)))),
            hex(&scalar_bytes(&value)),
            list(point_bytes(&affine).chunks(32).map(hex)),
            hex(&seed),
            hex(&proof.to_bytes()),
        ));
    }
    openings
}

#[test]
fn the_contracts_fixture_is_up_to_date() {
    let srs = Srs::generate_g1(15, &mut ChaCha20Rng::seed_from_u64(1)).check().unwrap();
    let text = format!(
        "{{\n\"tau\": {},\n\"openings\": {}\n}}\n",
        list(g2_words(&srs.verifier_key().tau_g2())),
        list(openings(&srs)),
    );
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/test/fixtures/opening.json");
    if std::env::var_os("ZKTRAIN_WRITE_FIXTURES").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(file).unwrap(), text);
}
