//! Which operators there are. A new one is a file in this folder and a line here.

use serde::{Deserialize, Serialize};

use super::arithmetic::{Pass, SavedTensors, TensorKernels, Untraced};
use super::{Arithmetic, LayerState, LossFunction, Role};
use super::{add, affine::Affine, attention, avg_pool2d, batch_norm, conv2d, linear, max_pool2d};
use super::{gelu, leaky_relu, relu, sigmoid, silu, smooth::Smooth, tabulated::Tabulated, tanh};
use super::{logistic, mse, positions, row_norm::RowNorm, row_softmax, scale, softmax};
use crate::trace::{LayerParameters, LayerTrace};

macro_rules! layers {
    ($($(#[$doc:meta])* $kind:ident, $name:literal, $version:literal, $role:ident($operator:expr);)+) => {
        /// What a layer does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum LayerKind {
            $($(#[$doc])* #[serde(rename = $name)] $kind,)+
        }

        impl LayerKind {
            /// All of them, in the order in which they are counted.
            pub fn all() -> impl Iterator<Item = Self> {
                [$(Self::$kind),+].into_iter()
            }

            /// What manifests call it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }

            /// The oldest format of manifests that has it.
            pub(crate) fn version(self) -> u32 {
                match self { $(Self::$kind => $version,)+ }
            }

            /// Its operator, by what it is to a graph.
            pub(crate) fn role(self) -> Role {
                match self { $(Self::$kind => Role::$role(&$operator),)+ }
            }

            /// Values out of values, traced.
            ///
            /// # Errors
            /// If parameters or trace are those of another network.
            pub fn forward<K: TensorKernels>(
                self,
                pass: &Pass<'_, K>,
                input: &[i32],
                kept: &mut SavedTensors<K::Matrix>,
                trace: &mut LayerTrace,
            ) -> Result<Vec<i32>, Untraced> {
                match self { $(Self::$kind => $operator.forward(pass, input, kept, trace),)+ }
            }

            /// The gradient at the input out of the one at the output, traced.
            ///
            /// # Errors
            /// As [`Self::forward`].
            pub fn backward<K: TensorKernels>(
                self,
                pass: &Pass<'_, K>,
                gradient: &[i32],
                kept: &mut SavedTensors<K::Matrix>,
                traces: &mut [LayerTrace],
            ) -> Result<Vec<i32>, Untraced> {
                match self { $(Self::$kind => $operator.backward(pass, gradient, kept, traces),)+ }
            }

            /// The update of its parameters, if it has any, traced.
            ///
            /// # Errors
            /// As [`Self::forward`].
            pub fn update<K: TensorKernels>(
                self,
                pass: &Pass<'_, K>,
                state: &LayerState<'_>,
                kept: &SavedTensors<K::Matrix>,
                trace: &mut LayerTrace,
            ) -> Result<Option<LayerParameters>, Untraced> {
                match self { $(Self::$kind => $operator.update(pass, state, kept, trace),)+ }
            }
        }
    };
}

macro_rules! losses {
    ($($(#[$doc:meta])* $kind:ident, $name:literal, $function:expr;)+) => {
        /// Loss function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Loss {
            $($(#[$doc])* #[serde(rename = $name)] $kind,)+
        }

        impl Loss {
            /// Its operator.
            pub(crate) fn function(self) -> &'static dyn LossFunction {
                match self { $(Self::$kind => &$function,)+ }
            }
        }
    };
}

// A manifest's canonical encoding counts these, so their order stays: a new one comes last. The number is the
// oldest format of manifests that has it.
layers! {
    /// `x·W + b`.
    Linear, "linear", 1, Transform(Affine(linear::Linear));
    /// `max(x, 0)`.
    Relu, "relu", 1, Elementwise(relu::Relu);
    /// `1/(1 + exp(−x))`.
    Sigmoid, "sigmoid", 1, Elementwise(Smooth(sigmoid::Sigmoid));
    /// Hyperbolic tangent.
    Tanh, "tanh", 1, Elementwise(Smooth(tanh::Tanh));
    /// `x·W + b` at every place of a kernel over an image.
    Conv2d, "conv2d", 2, Transform(Affine(conv2d::Conv2d));
    /// The largest number of every window of an image.
    MaxPool2d, "max_pool2d", 2, Transform(max_pool2d::MaxPool2d);
    /// The mean of every window of an image.
    AvgPool2d, "avg_pool2d", 2, Transform(avg_pool2d::AvgPool2d);
    /// The sum of the values of two layers.
    Add, "add", 3, Transform(add::Add);
    /// The same as a convolution, each channel by itself.
    DepthwiseConv2d, "depthwise_conv2d", 3, Transform(Affine(conv2d::DepthwiseConv2d));
    /// `x` where it is not negative, else `slope·x`.
    LeakyRelu, "leaky_relu", 3, Elementwise(leaky_relu::LeakyRelu);
    /// `x·Φ(x)`.
    Gelu, "gelu", 3, Elementwise(Tabulated(gelu::Gelu));
    /// `x/(1 + exp(−x))`.
    Silu, "silu", 3, Elementwise(Tabulated(silu::Silu));
    /// Every channel to mean 0 and deviation 1 over the batch, then scaled and shifted.
    BatchNorm, "batch_norm", 3, Transform(batch_norm::BatchNorm);
    /// The numbers of one position to mean 0 and deviation 1.
    LayerNorm, "layer_norm", 3, Transform(RowNorm { centred: true });
    /// The numbers of one position to mean square 1.
    RmsNorm, "rms_norm", 3, Transform(RowNorm { centred: false });
    /// `x·w + b`, each channel by itself.
    Scale, "scale", 3, Transform(Affine(scale::Scale));
    /// `q·kᵀ/√d` of every two positions, for each of several heads.
    AttentionScores, "attention_scores", 5, Transform(attention::Scores);
    /// `exp(x)` over the sum of those of its row.
    Softmax, "softmax", 5, Transform(row_softmax::RowSoftmax);
    /// The channels of all positions, added up by shares of them, for each of several heads.
    AttentionValues, "attention_values", 5, Transform(attention::Values);
    /// `x + w`, each number of a position by itself.
    Positions, "positions", 5, Transform(positions::Positions);
}

// The same holds of these.
losses! {
    /// Softmax followed by cross entropy; one output per class.
    SoftmaxCrossEntropy, "softmax-cross-entropy", softmax::Softmax;
    /// Sigmoid followed by binary cross entropy; one output.
    Logistic, "logistic", logistic::Logistic;
    /// Half the sum of squared errors.
    Mse, "mse", mse::Mse;
}

impl core::fmt::Display for LayerKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}
