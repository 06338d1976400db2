//! Synthetic data whose labels have weights: whole ones, smaller ones, and none.

use rand::Rng;
use zktrain_model::manifest::{Features, Manifest, ManifestError};

use crate::dataset::Scaled;

/// What a label may weigh, each as likely as the others.
const WEIGHTS: [f64; 4] = [1.0, 1.0, 0.5, 0.0];

/// Samples as [`super::samples`] makes them. Where each position has a label, it depends on the inputs there.
pub(super) fn samples(
    manifest: &Manifest,
    rows: usize,
    rng: &mut impl Rng,
) -> Result<Scaled, ManifestError> {
    let shapes = manifest.shapes()?;
    let width = manifest.model.input;
    let labels = shapes.last().map_or(Features::flat(1), |last| last.output);
    let (positions, classes) = (labels.positions(), labels.channels);
    // As many numbers as there are for each position, or all of them.
    let seen = if width.is_multiple_of(positions) { width / positions } else { width };
    let tokens = manifest.data.tokens.as_ref().map(Vec::len);
    let mut draw = || -> f64 { (0..4).map(|_| rng.gen_range(-0.5..0.5)).sum() };
    let directions: Vec<f64> = (0..classes * seen).map(|_| draw()).collect();
    let (inputs, entries) = (Vec::new(), Vec::new());
    let outputs = labels.count();
    let mut sample = Scaled { width, outputs, inputs, labels: entries, filled: 0 };
    for _ in 0..rows {
        let x: Vec<f64> = match tokens {
            Some(tokens) => {
                let mut x = vec![0.0; width];
                for position in x.chunks_exact_mut(tokens) {
                    position[rng.gen_range(0..tokens)] = 1.0;
                }
                x
            }
            None => (0..width).map(|_| (0..4).map(|_| rng.gen_range(-0.5..0.5)).sum()).collect(),
        };
        for position in 0..positions {
            let at = (position * seen) % width.max(1);
            let along = |j: &usize| -> f64 {
                let direction = &directions[j * seen..(j + 1) * seen];
                direction.iter().zip(&x[at..at + seen]).map(|(d, x)| d * x).sum()
            };
            let best = (0..classes).max_by(|a, b| along(a).total_cmp(&along(b)));
            let weight = WEIGHTS[rng.gen_range(0..WEIGHTS.len())];
            sample.labels.extend((0..classes).map(|j| if Some(j) == best { weight } else { 0.0 }));
        }
        sample.inputs.extend(x);
    }
    Ok(sample)
}
