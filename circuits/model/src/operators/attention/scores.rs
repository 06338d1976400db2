//! Scores: the product of the channels of two positions, over the root of their number, for each head.

use super::{Heads, MAX_CHANNELS, Places, heads, pairs, positions, power, refuse, rows};
use crate::compile::{CompileError, Declaration, PointwiseBuilder, RelationBuilder};
use crate::manifest::{
    Consumers, Features, Layer, LayerSpec, Lowering, ManifestError, ManifestErrorKind as Kind,
    Shape, Wide, no_kernel, no_weights,
};
use crate::operators::site::Site;
use crate::operators::{Operator, Scale, Sent, Transform, parameterless};
use crate::relation::{DimMap, Linear, Product};

/// Queries, from one layer, against keys, from another.
#[derive(Debug)]
pub(crate) struct Scores;

/// Bits of the factor where a width's root is no power of two.
const FACTOR_BITS: u32 = 8;

/// `(factor, bits)`, with `factor/2^bits` about `1/√width`: exactly where it is a power of four, else `√(1/2)` times a power of
/// two with eight bits.
pub fn factor(width: usize) -> (i64, u32) {
    let log = width.trailing_zeros();
    match log % 2 {
        0 => (1, log / 2),
        // round(2^8/√2)
        _ => (181, FACTOR_BITS + log / 2),
    }
}

impl Transform for Scores {
    fn takes_two(&self) -> bool {
        true
    }

    fn shape(
        &self,
        field: &str,
        spec: &LayerSpec,
        input: &Features,
    ) -> Result<Shape, ManifestError> {
        self.shape_of_two(field, spec, [input, input])
    }

    fn shape_of_two(
        &self,
        field: &str,
        spec: &LayerSpec,
        [queries, keys]: [&Features; 2],
    ) -> Result<Shape, ManifestError> {
        no_weights(field, spec)?;
        no_kernel(field, spec)?;
        refuse(field, "causal", spec.causal.is_some())?;
        let heads = heads(field, spec)?;
        if keys.channels != queries.channels || queries.channels % heads != 0 {
            let kind = Kind::Heads { heads, first: queries.channels, second: keys.channels };
            return Err(ManifestError::new(format!("{field}.heads"), kind));
        }
        power("channels of a head", field, MAX_CHANNELS, queries.channels / heads)?;
        let sides = [positions(field, queries)?, positions(field, keys)?];
        let output = Features { channels: heads, image: Some(sides) };
        Ok(Shape { heads, ..Shape::new(spec.kind, queries, output) })
    }

    fn scales(
        &self,
        lowering: &Lowering<'_>,
        l: usize,
        shape: &Shape,
        (input, a_frac): (Scale, u32),
        above: &Consumers<'_>,
    ) -> Result<Layer, ManifestError> {
        let with = lowering.with(l, shape)?;
        let width = shape.input.channels / shape.heads.max(1);
        let (factor, factor_frac) = factor(width);
        let largest =
            width as i128 * i128::from(factor) * i128::from(input.max) * i128::from(with.max);
        let field = format!("quantization.layers[{l}].z_frac");
        let z = Wide::symmetric(&field, "a score before rounding", largest)
            .rescale(input.frac + with.frac + factor_frac, lowering.quantization(l)?.z_frac)?;
        let [queries, keys] = shape.output.image.unwrap_or([1, 1]);
        let (with_frac, with_max) = (with.frac, with.max);
        let count = shape.heads;
        let heads = Heads { count, width, queries, keys, factor, factor_frac, with_frac, with_max };
        let layer = parameterless::layer(lowering, l, shape, (input, a_frac), z, above)?;
        Ok(Layer { heads: Some(heads), ..layer })
    }

    fn sends(
        &self,
        _lowering: &Lowering<'_>,
        layer: &Layer,
        to: usize,
        field: &str,
        frac: u32,
    ) -> Result<Sent, ManifestError> {
        let heads = layer.heads.ok_or_else(|| ManifestError::new(field, Kind::Missing))?;
        // A query is told by all keys, and the other way round.
        let (terms, other_frac, other_max) = match layer.with == Some(to) {
            false => (heads.keys, heads.with_frac, heads.with_max),
            true => (heads.queries, layer.a_in_frac, layer.a_in_max),
        };
        let largest = terms as i128
            * i128::from(heads.factor)
            * i128::from(layer.d_max)
            * i128::from(other_max);
        let wide = Wide::symmetric(field, "a backpropagated gradient before rounding", largest);
        let own = layer.d_frac + other_frac + heads.factor_frac;
        Ok(Sent::Tensor(wide.rescale(own, frac)?))
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        own.rounded("z", &layer.z, &layer.output)
    }
}

impl Operator for Scores {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(Linear::zero().plus(1, site.z()?.q, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        site.sent_form(map)
    }

    /// `z = Q·Kᵀ`, rounded.
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let own = places(site)?;
        let Heads { queries, keys, width, factor, .. } = own.heads;
        let result = pairs(3, 4);
        builder.product(Product {
            label: format!("{}.forward", own.name),
            axes: own.axes(queries, keys, width),
            left: own.taken(0, &rows(3, 4))?,
            right: own.taken(1, &rows(3, 4))?,
            coef: factor.into(),
            out: site.z()?.rounded(&format!("{}.z", own.name), &result, &result)?,
        });
        Ok(())
    }

    /// `∂Q = ∂Z·K` and `∂K = ∂Zᵀ·Q`.
    fn backward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let own = places(site)?;
        let Heads { queries, keys, width, factor, .. } = own.heads;
        let (name, g) = site.sent()?;
        let (result, by_key) = (rows(3, 4), site.is_second());
        let (part, to, over) = match by_key {
            false => ("backward", queries, keys),
            true => ("backward_with", keys, queries),
        };
        builder.product(Product {
            label: format!("{}.{part}", own.name),
            axes: own.axes(to, width, over),
            left: site.gradient(&if by_key { pairs(4, 3) } else { pairs(3, 4) })?,
            right: own.taken(usize::from(!by_key), &rows(4, 3))?,
            coef: factor.into(),
            out: g.rounded(&name, &result, &result)?,
        });
        Ok(())
    }

    fn pointwise(
        &self,
        builder: &mut RelationBuilder,
        pointwise: &mut PointwiseBuilder,
        site: &Site<'_>,
    ) -> Result<(), CompileError> {
        site.constrain_z(builder, pointwise)
    }

    /// Nothing: it has no parameters.
    fn parameters(&self, _: &mut RelationBuilder, _: &Site<'_>) -> Result<(), CompileError> {
        Ok(())
    }
}

fn places<'a>(site: &'a Site<'a>) -> Result<Places<'a>, CompileError> {
    Places::new(site, |heads| [heads.of_queries(), heads.of_pairs()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_the_inverse_root_of_a_width() {
        assert_eq!([1, 4, 16, 64].map(factor), [(1, 0), (1, 1), (1, 2), (1, 3)]);
        for width in [2, 8, 32, 128] {
            let (factor, bits) = factor(width);
            let got = factor as f64 / f64::from(1 << bits) * (width as f64).sqrt();
            assert!((got - 1.0).abs() < 2e-4, "{width}: {got}");
        }
    }
}
