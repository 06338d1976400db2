//! What a proof takes, known before it starts.

use zktrain_circuits::relation::{Group, Relation, Tensor};
use zktrain_circuits::verifier::columns::{ColumnKind, LeafLayout};

use crate::prove::ProveError;

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
pub fn estimate(relation: &Relation) -> u64 {
    let layout = &relation.layout;
    let tensors = layout.tensors().iter().filter(|t| !is_excess(&t.name));
    let cells: usize = tensors.map(|t| t.pieces().iter().map(|p| p.len).sum::<usize>()).sum();
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
    cells as u64 * BYTES_PER_CELL
        + leaves * BYTES_PER_LEAF
        + (BYTES_PER_POSITION << layout.row_log)
        + BYTES_FIXED
}

fn is_excess(name: &str) -> bool {
    name.contains(".high") || name.contains(".low")
}

/// Real cells that a proof commits to itself: updates and trace.
pub fn own_cells(relation: &Relation) -> usize {
    own_tensors(relation).map(Tensor::cells).sum()
}

/// Stored cells of these tensors, padding inside them included.
pub fn own_stored(relation: &Relation) -> usize {
    own_tensors(relation).map(|t| t.pieces().iter().map(|piece| piece.len).sum::<usize>()).sum()
}

fn own_tensors(relation: &Relation) -> impl Iterator<Item = &Tensor> {
    let layout = &relation.layout;
    let rows = layout.rows.iter().filter(|r| matches!(r.group, Group::Update(_) | Group::Trace));
    let first = rows.map(|r| r.index << layout.row_log).min().unwrap_or(0);
    let own = layout.tensors().iter().filter(move |t| t.base >= first);
    own.filter(|t| !t.name.starts_with("update.padding"))
}

/// Refuses a proof that needs more memory than the machine has available.
///
/// # Errors
/// [`ProveError::Memory`] with both numbers.
pub fn check(relation: &Relation) -> Result<(), ProveError> {
    let needed = estimate(relation);
    match available() {
        Some(available) if available < needed => {
            Err(ProveError::Memory { needed_mb: needed >> 20, available_mb: available >> 20 })
        }
        _ => Ok(()),
    }
}

/// Bytes of memory that a new program could have, where the system says.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes << 10)
}
