//! The integers of a layer norm, computed.

use super::RowNorm;
use super::bounds::{INVERSE_BITS, RowBounds};
use crate::operators::moments::{MEAN_FRAC, SENT_FRAC};
use crate::operators::{Arithmetic, Pass, SavedTensors, TensorKernels, Untraced};
use crate::quant::floor_sqrt;
use crate::trace::{LayerTrace, Record};

/// The static bounds keep all of them below 2^62.
fn narrow(values: Vec<i128>) -> Vec<i64> {
    let limit = 1i128 << 61;
    values.into_iter().map(|x| x.clamp(-limit, limit) as i64).collect()
}

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

/// Means and inverses of deviations, traced: one of each row.
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
    let mean = match own.centred {
        true => pass.expand(record, "mean", &own.mean, &sums(n, input.len(), number))?,
        false => vec![0; input.len() / n],
    };
    let mean = narrow(mean);
    let squares = sums(n, input.len(), |i| (number(i) - mean[i / n]).pow(2));
    let variance = pass.expand(record, "variance", &own.variance, &squares)?;
    let variance: Vec<i128> = variance.iter().map(|v| v + i128::from(own.epsilon)).collect();
    let deviation: Vec<i128> = variance.iter().map(|v| floor_sqrt(*v)).collect();
    let low: Vec<i128> = variance.iter().zip(&deviation).map(|(v, s)| v - s * s).collect();
    let high: Vec<i128> = deviation.iter().zip(&low).map(|(s, low)| 2 * s - low).collect();
    pass.expand(record, "deviation", &own.deviation, &deviation)?;
    pass.expand(record, "deviation_low", &own.deviation_low, &low)?;
    pass.expand(record, "deviation_high", &own.deviation_high, &high)?;
    // ε keeps deviations above zero.
    let whole = 1i128 << INVERSE_BITS;
    let inverse: Vec<i128> = deviation.iter().map(|s| whole / (*s).max(1)).collect();
    let low: Vec<i128> = inverse.iter().zip(&deviation).map(|(r, s)| whole - r * s).collect();
    let high: Vec<i128> = deviation.iter().zip(&low).map(|(s, low)| s - 1 - low).collect();
    pass.expand(record, "inverse", &own.inverse, &inverse)?;
    pass.expand(record, "inverse_low", &own.inverse_low, &low)?;
    pass.expand(record, "inverse_high", &own.inverse_high, &high)?;
    Ok([mean, narrow(inverse)])
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
        let [mean, inverse] = statistics(pass, own, input, record)?;
        let n = own.count;
        let x = |i: usize| ((i64::from(input[i]) << MEAN_FRAC) - mean[i / n]) * inverse[i / n];
        let z = pass.round(record, "z", input.len(), &pass.layer.z, x)?.to_vec();
        (kept.values, kept.inverse) = (z.clone(), inverse);
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
        let offset = match own.centred {
            true => {
                let sums = times(&sums(n, len, d), 1 << SENT_FRAC);
                pass.expand(record, "offset", &own.offset, &sums)?
            }
            false => vec![0; len / n],
        };
        let tilt = pass.expand(record, "tilt", &own.tilt, &times(&correlation, 1))?;
        let Some(below) = pass.below else {
            return Ok(Vec::new());
        };
        let [offset, tilt] = [offset, tilt].map(narrow);
        let x = |i: usize| {
            let row = i / n;
            ((inverse[row] * d(i)) << SENT_FRAC) - offset[row] - tilt[row] * i64::from(z[i])
        };
        pass.send(below, traces, len, x)
    }
}
