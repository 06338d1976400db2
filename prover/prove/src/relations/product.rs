//! One matrix product's share: `Σ_{o,k} eq(r_o, o)·F(o,k)·H(o,k)` where `F` and
//! `H` are the operands with their own result axis folded at the first point.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Zero};
use rayon::prelude::*;
use zktrain_commit::sheet::Sheet;
use zktrain_model::relation::{Axis, AxisFactor, DimMap, Domain, Linear, Product};
use zktrain_msm::accumulate::{SignedAccumulator, axpy_i32, dot_i32};
use zktrain_msm::eq::eq_table;

use super::{Instance, bind_low};
use crate::materialize::{ValueRange, materialize};

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
    /// If an operand does not fit 32 bits.
    pub fn new(sheet: &Sheet, product: &Product, first: &[Fr]) -> Result<Self, ValueRange> {
        let [o, x, y, k] = product.axes;
        let (at_y, rest) = first.split_at(y.log as usize);
        let (at_x, rest) = rest.split_at(x.log as usize);
        let eq = eq_table(&rest[..o.log as usize]);
        let left = fold(sheet, &product.left, [o, x, k], &eq_table(at_x))?;
        let right = fold(sheet, &product.right, [o, y, k], &eq_table(at_y))?;
        Ok(Self { variables: product.variables(), left, right, eq, summed: k.log })
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

/// `Σ_x eq(x)·form(o, x, k)` at index `o·2^{log k} + k`.
///
/// The form is evaluated with its axes in the order in which its first tensor
/// stores them, so that memory is read in order.
fn fold(
    sheet: &Sheet,
    form: &Linear,
    axes: [Axis; 3],
    weights: &[Fr],
) -> Result<Vec<Fr>, ValueRange> {
    const FOLDED: usize = 1;
    let order = natural_order(form);
    let domain = Domain { axes: order.iter().map(|axis| axes[*axis]).collect() };
    let values = materialize(sheet, &permuted(form, order), &domain)?;
    let [o, _, k] = axes;
    let stride = |axis: usize| match axis {
        0 => 1usize << k.log,
        2 => 1,
        _ => 0,
    };
    let mut out = vec![Fr::zero(); 1 << (o.log + k.log)];
    let sizes = order.map(|axis| 1usize << axes[axis].log);
    let position = order.iter().position(|axis| *axis == FOLDED).unwrap_or(FOLDED);
    let strides = order.map(stride);
    match position {
        2 => fold_inner(&values, sizes, strides, weights, &mut out),
        1 => fold_middle(&values, sizes, strides, weights, &mut out),
        _ => fold_outer(&values, sizes, strides, weights, &mut out),
    }
    Ok(out)
}

/// Axes of a three-axis domain in the order of the first tensor's dimensions.
fn natural_order(form: &Linear) -> [usize; 3] {
    let dims = form.terms.first().map(|t| t.dims.as_slice()).unwrap_or_default();
    let mut order: Vec<usize> = dims
        .iter()
        .filter_map(|map| match map {
            DimMap::Axis(axis) | DimMap::Before(axis) | DimMap::Previous(axis) => Some(*axis),
            DimMap::Sum => None,
        })
        .collect();
    // An axis that the first tensor does not have goes outermost.
    for axis in 0..3 {
        if !order.contains(&axis) {
            order.insert(0, axis);
        }
    }
    [order[0], order[1], order[2]]
}

fn permuted(form: &Linear, order: [usize; 3]) -> Linear {
    let place = |axis: usize| order.iter().position(|a| *a == axis).unwrap_or(axis);
    let mut form = form.clone();
    for term in &mut form.terms {
        for map in &mut term.dims {
            *map = match *map {
                DimMap::Axis(axis) => DimMap::Axis(place(axis)),
                DimMap::Before(axis) => DimMap::Before(place(axis)),
                DimMap::Previous(axis) => DimMap::Previous(place(axis)),
                DimMap::Sum => DimMap::Sum,
            };
        }
        for factor in &mut term.factors {
            *factor = match *factor {
                AxisFactor::First(axis) => AxisFactor::First(place(axis)),
                AxisFactor::Below(axis, bound) => AxisFactor::Below(place(axis), bound),
            };
        }
    }
    form
}

fn fold_inner(
    values: &[i32],
    sizes: [usize; 3],
    strides: [usize; 3],
    weights: &[Fr],
    out: &mut [Fr],
) {
    let sums: Vec<Fr> = values.par_chunks(sizes[2]).map(|row| dot_i32(weights, row)).collect();
    for (index, sum) in sums.into_iter().enumerate() {
        let (a, b) = (index / sizes[1], index % sizes[1]);
        out[a * strides[0] + b * strides[1]] = sum;
    }
}

/// Columns that one task keeps in flight.
const BLOCK: usize = 64;

fn fold_middle(
    values: &[i32],
    sizes: [usize; 3],
    strides: [usize; 3],
    weights: &[Fr],
    out: &mut [Fr],
) {
    for (a, plane) in values.chunks(sizes[1] * sizes[2]).enumerate() {
        let folded = fold_rows_blocked(plane, sizes[2], weights);
        for (c, sum) in folded.into_iter().enumerate() {
            out[a * strides[0] + c * strides[2]] = sum;
        }
    }
}

fn fold_outer(
    values: &[i32],
    sizes: [usize; 3],
    strides: [usize; 3],
    weights: &[Fr],
    out: &mut [Fr],
) {
    let folded = fold_rows_blocked(values, sizes[1] * sizes[2], weights);
    for (index, sum) in folded.into_iter().enumerate() {
        let (b, c) = (index / sizes[2], index % sizes[2]);
        out[b * strides[1] + c * strides[2]] = sum;
    }
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
