//! The loss: probabilities and the gradient at the last layer's output.

use zktrain_model::manifest::{Loss, Network, PROBABILITY_FRAC};
use zktrain_model::quant::{exp_table, sigmoid_table, softmax_row};
use zktrain_model::trace::LossTrace;

/// Function table of the loss.
#[derive(Debug, Clone)]
pub(super) enum LossTable {
    Exp(Vec<i32>),
    Sigmoid(Vec<i32>),
    None,
}

impl LossTable {
    pub fn new(network: &Network) -> Self {
        let Some(last) = network.layers.last() else {
            return Self::None;
        };
        match network.loss {
            Loss::SoftmaxCrossEntropy => Self::Exp(exp_table(last.z_frac, network.exp_scale())),
            Loss::Logistic => Self::Sigmoid(sigmoid_table(last.z_frac, PROBABILITY_FRAC)),
            Loss::Mse => Self::None,
        }
    }

    /// An empty trace for `samples` rows of `classes` outputs.
    pub fn room(&self, samples: usize, classes: usize) -> LossTrace {
        let rows = || Vec::with_capacity(samples);
        match self {
            Self::Exp(_) => LossTrace::Softmax {
                max: rows(),
                argmax: Vec::with_capacity(samples),
                e: vec![0; samples * classes],
                sum: rows(),
                p: vec![0; samples * classes],
                r: vec![0; samples * classes],
            },
            Self::Sigmoid(_) => LossTrace::Logistic { p: rows() },
            Self::None => LossTrace::Mse,
        }
    }

    /// Appends one step's outputs `z` to the trace and returns `D = p − scale·y`.
    pub fn step(&self, network: &Network, z: &[i32], y: &[i32], trace: &mut LossTrace) -> Vec<i32> {
        let n = network.output();
        let scale = network.label_scale() as i32;
        let minus_label = |(p, y): (&i32, &i32)| p - scale * y;
        match (self, trace) {
            (Self::Exp(table), LossTrace::Softmax { max, argmax, e, sum, p, r }) => {
                let start = max.len() * n;
                for (i, z) in z.chunks_exact(n).enumerate() {
                    let at = start + i * n..start + (i + 1) * n;
                    let [e, p, r] = [&mut *e, &mut *p, &mut *r].map(|x| &mut x[at.clone()]);
                    let row = softmax_row(z, table, e, p, r);
                    max.push(row.max);
                    argmax.push(row.argmax);
                    sum.push(row.sum);
                }
                p[start..].iter().zip(y).map(minus_label).collect()
            }
            (Self::Sigmoid(table), LossTrace::Logistic { p }) => {
                let start = p.len();
                p.extend(z.iter().map(|z| table[(z + (1 << 15)) as usize]));
                p[start..].iter().zip(y).map(minus_label).collect()
            }
            _ => z.iter().zip(y).map(minus_label).collect(),
        }
    }
}
