//! Wide integers: numbers in digits, and forms that are not negative because a number in digits makes them up.

use super::equation::{Atom, CellMonomial, Equation, System};
use super::ranges::Ranges;
use super::rounding::{Part, are_digits};
use crate::relation::{Axis, Linear, Product, TensorId, Term};

/// A number in digits: not negative, and with one list of digits for each of its values.
pub struct Number<'a> {
    /// Its digits with their weights.
    digits: Vec<CellMonomial<'a>>,
}

impl<'a> Number<'a> {
    /// These monomials, times `sign`, as a number.
    pub fn of(
        (system, ranges): (&System<'_>, &Ranges),
        axes: &[Axis],
        monomials: impl Iterator<Item = CellMonomial<'a>>,
        sign: i128,
    ) -> Option<Self> {
        let mut parts = Vec::new();
        let mut digits = Vec::new();
        for mut monomial in monomials {
            monomial.coef = monomial.coef.checked_mul(sign)?;
            let (atom, coef) = (monomial.plain()?, monomial.coef);
            let range = ranges.get(atom.tensor)?;
            let digit = coef > 0 && range.lo >= 0 && atom.is_cellwise(system, axes);
            digit.then(|| parts.push(Part { atom, coef, range }))?;
            digits.push(monomial);
        }
        let mut ids: Vec<TensorId> = parts.iter().map(|part| part.atom.tensor).collect();
        ids.sort_unstable();
        ids.dedup();
        parts.sort_by_key(|part| part.coef);
        let once = ids.len() == parts.len() && !parts.is_empty();
        (once && are_digits(&parts, i128::MAX)).then_some(Self { digits })
    }

    /// The tensors of its digits.
    pub fn tensors(&self) -> impl Iterator<Item = TensorId> + '_ {
        self.digits.iter().flat_map(|digit| &digit.atoms).map(|atom| atom.tensor)
    }

    /// A multiple of it.
    pub fn scaled(&self, factor: i128) -> Option<Vec<CellMonomial<'a>>> {
        scaled(&self.digits, factor)
    }
}

/// A multiple of a form.
pub fn scaled<'a>(form: &[CellMonomial<'a>], factor: i128) -> Option<Vec<CellMonomial<'a>>> {
    let times = |monomial: &CellMonomial<'a>| {
        Some(CellMonomial { coef: monomial.coef.checked_mul(factor)?, ..monomial.clone() })
    };
    form.iter().map(times).collect()
}

/// A form as monomials.
pub fn monomials(form: &Linear) -> Vec<CellMonomial<'_>> {
    let atom = |term: &'_ Term| term.tensor.map(|tensor| (tensor, term.factors.clone()));
    let terms = form.terms.iter().map(|term| CellMonomial {
        coef: term.coef,
        atoms: atom(term)
            .map(|(tensor, _)| Atom { tensor, dims: &term.dims })
            .into_iter()
            .collect(),
        masks: term.factors.clone(),
    });
    terms.collect()
}

/// Left and right of a product of two numbers, cell by cell.
pub fn factors<'a>(equation: &Equation<'a>) -> Option<&'a Product> {
    let product = equation.product?;
    let [_, rest @ ..] = &product.axes;
    let alone = rest.iter().all(|part| part.axes.is_empty());
    (alone && product.coef == 1).then_some(product)
}

/// Whether a form is not negative anywhere: some equation says that it is a sum of cells that are not.
pub fn is_not_negative<'a>(
    (system, ranges): (&System<'a>, &Ranges),
    axes: &[Axis],
    form: &[CellMonomial<'a>],
) -> bool {
    let Some(negated) = scaled(form, -1) else { return false };
    let says = |equation: &&Equation<'a>| {
        let together = equation.monomials.iter().chain(&negated).cloned();
        let Some(rest) = merged(together) else { return false };
        let taken_away = |monomial: &CellMonomial<'a>| {
            let range = monomial.plain().and_then(|atom| ranges.of_atom(system, &atom));
            monomial.coef < 0 && range.is_some_and(|range| range.lo >= 0)
        };
        equation.product.is_none() && equation.axes == axes && rest.iter().all(taken_away)
    };
    system.equations.iter().any(|equation| says(&equation))
}

/// Like terms added up, those that vanish left out.
pub fn merged<'a>(all: impl Iterator<Item = CellMonomial<'a>>) -> Option<Vec<CellMonomial<'a>>> {
    let mut sums: Vec<CellMonomial<'a>> = Vec::new();
    for monomial in all {
        let like = |known: &&mut CellMonomial<'a>| {
            known.atoms == monomial.atoms && known.masks == monomial.masks
        };
        match sums.iter_mut().find(like) {
            Some(known) => known.coef = known.coef.checked_add(monomial.coef)?,
            None => sums.push(monomial),
        }
    }
    sums.retain(|monomial| monomial.coef != 0);
    Some(sums)
}
