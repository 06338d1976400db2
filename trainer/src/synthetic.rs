//! Synthetic data: for calibration without public data, for benchmarks and for tests.

mod weighted;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_model::manifest::{
    Data, Features, LayerKind, LayerSpec, Loss, Manifest, ManifestError, Model, Optimizer,
    Training, Uniform,
};

use crate::dataset::Scaled;
use crate::images::{Images, hidden_layers};
use crate::transformer::each;
use crate::{CalibrationError, calibrate};

/// Samples with features in −2..2 and labels that depend on them: each class has a
/// random direction, and a sample belongs to the class whose direction it follows most.
///
/// # Errors
/// When the manifest's layers are inconsistent.
pub fn samples(manifest: &Manifest, rows: usize, seed: u64) -> Result<Scaled, ManifestError> {
    let outputs = manifest.shapes()?.last().map_or(0, |shape| shape.n_out);
    let width = manifest.model.input;
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    if manifest.data.weighted {
        return weighted::samples(manifest, rows, &mut rng);
    }
    let mut normal = move || -> f64 { (0..4).map(|_| rng.gen_range(-0.5..0.5)).sum() };
    let directions: Vec<f64> = (0..outputs * width).map(|_| normal()).collect();
    let (inputs, labels) = (Vec::new(), Vec::new());
    let mut sample = Scaled { width, outputs, inputs, labels, filled: 0 };
    let one_hot = manifest.data.target.is_none() && manifest.model.loss != Loss::Logistic;
    for _ in 0..rows {
        let x: Vec<f64> = (0..width).map(|_| normal()).collect();
        let along = |j: usize| -> f64 {
            let direction = &directions[j * width..(j + 1) * width];
            direction.iter().zip(&x).map(|(d, x)| d * x).sum()
        };
        let scores: Vec<f64> = (0..outputs).map(along).collect();
        if one_hot {
            let best = (0..outputs).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
            sample.labels.extend((0..outputs).map(|j| f64::from(u8::from(Some(j) == best))));
        } else if manifest.model.loss == Loss::Logistic {
            sample.labels.push(f64::from(u8::from(scores[0] > 0.0)));
        } else {
            sample.labels.extend(scores.iter().map(|s| s.clamp(-2.0, 2.0)));
        }
        sample.inputs.extend(x);
    }
    Ok(sample)
}

/// A calibrated manifest for layer widths such as `[784, 128, 10]`, with ReLU and
/// softmax, a learning rate of 1/16 and otherwise plain gradient descent.
///
/// # Errors
/// When the widths, batch or steps are not supported.
pub fn manifest(
    widths: &[usize],
    batch: usize,
    steps: usize,
) -> Result<Manifest, CalibrationError> {
    calibrated(draft(widths, batch, steps))
}

/// A draft with scales from samples of its own kind.
///
/// # Errors
/// When the draft is refused, or no scales satisfy the static bounds.
pub fn calibrated(mut draft: Manifest) -> Result<Manifest, CalibrationError> {
    draft.version = draft.oldest_version();
    draft.validate()?;
    let sample = samples(&draft, 8 * draft.training.batch, 1)?;
    calibrate(&draft, &sample, 1)
}

/// A draft with an image as input and layers over it before the widths, whose first is not looked at.
pub fn image_draft(images: &Images, widths: &[usize], batch: usize, steps: usize) -> Manifest {
    let mut draft = draft(widths, batch, steps);
    let input = images.image.iter().product();
    draft.model.layers.splice(0..0, hidden_layers(Some(images), &[], LayerKind::Relu));
    (draft.model.input, draft.model.image) = (input, Some(images.image));
    draft.data.uniform.iter_mut().for_each(|columns| columns.count = input);
    draft.version = draft.oldest_version();
    draft
}

/// A draft over sequences of tokens, one for each channel of the input, that predicts one at each position.
pub fn token_draft(images: &Images, batch: usize, steps: usize) -> Manifest {
    let [height, width, tokens] = images.image;
    let mut draft = image_draft(images, &[0, tokens], batch, steps);
    draft.model.layers.pop();
    draft.model.layers.push(each(tokens));
    draft.data.uniform.iter_mut().for_each(|columns| columns.count = height * width);
    draft.data.tokens.clone_from(&draft.data.classes);
    draft.data.weighted = true;
    draft.version = draft.oldest_version();
    draft
}

/// The draft that [`manifest`] calibrates.
pub fn draft(widths: &[usize], batch: usize, steps: usize) -> Manifest {
    let mut layers = Vec::new();
    for width in widths.iter().skip(1) {
        if !layers.is_empty() {
            layers.push(LayerSpec::of(LayerKind::Relu));
        }
        layers.push(LayerSpec::linear(*width, true));
    }
    let [input, outputs] = [widths.first(), widths.last()].map(|w| w.copied().unwrap_or(0));
    let names: Vec<String> = widths.iter().map(usize::to_string).collect();
    let optimizer = Optimizer::sgd(0.0625);
    let model = Model { input, image: None, loss: Loss::SoftmaxCrossEntropy, layers };
    let mut draft = Manifest {
        version: 1,
        name: format!("synthetic {}", names.join("-")),
        model,
        optimizer,
        training: Training { batch, steps_per_proof: steps, max_steps: steps.max(1024) },
        data: Data {
            label: "class".into(),
            classes: Some((0..outputs).map(|j| j.to_string()).collect()),
            target: None,
            uniform: Some(Uniform { prefix: "x_".into(), count: input, offset: 0.0, scale: 1.0 }),
            features: None,
            weighted: !batch.is_power_of_two(),
            class_weights: None,
            tokens: None,
        },
        quantization: None,
    };
    draft.version = draft.oldest_version();
    draft
}
/// The same with weights of labels, if it can have them: batches of several have one sample less, and where the last layer can be a
/// convolution over a few positions, each of these has a label.
pub fn with_weights(manifest: Manifest) -> Manifest {
    const MOST: usize = 16;
    let weighed = |by_position: bool| {
        let mut weighed = manifest.clone();
        if let Some(last) = weighed.model.layers.last_mut().filter(|_| by_position) {
            *last = LayerSpec { from: last.from, ..each(last.out.unwrap_or(1)) };
        }
        weighed.data.weighted = true;
        weighed.training.batch -= usize::from(weighed.training.batch > 1);
        weighed.version = weighed.oldest_version();
        let shapes = weighed.shapes().unwrap_or_default();
        let few = shapes.last().is_some_and(|last| last.output.positions() <= MOST);
        (few && weighed.validate().is_ok()).then_some(weighed)
    };
    weighed(true).or_else(|| weighed(false)).unwrap_or(manifest)
}

/// A chain of layers made a graph. `bits` says of each layer in turn, two bits of it: 1 puts a second layer like it
/// beside it and adds the two, 2 or 3 adds what the first layer with as many outputs put out.
///
/// # Errors
/// If the layers are inconsistent.
pub fn with_shortcuts(model: &Model, bits: u64) -> Result<Model, ManifestError> {
    let outputs: Vec<Features> = model.shapes()?.into_iter().map(|shape| shape.output).collect();
    let mut layers: Vec<LayerSpec> = Vec::new();
    // Where the values of each layer of the chain come out, by entry.
    let mut ends: Vec<usize> = Vec::new();
    let chain: Vec<&[LayerSpec]> =
        model.layers.chunk_by(|_, next| !next.kind.begins_layer()).collect();
    for (l, group) in chain.iter().enumerate() {
        layers.extend_from_slice(group);
        let last = l + 1 == chain.len();
        let (end, before) = (layers.len() - 1, ends.last().copied());
        let first = outputs.iter().take(l).position(|output| *output == outputs[l]);
        let with = match (bits >> (2 * l) & 3, before, first) {
            _ if last => None,
            (1, Some(before), _) => {
                let from = Some(before);
                layers.push(LayerSpec { from, ..group[0] });
                layers.extend_from_slice(&group[1..]);
                Some(end)
            }
            (2 | 3, _, Some(first)) => Some(ends[first]),
            _ => None,
        };
        if with.is_some() {
            layers.push(LayerSpec { with, ..LayerSpec::of(LayerKind::Add) });
            layers.extend(group[1..].iter().filter(|_| l % 2 == 0));
        }
        ends.push(layers.len() - 1);
    }
    Ok(Model { layers, ..model.clone() })
}
