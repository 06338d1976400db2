//! How parameters change, as it is written in TOML.

use serde::{Deserialize, Serialize};

use super::derive::update_shift;
use super::network::UPDATE_SHIFT;

/// Hyper-parameters of gradient descent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimizer {
    /// Which rule.
    #[serde(default, skip_serializing_if = "OptimizerKind::is_sgd")]
    pub kind: OptimizerKind,
    /// Step length, applied to the mean gradient of a batch.
    pub learning_rate: f64,
    /// Share of the previous update that is added to the next; 0 for none.
    #[serde(default)]
    pub momentum: f64,
    /// Coefficient of the L2 penalty, on weights and biases; 0 for none.
    #[serde(default)]
    pub weight_decay: f64,
    /// Largest magnitude of an element of the mean gradient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// Share of the first moment that a step keeps; Adam only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta1: Option<f64>,
    /// Share of the second moment that a step keeps; Adam only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta2: Option<f64>,
    /// What is added to the root of the second moment of the mean gradient; Adam only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// How the learning rate changes from step to step; Adam only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

/// Which rule changes parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// The gradient times the learning rate, with momentum, weight decay and clipping.
    #[default]
    Sgd,
    /// The first moment of the gradient over the root of the second.
    Adam,
}

/// How the learning rate changes from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Which way.
    pub kind: ScheduleKind,
    /// Steps in which the rate rises evenly to its full value.
    #[serde(default)]
    pub warmup: usize,
    /// The step at which it ends, `linear` and `cosine` only; without it the chain's last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Steps from one fall to the next, `step` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<usize>,
    /// What the rate is multiplied with then, `step` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
}

/// The way in which a learning rate changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// Not at all.
    Constant,
    /// Evenly to zero.
    Linear,
    /// Along half a cosine to zero.
    Cosine,
    /// By a factor, again and again.
    Step,
}

impl OptimizerKind {
    // As serde calls it.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_sgd(&self) -> bool {
        *self == Self::Sgd
    }
}

impl Optimizer {
    /// Gradient descent with that learning rate and nothing else.
    pub fn sgd(learning_rate: f64) -> Self {
        Self { learning_rate, ..Self::default() }
    }

    /// Adam with that learning rate and the usual moments.
    pub fn adam(learning_rate: f64) -> Self {
        Self { kind: OptimizerKind::Adam, ..Self::sgd(learning_rate) }
    }

    /// Share of the first moment that a step keeps.
    pub fn beta1(&self) -> f64 {
        self.beta1.unwrap_or(0.9)
    }

    /// Share of the second moment that a step keeps.
    pub fn beta2(&self) -> f64 {
        self.beta2.unwrap_or(0.999)
    }

    /// What is added to the root of the second moment of the mean gradient.
    pub fn epsilon(&self) -> f64 {
        self.epsilon.unwrap_or(1e-8)
    }

    /// The oldest format of manifests that has such an optimizer.
    pub fn version(&self) -> u32 {
        let said = [self.beta1, self.beta2, self.epsilon].iter().any(Option::is_some);
        let newer = said || self.schedule.is_some() || self.kind == OptimizerKind::Adam;
        match (newer, update_shift(self) > UPDATE_SHIFT) {
            (_, true) => 6,
            (true, false) => 4,
            (false, false) => 1,
        }
    }
}
