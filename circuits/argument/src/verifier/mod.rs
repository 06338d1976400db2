//! The verifier of the argument, written once over [`Arithmetic`].
//!
//! Statement: the sheet whose rows are committed in `h` satisfies the
//! relation. Messages, in order: salt; product values; the sumcheck over
//! products and pointwise relations with its final operands; the lookup
//! argument; the final sumcheck; the sheet's value and the mask's. What is left
//! for outside is one opening of the sheet, blinded by the mask.
//!
//! Soundness error: `soundness` sums the terms.

pub mod claims;
pub mod soundness;
#[cfg(test)]
mod tests;
pub mod weights;

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use zktrain_model::relation::{Constraint, Product, Relation};

use crate::arith::{Arithmetic, Check};
use crate::fraction;
use crate::messages::{Argument, ArgumentShape};
use crate::transcript::Transcript;
use claims::Points;

/// What the argument leaves to the opening: the folded rows, plus `gamma`
/// times the mask row, evaluate to `value` at the low part of `point`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening<V> {
    /// Evaluation point of the sheet, the address' lowest bit first.
    pub point: Vec<V>,
    /// Weight of the mask row.
    pub gamma: V,
    /// The masked evaluation.
    pub value: V,
}

/// Challenges of the lookup argument.
#[derive(Clone, Debug)]
pub struct LookupChallenges<V> {
    /// Weight of the output beside the input.
    pub beta: V,
    /// `α − β²·(table + 1)` for every table, so that tables stay apart.
    pub alphas: Vec<V>,
}

impl<V: Clone> LookupChallenges<V> {
    /// Draws the challenges; every committed row is in the transcript by then.
    pub fn draw<A: Arithmetic<Var = V>>(
        arith: &mut A,
        transcript: &mut Transcript<V>,
        tables: usize,
    ) -> Self {
        let alpha = transcript.challenge(arith, "lookup alpha");
        let beta = transcript.challenge(arith, "lookup beta");
        let square = arith.mul(&beta, &beta);
        let mut alphas = Vec::with_capacity(tables);
        let mut tagged = alpha;
        for _ in 0..tables {
            tagged = arith.sub(&tagged, &square);
            alphas.push(tagged.clone());
        }
        Self { beta, alphas }
    }
}

/// Checks an argument.
///
/// `h` is the digest of the statement and of every committed row; `transcript`
/// is a fresh one.
///
/// # Errors
/// The backend's, on the first check that fails; [`Check::Shape`] if a part of the argument is
/// missing or too long, or the relation refers to something that it does not have. Nothing that
/// should be checked is ever left out.
pub fn verify<A: Arithmetic>(
    arith: &mut A,
    transcript: &mut Transcript<A::Var>,
    relation: &Relation,
    h: &A::Var,
    argument: &Argument<A::Var>,
) -> Result<Opening<A::Var>, A::Error> {
    let shape = ArgumentShape::of(relation);
    if !argument.has_shape(&shape) {
        return Err(Check::Shape("the argument").into());
    }
    transcript.absorb(arith, "statement and rows", core::slice::from_ref(h));
    transcript.absorb(arith, "salt", core::slice::from_ref(&argument.salt));
    let first = transcript.challenges(arith, "first point", relation.point_len());
    let lookup = LookupChallenges::draw(arith, transcript, relation.tables.len());
    transcript.absorb(arith, "products", &argument.products);
    let xi = transcript.challenge(arith, "relation batching");

    let mut claim = initial_claim(arith, relation, &shape, argument, &xi)?;
    let mut second = Vec::with_capacity(shape.variables);
    for univariate in &argument.univariates {
        transcript.absorb(arith, "relation round", univariate);
        let challenge = transcript.challenge(arith, "relation round");
        claim = next_claim(arith, &claim, univariate, &challenge)?;
        second.push(challenge);
    }
    let expected = final_relation(arith, relation, argument, &xi, &first, &second)?;
    arith.assert_equal(Check::Relations, &claim, &expected)?;
    transcript.absorb(arith, "left operands", &argument.left);
    transcript.absorb(arith, "right operands", &argument.right);
    for polys in &argument.polys {
        transcript.absorb(arith, "pointwise operands", polys);
    }

    let leaf = fraction::verify(arith, transcript, shape.log_leaves, &argument.fraction)?;
    let chi = transcript.challenge(arith, "claim batching");
    let claims = claims::combine(arith, relation, argument, &lookup, &leaf, chi)?;
    let points = Points { first, second, leaf: leaf.point };
    let point = reduce(arith, relation, argument, transcript, &claims, &points)?;

    transcript.absorb(arith, "sheet and mask", &[argument.value.clone(), argument.mask.clone()]);
    let gamma = transcript.challenge(arith, "mask weight");
    let value = arith.mul_add(&gamma, &argument.mask, &argument.value);
    Ok(Opening { point, gamma, value })
}

/// The final sumcheck: over the row number's bits, then over the bits
/// within a row. Returns the point, lowest address bit first.
fn reduce<A: Arithmetic>(
    arith: &mut A,
    relation: &Relation,
    argument: &Argument<A::Var>,
    transcript: &mut Transcript<A::Var>,
    claims: &claims::CombinedClaim<'_, A::Var>,
    points: &Points<A::Var>,
) -> Result<Vec<A::Var>, A::Error> {
    let constants = weights::constants(arith, claims, points)?;
    let mut claim = arith.sub(&claims.value, &constants);
    let mut challenges = Vec::with_capacity(argument.reduction.len());
    for univariate in &argument.reduction {
        transcript.absorb(arith, "reduction round", univariate);
        let challenge = transcript.challenge(arith, "reduction round");
        claim = next_claim(arith, &claim, univariate, &challenge)?;
        challenges.push(challenge);
    }
    let hi = relation.layout.hi_log() as usize;
    if hi > challenges.len() {
        return Err(Check::Shape("the final sumcheck").into());
    }
    challenges.rotate_left(hi);
    let weight = weights::total(arith, &relation.layout, points, &challenges, claims)?;
    let expected = arith.mul(&weight, &argument.value);
    arith.assert_equal(Check::Reduction, &claim, &expected)?;
    Ok(challenges)
}

/// `Σ_k ξ^k·2^{variables − variables_k}·claim_k`: a relation with fewer variables
/// than the sumcheck is summed over the spare ones too.
fn initial_claim<A: Arithmetic>(
    arith: &mut A,
    relation: &Relation,
    shape: &ArgumentShape,
    argument: &Argument<A::Var>,
    xi: &A::Var,
) -> Result<A::Var, A::Error> {
    Check::same_length("the list of products", &relation.products, &argument.products)?;
    let mut claim = arith.constant(Fr::zero());
    let mut power = arith.constant(Fr::one());
    for (product, value) in relation.products.iter().zip(&argument.products) {
        let spare = shape.variables.checked_sub(product.variables());
        let spare = spare.ok_or(Check::Shape("a product's share of the sumcheck"))?;
        let scaled = arith.scale(value, Fr::from(2u64).pow([spare as u64]));
        claim = arith.mul_add(&power, &scaled, &claim);
        power = arith.mul(&power, xi);
    }
    Ok(claim)
}

/// From the coefficients of a polynomial but the linear one, which `claim = s(0) +
/// s(1)` gives, to `s(challenge)`.
fn next_claim<A: Arithmetic>(
    arith: &mut A,
    claim: &A::Var,
    univariate: &[A::Var],
    challenge: &A::Var,
) -> Result<A::Var, A::Error> {
    let (constant, higher) =
        univariate.split_first().ok_or(Check::Shape("a polynomial of a sumcheck"))?;
    let twice = arith.add(constant, constant);
    let mut linear = arith.sub(claim, &twice);
    for coefficient in higher {
        linear = arith.sub(&linear, coefficient);
    }
    let mut coefficients = vec![constant.clone(), linear];
    coefficients.extend(higher.iter().cloned());
    Ok(arith.horner(&coefficients, challenge))
}

/// What the first sumcheck's last claim has to be, from the operands sent.
fn final_relation<A: Arithmetic>(
    arith: &mut A,
    relation: &Relation,
    argument: &Argument<A::Var>,
    xi: &A::Var,
    first: &[A::Var],
    second: &[A::Var],
) -> Result<A::Var, A::Error> {
    Check::same_length("the list of left operands", &relation.products, &argument.left)?;
    Check::same_length("the list of right operands", &relation.products, &argument.right)?;
    Check::same_length("the list of pointwise checks", &relation.zerochecks, &argument.polys)?;
    let mut sum = arith.constant(Fr::zero());
    let mut power = arith.constant(Fr::one());
    let operands = argument.left.iter().zip(&argument.right);
    for (product, (left, right)) in relation.products.iter().zip(operands) {
        let weight = product_weight(arith, product, first, second)?;
        let value = arith.mul(left, right);
        let value = arith.mul(&value, &weight);
        sum = arith.mul_add(&power, &value, &sum);
        power = arith.mul(&power, xi);
    }
    let weights = equalities(arith, first, second);
    for (check, polys) in relation.zerochecks.iter().zip(&argument.polys) {
        let weight = weights.get(check.domain.log() as usize);
        let weight = weight.ok_or(Check::Shape("the domain of a pointwise check"))?;
        let mut total = arith.constant(Fr::zero());
        for constraint in &check.constraints {
            let value = constraint_at(arith, constraint, polys)?;
            total = arith.mul_add(&power, &value, &total);
            power = arith.mul(&power, xi);
        }
        sum = arith.mul_add(weight, &total, &sum);
    }
    Ok(sum)
}

/// `eq` of the points' first `0, 1, 2, …` coordinates, as many as both have.
fn equalities<A: Arithmetic>(arith: &mut A, a: &[A::Var], b: &[A::Var]) -> Vec<A::Var> {
    let mut product = arith.constant(Fr::one());
    let mut products = vec![product.clone()];
    for (x, y) in a.iter().zip(b) {
        let bit = arith.eq_bit(x, y);
        product = arith.mul(&product, &bit);
        products.push(product.clone());
    }
    products
}

/// `eq` over the outer axes: the products of different `o` stay apart.
fn product_weight<A: Arithmetic>(
    arith: &mut A,
    product: &Product,
    first: &[A::Var],
    second: &[A::Var],
) -> Result<A::Var, A::Error> {
    let [o, x, y, k] = product.axes.each_ref().map(|part| part.log() as usize);
    let (at, to) = (first.get(x + y..x + y + o), second.get(k..k + o));
    let (at, to) = at.zip(to).ok_or(Check::Shape("the outer axis of a product"))?;
    arith.eq(at, to)
}

fn constraint_at<A: Arithmetic>(
    arith: &mut A,
    constraint: &Constraint,
    polys: &[A::Var],
) -> Result<A::Var, A::Error> {
    let mut total = arith.constant(Fr::zero());
    for monomial in &constraint.monomials {
        let mut value = arith.constant(fr(monomial.coef));
        for index in &monomial.factors {
            let factor = polys.get(*index).ok_or(Check::Shape("a factor of a constraint"))?;
            value = arith.mul(&value, factor);
        }
        total = arith.add(&total, &value);
    }
    Ok(total)
}

/// A signed integer as a field element.
pub fn fr(value: i128) -> Fr {
    let magnitude = Fr::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}
