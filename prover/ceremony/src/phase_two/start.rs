//! Where the second phase starts: the circuit's key for `γ = δ = 1`, from the powers of tau alone.

use ark_bn254::{Fr, G1Affine, g1, g2};
use ark_ec::{
    AdditiveGroup, CurveGroup,
    scalar_mul::glv::GLVConfig,
    short_weierstrass::{Affine, Projective},
};
use ark_ff::{PrimeField, Zero};
use rayon::prelude::*;
use zktrain_backends::compress::INPUTS;
use zktrain_backends::r1cs::{R1cs, R1csConstraint};
use zktrain_commit::srs::{CheckedSrs, PhaseTwoSections};
use zktrain_verify::groth16::{Groth16Key, KeyProvenance};

use super::CeremonyError;
use super::lagrange::{lagrange, normalize};
use super::multiples::{Digits, combine};
use crate::groth16::{ProvingKey, Query};

/// Which of a coefficient's digits belong to which group.
const G1: usize = 0;
const G2: usize = 1;

/// The key that everyone derives from a circuit and a reference string: it is a function of the
/// two and holds no secret but the string's own, so that `δ` is still to come.
///
/// # Errors
/// If the string lacks the sections for a second phase or is too short for the circuit, or the
/// circuit has other public inputs than a compressed statement.
pub fn starting_key(system: &R1cs, srs: &CheckedSrs) -> Result<ProvingKey, CeremonyError> {
    let log = system.domain_log();
    let sections = check_sizes(system, srs)?;
    let basis = Basis {
        g1: lagrange(&srs.g1, log),
        alpha: lagrange(&sections.alpha_g1, log),
        beta: lagrange(&sections.beta_g1, log),
    };
    let columns = Columns::new(system);
    let a = normalize(&columns.sum(G1, &weights_of(system, &basis.g1, |row| row.a)));
    let b_weights = weights_of(system, &basis.g1, |row| row.b);
    let b_g1 = Query::new(0, normalize(&columns.sum(G1, &b_weights)));
    let mut k = normalize(&columns.sum(G1, &basis.k_weights(system)));
    let (a, k_public) = with_public_rows(system, &basis, a, &mut k);
    drop(basis);

    let basis_g2 = lagrange(&sections.g2_powers, log);
    let b_g2 =
        Query::new(0, normalize(&columns.sum(G2, &weights_of(system, &basis_g2, |row| row.b))));
    let ic = k_public.try_into().map_err(|_| CeremonyError::PublicInputs {
        expected: INPUTS,
        got: system.public().saturating_sub(1),
    })?;
    Ok(ProvingKey {
        key: Groth16Key {
            provenance: KeyProvenance::Insecure,
            circuit: system.digest(),
            alpha_g1: sections.alpha_g1[0],
            beta_g2: sections.beta_g2,
            gamma_g2: srs.g2[0],
            delta_g2: srs.g2[0],
            ic,
        },
        variables: system.variables(),
        domain_log: log,
        beta_g1: sections.beta_g1[0],
        delta_g1: srs.g1[0],
        a: Query::new(0, a),
        b_g1,
        b_g2,
        l: Query::new(system.public() as u32, k),
        h: vanishing_powers(&srs.g1, 1 << log),
    })
}

fn check_sizes<'s>(
    system: &R1cs,
    srs: &'s CheckedSrs,
) -> Result<&'s PhaseTwoSections, CeremonyError> {
    let sections = srs.phase_two.as_ref().ok_or(CeremonyError::PhaseTwoSections)?;
    let (expected, got) = (system.domain_log(), srs.power);
    let n = 1usize << expected.min(got);
    let enough = expected <= got
        && srs.g1.len() >= 2 * n - 1
        && [sections.alpha_g1.len(), sections.beta_g1.len()].iter().all(|len| *len >= n)
        && sections.g2_powers.len() >= n;
    if !enough {
        return Err(CeremonyError::Power { expected, got });
    }
    if system.public() != INPUTS + 1 {
        let got = system.public().saturating_sub(1);
        return Err(CeremonyError::PublicInputs { expected: INPUTS, got });
    }
    Ok(sections)
}

/// `[L_j(τ)]`, `[α·L_j(τ)]`, `[β·L_j(τ)]`
struct Basis {
    g1: Vec<G1Affine>,
    alpha: Vec<G1Affine>,
    beta: Vec<G1Affine>,
}

type Weights<C> = Vec<Projective<C>>;

impl Basis {
    /// For every combination, `β`, `α` and one times the basis, by the factor that it is.
    fn k_weights(&self, system: &R1cs) -> Weights<g1::Config> {
        let mut weights = vec![Projective::ZERO; system.combination_count()];
        let bases = self.g1.iter().zip(&self.alpha).zip(&self.beta);
        for (row, ((plain, alpha), beta)) in system.constraints().iter().zip(bases) {
            weights[row.a as usize] += beta;
            weights[row.b as usize] += alpha;
            weights[row.c as usize] += plain;
        }
        weights
    }
}

/// For every combination, the sum of the basis over the constraints where it is the factor that
/// `factor` names.
fn weights_of<C: GLVConfig>(
    system: &R1cs,
    basis: &[Affine<C>],
    factor: impl Fn(&R1csConstraint) -> u32,
) -> Weights<C> {
    let mut weights = vec![Projective::ZERO; system.combination_count()];
    for (row, point) in system.constraints().iter().zip(basis) {
        weights[factor(row) as usize] += point;
    }
    weights
}

/// Adds the rows of the public variables, which have a left factor only; takes the public part
/// of `k` off.
fn with_public_rows(
    system: &R1cs,
    basis: &Basis,
    mut a: Vec<G1Affine>,
    k: &mut Vec<G1Affine>,
) -> (Vec<G1Affine>, Vec<G1Affine>) {
    let first = system.constraints().len();
    let witness = k.split_off(system.public());
    let mut public = std::mem::replace(k, witness);
    for (i, (a, k)) in a.iter_mut().zip(&mut public).enumerate() {
        *a = (*a + basis.g1[first + i]).into_affine();
        *k = (*k + basis.beta[first + i]).into_affine();
    }
    (a, public)
}

/// `[τ^i·Z(τ)] = [τ^(i + n)] − [τ^i]` for `i < n − 1`.
fn vanishing_powers(powers: &[G1Affine], n: usize) -> Vec<G1Affine> {
    let differences: Vec<_> =
        powers[n..2 * n - 1].par_iter().zip(powers).map(|(high, low)| *high - low).collect();
    normalize(&differences)
}

/// The combinations by variables.
struct Columns {
    /// The distinct coefficients but one, up to sign.
    digits: Vec<[Digits; 2]>,
    /// For every variable the combinations it is in.
    entries: Vec<Vec<Entry>>,
}

/// A variable's part in a combination.
#[derive(Clone, Copy)]
struct Entry {
    combination: u32,
    negative: bool,
    /// Which of the coefficients; one has none.
    digits: Option<u32>,
}

impl Columns {
    fn new(system: &R1cs) -> Self {
        let mut numbers = std::collections::BTreeMap::new();
        let mut scalars = Vec::new();
        let mut entries = vec![Vec::new(); system.variables()];
        for (combination, terms) in (0u32..).zip(system.combinations()) {
            for term in terms {
                let negative = term.coefficient.into_bigint() > Fr::MODULUS_MINUS_ONE_DIV_TWO;
                let scalar = if negative { -term.coefficient } else { term.coefficient };
                let digits = (scalar != Fr::from(1u64)).then(|| {
                    *numbers.entry(scalar).or_insert_with(|| {
                        scalars.push(scalar);
                        scalars.len() as u32 - 1
                    })
                });
                entries[term.variable as usize].push(Entry { combination, negative, digits });
            }
        }
        let digits = |s: &Fr| [Digits::new::<g1::Config>(*s), Digits::new::<g2::Config>(*s)];
        Self { digits: scalars.par_iter().map(digits).collect(), entries }
    }

    /// For every variable the sum of its combinations' weights times its coefficients.
    fn sum<C: GLVConfig<ScalarField = Fr>>(
        &self,
        group: usize,
        weights: &Weights<C>,
    ) -> Weights<C> {
        let column = |entries: &Vec<Entry>| {
            let mut plain = Projective::<C>::ZERO;
            let mut terms = Vec::new();
            for entry in entries {
                let weight = weights[entry.combination as usize];
                if weight.is_zero() {
                    continue;
                }
                let weight = if entry.negative { -weight } else { weight };
                match entry.digits {
                    None => plain += weight,
                    Some(number) => terms.push((weight, &self.digits[number as usize][group])),
                }
            }
            plain + combine(&terms)
        };
        self.entries.par_iter().with_min_len(8).map(column).collect()
    }
}
