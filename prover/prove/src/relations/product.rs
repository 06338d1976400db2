//! One matrix product's share: `Σ_{o,k} eq(r_o, o)·F(o,k)·H(o,k)` where `F` and
//! `H` are the operands with their own result axis folded at the first point.

use core::ops::Range;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Zero};
use rayon::prelude::*;
use zktrain_commit::sheet::Sheet;
use zktrain_model::relation::{DimMap, Domain, Linear, Product};
use zktrain_msm::accumulate::{SignedAccumulator, axpy_i32, dot_i32};
use zktrain_msm::eq::eq_table;

use super::{Instance, bind_low};
use crate::materialize::{ValueRange, materialize, materialize_wide};

/// The state of one product's sumcheck.
pub struct ProductInstance {
    variables: usize,
    left: Vec<Fr>,
    right: Vec<Fr>,
    /// `eq(r_o, o)`, bound once the summed axis is.
    eq: Vec<Fr>,
    /// Variables of the summed axis that are left.
    summed: u32,
}

impl ProductInstance {
    /// Folds the operands at the first point.
    ///
    /// # Errors
    /// If an operand of more than `WIDE` positions does not fit 32 bits.
    pub fn new(sheet: &Sheet, product: &Product, first: &[Fr]) -> Result<Self, ValueRange> {
        let [o, x, y, k] = &product.axes;
        let (at_y, rest) = first.split_at(y.log() as usize);
        let (at_x, rest) = rest.split_at(x.log() as usize);
        let eq = eq_table(&rest[..o.log() as usize]);
        let left = fold(sheet, &product.left, [o, x, k], at_x)?;
        let right = fold(sheet, &product.right, [o, y, k], at_y)?;
        Ok(Self { variables: product.variables(), left, right, eq, summed: k.log() })
    }

    /// The product at the first point, before any variable is bound.
    pub fn value(&self) -> Fr {
        let width = self.left.len() / self.eq.len();
        let rows = self.left.chunks(width).zip(self.right.chunks(width));
        rows.zip(&self.eq).map(|((l, r), eq)| inner(l, r) * eq).sum()
    }

    /// The left operand at the end.
    pub fn left(&self) -> Fr {
        self.left.first().copied().unwrap_or_default()
    }

    /// The right operand at the end.
    pub fn right(&self) -> Fr {
        self.right.first().copied().unwrap_or_default()
    }
}

fn inner(left: &[Fr], right: &[Fr]) -> Fr {
    left.iter().zip(right).map(|(l, r)| *l * r).sum()
}

impl Instance for ProductInstance {
    fn variables(&self) -> usize {
        self.variables
    }

    fn univariate(&self) -> Vec<Fr> {
        let mut sums = [Fr::ZERO; 4];
        let width = 1usize << self.summed;
        let pairs = self.left.chunks(2).zip(self.right.chunks(2)).enumerate();
        for (index, (l, r)) in pairs {
            let (low, high, square) = (l[0] * r[0], l[1] * r[1], (l[1] - l[0]) * (r[1] - r[0]));
            let cross = high - low - square;
            if self.summed > 0 {
                let eq = self.eq[2 * index / width];
                sums[0] += eq * low;
                sums[1] += eq * cross;
                sums[2] += eq * square;
            } else {
                let (e, slope) = (self.eq[2 * index], self.eq[2 * index + 1] - self.eq[2 * index]);
                sums[0] += e * low;
                sums[1] += e * cross + slope * low;
                sums[2] += e * square + slope * cross;
                sums[3] += slope * square;
            }
        }
        sums.to_vec()
    }

    fn bind(&mut self, challenge: Fr) {
        bind_low(&mut self.left, challenge);
        bind_low(&mut self.right, challenge);
        match self.summed.checked_sub(1) {
            Some(left) => self.summed = left,
            None => bind_low(&mut self.eq, challenge),
        }
    }

    fn last(&self) -> Fr {
        self.left() * self.right() * self.eq.first().copied().unwrap_or_default()
    }
}

/// `Σ_x eq(x)·form(o, x, k)` at index `o·2^{log k} + k`; `at` is the point of `x`.
///
/// The form is evaluated with its axes in the order in which its first tensor
/// stores them, so that memory is read in order.
fn fold(
    sheet: &Sheet,
    form: &Linear,
    [o, x, k]: [&Domain; 3],
    at: &[Fr],
) -> Result<Vec<Fr>, ValueRange> {
    let all = Domain::joined([o, x, k]);
    let folded = o.axes.len()..o.axes.len() + x.axes.len();
    let order = Order::of(form, all.axes.len(), &folded);
    let domain = Domain { axes: order.axes.iter().map(|axis| all.axes[*axis]).collect() };
    let permuted = order.permuted(form);
    let values = match materialize(sheet, &permuted, &domain) {
        Ok(values) => Values::Narrow(values),
        Err(range) if domain.stored() > WIDE => return Err(range),
        Err(_) => Values::Wide(materialize_wide(sheet, &permuted, &domain)),
    };
    let weights = eq_table(&order.point(x, at));
    let result = Domain::joined([o, k]);
    let place = |axes: &[usize]| {
        // Axes of the result are numbered without those that are folded.
        let number = |axis: usize| if axis < folded.start { axis } else { axis - x.axes.len() };
        offsets(&result, axes.iter().map(|axis| number(*axis)))
    };
    let (outer, inner) = (place(order.outer()), place(order.inner()));
    let mut out = vec![Fr::zero(); 1 << result.log()];
    let len = weights.len() * inner.len();
    let sums: Vec<Vec<Fr>> = match &values {
        Values::Narrow(values) => {
            values.par_chunks(len).map(|plane| fold_plane(plane, inner.len(), &weights)).collect()
        }
        Values::Wide(values) => {
            values.par_chunks(len).map(|plane| fold_wide(plane, inner.len(), &weights)).collect()
        }
    };
    for (sums, outer) in sums.iter().zip(&outer) {
        for (sum, inner) in sums.iter().zip(&inner) {
            out[outer + inner] = *sum;
        }
    }
    Ok(out)
}

/// Positions of an operand that may need 64 bits, one for each channel or row and step: more have 32 in every honest witness of
/// sheets that there are.
const WIDE: usize = 1 << 26;

/// An operand's values.
enum Values {
    Narrow(Vec<i32>),
    Wide(Vec<i64>),
}

/// Axes in the order of memory, the folded ones in a row.
struct Order {
    axes: Vec<usize>,
    /// Where the folded ones stand in `axes`.
    folded: Range<usize>,
    /// The number of the first folded axis.
    first: usize,
}

impl Order {
    /// The order of the first tensor's dimensions. Axes that it does not have go outermost, and folded
    /// ones innermost where they would not be next to each other.
    fn of(form: &Linear, count: usize, folded: &Range<usize>) -> Self {
        let dims = form.terms.first().map(|term| term.dims.as_slice()).unwrap_or_default();
        let mut axes: Vec<usize> = Vec::with_capacity(count);
        // Of a window where it lies: places in it follow no order of memory.
        let followed = |map: &DimMap| match map {
            DimMap::Window(window) => [Some(window.at), None],
            other => {
                let mut axes = other.axes();
                [axes.next(), axes.next()]
            }
        };
        let stored: Vec<usize> = dims.iter().flat_map(followed).flatten().collect();
        for axis in stored.iter().copied().chain(0..count) {
            match axes.contains(&axis) {
                true => {}
                false if stored.contains(&axis) => axes.push(axis),
                false => axes.insert(0, axis),
            }
        }
        let is_folded = |axis: &usize| folded.contains(axis);
        let start = axes.iter().position(is_folded).unwrap_or(axes.len());
        let together = axes.iter().skip(start).take(folded.len()).all(is_folded);
        if !together {
            axes.sort_by_key(is_folded);
        }
        let start = if together { start } else { count - folded.len() };
        Self { axes, folded: start..start + folded.len(), first: folded.start }
    }

    fn outer(&self) -> &[usize] {
        &self.axes[..self.folded.start]
    }

    fn inner(&self) -> &[usize] {
        &self.axes[self.folded.end..]
    }

    fn permuted(&self, form: &Linear) -> Linear {
        let place = |axis: usize| self.axes.iter().position(|a| *a == axis).unwrap_or(axis);
        let mut form = form.clone();
        for term in &mut form.terms {
            term.dims.iter_mut().for_each(|map| *map = map.renumbered(place));
            term.factors.iter_mut().for_each(|factor| *factor = factor.renumbered(place));
        }
        form
    }

    /// The point of the folded axes `x`, in this order; the lowest bit first, as it is given.
    fn point(&self, x: &Domain, at: &[Fr]) -> Vec<Fr> {
        let folded = self.axes[self.folded.clone()].iter().rev();
        let coordinates = folded.flat_map(|axis| {
            let axis = axis - self.first;
            let start = x.bit(axis) as usize;
            &at[start..start + x.axes[axis].log as usize]
        });
        coordinates.copied().collect()
    }
}

/// Flat indices of `domain` as the numbers of the given axes run, the last one fastest; the others'
/// are zero.
fn offsets(domain: &Domain, axes: impl Iterator<Item = usize>) -> Vec<usize> {
    axes.fold(vec![0], |offsets, axis| {
        let bit = domain.bit(axis);
        let count = 1usize << domain.axes[axis].log;
        let numbers = |offset: usize| (0..count).map(move |index| offset + (index << bit));
        offsets.into_iter().flat_map(numbers).collect()
    })
}

/// Columns that one task keeps in flight.
const BLOCK: usize = 64;

/// `Σ_i weights[i]·plane[i·width + j]` for every `j`.
fn fold_plane(plane: &[i32], width: usize, weights: &[Fr]) -> Vec<Fr> {
    match width {
        1 => vec![dot_i32(&weights[..plane.len()], plane)],
        _ => fold_rows_blocked(plane, width, weights),
    }
}

/// The same of values that need 64 bits.
fn fold_wide(plane: &[i64], width: usize, weights: &[Fr]) -> Vec<Fr> {
    let mut sums = vec![Fr::ZERO; width];
    for (row, weight) in plane.chunks(width).zip(weights) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += *weight * Fr::from(*value));
    }
    sums
}

/// `Σ_i weights[i]·values[i·width + j]` for every `j`.
fn fold_rows_blocked(values: &[i32], width: usize, weights: &[Fr]) -> Vec<Fr> {
    let starts: Vec<usize> = (0..width).step_by(BLOCK).collect();
    let blocks = starts.par_iter().map(|start| {
        let end = (start + BLOCK).min(width);
        let mut sums = [SignedAccumulator::default(); BLOCK];
        for (row, weight) in values.chunks(width).zip(weights) {
            axpy_i32(&mut sums[..end - start], weight, &row[*start..end]);
        }
        sums[..end - start].iter().map(SignedAccumulator::finish).collect::<Vec<_>>()
    });
    blocks.flatten().collect()
}
