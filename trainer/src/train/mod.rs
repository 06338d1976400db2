//! Integer training: the steps of one proof and the trace they leave.

mod check;
mod error;
mod forward;
mod kernels;
mod product;
mod step;
#[cfg(test)]
mod tests;

pub use error::TrainError;
pub use forward::Forward;

pub(crate) use check::{parameters as check_parameters, shape as check_shape};

use zktrain_model::manifest::Network;
use zktrain_model::trace::{Parameters, Trace};

/// A network with its function tables: create once, train many windows.
#[derive(Debug, Clone)]
pub struct Trainer {
    network: Network,
    forward: Forward,
}

impl Trainer {
    /// Computes the function tables of `network`.
    ///
    /// # Errors
    /// If its layers are no graph: no manifest lowers to such.
    pub fn new(network: Network) -> Result<Self, TrainError> {
        let forward = Forward::new(&network)?;
        Ok(Self { network, forward })
    }

    /// The network being trained.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The forward pass alone.
    pub fn forward(&self) -> &Forward {
        &self.forward
    }

    /// Runs the `T` steps of one window and returns everything they computed.
    ///
    /// `state` is the previous window's last update ([`last_update`]), none at the
    /// start of a chain or without momentum. `inputs` is `(T·B, input)` and
    /// `labels` `(T·B, output)`, both row-major. The result is the same to the bit
    /// on every machine and for every number of threads.
    ///
    /// # Errors
    /// When a shape is wrong, a label is not what the loss needs, or a parameter is
    /// outside the static bounds.
    pub fn train_window(
        &self,
        before: &Parameters,
        state: Option<&Parameters>,
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
    state: Option<&Parameters>,
    inputs: &[i16],
    labels: &[i16],
) -> Result<Trace, TrainError> {
    Trainer::new(network.clone())?.train_window(before, state, inputs, labels)
}

/// The last step's update, which is the optimizer's state for the next window;
/// none without momentum.
pub fn last_update(network: &Network, trace: &Trace) -> Option<Parameters> {
    network.momentum.then(|| step::update_at(network, trace, network.steps - 1))
}
