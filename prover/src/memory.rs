//! What a proof takes, known before it starts.

use zktrain_circuits::relation::{Group, Relation, Tensor};
use zktrain_circuits::verifier::columns::{ColumnKind, LeafLayout};

use crate::prove::ProveError;

/// Bytes at the peak for each stored leaf of the lookup argument, measured.
const BYTES_PER_LEAF: u64 = 150;
/// Bytes for each entry of the sheet: the sheet itself and one materialised form.
const BYTES_PER_ENTRY: u64 = 12;
/// Bytes for each entry of a row: mask, folds and quotients of the opening,
/// and the reference string.
const BYTES_PER_POSITION: u64 = 1024;

/// An upper estimate of a proof's memory in bytes: linear in the sheet.
pub fn estimate(relation: &Relation) -> u64 {
    let layout = &relation.layout;
    let entries = (layout.rows.len() as u64) << layout.row_log;
    let leaves: u64 = LeafLayout::of(relation)
        .columns
        .iter()
        .map(|column| match column.kind {
            ColumnKind::Table(_) => 1u64 << column.log,
            ColumnKind::Lookup(index) => {
                let lookup = relation.lookups.get(index);
                // Excesses are nearly constant and take no leaves of their own.
                let sparse = lookup.is_some_and(|l| {
                    l.label.contains(".high") || l.label.contains(".low")
                });
                if sparse { 0 } else { lookup.map_or(0, |l| l.domain.stored() as u64) }
            }
        })
        .sum();
    entries * BYTES_PER_ENTRY + leaves * BYTES_PER_LEAF + (BYTES_PER_POSITION << layout.row_log)
}

/// Real cells that a proof commits to itself: updates and trace.
pub fn own_cells(relation: &Relation) -> usize {
    own_tensors(relation).map(Tensor::cells).sum()
}

/// Stored cells of these tensors, padding inside them included.
pub fn own_stored(relation: &Relation) -> usize {
    own_tensors(relation)
        .map(|t| t.pieces().iter().map(|piece| piece.len).sum::<usize>())
        .sum()
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
        Some(available) if available < needed => Err(ProveError::Memory {
            needed_mb: needed >> 20,
            available_mb: available >> 20,
        }),
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
