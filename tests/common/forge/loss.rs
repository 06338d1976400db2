//! A step's loss: probabilities, and the gradient that it begins backwards with.

use zktrain_model::manifest::{Loss, PROBABILITY_FRAC};
use zktrain_model::quant::{exp_table, sigmoid_table};

use super::{Forge, Value, index_of};

/// A label's place: step, sample and position. Hooks are told its step, its number in the step and the class.
#[derive(Clone, Copy)]
struct Row {
    t: usize,
    b: usize,
    position: usize,
}

impl Forge<'_, '_> {
    /// `D` of the last layer for one sample.
    pub(super) fn loss(&mut self, t: usize, b: usize, z: &[i64]) -> Vec<i64> {
        let classes = self.network.labels().channels;
        let rows = z.chunks(classes).enumerate();
        rows.flat_map(|(position, z)| self.label_loss(Row { t, b, position }, z)).collect()
    }

    /// `D` at one label.
    fn label_loss(&mut self, row: Row, z: &[i64]) -> Vec<i64> {
        let network = self.network;
        let values = match network.loss {
            Loss::Mse => z.to_vec(),
            Loss::Logistic => {
                let frac = network.layers.last().unwrap().z_frac;
                let p = sigmoid_table(frac, 14)[usize::try_from(z[0] + (1 << 15)).unwrap()];
                let (at, index) = (self.at(row, 0), self.cell(row, 0));
                vec![self.plain("loss.p", at, &index, p.into(), z[0])]
            }
            Loss::SoftmaxCrossEntropy => self.softmax(row, z),
        };
        let label = |(j, v): (usize, i64)| v - network.label_scale() * self.label(row, j);
        values.into_iter().enumerate().map(label).collect()
    }

    fn label(&self, row: Row, j: usize) -> i64 {
        self.get("labels", &[vec![0], self.cell(row, j)].concat())
    }

    /// What hooks are told of a class.
    fn at(&self, Row { t, b, position }: Row, j: usize) -> [usize; 3] {
        [t, b * self.network.labels().positions() + position, j]
    }

    /// A class' indices, in an image with its row and column.
    fn cell(&self, Row { t, b, position }: Row, j: usize) -> Vec<usize> {
        let outputs = self.network.labels();
        index_of(&outputs, [t, b, position * outputs.channels + j])
    }

    /// The weight of a label, in units of `2^−14`.
    fn weight(&self, row: Row, classes: usize) -> i64 {
        match self.network.weighted {
            true => (0..classes.next_power_of_two()).map(|j| self.padded_label(row, j)).sum(),
            false => 1 << PROBABILITY_FRAC,
        }
    }

    /// A label's entry, of a class that may not exist.
    fn padded_label(&self, row: Row, j: usize) -> i64 {
        let mut index = self.cell(row, 0);
        index[0] = j;
        self.get("labels", &[vec![0], index].concat())
    }

    fn softmax(&mut self, row: Row, z: &[i64]) -> Vec<i64> {
        let network = self.network;
        let table = exp_table(network.layers.last().unwrap().z_frac, network.exp_scale());
        let largest = z.iter().copied().max().unwrap();
        let place = z.iter().position(|z| *z == largest).unwrap();
        let context = i64::from(z.iter().all(|z| *z == largest));
        let (first, of_row) = (self.at(row, 0), self.cell(row, 0)[1..].to_vec());
        let max = self.plain("loss.max", first, &of_row, largest, context);
        let alone = z.iter().filter(|z| **z == largest).count() == 1;
        for j in 0..z.len() {
            let u = i64::from(j == place);
            let unique = if alone { place as i64 } else { -2 };
            let context = if context == 1 { -1 } else { unique };
            let (at, index) = (self.at(row, j), self.cell(row, j));
            self.plain("loss.at_max", at, &index, u, context);
        }
        let e: Vec<i64> = (0..z.len())
            .map(|j| {
                let e = table[usize::try_from(max - z[j]).unwrap()];
                let (at, index) = (self.at(row, j), self.cell(row, j));
                self.plain("loss.e", at, &index, e.into(), 0)
            })
            .collect();
        let sum = self.plain("loss.sum", first, &of_row, e.iter().sum(), 0);
        let weight = self.weight(row, z.len());
        let p = |(j, e): (usize, &i64)| {
            let numerator = 2 * e * weight;
            let p = (numerator + sum).div_euclid(2 * sum);
            // `r` stands in the value's first remainder.
            let mut value =
                Value { q: p, r: vec![numerator - 2 * sum * p], context: sum, ..Value::default() };
            let (at, index) = (self.at(row, j), self.cell(row, j));
            (self.hook)("loss.p", at, &mut value);
            self.put("loss.p", &index, value.q);
            self.put("loss.r", &index, value.r[0]);
            value.q
        };
        e.iter().enumerate().map(p).collect()
    }
}
