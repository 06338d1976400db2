//! The statement as data: tensors of integers in one sheet and the relations
//! that hold between them.
//!
//! A [`Relation`] is compiled from public configuration alone. Prover and
//! verifier interpret the same one; its shape fixes every loop bound and every
//! message of the argument. Four kinds of constraint exist:
//!
//! - [`Product`]: `out(o,x,y) = coef·Σ_k left(o,x,k)·right(o,y,k)`,
//! - [`LinearCheck`]: a linear combination of cells is zero everywhere,
//! - [`ZeroCheck`]: polynomials of low degree in cells are zero everywhere,
//! - [`Lookup`]: every value (or pair) of a domain stands in a public table.

pub mod check;
pub mod columns;
pub mod layout;
pub mod linear;
pub mod tensor;
pub mod window;

pub use check::{Malformed, RelationFault};
pub use layout::{Allocator, Group, RowSlot, SheetLayout, Slice};
pub use linear::{AxisFactor, DimMap, Linear, Term, apart};
pub use tensor::{Axis, Dim, Domain, Piece, Tensor, TensorId};
pub use window::{Direction, Window};

/// `out(o,x,y) = coef·Σ_k left(o,x,k)·right(o,y,k)` for every `o, x, y`.
#[derive(Clone, Debug)]
pub struct Product {
    /// Which relation this is, for people and for mutation tests.
    pub label: String,
    /// The axes of `[o, x, y, k]`, each any number of them.
    pub axes: [Domain; 4],
    /// Over the domain `(o, x, k)`.
    pub left: Linear,
    /// Over the domain `(o, y, k)`.
    pub right: Linear,
    /// Public factor.
    pub coef: i128,
    /// Over the domain `(o, x, y)`.
    pub out: Linear,
}

/// A linear form that vanishes on its whole domain.
#[derive(Clone, Debug)]
pub struct LinearCheck {
    /// Which relation this is.
    pub label: String,
    /// Where it holds.
    pub domain: Domain,
    /// What is zero.
    pub form: Linear,
}

/// `coef·Π_i polys[factors_i]`
#[derive(Clone, Debug)]
pub struct Monomial {
    /// Public factor.
    pub coef: i128,
    /// Indices into [`ZeroCheck::polys`]; a repeated index is a power.
    pub factors: Vec<usize>,
}

/// A sum of monomials that vanishes on the domain.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// Which relation this is.
    pub label: String,
    /// What is zero.
    pub monomials: Vec<Monomial>,
}

/// Pointwise constraints that share a domain and operands.
#[derive(Clone, Debug)]
pub struct ZeroCheck {
    /// Where they hold.
    pub domain: Domain,
    /// The operands, linear forms over the domain.
    pub polys: Vec<Linear>,
    /// The constraints.
    pub constraints: Vec<Constraint>,
}

/// Every value `input` (or pair `(input, output)`) over the domain stands in the table.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// Which relation this is.
    pub label: String,
    /// Where it holds.
    pub domain: Domain,
    /// Index into [`Relation::tables`].
    pub table: usize,
    /// The key looked up.
    pub input: Linear,
    /// The value beside it, for function tables.
    pub output: Option<Linear>,
}

/// A public table: keys `0 .. 2^log`, in closed form.
#[derive(Clone, Debug)]
pub struct LookupTable {
    /// Name, for people.
    pub label: String,
    /// Keys are `0 .. 2^log`.
    pub log: u32,
    /// Values beside the keys, for function tables: a form over the keys.
    pub output: Option<Linear>,
    /// How often each key is used, as a form over the keys.
    pub multiplicity: Linear,
    /// The tensor that `multiplicity` reads.
    pub counts: TensorId,
}

impl LookupTable {
    /// The keys as a domain of one axis.
    pub fn domain(&self) -> Domain {
        Domain { axes: vec![Axis { size: 1 << self.log, log: self.log }] }
    }
}

/// Everything that is proven about a sheet.
///
/// ```
/// use zktrain_model::compile::compile_training;
/// use zktrain_model::manifest::Manifest;
/// use zktrain_model::size::Limits;
///
/// let manifest = Manifest::from_toml(&std::fs::read_to_string("tests/manifest.toml")?)?;
/// let (relation, _) = compile_training(&Limits::default().admit(manifest.network()?)?)?;
/// // Each layer is a matrix product, and every lookup is in a table that is there.
/// assert!(relation.labels().contains(&"layer0.forward"));
/// assert!(relation.lookups.iter().all(|lookup| lookup.table < relation.tables.len()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Relation {
    /// Where every tensor lies.
    pub layout: SheetLayout,
    /// Matrix products.
    pub products: Vec<Product>,
    /// Linear forms that vanish.
    pub linear: Vec<LinearCheck>,
    /// Pointwise constraints.
    pub zerochecks: Vec<ZeroCheck>,
    /// Table lookups.
    pub lookups: Vec<Lookup>,
    /// The tables they refer to.
    pub tables: Vec<LookupTable>,
}

impl Relation {
    /// Every constraint's label, in order.
    pub fn labels(&self) -> Vec<&str> {
        let products = self.products.iter().map(|p| p.label.as_str());
        let linear = self.linear.iter().map(|c| c.label.as_str());
        let pointwise = self.zerochecks.iter().flat_map(|z| &z.constraints);
        let pointwise = pointwise.map(|c| c.label.as_str());
        let lookups = self.lookups.iter().map(|l| l.label.as_str());
        products.chain(linear).chain(pointwise).chain(lookups).collect()
    }

    /// The same relation without the constraints whose label satisfies `dropped`.
    ///
    /// Only for tests that show what each constraint is there for: a proof of a
    /// weakened relation is a proof of something else.
    #[cfg(any(test, feature = "testing"))]
    pub fn without(mut self, dropped: impl Fn(&str) -> bool) -> Self {
        self.products.retain(|p| !dropped(&p.label));
        self.linear.retain(|c| !dropped(&c.label));
        for check in &mut self.zerochecks {
            check.constraints.retain(|c| !dropped(&c.label));
        }
        self.zerochecks.retain(|z| !z.constraints.is_empty());
        self.lookups.retain(|l| !dropped(&l.label));
        self
    }

    /// Largest number of variables of any point at which a relation is tested.
    pub fn point_len(&self) -> usize {
        let product = self.products.iter().map(|p| p.out_domain().log());
        let linear = self.linear.iter().map(|c| c.domain.log());
        let pointwise = self.zerochecks.iter().map(|z| z.domain.log());
        product.chain(linear).chain(pointwise).max().unwrap_or(0) as usize
    }
}

impl Product {
    /// Variables of this product's share of the sumcheck, `(o, k)`.
    pub fn variables(&self) -> usize {
        let [o, _, _, k] = &self.axes;
        (o.log() + k.log()) as usize
    }

    /// The domain `(o, x, k)` of the left operand.
    pub fn left_domain(&self) -> Domain {
        let [o, x, _, k] = &self.axes;
        Domain::joined([o, x, k])
    }

    /// The domain `(o, y, k)` of the right operand.
    pub fn right_domain(&self) -> Domain {
        let [o, _, y, k] = &self.axes;
        Domain::joined([o, y, k])
    }

    /// The domain `(o, x, y)` of the result.
    pub fn out_domain(&self) -> Domain {
        let [o, x, y, _] = &self.axes;
        Domain::joined([o, x, y])
    }
}

impl ZeroCheck {
    /// Largest total degree of a constraint.
    pub fn degree(&self) -> usize {
        let monomials = self.constraints.iter().flat_map(|c| &c.monomials);
        monomials.map(|m| m.factors.len()).max().unwrap_or(0)
    }
}
