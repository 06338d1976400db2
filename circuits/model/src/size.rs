//! How large a network's relations are, known before they are compiled.
//!
//! A manifest of a kilobyte can ask for a relation of any size. [`Size`] is a function of the
//! network alone and takes time and memory that depend on the number of layers only; a reader
//! holds it against [`Limits`] and gets a [`Bounded`] network, which is what compiling takes.
//!
//! Sizes are not formulas beside the compiler: they are read off the compiler's own draft, whose
//! rows are counted as intervals and not listed. So they are exact.

mod limits;
#[cfg(test)]
mod tests;

pub use limits::{AdmitError, Bounded, ChunkError, Limit, Limits, TooLarge};

use crate::compile::{CompileError, draft_dataset, draft_training};
use crate::manifest::Network;
use crate::relation::Relation;
use crate::relation::columns::{ColumnKind, LeafLayout};

/// How large a relation is, and what a proof of it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows of the sheet, each one commitment in a proof.
    pub rows: u64,
    /// Bits of a cell's address.
    pub address_bits: u32,
    /// Leaves of the lookup argument's tree, a power of four.
    pub leaves: u64,
    /// Bytes of memory that proving takes: an estimate, linear in the sheet.
    pub memory: u64,
}

impl Size {
    /// The size of the relation of one training proof.
    ///
    /// # Errors
    /// If a constraint cannot be written.
    pub fn training(network: &Network) -> Result<Self, CompileError> {
        let (outline, rows) = draft_training(network)?.0.outline()?;
        Ok(Self::of(&outline, rows))
    }

    /// The size of the relation of a registration of so many windows, a power of two up to
    /// [`largest_chunk`](crate::chunks::largest_chunk).
    pub(crate) fn dataset(network: &Network, windows: usize) -> Result<Self, CompileError> {
        let (outline, rows) = draft_dataset(network, windows)?.0.outline()?;
        Ok(Self::of(&outline, rows))
    }

    /// The size of a relation of so many rows, whether its layout lists them or not.
    fn of(relation: &Relation, rows: u64) -> Self {
        Self {
            rows,
            address_bits: relation.layout.address_log,
            leaves: 1 << LeafLayout::of(relation).log,
            memory: memory(relation),
        }
    }
}

/// Bytes at the peak for each stored leaf of the lookup argument: its key, its
/// share of the tree, and what a round keeps of both.
const BYTES_PER_LEAF: u64 = 60;
/// Bytes for each stored cell: the sheet itself and one materialised form.
const BYTES_PER_CELL: u64 = 8;
/// Bytes for each entry of a row: mask, folds and quotients of the opening,
/// and the reference string.
const BYTES_PER_POSITION: u64 = 1024;
/// Bytes that every proof takes.
const BYTES_FIXED: u64 = 16 << 20;

/// An upper estimate of a proof's memory in bytes: linear in the sheet.
///
/// Excesses, which are nearly always zero, are taken to need no memory.
pub fn memory(relation: &Relation) -> u64 {
    let layout = &relation.layout;
    let tensors = layout.whole().filter(|t| !is_excess(&t.name));
    let cells: u64 = tensors.map(|t| t.stored()).sum();
    let leaves: u64 = LeafLayout::of(relation)
        .columns
        .iter()
        .map(|column| match column.kind {
            ColumnKind::Table(_) => 1u64 << column.log,
            ColumnKind::Lookup(index) => relation
                .lookups
                .get(index)
                .filter(|lookup| !is_excess(&lookup.label))
                .map_or(0, |lookup| lookup.domain.stored() as u64),
        })
        .sum();
    cells
        .saturating_mul(BYTES_PER_CELL)
        .saturating_add(leaves.saturating_mul(BYTES_PER_LEAF))
        .saturating_add((BYTES_PER_POSITION << layout.row_log) + BYTES_FIXED)
}

/// Whether a tensor or a lookup is of a limb of an excess: `….high0`, `….low1`.
pub fn is_excess(name: &str) -> bool {
    let limb = |part: &str, side: &str| {
        let number = part.strip_prefix(side);
        number.is_some_and(|k| !k.is_empty() && k.bytes().all(|digit| digit.is_ascii_digit()))
    };
    name.split('.').any(|part| limb(part, "high") || limb(part, "low"))
}
