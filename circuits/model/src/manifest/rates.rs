//! Adam's rate at every step of a chain: learning rate, schedule and bias correction in one integer.

use super::derive::round_scaled;
use super::optimizer::{Optimizer, Schedule, ScheduleKind};

/// Fractional bits of what a moment keeps, and of a schedule's factor.
pub const MOMENT_FRAC: u32 = 16;

/// What decides about all rates, real numbers by their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rates {
    learning_rate: u64,
    /// `round(beta1·2^16)` and `round(beta2·2^16)`.
    betas: [i64; 2],
    /// Fractional bits of a parameter.
    weight_frac: u32,
    /// Steps that a chain may have.
    steps: usize,
    schedule: Option<Steps>,
}

/// A schedule, its factor by its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Steps {
    kind: ScheduleKind,
    warmup: usize,
    end: usize,
    every: usize,
    factor: u64,
}

impl Rates {
    /// Those of an optimizer, for parameters with so many fractional bits and chains of so many steps.
    pub fn new(optimizer: &Optimizer, weight_frac: u32, steps: usize) -> Self {
        let of = |schedule: Schedule| Steps {
            kind: schedule.kind,
            warmup: schedule.warmup,
            end: schedule.steps.unwrap_or(steps),
            every: schedule.every.unwrap_or(1).max(1),
            factor: schedule.factor.unwrap_or(1.0).to_bits(),
        };
        Self {
            learning_rate: optimizer.learning_rate.to_bits(),
            betas: betas(optimizer),
            weight_frac,
            steps,
            schedule: optimizer.schedule.map(of),
        }
    }

    /// `round(beta1·2^16)` and `round(beta2·2^16)`.
    pub fn betas(&self) -> [i64; 2] {
        self.betas
    }

    /// The table has `2^log` entries.
    pub fn log(&self) -> u32 {
        self.steps.next_power_of_two().trailing_zeros()
    }

    /// One rate a step of a chain, and zeros up to the table's end.
    pub fn values(&self) -> Vec<i32> {
        let kept = self.betas.map(|beta| libm::scalbn(beta as f64, -(MOMENT_FRAC as i32)));
        let exponent = self.weight_frac as i32 - MOMENT_FRAC as i32;
        let mut powers = [1.0, 1.0];
        let mut factors = Factors::new(self.schedule);
        let mut all = Vec::with_capacity(1 << self.log());
        for step in 0..self.steps {
            powers.iter_mut().zip(kept).for_each(|(power, beta)| *power *= beta);
            let [first, second] = powers.map(|power| 1.0 - power);
            let scaled = libm::scalbn(factors.at(step) as f64, exponent);
            let correction = libm::sqrt(second) / first;
            let rate = f64::from_bits(self.learning_rate) * scaled * correction;
            all.push(round_scaled(rate, 0).clamp(0, i32::MAX.into()) as i32);
        }
        all.resize(1 << self.log(), 0);
        all
    }

    /// A bound of every update's magnitude.
    pub fn largest_update(&self) -> f64 {
        let largest = self.values().into_iter().max().unwrap_or(0);
        f64::from(largest) * self.quotient() + 1.0
    }

    /// The largest quotient of the first moment and the root of the second, as integers; infinite if there is none.
    ///
    /// Cauchy's and Schwarz' inequality bounds the exact moments' quotient; the rest is what rounding adds to the
    /// first.
    pub fn quotient(&self) -> f64 {
        let [first, second] =
            self.betas.map(|beta| libm::scalbn(beta as f64, -(MOMENT_FRAC as i32)));
        let ratio = 1.0 - first * first / second;
        if ratio <= 0.0 {
            return f64::INFINITY;
        }
        (1.0 - first) / libm::sqrt((1.0 - second) * ratio) + 1.0 / (1.0 - first)
    }
}

/// What an optimizer's schedule leaves of its learning rate at each step of a chain of so many.
pub fn schedule_factors(optimizer: &Optimizer, steps: usize) -> impl Iterator<Item = f64> {
    let mut factors = Factors::new(Rates::new(optimizer, 0, steps).schedule);
    (0..steps).map(move |step| libm::scalbn(factors.at(step) as f64, -(MOMENT_FRAC as i32)))
}

/// `round(beta1·2^16)` and `round(beta2·2^16)`.
pub fn betas(optimizer: &Optimizer) -> [i64; 2] {
    [optimizer.beta1(), optimizer.beta2()].map(|beta| round_scaled(beta, MOMENT_FRAC as i32))
}

/// Relative error of `1 − beta` when `beta` is rounded.
pub fn beta_error(beta: f64) -> f64 {
    let rounded =
        libm::scalbn(round_scaled(beta, MOMENT_FRAC as i32) as f64, -(MOMENT_FRAC as i32));
    ((1.0 - rounded) / (1.0 - beta) - 1.0).abs()
}

/// A schedule's factors, step after step.
struct Factors {
    schedule: Option<Steps>,
    /// Falls so far, and what they have left of the rate.
    falls: usize,
    left: f64,
}

impl Factors {
    fn new(schedule: Option<Steps>) -> Self {
        Self { schedule, falls: 0, left: 1.0 }
    }

    /// The factor at a step, in units of 2^−16; steps are asked for in their order.
    fn at(&mut self, step: usize) -> u64 {
        const ONE: u64 = 1 << MOMENT_FRAC;
        let Some(Steps { kind, warmup, end, every, factor }) = self.schedule else { return ONE };
        if step < warmup {
            return ONE * (step as u64 + 1) / warmup as u64;
        }
        let since = step - warmup;
        let whole = end.saturating_sub(warmup).max(1);
        let done = since.min(whole);
        match kind {
            ScheduleKind::Constant => ONE,
            ScheduleKind::Linear => ONE * (whole - done) as u64 / whole as u64,
            ScheduleKind::Cosine => {
                let angle = std::f64::consts::PI * done as f64 / whole as f64;
                libm::floor(libm::scalbn(1.0 + libm::cos(angle), 15) + 0.5) as u64
            }
            ScheduleKind::Step => {
                while self.falls < since / every {
                    (self.falls, self.left) = (self.falls + 1, self.left * f64::from_bits(factor));
                }
                libm::floor(libm::scalbn(self.left, MOMENT_FRAC as i32) + 0.5) as u64
            }
        }
    }
}
