//! Pointwise constraints that vanish wherever an excess does.
//!
//! Every monomial has an operand that is zero in all but a few cells. For the
//! first variables only pairs that hold such a cell are visited, and the other
//! operands stay integers, evaluated where they are needed. By then the domain
//! has shrunk by `2^LAZY`, and the usual way is cheap.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, One};
use rayon::prelude::*;
use zktrain_msm::accumulate::dot_i32;
use zktrain_msm::eq::{eq_at, eq_table, eq_table_scaled};

use super::pointwise::{Dense, Weighted};

/// Rounds before the operands become field elements.
const LAZY: usize = 6;

/// A share of a domain's cells that counts as few.
const FEW: usize = 1 << LAZY;

/// An operand while the first variables are bound.
enum Operand {
    /// No monomial needs it.
    Unused,
    /// Zero but for these, ascending, bound so far.
    Few(Vec<(u32, Fr)>),
    /// As many as there are cells.
    Many(Vec<i32>),
}

/// The state while the first variables are bound.
pub struct Sparse {
    degree: usize,
    operands: Vec<Operand>,
    monomials: Vec<Weighted>,
    first: Vec<Fr>,
    challenges: Vec<Fr>,
    /// `eq(first, challenges)` over the variables so far.
    bound: Fr,
}

impl Sparse {
    /// The sparse form, if it is worth having; otherwise the monomials come back.
    pub fn new(
        values: &[Vec<i32>],
        monomials: Vec<Weighted>,
        first: &[Fr],
        degree: usize,
    ) -> Result<Self, Vec<Weighted>> {
        if first.len() <= 2 * LAZY || monomials.is_empty() {
            return Err(monomials);
        }
        let limit = (1usize << first.len()) / FEW;
        let few: Vec<bool> = values
            .par_iter()
            .map(|values| values.iter().filter(|v| **v != 0).count() <= limit)
            .collect();
        if !monomials.iter().all(|m| m.factors.iter().any(|f| few[*f])) {
            return Err(monomials);
        }
        let operands = values.iter().zip(&few).enumerate().map(|(index, (values, few))| {
            if !monomials.iter().any(|m| m.factors.contains(&index)) {
                return Operand::Unused;
            }
            if !few {
                return Operand::Many(values.clone());
            }
            let entries = values.iter().enumerate().filter(|(_, v)| **v != 0);
            Operand::Few(entries.map(|(i, v)| (i as u32, Fr::from(i64::from(*v)))).collect())
        });
        let operands = operands.collect();
        let first = first.to_vec();
        Ok(Self { degree, operands, monomials, first, challenges: Vec::new(), bound: Fr::one() })
    }

    /// Values of the variable's polynomial at `0 ..= degree`.
    pub fn sums(&self) -> Vec<Fr> {
        let variable = self.challenges.len();
        let low = eq_table(&self.challenges);
        let (at, rest) = (self.first[variable], &self.first[variable + 1..]);
        let (mut eq, slope) = (Fr::one() - at, at + at - Fr::one());
        let lines: Vec<(Fr, Vec<(Fr, Fr)>)> = self
            .pairs()
            .par_iter()
            .map(|pair| {
                let weight = self.bound * eq_at(rest, *pair as usize);
                let operands = self.operands.iter();
                (weight, operands.map(|operand| line(operand, *pair, &low)).collect())
            })
            .collect();
        let mut lines = lines;
        let mut sums = Vec::with_capacity(self.degree + 1);
        for _ in 0..=self.degree {
            let total: Fr = lines
                .iter_mut()
                .map(|(weight, lines)| {
                    let value = Weighted::total(&self.monomials, lines);
                    lines.iter_mut().for_each(|(value, slope)| *value += *slope);
                    *weight * value
                })
                .sum();
            sums.push(eq * total);
            eq += slope;
        }
        sums
    }

    /// Pairs of cells in which an operand of the few kind is not zero.
    fn pairs(&self) -> Vec<u32> {
        let few = self.operands.iter().filter_map(|operand| match operand {
            Operand::Few(entries) => Some(entries),
            _ => None,
        });
        let mut pairs: Vec<u32> = few.flatten().map(|(index, _)| index >> 1).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    /// Binds a variable; after the first variables the dense form takes over.
    pub fn bind(&mut self, challenge: Fr) -> Option<Dense> {
        let at = self.first[self.challenges.len()];
        self.bound *= at * challenge + (Fr::one() - at) * (Fr::one() - challenge);
        self.challenges.push(challenge);
        for operand in &mut self.operands {
            if let Operand::Few(entries) = operand {
                bind_few(entries, challenge);
            }
        }
        (self.challenges.len() == LAZY).then(|| self.densify())
    }

    fn densify(&mut self) -> Dense {
        let rest = &self.first[LAZY..];
        let low = eq_table(&self.challenges);
        let size = 1usize << rest.len();
        let polys = self
            .operands
            .iter()
            .map(|operand| match operand {
                Operand::Unused => Vec::new(),
                Operand::Few(entries) => {
                    let mut poly = vec![Fr::ZERO; size];
                    entries.iter().for_each(|(index, value)| poly[*index as usize] = *value);
                    poly
                }
                Operand::Many(values) => {
                    let mut poly: Vec<Fr> =
                        values.par_chunks(low.len()).map(|cells| dot_i32(&low, cells)).collect();
                    poly.resize(size, Fr::ZERO);
                    poly
                }
            })
            .collect();
        let eq = eq_table_scaled(rest, self.bound);
        let monomials = core::mem::take(&mut self.monomials);
        Dense { degree: self.degree, polys, monomials, eq }
    }
}

/// Value and slope of an operand over a pair of cells.
fn line(operand: &Operand, pair: u32, low: &[Fr]) -> (Fr, Fr) {
    let cell = |index: u32| match operand {
        Operand::Unused => Fr::ZERO,
        Operand::Few(entries) => entries
            .binary_search_by_key(&index, |(at, _)| *at)
            .map_or(Fr::ZERO, |position| entries[position].1),
        Operand::Many(values) => {
            let start = index as usize * low.len();
            dot_i32(low, values.get(start..).unwrap_or(&[]))
        }
    };
    let (even, odd) = (cell(2 * pair), cell(2 * pair + 1));
    (even, odd - even)
}

fn bind_few(entries: &mut Vec<(u32, Fr)>, challenge: Fr) {
    let mut bound: Vec<(u32, Fr)> = Vec::with_capacity(entries.len());
    for (index, value) in entries.iter() {
        let share =
            if index & 1 == 1 { *value * challenge } else { *value * (Fr::one() - challenge) };
        match bound.last_mut() {
            Some((last, sum)) if *last == index >> 1 => *sum += share,
            _ => bound.push((index >> 1, share)),
        }
    }
    *entries = bound;
}
