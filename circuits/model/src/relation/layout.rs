//! Where tensors lie in the sheet, and which rows of the sheet exist.
//!
//! The sheet is a matrix with rows of `2^c` cells. Its address space has gaps:
//! a row that holds nothing but padding is never committed and is zero by
//! definition. Rows come in groups, and the statement lists their commitments
//! in the order of the groups.

use std::collections::BTreeMap;
use std::fmt;

use super::tensor::{Axis, Dim, Tensor, TensorId};

/// Who commits to a row, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The window of the registered dataset with this position in the sheet.
    Data(usize),
    /// The parameters before.
    Parameters,
    /// The optimizer's state before.
    State,
    /// Function tables, pinned by the manifest.
    Tables,
    /// The update of step `t`.
    Update(usize),
    /// Everything else: the prover's alone.
    Trace,
}

/// One row of the sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowSlot {
    /// Whose it is.
    pub group: Group,
    /// Its number in the address space: the address of its first cell over `2^c`.
    pub index: u64,
}

/// What a tensor without cells of its own is: another one at one index of its outermost dimension.
///
/// Tensors that are alike lie in a stack so that one constraint holds of all of them, while others name each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The tensor that has the cells.
    pub stack: TensorId,
    /// The index.
    pub at: usize,
}

impl Slice {
    /// Place and dimensions in this stack; none beyond its end.
    pub fn of(self, stack: &Tensor) -> Option<(u64, &[Dim])> {
        let (outer, inner) = stack.dims.split_first()?;
        let there = self.at < outer.axis.size;
        there.then_some((stack.base + ((self.at as u64) << outer.shift), inner))
    }
}

/// The placed tensors and the rows that exist, in the order of the statement.
#[derive(Clone)]
pub struct SheetLayout {
    /// Rows have `2^row_log` cells.
    pub row_log: u32,
    /// Addresses have this many bits.
    pub address_log: u32,
    /// Rows, by group and address.
    pub rows: Vec<RowSlot>,
    tensors: Vec<Tensor>,
    slices: BTreeMap<TensorId, Slice>,
}

/// Slices only where there are some: digests of other relations are what they were before there were any.
impl fmt::Debug for SheetLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row_log, address_log, rows, tensors, slices } = self;
        let mut all = f.debug_struct("SheetLayout");
        all.field("row_log", row_log).field("address_log", address_log);
        all.field("rows", rows).field("tensors", tensors);
        if !slices.is_empty() {
            all.field("slices", slices);
        }
        all.finish()
    }
}

impl SheetLayout {
    /// The tensor of that name.
    ///
    /// # Panics
    /// On an id of another layout.
    #[allow(clippy::indexing_slicing)] // ids come from the allocator of this layout
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// All tensors, in the order of their ids, slices of others among them.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The tensors that have cells of their own.
    pub fn whole(&self) -> impl Iterator<Item = &Tensor> + '_ {
        let all = self.tensors.iter().enumerate();
        all.filter(|(id, _)| !self.slices.contains_key(&TensorId(*id))).map(|(_, tensor)| tensor)
    }

    /// All slices of tensors.
    pub fn slices(&self) -> impl Iterator<Item = (TensorId, Slice)> + '_ {
        self.slices.iter().map(|(id, slice)| (*id, *slice))
    }

    /// With a slice that is said to be another one than it is.
    #[cfg(test)]
    pub(crate) fn moved(mut self, id: TensorId, slice: Slice) -> Self {
        self.slices.insert(id, slice);
        self
    }

    /// Finds a tensor by name.
    pub fn find(&self, name: &str) -> Option<TensorId> {
        self.tensors.iter().position(|t| t.name == name).map(TensorId)
    }

    /// Variables that number the rows.
    pub fn hi_log(&self) -> u32 {
        self.address_log - self.row_log
    }

    /// Positions (in `rows`) of a group's rows.
    pub fn group_rows(&self, group: Group) -> impl Iterator<Item = usize> + '_ {
        let rows = self.rows.iter().enumerate();
        rows.filter(move |(_, row)| row.group == group).map(|(position, _)| position)
    }

    /// Real cells of all tensors: the entries that are committed.
    pub fn cells(&self) -> usize {
        self.whole().map(Tensor::cells).sum()
    }
}

/// Whose the copies of a run of rows are.
#[derive(Clone, Copy, Debug)]
enum Owner {
    /// One group's.
    One(Group),
    /// One group's each.
    Each(fn(usize) -> Group),
}

impl Owner {
    fn group(self, copy: usize) -> Group {
        match self {
            Self::One(group) => group,
            Self::Each(group) => group(copy),
        }
    }
}

/// Consecutive rows that exist, and copies of them at equal distances: what is known of them
/// does not grow with their number.
#[derive(Clone, Copy, Debug)]
struct Run {
    owner: Owner,
    first: u64,
    count: u64,
    copies: usize,
    /// Rows from one copy to the next.
    stride: u64,
}

impl Run {
    fn rows(self) -> impl Iterator<Item = RowSlot> {
        (0..self.copies).flat_map(move |copy| {
            let first = self.first + copy as u64 * self.stride;
            let group = self.owner.group(copy);
            (first..first + self.count).map(move |index| RowSlot { group, index })
        })
    }
}

/// Places tensors, group after group.
#[derive(Clone, Debug)]
pub struct Allocator {
    row_log: u32,
    cursor: u64,
    /// One past the last cell that a tensor covers.
    used: u64,
    tensors: Vec<Tensor>,
    slices: BTreeMap<TensorId, Slice>,
    /// No row is in two of them.
    runs: Vec<Run>,
}

impl Allocator {
    /// An empty sheet with rows of `2^row_log` cells.
    pub fn new(row_log: u32) -> Self {
        let (tensors, slices) = (Vec::new(), BTreeMap::new());
        Self { row_log, cursor: 0, used: 0, tensors, slices, runs: Vec::new() }
    }

    /// Places a group's tensors, the largest first, from a fresh row on.
    /// Returns ids in the order given.
    pub fn place(&mut self, group: Group, wanted: &[(String, Vec<usize>)]) -> Vec<TensorId> {
        let arranged = self.arrange(group, wanted);
        let mut ids: Vec<(usize, TensorId)> = arranged
            .into_iter()
            .map(|(position, Tensor { name, base, dims })| (position, self.push(name, base, dims)))
            .collect();
        ids.sort_unstable_by_key(|(position, _)| *position);
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// A group's tensors from a fresh row on, the largest first, each with its position among
    /// those wanted.
    fn arrange(&mut self, group: Group, wanted: &[(String, Vec<usize>)]) -> Vec<(usize, Tensor)> {
        let log = |sizes: &[usize]| sizes.iter().map(|s| Axis::new(*s).log).sum::<u32>();
        let mut order: Vec<_> = wanted.iter().enumerate().collect();
        order.sort_by_key(|(_, (_, sizes))| core::cmp::Reverse(log(sizes)));
        self.align(self.row_log);
        let mut arranged = Vec::with_capacity(wanted.len());
        for (position, (name, sizes)) in order {
            self.align(log(sizes));
            let tensor = Tensor { name: name.clone(), base: self.cursor, dims: contiguous(sizes) };
            self.mark_rows(&tensor, group);
            self.cursor += 1 << log(sizes);
            arranged.push((position, tensor));
        }
        self.used = self.cursor;
        self.align(self.row_log);
        arranged
    }

    /// Names the first slices of a tensor that was placed, as many as it has or there are names.
    pub fn slice(&mut self, stack: TensorId, names: Vec<String>) -> Vec<TensorId> {
        let mut ids = Vec::with_capacity(names.len());
        for (at, name) in names.into_iter().enumerate() {
            let slice = Slice { stack, at };
            let place = self.tensors.get(stack.0).and_then(|stack| slice.of(stack));
            let Some((base, dims)) = place.map(|(base, dims)| (base, dims.to_vec())) else { break };
            let id = self.push(name, base, dims);
            self.slices.insert(id, slice);
            ids.push(id);
        }
        ids
    }

    /// What is left of the last row that [`Self::arrange`] used, as tensors: for
    /// rows whose every cell must be accounted for.
    fn arrange_rest(&mut self, name: &str) -> Vec<Tensor> {
        let end = self.cursor;
        let last = self.runs.last().map(|run| run.first + run.count);
        let exists = last == Some(end >> self.row_log);
        let mut rest = Vec::new();
        while self.used < end && exists {
            let log = self.used.trailing_zeros().min((end - self.used).ilog2());
            let (name, dims) = (format!("{name}{}", rest.len()), contiguous(&[1 << log]));
            rest.push(Tensor { name, base: self.used, dims });
            self.used += 1 << log;
        }
        rest
    }

    /// Places `steps` copies of a block of tensors, each copy aligned to whole
    /// rows, as tensors with one more (outermost) dimension. All blocks of the
    /// same shapes have the same inner offsets, whatever `steps` is: their
    /// rows can be added. With a name for it, the rest of the last row becomes
    /// tensors too, after those wanted.
    pub fn place_blocks(
        &mut self,
        steps: usize,
        group: fn(usize) -> Group,
        wanted: &[(String, Vec<usize>)],
        rest: Option<&str>,
    ) -> Vec<TensorId> {
        let mut inner = Allocator::new(self.row_log);
        let mut arranged = inner.arrange(Group::Trace, wanted);
        arranged.sort_unstable_by_key(|(position, _)| *position);
        let rest = rest.map_or_else(Vec::new, |name| inner.arrange_rest(name));
        let tensors: Vec<Tensor> =
            arranged.into_iter().map(|(_, tensor)| tensor).chain(rest).collect();
        let block_log = inner.cursor.next_power_of_two().trailing_zeros().max(self.row_log);
        let outer = Dim { axis: Axis::new(steps), shift: block_log };
        self.align(block_log + outer.axis.log);
        let base = self.cursor;
        self.runs.extend(inner.runs.iter().map(|run| Run {
            owner: Owner::Each(group),
            first: (base >> self.row_log) + run.first,
            count: run.count,
            copies: steps,
            stride: 1 << (block_log - self.row_log),
        }));
        let placed = tensors
            .into_iter()
            .map(|tensor| {
                let dims = core::iter::once(outer).chain(tensor.dims).collect();
                self.push(tensor.name, base + tensor.base, dims)
            })
            .collect();
        self.cursor += 1 << (block_log + outer.axis.log);
        placed
    }

    /// The tensors placed so far, in the order of their ids.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Rows that exist; knows them without listing them.
    pub fn row_count(&self) -> u64 {
        let copies = self.runs.iter().map(|run| run.count.saturating_mul(run.copies as u64));
        copies.fold(0, u64::saturating_add)
    }

    /// The finished layout.
    pub fn finish(self) -> SheetLayout {
        let mut rows: Vec<RowSlot> = self.runs.iter().flat_map(|run| run.rows()).collect();
        rows.sort_unstable_by_key(|row| (row.group, row.index));
        SheetLayout { rows, ..self.outline() }
    }

    /// The finished layout but for its list of rows, which is left empty.
    pub fn outline(self) -> SheetLayout {
        let address_log = self.cursor.next_power_of_two().trailing_zeros().max(self.row_log);
        let Self { row_log, tensors, slices, .. } = self;
        SheetLayout { row_log, address_log, rows: vec![], tensors, slices }
    }

    fn align(&mut self, log: u32) {
        self.cursor = self.cursor.next_multiple_of(1 << log);
    }

    fn push(&mut self, name: String, base: u64, dims: Vec<Dim>) -> TensorId {
        self.tensors.push(Tensor { name, base, dims });
        TensorId(self.tensors.len() - 1)
    }

    /// Enters the rows of a contiguous tensor that lies behind all others.
    fn mark_rows(&mut self, tensor: &Tensor, group: Group) {
        let last = (tensor.base + tensor.stored().saturating_sub(1)) >> self.row_log;
        let known = self.runs.last().map_or(0, |run| run.first + run.count);
        let first = (tensor.base >> self.row_log).max(known);
        if first <= last {
            let (owner, count) = (Owner::One(group), last - first + 1);
            self.runs.push(Run { owner, first, count, copies: 1, stride: 0 });
        }
    }
}

fn contiguous(sizes: &[usize]) -> Vec<Dim> {
    let mut shift = 0;
    let mut dims: Vec<Dim> = sizes
        .iter()
        .rev()
        .map(|size| {
            let dim = Dim { axis: Axis::new(*size), shift };
            shift += dim.axis.log;
            dim
        })
        .collect();
    dims.reverse();
    dims
}
