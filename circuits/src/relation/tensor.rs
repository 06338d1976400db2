//! Tensors: sub-cubes of the sheet's address space.

/// Names a tensor of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorId(pub usize);

/// One axis of a domain: `size` real positions, padded to `2^log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Real positions.
    pub size: usize,
    /// `⌈log2 size⌉`
    pub log: u32,
}

impl Axis {
    /// An axis of `size ≥ 1` positions.
    pub fn new(size: usize) -> Self {
        Self { size, log: size.next_power_of_two().trailing_zeros() }
    }
}

/// A box of axes, the outermost first. Flat indices are padded: the innermost
/// axis takes the low bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The axes, the outermost first.
    pub axes: Vec<Axis>,
}

impl Domain {
    /// A domain of the given sizes, the outermost first.
    pub fn new(sizes: &[usize]) -> Self {
        Self { axes: sizes.iter().map(|size| Axis::new(*size)).collect() }
    }

    /// Variables of the padded domain.
    pub fn log(&self) -> u32 {
        self.axes.iter().map(|a| a.log).sum()
    }

    /// First bit of axis `index` within a flat index.
    pub fn bit(&self, index: usize) -> u32 {
        self.axes.iter().skip(index + 1).map(|a| a.log).sum()
    }

    /// The padded flat range as aligned runs with a constant tail each: what
    /// padding an outer axis adds is never stored or worked on.
    pub fn runs(&self) -> Vec<Run> {
        let (outer, span_log, len) = split_runs(self.axes.iter().map(|a| (a.size, a.log)));
        let outer = self.axes.get(..outer).unwrap_or_default();
        let mut starts = vec![0usize];
        for axis in outer {
            starts = starts
                .iter()
                .flat_map(|s| (0..axis.size).map(move |i| (s << axis.log) + i))
                .collect();
        }
        starts.iter().map(|s| Run { start: s << span_log, log: span_log, len }).collect()
    }
}

/// An aligned piece of a flat index range: `len` stored positions from
/// `start`, padded to `2^log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First flat index, a multiple of `2^log`.
    pub start: usize,
    /// The piece covers `2^log` indices.
    pub log: u32,
    /// Leading indices that can be non-constant.
    pub len: usize,
}

/// Pieces shorter than this are not worth a run of their own.
const MIN_RUN_LOG: u32 = 10;

/// How many outer axes stay outside a run, the run's padded size and its length.
fn split_runs(axes: impl DoubleEndedIterator<Item = (usize, u32)> + ExactSizeIterator) -> (usize, u32, usize) {
    let mut outer = axes.len();
    let (mut log, mut len) = (0u32, 1usize);
    for (size, axis_log) in axes.rev() {
        let full = len == 1usize << log;
        if !full && log >= MIN_RUN_LOG {
            break;
        }
        len = size << log;
        log += axis_log;
        outer -= 1;
    }
    (outer, log, len)
}

/// One dimension of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dim {
    /// Real and padded size.
    pub axis: Axis,
    /// Position of this dimension's lowest bit in a sheet address.
    pub shift: u32,
}

/// A tensor's place: cell `x` has address `base + Σ_d x_d·2^{shift_d}`.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Name, for people and tests.
    pub name: String,
    /// Address of the first cell; zero in every bit that a dimension covers.
    pub base: u64,
    /// Dimensions, the outermost first.
    pub dims: Vec<Dim>,
}

impl Tensor {
    /// The padded domain that the tensor fills.
    pub fn domain(&self) -> Domain {
        Domain { axes: self.dims.iter().map(|d| d.axis).collect() }
    }

    /// Address of the cell at `index` (one entry a dimension).
    pub fn address(&self, index: &[usize]) -> u64 {
        let offsets = self.dims.iter().zip(index).map(|(d, x)| (*x as u64) << d.shift);
        self.base + offsets.sum::<u64>()
    }

    /// Address of a padded flat index.
    pub fn flat_address(&self, flat: usize) -> u64 {
        let mut rest = flat as u64;
        let mut address = self.base;
        for dim in self.dims.iter().rev() {
            address += (rest & ((1 << dim.axis.log) - 1)) << dim.shift;
            rest >>= dim.axis.log;
        }
        address
    }

    /// Low bits of a flat index that are also the low bits of an address offset.
    pub fn contiguous_log(&self) -> u32 {
        let mut log = 0;
        for dim in self.dims.iter().rev() {
            if dim.axis.log > 0 && dim.shift != log {
                break;
            }
            log += dim.axis.log;
        }
        log
    }

    /// One bit above the highest bit that a dimension covers.
    pub fn span_log(&self) -> u32 {
        self.dims.iter().map(|d| d.shift + d.axis.log).max().unwrap_or(0)
    }

    /// Real cells.
    pub fn cells(&self) -> usize {
        self.dims.iter().map(|d| d.axis.size).product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_skip_the_padding_of_an_outer_axis() {
        let runs = Domain::new(&[2, 784, 128]).runs();
        assert_eq!(runs.len(), 2);
        assert_eq!(runs[1], Run { start: 1 << 17, log: 17, len: 784 * 128 });
        let whole = Domain::new(&[2, 32, 10]).runs();
        assert_eq!(whole, vec![Run { start: 0, log: 10, len: 1024 }]);
        let full = Domain::new(&[4, 1024, 64]).runs();
        assert_eq!(full, vec![Run { start: 0, log: 18, len: 1 << 18 }]);
    }
}
