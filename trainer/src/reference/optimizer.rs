//! How a parameter changes, in double precision.

use zktrain_model::manifest::{Optimizer, OptimizerKind, schedule_factors};

/// The rule of an optimizer, at one step of a chain.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    optimizer: Optimizer,
    /// What the schedule leaves of the learning rate, by step.
    factors: Vec<f64>,
    /// Steps that have begun.
    begun: usize,
    /// The learning rate of this step with the bias correction of both moments.
    rate: f64,
}

impl Rule {
    /// Before the first step of a chain of at most so many.
    pub fn new(optimizer: &Optimizer, steps: usize) -> Self {
        let factors = match optimizer.kind {
            OptimizerKind::Sgd => Vec::new(),
            OptimizerKind::Adam => schedule_factors(optimizer, steps).collect(),
        };
        Self { optimizer: *optimizer, factors, begun: 0, rate: 0.0 }
    }

    /// Begins a step.
    pub fn begin(&mut self) {
        let factor = self.factors.get(self.begun).copied().unwrap_or(0.0);
        self.begun += 1;
        let steps = i32::try_from(self.begun).unwrap_or(i32::MAX);
        let [first, second] =
            [self.optimizer.beta1(), self.optimizer.beta2()].map(|beta| 1.0 - beta.powi(steps));
        self.rate = self.optimizer.learning_rate * factor * second.sqrt() / first;
    }

    /// What is taken away from a parameter whose mean gradient is `mean`.
    ///
    /// `first` is the previous update, or Adam's first moment, and `second` the second moment: both are replaced.
    pub fn update(&self, w: f64, mean: f64, (first, second): (&mut f64, &mut f64)) -> f64 {
        let Optimizer { learning_rate, momentum, weight_decay, clip, .. } = self.optimizer;
        match self.optimizer.kind {
            OptimizerKind::Sgd => {
                let clipped = clip.map_or(mean, |c| mean.clamp(-c, c));
                *first = momentum * *first + learning_rate * (clipped + weight_decay * w);
                *first
            }
            OptimizerKind::Adam => {
                let [kept, kept_squares] = [self.optimizer.beta1(), self.optimizer.beta2()];
                *first = kept * *first + (1.0 - kept) * mean;
                *second = kept_squares * *second + (1.0 - kept_squares) * mean * mean;
                // Nothing moves what has had no gradient yet, without an epsilon too.
                match *first == 0.0 {
                    true => 0.0,
                    false => self.rate * *first / (second.sqrt() + self.optimizer.epsilon()),
                }
            }
        }
    }
}
