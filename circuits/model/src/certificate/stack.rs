//! Lookups of stacks of tensors, taken apart: one for each slice, as if the slices were looked up one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::Uncertified;
use super::equation::{Atom, CellMonomial, Equation, LookupQuery};
use crate::relation::{Axis, AxisFactor, DimMap, SheetLayout, TensorId};

/// The slices of each stack, by index: all of them.
pub struct Stacks<'a> {
    layout: &'a SheetLayout,
    slices: BTreeMap<TensorId, Vec<TensorId>>,
}

impl<'b> Stacks<'b> {
    /// Those of a layout.
    ///
    /// # Errors
    /// If a slice is not what its stack is at that index, or some index has none: then not all cells of the stack were
    /// spoken of.
    pub fn of(layout: &'b SheetLayout) -> Result<Self, Uncertified> {
        let mut slices = BTreeMap::<TensorId, Vec<TensorId>>::new();
        for (id, slice) in layout.slices() {
            let own = slices.entry(slice.stack).or_default();
            let (tensor, stack) = (layout.tensors().get(id.0), layout.tensors().get(slice.stack.0));
            let place = stack.and_then(|stack| slice.of(stack));
            let there = place == tensor.map(|tensor| (tensor.base, &tensor.dims[..]));
            if place.is_none() || !there || slice.at != own.len() {
                return Err(broken(layout, id));
            }
            own.push(id);
        }
        let stacks = Self { layout, slices };
        let whole = |(id, own): (&TensorId, &Vec<TensorId>)| stacks.size(*id) == Some(own.len());
        match stacks.slices.iter().find(|pair| !whole(*pair)) {
            Some((id, _)) => Err(broken(layout, *id)),
            None => Ok(stacks),
        }
    }

    /// How many slices a stack has.
    fn size(&self, stack: TensorId) -> Option<usize> {
        Some(self.layout.tensors().get(stack.0)?.dims.first()?.axis.size)
    }

    /// All stacks.
    pub fn ids(&self) -> BTreeSet<TensorId> {
        self.slices.keys().copied().collect()
    }

    /// That constraints are about slices, not about stacks.
    ///
    /// # Errors
    /// If one is about a stack.
    pub fn are_nowhere_in(&self, equations: &[Equation<'_>]) -> Result<(), Uncertified> {
        let is_stack = |id: TensorId| self.slices.contains_key(&id);
        let broken = equations.iter().find(|equation| {
            let operands = equation.product.into_iter().flat_map(|p| [&p.left, &p.right]);
            let mut terms = operands.flat_map(|form| &form.terms);
            let mut monomials = equation.monomials.iter();
            monomials.any(|m| m.atoms.iter().any(|atom| is_stack(atom.tensor)))
                || terms.any(|term| term.tensor.is_some_and(is_stack))
        });
        let label = |equation: &Equation<'_>| equation.label.to_owned();
        broken.map_or(Ok(()), |equation| Err(Uncertified::Broken { label: label(equation) }))
    }

    /// A lookup of a stack as lookups of its slices; any other one as it is. What it is about beside the stack has to be
    /// public, and not to follow the stack's axis but in masks.
    ///
    /// # Errors
    /// If it is about more than that.
    pub fn apart<'a>(&self, query: LookupQuery<'a>) -> Result<Vec<LookupQuery<'a>>, Uncertified> {
        let forms = || query.key.iter().chain(query.value.iter().flatten());
        let mut atoms = forms().flat_map(|monomial| &monomial.atoms);
        let Some(stack) = atoms.find(|atom| self.slices.contains_key(&atom.tensor)) else {
            return Ok(vec![query]);
        };
        let broken = || Uncertified::Broken { label: query.label.to_owned() };
        let alone = forms().flat_map(|m| &m.atoms).all(|atom| atom == stack);
        let (Some((DimMap::Axis(axis), dims)), true) = (stack.dims.split_first(), alone) else {
            return Err(broken());
        };
        let (axis, slices) = (*axis, self.slices.get(&stack.tensor).ok_or_else(broken)?);
        // One that is about fewer of them would be about all, taken apart.
        if query.axes.get(axis).map(|axis| axis.size) != self.size(stack.tensor) {
            return Err(broken());
        }
        let one_by_one = slices.iter().enumerate().map(|(at, tensor)| {
            let slice = Atom { tensor: *tensor, dims };
            let form = |form: &[CellMonomial<'a>]| at_index(form, (axis, at), slice);
            let mut axes = query.axes.clone();
            *axes.get_mut(axis)? = Axis::new(1);
            let key = form(&query.key)?;
            let value = match &query.value {
                Some(value) => Some(form(value)?),
                None => None,
            };
            Some(LookupQuery { label: query.label, axes, key, value, table: query.table })
        });
        one_by_one.collect::<Option<_>>().ok_or_else(broken)
    }
}

fn broken(layout: &SheetLayout, id: TensorId) -> Uncertified {
    let name = layout.tensors().get(id.0).map(|tensor| tensor.name.clone());
    Uncertified::Broken { label: name.unwrap_or_else(|| format!("tensor {}", id.0)) }
}

/// A form at one index of an axis, whose only tensor is this one there; its constants are added up.
fn at_index<'a>(
    form: &[CellMonomial<'a>],
    (axis, at): (usize, usize),
    slice: Atom<'a>,
) -> Option<Vec<CellMonomial<'a>>> {
    let (mut all, mut constant) = (Vec::new(), 0i128);
    for monomial in form {
        let on_axis = |mask: &&AxisFactor| mask.is_over(axis);
        let mut own = monomial.masks.iter().filter(on_axis);
        // What compares this axis with another one is no factor of the other one alone.
        own.clone().all(|mask| mask.axes().count() == 1).then_some(())?;
        if !own.all(|mask| mask.is_open(|_| Some(at))) {
            continue;
        }
        let masks: Vec<AxisFactor> =
            monomial.masks.iter().filter(|mask| !on_axis(mask)).copied().collect();
        if monomial.atoms.is_empty() && masks.is_empty() {
            constant = constant.checked_add(monomial.coef)?;
            continue;
        }
        let atoms = vec![slice; monomial.atoms.len()];
        all.push(CellMonomial { coef: monomial.coef, atoms, masks });
    }
    if constant != 0 {
        all.push(CellMonomial { coef: constant, atoms: Vec::new(), masks: Vec::new() });
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::super::equation::System;
    use super::super::{Given, Interval, certify};
    use super::*;
    use crate::compile::{RelationBuilder, TableKind, axes};
    use crate::relation::{Allocator, Domain, Group, Linear, Relation, Slice};

    const SIZES: [usize; 3] = [3, 2, 4];

    /// A stack of three, looked up as the form of it and of another tensor says.
    fn relation(form: impl Fn(TensorId, TensorId) -> Linear, linear: Option<usize>) -> Relation {
        named(&["a", "b", "c"], form, linear)
    }

    /// The same with slices of these names.
    fn named(
        names: &[&str],
        form: impl Fn(TensorId, TensorId) -> Linear,
        linear: Option<usize>,
    ) -> Relation {
        let mut allocator = Allocator::new(4);
        let wanted = [("stack", &SIZES[..]), ("other", &SIZES[..]), ("count", &[1 << 16])];
        let wanted = wanted.map(|(name, sizes)| (name.to_owned(), sizes.to_vec()));
        let ids = allocator.place(Group::Trace, &wanted);
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let slices = allocator.slice(ids[0], names);
        let mut builder = RelationBuilder::new(vec![(TableKind::Range(16), None)]);
        let domain = Domain::new(&SIZES);
        builder.range16("stack".into(), &domain, form(ids[0], ids[1])).unwrap();
        builder.range16("other".into(), &domain, Linear::tensor(ids[1], 3)).unwrap();
        if let Some(k) = linear {
            let (id, dims) = if k == 3 { (ids[0], 3) } else { (slices[k], 2) };
            let domain = Domain::new(&SIZES[3 - dims..]);
            builder.linear("zero".into(), domain, Linear::tensor(id, dims));
        }
        builder.finish(allocator.finish(), &ids[2..]).unwrap()
    }

    /// `5 − x`, `3 − x` and `1 − x`, and below them nothing.
    fn stepped(stack: TensorId, _: TensorId) -> Linear {
        let below = |k| [AxisFactor::Below(0, k)];
        let ends = Linear::constant(1).plus_constant_masked(2, &below(2));
        ends.plus_constant_masked(2, &below(1)).plus(-1, stack, &axes(3))
    }

    #[test]
    fn each_slice_has_the_ends_that_its_index_has() {
        let relation = relation(stepped, None);
        let system = System::of(&relation).unwrap();
        let constants = system.queries.iter().take(3).map(|query| {
            assert_eq!(query.label, "stack");
            let constant = query.key.iter().find(|m| m.atoms.is_empty()).unwrap();
            let atom = query.key.iter().find_map(|m| m.plain()).unwrap();
            assert!(atom.is_cellwise(&system, &query.axes));
            (relation.layout.tensor(atom.tensor).name.as_str(), constant.coef)
        });
        assert_eq!(constants.collect::<Vec<_>>(), [("a", 5), ("b", 3), ("c", 1)]);
        assert_eq!(system.queries.len(), 4);
        let names: Vec<&str> = relation.layout.whole().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["count", "stack", "other"], "the largest was placed first");
        assert_eq!(relation.layout.cells(), 2 * 24 + (1 << 16));
    }

    #[test]
    fn a_slice_is_shown_what_a_tensor_is() {
        let mut given = Given::default();
        let whole = |stack, _| Linear::tensor(stack, 3);
        let named = relation(whole, Some(1));
        given.committed.insert(named.layout.find("other").unwrap(), Interval::new(0, 9).unwrap());
        let certified = |relation: &Relation, given: &Given| certify(relation, given).err();
        let ambiguous = |tensor: &str| Some(Uncertified::Ambiguous { tensor: tensor.to_owned() });
        // Of three slices one is said to be zero; the stack itself is nothing that anything is said of.
        assert_eq!(certified(&named, &given), ambiguous("a"));
        given.committed.insert(named.layout.find("a").unwrap(), Interval::new(0, 9).unwrap());
        assert_eq!(certified(&named, &given), ambiguous("c"));
        given.committed.insert(named.layout.find("c").unwrap(), Interval::new(0, 9).unwrap());
        assert_eq!(certified(&named, &given), None);
    }

    #[test]
    fn what_is_not_about_the_stack_alone_is_refused() {
        let broken = |label: &str| Some(Uncertified::Broken { label: label.to_owned() });
        let both = |stack, other| Linear::tensor(stack, 3).plus(1, other, &axes(3));
        assert_eq!(System::of(&relation(both, None)).err(), broken("stack"));
        let summed = |stack, _| {
            let maps = [DimMap::Sum, DimMap::Axis(1), DimMap::Axis(2)];
            Linear::zero().plus(1, stack, &maps)
        };
        assert_eq!(System::of(&relation(summed, None)).err(), broken("stack"));
        let whole = |stack, _| Linear::tensor(stack, 3);
        assert_eq!(System::of(&relation(whole, Some(3))).err(), broken("zero"));
        assert!(System::of(&relation(whole, Some(2))).is_ok());
    }

    /// What has not been spoken of must not go by what has.
    #[test]
    fn a_stack_has_all_of_its_slices_and_is_looked_up_whole() {
        let broken = |label: &str| Some(Uncertified::Broken { label: label.to_owned() });
        let whole = |stack, _| Linear::tensor(stack, 3);
        assert_eq!(System::of(&named(&["a", "b"], whole, None)).err(), broken("stack"));
        let mut relation = relation(whole, None);
        let [stack, b] = ["stack", "b"].map(|name| relation.layout.find(name).unwrap());
        for at in [0, 2, 3] {
            let slice = Slice { stack, at };
            let layout = relation.layout.clone().moved(b, slice);
            let moved = Relation { layout, ..relation.clone() };
            assert_eq!(System::of(&moved).err(), broken("b"), "{at}");
        }
        relation.lookups[0].domain = Domain::new(&[2, 2, 4]);
        assert_eq!(System::of(&relation).err(), broken("stack"));
    }
}
