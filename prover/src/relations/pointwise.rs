//! The pointwise constraints of one domain:
//! `Σ_x eq(r, x)·Σ_c ξ^c·C_c(polys(x))`.
//!
//! Operands that are zero everywhere drop out. When every monomial then has a
//! factor that is zero almost everywhere (the excess of a rounding, which
//! saturates rarely), only the cells where it is not are visited, and the dense
//! operands are merely evaluated at the end.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Zero};
use rayon::prelude::*;
use zktrain_circuits::relation::{Linear, ZeroCheck};
use zktrain_circuits::verifier::fr;

use super::{Instance, bind_low, interpolate};
use crate::eq::{eq_table, evaluate};
use crate::materialize::{ValueRange, materialize, support};
use crate::sheet::Sheet;

/// Pairs that one task sums.
const CHUNK: usize = 1 << 10;

/// A monomial over the operands that are not zero.
struct Weighted {
    coef: Fr,
    factors: Vec<usize>,
}

/// The state of one domain's sumcheck.
pub struct Pointwise {
    rounds: usize,
    degree: usize,
    /// Integers of every operand, for its last evaluation.
    values: Vec<Vec<i32>>,
    /// Operands being bound; empty where no monomial needs them.
    polys: Vec<Vec<Fr>>,
    monomials: Vec<Weighted>,
    eq: Vec<Fr>,
}

impl Pointwise {
    /// Evaluates the operands; takes as many powers of `xi` as there are constraints.
    ///
    /// # Errors
    /// If an operand does not fit 32 bits.
    pub fn new(
        sheet: &Sheet,
        check: &ZeroCheck,
        first: &[Fr],
        power: &mut Fr,
        xi: Fr,
    ) -> Result<Self, ValueRange> {
        let values = check
            .polys
            .iter()
            .map(|form| {
                if is_untouched(sheet, form) {
                    return Ok(Vec::new());
                }
                materialize(sheet, form, &support(form, &check.domain))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let is_zero: Vec<bool> = values.par_iter().map(|v| v.iter().all(|v| *v == 0)).collect();
        let mut monomials = Vec::new();
        for constraint in &check.constraints {
            for monomial in &constraint.monomials {
                if !monomial.factors.iter().any(|f| is_zero[*f]) {
                    let factors = monomial.factors.clone();
                    monomials.push(Weighted { coef: *power * fr(monomial.coef), factors });
                }
            }
            *power *= xi;
        }
        let rounds = check.domain.log() as usize;
        let needed = |index: usize| monomials.iter().any(|m| m.factors.contains(&index));
        let polys = values
            .par_iter()
            .enumerate()
            .map(|(index, values)| if needed(index) { lift(values, rounds) } else { Vec::new() })
            .collect();
        let eq = if monomials.is_empty() { Vec::new() } else { eq_table(&first[..rounds]) };
        Ok(Self { rounds, degree: check.degree() + 1, values, polys, monomials, eq })
    }

    /// Every operand at the end of the sumcheck.
    pub fn operands(&self, second: &[Fr]) -> Vec<Fr> {
        let values = self.values.iter().zip(&self.polys);
        values
            .map(|(values, poly)| match poly.as_slice() {
                [bound] => *bound,
                _ => evaluate(values, &second[..self.rounds]),
            })
            .collect()
    }

    /// The sums over a range of pairs, at `0 ..= degree`.
    fn sums(&self, pairs: core::ops::Range<usize>) -> Vec<Fr> {
        let mut sums = vec![Fr::ZERO; self.degree + 1];
        let mut lines: Vec<(Fr, Fr)> = vec![(Fr::ZERO, Fr::ZERO); self.polys.len()];
        for pair in pairs {
            for (line, poly) in lines.iter_mut().zip(&self.polys) {
                if !poly.is_empty() {
                    *line = (poly[2 * pair], poly[2 * pair + 1] - poly[2 * pair]);
                }
            }
            let mut eq = self.eq[2 * pair];
            let slope = self.eq[2 * pair + 1] - eq;
            for sum in &mut sums {
                *sum += eq * self.constraints(&lines);
                eq += slope;
                lines.iter_mut().for_each(|(value, slope)| *value += *slope);
            }
        }
        sums
    }

    fn constraints(&self, lines: &[(Fr, Fr)]) -> Fr {
        let mut total = Fr::ZERO;
        for monomial in &self.monomials {
            let mut factors = monomial.factors.iter().map(|f| lines[*f].0);
            let Some(first) = factors.next() else { continue };
            if first.is_zero() {
                continue;
            }
            total += factors.fold(first, |product, f| product * f) * monomial.coef;
        }
        total
    }
}

fn lift(values: &[i32], rounds: usize) -> Vec<Fr> {
    let mut lifted: Vec<Fr> = values.iter().map(|v| Fr::from(i64::from(*v))).collect();
    lifted.resize(1 << rounds, Fr::ZERO);
    lifted
}

/// Whether a form is zero because nothing it reads was ever written.
fn is_untouched(sheet: &Sheet, form: &Linear) -> bool {
    form.terms.iter().all(|t| t.tensor.is_some_and(|id| sheet.is_untouched(id)))
}

impl Instance for Pointwise {
    fn rounds(&self) -> usize {
        self.rounds
    }

    fn round(&self) -> Vec<Fr> {
        if self.monomials.is_empty() {
            return Vec::new();
        }
        let pairs = self.eq.len() / 2;
        let starts: Vec<usize> = (0..pairs).step_by(CHUNK).collect();
        let sums = starts
            .par_iter()
            .map(|start| self.sums(*start..(start + CHUNK).min(pairs)))
            .reduce(
                || vec![Fr::ZERO; self.degree + 1],
                |mut a, b| {
                    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                    a
                },
            );
        interpolate(&sums)
    }

    fn bind(&mut self, challenge: Fr) {
        self.polys
            .par_iter_mut()
            .chain(rayon::iter::once(&mut self.eq))
            .filter(|poly| !poly.is_empty())
            .for_each(|poly| bind_low(poly, challenge));
    }

    fn last(&self) -> Fr {
        let lines: Vec<(Fr, Fr)> = self
            .polys
            .iter()
            .map(|poly| (poly.first().copied().unwrap_or_default(), Fr::ZERO))
            .collect();
        self.eq.first().map_or(Fr::ZERO, |eq| *eq * self.constraints(&lines))
    }
}
