//! The messages of the argument, in the order of the transcript.

use zktrain_model::relation::Relation;
use zktrain_model::relation::columns::LeafLayout;

use crate::fraction::FractionProof;

/// Everything that the prover says after its commitments.
///
/// It reveals evaluations of the witness: it never leaves its owner unless
/// compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument<V> {
    /// Secret and random, so that challenges say nothing about the rows.
    pub salt: V,
    /// `Σ_k left·right` of every product at the first point.
    pub products: Vec<V>,
    /// The sumcheck over products and pointwise relations: a variable's
    /// coefficients but the linear one.
    pub univariates: Vec<Vec<V>>,
    /// Every product's left operand at the end of that sumcheck.
    pub left: Vec<V>,
    /// Every product's right operand there.
    pub right: Vec<V>,
    /// The operands of every pointwise check there.
    pub polys: Vec<Vec<V>>,
    /// The lookup argument.
    pub fraction: FractionProof<V>,
    /// The final sumcheck: constant and quadratic coefficient of a variable.
    pub reduction: Vec<[V; 2]>,
    /// The sheet at the final point.
    pub value: V,
    /// The mask row at the final point's low part.
    pub mask: V,
}

/// The lengths of an argument's parts: a function of the relation alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentShape {
    /// Products.
    pub products: usize,
    /// Rounds of the first sumcheck.
    pub variables: usize,
    /// Coefficients sent for a variable.
    pub coefficients: usize,
    /// Operands of each pointwise check.
    pub polys: Vec<usize>,
    /// Variables of the lookup tree's leaves.
    pub log_leaves: u32,
    /// Rounds of the final sumcheck.
    pub reduction: usize,
}

impl ArgumentShape {
    /// The shape of arguments for `relation`.
    pub fn of(relation: &Relation) -> Self {
        let products = relation.products.iter().map(|p| p.variables());
        let checks = relation.zerochecks.iter().map(|z| z.domain.log() as usize);
        let degree = relation.zerochecks.iter().map(|z| z.degree() + 1);
        let product_degree = relation.products.iter().map(|_| 3);
        Self {
            products: relation.products.len(),
            variables: products.chain(checks).max().unwrap_or(0),
            coefficients: degree.chain(product_degree).max().unwrap_or(1),
            polys: relation.zerochecks.iter().map(|z| z.polys.len()).collect(),
            log_leaves: LeafLayout::of(relation).log,
            reduction: relation.layout.address_log as usize,
        }
    }

    /// Field elements of an argument of this shape.
    pub fn elements(&self) -> usize {
        let fraction = FractionProof::<()>::shape(self.log_leaves);
        3 + 3 * self.products
            + self.variables * self.coefficients
            + self.polys.iter().sum::<usize>()
            + fraction
            + 2 * self.reduction
    }
}

impl<V: Clone> Argument<V> {
    /// Whether every part has the length that the relation demands.
    pub fn has_shape(&self, shape: &ArgumentShape) -> bool {
        let [products, left, right] = [&self.products, &self.left, &self.right].map(Vec::len);
        [products, left, right] == [shape.products; 3]
            && self.univariates.len() == shape.variables
            && self.univariates.iter().all(|r| r.len() == shape.coefficients)
            && self.polys.iter().map(Vec::len).eq(shape.polys.iter().copied())
            && self.fraction.has_shape(shape.log_leaves)
            && self.reduction.len() == shape.reduction
    }

    /// All elements, in the order of the transcript.
    pub fn to_elements(&self) -> Vec<V> {
        let mut all = vec![self.salt.clone()];
        all.extend(self.products.iter().cloned());
        all.extend(self.univariates.iter().flatten().cloned());
        all.extend(self.left.iter().chain(&self.right).cloned());
        all.extend(self.polys.iter().flatten().cloned());
        all.extend(self.fraction.elements().cloned());
        all.extend(self.reduction.iter().flatten().cloned());
        all.extend([self.value.clone(), self.mask.clone()]);
        all
    }

    /// The argument with these elements; `None` when there are too few or too many.
    pub fn from_elements(
        shape: &ArgumentShape,
        elements: impl IntoIterator<Item = V>,
    ) -> Option<Self> {
        let mut elements = elements.into_iter();
        let mut take = |count: usize| -> Option<Vec<V>> {
            let taken: Vec<V> = elements.by_ref().take(count).collect();
            (taken.len() == count).then_some(taken)
        };
        let salt = take(1)?.pop()?;
        let products = take(shape.products)?;
        let univariates: Option<Vec<_>> =
            (0..shape.variables).map(|_| take(shape.coefficients)).collect();
        let (left, right) = (take(shape.products)?, take(shape.products)?);
        let polys: Option<Vec<_>> = shape.polys.iter().map(|count| take(*count)).collect();
        let mut fraction = take(FractionProof::<()>::shape(shape.log_leaves))?.into_iter();
        let fraction = FractionProof::from_elements(shape.log_leaves, &mut fraction)?;
        let reduction: Option<Vec<[V; 2]>> =
            (0..shape.reduction).map(|_| take(2)?.try_into().ok()).collect();
        let (value, mask) = (take(1)?.pop()?, take(1)?.pop()?);
        let (univariates, polys, reduction) = (univariates?, polys?, reduction?);
        elements.next().is_none().then_some(Self {
            salt,
            products,
            univariates,
            left,
            right,
            polys,
            fraction,
            reduction,
            value,
            mask,
        })
    }
}
