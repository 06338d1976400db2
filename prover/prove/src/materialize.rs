//! Evaluates a linear form on its whole domain, in integers.

mod sliding;

use rayon::prelude::*;
use zktrain_commit::sheet::Sheet;
use zktrain_model::relation::{AxisFactor, DimMap, Domain, Linear, Term, apart};

use sliding::SlidingCursor;

/// A form's value does not fit 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a linear form takes the value {value}, which does not fit 32 bits")]
pub struct ValueRange {
    pub value: i64,
}

/// Flat indices that one task works on.
const CHUNK: usize = 1 << 14;

/// The form at the stored indices of the domain.
///
/// # Errors
/// If a value does not fit 32 bits: no honest witness has one.
pub fn materialize(sheet: &Sheet, form: &Linear, domain: &Domain) -> Result<Vec<i32>, ValueRange> {
    let stored = domain.stored();
    let whole = form.terms.iter().any(|t| t.dims.iter().any(is_running) || is_compared(t));
    let mut values = vec![0i32; stored];
    if whole {
        let mut wide = vec![0i64; stored];
        for term in &form.terms {
            add_term(sheet, term, domain, &mut wide);
        }
        narrow(&wide, &mut values)?;
        return Ok(values);
    }
    values.par_chunks_mut(CHUNK).enumerate().try_for_each(|(index, out)| {
        let mut wide = vec![0i64; out.len()];
        for term in &form.terms {
            add(sheet, term, domain, index * CHUNK, &mut wide);
        }
        narrow(&wide, out)
    })?;
    Ok(values)
}

/// The same where values need 64 bits: of forms over few positions.
pub fn materialize_wide(sheet: &Sheet, form: &Linear, domain: &Domain) -> Vec<i64> {
    let mut values = vec![0i64; domain.stored()];
    form.terms.iter().for_each(|term| add_term(sheet, term, domain, &mut values));
    values
}

/// The domain with as much padding of its outermost axis as the form needs:
/// none, unless a tensor that does not have that axis reaches into it.
pub fn support(form: &Linear, domain: &Domain) -> Domain {
    let reaches = |term: &Term| {
        let follows = |map: &DimMap| map.axes().any(|axis| axis == 0);
        let masked = term.factors.iter().any(|factor| factor.is_over(0));
        term.tensor.is_some() && !term.dims.iter().any(follows) && !masked
    };
    let mut domain = domain.clone();
    if let (true, Some(axis)) = (form.terms.iter().any(reaches), domain.axes.first_mut()) {
        axis.size = 1 << axis.log;
    }
    domain
}

fn is_running(dim: &DimMap) -> bool {
    matches!(dim, DimMap::Before(_) | DimMap::Previous(_))
}

fn narrow(wide: &[i64], out: &mut [i32]) -> Result<(), ValueRange> {
    for (to, value) in out.iter_mut().zip(wide) {
        *to = i32::try_from(*value).map_err(|_| ValueRange { value: *value })?;
    }
    Ok(())
}

/// Whether a factor compares the indices of two axes.
fn is_compared(term: &Term) -> bool {
    term.factors.iter().any(|factor| matches!(factor, AxisFactor::NotAfter(..)))
}

/// Adds a term to `out`; a running total, a shift along an axis or a comparison of two acts on the
/// plain values of the term.
fn add_term(sheet: &Sheet, term: &Term, domain: &Domain, out: &mut [i64]) {
    if is_compared(term) {
        add_compared(sheet, term, domain, out);
        return;
    }
    let Some(position) = term.dims.iter().position(is_running) else {
        fill(sheet, term, domain, out);
        return;
    };
    let (axis, total) = match term.dims[position] {
        DimMap::Before(axis) => (axis, true),
        DimMap::Previous(axis) => (axis, false),
        DimMap::Axis(_) | DimMap::Sum | DimMap::Window(_) | DimMap::Joined(..) => return,
    };
    let mut plain = term.clone();
    plain.dims[position] = DimMap::Axis(axis);
    let mut values = vec![0i64; out.len()];
    fill(sheet, &plain, domain, &mut values);
    let stride = 1usize << domain.bit(axis);
    let count = 1usize << domain.axes[axis].log;
    out.chunks_mut(stride * count).zip(values.chunks(stride * count)).for_each(|(out, values)| {
        let mut carried = vec![0i64; stride];
        for (out, values) in out.chunks_mut(stride).zip(values.chunks(stride)) {
            for ((out, carried), value) in out.iter_mut().zip(&mut carried).zip(values) {
                *out += *carried;
                *carried = if total { *carried + value } else { *value };
            }
        }
    });
}

/// The same of a term with factors over two axes.
fn add_compared(sheet: &Sheet, term: &Term, domain: &Domain, out: &mut [i64]) {
    let (compared, plain): (Vec<_>, Vec<_>) =
        term.factors.iter().partition(|factor| matches!(factor, AxisFactor::NotAfter(..)));
    let plain = Term { factors: plain, ..term.clone() };
    let mut values = vec![0i64; out.len()];
    add_term(sheet, &plain, domain, &mut values);
    let index = |flat: usize, axis: usize| {
        let log = domain.axes.get(axis)?.log;
        Some((flat >> domain.bit(axis)) & ((1 << log) - 1))
    };
    for (flat, (out, value)) in out.iter_mut().zip(values).enumerate() {
        if compared.iter().all(|factor| factor.is_open(|axis| index(flat, axis))) {
            *out += value;
        }
    }
}

fn fill(sheet: &Sheet, term: &Term, domain: &Domain, out: &mut [i64]) {
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(index, out)| {
        add(sheet, term, domain, index * CHUNK, out);
    });
}

/// `out[i] += term at start + i`
fn add(sheet: &Sheet, term: &Term, domain: &Domain, start: usize, out: &mut [i64]) {
    for offset in summed(sheet, term) {
        match SlidingCursor::new(sheet, term, domain, offset) {
            Some(cursor) => cursor.add(start, out),
            None => TermCursor::new(sheet, term, domain, offset).add(start, out),
        }
    }
}

/// Offsets in the address of all positions that a term is summed over; one if it is not.
fn summed(sheet: &Sheet, term: &Term) -> Vec<u64> {
    let mut offsets = vec![0];
    let tensor = term.tensor.map(|id| sheet.layout().tensor(id));
    let dims = tensor.into_iter().flat_map(|tensor| tensor.dims.iter().zip(&term.dims));
    for (dim, _) in dims.filter(|(_, map)| **map == DimMap::Sum) {
        let each = |offset: u64| (0..1u64 << dim.axis.log).map(move |x| offset + (x << dim.shift));
        offsets = offsets.into_iter().flat_map(each).collect();
    }
    offsets
}

/// Indices of an axis at which a term is not masked out.
fn bound(term: &Term, axis: usize) -> usize {
    let bounds = term.factors.iter().filter_map(|factor| match factor {
        AxisFactor::First(own) => (*own == axis).then_some(1),
        AxisFactor::Below(own, bound) => (*own == axis).then_some(*bound),
        // Of no single axis: terms with it are masked as a whole.
        AxisFactor::NotAfter(..) => None,
    });
    bounds.min().unwrap_or(usize::MAX)
}

/// One axis, or several that a tensor stores as one.
#[derive(Clone, Copy, Debug)]
struct Loop {
    log: u32,
    /// Position in the address; none where the term does not depend on the axis.
    shift: Option<u32>,
    /// Indices at which the term is not masked out.
    below: usize,
}

/// Walks a term over flat indices.
struct TermCursor<'a> {
    sheet: &'a Sheet,
    coef: i64,
    base: Option<u64>,
    /// The outermost first.
    loops: Vec<Loop>,
}

impl<'a> TermCursor<'a> {
    fn new(sheet: &'a Sheet, term: &Term, domain: &Domain, offset: u64) -> Self {
        let tensor = term.tensor.map(|id| sheet.layout().tensor(id));
        let mut loops: Vec<Loop> = Vec::with_capacity(domain.axes.len());
        for (index, axis) in domain.axes.iter().enumerate() {
            let dims = tensor.map(|t| apart(&t.dims, &term.dims, domain)).into_iter().flatten();
            let shift = dims
                .filter(|(_, map)| *map == DimMap::Axis(index))
                .map(|(dim, _)| dim.shift)
                .next();
            push_loop(&mut loops, Loop { log: axis.log, shift, below: bound(term, index) });
        }
        Self { sheet, coef: term.coef as i64, base: tensor.map(|t| t.base + offset), loops }
    }

    /// `out[i] += term at start + i`
    fn add(&self, start: usize, out: &mut [i64]) {
        let Some((inner, outer)) = self.loops.split_last() else {
            let end = out.len();
            self.add_run(0, None, 0..end, out);
            return;
        };
        let length = 1usize << inner.log;
        let mut done = 0;
        while done < out.len() {
            let flat = start + done;
            let first = flat & (length - 1);
            let count = (length - first).min(out.len() - done);
            if let Some(offset) = outer_offset(outer, flat >> inner.log) {
                let end = (first + count).min(inner.below.max(first));
                let target = &mut out[done..done + end - first];
                self.add_run(offset, inner.shift, first..end, target);
            }
            done += count;
        }
    }

    fn add_run(
        &self,
        offset: u64,
        shift: Option<u32>,
        indices: core::ops::Range<usize>,
        out: &mut [i64],
    ) {
        let (Some(base), Some(shift)) = (self.base, shift) else {
            let value = match self.base {
                None => self.coef,
                Some(base) => self.coef * i64::from(cell(self.sheet, base + offset)),
            };
            out.iter_mut().for_each(|o| *o += value);
            return;
        };
        let base = base + offset;
        if shift == 0 {
            self.add_contiguous(base + indices.start as u64, out);
            return;
        }
        for (index, o) in indices.zip(out) {
            let address = base + ((index as u64) << shift);
            *o += self.coef * i64::from(cell(self.sheet, address));
        }
    }

    fn add_contiguous(&self, mut address: u64, mut out: &mut [i64]) {
        let length = 1usize << self.sheet.layout().row_log;
        while !out.is_empty() {
            let (row, offset) = self.sheet.row_at(address);
            let (now, rest) = out.split_at_mut(out.len().min(length - offset));
            let cells = row.get(offset..).unwrap_or(&[]);
            for (o, value) in now.iter_mut().zip(cells) {
                *o += self.coef * i64::from(*value);
            }
            address += now.len() as u64;
            out = rest;
        }
    }
}

fn cell(sheet: &Sheet, address: u64) -> i32 {
    let (row, offset) = sheet.row_at(address);
    row.get(offset).copied().unwrap_or(0)
}

/// Adds an axis, joined to the one outside it where the two are one in memory.
fn push_loop(loops: &mut Vec<Loop>, inner: Loop) {
    let free = inner.below == usize::MAX;
    if let Some(outer) = loops.last_mut() {
        let joined = match (outer.shift, inner.shift) {
            (Some(o), Some(i)) => o == i + inner.log,
            (None, None) => true,
            _ => inner.log == 0,
        };
        if joined && free && outer.below == usize::MAX {
            let shift = if inner.log == 0 { outer.shift } else { inner.shift };
            *outer = Loop { log: outer.log + inner.log, shift, below: usize::MAX };
            return;
        }
        if outer.log == 0 && outer.below == usize::MAX {
            *outer = inner;
            return;
        }
    }
    loops.push(inner);
}

/// Address offset of the outer loops at a flat index over them; none if masked.
fn outer_offset(outer: &[Loop], mut flat: usize) -> Option<u64> {
    let mut offset = 0;
    for axis in outer.iter().rev() {
        let index = flat & ((1usize << axis.log) - 1);
        flat >>= axis.log;
        if index >= axis.below {
            return None;
        }
        offset += axis.shift.map_or(0, |shift| (index as u64) << shift);
    }
    Some(offset)
}
