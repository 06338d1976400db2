//! The pointwise constraints of one domain:
//! `Σ_x eq(r, x)·Σ_c ξ^c·C_c(polys(x))`.
//!
//! Operands that are zero everywhere drop out, and monomials with them. What is
//! left runs densely, or, where it is zero in nearly all cells, sparsely at first.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Zero};
use rayon::prelude::*;
use zktrain_argument::verifier::fr;
use zktrain_commit::sheet::Sheet;
use zktrain_model::relation::{Linear, ZeroCheck};
use zktrain_msm::eq::{eq_table, evaluate};

use super::sparse::Sparse;
use super::{Instance, bind_low, interpolate};
use crate::materialize::{ValueRange, materialize, support};

/// Pairs that one task sums.
const CHUNK: usize = 1 << 10;

/// A monomial with its power of the batching challenge.
pub struct Weighted {
    /// Factor.
    pub coef: Fr,
    /// Operands.
    pub factors: Vec<usize>,
}

impl Weighted {
    /// The sum of monomials where the operands take the first of each pair.
    pub fn total(monomials: &[Self], lines: &[(Fr, Fr)]) -> Fr {
        let mut total = Fr::ZERO;
        for monomial in monomials {
            let mut factors = monomial.factors.iter().map(|f| lines[*f].0);
            let Some(first) = factors.next() else { continue };
            if !first.is_zero() {
                total += factors.fold(first, |product, f| product * f) * monomial.coef;
            }
        }
        total
    }
}

/// The state of one domain's sumcheck.
pub struct PointwiseSumcheck {
    variables: usize,
    /// Integers of every operand, for its last evaluation.
    values: Vec<Vec<i32>>,
    state: State,
}

enum State {
    /// Every monomial is zero everywhere.
    Zero,
    Sparse(Sparse),
    Dense(Dense),
}

impl PointwiseSumcheck {
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
        let variables = check.domain.log() as usize;
        let (first, degree) = (&first[..variables], check.degree() + 1);
        let state = if monomials.is_empty() {
            State::Zero
        } else {
            match Sparse::new(&values, monomials, first, degree) {
                Ok(sparse) => State::Sparse(sparse),
                Err(monomials) => State::Dense(Dense::new(&values, monomials, first, degree)),
            }
        };
        Ok(Self { variables, values, state })
    }

    /// Every operand at the end of the sumcheck.
    pub fn operands(&self, second: &[Fr]) -> Vec<Fr> {
        let evaluated = |values: &[i32]| evaluate(values, &second[..self.variables]);
        let State::Dense(dense) = &self.state else {
            return self.values.iter().map(|v| evaluated(v)).collect();
        };
        let values = self.values.iter().zip(&dense.polys);
        values
            .map(|(values, poly)| match poly.as_slice() {
                [bound] => *bound,
                _ => evaluated(values),
            })
            .collect()
    }
}

/// Whether a form is zero because nothing it reads was ever written.
fn is_untouched(sheet: &Sheet, form: &Linear) -> bool {
    form.terms.iter().all(|t| t.tensor.is_some_and(|id| sheet.is_untouched(id)))
}

impl Instance for PointwiseSumcheck {
    fn variables(&self) -> usize {
        self.variables
    }

    fn univariate(&self) -> Vec<Fr> {
        match &self.state {
            State::Zero => Vec::new(),
            State::Sparse(sparse) => interpolate(&sparse.sums()),
            State::Dense(dense) => interpolate(&dense.sums()),
        }
    }

    fn bind(&mut self, challenge: Fr) {
        match &mut self.state {
            State::Zero => {}
            State::Sparse(sparse) => {
                if let Some(dense) = sparse.bind(challenge) {
                    self.state = State::Dense(dense);
                }
            }
            State::Dense(dense) => dense.bind(challenge),
        }
    }

    fn last(&self) -> Fr {
        match &self.state {
            State::Dense(dense) => dense.last(),
            State::Zero | State::Sparse(_) => Fr::ZERO,
        }
    }
}

/// The usual form: every operand a vector that halves with each variable.
pub struct Dense {
    /// Degree of a variable's polynomial.
    pub degree: usize,
    /// Operands; empty where no monomial needs them.
    pub polys: Vec<Vec<Fr>>,
    /// The constraints.
    pub monomials: Vec<Weighted>,
    /// `eq` with the first point.
    pub eq: Vec<Fr>,
}

impl Dense {
    fn new(values: &[Vec<i32>], monomials: Vec<Weighted>, first: &[Fr], degree: usize) -> Self {
        let needed = |index: usize| monomials.iter().any(|m| m.factors.contains(&index));
        let polys = values
            .par_iter()
            .enumerate()
            .map(|(index, v)| if needed(index) { lift(v, first.len()) } else { Vec::new() })
            .collect();
        Self { degree, polys, monomials, eq: eq_table(first) }
    }

    /// Values of the variable's polynomial at `0 ..= degree`.
    fn sums(&self) -> Vec<Fr> {
        let pairs = self.eq.len() / 2;
        let starts: Vec<usize> = (0..pairs).step_by(CHUNK).collect();
        starts.par_iter().map(|start| self.sums_over(*start..(start + CHUNK).min(pairs))).reduce(
            || vec![Fr::ZERO; self.degree + 1],
            |mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                a
            },
        )
    }

    fn sums_over(&self, pairs: core::ops::Range<usize>) -> Vec<Fr> {
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
                *sum += eq * Weighted::total(&self.monomials, &lines);
                eq += slope;
                lines.iter_mut().for_each(|(value, slope)| *value += *slope);
            }
        }
        sums
    }

    fn bind(&mut self, challenge: Fr) {
        self.polys
            .par_iter_mut()
            .chain(rayon::iter::once(&mut self.eq))
            .filter(|poly| !poly.is_empty())
            .for_each(|poly| bind_low(poly, challenge));
    }

    fn last(&self) -> Fr {
        let bound = |poly: &Vec<Fr>| (poly.first().copied().unwrap_or_default(), Fr::ZERO);
        let lines: Vec<(Fr, Fr)> = self.polys.iter().map(bound).collect();
        let eq = self.eq.first().copied().unwrap_or_default();
        eq * Weighted::total(&self.monomials, &lines)
    }
}

fn lift(values: &[i32], variables: usize) -> Vec<Fr> {
    let mut lifted: Vec<Fr> = values.iter().map(|v| Fr::from(i64::from(*v))).collect();
    lifted.resize(1 << variables, Fr::ZERO);
    lifted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An excess in a few cells times a quotient: both forms give one sumcheck.
    #[test]
    fn sparse_and_dense_rounds_agree() {
        let variables = 14;
        let first: Vec<Fr> = (0..variables).map(|k| Fr::from(1000 + 77 * k as u64)).collect();
        let mut excess = vec![0; 1 << variables];
        for index in [0usize, 1, 5, 4096, 4097, 16383, 9000] {
            excess[index] = index as i32 + 3;
        }
        let many: Vec<i32> = (0..10_000).map(|i| (i * 37) % 1000 - 500).collect();
        let values = vec![excess, many];
        let monomials = || {
            vec![
                Weighted { coef: Fr::from(7u64), factors: vec![0] },
                Weighted { coef: Fr::from(11u64), factors: vec![0, 1] },
            ]
        };
        let mut dense = Dense::new(&values, monomials(), &first, 3);
        let Ok(sparse) = Sparse::new(&values, monomials(), &first, 3) else {
            panic!("few cells are not zero")
        };
        let mut other =
            PointwiseSumcheck { variables, values: values.clone(), state: State::Sparse(sparse) };
        for variable in 0..variables {
            assert_eq!(interpolate(&dense.sums()), other.univariate(), "variable {variable}");
            let challenge = Fr::from(31 + variable as u64);
            dense.bind(challenge);
            other.bind(challenge);
        }
        assert_eq!(dense.last(), other.last());
    }
}
