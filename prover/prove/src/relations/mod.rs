//! The first sumcheck: all matrix products and all pointwise constraints.
//!
//! Every product and every pointwise check is an `Instance` with variables of
//! its own; all share the challenges of the variables that they have. An
//! instance with fewer variables than the sumcheck is a constant in the
//! spare ones. See `zktrain_argument::verifier` for the statement.

mod pointwise;
mod product;
mod sparse;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One, Zero};
use zktrain_argument::arith::Native;
use zktrain_argument::messages::ArgumentShape;
use zktrain_argument::transcript::Transcript;
use zktrain_commit::sheet::Sheet;
use zktrain_model::relation::Relation;

use crate::materialize::ValueRange;
pub use pointwise::PointwiseSumcheck;
pub use product::ProductInstance;

/// One share of the sumcheck.
trait Instance {
    fn variables(&self) -> usize;
    /// Coefficients of the next variable's polynomial.
    fn univariate(&self) -> Vec<Fr>;
    /// Binds the next variable.
    fn bind(&mut self, challenge: Fr);
    /// The value once everything is bound.
    fn last(&self) -> Fr;
}

/// What the first sumcheck adds to the argument.
pub struct RelationsProof {
    /// The products at the first point.
    pub products: Vec<Fr>,
    /// Coefficients but the linear one, by variables.
    pub univariates: Vec<Vec<Fr>>,
    /// Left operands at the end.
    pub left: Vec<Fr>,
    /// Right operands at the end.
    pub right: Vec<Fr>,
    /// Operands of the pointwise checks at the end.
    pub polys: Vec<Vec<Fr>>,
    /// Where it ended.
    pub second: Vec<Fr>,
}

/// Runs the sumcheck; the transcript is at the point after the lookup challenges.
///
/// # Errors
/// If the sheet holds values that no honest witness has.
pub fn prove(
    sheet: &Sheet,
    relation: &Relation,
    first: &[Fr],
    transcript: &mut Transcript<Fr>,
) -> Result<RelationsProof, ValueRange> {
    let shape = ArgumentShape::of(relation);
    let mut products = relation
        .products
        .iter()
        .map(|product| ProductInstance::new(sheet, product, first))
        .collect::<Result<Vec<_>, _>>()?;
    let values: Vec<Fr> = products.iter().map(ProductInstance::value).collect();
    transcript.absorb(&mut Native, "products", &values);
    let xi = transcript.challenge(&mut Native, "relation batching");
    let mut power = Fr::one();
    let mut powers = Vec::with_capacity(products.len());
    for _ in &products {
        powers.push(power);
        power *= xi;
    }
    let mut checks = Vec::with_capacity(relation.zerochecks.len());
    for check in &relation.zerochecks {
        checks.push(PointwiseSumcheck::new(sheet, check, first, &mut power, xi)?);
    }
    let (univariates, second) = {
        let weighted = products.iter_mut().zip(&powers).map(|(p, w)| (p as &mut dyn Instance, *w));
        let unweighted = checks.iter_mut().map(|c| (c as &mut dyn Instance, Fr::one()));
        run(&mut weighted.chain(unweighted).collect::<Vec<_>>(), &shape, transcript)
    };
    let left: Vec<Fr> = products.iter().map(ProductInstance::left).collect();
    let right: Vec<Fr> = products.iter().map(ProductInstance::right).collect();
    let polys: Vec<Vec<Fr>> = checks.iter().map(|c| c.operands(&second)).collect();
    transcript.absorb(&mut Native, "left operands", &left);
    transcript.absorb(&mut Native, "right operands", &right);
    for polys in &polys {
        transcript.absorb(&mut Native, "pointwise operands", polys);
    }
    Ok(RelationsProof { products: values, univariates, left, right, polys, second })
}

fn run(
    instances: &mut [(&mut dyn Instance, Fr)],
    shape: &ArgumentShape,
    transcript: &mut Transcript<Fr>,
) -> (Vec<Vec<Fr>>, Vec<Fr>) {
    let mut univariates = Vec::with_capacity(shape.variables);
    let mut second = Vec::with_capacity(shape.variables);
    for variable in 0..shape.variables {
        let mut sum = vec![Fr::zero(); shape.coefficients + 1];
        for (instance, weight) in instances.iter() {
            let own = instance.variables();
            if variable < own {
                let scale = *weight * Fr::from(2u64).pow([(shape.variables - own) as u64]);
                for (s, c) in sum.iter_mut().zip(instance.univariate()) {
                    *s += scale * c;
                }
            } else {
                let spare = (shape.variables - 1 - variable) as u64;
                sum[0] += *weight * instance.last() * Fr::from(2u64).pow([spare]);
            }
        }
        sum.remove(1);
        transcript.absorb(&mut Native, "relation round", &sum);
        let challenge = transcript.challenge(&mut Native, "relation round");
        for (instance, _) in instances.iter_mut() {
            if variable < instance.variables() {
                instance.bind(challenge);
            }
        }
        univariates.push(sum);
        second.push(challenge);
    }
    (univariates, second)
}

/// `values[i] = (1 − challenge)·values[2i] + challenge·values[2i + 1]`
pub(crate) fn bind_low(values: &mut Vec<Fr>, challenge: Fr) {
    let half = values.len() / 2;
    for i in 0..half {
        values[i] = values[2 * i] + challenge * (values[2 * i + 1] - values[2 * i]);
    }
    values.truncate(half);
}

/// Coefficients of the polynomial with these values at `0, 1, 2, …` (at most 5).
fn interpolate(values: &[Fr]) -> Vec<Fr> {
    // Newton's forward differences, expanded; dividing by k! once for a variable.
    let mut differences = values.to_vec();
    for order in 1..values.len() {
        for i in (order..values.len()).rev() {
            differences[i] = differences[i] - differences[i - 1];
        }
    }
    let mut coefficients = vec![Fr::ZERO; values.len()];
    let mut falling = vec![Fr::one()];
    let mut factorial = Fr::one();
    for (k, difference) in differences.iter().enumerate() {
        if k > 0 {
            factorial *= Fr::from(k as u64);
            let root = Fr::from(k as u64 - 1);
            falling.push(Fr::ZERO);
            for i in (0..falling.len()).rev() {
                let lower = if i > 0 { falling[i - 1] } else { Fr::ZERO };
                falling[i] = lower - root * falling[i];
            }
        }
        let scale = *difference * factorial.inverse().unwrap_or_else(Fr::one);
        for (c, f) in coefficients.iter_mut().zip(&falling) {
            *c += scale * f;
        }
    }
    coefficients
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_inverts_evaluation() {
        let coefficients: Vec<Fr> = (0..5u64).map(|c| Fr::from(c * c * 77 + 3)).collect();
        let at = |t: u64| coefficients.iter().rev().fold(Fr::ZERO, |sum, c| sum * Fr::from(t) + c);
        let values: Vec<Fr> = (0..5).map(at).collect();
        assert_eq!(interpolate(&values), coefficients);
    }
}
