//! A relation whose rows are counted, but not listed yet.

use super::builder::RelationBuilder;
use super::error::CompileError;
use crate::relation::{Allocator, Relation, TensorId};

/// All tensors and constraints. What it takes to make one depends on the number of layers alone,
/// whatever their widths, the batch and the steps are.
pub(crate) struct Draft {
    pub(super) builder: RelationBuilder,
    pub(super) allocator: Allocator,
    /// The tables' multiplicities.
    pub(super) counts: Vec<TensorId>,
}

impl Draft {
    /// The relation.
    pub fn finish(self) -> Result<Relation, CompileError> {
        self.builder.finish(self.allocator.finish(), &self.counts)
    }

    /// The relation with an empty list of rows, and how many rows it would list.
    pub fn outline(self) -> Result<(Relation, u64), CompileError> {
        let rows = self.allocator.row_count();
        Ok((self.builder.finish(self.allocator.outline(), &self.counts)?, rows))
    }
}
