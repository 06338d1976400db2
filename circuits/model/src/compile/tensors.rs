//! The tensors of a trace, declared once: listed to be placed, then taken in the same order.

use super::builder::{RoundedIds, next, rounding_parts};
use super::error::CompileError;
use crate::manifest::RoundSpec;
use crate::relation::TensorId;

/// What operators declare their tensors to.
pub(crate) enum Tensors {
    /// Nothing is placed yet: names and sizes. Until then a tensor goes by its number in this list.
    Listed(Vec<(String, Vec<usize>)>),
    /// The tensors, in the order of that list.
    Placed(std::vec::IntoIter<TensorId>),
}

impl Tensors {
    /// Names and sizes that were listed.
    pub fn names(self) -> Vec<(String, Vec<usize>)> {
        match self {
            Self::Listed(list) => list,
            Self::Placed(_) => Vec::new(),
        }
    }

    /// Tensors that were placed and not taken.
    pub fn left(self) -> Vec<TensorId> {
        match self {
            Self::Listed(_) => Vec::new(),
            Self::Placed(ids) => ids.collect(),
        }
    }

    /// One tensor.
    ///
    /// # Errors
    /// If fewer were placed.
    pub fn plain(&mut self, name: String, sizes: &[usize]) -> Result<TensorId, CompileError> {
        match self {
            Self::Listed(list) => {
                list.push((name, sizes.to_vec()));
                Ok(TensorId(list.len() - 1))
            }
            Self::Placed(ids) => next(ids),
        }
    }

    /// A rounding, its quotient first.
    ///
    /// # Errors
    /// As [`Self::plain`].
    pub fn rounded(
        &mut self,
        name: &str,
        spec: &RoundSpec,
        sizes: &[usize],
    ) -> Result<RoundedIds, CompileError> {
        let q = self.plain(format!("{name}.q"), sizes)?;
        self.rest(name, spec, q, sizes)
    }

    /// A rounding but for its quotient, which is somewhere else.
    ///
    /// # Errors
    /// As [`Self::plain`].
    pub fn rest(
        &mut self,
        name: &str,
        spec: &RoundSpec,
        q: TensorId,
        sizes: &[usize],
    ) -> Result<RoundedIds, CompileError> {
        let parts = rounding_parts(name, spec, sizes).into_iter();
        let ids: Result<Vec<_>, _> = parts.map(|(name, sizes)| self.plain(name, &sizes)).collect();
        RoundedIds::take(*spec, q, &mut ids?.into_iter())
    }
}
