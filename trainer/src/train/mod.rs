//! Integer training: the steps of one proof and the trace they leave.

mod check;
mod error;
mod forward;
mod kernels;
mod product;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub use error::TrainError;
pub use forward::Forward;
pub use state::last_state;

pub(crate) use check::{parameters as check_parameters, shape as check_shape};

use zktrain_model::manifest::Network;
use zktrain_model::trace::{OptimizerState, Parameters, Trace};

/// A network with its function tables: create once, train many windows.
#[derive(Debug, Clone)]
pub struct Trainer {
    network: Network,
    forward: Forward,
    /// One a step of a chain; with Adam only.
    rates: Vec<i32>,
}

impl Trainer {
    /// Computes the function tables of `network`.
    ///
    /// # Errors
    /// If its layers are no graph: no manifest lowers to such.
    pub fn new(network: Network) -> Result<Self, TrainError> {
        let forward = Forward::new(&network)?;
        let rates = network.adam.as_ref().map_or_else(Vec::new, |adam| adam.rates.values());
        Ok(Self { network, forward, rates })
    }

    /// The network being trained.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Adam's rate after so many steps of the chain.
    fn rate(&self, steps: u32) -> Option<i32> {
        self.rates.get(steps as usize).copied()
    }

    /// The forward pass alone.
    pub fn forward(&self) -> &Forward {
        &self.forward
    }

    /// Runs the `T` steps of one window and returns everything they computed.
    ///
    /// `state` is what the previous window has left of the optimizer ([`last_state`]), none at the
    /// start of a chain and of an optimizer without one. `inputs` is `(T·B, input)` and
    /// `labels` `(T·B, output)`, both row-major. The result is the same to the bit
    /// on every machine and for every number of threads.
    ///
    /// # Errors
    /// When a shape is wrong, a label is not what the loss needs, or a parameter is
    /// outside the static bounds.
    pub fn train_window(
        &self,
        before: &Parameters,
        state: Option<&OptimizerState>,
        inputs: &[i16],
        labels: &[i16],
    ) -> Result<Trace, TrainError> {
        check::check(&self.network, before, state, inputs, labels)?;
        self.run(before, state, inputs, labels)
    }
}

/// [`Trainer::train_window`] for a single window.
///
/// # Errors
/// As there.
pub fn train_window(
    network: &Network,
    before: &Parameters,
    state: Option<&OptimizerState>,
    inputs: &[i16],
    labels: &[i16],
) -> Result<Trace, TrainError> {
    Trainer::new(network.clone())?.train_window(before, state, inputs, labels)
}
