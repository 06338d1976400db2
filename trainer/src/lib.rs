//! Datasets, quantization and the integer training loop that emits the trace.
//!
//! A [`dataset::Table`] of real numbers is read from files, scaled as the manifest
//! says and rounded to a [`dataset::Dataset`]; [`train::Trainer`] runs the integer
//! semantics of `docs/quantization.md` on its windows and returns the trace that the
//! prover commits to. [`calibrate()`] chooses the scales beforehand, on public or
//! synthetic data, and [`mod@reference`] is the same algorithm in double precision.
//!
//! ```
//! use zktrain_trainer::train::Trainer;
//! use zktrain_trainer::{initial_parameters, synthetic, window_metrics};
//!
//! let manifest = synthetic::manifest(&[4, 3, 2], 8, 1)?;
//! let network = manifest.network()?;
//! let data = synthetic::samples(&manifest, network.window(), 1)?.quantized(&network);
//! let model = initial_parameters(&network, 1);
//! let trainer = Trainer::new(network.clone())?;
//! let trace = trainer.train_window(&model, None, &data.inputs, &data.labels)?;
//! assert!(window_metrics(&network, &trace).loss > 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod accuracy;
mod architecture;
mod calibrate;
pub mod dataset;
pub mod export;
mod history;
mod images;
mod init;
mod looks;
mod metrics;
mod parameters;
pub mod preset;
pub mod reference;
pub mod replay;
pub mod synthetic;
pub mod train;
pub mod transformer;

pub use architecture::{Architecture, architecture, architectures};
pub use calibrate::{CalibrationError, Remedy, calibrate};
pub use history::{DrawError, History, Point};
pub use images::{Images, hidden_layers, shape};
pub use init::{ClassWeights, DraftError, DraftOptions, Scaling, draft};
pub use looks::looks_like;
pub use metrics::{Metrics, evaluate, window_metrics};
pub use parameters::{initial_floats, initial_parameters, to_floats};
