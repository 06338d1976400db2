//! Whether a relation refers only to what it has.
//!
//! Prover and verifier read a relation by number: tensors, axes, operands, tables. A number beyond
//! what there is would leave a term, a factor or a lookup out, and a relation with a part left out
//! is a weaker one. So a relation is checked once, when it is finished.

use std::collections::BTreeSet;

use super::{
    Axis, AxisFactor, Dim, DimMap, Domain, Linear, Lookup, LookupTable, Product, Relation, Slice,
    Tensor, TensorId, Term, Window, ZeroCheck,
};

/// A part of a relation that refers to something that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label}: {fault}")]
pub struct Malformed {
    /// The constraint, table or tensor.
    pub label: String,
    /// What is wrong with it.
    pub fault: RelationFault,
}

/// What is wrong with a part of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelationFault {
    /// A tensor of another layout.
    #[error("tensor {got} of a layout of {tensors}")]
    Tensor {
        /// Tensors of the layout.
        tensors: usize,
        /// The number.
        got: usize,
    },
    /// A tensor lies beyond the address space.
    #[error("a tensor beyond the addresses of {bits} bits")]
    Address {
        /// Bits of an address.
        bits: u32,
    },
    /// A slice lies elsewhere than its stack at that index, or has other dimensions.
    #[error("a slice that is not its stack's at index {at}")]
    Slice {
        /// The index.
        at: usize,
    },
    /// A tensor's dimensions are not all mapped, or more than it has.
    #[error("{got} maps for a tensor of {expected} dimensions")]
    Dimensions {
        /// Dimensions of the tensor.
        expected: usize,
        /// Maps.
        got: usize,
    },
    /// An axis of another domain.
    #[error("axis {got} of a domain of {axes}")]
    Axis {
        /// Axes of the domain.
        axes: usize,
        /// The number.
        got: usize,
    },
    /// A dimension follows an axis of another size.
    #[error("a dimension of {expected} positions follows an axis of {got}")]
    Size {
        /// Positions of the dimension.
        expected: usize,
        /// Positions of the axis.
        got: usize,
    },
    /// Two dimensions of a tensor, or a dimension and a mask, follow one axis.
    #[error("axis {axis} is followed twice in one term")]
    Twice {
        /// The axis.
        axis: usize,
    },
    /// A window along the axis of its places, or one that never moves.
    #[error("a window needs two axes and a stride")]
    Window,
    /// A window slides, or a total runs, along a dimension that begins within a row and ends beyond it.
    #[error("a window or a running total goes across the end of a row of 2^{row} cells")]
    Across {
        /// Base-2 logarithm of a row's length.
        row: u32,
    },
    /// A monomial of an operand that is not there.
    #[error("operand {got} of {operands}")]
    Operand {
        /// Operands of the check.
        operands: usize,
        /// The number.
        got: usize,
    },
    /// A lookup into a table that is not there.
    #[error("table {got} of {tables}")]
    Table {
        /// Tables of the relation.
        tables: usize,
        /// The number.
        got: usize,
    },
    /// A lookup of pairs in a table of keys, or of keys in a table of pairs.
    #[error("keys are looked up in a table of pairs, or pairs in a table of keys")]
    Output,
    /// Nothing is demanded.
    #[error("a constraint that demands nothing")]
    Empty,
}

impl Relation {
    /// Checks that every part refers to what is there.
    ///
    /// # Errors
    /// [`Malformed`] with the first part that does not.
    pub fn check(&self) -> Result<(), Malformed> {
        let at = |label: &str| {
            let label = label.to_owned();
            move |fault| Malformed { label, fault }
        };
        for tensor in self.layout.tensors() {
            self.check_place(tensor).map_err(at(&tensor.name))?;
        }
        for (id, slice) in self.layout.slices() {
            self.check_slice(id, slice).map_err(at(&self.layout.tensor(id).name))?;
        }
        for product in &self.products {
            self.check_product(product).map_err(at(&product.label))?;
        }
        for check in &self.linear {
            demands(check.form.terms.len())
                .and_then(|()| self.check_form(&check.form, &check.domain))
                .map_err(at(&check.label))?;
        }
        for check in &self.zerochecks {
            let label = check.constraints.first().map_or("pointwise", |c| c.label.as_str());
            self.check_operands(check).map_err(at(label))?;
            for constraint in &check.constraints {
                demands(constraint.monomials.len()).map_err(at(&constraint.label))?;
            }
        }
        for table in &self.tables {
            self.check_table(table).map_err(at(&table.label))?;
        }
        for lookup in &self.lookups {
            self.check_lookup(lookup).map_err(at(&lookup.label))?;
        }
        Ok(())
    }

    fn check_place(&self, tensor: &Tensor) -> Result<(), RelationFault> {
        let bits = self.layout.address_log;
        let above = tensor.base.checked_shr(bits).unwrap_or(0);
        if above == 0 && tensor.span_log() <= bits {
            Ok(())
        } else {
            Err(RelationFault::Address { bits })
        }
    }

    fn check_slice(&self, id: TensorId, slice: Slice) -> Result<(), RelationFault> {
        let (tensor, stack) = (self.check_tensor(id)?, self.check_tensor(slice.stack)?);
        let there = slice.of(stack) == Some((tensor.base, &tensor.dims[..]));
        if there { Ok(()) } else { Err(RelationFault::Slice { at: slice.at }) }
    }

    fn check_product(&self, product: &Product) -> Result<(), RelationFault> {
        self.check_form(&product.left, &product.left_domain())?;
        self.check_form(&product.right, &product.right_domain())?;
        self.check_form(&product.out, &product.out_domain())
    }

    fn check_operands(&self, check: &ZeroCheck) -> Result<(), RelationFault> {
        demands(check.constraints.len())?;
        for form in &check.polys {
            self.check_form(form, &check.domain)?;
        }
        let operands = check.polys.len();
        let monomials = check.constraints.iter().flat_map(|c| &c.monomials);
        match monomials.flat_map(|m| &m.factors).find(|factor| **factor >= operands) {
            Some(got) => Err(RelationFault::Operand { operands, got: *got }),
            None => Ok(()),
        }
    }

    fn check_table(&self, table: &LookupTable) -> Result<(), RelationFault> {
        let domain = table.domain();
        if let Some(output) = &table.output {
            self.check_form(output, &domain)?;
        }
        self.check_tensor(table.counts)?;
        demands(table.multiplicity.terms.len())?;
        self.check_form(&table.multiplicity, &domain)
    }

    fn check_lookup(&self, lookup: &Lookup) -> Result<(), RelationFault> {
        let (tables, got) = (self.tables.len(), lookup.table);
        let table = self.tables.get(got).ok_or(RelationFault::Table { tables, got })?;
        if table.output.is_some() != lookup.output.is_some() {
            return Err(RelationFault::Output);
        }
        if let Some(output) = &lookup.output {
            self.check_form(output, &lookup.domain)?;
        }
        self.check_form(&lookup.input, &lookup.domain)
    }

    fn check_form(&self, form: &Linear, domain: &Domain) -> Result<(), RelationFault> {
        for term in &form.terms {
            term.factors.iter().try_for_each(|factor| check_factor(factor, domain))?;
            match term.tensor {
                Some(id) => self.check_dims(id, &term.dims, domain)?,
                None if term.dims.is_empty() => {}
                None => {
                    return Err(RelationFault::Dimensions { expected: 0, got: term.dims.len() });
                }
            }
            once_an_axis(term)?;
        }
        Ok(())
    }

    fn check_dims(
        &self,
        id: TensorId,
        maps: &[DimMap],
        domain: &Domain,
    ) -> Result<(), RelationFault> {
        let tensor = self.check_tensor(id)?;
        let (expected, got) = (tensor.dims.len(), maps.len());
        if expected != got {
            return Err(RelationFault::Dimensions { expected, got });
        }
        for (dim, map) in tensor.dims.iter().zip(maps) {
            let axis = match map {
                DimMap::Sum => continue,
                DimMap::Window(window) => {
                    check_window(window, domain)?;
                    self.check_within_row(tensor, dim)?;
                    continue;
                }
                DimMap::Before(axis) | DimMap::Previous(axis) => {
                    self.check_within_row(tensor, dim)?;
                    axis_of(domain, *axis)?
                }
                DimMap::Axis(axis) => axis_of(domain, *axis)?,
                DimMap::Joined(upper, lower) => {
                    joined(axis_of(domain, *upper)?, axis_of(domain, *lower)?)?
                }
            };
            if axis != dim.axis {
                return Err(RelationFault::Size { expected: dim.axis.size, got: axis.size });
            }
        }
        Ok(())
    }

    /// A window's weights are of one factor: that of rows, or that of positions in them.
    fn check_within_row(&self, tensor: &Tensor, dim: &Dim) -> Result<(), RelationFault> {
        let row = self.layout.row_log;
        let within = tensor.span_log() <= row;
        let across = dim.shift < row && dim.shift + dim.axis.log > row;
        if across && !within { Err(RelationFault::Across { row }) } else { Ok(()) }
    }

    fn check_tensor(&self, id: TensorId) -> Result<&Tensor, RelationFault> {
        let tensors = self.layout.tensors();
        tensors.get(id.0).ok_or(RelationFault::Tensor { tensors: tensors.len(), got: id.0 })
    }
}

/// A term's weight is a product with one factor for each axis: that is its extension only where no axis
/// has two.
fn once_an_axis(term: &Term) -> Result<(), RelationFault> {
    let dims = term.dims.iter().flat_map(DimMap::axes);
    let mut seen = BTreeSet::new();
    let factors = term.factors.iter().flat_map(AxisFactor::axes);
    match dims.chain(factors).find(|axis| !seen.insert(*axis)) {
        Some(axis) => Err(RelationFault::Twice { axis }),
        None => Ok(()),
    }
}

/// The axis that two make up, which are not padded.
fn joined(upper: Axis, lower: Axis) -> Result<Axis, RelationFault> {
    for axis in [upper, lower] {
        let (expected, got) = (1 << axis.log, axis.size);
        if expected != got {
            return Err(RelationFault::Size { expected, got });
        }
    }
    let log = upper.log + lower.log;
    let size =
        1usize.checked_shl(log).ok_or(RelationFault::Size { expected: 0, got: lower.size })?;
    Ok(Axis { size, log })
}

/// A factor over axes that there are; two that are compared have as many positions, and nothing is padded.
fn check_factor(factor: &AxisFactor, domain: &Domain) -> Result<(), RelationFault> {
    for axis in factor.axes() {
        axis_of(domain, axis)?;
    }
    if let AxisFactor::NotAfter(axis, other) = factor {
        let (axis, other) = (axis_of(domain, *axis)?, axis_of(domain, *other)?);
        for (expected, got) in [(axis.size, other.size), (1 << axis.log, axis.size)] {
            if expected != got {
                return Err(RelationFault::Size { expected, got });
            }
        }
    }
    Ok(())
}

/// A window that lies along one axis, whose places are another's.
fn check_window(window: &Window, domain: &Domain) -> Result<(), RelationFault> {
    if window.at == window.within || window.stride == 0 {
        return Err(RelationFault::Window);
    }
    for (axis, expected) in [(window.at, window.windows), (window.within, window.places)] {
        let got = axis_of(domain, axis)?.size;
        if expected != got {
            return Err(RelationFault::Size { expected, got });
        }
    }
    Ok(())
}

fn demands(parts: usize) -> Result<(), RelationFault> {
    if parts == 0 { Err(RelationFault::Empty) } else { Ok(()) }
}

fn axis_of(domain: &Domain, axis: usize) -> Result<Axis, RelationFault> {
    let axes = domain.axes.len();
    domain.axes.get(axis).copied().ok_or(RelationFault::Axis { axes, got: axis })
}
