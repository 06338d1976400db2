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
}

impl Rule {
    /// Before the first step of a chain of at most so many.
    pub fn new(optimizer: &Optimizer, steps: usize) -> Self {
        let factors = schedule_factors(optimizer, steps).collect();
        Self { optimizer: *optimizer, factors, begun: 0 }
    }

    /// Begins a step.
    pub fn begin(&mut self) {
        self.begun += 1;
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
                self.rate() * *first / (second.sqrt() + self.optimizer.epsilon())
            }
        }
    }

    /// The learning rate of the step with the bias correction of both moments.
    fn rate(&self) -> f64 {
        let factor = self.begun.checked_sub(1).and_then(|step| self.factors.get(step));
        let steps = i32::try_from(self.begun).unwrap_or(i32::MAX);
        let [first, second] =
            [self.optimizer.beta1(), self.optimizer.beta2()].map(|beta| 1.0 - beta.powi(steps));
        self.optimizer.learning_rate * factor.copied().unwrap_or(0.0) * second.sqrt() / first
    }
}
