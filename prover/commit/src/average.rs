//! The weighted average of a round's updates, and that it is one.
//!
//! Members' updates `Δ_i` have weights `w_i` that sum to `2^k`, `k` = [`WEIGHT_LOG`], over all of
//! a round's members; who delivers nothing counts as zero. The revealed sum `S = Σ w_i·Δ_i` is
//! divided by `2^k` with the remainder in `[−2^(k−1), 2^(k−1))`: `S = 2^k·Q + R`, and the next model
//! is `W' = clamp(W + Q)`. Both `Q` and `R` follow from `S`, so rounding leaves no choice:
//! `2^k·C_Q + C_R = Σ w_i·C_{Δ_i}`, row by row, where `C_R` carries the summed blindings.
//! The clamp keeps every parameter below the bound that a round's first model has.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use zktrain_model::manifest::Network;
use zktrain_model::relation::{Group, TensorId};
use zktrain_model::trace::{LayerParameters, Parameters};
use zktrain_msm::Row;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::sum::Sum;

use crate::rows::{CommitError, commit_rows};
use crate::sheet::{Sheet, fill_block};
use crate::srs::Powers;

/// The weights' sum is two to this.
pub const WEIGHT_LOG: u32 = 16;

/// Why a sum is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AverageError {
    /// Not one value a parameter.
    #[error("the sum has {got} values; the model has {expected} parameters")]
    Values {
        /// Parameters of the network.
        expected: usize,
        /// Values found.
        got: usize,
    },
    /// Parameters of another network.
    #[error("layer {layer} of the model does not have the network's shape")]
    Shape {
        /// Which layer.
        layer: usize,
    },
    /// Larger than honest updates can sum to.
    #[error("value {index} of the sum is {got}; updates sum to {most} at most")]
    Range {
        /// Which value.
        index: usize,
        /// The largest magnitude.
        most: i64,
        /// The value.
        got: i64,
    },
    /// The sum does not fit the rows.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// A round's step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Average {
    /// The next model, `clamp(W + Q)`.
    pub next: Parameters,
    /// Parameters that were clamped.
    pub clamped: usize,
}

/// The largest magnitude of a sum's values: `2^k·T·2^15`.
pub fn bound(network: &Network) -> i64 {
    (1 << (WEIGHT_LOG + 15)) * network.steps as i64
}

/// `S = 2^k·Q + R`
fn divide(value: i64) -> (i32, i32) {
    let half = 1i64 << (WEIGHT_LOG - 1);
    let quotient = (value + half) >> WEIGHT_LOG;
    // Within the bound both fit: |Q| ≤ T·2^15 and T is a small power of two.
    (quotient as i32, (value - (quotient << WEIGHT_LOG)) as i32)
}

fn check(network: &Network, sum: &Sum) -> Result<(), AverageError> {
    let expected = network.parameters();
    let got = sum.values.len();
    if got != expected {
        return Err(AverageError::Values { expected, got });
    }
    let most = bound(network);
    let outside = |value: &i64| value.unsigned_abs() > most.unsigned_abs();
    match sum.values.iter().position(outside) {
        Some(index) => Err(AverageError::Range { index, most, got: sum.values[index] }),
        None => Ok(()),
    }
}

/// The model after a round.
///
/// # Errors
/// If model or sum are not of this network, or the sum is larger than updates can sum to.
pub fn average(network: &Network, model: &Parameters, sum: &Sum) -> Result<Average, AverageError> {
    check(network, sum)?;
    check_shape(network, model)?;
    let limit = (1i32 << network.weight_init_bits) - 1;
    let mut clamped = 0;
    let mut step = |before: i32, value: i64| {
        let moved = i64::from(before) + i64::from(divide(value).0);
        let kept = moved.clamp(-i64::from(limit), i64::from(limit));
        clamped += usize::from(kept != moved);
        kept as i32
    };
    let mut values = sum.values.iter().copied();
    let mut apply = |list: &[i32]| -> Vec<i32> {
        list.iter().zip(values.by_ref()).map(|(before, value)| step(*before, value)).collect()
    };
    let layers = model.layers.iter();
    let layers = layers.map(|l| LayerParameters {
        w: apply(&l.w),
        b: l.b.as_deref().map(&mut apply),
        s: l.s.as_deref().map(&mut apply),
    });
    let next = Parameters { layers: layers.collect() };
    Ok(Average { next, clamped })
}

fn check_shape(network: &Network, model: &Parameters) -> Result<(), AverageError> {
    if model.layers.len() != network.layers.len() {
        return Err(AverageError::Shape { layer: model.layers.len().min(network.layers.len()) });
    }
    let fits = |(spec, l): (&zktrain_model::manifest::Layer, &LayerParameters)| {
        l.w.len() == spec.n_in * spec.n_out
            && l.b.as_ref().map(Vec::len) == spec.bias.then_some(spec.n_out)
            && l.s.as_ref().map_or(0, Vec::len) == spec.statistics()
            && l.s.is_some() == spec.norm.is_some()
    };
    match network.layers.iter().zip(&model.layers).position(|pair| !fits(pair)) {
        Some(layer) => Err(AverageError::Shape { layer }),
        None => Ok(()),
    }
}

/// Parameters with these values, in the order of [`Sum::values`].
pub fn parameters(network: &Network, mut values: impl Iterator<Item = i32>) -> Parameters {
    let layers = network.layers.iter().map(|spec| {
        let w = values.by_ref().take(spec.n_in * spec.n_out).collect();
        let b = spec.bias.then(|| values.by_ref().take(spec.n_out).collect());
        let norm = spec.norm.as_ref();
        let s = norm.map(|_| values.by_ref().take(spec.statistics()).collect());
        LayerParameters { w, b, s }
    });
    Parameters { layers: layers.collect() }
}

/// The row commitments that the sum opens: `2^k·C_Q + C_R`.
///
/// # Errors
/// If the sum is not of this network, or too large.
pub fn commit_sum(
    key: &TrainingKey,
    g1: Powers<'_>,
    sum: &Sum,
) -> Result<Vec<G1Affine>, AverageError> {
    check(&key.network, sum)?;
    let (quotients, remainders): (Vec<i32>, Vec<i32>) =
        sum.values.iter().map(|value| divide(*value)).unzip();
    let none = vec![Fr::default(); sum.blinds.len()];
    let high = commit_block(key, g1, quotients, &none)?;
    let low = commit_block(key, g1, remainders, &sum.blinds)?;
    let scale = Fr::from(1u64 << WEIGHT_LOG);
    let sums: Vec<G1Projective> =
        high.iter().zip(&low).map(|(high, low)| *high * scale + low).collect();
    Ok(G1Projective::normalize_batch(&sums))
}

fn commit_block(
    key: &TrainingKey,
    g1: Powers<'_>,
    values: Vec<i32>,
    blinds: &[Fr],
) -> Result<Vec<G1Affine>, CommitError> {
    let ids: Vec<TensorId> = key.ids.parameters().map(|parameter| parameter.before).collect();
    let mut sheet = Sheet::new(key.relation.layout.clone());
    fill_block(&mut sheet, &ids, &parameters(&key.network, values.into_iter()));
    let rows: Vec<&Row> = sheet.group(Group::Parameters);
    commit_rows(g1, &rows, blinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_half_up_and_recombines() {
        for value in [0, 1, -1, 32_767, 32_768, -32_768, -32_769, (1 << 31) - 1, -(1 << 35)] {
            let (quotient, remainder) = divide(value);
            assert_eq!((i64::from(quotient) << WEIGHT_LOG) + i64::from(remainder), value);
            assert!((-(1 << 15)..1 << 15).contains(&remainder), "{value}");
        }
        assert_eq!(divide(32_768).0, 1);
        assert_eq!(divide(-32_768).0, 0);
    }
}
