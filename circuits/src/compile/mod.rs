//! From a validated network to the relation that one proof shows.
//!
//! Only networks whose relations' sizes are known to be within somebody's limits
//! are compiled: [`crate::size::Bounded`].

mod builder;
pub mod dataset;
mod draft;
mod gadgets;
mod layer;
mod loss;
pub mod tables;
pub mod training;

pub use builder::{RoundedIds, TableKind};
pub use dataset::{DatasetIds, compile_dataset};
pub(crate) use dataset::{draft_dataset, window_rows};
pub(crate) use training::draft_training;
pub use training::{LayerIds, LossIds, ParameterIds, TrainingIds, compile_training};
