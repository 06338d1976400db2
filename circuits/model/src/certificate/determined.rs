//! Which tensors have but one value for each value of what is given.
//!
//! The order of time is taken for granted here and shown in [`super::order`]: cells of earlier steps
//! are determined before those of later ones, so that a running total of earlier updates counts as
//! known. Rules, repeated until none says anything new:
//!
//! - an equation with one cell that is not determined yet, standing there linearly;
//! - a function's value beside a key that is determined: tables have one row a key;
//! - a saturating rounding ([`super::rounding`]);
//! - the bit of a choice, and with it the cell that it gates; a bit that says in which range a number lies
//!   ([`super::sign`]);
//! - the largest of several, chosen by one-hot bits, and the bits too where they choose the first
//!   ([`super::pick`]): a window's index outside of a dimension is a zero, which is known;
//! - a division with rounding by a number that is determined: `2S·p + r` with `−S ≤ r < S`;
//! - a division by one in digits ([`super::division`]), and a square root ([`super::root`]).

use std::collections::BTreeSet;

use super::equation::{Atom, CellMonomial, Equation, LookupQuery, System};
use super::pattern::{self, Choice, Selection};
use super::pick;
use super::ranges::Ranges;
use super::sign;
use super::{division, root, rounding};
use crate::relation::{Linear, TensorId};

/// The tensors that are determined.
pub struct Determined<'a, 'b> {
    system: &'b System<'a>,
    ranges: &'b Ranges,
    gates: Vec<rounding::Gated<'a>>,
    known: BTreeSet<TensorId>,
}

impl<'a, 'b> Determined<'a, 'b> {
    /// Everything that follows from what is given.
    pub fn derive(
        system: &'b System<'a>,
        ranges: &'b Ranges,
        given: impl Iterator<Item = TensorId>,
    ) -> BTreeSet<TensorId> {
        let gates = rounding::gates(system);
        let mut all = Self { system, ranges, gates, known: given.collect() };
        let choices = pattern::choices(system);
        let selections = pattern::selections(system);
        let picks = pick::picks(system);
        let signs = sign::signs(system);
        loop {
            let before = all.known.len();
            for equation in &system.equations {
                all.solve(equation);
                all.divide(equation);
                all.expand(equation);
            }
            system.queries.iter().for_each(|query| all.look(query));
            choices.iter().for_each(|choice| all.choose(choice));
            selections.iter().for_each(|selection| all.select(selection));
            for sign in &signs {
                if all.known.contains(&sign.input) {
                    all.known.insert(sign.bit);
                }
            }
            for pick in &picks {
                if all.known.contains(&pick.from) {
                    all.known.extend([pick.bits, pick.chosen]);
                }
            }
            if all.known.len() == before {
                return all.known;
            }
        }
    }

    fn has(&self, atom: &Atom<'_>) -> bool {
        atom.is_earlier() || self.known.contains(&atom.tensor)
    }

    fn has_form(&self, form: &Linear) -> bool {
        form.terms.iter().all(|term| {
            term.tensor.is_none_or(|tensor| self.has(&Atom { tensor, dims: &term.dims }))
        })
    }

    /// The monomials with something that is not determined.
    fn open<'c>(&self, form: &'c [CellMonomial<'a>]) -> Vec<&'c CellMonomial<'a>> {
        form.iter().filter(|m| m.atoms.iter().any(|atom| !self.has(atom))).collect()
    }

    /// The one cell of a form that is not determined.
    fn last(&self, axes: &[crate::relation::Axis], form: &[CellMonomial<'a>]) -> Option<TensorId> {
        let [monomial] = *self.open(form).as_slice() else { return None };
        let atom = monomial.plain()?;
        let cells = atom.is_cellwise(self.system, axes);
        (cells && monomial.coef != 0).then_some(atom.tensor)
    }

    fn solve(&mut self, equation: &Equation<'a>) {
        let operands = equation.product.map_or([None, None], |p| [Some(&p.left), Some(&p.right)]);
        if !operands.into_iter().flatten().all(|form| self.has_form(form)) {
            return;
        }
        self.known.extend(self.last(&equation.axes, &equation.monomials));
        let open = self.open(&equation.monomials);
        if let Some(ids) =
            rounding::quotient((self.system, &self.gates), self.ranges, equation, &open)
        {
            self.known.extend(ids);
        }
    }

    /// Root and rest, or quotient and remainder.
    fn expand(&mut self, equation: &Equation<'a>) {
        let (parts, known) = ((self.system, self.ranges), |atom: &Atom<'a>| self.has(atom));
        let found = root::root(parts, equation, known);
        let found = found.or_else(|| division::division(parts, equation, known));
        let found = found.or_else(|| {
            root::floor(parts, equation, known, |terms| self.is_key(equation, terms, 0))
        });
        self.known.extend(found.into_iter().flatten());
    }

    fn look(&mut self, query: &LookupQuery<'a>) {
        if let (true, Some(value)) = (self.open(&query.key).is_empty(), &query.value) {
            self.known.extend(self.last(&query.axes, value));
        }
    }

    fn choose(&mut self, choice: &Choice) {
        if self.known.contains(&choice.input) && choice.is_told_by_input() {
            self.known.extend([choice.bit, choice.output]);
        }
    }

    fn select(&mut self, selection: &Selection<'_>) {
        if selection.is_largest && self.known.contains(&selection.from) {
            self.known.insert(selection.chosen);
        }
    }

    /// `2·S·p + r − c·e = 0` with `r + S ≥ 0` and `S − 1 − r ≥ 0`; or `S·p + n·p + r − c·e = 0` with `r ≥ 0` and
    /// `S + n − 1 − r ≥ 0`, where `n` is a constant.
    fn divide(&mut self, equation: &Equation<'a>) {
        let open = self.open(&equation.monomials);
        let (scaled, rest): (Vec<_>, Vec<_>) = open.into_iter().partition(|m| m.atoms.len() == 2);
        let ([scaled], Some(p)) = (scaled.as_slice(), self.quotient(&scaled)) else { return };
        let Some(by) = scaled.atoms.iter().find(|atom| **atom != p).copied() else { return };
        let (added, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|m| m.plain() == Some(p));
        let constant = match (scaled.coef, added.as_slice()) {
            (2, []) => 0,
            (1, [monomial]) => monomial.coef,
            _ => return,
        };
        let [rest] = rest.as_slice() else { return };
        let Some(r) = rest.plain() else { return };
        let cells = [&p, &r].iter().all(|x| x.is_cellwise(self.system, &equation.axes));
        let exact = rest.coef == 1 && scaled.masks.is_empty();
        if !cells || !exact || p.tensor == r.tensor {
            return;
        }
        let centred = scaled.coef == 2;
        let below: &[_] = if centred { &[(r, 1), (by, 1)] } else { &[(r, 1)] };
        let above = [(by, 1), (r, -1)];
        if self.is_key(equation, below, 0) && self.is_key(equation, &above, constant - 1) {
            self.known.extend([p.tensor, r.tensor]);
        }
    }

    /// The one of two cells multiplied that is not determined.
    fn quotient(&self, scaled: &[&CellMonomial<'a>]) -> Option<Atom<'a>> {
        let [monomial] = scaled else { return None };
        let [a, b] = *monomial.atoms.as_slice() else { return None };
        match (self.has(&a), self.has(&b)) {
            (true, false) => Some(b),
            (false, true) => Some(a),
            _ => None,
        }
    }

    /// Whether `Σ coef·cell + constant` is looked up in a range, integers that do not wrap around.
    fn is_key(&self, equation: &Equation<'a>, terms: &[(Atom<'a>, i128)], constant: i128) -> bool {
        let fits = |query: &&LookupQuery<'a>| {
            let mut rest: Vec<(Atom<'a>, i128)> = terms.to_vec();
            let mut left = constant;
            let plain = query.key.iter().all(|monomial| match monomial.atoms.as_slice() {
                [] if monomial.masks.is_empty() => {
                    left -= monomial.coef;
                    true
                }
                [atom] if monomial.masks.is_empty() => {
                    let found = rest.iter().position(|term| *term == (*atom, monomial.coef));
                    found.map(|position| rest.remove(position)).is_some()
                }
                _ => false,
            });
            let small = self.ranges.of_sum(self.system, &query.key, None).is_some();
            plain && small && left == 0 && rest.is_empty() && query.axes == equation.axes
        };
        self.system.queries.iter().any(|query| fits(&query))
    }
}
