//! From a validated network to the relation that one proof shows.
//!
//! Only networks whose relations' sizes are known to be within somebody's limits
//! are compiled: [`crate::size::Bounded`]. A constraint that cannot be written is an error,
//! [`CompileError`]: nothing is left out.

mod builder;
pub mod dataset;
mod draft;
mod error;
mod gadgets;
mod slots;
pub mod tables;
mod tensors;
#[cfg(test)]
mod tests;
pub mod training;
mod wide;

pub(crate) use builder::{PointwiseBuilder, RelationBuilder, all_real, axes, next, real_positions};
pub use builder::{RoundedIds, TableKind};
pub use dataset::{DatasetIds, compile_dataset};
pub(crate) use dataset::{draft_dataset, window_rows};
pub use error::CompileError;
pub(crate) use gadgets::{
    Bound, constrain_rounding, offset_key, padded_constant, rounded_operands,
};
pub(crate) use slots::Declaration;
pub use slots::{Slot, SlotIds, Slots};
pub(crate) use training::draft_training;
pub use training::{LayerIds, ParameterIds, TrainingIds, compile_training};
pub(crate) use wide::constrain_digits;
pub use wide::{DigitStack, WideIds};
