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
    /// State given to an optimizer that has none.
    #[error("an optimizer state was given, but the manifest has neither momentum nor Adam")]
    UnexpectedState,
    /// State of another optimizer.
    #[error("expected an optimizer state of {expected} numbers a parameter, got {got}")]
    State {
        /// Blocks that the optimizer has.
        expected: usize,
        /// Blocks found.
        got: usize,
    },
    /// A moment beyond what it can be.
    #[error("a moment of layer {layer} is {value}, which must be {min} to {max}")]
    Moment {
        /// Index of the layer.
        layer: usize,
        /// The smallest that it can be.
        min: i32,
        /// The largest.
        max: i32,
        /// What it is.
        value: i64,
    },
    /// A chain that is longer than its rates.
    #[error("the chain has {got} steps with this window; the manifest allows {max}")]
    TooManySteps {
        /// Steps that a chain may have.
        max: usize,
        /// Steps that there would be.
        got: usize,
    },
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
