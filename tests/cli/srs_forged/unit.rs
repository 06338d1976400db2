//! With the genuine `[τ]` in G2 and `[1]' = [τ]/s`, the trapdoor would be `s`.

use ark_bn254::{Bn254, Fq2, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, pairing::Pairing, scalar_mul::ScalarMul};
use ark_ff::{Field, One, UniformRand};
use rand::rngs::OsRng;
use zktrain_argument::opening::KzgVerifierKey;
use zktrain_commit::srs::{Section, Srs, SrsError};

use crate::common::srs;

/// The file of a forger who knows `s`: consistent in itself, with the genuine `[τ]` in G2.
fn string(s: Fr) -> Srs {
    let mut evil = (**srs()).clone();
    evil.g2[0] = (evil.g2[1] * s.inverse().unwrap()).into_affine();
    let powers = std::iter::successors(Some(Fr::one()), |power| Some(*power * s));
    let powers: Vec<Fr> = powers.take(evil.g1.len()).collect();
    evil.g1 = G1Projective::generator().batch_mul(&powers);
    evil
}

#[test]
fn another_unit_of_g2_is_refused_and_is_nobodys_trapdoor() {
    let s = Fr::rand(&mut OsRng);
    let evil = string(s);
    assert_eq!(evil.fingerprint(), srs().fingerprint());
    // All pairing relations hold among the file's own points.
    let pair = |p: G1Affine, q: G2Affine| Bn254::pairing(p, q);
    assert_eq!(pair(evil.g1[1], evil.g2[0]), pair(evil.g1[0], evil.g2[1]));
    let path = std::env::temp_dir().join(format!("zktrain-unit-{}.bin", std::process::id()));
    evil.save(&path).unwrap();
    let loaded = Srs::load(&path);
    std::fs::remove_file(&path).unwrap();
    let refused = loaded.unwrap().check();
    assert!(matches!(refused, Err(SrsError::Generator { section: Section::TauG2 })));

    // What verifiers pair with is a constant: with [τ] alone, `s` opens nothing.
    let key = KzgVerifierKey::new(evil.g2[1]).unwrap();
    assert_eq!((key.g1(), key.g2()), (G1Affine::generator(), G2Affine::generator()));
    let terms = zktrain_verify::pairing::PairingTerms {
        left: G1Projective::generator(),
        right: G1Projective::generator() * s,
    };
    assert!(!terms.hold(&key));
}

#[test]
fn keys_that_cannot_be_of_a_string_are_refused() {
    let one = G2Affine::generator();
    for point in [one, -one, G2Affine::zero(), outside()] {
        assert!(KzgVerifierKey::new(point).is_err());
    }
    assert!(KzgVerifierKey::new(srs().g2[1]).is_ok());
}

/// A point of the twist outside the group of order `r`.
fn outside() -> G2Affine {
    let candidates = (1u64..).filter_map(|x| {
        G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 1u64.into()), true)
    });
    let mut found = candidates.filter(|p| !p.is_in_correct_subgroup_assuming_on_curve());
    found.next().unwrap()
}
