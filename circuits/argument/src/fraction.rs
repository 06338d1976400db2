//! The sum of fractions behind every lookup: LogUp over a GKR tree of arity 4.
//!
//! **Statement.** The leaves `i ∈ {0,1}^n` hold fractions `p_i/q_i`, and
//! `Σ_i p_i/q_i = 0`. [`verify`] reduces this to the evaluations of the
//! multilinear extensions of `p` and `q` at one random point. A node of the
//! tree is the sum of its four children's fractions,
//! `Q = q0·q1·q2·q3` and `P = p0·q1·q2·q3 + … + p3·q0·q1·q2`; node `i` has the
//! children `4i .. 4i+3`. In points, variable `k` is bit `k` of the index,
//! lowest bit first.
//!
//! **Messages, in order.** The 16 numerators and 16 denominators of the layer
//! with 16 nodes; a point of four challenges. Then for every layer below, whose
//! parents have `m = 4, 6, …, n − 2` variables and claims `P(r)`, `Q(r)`:
//! 1. a challenge `λ` joins them to the claim `Σ_i eq(r,i)·(P(i) + λ·Q(i))`;
//! 2. The `m` bits of `i` are bound one by one. At bit `k` the factor `eq` is left
//!    out: the sum is `eq(r_k,t)·h(t)` with `h` of degree 4 and the verifier
//!    works with the claim without the factors `eq` of earlier bits. The
//!    prover sends the coefficients `c1..c4` of `h`; the claim
//!    `(1 − r_k)·h(0) + r_k·h(1)` gives `c0` without a division;
//! 3. the four children's numerators and denominators at the bound point, which
//!    must give the last claim; two challenges `ρ_0, ρ_1` interpolate them to
//!    claims at the point `(ρ_0, ρ_1, bound point)` of the next layer.
//!
//! **Soundness error**, over `|F|`: 4 for the point of the top; for each layer
//! `4m + 3` (1 for `λ`, 4 for each variable, 2 for `ρ`). To this the caller adds
//! the error of LogUp itself. At variable `k` a wrong claim forces a wrong `h`,
//! because `c0` follows from the claim, and two polynomials of degree 4 meet in
//! at most four points.
//!
//! **Zero denominators.** The sum of the 16 fractions is checked as "the
//! numerator over the common denominator is zero", which means what it should
//! only if no denominator is zero. No check is needed: a leaf's denominator is
//! `α` minus something committed before `α` is drawn, so it vanishes with
//! probability `1/|F|` and any of them with at most `leaves/|F|`. The product
//! of non-zero leaves is non-zero, and by the layers' soundness the denominators
//! sent for the top are those products.
//!
//! Sources: Papini and Haböck, "Improving logarithmic derivative lookups using
//! GKR" (2023); Gruen, "Some improvements for the PIOP for ZeroCheck" (2024).

use crate::arith::{Arithmetic, Check};
use crate::transcript::Transcript;
use ark_bn254::Fr;
use ark_ff::Zero;

/// Children of a node.
pub const ARITY: usize = 4;
/// Variables of the layer that is sent in the clear.
pub const TOP_VARIABLES: u32 = 4;
/// Nodes of that layer.
pub const TOP_NODES: usize = 1 << TOP_VARIABLES;

/// What the prover sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FractionProof<V> {
    /// Numerators of the 16 top nodes.
    pub top_numerators: Vec<V>,
    /// Denominators of the 16 top nodes.
    pub top_denominators: Vec<V>,
    /// One entry a layer below, from the top down.
    pub layers: Vec<FractionLayer<V>>,
}

/// The messages of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FractionLayer<V> {
    /// Coefficients `c1..c4` of every variable's polynomial.
    pub univariates: Vec<[V; 4]>,
    /// The children's numerators at the bound point.
    pub numerators: [V; ARITY],
    /// The children's denominators at the bound point.
    pub denominators: [V; ARITY],
}

/// What remains to be shown: two evaluations of the leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafClaim<V> {
    /// The point, `log_leaves` variables.
    pub point: Vec<V>,
    /// The numerators' extension there.
    pub numerator: V,
    /// The denominators' extension there.
    pub denominator: V,
}

/// Rounds of every layer's sumcheck, from the top down, for a tree of
/// `2^log_leaves` leaves. Meaningful for an even number of at least 4.
pub fn layer_variables(log_leaves: u32) -> impl Iterator<Item = u32> {
    (TOP_VARIABLES..log_leaves).step_by(2)
}

/// Whether there is a tree of `2^log_leaves` leaves.
pub const fn is_tree(log_leaves: u32) -> bool {
    log_leaves >= TOP_VARIABLES && log_leaves.is_multiple_of(2)
}

/// The soundness error of [`verify`] times the field's size: 4 for the point of
/// the top and `4m + 3` for each layer of `m` variables.
pub fn soundness_error(log_leaves: u32) -> u64 {
    let layers = layer_variables(log_leaves).map(|variables| 4 * u64::from(variables) + 3);
    u64::from(TOP_VARIABLES) + layers.sum::<u64>()
}

impl<V> FractionProof<V> {
    /// Field elements in a proof for `2^log_leaves` leaves.
    pub fn shape(log_leaves: u32) -> usize {
        let layers =
            layer_variables(log_leaves).map(|variables| 4 * variables as usize + 2 * ARITY);
        2 * TOP_NODES + layers.sum::<usize>()
    }

    /// Whether the proof is one for `2^log_leaves` leaves.
    pub fn has_shape(&self, log_leaves: u32) -> bool {
        is_tree(log_leaves)
            && self.top_numerators.len() == TOP_NODES
            && self.top_denominators.len() == TOP_NODES
            && (self.layers.iter().map(|layer| layer.univariates.len()))
                .eq(layer_variables(log_leaves).map(|variables| variables as usize))
    }

    /// All elements, in the transcript's order.
    pub fn elements(&self) -> impl Iterator<Item = &V> {
        let layers = self.layers.iter().flat_map(|layer| {
            (layer.univariates.iter().flatten()).chain(&layer.numerators).chain(&layer.denominators)
        });
        self.top_numerators.iter().chain(&self.top_denominators).chain(layers)
    }

    /// The proof for `2^log_leaves` leaves whose elements come next from
    /// `elements`; `None` if there is no such tree or the iterator ends early.
    /// Takes exactly [`Self::shape`] elements.
    pub fn from_elements(log_leaves: u32, elements: &mut impl Iterator<Item = V>) -> Option<Self> {
        if !is_tree(log_leaves) {
            return None;
        }
        let mut take = |count: usize| {
            let taken: Vec<V> = elements.by_ref().take(count).collect();
            (taken.len() == count).then_some(taken)
        };
        let (top_numerators, top_denominators) = (take(TOP_NODES)?, take(TOP_NODES)?);
        let mut take_four = || <[V; 4]>::try_from(take(4)?).ok();
        let layers = layer_variables(log_leaves)
            .map(|variables| {
                Some(FractionLayer {
                    univariates: (0..variables).map(|_| take_four()).collect::<Option<_>>()?,
                    numerators: take_four()?,
                    denominators: take_four()?,
                })
            })
            .collect::<Option<_>>()?;
        Some(Self { top_numerators, top_denominators, layers })
    }
}

/// Checks that the fractions sum to zero, up to the returned claim about the leaves.
///
/// # Errors
/// [`Check::Shape`] if the proof lacks the shape of `log_leaves`;
/// [`Check::LookupSum`] if the sum is not zero; [`Check::LookupLayer`] with the layer's number, from 0 at the top.
pub fn verify<A: Arithmetic>(
    arith: &mut A,
    transcript: &mut Transcript<A::Var>,
    log_leaves: u32,
    proof: &FractionProof<A::Var>,
) -> Result<LeafClaim<A::Var>, A::Error> {
    if !proof.has_shape(log_leaves) {
        return Err(Check::Shape("the lookup argument").into());
    }
    transcript.absorb(arith, "fraction top numerators", &proof.top_numerators);
    transcript.absorb(arith, "fraction top denominators", &proof.top_denominators);
    let sum = numerator_of_sum(arith, &proof.top_numerators, &proof.top_denominators)?;
    let zero = arith.constant(Fr::zero());
    arith.assert_equal(Check::LookupSum, &sum, &zero)?;

    let point = transcript.challenges(arith, "fraction top point", TOP_VARIABLES as usize);
    let mut claim = LeafClaim {
        numerator: interpolate(arith, &proof.top_numerators, &point)?,
        denominator: interpolate(arith, &proof.top_denominators, &point)?,
        point,
    };
    for (depth, layer) in (0u32..).zip(&proof.layers) {
        claim = verify_layer(arith, transcript, depth, &claim, layer)?;
    }
    Ok(claim)
}

/// Reduces the parents' `claim` to one about their children.
fn verify_layer<A: Arithmetic>(
    arith: &mut A,
    transcript: &mut Transcript<A::Var>,
    depth: u32,
    claim: &LeafClaim<A::Var>,
    layer: &FractionLayer<A::Var>,
) -> Result<LeafClaim<A::Var>, A::Error> {
    Check::same_length("a layer of the lookup tree", &layer.univariates, &claim.point)?;
    let lambda = transcript.challenge(arith, "fraction batching");
    let mut running = arith.mul_add(&lambda, &claim.denominator, &claim.numerator);
    let mut bound = Vec::with_capacity(layer.univariates.len());
    for (univariate, r) in layer.univariates.iter().zip(&claim.point) {
        transcript.absorb(arith, "fraction round", univariate);
        let t = transcript.challenge(arith, "fraction round challenge");
        running = next_claim(arith, &running, univariate, r, &t);
        bound.push(t);
    }
    transcript.absorb(arith, "fraction child numerators", &layer.numerators);
    transcript.absorb(arith, "fraction child denominators", &layer.denominators);
    let (p, q) = add_fractions(arith, &layer.numerators, &layer.denominators);
    let expected = arith.mul_add(&lambda, &q, &p);
    arith.assert_equal(Check::LookupLayer(depth), &running, &expected)?;

    let mut point = transcript.challenges(arith, "fraction children", 2);
    let numerator = interpolate(arith, &layer.numerators, &point)?;
    let denominator = interpolate(arith, &layer.denominators, &point)?;
    point.extend(bound);
    Ok(LeafClaim { point, numerator, denominator })
}

/// `h(t)`, where `univariate` holds `h`'s coefficients but the lowest, which follows
/// from `(1 − r)·h(0) + r·h(1) = claim`.
fn next_claim<A: Arithmetic>(
    arith: &mut A,
    claim: &A::Var,
    univariate: &[A::Var; 4],
    r: &A::Var,
    t: &A::Var,
) -> A::Var {
    let [c1, c2, c3, c4] = univariate;
    let low = arith.add(c1, c2);
    let high = arith.add(c3, c4);
    let sum = arith.add(&low, &high);
    let product = arith.mul(r, &sum);
    let c0 = arith.sub(claim, &product);
    let higher = arith.horner(univariate, t);
    arith.mul_add(&higher, t, &c0)
}

/// The sum of four fractions over their common denominator.
fn add_fractions<A: Arithmetic>(
    arith: &mut A,
    p: &[A::Var; ARITY],
    q: &[A::Var; ARITY],
) -> (A::Var, A::Var) {
    let [p0, p1, p2, p3] = p;
    let [q0, q1, q2, q3] = q;
    let (left, q01) = add_two(arith, p0, q0, p1, q1);
    let (right, q23) = add_two(arith, p2, q2, p3, q3);
    add_two(arith, &left, &q01, &right, &q23)
}

fn add_two<A: Arithmetic>(
    arith: &mut A,
    p0: &A::Var,
    q0: &A::Var,
    p1: &A::Var,
    q1: &A::Var,
) -> (A::Var, A::Var) {
    let cross = arith.mul(p1, q0);
    (arith.mul_add(p0, q1, &cross), arith.mul(q0, q1))
}

/// The numerator of the sum of all fractions; their number is a power of two.
fn numerator_of_sum<A: Arithmetic>(
    arith: &mut A,
    p: &[A::Var],
    q: &[A::Var],
) -> Result<A::Var, A::Error> {
    Check::same_length("the top of the lookup tree", p, q)?;
    let mut nodes: Vec<(A::Var, A::Var)> = p.iter().cloned().zip(q.iter().cloned()).collect();
    loop {
        nodes = match nodes.as_slice() {
            [(sum, _)] => return Ok(sum.clone()),
            nodes => in_pairs(nodes, |(p0, q0), (p1, q1)| add_two(arith, p0, q0, p1, q1))?,
        };
    }
}

/// The multilinear extension of `values` at `point`, lowest variable first.
fn interpolate<A: Arithmetic>(
    arith: &mut A,
    values: &[A::Var],
    point: &[A::Var],
) -> Result<A::Var, A::Error> {
    let mut values = values.to_vec();
    for t in point {
        values = in_pairs(&values, |a, b| arith.lerp(a, b, t))?;
    }
    match values.as_slice() {
        [value] => Ok(value.clone()),
        _ => Err(UNPAIRED.into()),
    }
}

const UNPAIRED: Check = Check::Shape("the number of the lookup tree's nodes");

/// Joins each pair of neighbours. Nothing is left over: their number is even and not zero.
fn in_pairs<V>(values: &[V], mut join: impl FnMut(&V, &V) -> V) -> Result<Vec<V>, Check> {
    let (pairs, rest) = values.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err(UNPAIRED);
    }
    Ok(pairs.iter().map(|[a, b]| join(a, b)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::One;

    #[test]
    fn elements_and_back() {
        for n in [4u32, 6, 10, 22] {
            let count = FractionProof::<usize>::shape(n);
            let proof = FractionProof::from_elements(n, &mut (0..count + 3)).unwrap();
            assert!(proof.has_shape(n) && !proof.has_shape(n + 2));
            assert!(proof.elements().copied().eq(0..count));
            assert!(FractionProof::from_elements(n, &mut (0..count - 1)).is_none());
        }
        assert!(FractionProof::from_elements(5, &mut (0..10_000)).is_none());
        assert!(FractionProof::from_elements(2, &mut (0..10_000)).is_none());
    }

    #[test]
    fn the_soundness_error_adds_up() {
        assert_eq!(soundness_error(4), 4);
        assert_eq!(soundness_error(8), 4 + (4 * 4 + 3) + (4 * 6 + 3));
    }

    #[test]
    fn a_wrong_shape_is_refused() {
        let count = FractionProof::<usize>::shape(8);
        let mut zeros = std::iter::repeat_n(Fr::zero(), count);
        let mut proof = FractionProof::from_elements(8, &mut zeros).unwrap();
        proof.layers.pop();
        let mut transcript = Transcript::new(&mut crate::arith::Native);
        let result = verify(&mut crate::arith::Native, &mut transcript, 8, &proof);
        assert_eq!(result, Err(Check::Shape("the lookup argument")));
    }

    /// Whatever their caller has checked: no node is dropped.
    #[test]
    fn nodes_without_a_neighbour_are_errors() {
        let one = Fr::one();
        let arith = &mut crate::arith::Native;
        assert_eq!(numerator_of_sum(arith, &[one; 3], &[one; 3]), Err(UNPAIRED));
        assert_eq!(numerator_of_sum(arith, &[], &[]), Err(UNPAIRED));
        assert!(numerator_of_sum(arith, &[one; 4], &[one; 2]).is_err());
        assert_eq!(numerator_of_sum(arith, &[one; 4], &[one; 4]), Ok(Fr::from(4u64)));
        assert_eq!(interpolate(arith, &[one; 3], &[one]), Err(UNPAIRED));
        assert_eq!(interpolate(arith, &[one; 4], &[one]), Err(UNPAIRED));
        assert_eq!(interpolate(arith, &[one; 4], &[one; 2]), Ok(one));
    }
}
