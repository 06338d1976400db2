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
    Ok(back.layer(shape, q.z_frac, (input, a_frac), z))
}
