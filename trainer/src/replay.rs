//! A chain's training: window after window, in the order that its nonce draws.

use zktrain_model::manifest::Network;
use zktrain_model::schedule::window_order;
use zktrain_model::trace::{OptimizerState, Parameters, Trace};

use crate::dataset::Dataset;
use crate::train::{TrainError, Trainer, last_state};

/// Why there is no next window.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The data fill not one window.
    #[error("{got} rows for training do not fill one window of {expected}")]
    NoWindow {
        /// Rows of a window.
        expected: usize,
        /// Rows of the data.
        got: usize,
    },
    /// Training is refused.
    #[error(transparent)]
    Train(#[from] TrainError),
}

/// Deterministic training: run once to learn, and again, by the prover, to have the traces.
pub struct Replay<'a> {
    trainer: Trainer,
    data: &'a Dataset,
    nonce: [u8; 32],
    order: Vec<usize>,
    index: usize,
    model: Parameters,
    state: Option<OptimizerState>,
}

impl<'a> Replay<'a> {
    /// Training from the first model.
    ///
    /// # Errors
    /// If the network's layers are no graph.
    pub fn new(
        network: &Network,
        data: &'a Dataset,
        nonce: [u8; 32],
        model: Parameters,
    ) -> Result<Self, TrainError> {
        let trainer = Trainer::new(network.clone())?;
        Ok(Self { trainer, data, nonce, order: Vec::new(), index: 0, model, state: None })
    }

    /// The model after the windows so far.
    pub fn model(&self) -> &Parameters {
        &self.model
    }

    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// Trains on the next window; its number and its trace.
    ///
    /// # Errors
    /// If the data have no window or training is refused.
    pub fn next_window(&mut self) -> Result<(u64, Trace), ReplayError> {
        let network = self.trainer.network();
        let windows = self.data.windows(network);
        let (expected, got) = (network.window(), self.data.rows());
        let too_short = || ReplayError::NoWindow { expected, got };
        let position = self.index.checked_rem(windows).ok_or_else(too_short)?;
        if position == 0 {
            let epoch = (self.index / windows) as u64;
            self.order = window_order(self.nonce, epoch, windows);
        }
        let window = self.order.get(position).copied().ok_or_else(too_short)?;
        let (x, y) = self.data.window(network, window).ok_or_else(too_short)?;
        let trace = self.trainer.train_window(&self.model, self.state.as_ref(), x, y)?;
        self.state = last_state(network, &trace);
        self.model = trace.after.clone();
        self.index += 1;
        Ok((window as u64, trace))
    }
}
