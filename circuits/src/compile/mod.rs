//! From a validated network to the relation that one proof shows.

mod builder;
pub mod dataset;
mod gadgets;
mod layer;
mod loss;
pub mod tables;
pub mod training;

pub use builder::{RoundedIds, TableKind};
pub use dataset::{DatasetIds, compile_dataset};
pub use training::{LayerIds, LossIds, ParameterIds, TrainingIds, compile_training};
