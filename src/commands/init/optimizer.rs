//! Options of `zktrain init` about how parameters change.

use clap::ValueEnum;
use zktrain_model::manifest::{Optimizer, OptimizerKind, Schedule, ScheduleKind};

/// Which rule, and what belongs to it.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct OptimizerArgs {
    /// How parameters change; sgd without it.
    #[arg(long)]
    pub optimizer: Option<OptimizerOption>,
    /// Learning rate, 0.0625 without it, and 0.001 with Adam. With sgd powers of two need the fewest bits.
    #[arg(long)]
    pub lr: Option<f64>,
    /// Momentum; 0 without it. sgd only.
    #[arg(long)]
    pub momentum: Option<f64>,
    /// Weight decay; 0 without it. sgd only.
    #[arg(long)]
    pub weight_decay: Option<f64>,
    /// Largest magnitude of an element of the mean gradient; no limit without it. sgd only.
    #[arg(long)]
    pub clip: Option<f64>,
    /// Share of the first moment that a step keeps; 0.9 without it. Adam only.
    #[arg(long)]
    pub beta1: Option<f64>,
    /// Share of the second moment that a step keeps; 0.999 without it. Adam only.
    #[arg(long)]
    pub beta2: Option<f64>,
    /// What is added to the root of the second moment; 1e-8 without it. Adam only.
    #[arg(long)]
    pub epsilon: Option<f64>,
    /// How the learning rate changes: linear and cosine end at zero with --max-steps. Adam only.
    #[arg(long)]
    pub schedule: Option<ScheduleOption>,
    /// Steps in which the learning rate rises to its full value; 0 without it. Adam only.
    #[arg(long, value_name = "STEPS")]
    pub warmup: Option<usize>,
    /// Steps from one fall to the next, with --schedule step.
    #[arg(long, value_name = "STEPS")]
    pub decay_every: Option<usize>,
    /// What the learning rate is multiplied with then, with --schedule step.
    #[arg(long, value_name = "FACTOR")]
    pub decay_factor: Option<f64>,
}

/// Rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OptimizerOption {
    /// The gradient times the learning rate, with momentum, weight decay and clipping
    Sgd,
    /// The first moment of the gradient over the root of the second
    Adam,
}

/// Ways in which a learning rate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScheduleOption {
    /// Not at all, behind a warm-up
    Constant,
    /// Evenly to zero
    Linear,
    /// Along half a cosine to zero
    Cosine,
    /// By a factor, again and again
    Step,
}

impl From<ScheduleOption> for ScheduleKind {
    fn from(option: ScheduleOption) -> Self {
        match option {
            ScheduleOption::Constant => Self::Constant,
            ScheduleOption::Linear => Self::Linear,
            ScheduleOption::Cosine => Self::Cosine,
            ScheduleOption::Step => Self::Step,
        }
    }
}

/// Adam's learning rate where none is said.
const ADAM_RATE: f64 = 0.001;

impl OptimizerArgs {
    /// What these options make of an optimizer: what they do not say stays, unless they change the rule.
    pub fn apply(&self, known: Optimizer) -> Optimizer {
        let kind = match self.optimizer {
            Some(OptimizerOption::Sgd) => OptimizerKind::Sgd,
            Some(OptimizerOption::Adam) => OptimizerKind::Adam,
            None => known.kind,
        };
        let base = match kind {
            _ if kind == known.kind => known,
            OptimizerKind::Sgd => Optimizer::sgd(known.learning_rate),
            OptimizerKind::Adam => Optimizer::adam(ADAM_RATE),
        };
        Optimizer {
            kind,
            learning_rate: self.lr.unwrap_or(base.learning_rate),
            momentum: self.momentum.unwrap_or(base.momentum),
            weight_decay: self.weight_decay.unwrap_or(base.weight_decay),
            clip: self.clip.or(base.clip),
            beta1: self.beta1.or(base.beta1),
            beta2: self.beta2.or(base.beta2),
            epsilon: self.epsilon.or(base.epsilon),
            schedule: self.schedule().or(base.schedule),
        }
    }

    /// A schedule, if anything is said of one.
    fn schedule(&self) -> Option<Schedule> {
        let said =
            self.warmup.is_some() || self.decay_every.is_some() || self.decay_factor.is_some();
        let kind = self.schedule.or(said.then_some(ScheduleOption::Constant))?;
        Some(Schedule {
            kind: kind.into(),
            warmup: self.warmup.unwrap_or(0),
            steps: None,
            every: self.decay_every,
            factor: self.decay_factor,
        })
    }
}

/// What people read of an optimizer.
pub fn in_words(optimizer: &Optimizer) -> String {
    let Optimizer { learning_rate, momentum, weight_decay, clip, .. } = optimizer;
    if optimizer.kind == OptimizerKind::Sgd {
        let clip = clip.map_or("none".into(), |clip| clip.to_string());
        return format!(
            "learning rate {learning_rate}, momentum {momentum}, weight decay {weight_decay}, \
             clipping {clip}"
        );
    }
    let (beta1, beta2, epsilon) = (optimizer.beta1(), optimizer.beta2(), optimizer.epsilon());
    let schedule = optimizer.schedule.map_or("constant".into(), |schedule| {
        let way = match schedule.kind {
            ScheduleKind::Constant => "constant".to_owned(),
            ScheduleKind::Linear => "linear to zero".to_owned(),
            ScheduleKind::Cosine => "a cosine to zero".to_owned(),
            ScheduleKind::Step => format!(
                "times {} every {} steps",
                schedule.factor.unwrap_or(1.0),
                schedule.every.unwrap_or(1)
            ),
        };
        format!("{way}, warm-up {}", schedule.warmup)
    });
    format!(
        "Adam, learning rate {learning_rate} ({schedule}), betas {beta1} and {beta2}, epsilon \
         {epsilon}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_stays_unless_the_rule_changes() {
        let known = Optimizer { momentum: 0.9, ..Optimizer::sgd(0.125) };
        let none = OptimizerArgs::default();
        assert_eq!(none.apply(known), known);
        let adam = OptimizerArgs { optimizer: Some(OptimizerOption::Adam), ..none.clone() };
        assert_eq!(adam.apply(known), Optimizer::adam(0.001));
        let warm = OptimizerArgs { warmup: Some(5), beta2: Some(0.99), ..adam };
        let warm = warm.apply(known);
        assert_eq!(warm.schedule.map(|s| (s.kind, s.warmup)), Some((ScheduleKind::Constant, 5)));
        assert_eq!(warm.beta2, Some(0.99));
        assert_eq!(none.apply(warm), warm);
    }
}
