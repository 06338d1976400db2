//! Saturating rounding: `X = 2^s·(q + high − low) + r` has one solution. A number in digits has too.
//!
//! `r` is one digit or several in mixed radix with fewer than `2^s` values in a row together: with
//! it, the quotient `v = q + high − low` is unique. `high·(hi − q) = 0`, `low·(q − lo) = 0`, both
//! not negative, and `lo ≤ q ≤ hi` with `lo < hi`: `v > hi` means `q = hi`, `v < lo` means
//! `q = lo`, and otherwise neither excess can be there. Excesses are numbers of 16-bit limbs. That
//! `q` cannot reach an end, as is known where its operands are small, takes nothing away from it.

use super::equation::{Atom, CellMonomial, Equation, System};
use super::interval::Interval;
use super::ranges::Ranges;
use crate::relation::{Axis, TensorId};

/// A cell with its factor.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// The cell.
    pub atom: Atom<'a>,
    /// Its factor.
    pub coef: i128,
    /// What it can be.
    pub range: Interval,
}

/// One side's excess.
struct Excess<'a, 'b> {
    limbs: Vec<&'b Part<'a>>,
    /// Whether the quotient stays on this side of an end, or at it.
    keeps_to: fn(Interval, i128) -> bool,
}

/// If the open monomials of an equation are the parts of a saturating rounding: their tensors, all
/// of them determined by the rest of the equation.
pub fn quotient<'a>(
    (system, gates): (&System<'a>, &[Gated<'a>]),
    ranges: &Ranges,
    equation: &Equation<'a>,
    open: &[&CellMonomial<'a>],
) -> Option<Vec<TensorId>> {
    let mut parts = parts(system, gates, ranges, (equation, open))?;
    parts.sort_by_key(|part| part.coef.abs());
    // A number in digits, whose last one can be known to be zero, or something is rounded.
    let unique = are_digits(&parts, i128::MAX)
        || (0..parts.len()).any(|digits| is_unique((system, gates), &parts, digits));
    unique.then(|| parts.iter().map(|part| part.atom.tensor).collect())
}

/// Whether the first parts are a remainder's digits, and the others a quotient with its excesses.
fn is_unique(
    (system, gates): (&System<'_>, &[Gated<'_>]),
    parts: &[Part<'_>],
    digits: usize,
) -> bool {
    let (digits, upper) = parts.split_at(digits.min(parts.len()));
    let Some(scale) = upper.first().map(|part| part.coef.abs()) else { return false };
    if !are_digits(digits, scale) || upper.iter().any(|part| part.coef % scale != 0) {
        return false;
    }
    let quotients = upper.iter().filter(|part| part.coef == scale && !is_limb(gates, part));
    let [q] = *quotients.collect::<Vec<_>>() else { return false };
    let others = upper.iter().filter(|part| part.atom != q.atom);
    let (high, low): (Vec<_>, Vec<_>) = others.partition(|part| part.coef > 0);
    let sides = [
        Excess { limbs: high, keeps_to: |range, end| range.hi <= end },
        Excess { limbs: low, keeps_to: |range, end| end <= range.lo },
    ];
    q.range.lo < q.range.hi && sides.iter().all(|side| side.is_sound((system, gates), q, scale))
}

/// Whether cells are digits in mixed radix, with at most `scale` values together.
pub fn are_digits(digits: &[Part<'_>], scale: i128) -> bool {
    let mut values = 1i128;
    for digit in digits {
        if digit.coef < values {
            return false;
        }
        let span = (digit.range.count() - 1).checked_mul(digit.coef);
        match span.and_then(|span| span.checked_add(values)) {
            Some(next) => values = next,
            None => return false,
        }
    }
    values <= scale
}

fn parts<'a>(
    system: &System<'a>,
    gates: &[Gated<'a>],
    ranges: &Ranges,
    (equation, open): (&Equation<'a>, &[&CellMonomial<'a>]),
) -> Option<Vec<Part<'a>>> {
    let part = |monomial: &&CellMonomial<'a>| {
        let atom = monomial.plain()?;
        let range = ranges.get(atom.tensor)?;
        let cells = atom.is_cellwise(system, &equation.axes);
        (cells && monomial.coef != 0).then_some(Part { atom, coef: monomial.coef, range })
    };
    let mut parts: Vec<Part<'a>> = open.iter().map(part).collect::<Option<_>>()?;
    // The equation can be written either way round: its largest quotient counts upwards.
    let sign = parts.iter().filter(|p| !is_limb(gates, p)).max_by_key(|p| p.coef.abs())?.coef;
    if sign < 0 {
        parts.iter_mut().for_each(|part| part.coef = -part.coef);
    }
    let mut ids: Vec<TensorId> = parts.iter().map(|part| part.atom.tensor).collect();
    ids.sort_unstable();
    ids.dedup();
    (ids.len() == parts.len()).then_some(parts)
}

/// Whether a cell is a limb of an excess.
fn is_limb(gates: &[Gated<'_>], part: &Part<'_>) -> bool {
    let limbs = gates.iter().flat_map(|gate| &gate.limbs);
    limbs.into_iter().any(|(limb, _)| limb.tensor == part.atom.tensor)
}

/// All conditions on excesses.
pub fn gates<'a>(system: &System<'a>) -> Vec<Gated<'a>> {
    system.equations.iter().filter_map(gated).collect()
}

/// `Σ_k w_k·(end·limb_k − limb_k·q) = 0`
pub struct Gated<'a> {
    axes: Vec<Axis>,
    limbs: Vec<(Atom<'a>, i128)>,
    quotient: Atom<'a>,
    end: i128,
}

fn gated<'a>(equation: &Equation<'a>) -> Option<Gated<'a>> {
    let masked = equation.monomials.iter().any(|m| !m.masks.is_empty());
    let (pairs, single): (Vec<_>, Vec<_>) =
        equation.monomials.iter().partition(|m| m.atoms.len() == 2);
    if masked || equation.product.is_some() || single.len() != pairs.len() {
        return None;
    }
    // Limbs stand alone too, the quotient does not.
    let alone = |atom: &Atom<'a>| single.iter().find(|m| m.plain() == Some(*atom));
    let quotient = *pairs.first()?.atoms.iter().find(|atom| alone(atom).is_none())?;
    let (mut limbs, mut ends) = (Vec::new(), Vec::new());
    for pair in &pairs {
        let limb = match pair.atoms.as_slice() {
            [a, b] if *a == quotient => *b,
            [a, b] if *b == quotient => *a,
            _ => return None,
        };
        let (weight, by) = (pair.coef.checked_neg()?, alone(&limb)?.coef);
        if weight <= 0 || by % weight != 0 || limbs.iter().any(|(known, _)| *known == limb) {
            return None;
        }
        limbs.push((limb, weight));
        ends.push(by / weight);
    }
    let end = *ends.first()?;
    ends.iter().all(|other| *other == end).then_some(Gated {
        axes: equation.axes.clone(),
        limbs,
        quotient,
        end,
    })
}

impl Excess<'_, '_> {
    /// Whether the excess is there only where the quotient is at its end.
    fn is_sound(
        &self,
        (system, gates): (&System<'_>, &[Gated<'_>]),
        q: &Part<'_>,
        scale: i128,
    ) -> bool {
        self.limbs.is_empty() || (self.is_number(scale) && self.is_gated((system, gates), q, scale))
    }

    /// Limbs that are digits: one number, not negative, for each list of limbs.
    fn is_number(&self, scale: i128) -> bool {
        let mut weight = scale;
        self.limbs.iter().all(|limb| {
            let digit = limb.coef.abs() >= weight && limb.range.lo >= 0;
            let next = limb.range.hi.checked_add(1).and_then(|n| n.checked_mul(limb.coef.abs()));
            weight = next.unwrap_or(i128::MAX);
            digit && next.is_some()
        })
    }

    /// `(end − q)·excess = 0`, limb by limb, for the same pairs of cells.
    fn is_gated(
        &self,
        (system, gates): (&System<'_>, &[Gated<'_>]),
        q: &Part<'_>,
        scale: i128,
    ) -> bool {
        let layout = system.layout;
        gates.iter().any(|gated| {
            let same = |(limb, weight): &(Atom<'_>, i128), part: &Part<'_>| {
                let cells = limb.pairing(layout, &gated.quotient);
                let everywhere = limb.is_cellwise(system, &gated.axes);
                let weighs = weight.checked_mul(scale) == Some(part.coef.abs());
                let paired = cells.is_some() && cells == part.atom.pairing(layout, &q.atom);
                limb.tensor == part.atom.tensor && paired && everywhere && weighs
            };
            let all = |part: &&Part<'_>| gated.limbs.iter().any(|limb| same(limb, part));
            gated.limbs.len() == self.limbs.len()
                && self.limbs.iter().all(all)
                && (self.keeps_to)(q.range, gated.end)
                && gated.quotient.tensor == q.atom.tensor
        })
    }
}
