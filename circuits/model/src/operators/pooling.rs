//! What pools have in common: windows that tile an image, and no parameters.

use crate::manifest::{
    Features, Kernel, Layer, LayerSpec, MAX_KERNEL, ManifestError, ManifestErrorKind, Shape,
    derived, range,
};

/// Longest side of an image whose numbers are averaged all at once: a mean's share is `round(2^16/k²)`, which is
/// within 0.2 % up to here, and its gradient takes a prover `k²` times the image.
const MAX_WHOLE: usize = 16;

/// What a pool makes of its input; `whole` if a window without a size is the whole image.
pub(super) fn shape(
    field: &str,
    spec: &LayerSpec,
    input: &Features,
    whole: bool,
) -> Result<Shape, ManifestError> {
    let Some(sides) = input.image else {
        let kind = ManifestErrorKind::NoImage { layer: spec.kind };
        return Err(ManifestError::new(format!("{field}.kind"), kind));
    };
    for (name, present) in [("out", spec.out.is_some()), ("bias", spec.bias.is_some())] {
        if present {
            let kind = ManifestErrorKind::Unexpected;
            return Err(ManifestError::new(format!("{field}.{name}"), kind));
        }
    }
    let size = size(field, spec, sides, whole)?;
    if let Some(side) = sides.into_iter().find(|side| side % size != 0) {
        let kind = ManifestErrorKind::Untiled { side, kernel: size };
        return Err(ManifestError::new(format!("{field}.kernel"), kind));
    }
    let [height, width] = sides.map(|side| side / size);
    let kernel = Some(Kernel { size, stride: size, padding: 0 });
    let output = Features::image([height, width, input.channels]);
    Ok(Shape { kernel, ..Shape::new(spec.kind, input, output) })
}

fn size(
    field: &str,
    spec: &LayerSpec,
    sides: [usize; 2],
    whole: bool,
) -> Result<usize, ManifestError> {
    let path = |name: &str| format!("{field}.{name}");
    let size = match spec.kernel {
        Some(size) if (2..=MAX_KERNEL).contains(&size) => size,
        Some(size) => return Err(range(&path("kernel"), 2, MAX_KERNEL, size)),
        None if whole && sides[0] != sides[1] => {
            let [height, width] = sides;
            let kind = ManifestErrorKind::Oblong { height, width };
            return Err(ManifestError::new(format!("{field}.kind"), kind));
        }
        None if whole && sides[0] > MAX_WHOLE => {
            return Err(range(&path("kind"), 1, MAX_WHOLE, sides[0]));
        }
        None if whole => {
            let said = [("stride", spec.stride), ("padding", spec.padding)];
            if let Some((name, _)) = said.iter().find(|(_, value)| value.is_some()) {
                return Err(ManifestError::new(path(name), ManifestErrorKind::Unexpected));
            }
            sides[0]
        }
        None => return Err(ManifestError::new(path("kernel"), ManifestErrorKind::Missing)),
    };
    // Windows lie side by side.
    let stride = spec.stride.unwrap_or(size);
    derived(path("stride"), size as i64, stride as i64)?;
    derived(path("padding"), 0, spec.padding.unwrap_or(0) as i64)?;
    Ok(size)
}

/// A pool's windows: their size, and how many along height and width. `None` if they do not tile its
/// input, or its output is another's.
pub(super) fn tiles(layer: &Layer) -> Option<(usize, [usize; 2])> {
    let (size, sides, outputs) = (layer.kernel?.size, layer.input.image?, layer.output.image?);
    let tiled = size > 0 && outputs.map(|side| side * size) == sides;
    let alike = layer.input.channels == layer.output.channels && !layer.has_weights();
    (tiled && alike).then_some((size, outputs))
}

/// Visits every place of every window, windows by rows and their places by rows: the sample, the window's
/// position in the output, the place's position in the input.
pub(super) fn walk(
    samples: usize,
    (size, [height, width]): (usize, [usize; 2]),
    mut visit: impl FnMut(usize, usize, usize),
) {
    let pairs = |a: usize, b: usize| (0..a).flat_map(move |i| (0..b).map(move |j| (i, j)));
    for sample in 0..samples {
        for (i, j) in pairs(height, width) {
            for (u, v) in pairs(size, size) {
                let place = (i * size + u) * width * size + j * size + v;
                visit(sample, i * width + j, place);
            }
        }
    }
}
