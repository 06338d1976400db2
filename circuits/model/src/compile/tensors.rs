//! The tensors of a trace, declared once: listed to be placed, then taken in the same order.

use super::builder::{RoundedIds, next, rounding_parts};
use super::error::CompileError;
use crate::manifest::RoundSpec;
use crate::relation::{Allocator, Group, TensorId};

/// What operators declare their tensors to.
pub(crate) enum Tensors {
    /// Nothing is placed yet. Until then a tensor goes by its number in this list.
    Listed(Wanted),
    /// Everything is.
    Placed {
        /// The tensors, in the order of the list.
        ids: std::vec::IntoIter<TensorId>,
        /// The slices of each stack.
        slices: std::vec::IntoIter<Vec<TensorId>>,
    },
}

/// Tensors to be placed.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Names and sizes.
    list: Vec<(String, Vec<usize>)>,
    /// Which of them are stacks, and the names of their slices.
    stacks: Vec<(usize, Vec<String>)>,
}

impl Tensors {
    /// Nothing listed yet.
    pub fn none() -> Self {
        Self::Listed(Wanted::default())
    }

    /// Places what was listed, and these behind it, as one group.
    ///
    /// # Errors
    /// If not everything that was listed is there.
    pub fn place(
        self,
        allocator: &mut Allocator,
        group: Group,
        more: Vec<(String, Vec<usize>)>,
    ) -> Result<Self, CompileError> {
        let Self::Listed(Wanted { mut list, stacks }) = self else {
            return Err(CompileError::Exhausted);
        };
        list.extend(more);
        let ids = allocator.place(group, &list);
        let slices = stacks.into_iter().map(|(stack, names)| {
            let (expected, id) = (names.len(), ids.get(stack).ok_or(CompileError::Exhausted)?);
            let slices = allocator.slice(*id, names);
            let got = slices.len();
            let wrong = CompileError::Tensors { part: "slices of a stack", expected, got };
            if expected == got { Ok(slices) } else { Err(wrong) }
        });
        let slices = slices.collect::<Result<Vec<_>, _>>()?;
        Ok(Self::Placed { ids: ids.into_iter(), slices: slices.into_iter() })
    }

    /// Tensors that were placed and not taken.
    pub fn left(self) -> Vec<TensorId> {
        match self {
            Self::Listed(_) => Vec::new(),
            Self::Placed { ids, .. } => ids.collect(),
        }
    }

    /// One tensor.
    ///
    /// # Errors
    /// If fewer were placed.
    pub fn plain(&mut self, name: String, sizes: &[usize]) -> Result<TensorId, CompileError> {
        match self {
            Self::Listed(Wanted { list, .. }) => {
                list.push((name, sizes.to_vec()));
                Ok(TensorId(list.len() - 1))
            }
            Self::Placed { ids, .. } => next(ids),
        }
    }

    /// A stack of tensors of these sizes, one a name, and its slices.
    ///
    /// # Errors
    /// As [`Self::plain`].
    pub fn stack(
        &mut self,
        name: String,
        slices: Vec<String>,
        sizes: &[usize],
    ) -> Result<(TensorId, Vec<TensorId>), CompileError> {
        let sizes: Vec<usize> = [slices.len()].into_iter().chain(sizes.iter().copied()).collect();
        let stack = self.plain(name, &sizes)?;
        let slices = match self {
            Self::Listed(Wanted { stacks, .. }) => {
                let ids = vec![stack; slices.len()];
                stacks.push((stack.0, slices));
                ids
            }
            Self::Placed { slices, .. } => slices.next().ok_or(CompileError::Exhausted)?,
        };
        Ok((stack, slices))
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
