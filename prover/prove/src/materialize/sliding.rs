//! Terms along whose tensors windows slide.

use zktrain_commit::sheet::Sheet;
use zktrain_model::relation::{DimMap, Domain, Tensor, Term, apart};

use super::{bound, cell};

/// One axis of the domain.
#[derive(Clone, Copy, Debug)]
struct AxisWalk {
    log: u32,
    /// Position in the address; none where no dimension follows the axis alone.
    shift: Option<u32>,
    /// Indices at which the term is not masked out.
    below: usize,
}

/// Where a window leads, by its two axes.
struct Slide {
    at: usize,
    within: usize,
    /// Places are the inner index.
    places: usize,
    /// Offsets in the address.
    offsets: Vec<Option<u64>>,
}

impl Slide {
    fn offset(&self, index: &[usize]) -> Option<u64> {
        self.offsets[index[self.at] * self.places + index[self.within]]
    }
}

/// Walks such a term over flat indices, cell by cell.
pub struct SlidingCursor<'a> {
    sheet: &'a Sheet,
    coef: i64,
    base: u64,
    axes: Vec<AxisWalk>,
    slides: Vec<Slide>,
}

impl<'a> SlidingCursor<'a> {
    /// `None` if no window slides.
    pub fn new(sheet: &'a Sheet, term: &Term, domain: &Domain, offset: u64) -> Option<Self> {
        let tensor = sheet.layout().tensor(term.tensor?);
        let slides = slides(tensor, term, domain);
        if slides.is_empty() {
            return None;
        }
        let follows = |index: usize| {
            let mut dims = apart(&tensor.dims, &term.dims, domain);
            dims.find(|(_, map)| *map == DimMap::Axis(index)).map(|(dim, _)| dim.shift)
        };
        let axes = domain.axes.iter().enumerate().map(|(index, axis)| AxisWalk {
            log: axis.log,
            shift: follows(index),
            below: bound(term, index),
        });
        let axes = axes.collect();
        Some(Self { sheet, coef: term.coef as i64, base: tensor.base + offset, axes, slides })
    }

    /// `out[i] += term at start + i`
    pub fn add(&self, start: usize, out: &mut [i64]) {
        let mut index = vec![0usize; self.axes.len()];
        for (position, out) in out.iter_mut().enumerate() {
            let mut flat = start + position;
            for (index, axis) in index.iter_mut().zip(&self.axes).rev() {
                *index = flat & ((1 << axis.log) - 1);
                flat >>= axis.log;
            }
            if let Some(address) = self.address(&index) {
                *out += self.coef * i64::from(cell(self.sheet, address));
            }
        }
    }

    fn address(&self, index: &[usize]) -> Option<u64> {
        let mut address = self.base;
        for slide in &self.slides {
            address += slide.offset(index)?;
        }
        for (axis, index) in self.axes.iter().zip(index) {
            if *index >= axis.below {
                return None;
            }
            address += axis.shift.map_or(0, |shift| (*index as u64) << shift);
        }
        Some(address)
    }
}

fn slides(tensor: &Tensor, term: &Term, domain: &Domain) -> Vec<Slide> {
    let dims = tensor.dims.iter().zip(&term.dims);
    let slides = dims.filter_map(|(dim, map)| {
        let DimMap::Window(window) = map else { return None };
        let [at, within] = [window.at, window.within].map(|axis| domain.axes[axis].log);
        let places = 1usize << within;
        let mut offsets = vec![None; places << at];
        for (a, u, index) in window.cells(dim.axis.size) {
            offsets[a * places + u] = Some((index as u64) << dim.shift);
        }
        Some(Slide { at: window.at, within: window.within, places, offsets })
    });
    slides.collect()
}
