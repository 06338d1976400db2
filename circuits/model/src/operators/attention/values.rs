//! What a position takes of all others: their channels, each head's by its own shares.

use super::{
    Heads, MAX_CHANNELS, MAX_HEADS, MAX_POSITIONS, Places, pairs, positions, power, refuse, rows,
};
use crate::compile::{CompileError, Declaration, PointwiseBuilder, RelationBuilder};
use crate::manifest::{
    Consumers, Features, Layer, LayerSpec, Lowering, ManifestError, ManifestErrorKind as Kind,
    Shape, Wide, no_kernel, no_weights,
};
use crate::operators::site::Site;
use crate::operators::{Operator, Scale, Sent, Transform, parameterless};
use crate::relation::{DimMap, Linear, Product};

/// Shares, from one layer, of values, from another.
#[derive(Debug)]
pub(crate) struct Values;

impl Transform for Values {
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
        [shares, values]: [&Features; 2],
    ) -> Result<Shape, ManifestError> {
        no_weights(field, spec)?;
        no_kernel(field, spec)?;
        refuse(field, "heads", spec.heads.is_some())?;
        refuse(field, "causal", spec.causal.is_some())?;
        let keys = positions(field, values)?;
        let heads = power("heads", field, MAX_HEADS, shares.channels)?;
        let Some([queries, _]) = shares.image.filter(|[_, taken]| *taken == keys) else {
            let expected = Features { channels: heads, image: Some([keys, keys]) };
            let kind = Kind::Unlike { expected, got: *shares };
            return Err(ManifestError::new(format!("{field}.from"), kind));
        };
        power("positions", field, MAX_POSITIONS, queries)?;
        if values.channels % heads != 0 {
            let kind = Kind::Heads { heads, first: values.channels, second: values.channels };
            return Err(ManifestError::new(format!("{field}.with"), kind));
        }
        power("channels of a head", field, MAX_CHANNELS, values.channels / heads)?;
        let output = Features { channels: values.channels, image: Some([queries, 1]) };
        Ok(Shape { heads, ..Shape::new(spec.kind, shares, output) })
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
        let [queries, keys] = shape.input.image.unwrap_or([1, 1]);
        let largest = keys as i128 * i128::from(input.max) * i128::from(with.max);
        let field = format!("quantization.layers[{l}].z_frac");
        let z = Wide::symmetric(&field, "a sum of shares before rounding", largest)
            .rescale(input.frac + with.frac, lowering.quantization(l)?.z_frac)?;
        let (count, width) = (shape.heads, shape.output.channels / shape.heads.max(1));
        let (with_frac, with_max) = (with.frac, with.max);
        let (factor, factor_frac) = (1, 0);
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
        let (terms, other_frac, other_max) = match layer.with == Some(to) {
            false => (heads.width, heads.with_frac, heads.with_max),
            true => (heads.queries, layer.a_in_frac, layer.a_in_max),
        };
        let largest = terms as i128 * i128::from(layer.d_max) * i128::from(other_max);
        let wide = Wide::symmetric(field, "a backpropagated gradient before rounding", largest);
        Ok(Sent::Tensor(wide.rescale(layer.d_frac + other_frac, frac)?))
    }

    fn declare(&self, layer: &Layer, own: &mut Declaration<'_>) -> Result<(), CompileError> {
        own.rounded("z", &layer.z, &layer.output)
    }
}

impl Operator for Values {
    fn value(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        Ok(Linear::zero().plus(1, site.z()?.q, map))
    }

    fn input_gradient(&self, site: &Site<'_>, map: &[DimMap]) -> Result<Linear, CompileError> {
        site.sent_form(map)
    }

    /// `z = P·V`, rounded.
    fn forward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let own = places(site)?;
        let Heads { queries, keys, width, .. } = own.heads;
        let result = rows(3, 4);
        builder.product(Product {
            label: format!("{}.forward", own.name),
            axes: own.axes(queries, width, keys),
            left: own.taken(0, &pairs(3, 4))?,
            right: own.taken(1, &rows(4, 3))?,
            coef: 1,
            out: site.z()?.rounded(&format!("{}.z", own.name), &result, &result)?,
        });
        Ok(())
    }

    /// `∂P = ∂Z·Vᵀ` and `∂V = Pᵀ·∂Z`.
    fn backward(&self, builder: &mut RelationBuilder, site: &Site<'_>) -> Result<(), CompileError> {
        let own = places(site)?;
        let Heads { queries, keys, width, .. } = own.heads;
        let (name, g) = site.sent()?;
        let product = match site.is_second() {
            false => Product {
                label: format!("{}.backward", own.name),
                axes: own.axes(queries, keys, width),
                left: site.gradient(&rows(3, 4))?,
                right: own.taken(1, &rows(3, 4))?,
                coef: 1,
                out: g.rounded(&name, &pairs(3, 4), &pairs(3, 4))?,
            },
            true => Product {
                label: format!("{}.backward_with", own.name),
                axes: own.axes(keys, width, queries),
                left: own.taken(0, &pairs(4, 3))?,
                right: site.gradient(&rows(4, 3))?,
                coef: 1,
                out: g.rounded(&name, &rows(3, 4), &rows(3, 4))?,
            },
        };
        builder.product(product);
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
    Places::new(site, |heads| [heads.of_pairs(), heads.of_queries()])
}
