//! Collects tensors, constraints and tables of a relation under construction.

use super::error::CompileError;
pub use super::tables::TableKind;
use crate::manifest::RoundSpec;
use crate::relation::{
    Allocator, AxisFactor, Constraint, DimMap, Domain, Linear, LinearCheck, Lookup, LookupTable,
    Monomial, Product, Relation, SheetLayout, TensorId, Term, ZeroCheck,
};

/// The tensors of one saturating rounding.
#[derive(Clone, Debug)]
pub struct RoundedIds {
    /// The rounding.
    pub spec: RoundSpec,
    /// Saturated quotient.
    pub q: TensorId,
    /// The centred remainder: none, itself, or `[low, high]` with
    /// `r = low + 2^{s−16}·high`.
    pub r: Vec<TensorId>,
    /// Limbs of 16 bits of the excess above the largest quotient.
    pub high: Vec<TensorId>,
    /// Limbs of 16 bits of the excess below the smallest quotient.
    pub low: Vec<TensorId>,
}

/// Names and sizes of a rounding's tensors other than its quotient.
pub fn rounding_parts(name: &str, spec: &RoundSpec, sizes: &[usize]) -> Vec<(String, Vec<usize>)> {
    let limbs = |part: &str, count: usize| -> Vec<_> {
        (0..count).map(|k| (format!("{name}.{part}{k}"), sizes.to_vec())).collect()
    };
    let mut parts = limbs("r", remainder_limbs(spec));
    parts.extend(limbs("high", spec.excess_high_bits().div_ceil(16) as usize));
    parts.extend(limbs("low", spec.excess_low_bits().div_ceil(16) as usize));
    parts
}

/// Tensors that a remainder takes.
pub fn remainder_limbs(spec: &RoundSpec) -> usize {
    spec.shift.div_ceil(16) as usize
}

impl RoundedIds {
    /// Takes ids in the order of `rounding_parts`.
    ///
    /// # Errors
    /// If there are too few.
    pub fn take(
        spec: RoundSpec,
        q: TensorId,
        ids: &mut impl Iterator<Item = TensorId>,
    ) -> Result<Self, CompileError> {
        let mut limbs = |count: usize| (0..count).map(|_| next(ids)).collect::<Result<Vec<_>, _>>();
        let r = limbs(remainder_limbs(&spec))?;
        let high = limbs(spec.excess_high_bits().div_ceil(16) as usize)?;
        let low = limbs(spec.excess_low_bits().div_ceil(16) as usize)?;
        Ok(Self { spec, q, r, high, low })
    }

    /// The remainder's limbs, as many as its bits take. `name` is the rounding's.
    ///
    /// # Errors
    /// If there are more or fewer.
    pub fn limbs(&self, name: &str) -> Result<Limbs, CompileError> {
        match (self.spec.shift, self.r.as_slice()) {
            (0, []) => Ok(Limbs::None),
            (1..=16, [r]) => Ok(Limbs::One(*r)),
            (17..=32, [low, high]) => Ok(Limbs::Two { low: *low, high: *high }),
            (shift, limbs) => {
                Err(CompileError::Remainder { name: name.to_owned(), shift, limbs: limbs.len() })
            }
        }
    }

    /// The centred remainder as a form; `dims` maps the tensors' dimensions.
    ///
    /// # Errors
    /// As [`Self::limbs`].
    pub fn remainder(&self, name: &str, dims: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(match self.limbs(name)? {
            Limbs::None => Linear::zero(),
            Limbs::One(r) => Linear::zero().plus(1, r, dims),
            Limbs::Two { low, high } => {
                Linear::zero().plus(1, low, dims).plus(1 << (self.spec.shift - 16), high, dims)
            }
        })
    }

    /// `Σ_k 2^{16k}·limb_k`
    pub fn excess(limbs: &[TensorId], dims: &[DimMap]) -> Linear {
        limbs
            .iter()
            .enumerate()
            .fold(Linear::zero(), |form, (k, limb)| form.plus(1 << (16 * k), *limb, dims))
    }

    /// `2^s·(q + high − low) + r`: what was rounded. The quotient's dimensions
    /// can lie in another order than the others'.
    ///
    /// # Errors
    /// As [`Self::limbs`].
    pub fn rounded(
        &self,
        name: &str,
        q_dims: &[DimMap],
        dims: &[DimMap],
    ) -> Result<Linear, CompileError> {
        let remainder = self.remainder(name, dims)?;
        let scale = 1i128 << self.spec.shift;
        Ok(Linear::zero()
            .plus(scale, self.q, q_dims)
            .plus_form(scale, &Self::excess(&self.high, dims))
            .plus_form(-scale, &Self::excess(&self.low, dims))
            .plus_form(1, &remainder))
    }
}

/// The tensors of a remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limbs {
    /// Nothing is dropped.
    None,
    /// Up to 16 bits.
    One(TensorId),
    /// 17 to 32 bits, the upper 16 of them in `high`.
    Two {
        /// The lower bits.
        low: TensorId,
        /// The upper 16.
        high: TensorId,
    },
}

/// The next tensor of those placed.
pub fn next(ids: &mut impl Iterator<Item = TensorId>) -> Result<TensorId, CompileError> {
    ids.next().ok_or(CompileError::Exhausted)
}

/// Identity map onto the first axes.
pub fn axes(count: usize) -> Vec<DimMap> {
    (0..count).map(DimMap::Axis).collect()
}

/// Pointwise constraints on one domain, each operand listed once.
pub struct PointwiseBuilder {
    check: ZeroCheck,
    tensors: Vec<(TensorId, Vec<DimMap>, usize)>,
}

impl PointwiseBuilder {
    /// No constraints yet.
    pub fn new(domain: Domain) -> Self {
        let check = ZeroCheck { domain, polys: Vec::new(), constraints: Vec::new() };
        Self { check, tensors: Vec::new() }
    }

    /// A tensor over the domain's first axes as an operand.
    pub fn tensor(&mut self, id: TensorId, dims: usize) -> usize {
        self.mapped(id, &axes(dims))
    }

    /// A tensor as an operand, its dimensions mapped.
    pub fn mapped(&mut self, id: TensorId, dims: &[DimMap]) -> usize {
        let same = |(known, map, _): &&(TensorId, Vec<DimMap>, usize)| *known == id && map == dims;
        if let Some((_, _, index)) = self.tensors.iter().find(same) {
            return *index;
        }
        let index = self.form(Linear::zero().plus(1, id, dims));
        self.tensors.push((id, dims.to_vec(), index));
        index
    }

    /// A form as an operand.
    pub fn form(&mut self, form: Linear) -> usize {
        self.check.polys.push(form);
        self.check.polys.len() - 1
    }

    /// A form as an operand, as a tensor if it is nothing else: the same one twice is one operand.
    pub fn operand(&mut self, form: Linear) -> usize {
        match form.terms.as_slice() {
            [Term { coef: 1, tensor: Some(id), dims, factors }] if factors.is_empty() => {
                self.mapped(*id, dims)
            }
            _ => self.form(form),
        }
    }

    /// `Σ coef·Π operands = 0`
    pub fn require(&mut self, label: String, monomials: &[(i128, &[usize])]) {
        let monomials = monomials
            .iter()
            .map(|(coef, factors)| Monomial { coef: *coef, factors: factors.to_vec() })
            .collect();
        self.check.constraints.push(Constraint { label, monomials });
    }
}

/// A relation under construction.
pub struct RelationBuilder {
    tables: Vec<(TableKind, Option<TensorId>)>,
    products: Vec<Product>,
    linear: Vec<LinearCheck>,
    zerochecks: Vec<ZeroCheck>,
    lookups: Vec<Lookup>,
}

impl RelationBuilder {
    /// An empty relation that may use these tables.
    pub fn new(tables: Vec<(TableKind, Option<TensorId>)>) -> Self {
        Self { tables, products: vec![], linear: vec![], zerochecks: vec![], lookups: vec![] }
    }

    /// Adds a product.
    pub fn product(&mut self, product: Product) {
        self.products.push(product);
    }

    /// Adds a form that vanishes.
    pub fn linear(&mut self, label: String, domain: Domain, form: Linear) {
        self.linear.push(LinearCheck { label, domain, form });
    }

    /// Adds pointwise constraints, if there are any.
    pub fn pointwise(&mut self, pointwise: PointwiseBuilder) {
        if !pointwise.check.constraints.is_empty() {
            self.zerochecks.push(pointwise.check);
        }
    }

    /// Adds a lookup.
    ///
    /// # Errors
    /// If the table was not declared.
    pub fn lookup(
        &mut self,
        label: String,
        domain: &Domain,
        kind: TableKind,
        input: Linear,
        output: Option<Linear>,
    ) -> Result<(), CompileError> {
        let Some(table) = self.tables.iter().position(|(known, _)| *known == kind) else {
            return Err(CompileError::UndeclaredTable { label, table: kind.name() });
        };
        self.lookups.push(Lookup { label, domain: domain.clone(), table, input, output });
        Ok(())
    }

    /// Adds a lookup into `0 .. 2^16`.
    ///
    /// # Errors
    /// If the table was not declared.
    pub fn range16(
        &mut self,
        label: String,
        domain: &Domain,
        input: Linear,
    ) -> Result<(), CompileError> {
        self.lookup(label, domain, TableKind::Range(16), input, None)
    }

    /// The finished relation; `counts` are the tables' multiplicity tensors.
    ///
    /// # Errors
    /// If there are more or fewer of these than tables, or a constraint refers to what is not there.
    pub fn finish(
        self,
        layout: SheetLayout,
        counts: &[TensorId],
    ) -> Result<Relation, CompileError> {
        let (expected, got) = (self.tables.len(), counts.len());
        if expected != got {
            return Err(CompileError::Tensors {
                part: "the tables' multiplicities",
                expected,
                got,
            });
        }
        let tables = self.tables.iter().zip(counts).map(|((kind, values), counts)| LookupTable {
            label: kind.name(),
            log: kind.log(),
            output: values.map(|id| Linear::tensor(id, 1)),
            multiplicity: Linear::tensor(*counts, 1),
            counts: *counts,
        });
        let relation = Relation {
            layout,
            products: self.products,
            linear: self.linear,
            zerochecks: self.zerochecks,
            lookups: self.lookups,
            tables: tables.collect(),
        };
        relation.check()?;
        Ok(relation)
    }
}

/// Names and sizes of the multiplicities of `kinds`.
pub fn count_parts(kinds: &[TableKind]) -> Vec<(String, Vec<usize>)> {
    kinds.iter().map(|k| (format!("count.{}", k.name()), vec![1 << k.log()])).collect()
}

/// Places the function tables' rows; `None` for ranges.
///
/// # Errors
/// If a function table has no tensor.
pub fn place_tables(
    allocator: &mut Allocator,
    kinds: &[TableKind],
) -> Result<Vec<(TableKind, Option<TensorId>)>, CompileError> {
    let is_function = |kind: &&TableKind| !matches!(kind, TableKind::Range(_));
    let functions = kinds.iter().filter(is_function);
    let parts: Vec<_> =
        functions.map(|k| (format!("table.{}", k.name()), vec![1 << k.log()])).collect();
    let mut ids = allocator.place(crate::relation::Group::Tables, &parts).into_iter();
    let mut placed = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let values = match kind {
            TableKind::Range(_) => None,
            _ => Some(next(&mut ids)?),
        };
        placed.push((*kind, values));
    }
    Ok(placed)
}

/// `[all indices are real]` on a domain, with a factor for each axis that is padded.
pub fn all_real(domain: &Domain) -> Vec<AxisFactor> {
    let axes = domain.axes.iter().enumerate();
    axes.flat_map(|(axis, size)| real_positions(axis, size.size)).collect()
}

/// `[index on the axis is real]` where the axis is padded; 1 where it is not.
pub fn real_positions(axis: usize, size: usize) -> Vec<AxisFactor> {
    if size.is_power_of_two() { Vec::new() } else { vec![AxisFactor::Below(axis, size)] }
}
