//! Softmax within a network: the scores of each row become shares of it, `exp(z)/Σ exp(z)`.
//!
//! A row is what a head puts out at one position, over all positions that it looks at; with a causal mask over itself and
//! those before it. Each score becomes what it is below its row's largest, that a number of a table of `exp`, and that,
//! times the row's inverse, its share. `relation.rs` says what holds of these, and `arithmetic.rs` computes them.
//! docs/quantization.md is the specification.

mod arithmetic;
mod relation;

use super::attention::{MAX_POSITIONS, power};
use super::{Scale, Sent, Transform, parameterless};
use crate::compile::{CompileError, Declaration};
use crate::manifest::{
    Consumers, Features, Layer, LayerSpec, Lowering, ManifestError, ManifestErrorKind as Kind,
    PROBABILITY_FRAC, RoundSpec, Shape, Wide, in_range, no_kernel, no_weights,
};
use crate::operators::site::differs;
use crate::quant::Expansion;

/// Shares of rows.
#[derive(Debug)]
pub(crate) struct RowSoftmax;

/// The number for a row's largest score, `2^14`.
pub(crate) const EXP_FRAC: u32 = 14;
/// What is divided by the sum of a row's numbers: the quotient has 16 bits, however small the sum.
pub(crate) const WHOLE: i64 = (1 << 30) - 1;
/// Fractional bits of a share before rounding: those of both.
const SHARE_FRAC: u32 = 30;

/// What a softmax computes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftmaxBounds {
    /// Whether a position looks at itself and those before it only.
    pub causal: bool,
    /// `⌊(2^30 − 1)/Σe⌋`
    pub inverse: Expansion,
    /// What is left of that division.
    pub inverse_low: Expansion,
    /// `Σe − 1` less that.
    pub inverse_high: Expansion,
    /// The rounding of `Σ p·D`, the mean of the gradient that arrives at a row.
    pub mean: RoundSpec,
}

impl SoftmaxBounds {
    /// Names and expansions.
    pub fn parts(&self) -> [(&'static str, &Expansion); 3] {
        [
            ("inverse", &self.inverse),
            ("inverse_low", &self.inverse_low),
            ("inverse_high", &self.inverse_high),
        ]
    }
}

/// What there is one of for each row: channels at positions that look.
fn rows(of: &Features) -> Features {
    Features { image: of.image.map(|[queries, _]| [queries, 1]), ..*of }
}

impl Transform for RowSoftmax {
    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        no_weights(field, spec)?;
        no_kernel(field, spec)?;
        if spec.heads.is_some() {
            return Err(ManifestError::new(format!("{field}.heads"), Kind::Unexpected));
        }
        let Some([queries, keys]) = input.image else {
            return Err(ManifestError::new(field, Kind::NoSequence { got: *input }));
        };
        for (what, got) in
            [("channels", input.channels), ("positions", queries), ("positions", keys)]
        {
            power(what, field, MAX_POSITIONS, got)?;
        }
        let causal = spec.causal.unwrap_or(false);
        if causal && queries != keys {
            let kind = Kind::Unlike {
                expected: Features { image: Some([keys, keys]), ..*input },
                got: *input,
            };
            return Err(ManifestError::new(format!("{field}.causal"), kind));
        }
        Ok(Shape { causal, ..Shape::new(spec.kind, input, *input) })
    }

    fn scales(
        &self,
        lowering: &Lowering<'_>,
        l: usize,
        shape: &Shape,
        (input, a_frac): (Scale, u32),
        above: &Consumers<'_>,
    ) -> Result<Layer, ManifestError> {
        let field = format!("quantization.layers[{l}].z_frac");
        let z_frac = lowering.quantization(l)?.z_frac;
        in_range(&*field, PROBABILITY_FRAC.into(), PROBABILITY_FRAC.into(), z_frac.into())?;
        let largest = i128::from(WHOLE >> EXP_FRAC) << EXP_FRAC;
        let z = Wide::symmetric(&field, "a share before rounding", largest)
            .rescale(SHARE_FRAC, z_frac)?;
        let layer = parameterless::layer(lowering, l, shape, (input, a_frac), z, above)?;
        // The mean of what arrives has 16 bits, and is taken away from it.
        if layer.d_max > 1 << 15 {
            let field = format!("quantization.layers[{l}].grad_frac");
            let got = u64::BITS - (layer.d_max.unsigned_abs() - 1).leading_zeros();
            let kind = Kind::Overflow { what: "the gradient of shares", max: 15, got };
            return Err(ManifestError::new(field, kind));
        }
        let keys = shape.output.image.map_or(1, |[_, keys]| keys) as i128;
        let field = format!("quantization.layers[{l}].grad_frac");
        // Shares are known to be below 2^15 by their cells alone.
        let mean = (keys * i128::from(layer.d_max)) << 15;
        let mean = Wide::symmetric(&field, "the mean of a row's gradient", mean)
            .rescale(z_frac + layer.d_frac, layer.d_frac)?;
        let sum = keys << EXP_FRAC;
        let softmax = SoftmaxBounds {
            causal: shape.causal,
            inverse: Expansion::new(&[], i128::from(WHOLE >> EXP_FRAC), false),
            inverse_low: Expansion::new(&[], sum, false),
            inverse_high: Expansion::new(&[], sum, false),
            mean,
        };
        Ok(Layer { softmax: Some(softmax), ..layer })
    }

    fn sends(
        &self,
        _lowering: &Lowering<'_>,
        layer: &Layer,
        _to: usize,
        field: &str,
        frac: u32,
    ) -> Result<Sent, ManifestError> {
        let largest = (i128::from(layer.d_max) + (1 << 15)) << 15;
        let wide = Wide::symmetric(field, "a backpropagated gradient before rounding", largest);
        Ok(Sent::Tensor(wide.rescale(layer.z_frac + layer.d_frac, frac)?))
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        let softmax = layer.softmax.as_ref().ok_or_else(|| differs(own.name, "its scales"))?;
        let rows = rows(&layer.output);
        own.wide_at(&softmax.parts(), &rows)?;
        own.rounded("z", &layer.z, &layer.output)?;
        own.plain("max", &rows)?;
        own.plain("at_max", &layer.output)?;
        if softmax.causal {
            own.plain("below", &layer.output)?;
        }
        own.plain("e", &layer.output)?;
        own.rounded("mean", &softmax.mean, &rows)
    }
}
