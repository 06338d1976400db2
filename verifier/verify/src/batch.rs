//! Checks many compressed proofs at once.
//!
//! Everything but the pairings is done proof by proof, on all cores. What is left are equations
//! between products of pairings; equation `j` is raised to a random 128-bit weight `s_j`, and the
//! product of all of them is checked with one multi-pairing a system. **Soundness**: if one of the
//! equations does not hold, the product holds for at most one value of its weight, whatever the
//! others are, since all groups have prime order: with probability at most `2^-128`. The weights
//! come from the operating system: a prover who could predict them could make wrong proofs cancel.
//! When the product does not hold, each equation is checked alone, and the bad ones are named.
//!
//! Source: Bellare, Garay, Rabin, "Fast batch verification for modular exponentiation and digital
//! signatures", Eurocrypt 1998 (small exponents test).

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use rayon::prelude::*;
use zktrain_argument::opening::{KzgVerifierKey, OpeningError};
use zktrain_statement::compressed::CompressedProof;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::TrainingStatement;

use crate::circuit::{CircuitKey, CircuitTerms};
use crate::groth16::{self, Groth16Error, Groth16Terms};
use crate::halo2::Halo2Error;
use crate::pairing::PairingTerms;
use crate::sheet::{SheetError, SheetTerms};
use crate::training::{TrainingError, reduce};

/// A statement with its proof.
pub type Claim<'a> = (&'a TrainingStatement, &'a CompressedProof);

/// Checks proofs of one key; a result for each, in their order, the same as
/// [`crate::training::verify`] gives.
pub fn verify(
    key: &TrainingKey,
    circuit: &CircuitKey,
    claims: &[Claim<'_>],
) -> Vec<Result<(), TrainingError>> {
    verify_weighted(key, circuit, claims, weights)
}

/// As many weights as are asked for; none if there is no randomness.
type Weights = fn(usize) -> Option<Vec<Fr>>;

fn verify_weighted(
    key: &TrainingKey,
    circuit: &CircuitKey,
    claims: &[Claim<'_>],
    weights: Weights,
) -> Vec<Result<(), TrainingError>> {
    let reduced: Vec<Result<SheetTerms, TrainingError>> = claims
        .par_iter()
        .map(|(statement, proof)| reduce(key, circuit, statement, proof))
        .collect();
    let terms: Vec<SheetTerms> = reduced.iter().filter_map(|r| r.as_ref().ok()).copied().collect();
    if hold_together(&key.kzg, circuit, &terms, weights) {
        return reduced.into_iter().map(|result| result.map(|_| ())).collect();
    }
    let alone = |result: Result<SheetTerms, TrainingError>| {
        result.and_then(|terms| Ok(hold_alone(&key.kzg, circuit, &terms)?))
    };
    reduced.into_par_iter().map(alone).collect()
}

/// Random weights of 128 bits. Zero is as good as any other.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
fn weights(count: usize) -> Option<Vec<Fr>> {
    use rand::RngCore;

    let mut weights = Vec::with_capacity(count);
    for _ in 0..count {
        let mut bytes = [0; 16];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes).ok()?;
        weights.push(Fr::from(u128::from_le_bytes(bytes)));
    }
    Some(weights)
}

/// No weights: there is no operating system to give unpredictable ones.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
fn weights(_: usize) -> Option<Vec<Fr>> {
    None
}

fn hold_together(
    kzg: &KzgVerifierKey,
    circuit: &CircuitKey,
    terms: &[SheetTerms],
    weights: Weights,
) -> bool {
    // One each for opening and circuit.
    let weights = weights(2 * terms.len()).filter(|weights| weights.len() == 2 * terms.len());
    let Some(weights) = weights else { return false };
    let (opening_weights, circuit_weights) = weights.split_at(terms.len());
    let mut pairings: Vec<(Fr, PairingTerms)> = Vec::with_capacity(2 * terms.len());
    let mut groth16: Vec<(Fr, Groth16Terms)> = Vec::new();
    for ((terms, opening), circuit) in terms.iter().zip(opening_weights).zip(circuit_weights) {
        pairings.push((*opening, terms.opening));
        match terms.circuit {
            CircuitTerms::Halo2(terms) => pairings.push((*circuit, terms)),
            CircuitTerms::Groth16(terms) => groth16.push((*circuit, terms)),
        }
    }
    combine(&pairings).hold(kzg)
        && (groth16.is_empty()
            || circuit.groth16.as_ref().is_some_and(|key| groth16::hold(key, &groth16)))
}

/// `Σ s_j·(left_j, right_j)`
fn combine(weighted: &[(Fr, PairingTerms)]) -> PairingTerms {
    let weights: Vec<Fr> = weighted.iter().map(|(weight, _)| *weight).collect();
    let sum = |side: fn(&PairingTerms) -> G1Projective| {
        let points: Vec<G1Projective> = weighted.iter().map(|(_, terms)| side(terms)).collect();
        let points: Vec<G1Affine> = G1Projective::normalize_batch(&points);
        G1Projective::msm_unchecked(&points, &weights)
    };
    PairingTerms { left: sum(|terms| terms.left), right: sum(|terms| terms.right) }
}

fn hold_alone(
    kzg: &KzgVerifierKey,
    circuit: &CircuitKey,
    terms: &SheetTerms,
) -> Result<(), SheetError> {
    match terms.circuit {
        CircuitTerms::Halo2(terms) if !terms.hold(kzg) => {
            return Err(SheetError::Circuit(Halo2Error::Pairing.into()));
        }
        CircuitTerms::Groth16(terms) => {
            let weighted = [(Fr::from(1u8), terms)];
            let holds = circuit.groth16.as_ref().is_some_and(|k| groth16::hold(k, &weighted));
            if !holds {
                return Err(SheetError::Circuit(Groth16Error::Pairing.into()));
            }
        }
        CircuitTerms::Halo2(_) => {}
    }
    match terms.opening.hold(kzg) {
        true => Ok(()),
        false => Err(OpeningError::Pairing.into()),
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::{G2Affine, G2Projective};
    use ark_ec::AffineRepr;

    use super::*;

    const TAU: u64 = 1_234_567;

    fn kzg() -> KzgVerifierKey {
        let one = G2Projective::from(G2Affine::generator());
        KzgVerifierKey::new((one * Fr::from(TAU)).into_affine()).unwrap()
    }

    /// `e(left, [τ]) = e(right, [1])` holds if `off` is zero.
    fn terms(left: u64, off: i64) -> PairingTerms {
        let g = G1Affine::generator();
        let right = g * (Fr::from(left) * Fr::from(TAU) + Fr::from(off));
        PairingTerms { left: g * Fr::from(left), right }
    }

    fn sheet(opening: PairingTerms, circuit: PairingTerms) -> SheetTerms {
        SheetTerms { opening, circuit: CircuitTerms::Halo2(circuit) }
    }

    fn ones(count: usize) -> Option<Vec<Fr>> {
        Some(vec![Fr::from(1u8); count])
    }

    #[test]
    fn equations_hold_together_if_all_of_them_do() {
        let key = CircuitKey::default();
        let good: Vec<_> = (1..9).map(|n| sheet(terms(n, 0), terms(3 * n, 0))).collect();
        assert!(hold_together(&kzg(), &key, &[], weights));
        assert!(hold_together(&kzg(), &key, &good, weights));
        for bad in 0..good.len() {
            let mut one = good.clone();
            one[bad].opening = terms(5, 1);
            assert!(!hold_together(&kzg(), &key, &one, weights), "{bad}");
            let mut one = good.clone();
            one[bad].circuit = CircuitTerms::Halo2(terms(5, 1));
            assert!(!hold_together(&kzg(), &key, &one, weights), "{bad}");
        }
    }

    #[test]
    fn errors_that_cancel_do_so_only_with_weights_that_were_known_before() {
        let key = CircuitKey::default();
        let pairs = [
            [sheet(terms(2, 9), terms(3, 0)), sheet(terms(4, -9), terms(5, 0))],
            [sheet(terms(2, 0), terms(3, 9)), sheet(terms(4, 0), terms(5, -9))],
            [sheet(terms(2, 9), terms(3, 0)), sheet(terms(4, 0), terms(5, -9))],
        ];
        for pair in pairs {
            assert!(hold_together(&kzg(), &key, &pair, ones), "without weights they cancel");
            assert!(!hold_together(&kzg(), &key, &pair, weights));
        }
        let both = sheet(terms(2, 9), terms(3, -9));
        assert!(hold_together(&kzg(), &key, &[both], ones));
        assert!(!hold_together(&kzg(), &key, &[both], weights));
    }

    #[test]
    fn each_alone_says_which_part_does_not_hold() {
        let key = CircuitKey::default();
        let alone = |sheet: SheetTerms| hold_alone(&kzg(), &key, &sheet);
        assert_eq!(alone(sheet(terms(2, 0), terms(3, 0))), Ok(()));
        let opening = Err(OpeningError::Pairing.into());
        assert_eq!(alone(sheet(terms(2, 1), terms(3, 0))), opening);
        let circuit = Err(SheetError::Circuit(Halo2Error::Pairing.into()));
        assert_eq!(alone(sheet(terms(2, 0), terms(3, 1))), circuit);
    }

    #[test]
    fn weights_are_fresh_and_without_randomness_each_is_checked_alone() {
        let (first, second) = (weights(4).unwrap(), weights(4).unwrap());
        assert!(first.iter().all(|w| !second.contains(w)), "fresh each time");
        let mut distinct = first.clone();
        distinct.dedup();
        assert_eq!(distinct.len(), 4);
        let good = [sheet(terms(2, 0), terms(3, 0))];
        assert!(!hold_together(&kzg(), &CircuitKey::default(), &good, |_| None));
        assert!(!hold_together(&kzg(), &CircuitKey::default(), &good, |count| ones(count - 1)));
    }
}
