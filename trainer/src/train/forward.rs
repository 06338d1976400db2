//! The forward pass, shared by training and evaluation.

use ndarray::Array2;
use zktrain_model::manifest::{Activation, Layer, Network};
use zktrain_model::quant::{relu, sigmoid_table, tanh_table};
use zktrain_model::trace::{LayerParameters, Parameters, Rounded};

use super::product::{Matrix, product};
use super::round::{room, round_into};

/// The activations of a network, tables included.
#[derive(Debug, Clone)]
pub struct Forward {
    layers: Vec<(Layer, ActivationTable)>,
}

#[derive(Debug, Clone)]
enum ActivationTable {
    Identity,
    Relu,
    Table(Vec<i32>),
}

impl Forward {
    /// Computes the activation tables of `network`.
    pub fn new(network: &Network) -> Self {
        let table = |layer: &Layer| match layer.activation {
            Activation::Identity => ActivationTable::Identity,
            Activation::Relu => ActivationTable::Relu,
            Activation::Sigmoid => {
                ActivationTable::Table(sigmoid_table(layer.z_frac, layer.a_frac))
            }
            Activation::Tanh => ActivationTable::Table(tanh_table(layer.z_frac, layer.a_frac)),
        };
        Self { layers: network.layers.iter().map(|l| (l.clone(), table(l))).collect() }
    }

    /// Outputs `z` of the last layer, `(rows, output)`, for `inputs` of `rows` samples.
    ///
    /// Parameters must have the network's shape and be within its bounds.
    pub(crate) fn outputs(&self, parameters: &Parameters, inputs: &[i16], rows: usize) -> Vec<i32> {
        let mut a: Vec<i32> = inputs.iter().map(|x| i32::from(*x)).collect();
        for (l, ((layer, _), p)) in self.layers.iter().zip(&parameters.layers).enumerate() {
            let input = Matrix::new(&a, rows, layer.n_in);
            let weights = Matrix::new(&p.w, layer.n_in, layer.n_out);
            let mut z = room(rows * layer.n_out);
            linear(layer, p, &input, &weights, &mut z, 0);
            a = self.activate(l, &z.q).unwrap_or(z.q);
        }
        a
    }

    /// The activated values of layer `l`; `None` for the identity.
    pub(super) fn activate(&self, l: usize, z: &[i32]) -> Option<Vec<i32>> {
        match &self.layers[l].1 {
            ActivationTable::Identity => None,
            ActivationTable::Relu => Some(z.iter().map(|z| relu(*z)).collect()),
            ActivationTable::Table(table) => {
                Some(z.iter().map(|z| table[(z + (1 << 15)) as usize]).collect())
            }
        }
    }
}

/// `z = round_sat(A·W + 2^a_in_frac·b)`, written at `offset`.
pub(super) fn linear(
    layer: &Layer,
    parameters: &LayerParameters,
    input: &Matrix,
    weights: &Matrix,
    z: &mut Rounded,
    offset: usize,
) {
    let x: Array2<i64> = product(input.view(), weights.view());
    let (len, n) = (x.len(), layer.n_out);
    let x = x.as_slice().unwrap_or_default();
    match &parameters.b {
        Some(b) => round_into(z, offset, len, &layer.z, |i| {
            x[i] + (i64::from(b[i % n]) << layer.a_in_frac)
        }),
        None => round_into(z, offset, len, &layer.z, |i| x[i]),
    }
}
