//! What a proof takes, known before it starts.

mod limits;

use zktrain_model::relation::{Domain, Group, Product, Relation, Tensor};
use zktrain_model::size::{is_excess, memory};

use crate::prove::ProveError;

/// Real cells that a proof commits to itself: updates and trace.
pub fn own_cells(relation: &Relation) -> usize {
    own_tensors(relation).map(Tensor::cells).sum()
}

/// Those of them that are not excesses: these are nearly always zero, and a zero takes next to no time.
pub fn own_dense(relation: &Relation) -> usize {
    own_tensors(relation).filter(|tensor| !is_excess(&tensor.name)).map(Tensor::cells).sum()
}

/// Entries of both operands of all products.
pub fn operand_entries(relation: &Relation) -> usize {
    let size = |domain: &Domain| domain.axes.iter().map(|axis| axis.size).product::<usize>();
    let operands = |p: &Product| size(&p.left_domain()) + size(&p.right_domain());
    relation.products.iter().map(operands).sum()
}

/// Stored cells of these tensors, padding inside them included.
pub fn own_stored(relation: &Relation) -> usize {
    own_tensors(relation).map(|t| t.stored() as usize).sum()
}

fn own_tensors(relation: &Relation) -> impl Iterator<Item = &Tensor> {
    let layout = &relation.layout;
    let rows = layout.rows.iter().filter(|r| matches!(r.group, Group::Update(_) | Group::Trace));
    let first = rows.map(|r| r.index << layout.row_log).min().unwrap_or(0);
    let own = layout.whole().filter(move |t| t.base >= first);
    let padding = ["update.padding", "moments.padding"];
    own.filter(move |t| !padding.iter().any(|name| t.name.starts_with(name)))
}

/// Refuses a proof that needs more memory than the machine has available, or than its container or
/// its user's limits leave to this process.
///
/// # Errors
/// [`ProveError::Memory`] with both numbers.
pub fn check(relation: &Relation) -> Result<(), ProveError> {
    let needed = memory(relation);
    match limits::available() {
        Some(available) if available < needed => {
            Err(ProveError::Memory { needed_mb: needed >> 20, available_mb: available >> 20 })
        }
        _ => Ok(()),
    }
}
