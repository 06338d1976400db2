//! Many compressed proofs at once: bad ones are named, whatever is wrong with them.

use crate::common;

use std::sync::OnceLock;
use std::time::Instant;

use common::Run;
use common::cases::Case;
use common::srs;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_argument::opening::OpeningError;
use zktrain_backends::r1cs;
use zktrain_ceremony::groth16::insecure_key;
use zktrain_prove::compress::Compressor;
use zktrain_prove::halo2::{Halo2Params, log_rows};
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::batch;
use zktrain_verify::circuit::{CircuitError, CircuitKey};
use zktrain_verify::groth16::{Groth16Error, Groth16Proof};
use zktrain_verify::halo2::Halo2Error;
use zktrain_verify::sheet::SheetError;
use zktrain_verify::training::{TrainingError, verify};

type Claims = Vec<(TrainingStatement, CompressedProof)>;

struct Made {
    run: Run,
    key: CircuitKey,
    /// By halo2, the last two by Groth16.
    claims: Claims,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let case = Case { momentum: 0.9, batch: 2, row_log: 12, ..Case::plain(&[5, 4, 3]) };
        let run = Run::of(&case, 4).unwrap();
        let relation = run.key.relation.clone();
        let params = Halo2Params::new(srs(), log_rows(&relation).unwrap()).unwrap();
        let groth16 =
            insecure_key(&r1cs::compile(&relation).unwrap(), &mut ChaCha20Rng::seed_from_u64(5));
        let halo2 = Compressor::halo2(relation.clone(), params).unwrap();
        let groth16 = Compressor::groth16(relation, groth16);
        let mut claims = Claims::new();
        for (index, (window, trace)) in run.traces(1).into_iter().cycle().take(5).enumerate() {
            let position = run.position(0, window);
            let proved = run.prover().prove(&run.start, position, &trace).unwrap();
            let compressor = if index < 3 { &halo2 } else { &groth16 };
            let proof = compressor.compress(proved.proof).unwrap();
            claims.push((proved.statement, proof));
        }
        let key = CircuitKey { halo2: halo2.key().halo2, groth16: groth16.key().groth16 };
        Made { run, key, claims }
    })
}

impl Made {
    fn results(&self, claims: &Claims) -> Vec<Result<(), TrainingError>> {
        let pairs: Vec<_> = claims.iter().map(|(statement, proof)| (statement, proof)).collect();
        let together = batch::verify(&self.run.key, &self.key, &pairs);
        let alone = claims.iter().map(|(s, p)| verify(&self.run.key, &self.key, s, p));
        assert_eq!(together, alone.collect::<Vec<_>>(), "as each alone");
        together
    }

    /// The result of one claim after a change, all others holding.
    fn bad(&self, at: usize, change: impl FnOnce(&mut TrainingStatement, &mut CompressedProof)) {
        let mut claims = self.claims.clone();
        let (statement, proof) = &mut claims[at];
        change(statement, proof);
        let results = self.results(&claims);
        for (index, result) in results.iter().enumerate() {
            assert_eq!(result.is_err(), index == at, "{index}: {result:?}");
        }
    }
}

#[test]
fn both_systems_hold_together() {
    let made = made();
    assert!(made.results(&made.claims).iter().all(Result::is_ok));
    assert!(made.results(&Vec::new()).is_empty());
}

#[test]
fn one_bad_proof_among_many_is_named_whatever_its_part() {
    let made = made();
    for at in 0..made.claims.len() {
        made.bad(at, |statement, _| statement.spec[0] ^= 1);
        made.bad(at, |statement, _| statement.binding.round ^= 1);
        made.bad(at, |statement, _| statement.path[0][0] ^= 1);
        made.bad(at, |statement, _| statement.update[0] = statement.model[0]);
        made.bad(at, |_, proof| proof.opening.linearisation = proof.opening.batch);
        made.bad(at, |_, proof| proof.rows.swap(0, 1));
        made.bad(at, |_, proof| {
            proof.circuit_proof.pop();
        });
        // Well encoded: only the pairing is against it.
        made.bad(at, |_, proof| match proof.system {
            ProofSystem::Halo2 => other_quotient(proof),
            ProofSystem::Groth16 => other_c(proof),
        });
    }
}

/// The last two points of a halo2 proof are the opening's quotients.
fn other_quotient(proof: &mut CompressedProof) {
    let end = proof.circuit_proof.len();
    let point = proof.circuit_proof[end - 128..end - 64].to_vec();
    proof.circuit_proof[end - 64..].copy_from_slice(&point);
}

fn other_c(proof: &mut CompressedProof) {
    let mut other = Groth16Proof::from_bytes(&proof.circuit_proof).unwrap();
    other.c = other.a;
    proof.circuit_proof = other.to_bytes();
}

#[test]
fn each_part_has_its_own_error() {
    let made = made();
    let mut claims = made.claims.clone();
    claims[0].1.opening.linearisation = claims[0].1.opening.batch;
    other_quotient(&mut claims[1].1);
    other_c(&mut claims[3].1);
    let results = made.results(&claims);
    let sheet = |error: SheetError| Err(TrainingError::Sheet(error));
    assert_eq!(results[0], sheet(OpeningError::Pairing.into()));
    let halo2 = CircuitError::Halo2(Halo2Error::Pairing);
    assert_eq!(results[1], sheet(halo2.into()));
    assert_eq!(results[2], Ok(()));
    let groth16 = CircuitError::Groth16(Groth16Error::Pairing);
    assert_eq!(results[3], sheet(groth16.into()));
    assert_eq!(results[4], Ok(()));
}

#[test]
fn two_proofs_whose_errors_cancel_are_both_named() {
    let made = made();
    // `e(A, B) = e(α, β)·e(IC, γ)·e(C, δ)`: what one C has too much, the other has too little.
    let mut claims = made.claims.clone();
    let read = |proof: &CompressedProof| Groth16Proof::from_bytes(&proof.circuit_proof).unwrap();
    let (mut first, mut second) = (read(&claims[3].1), read(&claims[4].1));
    let off = first.a;
    first.c = (first.c + off).into();
    second.c = (second.c - off).into();
    claims[3].1.circuit_proof = first.to_bytes();
    claims[4].1.circuit_proof = second.to_bytes();
    let results = made.results(&claims);
    assert!(results[..3].iter().all(Result::is_ok));
    assert!(results[3].is_err() && results[4].is_err());
}

#[test]
fn many_are_checked_quickly() {
    let made = made();
    let pairs: Vec<_> = made.claims[..3].iter().map(|(s, p)| (s, p)).cycle().take(60).collect();
    let begun = Instant::now();
    let results = batch::verify(&made.run.key, &made.key, &pairs);
    let together = begun.elapsed().as_secs_f64();
    assert!(results.iter().all(Result::is_ok));
    let begun = Instant::now();
    for &(statement, proof) in &pairs[..20] {
        verify(&made.run.key, &made.key, statement, proof).unwrap();
    }
    let alone = begun.elapsed().as_secs_f64() / 20.0;
    println!("{:.0} proofs a second together, {:.0} alone", 60.0 / together, 1.0 / alone);
}
