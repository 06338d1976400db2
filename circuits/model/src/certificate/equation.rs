//! The relation's constraints in one form: sums of monomials in cells.

use std::collections::BTreeSet;

use super::stack::Stacks;
use super::{Uncertified, pattern};
use crate::relation::{
    Axis, AxisFactor, DimMap, Direction, Linear, Lookup, LookupTable, Product, Relation,
    SheetLayout, TensorId, Window, ZeroCheck,
};

/// A tensor's cell at a point of the domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Atom<'a> {
    /// The tensor.
    pub tensor: TensorId,
    /// How its dimensions follow the domain.
    pub dims: &'a [DimMap],
}

impl Atom<'_> {
    /// Whether it reads cells of earlier steps only.
    pub fn is_earlier(&self) -> bool {
        self.dims.iter().any(|dim| matches!(dim, DimMap::Before(_) | DimMap::Previous(_)))
    }

    /// Whether every cell of the tensor is read at some point of a domain with these axes, one at
    /// a time. Dimensions of one position may be mapped anyhow.
    ///
    /// Windows that tile a dimension read each of its real positions once; beside those, cells have to be zero.
    pub fn is_cellwise(&self, system: &System<'_>, axes: &[Axis]) -> bool {
        let Some(tensor) = system.layout.tensors().get(self.tensor.0) else { return false };
        let mut seen = Vec::new();
        let mut once = |axis: &usize| {
            let new = !seen.contains(axis);
            seen.push(*axis);
            new.then(|| axes.get(*axis)).flatten()
        };
        tensor.dims.len() == self.dims.len()
            && tensor.dims.iter().zip(self.dims).all(|(dim, map)| match map {
                // Before the first step there is nothing, even where there is but one.
                DimMap::Before(_) | DimMap::Previous(_) => false,
                _ if dim.axis.log == 0 => true,
                DimMap::Axis(a) => once(a).is_some_and(|axis| axis.log == dim.axis.log),
                DimMap::Joined(upper, lower) => once(upper)
                    .zip(once(lower))
                    .is_some_and(|(upper, lower)| upper.log + lower.log == dim.axis.log),
                DimMap::Window(window) => {
                    let known =
                        dim.axis.size.is_power_of_two() || system.is_zero_beside(self.tensor);
                    let axes = once(&window.at).zip(once(&window.within));
                    known && axes.is_some_and(|axes| tiles(window, axes, dim.axis))
                }
                DimMap::Sum => false,
            })
    }

    /// Whether windows slide along a dimension of it.
    pub fn slides(&self) -> bool {
        self.dims.iter().any(|dim| matches!(dim, DimMap::Window(_)))
    }

    /// For each dimension of this tensor that has more than one position, the dimension of
    /// `other` that follows the same axis: which cells of the two meet.
    pub fn pairing(&self, layout: &SheetLayout, other: &Atom<'_>) -> Option<Vec<usize>> {
        let tensor = layout.tensors().get(self.tensor.0)?;
        let long = tensor.dims.iter().zip(self.dims).filter(|(dim, _)| dim.axis.log > 0);
        long.map(|(_, map)| other.dims.iter().position(|known| known == map)).collect()
    }
}

/// Whether windows lie side by side and cover a dimension, all of them on these axes.
fn tiles(window: &Window, (at, within): (&Axis, &Axis), dim: Axis) -> bool {
    let side_by_side = window.stride == window.places && window.padding == 0;
    let all = window.windows.checked_mul(window.places) == Some(dim.size);
    let there = window.windows <= 1 << at.log && window.places <= 1 << within.log;
    window.direction == Direction::Covers && side_by_side && all && there
}

/// `coef·Π masks·Π atoms`
#[derive(Clone, Debug)]
pub struct CellMonomial<'a> {
    /// Public factor.
    pub coef: i128,
    /// Cells, with repetition.
    pub atoms: Vec<Atom<'a>>,
    /// Public 0/1 factors.
    pub masks: Vec<AxisFactor>,
}

impl<'a> CellMonomial<'a> {
    /// The only cell of a monomial of degree one without mask.
    pub fn plain(&self) -> Option<Atom<'a>> {
        match self.atoms.as_slice() {
            [atom] if self.masks.is_empty() => Some(*atom),
            _ => None,
        }
    }
}

/// A sum of monomials, less a matrix product if there is one, that vanishes on a domain.
#[derive(Clone, Debug)]
pub struct Equation<'a> {
    /// The constraint's label.
    pub label: &'a str,
    /// Axes of the domain.
    pub axes: Vec<Axis>,
    /// What is summed.
    pub monomials: Vec<CellMonomial<'a>>,
    /// What is subtracted.
    pub product: Option<&'a Product>,
}

/// A lookup: `key` is one of the table's, and `value` what stands beside it.
#[derive(Clone, Debug)]
pub struct LookupQuery<'a> {
    /// The constraint's label.
    pub label: &'a str,
    /// Axes of the domain.
    pub axes: Vec<Axis>,
    /// What is looked up.
    pub key: Vec<CellMonomial<'a>>,
    /// The value beside it, for function tables.
    pub value: Option<Vec<CellMonomial<'a>>>,
    /// The table.
    pub table: &'a LookupTable,
}

/// All constraints of a relation.
pub struct System<'a> {
    /// Where tensors lie.
    pub layout: &'a SheetLayout,
    /// Products, linear and pointwise constraints.
    pub equations: Vec<Equation<'a>>,
    /// Lookups.
    pub queries: Vec<LookupQuery<'a>>,
    /// Tensors whose cells beside their real positions are zero.
    zero_beside: BTreeSet<TensorId>,
}

impl<'a> System<'a> {
    /// The constraints of a relation, each written out.
    ///
    /// # Errors
    /// If a coefficient is too large, or a lookup or a constraint refers to what is not there.
    pub fn of(relation: &'a Relation) -> Result<Self, Uncertified> {
        let mut equations = Vec::new();
        for product in &relation.products {
            let monomials = sum(&product.out);
            let (label, axes) = (product.label.as_str(), product.out_domain().axes);
            equations.push(Equation { label, axes, monomials, product: Some(product) });
        }
        for check in &relation.linear {
            let (axes, monomials) = (check.domain.axes.clone(), sum(&check.form));
            equations.push(Equation { label: &check.label, axes, monomials, product: None });
        }
        for check in &relation.zerochecks {
            pointwise(check, &mut equations)?;
        }
        let stacks = Stacks::of(&relation.layout)?;
        let mut queries = Vec::new();
        for lookup in &relation.lookups {
            queries.extend(stacks.apart(query(relation, lookup)?)?);
        }
        stacks.are_nowhere_in(&equations)?;
        let zero_beside = BTreeSet::new();
        let mut system = Self { layout: &relation.layout, equations, queries, zero_beside };
        system.zero_beside = pattern::zero_beside(&system);
        Ok(system)
    }

    /// Whether a tensor's cells beside its real positions are zero.
    pub fn is_zero_beside(&self, id: TensorId) -> bool {
        self.zero_beside.contains(&id)
    }
}

fn sum(form: &Linear) -> Vec<CellMonomial<'_>> {
    let terms = form.terms.iter().map(|term| CellMonomial {
        coef: term.coef,
        atoms: term.tensor.map(|tensor| Atom { tensor, dims: &term.dims }).into_iter().collect(),
        masks: term.factors.clone(),
    });
    terms.collect()
}

fn query<'a>(relation: &'a Relation, lookup: &'a Lookup) -> Result<LookupQuery<'a>, Uncertified> {
    let label = lookup.label.as_str();
    let broken = || Uncertified::Broken { label: label.to_owned() };
    let table = relation.tables.get(lookup.table).ok_or_else(broken)?;
    if table.output.is_some() != lookup.output.is_some() {
        return Err(broken());
    }
    let value = lookup.output.as_ref().map(sum);
    Ok(LookupQuery {
        label,
        axes: lookup.domain.axes.clone(),
        key: sum(&lookup.input),
        value,
        table,
    })
}

fn pointwise<'a>(
    check: &'a ZeroCheck,
    equations: &mut Vec<Equation<'a>>,
) -> Result<(), Uncertified> {
    for constraint in &check.constraints {
        let label = constraint.label.as_str();
        let mut monomials = Vec::new();
        for monomial in &constraint.monomials {
            let mut product =
                vec![CellMonomial { coef: monomial.coef, atoms: Vec::new(), masks: Vec::new() }];
            for factor in &monomial.factors {
                let broken = || Uncertified::Broken { label: label.to_owned() };
                let form = sum(check.polys.get(*factor).ok_or_else(broken)?);
                product = multiply(&product, &form)
                    .ok_or_else(|| Uncertified::TooLarge { label: label.to_owned() })?;
            }
            monomials.extend(product);
        }
        let axes = check.domain.axes.clone();
        equations.push(Equation { label, axes, monomials, product: None });
    }
    Ok(())
}

fn multiply<'a>(
    left: &[CellMonomial<'a>],
    right: &[CellMonomial<'a>],
) -> Option<Vec<CellMonomial<'a>>> {
    let mut all = Vec::with_capacity(left.len() * right.len());
    for a in left {
        for b in right {
            let atoms = a.atoms.iter().chain(&b.atoms).copied().collect();
            let masks = a.masks.iter().chain(&b.masks).copied().collect();
            all.push(CellMonomial { coef: a.coef.checked_mul(b.coef)?, atoms, masks });
        }
    }
    Some(all)
}
