//! What remains to be shown about the sheet after the first sumcheck and the
//! lookup argument: linear forms at random points, folded into one by powers
//! of a challenge. Prover and verifier build the same list.

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use zktrain_model::relation::columns::{ColumnKind, LeafLayout};
use zktrain_model::relation::{Domain, Linear, Product, Relation};

use super::weights::Selectors;
use super::{LookupChallenges, fr};
use crate::arith::{Arithmetic, Check};
use crate::fraction::LeafClaim;
use crate::messages::Argument;

/// Where a coordinate of a claim's point comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Coordinate {
    /// The point at which relations are tested.
    First(usize),
    /// The end of the first sumcheck.
    Second(usize),
    /// The leaf at which the lookup argument ends.
    Leaf(usize),
}

/// The three random points.
#[derive(Clone, Debug)]
pub struct Points<V> {
    /// At which relations are tested.
    pub first: Vec<V>,
    /// At which the first sumcheck ends.
    pub second: Vec<V>,
    /// At which the lookup argument ends.
    pub leaf: Vec<V>,
}

impl<V: Clone> Points<V> {
    /// The value of a coordinate.
    ///
    /// # Errors
    /// [`Check::Shape`] if the relation has no such coordinate.
    pub fn at(&self, coordinate: Coordinate) -> Result<&V, Check> {
        let value = match coordinate {
            Coordinate::First(i) => self.first.get(i),
            Coordinate::Second(i) => self.second.get(i),
            Coordinate::Leaf(i) => self.leaf.get(i),
        };
        value.ok_or(Check::Shape("the point of a claim"))
    }
}

/// `scale·form(point)`
#[derive(Clone, Debug)]
pub struct ScaledForm<'a, V> {
    /// Public factor, a function of challenges.
    pub scale: V,
    /// The form.
    pub form: &'a Linear,
    /// Its domain.
    pub domain: Domain,
    /// The point, the domain's lowest bit first.
    pub point: Vec<Coordinate>,
}

/// `Σ parts = value`
#[derive(Clone, Debug)]
pub struct CombinedClaim<'a, V> {
    /// The parts.
    pub parts: Vec<ScaledForm<'a, V>>,
    /// What they sum to.
    pub value: V,
}

/// Collects claims under successive powers of the batching challenge.
struct Batch<'r, 'a, A: Arithmetic> {
    arith: &'r mut A,
    claim: CombinedClaim<'a, A::Var>,
    power: A::Var,
    chi: A::Var,
}

impl<'a, A: Arithmetic> Batch<'_, 'a, A> {
    /// Adds `form(point) = value` under the next power.
    fn push(&mut self, form: &'a Linear, domain: Domain, point: Vec<Coordinate>, value: &A::Var) {
        let scale = self.power.clone();
        self.claim.parts.push(ScaledForm { scale, form, domain, point });
        self.value(value);
        self.next();
    }

    /// Adds `scale·form(leaf)` to the claim in hand.
    fn push_at_leaf(&mut self, scale: &A::Var, form: &'a Linear, domain: &Domain) {
        let point = span(Coordinate::Leaf, 0, domain.log()).collect();
        self.claim.parts.push(ScaledForm {
            scale: scale.clone(),
            form,
            domain: domain.clone(),
            point,
        });
    }

    fn value(&mut self, value: &A::Var) {
        self.claim.value = self.arith.mul_add(&self.power, value, &self.claim.value);
    }

    fn next(&mut self) {
        self.power = self.arith.mul(&self.power, &self.chi);
    }
}

fn span(
    kind: impl Fn(usize) -> Coordinate,
    start: u32,
    log: u32,
) -> impl Iterator<Item = Coordinate> {
    (start as usize..(start + log) as usize).map(kind)
}

/// Domain and point of the left operand's claim.
fn left_point(product: &Product) -> (Domain, Vec<Coordinate>) {
    let [o, x, y, k] = product.axes.each_ref().map(Domain::log);
    let point = span(Coordinate::Second, 0, k).chain(span(Coordinate::First, y, x)).chain(span(
        Coordinate::Second,
        k,
        o,
    ));
    (product.left_domain(), point.collect())
}

/// Domain and point of the right operand's claim.
fn right_point(product: &Product) -> (Domain, Vec<Coordinate>) {
    let [o, _, y, k] = product.axes.each_ref().map(Domain::log);
    let point = span(Coordinate::Second, 0, k).chain(span(Coordinate::First, 0, y)).chain(span(
        Coordinate::Second,
        k,
        o,
    ));
    (product.right_domain(), point.collect())
}

/// Domain and point of the result's claim.
fn out_point(product: &Product) -> (Domain, Vec<Coordinate>) {
    let domain = product.out_domain();
    let point = span(Coordinate::First, 0, domain.log()).collect();
    (domain, point)
}

/// Folds every claim on the sheet into one.
///
/// # Errors
/// [`Check::Shape`] if the argument or the challenges do not fit the relation.
pub fn combine<'a, A: Arithmetic>(
    arith: &mut A,
    relation: &'a Relation,
    argument: &Argument<A::Var>,
    lookup: &LookupChallenges<A::Var>,
    leaf: &LeafClaim<A::Var>,
    chi: A::Var,
) -> Result<CombinedClaim<'a, A::Var>, A::Error> {
    check_lengths(relation, argument)?;
    let zero = arith.constant(Fr::zero());
    let power = arith.constant(Fr::one());
    let claim = CombinedClaim { parts: Vec::new(), value: zero.clone() };
    let mut batch = Batch { arith, claim, power, chi };
    let operands = argument.left.iter().zip(&argument.right).zip(&argument.products);
    for (product, ((left, right), value)) in relation.products.iter().zip(operands) {
        let out = batch.arith.scale(value, fr(product.coef));
        let sides = [
            (&product.out, out_point(product), &out),
            (&product.left, left_point(product), left),
            (&product.right, right_point(product), right),
        ];
        for (form, (domain, point), value) in sides {
            batch.push(form, domain, point, value);
        }
    }
    for check in &relation.linear {
        let point = span(Coordinate::First, 0, check.domain.log()).collect();
        batch.push(&check.form, check.domain.clone(), point, &zero);
    }
    for (check, values) in relation.zerochecks.iter().zip(&argument.polys) {
        let point: Vec<_> = span(Coordinate::Second, 0, check.domain.log()).collect();
        for (form, value) in check.polys.iter().zip(values) {
            batch.push(form, check.domain.clone(), point.clone(), value);
        }
    }
    push_lookups(&mut batch, relation, lookup, leaf)?;
    Ok(batch.claim)
}

/// Every claim has a value, and every value a claim.
fn check_lengths<V>(relation: &Relation, argument: &Argument<V>) -> Result<(), Check> {
    Check::same_length("the list of products", &relation.products, &argument.products)?;
    Check::same_length("the list of left operands", &relation.products, &argument.left)?;
    Check::same_length("the list of right operands", &relation.products, &argument.right)?;
    Check::same_length("the list of pointwise checks", &relation.zerochecks, &argument.polys)?;
    for (check, values) in relation.zerochecks.iter().zip(&argument.polys) {
        Check::same_length("the operands of a pointwise check", &check.polys, values)?;
    }
    Ok(())
}

/// The two claims that the lookup argument ends in.
///
/// Numerators: a lookup's are 1, a table's are minus its multiplicities, the
/// rest is 0. Denominators: `α_table − input − β·output`, and 1 in the rest.
fn push_lookups<'a, A: Arithmetic>(
    batch: &mut Batch<'_, 'a, A>,
    relation: &'a Relation,
    lookup: &LookupChallenges<A::Var>,
    leaf: &LeafClaim<A::Var>,
) -> Result<(), A::Error> {
    let denominator_power = batch.power.clone();
    let mut selectors = Selectors::new(batch.arith, &leaf.point, denominator_power);
    // `denominator power·Σ selectors` of the columns of lookups, by table.
    let zero = batch.arith.constant(Fr::zero());
    let mut selected = vec![zero.clone(); relation.tables.len()];
    let mut known = zero.clone();
    for column in &LeafLayout::of(relation).columns {
        let arith = &mut *batch.arith;
        let scale = selectors.get(arith, (1 << column.log) - 1, column.offset)?;
        let input_scale = arith.scale(&scale, -Fr::one());
        let (table, output) = match column.kind {
            ColumnKind::Lookup(index) => {
                let check = relation.lookups.get(index).ok_or(Check::Shape("a lookup's column"))?;
                batch.push_at_leaf(&input_scale, &check.input, &check.domain);
                (check.table, check.output.as_ref().map(|form| (form, check.domain.clone())))
            }
            ColumnKind::Table(index) => {
                let table = relation.tables.get(index).ok_or(Check::Shape("a table's column"))?;
                let alpha = lookup.alphas.get(index).ok_or(Check::Shape("a table's challenge"))?;
                let count_scale = arith.mul(&input_scale, &batch.chi);
                let key = key_at(arith, &leaf.point, table.log)?;
                let shifted = arith.sub(alpha, &key);
                let shifted = arith.shift(&shifted, -Fr::one());
                known = arith.mul_add(&scale, &shifted, &known);
                batch.push_at_leaf(&count_scale, &table.multiplicity, &table.domain());
                (index, table.output.as_ref().map(|form| (form, table.domain())))
            }
        };
        if let Some((form, domain)) = output {
            let scale = batch.arith.mul(&input_scale, &lookup.beta);
            batch.push_at_leaf(&scale, form, &domain);
        }
        if let ColumnKind::Lookup(_) = column.kind {
            let sum = selected.get_mut(table).ok_or(Check::Shape("a lookup's table"))?;
            *sum = batch.arith.add(sum, &scale);
        }
    }
    push_leaf_values(batch, lookup, leaf, &selected, &known)
}

/// What the two claims of the lookup argument amount to: the denominators' less what is known
/// of them, then the numerators' less the ones of the lookups. `selected` and `known` carry
/// the denominators' power already; the numerators' is `χ` times that.
fn push_leaf_values<A: Arithmetic>(
    batch: &mut Batch<'_, '_, A>,
    lookup: &LookupChallenges<A::Var>,
    leaf: &LeafClaim<A::Var>,
    selected: &[A::Var],
    known: &A::Var,
) -> Result<(), A::Error> {
    Check::same_length("the tables' challenges", selected, &lookup.alphas)?;
    let mut known = known.clone();
    let mut ones = batch.arith.constant(Fr::zero());
    for (sum, alpha) in selected.iter().zip(&lookup.alphas) {
        let shifted = batch.arith.shift(alpha, -Fr::one());
        known = batch.arith.mul_add(sum, &shifted, &known);
        ones = batch.arith.add(&ones, sum);
    }
    // Leaves beyond the columns have denominator 1, and weigh 1 − Σ selectors.
    let denominator = batch.arith.shift(&leaf.denominator, -Fr::one());
    batch.value(&denominator);
    batch.next();
    batch.value(&leaf.numerator);
    let arith = &mut *batch.arith;
    let known = arith.mul_add(&batch.chi, &ones, &known);
    batch.claim.value = arith.sub(&batch.claim.value, &known);
    Ok(())
}

/// The table's keys `0, 1, 2, …` as a multilinear extension: `Σ_k 2^k·x_k`.
fn key_at<A: Arithmetic>(arith: &mut A, point: &[A::Var], log: u32) -> Result<A::Var, A::Error> {
    let point = point.get(..log as usize).ok_or(Check::Shape("a table's column"))?;
    let mut key = arith.constant(Fr::zero());
    let mut power = Fr::one();
    for coordinate in point {
        let bit = arith.scale(coordinate, power);
        key = arith.add(&key, &bit);
        power += power;
    }
    Ok(key)
}
