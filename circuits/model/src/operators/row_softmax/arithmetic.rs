//! The integers of a softmax, computed.

use super::{EXP_FRAC, RowSoftmax, SoftmaxBounds, WHOLE};
use crate::operators::{Arithmetic, Pass, SavedTensors, TensorKernels, Untraced};
use crate::trace::{LayerTrace, Record};

/// Rows of scores, heads innermost: the numbers of a row are as far apart as there are heads.
#[derive(Clone, Copy)]
struct Rows {
    heads: usize,
    queries: usize,
    keys: usize,
    causal: bool,
}

impl Rows {
    fn of<'a, K>(pass: &Pass<'a, K>) -> Result<(Self, &'a SoftmaxBounds), Untraced> {
        let layer = pass.layer;
        let bounds = layer.softmax.as_ref().ok_or_else(|| pass.wrong("the scales", 1, 0))?;
        let image = layer.output.image.ok_or_else(|| pass.wrong("the positions", 2, 0))?;
        let ([queries, keys], heads, causal) = (image, layer.output.channels, bounds.causal);
        Ok((Self { heads, queries, keys, causal }, bounds))
    }

    /// Rows of so many samples.
    fn count(&self, samples: usize) -> usize {
        samples * self.queries * self.heads
    }

    /// Where the numbers of a row are that may be looked at, by key.
    fn allowed(&self, row: usize) -> impl Iterator<Item = usize> + use<> {
        let (position, head) = (row / self.heads, row % self.heads);
        let keys = match self.causal {
            true => (position % self.queries + 1).min(self.keys),
            false => self.keys,
        };
        let (start, heads) = (position * self.keys, self.heads);
        (0..keys).map(move |key| (start + key) * heads + head)
    }

    /// The row of a number.
    fn row(&self, index: usize) -> usize {
        index / self.heads / self.keys * self.heads + index % self.heads
    }
}

/// What there is of all rows.
struct Numbers {
    max: Vec<i32>,
    at_max: Vec<i32>,
    below: Vec<i32>,
    e: Vec<i32>,
    sum: Vec<i64>,
}

impl Numbers {
    // Rows and numbers are those that the input has been counted for, and a table has 2^16 numbers.
    #[allow(clippy::indexing_slicing)]
    fn of(rows: &Rows, samples: usize, input: &[i32], table: &[i32]) -> Self {
        let [mut at_max, mut below, mut e] = [(); 3].map(|()| vec![0; input.len()]);
        let (mut maxima, mut sums) = (Vec::new(), Vec::new());
        for row in 0..rows.count(samples) {
            let max = rows.allowed(row).map(|i| input[i]).max().unwrap_or(0);
            if let Some(first) = rows.allowed(row).find(|i| input[*i] == max) {
                at_max[first] = 1;
            }
            let mut sum = 0;
            for i in rows.allowed(row) {
                below[i] = max - input[i];
                e[i] = table.get(below[i] as usize).copied().unwrap_or(0);
                sum += i64::from(e[i]);
            }
            maxima.push(max);
            sums.push(sum);
        }
        Self { max: maxima, at_max, below, e, sum: sums }
    }

    /// The quotients of `2^30 − 1` by the sums, traced.
    fn inverses<K>(
        &self,
        pass: &Pass<'_, K>,
        bounds: &SoftmaxBounds,
        record: &mut Record,
    ) -> Result<Vec<i64>, Untraced> {
        let divided = self.sum.iter().map(|sum| (*sum).max(1));
        let inverse: Vec<i64> = divided.map(|sum| WHOLE / sum).collect();
        let low: Vec<i64> =
            self.sum.iter().zip(&inverse).map(|(sum, inverse)| WHOLE - sum * inverse).collect();
        let high = self.sum.iter().zip(&low).map(|(sum, low)| sum - 1 - low).collect();
        for ((part, expansion), values) in bounds.parts().into_iter().zip([&inverse, &low, &high]) {
            let values: Vec<i128> = values.iter().map(|x| i128::from(*x)).collect();
            pass.expand(record, part, expansion, &values)?;
        }
        Ok(inverse)
    }
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl Arithmetic for RowSoftmax {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let (rows, bounds) = Rows::of(pass)?;
        let (len, record) = (pass.samples * pass.layer.input.count(), &mut trace.tensors);
        pass.expect("the input", len, input.len())?;
        let numbers = Numbers::of(&rows, pass.samples, input, pass.table);
        // Where nothing is proven these are nobody's.
        let mut beside = Record::default();
        let record_of_rows = if pass.training { &mut *record } else { &mut beside };
        let inverse = numbers.inverses(pass, bounds, record_of_rows)?;
        if pass.training {
            pass.append(record, "max", &numbers.max)?;
            pass.append(record, "at_max", &numbers.at_max)?;
            if rows.causal {
                pass.append(record, "below", &numbers.below)?;
            }
            pass.append(record, "e", &numbers.e)?;
        }
        let x = |i: usize| i64::from(numbers.e[i]) * inverse[rows.row(i)];
        let z = pass.round(record, "z", len, &pass.layer.z, x)?.to_vec();
        if pass.training {
            kept.values = z.clone();
        }
        Ok(z)
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        gradient: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        let (rows, bounds) = Rows::of(pass)?;
        let (len, p) = (pass.samples * pass.layer.output.count(), &kept.values);
        pass.expect("the gradient", len, gradient.len())?;
        pass.expect("the shares kept", len, p.len())?;
        let times = |i: usize| i64::from(p[i]) * i64::from(gradient[i]);
        let count = rows.count(pass.samples);
        let sums: Vec<i64> = (0..count).map(|row| rows.allowed(row).map(times).sum()).collect();
        let record = &mut pass.own(traces)?.tensors;
        let mean = pass.round(record, "mean", count, &bounds.mean, |row| sums[row])?.to_vec();
        let Some(below) = pass.below else {
            return Ok(Vec::new());
        };
        let x = |i: usize| i64::from(p[i]) * i64::from(gradient[i] - mean[rows.row(i)]);
        pass.send(below, traces, len, x)
    }
}

/// `2^14`, the number for a row's largest score.
const _: () = assert!(WHOLE >> EXP_FRAC < 1 << 16);
