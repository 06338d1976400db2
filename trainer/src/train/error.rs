//! What can go wrong when training starts. Once it has, operators refuse only what the checks before
//! it have refused already.

use zktrain_model::graph::GraphError;
use zktrain_model::operators::Untraced;

/// Parameters, state or data that do not fit the network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A tensor of the wrong length.
    #[error("{what} of layer {layer}: expected {expected} entries, got {got}")]
    Parameters {
        /// Which tensor.
        what: &'static str,
        /// Index of the linear layer.
        layer: usize,
        /// Entries that the network needs.
        expected: usize,
        /// Entries found.
        got: usize,
    },
    /// Parameters or state for another number of layers.
    #[error("expected parameters of {expected} layers, got {got}")]
    Layers {
        /// Linear layers of the network.
        expected: usize,
        /// Layers found.
        got: usize,
    },
    /// A parameter beyond what the static bounds allow.
    #[error("a parameter of layer {layer} is {got}, which must stay below 2^{bits} in magnitude")]
    ParameterRange {
        /// Index of the linear layer.
        layer: usize,
        /// Bits of the bound.
        bits: u32,
        /// The parameter.
        got: i32,
    },
    /// State given without momentum.
    #[error("an optimizer state was given, but the manifest has no momentum")]
    UnexpectedState,
    /// A window of the wrong length.
    #[error("{what} of the window: expected {expected} entries, got {got}")]
    Window {
        /// Inputs or labels.
        what: &'static str,
        /// Entries that `T·B` samples have.
        expected: usize,
        /// Entries found.
        got: usize,
    },
    /// A label that is not one-hot, or not a bit.
    #[error("the label of sample {sample} is not what the loss needs")]
    Label {
        /// Index within the window.
        sample: usize,
    },
    /// A trace whose indices would not fit 32 bits.
    #[error("a window of {got} entries in one tensor is too large, at most {max}")]
    TooLarge {
        /// Largest number of entries in one tensor of the trace.
        max: usize,
        /// Entries needed.
        got: usize,
    },
    /// Layers that are no graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Gradients of different lengths that arrive at the same values.
    #[error("gradients that arrive at the same values: expected {expected} entries, got {got}")]
    Arriving {
        /// Entries of the first.
        expected: usize,
        /// Entries of another.
        got: usize,
    },
    /// Parameters or a trace that an operator cannot work on.
    #[error(transparent)]
    Operator(#[from] Untraced),
    /// A network without a loss, or whose loss has another's trace.
    #[error("the network's loss and its trace do not fit")]
    Loss,
}
