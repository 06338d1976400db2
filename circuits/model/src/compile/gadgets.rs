//! Saturating rounding as constraints.
//!
//! `X = 2^s·(q + high − low) + r` with `r ∈ [−2^{s−1}, 2^{s−1})`,
//! `high, low ≥ 0`, `high·(hi − q) = 0`, `low·(q − lo) = 0` and `q ∈ [lo, hi]`
//! has exactly one solution in `q` and `r` for every integer `X` within the
//! static bound: `q + high − low` and `r` are quotient and remainder of a
//! division with rounding, and at most one excess can be positive, as both
//! would put `q` at both ends. The equation itself is a linear claim of the
//! product or check that computes `X`; here is the rest.

use super::builder::{Limbs, PointwiseBuilder, RelationBuilder, RoundedIds, all_real, axes};
use super::error::CompileError;
use crate::relation::{DimMap, Domain, Linear, TensorId};

/// Who bounds the quotient.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Its own lookup, here.
    Here,
    /// A lookup made elsewhere with the same effect.
    Elsewhere,
}

/// Ranges of quotient, remainder and excess, and the excess' conditions.
/// The quotient's dimensions are mapped by `q_dims`, the others' are the
/// domain's axes.
///
/// # Errors
/// If the remainder's limbs do not hold its bits.
pub fn constrain_rounding(
    builder: &mut RelationBuilder,
    pointwise: &mut PointwiseBuilder,
    name: &str,
    domain: &Domain,
    ids: &RoundedIds,
    q_dims: &[DimMap],
    bound: Bound,
) -> Result<(), CompileError> {
    let dims = axes(domain.axes.len());
    let form = |id| Linear::zero().plus(1, id, &dims);
    if bound == Bound::Here {
        constrain_quotient(builder, name, domain, ids, q_dims)?;
    }
    constrain_remainder(builder, name, domain, ids)?;
    for (part, limbs) in [("high", &ids.high), ("low", &ids.low)] {
        for (k, limb) in limbs.iter().enumerate() {
            builder.range16(format!("{name}.{part}{k}.range"), domain, form(*limb))?;
        }
    }
    let sides = [("high", &ids.high, ids.spec.hi), ("low", &ids.low, ids.spec.lo)];
    for (part, limbs, end) in sides {
        if limbs.is_empty() {
            continue;
        }
        // By limbs, each of which is a cell: their sum need not fit 32 bits.
        let q = pointwise.mapped(ids.q, q_dims);
        let limbs: Vec<usize> =
            limbs.iter().map(|limb| pointwise.tensor(*limb, dims.len())).collect();
        let mut monomials = Vec::new();
        let pairs: Vec<[usize; 2]> = limbs.iter().map(|limb| [*limb, q]).collect();
        for (k, pair) in pairs.iter().enumerate() {
            let weight = 1i128 << (16 * k);
            monomials.push((weight * i128::from(end), &pair[..1]));
            monomials.push((-weight, &pair[..]));
        }
        pointwise.require(format!("{name}.{part}.saturates"), &monomials);
    }
    Ok(())
}

/// `q ∈ [lo, hi]`: one lookup for the full 16 bits, two otherwise.
fn constrain_quotient(
    builder: &mut RelationBuilder,
    name: &str,
    domain: &Domain,
    ids: &RoundedIds,
    dims: &[DimMap],
) -> Result<(), CompileError> {
    let (lo, hi) = (i128::from(ids.spec.lo), i128::from(ids.spec.hi));
    let above = Linear::zero().plus(1, ids.q, dims).plus_constant(-lo);
    builder.range16(format!("{name}.q.range"), domain, above)?;
    if hi - lo != (1 << 16) - 1 {
        let below = Linear::zero().plus(-1, ids.q, dims).plus_constant(hi);
        builder.range16(format!("{name}.q.range_above"), domain, below)?;
    }
    Ok(())
}

/// `r + 2^{s−1} ∈ [0, 2^s)`.
///
/// A range of fewer than 16 bits is looked up scaled to 16: `2^{16−s}·x` in
/// `[0, 2^16)` means `x ∈ [0, 2^s)` because `x` is an integer, as all other
/// parts of the linear equation that it stands in are. With two limbs the
/// high one has all 16 bits and is an integer by its own lookup; the low one
/// has the rest and stands in the equation with factor 1.
fn constrain_remainder(
    builder: &mut RelationBuilder,
    name: &str,
    domain: &Domain,
    ids: &RoundedIds,
) -> Result<(), CompileError> {
    let dims = axes(domain.axes.len());
    let s = ids.spec.shift;
    let scaled = |bits: u32, id, centre: i128| {
        let scale = 1i128 << (16 - bits);
        Linear::zero().plus(scale, id, &dims).plus_constant(scale * centre)
    };
    match ids.limbs(name)? {
        Limbs::None => Ok(()),
        Limbs::One(r) => {
            builder.range16(format!("{name}.r0.range"), domain, scaled(s, r, 1 << (s - 1)))
        }
        Limbs::Two { low, high } => {
            builder.range16(format!("{name}.r0.range"), domain, scaled(s - 16, low, 0))?;
            builder.range16(format!("{name}.r1.range"), domain, scaled(16, high, 1 << 15))
        }
    }
}

/// What was rounded, as operands with their factors: one form where its bound has 32 bits, as operands of honest
/// witnesses do; else its parts, which have.
///
/// # Errors
/// If a remainder has other limbs than its bits take.
pub fn rounded_operands(
    pointwise: &mut PointwiseBuilder,
    name: &str,
    ids: &RoundedIds,
    dims: &[DimMap],
) -> Result<Vec<(i128, usize)>, CompileError> {
    let ends = [ids.spec.x_min, ids.spec.x_max];
    if ends.into_iter().all(|end| i32::try_from(end).is_ok()) {
        return Ok(vec![(1, pointwise.form(ids.rounded(name, dims, dims)?))]);
    }
    let scale = 1i128 << ids.spec.shift;
    let q = pointwise.mapped(ids.q, dims);
    let mut parts = vec![(scale, q), (1, pointwise.form(ids.remainder(name, dims)?))];
    for (factor, limbs) in [(scale, &ids.high), (-scale, &ids.low)] {
        if !limbs.is_empty() {
            parts.push((factor, pointwise.form(RoundedIds::excess(limbs, dims))));
        }
    }
    Ok(parts)
}

/// The table and key form of a lookup of `z + 2^15`.
pub fn offset_key(z: TensorId, dims: usize) -> Linear {
    Linear::tensor(z, dims).plus_constant(1 << 15)
}

/// `form + value` at the padded positions of a domain.
pub fn padded_constant(form: Linear, value: i128, domain: &Domain) -> Linear {
    let real = all_real(domain);
    if real.is_empty() {
        return form;
    }
    form.plus_constant(value).plus_constant_masked(-value, &real)
}
