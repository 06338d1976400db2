//! The order of time: what happens in a step depends on earlier steps only.
//!
//! Running totals (`Before`) and the step before (`Previous`) make one dimension of a tensor the
//! step. Dimensions that follow the same axis of a constraint are steps too. Where that is
//! consistent, induction over the steps shows that cells of earlier steps can be taken as known.

use std::collections::{BTreeMap, BTreeSet};

use super::Uncertified;
use super::equation::{Atom, CellMonomial, System};
use crate::relation::{DimMap, Linear, SheetLayout, TensorId};

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
    axes: &'static [usize],
}

impl Use<'_> {
    /// The constraint's axis that a dimension follows.
    ///
    /// # Errors
    /// [`Uncertified::Broken`] if the constraint has no such axis.
    fn axis(&self, map: &DimMap) -> Result<Option<usize>, Uncertified> {
        match map {
            DimMap::Axis(a) | DimMap::Before(a) | DimMap::Previous(a) => {
                let broken = || Uncertified::Broken { label: self.label.to_owned() };
                self.axes.get(*a).copied().map(Some).ok_or_else(broken)
            }
            DimMap::Sum => Ok(None),
        }
    }
}

const OWN: &[usize] = &[0, 1, 2, 3, 4, 5, 6, 7];
/// Axes `(o, x, k)` of a product's left operand.
const LEFT: &[usize] = &[0, 1, 3];
/// Axes `(o, y, k)` of its right one.
const RIGHT: &[usize] = &[0, 2, 3];

/// Checks that all tensors but those given have their cells in the order of steps.
///
/// # Errors
/// [`Uncertified::Order`]; [`Uncertified::Broken`] if a cell follows an axis that its constraint lacks.
pub fn check(system: &System<'_>, given: impl Fn(TensorId) -> bool) -> Result<(), Uncertified> {
    let uses = uses(system);
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

fn uses<'a>(system: &System<'a>) -> Vec<Use<'a>> {
    let mut all = Vec::new();
    for (constraint, equation) in system.equations.iter().enumerate() {
        let label = equation.label;
        let mut add = |atom, axes| all.push(Use { constraint, label, atom, axes });
        atoms(&equation.monomials).for_each(|atom| add(atom, OWN));
        if let Some(product) = equation.product {
            operand(&product.left).for_each(|atom| add(atom, LEFT));
            operand(&product.right).for_each(|atom| add(atom, RIGHT));
        }
    }
    for (number, query) in system.queries.iter().enumerate() {
        let (constraint, label) = (system.equations.len() + number, query.label);
        let both = atoms(&query.key).chain(query.value.iter().flat_map(|value| atoms(value)));
        all.extend(both.map(|atom| Use { constraint, label, atom, axes: OWN }));
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

    #[test]
    fn an_axis_that_a_product_lacks_is_no_step() {
        let atom = Atom { tensor: TensorId(0), dims: &[] };
        let left = Use { constraint: 0, label: "layer0.forward", atom, axes: LEFT };
        let broken = Err(Uncertified::Broken { label: "layer0.forward".into() });
        assert_eq!(left.axis(&DimMap::Axis(2)), Ok(Some(3)));
        assert_eq!(left.axis(&DimMap::Sum), Ok(None));
        for map in [DimMap::Axis(3), DimMap::Before(3), DimMap::Previous(3)] {
            assert_eq!(left.axis(&map), broken);
        }
    }
}
