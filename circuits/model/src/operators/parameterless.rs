//! Layers without parameters: what their scales have in common.

use super::Scale;
use crate::manifest::{
    Consumers, Layer, Lowering, ManifestError, ManifestErrorKind, RoundSpec, Shape, derived,
};

/// The layer whose values are rounded like this.
pub(super) fn layer(
    lowering: &Lowering<'_>,
    l: usize,
    shape: &Shape,
    (input, a_frac): (Scale, u32),
    z: RoundSpec,
    above: &Consumers<'_>,
) -> Result<Layer, ManifestError> {
    let q = lowering.quantization(l)?;
    let field = |name: &str| format!("quantization.layers[{l}].{name}");
    derived(field("eta"), 0, q.eta)?;
    for (name, present) in
        [("clip_frac", q.clip_frac.is_some()), ("clip_bound", q.clip_bound.is_some())]
    {
        if present {
            return Err(ManifestError::new(field(name), ManifestErrorKind::Unexpected));
        }
    }
    let back = lowering.backward(l, shape.activation, a_frac, above)?;
    Ok(Layer {
        kind: shape.kind,
        from: shape.from,
        with: shape.with,
        input: shape.input,
        output: shape.output,
        kernel: shape.kernel,
        n_in: 0,
        n_out: 0,
        bias: false,
        activation: shape.activation,
        a_in_frac: input.frac,
        a_in_max: input.max,
        z_frac: q.z_frac,
        a_frac,
        g_frac: back.g_frac,
        d_frac: back.gradient.frac,
        d_max: back.gradient.max,
        grad_frac: 0,
        grad_max: 0,
        z,
        g: back.g,
        d: back.d,
        clip: None,
        update: None,
        eta: 0,
        norm: None,
    })
}
