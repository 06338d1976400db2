//! The integers of attention, computed.

use super::{Heads, Scores, Values};
use crate::operators::{Arithmetic, Pass, SavedTensors, TensorKernels, Untraced};
use crate::trace::LayerTrace;

impl Heads {
    /// Where a channel of a head is, at a position of a sample.
    fn row(
        &self,
        positions: usize,
        (sample, head): (usize, usize),
        at: usize,
        within: usize,
    ) -> usize {
        ((sample * positions + at) * self.count + head) * self.width + within
    }

    /// Where the number of a pair of positions is.
    fn pair(&self, (sample, head): (usize, usize), query: usize, key: usize) -> usize {
        ((sample * self.queries + query) * self.keys + key) * self.count + head
    }

    /// All samples and heads.
    fn all(&self, samples: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let count = self.count;
        (0..samples).flat_map(move |sample| (0..count).map(move |head| (sample, head)))
    }

    /// `left·rightᵀ`, of channels of queries and of keys: a number for each pair.
    // Callers have counted the entries.
    #[allow(clippy::indexing_slicing)]
    fn met(&self, samples: usize, left: &[i32], right: &[i32]) -> Vec<i64> {
        let mut sums = vec![0i64; samples * self.queries * self.keys * self.count];
        for of in self.all(samples) {
            for query in 0..self.queries {
                let row = &left[self.row(self.queries, of, query, 0)..][..self.width];
                for key in 0..self.keys {
                    let other = &right[self.row(self.keys, of, key, 0)..][..self.width];
                    let pairs = row.iter().zip(other);
                    sums[self.pair(of, query, key)] =
                        pairs.map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
                }
            }
        }
        sums
    }

    /// `weights·right`, of channels of keys: channels of queries; or, transposed, the other way round.
    // Callers have counted the entries.
    #[allow(clippy::indexing_slicing)]
    fn mixed(&self, samples: usize, weights: &[i32], right: &[i32], transposed: bool) -> Vec<i64> {
        let (to, over) = match transposed {
            false => (self.queries, self.keys),
            true => (self.keys, self.queries),
        };
        let mut sums = vec![0i64; samples * to * self.channels()];
        for of in self.all(samples) {
            for at in 0..to {
                let start = self.row(to, of, at, 0);
                let sums = &mut sums[start..start + self.width];
                for other in 0..over {
                    let (query, key) = if transposed { (other, at) } else { (at, other) };
                    let weight = i64::from(weights[self.pair(of, query, key)]);
                    let row = &right[self.row(over, of, other, 0)..][..self.width];
                    sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * i64::from(*x));
                }
            }
        }
        sums
    }
}

fn heads<K>(pass: &Pass<'_, K>) -> Result<Heads, Untraced> {
    pass.layer.heads.ok_or_else(|| pass.wrong("the heads", 1, 0))
}

/// Whether the layer that is being sent a gradient is the second of the two.
fn is_second<K>(pass: &Pass<'_, K>) -> bool {
    pass.below.is_some() && pass.below == pass.layer.with
}

/// Counts what is taken and keeps it for the way back.
fn keep<K: TensorKernels>(
    pass: &Pass<'_, K>,
    (input, second): (&[i32], usize),
    kept: &mut SavedTensors<K::Matrix>,
) -> Result<(), Untraced> {
    pass.expect("the input", pass.samples * pass.layer.input.count(), input.len())?;
    pass.expect("the other input", pass.samples * second, pass.with.len())?;
    if pass.training {
        (kept.values, kept.other) = (input.to_vec(), pass.with.to_vec());
    }
    Ok(())
}

/// Counts a gradient, and what was kept.
fn expect_kept<K: TensorKernels>(
    pass: &Pass<'_, K>,
    (gradient, second): (&[i32], usize),
    kept: &SavedTensors<K::Matrix>,
) -> Result<(), Untraced> {
    pass.expect("the gradient", pass.samples * pass.layer.output.count(), gradient.len())?;
    pass.expect("the values kept", pass.samples * pass.layer.input.count(), kept.values.len())?;
    pass.expect("the other values kept", pass.samples * second, kept.other.len())
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl Arithmetic for Scores {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let own = heads(pass)?;
        keep(pass, (input, own.keys * own.channels()), kept)?;
        let x = own.met(pass.samples, input, pass.with);
        let z = |i: usize| own.factor * x[i];
        Ok(pass.round(&mut trace.tensors, "z", x.len(), &pass.layer.z, z)?.to_vec())
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        gradient: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        let (own, second) = (heads(pass)?, is_second(pass));
        expect_kept(pass, (gradient, own.keys * own.channels()), kept)?;
        let Some(below) = pass.below else {
            return Ok(Vec::new());
        };
        let other = if second { &kept.values } else { &kept.other };
        let x = own.mixed(pass.samples, gradient, other, second);
        pass.send(below, traces, x.len(), |i| own.factor * x[i])
    }
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl Arithmetic for Values {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let own = heads(pass)?;
        keep(pass, (input, own.keys * own.channels()), kept)?;
        let x = own.mixed(pass.samples, input, pass.with, false);
        Ok(pass.round(&mut trace.tensors, "z", x.len(), &pass.layer.z, |i| x[i])?.to_vec())
    }

    fn backward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        gradient: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        traces: &mut [LayerTrace],
    ) -> Result<Vec<i32>, Untraced> {
        let own = heads(pass)?;
        expect_kept(pass, (gradient, own.keys * own.channels()), kept)?;
        let Some(below) = pass.below else {
            return Ok(Vec::new());
        };
        let x = match is_second(pass) {
            false => own.met(pass.samples, gradient, &kept.other),
            true => own.mixed(pass.samples, &kept.values, gradient, true),
        };
        pass.send(below, traces, x.len(), |i| x[i])
    }
}
