//! The integers of a layer norm or an RMS norm, computed.

use super::RowNorm;
use super::bounds::RowBounds;
use crate::operators::moments::{MEAN_FRAC, SENT_FRAC, narrow};
use crate::operators::{Arithmetic, Pass, SavedTensors, TensorKernels, Untraced};
use crate::trace::{LayerTrace, Record};

/// A number for each row of `n`.
fn sums(n: usize, len: usize, term: impl Fn(usize) -> i64) -> Vec<i128> {
    let rows = 0..len / n.max(1);
    rows.map(|row| (row * n..(row + 1) * n).map(|i| i128::from(term(i))).sum()).collect()
}

fn bounds<'a, K>(pass: &Pass<'a, K>) -> Result<&'a RowBounds, Untraced> {
    let bounds = pass.layer.rows.as_ref().ok_or_else(|| pass.wrong("the bounds", 1, 0))?;
    pass.expect("numbers of a row", bounds.count, pass.layer.output.channels)?;
    Ok(bounds)
}

/// Means, zero where none is taken away, and inverses of deviations, traced: one of each row.
// Rows are as many as there are numbers over their length.
#[allow(clippy::indexing_slicing)]
fn statistics<K>(
    pass: &Pass<'_, K>,
    own: &RowBounds,
    input: &[i32],
    record: &mut Record,
) -> Result<[Vec<i64>; 2], Untraced> {
    let n = own.count;
    let number = |i: usize| i64::from(input[i]) << MEAN_FRAC;
    let mean = match &own.moments.mean {
        Some(mean) => pass.expand(record, "mean", mean, &sums(n, input.len(), number))?,
        None => vec![0; input.len() / n],
    };
    let mean = narrow(pass, "means", &mean)?;
    let squares = sums(n, input.len(), |i| (number(i) - mean[i / n]).pow(2));
    let [_, inverse] = own.moments.trace(pass, record, &squares)?;
    Ok([mean, narrow(pass, "inverses", &inverse)?])
}

// The entries are counted before they are indexed.
#[allow(clippy::indexing_slicing)]
impl Arithmetic for RowNorm {
    fn forward<K: TensorKernels>(
        &self,
        pass: &Pass<'_, K>,
        input: &[i32],
        kept: &mut SavedTensors<K::Matrix>,
        trace: &mut LayerTrace,
    ) -> Result<Vec<i32>, Untraced> {
        let (own, record) = (bounds(pass)?, &mut trace.tensors);
        pass.expect("the input", pass.samples * pass.layer.input.count(), input.len())?;
        // Where nothing is proven the digits are nobody's.
        let mut beside = Record::default();
        let digits = if pass.training { &mut *record } else { &mut beside };
        let [mean, inverse] = statistics(pass, own, input, digits)?;
        let n = own.count;
        let x = |i: usize| ((i64::from(input[i]) << MEAN_FRAC) - mean[i / n]) * inverse[i / n];
        let z = pass.round(record, "z", input.len(), &pass.layer.z, x)?.to_vec();
        if pass.training {
            (kept.values, kept.inverse) = (z.clone(), inverse);
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
        let own = bounds(pass)?;
        let (n, len, z, inverse) = (own.count, gradient.len(), &kept.values, &kept.inverse);
        pass.expect("the gradient", pass.samples * pass.layer.output.count(), len)?;
        pass.expect("the values kept", len, z.len())?;
        pass.expect("the inverses kept", len / n, inverse.len())?;
        let d = |i: usize| i64::from(gradient[i]);
        let times = |sums: &[i128], by: i128| -> Vec<i128> {
            sums.iter().zip(inverse).map(|(sum, r)| by * sum * i128::from(*r)).collect()
        };
        let record = &mut pass.own(traces)?.tensors;
        let correlation = sums(n, len, |i| d(i) * i64::from(z[i]));
        pass.expand(record, "correlation", &own.correlation, &correlation)?;
        let offset = match &own.offset {
            Some(offset) => {
                let sums = times(&sums(n, len, d), 1 << SENT_FRAC);
                pass.expand(record, "offset", offset, &sums)?
            }
            None => vec![0; len / n],
        };
        let tilt = pass.expand(record, "tilt", &own.tilt, &times(&correlation, 1))?;
        let Some(below) = pass.below else {
            return Ok(Vec::new());
        };
        let (offset, tilt) = (narrow(pass, "offsets", &offset)?, narrow(pass, "tilts", &tilt)?);
        let x = |i: usize| {
            let row = i / n;
            ((inverse[row] * d(i)) << SENT_FRAC) - offset[row] - tilt[row] * i64::from(z[i])
        };
        pass.send(below, traces, len, x)
    }
}
