//! The soundness error of the interactive argument, term by term.
//!
//! Every term is a numerator over `|F| ≈ 2^253.6`. The sum bounds the
//! probability that a false statement survives the verifier's challenges, the
//! commitments being binding and the sponge a random oracle; a prover who tries
//! `2^q` transcripts gains a factor `2^q`.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use zktrain_model::relation::Relation;
use zktrain_model::relation::columns::{ColumnKind, LeafLayout};

use crate::messages::ArgumentShape;
use crate::opening::mercury::error_numerator;

/// One reason for which a false statement can survive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorTerm {
    /// Which challenge.
    pub challenge: &'static str,
    /// Why, with its source.
    pub reason: &'static str,
    /// Bad values of the challenge at most.
    pub numerator: u128,
}

/// All terms for one relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The terms.
    pub terms: Vec<ErrorTerm>,
}

impl Budget {
    /// The terms for proofs of `relation`.
    pub fn of(relation: &Relation) -> Self {
        let shape = ArgumentShape::of(relation);
        let constraints: usize = relation.zerochecks.iter().map(|z| z.constraints.len()).sum();
        let relations = relation.products.len() + relation.linear.len() + constraints;
        let (keys, entries) = leaves(relation);
        let claims = 3 * relation.products.len()
            + relation.linear.len()
            + shape.polys.iter().sum::<usize>()
            + 2;
        let fraction: u128 = (4..shape.log_leaves).step_by(2).map(|m| 4 * u128::from(m) + 3).sum();
        let term = |challenge, reason, numerator| ErrorTerm { challenge, reason, numerator };
        let n = |value: usize| value as u128;
        Self {
            terms: vec![
                term(
                    "first point",
                    "a relation that fails somewhere vanishes at the point (Schwartz-Zippel)",
                    n(relations) * n(relation.point_len()),
                ),
                term(
                    "lookup alpha",
                    "a missing key's pole is hit, or a denominator vanishes (LogUp, Habock 2022)",
                    2 * (keys + entries),
                ),
                term(
                    "lookup beta",
                    "two different (table, key, value) have one fingerprint of degree 2",
                    2 * keys * entries,
                ),
                term("relation batching", "wrong claims cancel", n(relations)),
                term(
                    "relation round",
                    "a wrong round polynomial meets the right one (Lund et al. 1992)",
                    n(shape.variables) * n(shape.coefficients),
                ),
                term(
                    "fraction",
                    "a layer of the lookup tree (GKR 2008; see `fraction`)",
                    4 + fraction,
                ),
                term("claim batching", "wrong claims on the sheet cancel", n(claims)),
                term("reduction round", "a wrong round polynomial", 2 * n(shape.reduction)),
                term("mask weight", "a wrong evaluation is hidden by the mask's", 1),
                term(
                    "opening",
                    "all challenges of the opening (Mercury 2025, BDFG 2020; see `opening`)",
                    error_numerator(relation.layout.row_log as usize),
                ),
            ],
        }
    }

    /// `−log2` of the summed error.
    pub fn bits(&self) -> f64 {
        let total: f64 = self.terms.iter().map(|t| t.numerator as f64).sum();
        f64::from(Fr::MODULUS_BIT_SIZE) - 0.4 - total.max(1.0).log2()
    }
}

/// Keys looked up and entries of all tables.
fn leaves(relation: &Relation) -> (u128, u128) {
    let columns = LeafLayout::of(relation).columns;
    let count = |table: bool| {
        let columns = columns.iter();
        let kind = columns.filter(|c| matches!(c.kind, ColumnKind::Table(_)) == table);
        kind.map(|c| 1u128 << c.log).sum()
    };
    (count(false), count(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zktrain_model::compile::compile_training;
    use zktrain_model::manifest::Manifest;
    use zktrain_model::size::Limits;

    #[test]
    fn the_bundled_manifests_have_more_than_180_bits() {
        let text = include_str!("../../../model/tests/manifest.toml");
        let network = Manifest::from_toml(text).unwrap().network().unwrap();
        let network = Limits::default().admit(network).unwrap();
        let (relation, _) = compile_training(&network).unwrap();
        let budget = Budget::of(&relation);
        assert!(budget.terms.iter().all(|t| t.numerator > 0));
        assert!(budget.bits() > 180.0, "{}", budget.bits());
    }
}
