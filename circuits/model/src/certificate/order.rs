//! The order of time: what happens in a step depends on earlier steps only.
//!
//! Running totals (`Before`) and the step before (`Previous`) make one dimension of a tensor the
//! step. Dimensions that follow the same axis of a constraint are steps too. Where that is
//! consistent, induction over the steps shows that cells of earlier steps can be taken as known.

use std::collections::{BTreeMap, BTreeSet};

use super::Uncertified;
use super::equation::{Atom, CellMonomial, System};
use super::pick::{self, Pick};
use crate::relation::{DimMap, Linear, Product, SheetLayout, TensorId};

/// A dimension of a tensor, or an axis of the constraint of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Dim(TensorId, usize),
    Axis(usize, usize),
}

/// A cell in a constraint, with the constraint's axes under their numbers there.
struct Use<'a> {
    constraint: usize,
    label: &'a str,
    atom: Atom<'a>,
    axes: Axes,
}

/// The numbers that a constraint gives to the axes of a cell's domain.
#[derive(Clone, Copy, Debug)]
enum Axes {
    /// Their own, so many.
    Own(usize),
    /// Those of a product without its own so many after the first so many: an operand's.
    Operand { before: usize, left_out: usize, count: usize },
}

impl Axes {
    fn get(self, axis: usize) -> Option<usize> {
        match self {
            Self::Own(count) => (axis < count).then_some(axis),
            Self::Operand { count, .. } if axis >= count => None,
            Self::Operand { before, .. } if axis < before => Some(axis),
            Self::Operand { left_out, .. } => Some(axis + left_out),
        }
    }

    /// Axes `(o, x, k)` of a product's left operand.
    fn left(product: &Product) -> Self {
        let [o, x, y, k] = product.axes.each_ref().map(|part| part.axes.len());
        Self::Operand { before: o + x, left_out: y, count: o + x + k }
    }

    /// Axes `(o, y, k)` of its right one.
    fn right(product: &Product) -> Self {
        let [o, x, y, k] = product.axes.each_ref().map(|part| part.axes.len());
        Self::Operand { before: o, left_out: x, count: o + y + k }
    }
}

impl Use<'_> {
    /// The one axis of the constraint that a dimension follows. A window follows two: if its dimension
    /// is the step, the order is not seen.
    ///
    /// # Errors
    /// [`Uncertified::Broken`] if the constraint has no such axis.
    fn axis(&self, map: &DimMap) -> Result<Option<usize>, Uncertified> {
        let broken = || Uncertified::Broken { label: self.label.to_owned() };
        let mut axes = map.axes().map(|axis| self.axes.get(axis).ok_or_else(broken));
        let first = axes.next().transpose()?;
        Ok(if axes.next().transpose()?.is_some() { None } else { first })
    }
}

/// Checks that all tensors but those given have their cells in the order of steps.
///
/// # Errors
/// [`Uncertified::Order`]; [`Uncertified::Broken`] if a cell follows an axis that its constraint lacks.
pub fn check(system: &System<'_>, given: impl Fn(TensorId) -> bool) -> Result<(), Uncertified> {
    let uses = uses(system, &pick::picks(system));
    let mut classes = Classes::default();
    for it in &uses {
        for (dim, map) in it.atom.dims.iter().enumerate() {
            if let Some(axis) = it.axis(map)? {
                classes.join(Node::Dim(it.atom.tensor, dim), Node::Axis(it.constraint, axis));
            }
        }
    }
    let is_earlier = |map: &DimMap| matches!(map, DimMap::Before(_) | DimMap::Previous(_));
    let mut steps = BTreeSet::new();
    for it in &uses {
        for (dim, map) in it.atom.dims.iter().enumerate() {
            if is_earlier(map) && is_long(system.layout, it.atom.tensor, dim) {
                steps.insert(classes.root(Node::Dim(it.atom.tensor, dim)));
            }
        }
    }
    if steps.is_empty() {
        return Ok(()); // one step
    }
    let mut alone = BTreeMap::<usize, BTreeSet<TensorId>>::new();
    for it in &uses {
        alone.entry(it.constraint).or_default().insert(it.atom.tensor);
    }
    // The axis of a constraint that is the step: one, or cells of different steps would meet in it.
    let mut followed = BTreeMap::<usize, usize>::new();
    for it in &uses {
        let single = alone.get(&it.constraint).is_some_and(|all| all.len() == 1);
        let earlier = it.atom.dims.iter().any(is_earlier);
        if given(it.atom.tensor) || (single && !earlier) {
            continue;
        }
        let step = |dim: &usize| steps.contains(&classes.root(Node::Dim(it.atom.tensor, *dim)));
        let dims: Vec<usize> = (0..it.atom.dims.len()).filter(step).collect();
        let axis = match *dims.as_slice() {
            [dim] => it.atom.dims.get(dim).map(|map| it.axis(map)).transpose()?.flatten(),
            _ => None,
        };
        let one = axis.is_some_and(|axis| *followed.entry(it.constraint).or_insert(axis) == axis);
        if !one {
            return Err(Uncertified::Order { label: it.label.to_owned() });
        }
    }
    Ok(())
}

fn is_long(layout: &SheetLayout, tensor: TensorId, dim: usize) -> bool {
    let tensor = layout.tensors().get(tensor.0);
    tensor.and_then(|tensor| tensor.dims.get(dim)).is_some_and(|dim| dim.axis.log > 0)
}

fn uses<'a>(system: &System<'a>, picks: &[Pick]) -> Vec<Use<'a>> {
    let mut all = Vec::new();
    for (constraint, equation) in system.equations.iter().enumerate() {
        let label = equation.label;
        let mut add = |atom, axes| all.push(Use { constraint, label, atom, axes });
        let own = Axes::Own(equation.axes.len());
        atoms(&equation.monomials).for_each(|atom| add(atom, own));
        if let Some(product) = equation.product {
            operand(&product.left).for_each(|atom| add(atom, Axes::left(product)));
            operand(&product.right).for_each(|atom| add(atom, Axes::right(product)));
        }
    }
    for (number, query) in system.queries.iter().enumerate() {
        let (constraint, label) = (system.equations.len() + number, query.label);
        let axes = Axes::Own(query.axes.len());
        let both = atoms(&query.key).chain(query.value.iter().flat_map(|value| atoms(value)));
        // Totals of which place is the first run along places, not along steps.
        let places = |atom: &Atom<'_>| {
            let mut picks = picks.iter();
            picks.any(|pick| pick.query == number && pick.bits == atom.tensor)
        };
        let both = both.filter(|atom| !places(atom));
        all.extend(both.map(|atom| Use { constraint, label, atom, axes }));
    }
    all
}

fn atoms<'a, 'b>(form: &'b [CellMonomial<'a>]) -> impl Iterator<Item = Atom<'a>> + 'b {
    form.iter().flat_map(|monomial| monomial.atoms.iter().copied())
}

fn operand(form: &Linear) -> impl Iterator<Item = Atom<'_>> {
    form.terms.iter().filter_map(|term| Some(Atom { tensor: term.tensor?, dims: &term.dims }))
}

/// Sets of nodes that have been joined.
#[derive(Default)]
struct Classes {
    parents: BTreeMap<Node, Node>,
}

impl Classes {
    fn root(&self, node: Node) -> Node {
        let mut node = node;
        while let Some(parent) = self.parents.get(&node) {
            node = *parent;
        }
        node
    }

    fn join(&mut self, left: Node, right: Node) {
        let (left, right) = (self.root(left), self.root(right));
        if left != right {
            self.parents.insert(left, right);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relation::{Direction, Window};

    #[test]
    fn an_axis_that_a_product_lacks_is_no_step() {
        let atom = Atom { tensor: TensorId(0), dims: &[] };
        let axes = Axes::Operand { before: 2, left_out: 1, count: 3 };
        let left = Use { constraint: 0, label: "layer0.forward", atom, axes };
        let broken = Err(Uncertified::Broken { label: "layer0.forward".into() });
        assert_eq!(left.axis(&DimMap::Axis(1)), Ok(Some(1)));
        assert_eq!(left.axis(&DimMap::Axis(2)), Ok(Some(3)));
        assert_eq!(left.axis(&DimMap::Sum), Ok(None));
        let window = |at, within| {
            let direction = Direction::Covers;
            let (windows, places, stride, padding) = (2, 2, 1, 0);
            DimMap::Window(Window { at, windows, within, places, stride, padding, direction })
        };
        assert_eq!(left.axis(&window(1, 2)), Ok(None));
        let missing = [DimMap::Axis(3), DimMap::Before(3), DimMap::Previous(3)];
        for map in missing.into_iter().chain([window(3, 0), window(0, 3)]) {
            assert_eq!(left.axis(&map), broken);
        }
    }
}
