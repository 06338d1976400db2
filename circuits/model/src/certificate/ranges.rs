//! Which integers a tensor's cells can be.
//!
//! A cell is an element of the field. That it is a small integer, and between which ends, follows
//! from lookups and equations, starting from what is given: [`Ranges::derive`] repeats a few rules
//! until none of them says anything new.
//!
//! - A key in a table, a value beside one: if the rest of the form is known, so is the cell that
//!   stands in it with factor ±1.
//! - A key less the value beside it: what stands in both cancels out.
//! - An equation: likewise. Only factors ±1 count, as any other one could hide a fraction.
//! - Once every cell of a form is known to be an integer and the form cannot wrap around, a
//!   scaled lookup bounds its cells too. By itself it would allow fractions.
//! - `x² = x`: a bit.
//! - `x² = x·w`, where `w` is a sum of such cells and looked up: one share of it ([`super::share`]).
//! - A bit that decides between two values of a cell ([`super::pattern::Choice`]), and one-hot
//!   bits that choose one of several ([`super::pattern::Selection`]).

use std::collections::BTreeMap;

use super::equation::{Atom, CellMonomial, Equation, LookupQuery, System};
use super::interval::Interval;
use super::pattern::{self, Choice, Selection};
use super::pick::{self, Pick};
use super::share;
use super::wide::{merged, scaled};
use crate::relation::{DimMap, Product, TensorId};

/// What is known of each tensor's cells.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    known: BTreeMap<TensorId, Interval>,
}

/// One form that lies in an interval.
struct Within<'a, 'b> {
    axes: &'b [crate::relation::Axis],
    form: &'b [CellMonomial<'a>],
    interval: Interval,
}

impl Ranges {
    /// Everything that follows from the relation and what is given.
    pub fn derive(
        system: &System<'_>,
        given: &BTreeMap<TensorId, Interval>,
        tables: &BTreeMap<TensorId, Interval>,
    ) -> Self {
        let mut known = given.clone();
        known.extend(tables.iter().map(|(id, interval)| (*id, *interval)));
        let mut ranges = Self { known };
        let selections = pattern::selections(system);
        let choices = pattern::choices(system);
        let picks = pick::picks(system);
        // Each round knows one more tensor, or is one of few that make intervals smaller.
        for _ in 0..2 * system.layout.tensors().len() + 8 {
            let before = ranges.known.clone();
            system.queries.iter().for_each(|query| ranges.look(system, query, tables));
            system.equations.iter().for_each(|equation| ranges.solve(system, equation));
            choices.iter().for_each(|choice| ranges.choose(choice));
            selections.iter().for_each(|selection| ranges.select(selection));
            picks.iter().for_each(|pick| ranges.pick(pick));
            // What is given is an assumption: it stays what it is.
            ranges.known.extend(given.iter().map(|(id, interval)| (*id, *interval)));
            if ranges.known == before {
                break;
            }
        }
        ranges
    }

    /// What is known of a tensor.
    pub fn get(&self, id: TensorId) -> Option<Interval> {
        self.known.get(&id).copied()
    }

    fn learn(&mut self, id: TensorId, interval: Interval) {
        let now = self.get(id).and_then(|known| known.meet(interval)).unwrap_or(interval);
        self.known.insert(id, now);
    }

    /// A cell, or a sum of cells.
    pub fn of_atom(&self, system: &System<'_>, atom: &Atom<'_>) -> Option<Interval> {
        let tensor = system.layout.tensors().get(atom.tensor.0)?;
        let mut interval = self.get(atom.tensor)?;
        for (dim, map) in tensor.dims.iter().zip(atom.dims) {
            let count = 1i128.checked_shl(dim.axis.log)?;
            interval = match map {
                DimMap::Axis(_) | DimMap::Joined(..) => interval,
                DimMap::Sum if dim.axis.log == 0 => interval,
                DimMap::Previous(_) | DimMap::Window(_) => interval.with_zero(),
                DimMap::Sum | DimMap::Before(_) => interval.with_zero().scaled(count)?,
            };
        }
        Some(interval)
    }

    /// A monomial.
    pub fn of_monomial(
        &self,
        system: &System<'_>,
        monomial: &CellMonomial<'_>,
    ) -> Option<Interval> {
        let mut interval = Interval::point(monomial.coef)?;
        for atom in &monomial.atoms {
            interval = interval.times(self.of_atom(system, atom)?)?;
        }
        Some(if monomial.masks.is_empty() { interval } else { interval.with_zero() })
    }

    /// A sum of monomials, one of them left out if it has a place in `without`.
    pub fn of_sum(
        &self,
        system: &System<'_>,
        form: &[CellMonomial<'_>],
        without: Option<usize>,
    ) -> Option<Interval> {
        let mut sum = Interval::point(0)?;
        for (position, monomial) in form.iter().enumerate() {
            if Some(position) != without {
                sum = sum.plus(self.of_monomial(system, monomial)?)?;
            }
        }
        Some(sum)
    }

    /// `coef·Σ_k left·right`
    pub fn of_product(&self, system: &System<'_>, product: &Product) -> Option<Interval> {
        let operand = |form: &crate::relation::Linear| {
            let mut sum = Interval::point(0)?;
            for term in &form.terms {
                let atoms = term.tensor.map(|tensor| Atom { tensor, dims: &term.dims });
                let atoms = atoms.into_iter().collect();
                let monomial = CellMonomial { coef: term.coef, atoms, masks: term.factors.clone() };
                sum = sum.plus(self.of_monomial(system, &monomial)?)?;
            }
            Some(sum)
        };
        let [.., k] = &product.axes;
        let count = 1i128.checked_shl(k.log())?;
        let each = operand(&product.left)?.times(operand(&product.right)?)?;
        each.scaled(count)?.scaled(product.coef)
    }

    /// The largest magnitude that any partial sum of an equation can have.
    pub fn magnitude(&self, system: &System<'_>, equation: &Equation<'_>) -> Option<i128> {
        let mut total = match equation.product {
            Some(product) => self.of_product(system, product)?.magnitude(),
            None => 0,
        };
        for monomial in &equation.monomials {
            total = total.checked_add(self.of_monomial(system, monomial)?.magnitude())?;
        }
        Interval::new(-total, total)?;
        Some(total)
    }

    fn look(
        &mut self,
        system: &System<'_>,
        query: &LookupQuery<'_>,
        tables: &BTreeMap<TensorId, Interval>,
    ) {
        if let Some(keys) = Interval::below_power(query.table.log) {
            self.within(system, &Within { axes: &query.axes, form: &query.key, interval: keys });
        }
        let values = query.table.output.as_ref().and_then(|form| match form.terms.as_slice() {
            [term] if term.coef == 1 => tables.get(&term.tensor?).copied(),
            _ => None,
        });
        if let (Some(form), Some(interval)) = (&query.value, values) {
            self.within(system, &Within { axes: &query.axes, form, interval });
            let keys = Interval::below_power(query.table.log);
            let apart = keys.and_then(|keys| keys.plus(interval.scaled(-1)?));
            // Nothing is learned where the value cannot be taken away.
            let negated = scaled(form, -1);
            let both = negated.map(|negated| query.key.iter().cloned().chain(negated));
            let difference = both.and_then(merged);
            if let (Some(interval), Some(form)) = (apart, difference) {
                self.within(system, &Within { axes: &query.axes, form: &form, interval });
            }
        }
    }

    fn solve(&mut self, system: &System<'_>, equation: &Equation<'_>) {
        if let Some(id) = pattern::bit(system, equation)
            && let Some(bit) = Interval::new(0, 1)
        {
            self.learn(id, bit);
        }
        if let Some((id, _, share)) = share::share(system, equation) {
            self.learn(id, share);
        }
        let product = match equation.product {
            Some(product) => self.of_product(system, product),
            None => Interval::point(0),
        };
        if let Some(interval) = product {
            let (axes, form) = (equation.axes.as_slice(), equation.monomials.as_slice());
            self.within(system, &Within { axes, form, interval });
        }
    }

    /// What a form's being in an interval says of its cells.
    fn within(&mut self, system: &System<'_>, it: &Within<'_, '_>) {
        let unknown = |monomial: &CellMonomial<'_>| {
            monomial.atoms.iter().any(|atom| self.get(atom.tensor).is_none())
        };
        let mut unknown = it.form.iter().enumerate().filter(|(_, m)| unknown(m));
        match (unknown.next(), unknown.next()) {
            (Some((position, monomial)), None) if monomial.coef.abs() == 1 => {
                self.bound(system, it, position);
            }
            (None, _) if self.of_sum(system, it.form, None).is_some() => {
                (0..it.form.len()).for_each(|position| self.bound(system, it, position));
            }
            _ => {}
        }
    }

    /// What follows for the one cell of a monomial, given all others.
    fn bound(&mut self, system: &System<'_>, it: &Within<'_, '_>, position: usize) {
        let Some(monomial) = it.form.get(position) else { return };
        let Some(atom) = monomial.plain() else { return };
        if !atom.is_cellwise(system, it.axes) {
            return;
        }
        let bound = self
            .of_sum(system, it.form, Some(position))
            .and_then(|rest| it.interval.plus(rest.scaled(-1)?))
            .and_then(|scaled| scaled.divided(monomial.coef));
        if let Some(bound) = bound {
            // Beside its windows a tensor is zero.
            self.learn(atom.tensor, if atom.slides() { bound.with_zero() } else { bound });
        }
    }

    fn choose(&mut self, choice: &Choice) {
        if let Some([zero, one]) = choice.values() {
            self.learn(choice.input, zero.join(one));
        }
    }

    /// One of the numbers in a window, or nothing beside the windows.
    fn pick(&mut self, pick: &Pick) {
        if let (Some(_), Some(interval)) = (self.get(pick.bits), self.get(pick.from)) {
            self.learn(pick.chosen, interval.with_zero());
        }
    }

    fn select(&mut self, selection: &Selection<'_>) {
        if let (Some(_), Some(interval)) = (self.get(selection.bits), self.get(selection.from)) {
            self.learn(selection.chosen, interval);
        }
    }
}
