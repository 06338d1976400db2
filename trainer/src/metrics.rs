//! Loss and accuracy, computed from the integers and reported as real numbers.

use rayon::prelude::*;
use serde::Serialize;
use zktrain_model::manifest::{Loss, Network, PROBABILITY_FRAC};
use zktrain_model::trace::{Parameters, Trace};

use crate::dataset::Dataset;
use crate::train::{TrainError, Trainer, check_parameters};

/// Rows evaluated at a time.
const ROWS: usize = 1024;

/// Mean loss and share of correct predictions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Metrics {
    /// Mean loss a sample, or a label where each position has one; by their weights; in nats for cross entropy.
    pub loss: f64,
    /// Share of samples whose class is predicted; `None` for a regression.
    pub accuracy: Option<f64>,
    /// Samples seen, or labels where each position has one; without those of weight zero.
    pub samples: usize,
}

/// Metrics of the batches of one window, each before its step. A regression's targets are those
/// that it learns from: rounded, and clamped where they do not fit.
pub fn window_metrics(network: &Network, trace: &Trace) -> Metrics {
    let z = trace.layers.last().and_then(|layer| layer.tensors.rounded("z"));
    let z = z.map_or(&[][..], |z| &z.q);
    Sums::of(network, z, &trace.labels).metrics(network)
}

/// Metrics of `parameters` on every sample of `dataset`. A regression is measured against its
/// targets as they are: a model that cannot reach a target is not spared the error.
///
/// # Errors
/// When the parameters or the dataset do not fit the network.
pub fn evaluate(
    trainer: &Trainer,
    parameters: &Parameters,
    dataset: &Dataset,
) -> Result<Metrics, TrainError> {
    let network = trainer.network();
    check_parameters(network, parameters)?;
    let wrong = |what, expected, got| Err(TrainError::Window { what, expected, got });
    if dataset.width != network.input {
        return wrong("inputs", network.input, dataset.width);
    }
    if dataset.outputs != network.output() {
        return wrong("labels", network.output(), dataset.outputs);
    }
    let inputs = dataset.inputs.par_chunks(ROWS * dataset.width);
    let labels = dataset.labels.par_chunks(ROWS * dataset.outputs);
    let outputs = |x: &[i16]| trainer.forward().outputs(parameters, x, x.len() / dataset.width);
    let sums: Vec<Sums> = match &dataset.targets {
        Some(targets) => inputs
            .zip(targets.par_chunks(ROWS * dataset.outputs))
            .map(|(x, targets)| Ok(Sums::of_targets(network, &outputs(x)?, targets)))
            .collect::<Result<_, TrainError>>()?,
        None => inputs
            .zip(labels)
            .map(|(x, y)| {
                let y: Vec<i32> = y.iter().map(|y| i32::from(*y)).collect();
                Ok(Sums::of(network, &outputs(x)?, &y))
            })
            .collect::<Result<_, TrainError>>()?,
    };
    // Added in order, so the reported loss does not depend on the threads either.
    let total = sums.iter().fold(Sums::default(), |a, b| Sums {
        loss: a.loss + b.loss,
        correct: a.correct + b.correct,
        samples: a.samples + b.samples,
        weight: a.weight + b.weight,
    });
    Ok(total.metrics(network))
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    loss: f64,
    correct: usize,
    samples: usize,
    /// Of all samples together.
    weight: f64,
}

impl Sums {
    fn of(network: &Network, z: &[i32], labels: &[i32]) -> Self {
        let mut sums = Self::default();
        let Some(last) = network.layers.last() else {
            return sums;
        };
        let n = last.n_out;
        let whole = if network.weighted { 1 << PROBABILITY_FRAC } else { 1 };
        let real = |x: i64| libm::scalbn(x as f64, -(last.z_frac as i32));
        for (z, y) in z.chunks_exact(n).zip(labels.chunks_exact(n)) {
            let weight = match network.one_hot {
                true => f64::from(y.iter().sum::<i32>()) / f64::from(whole),
                false => 1.0,
            };
            if weight == 0.0 {
                continue;
            }
            let (loss, correct) = match network.loss {
                Loss::SoftmaxCrossEntropy => softmax(z, y, real),
                Loss::Logistic => logistic(real(z[0].into()), y[0]),
                Loss::Mse => {
                    let error = |(z, y): (&i32, &i32)| {
                        real(i64::from(*z) - network.label_scale() * i64::from(*y))
                    };
                    let loss = z.iter().zip(y).map(error).map(|e| e * e / 2.0).sum();
                    (loss, first_maximum(z) == first_maximum(y))
                }
            };
            sums.loss += weight * loss;
            sums.weight += weight;
            sums.correct += usize::from(correct);
            sums.samples += 1;
        }
        sums
    }

    /// Half the squares of what real outputs lack of real targets.
    fn of_targets(network: &Network, z: &[i32], targets: &[f64]) -> Self {
        let Some(last) = network.layers.last() else {
            return Self::default();
        };
        let half_square = |(z, target): (&i32, &f64)| {
            let error = libm::scalbn(f64::from(*z), -(last.z_frac as i32)) - target;
            error * error / 2.0
        };
        let loss = z.iter().zip(targets).map(half_square).sum();
        let samples = targets.len() / last.n_out.max(1);
        Self { loss, correct: 0, samples, weight: samples as f64 }
    }

    fn metrics(self, network: &Network) -> Metrics {
        let count = self.samples.max(1) as f64;
        let regression = network.loss == Loss::Mse && !network.one_hot;
        Metrics {
            loss: self.loss / if self.weight > 0.0 { self.weight } else { 1.0 },
            accuracy: (!regression).then_some(self.correct as f64 / count),
            samples: self.samples,
        }
    }
}

fn first_maximum(x: &[i32]) -> usize {
    (0..x.len()).rev().max_by_key(|j| x[*j]).unwrap_or(0)
}

fn softmax(z: &[i32], y: &[i32], real: impl Fn(i64) -> f64) -> (f64, bool) {
    let best = first_maximum(z);
    let class = first_maximum(y);
    let below = |j: usize| real(i64::from(z[j]) - i64::from(z[best]));
    let sum: f64 = (0..z.len()).map(|j| libm::exp(below(j))).sum();
    (libm::log(sum) - below(class), best == class)
}

fn logistic(z: f64, y: i32) -> (f64, bool) {
    let margin = if y == 1 { z } else { -z };
    // log(1 + exp(−m)) without overflow.
    let loss = libm::log1p(libm::exp(-margin.abs())) + (-margin).max(0.0);
    (loss, (z > 0.0) == (y == 1))
}
