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

    /// The axes of several domains in a row.
    pub fn joined<'a>(parts: impl IntoIterator<Item = &'a Domain>) -> Self {
        Self { axes: parts.into_iter().flat_map(|part| part.axes.iter().copied()).collect() }
    }

    /// Variables of the padded domain.
    pub fn log(&self) -> u32 {
        self.axes.iter().map(|a| a.log).sum()
    }

    /// First bit of axis `index` within a flat index.
    pub fn bit(&self, index: usize) -> u32 {
        self.axes.iter().skip(index + 1).map(|a| a.log).sum()
    }

    /// Leading flat indices that can hold anything: what padding the outermost
    /// axis adds is never stored or worked on.
    pub fn stored(&self) -> usize {
        let inner: u32 = self.axes.iter().skip(1).map(|a| a.log).sum();
        self.axes.first().map_or(1, |a| a.size) << inner
    }
}

/// A contiguous piece of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Flat index of its first cell.
    pub flat: usize,
    /// Address of its first cell.
    pub address: u64,
    /// Stored cells.
    pub len: usize,
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

    /// The dimensions that separate pieces, and the box of one piece.
    fn split(&self) -> (&[Dim], Domain) {
        let mut inner_log = 0;
        let mut outer = self.dims.len();
        for dim in self.dims.iter().rev() {
            if dim.axis.log > 0 && dim.shift != inner_log {
                break;
            }
            inner_log += dim.axis.log;
            outer -= 1;
        }
        // An axis of one position leaves the padding of the next one outermost.
        let inner_dims = self.dims.iter().skip(outer);
        outer += inner_dims.take_while(|dim| dim.axis.log == 0).count();
        let (outer, inner) = self.dims.split_at(outer);
        (outer, Domain { axes: inner.iter().map(|d| d.axis).collect() })
    }

    /// Cells that are stored: those of all pieces.
    pub fn stored(&self) -> u64 {
        let (outer, inner) = self.split();
        outer.iter().map(|dim| dim.axis.size as u64).product::<u64>() * inner.stored() as u64
    }

    /// The tensor as pieces that are contiguous in flat index and address, the
    /// padding of each piece's outermost dimension left out.
    pub fn pieces(&self) -> Vec<Piece> {
        let (outer, inner) = self.split();
        let inner_log = inner.log();
        let mut flats = vec![0usize];
        for dim in outer {
            let extend = |flat: &usize| {
                let flat = *flat;
                (0..dim.axis.size).map(move |x| (flat << dim.axis.log) + x)
            };
            flats = flats.iter().flat_map(extend).collect();
        }
        let piece = |flat: usize| Piece {
            flat: flat << inner_log,
            address: self.flat_address(flat << inner_log),
            len: inner.stored(),
        };
        flats.into_iter().map(piece).collect()
    }

    /// One bit above the highest bit that a dimension covers.
    pub fn span_log(&self) -> u32 {
        let dims = self.dims.iter().filter(|d| d.axis.log > 0);
        dims.map(|d| d.shift + d.axis.log).max().unwrap_or(0)
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
    fn padding_of_the_outermost_axis_is_not_stored() {
        assert_eq!(Domain::new(&[784, 2, 128]).stored(), 784 * 256);
        assert_eq!(Domain::new(&[10, 2, 32]).stored(), 640);
    }

    #[test]
    fn a_strided_tensor_falls_into_pieces() {
        let dim = |size, shift| Dim { axis: Axis::new(size), shift };
        let tensor = Tensor {
            name: String::new(),
            base: 1 << 12,
            dims: vec![dim(2, 10), dim(5, 3), dim(8, 0)],
        };
        let pieces = tensor.pieces();
        assert_eq!(pieces.len(), 2);
        assert_eq!(tensor.stored(), 80);
        assert_eq!(pieces[1], Piece { flat: 64, address: (1 << 12) + (1 << 10), len: 40 });
    }

    #[test]
    fn a_leading_axis_of_one_position_does_not_store_padding() {
        let dim = |size, shift| Dim { axis: Axis::new(size), shift };
        let dims = vec![dim(1, 10), dim(5, 3), dim(8, 0)];
        let tensor = Tensor { name: String::new(), base: 0, dims };
        assert_eq!(tensor.pieces(), [Piece { flat: 0, address: 0, len: 40 }]);
    }
}
