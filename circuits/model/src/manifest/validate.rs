//! Checks of single fields; relations between scales are checked when lowering.

use std::collections::BTreeSet;

use super::VERSION;
use super::error::{ManifestError, ManifestErrorKind as Kind};
use super::lower::in_range;
use super::optimizer::{Optimizer, OptimizerKind, Schedule, ScheduleKind};
use super::rates::beta_error;
use super::schema::{Data, LayerKind, LayerSpec, Manifest, Model, Quantization, Training};
use super::shape::{Shape, shapes};
use crate::operators::normed_count;

/// Most classes a softmax may have: its terms must still fit 14 bits together.
pub const MAX_CLASSES: usize = 4096;
const MAX_NAME: usize = 256;

/// Checks everything except the quantization.
pub(super) fn draft(manifest: &Manifest) -> Result<(), ManifestError> {
    version(manifest)?;
    name("name", &manifest.name)?;
    let shapes = shapes(&manifest.model)?;
    optimizer(&manifest.optimizer)?;
    training(&manifest.training, manifest.data.weighted)?;
    adam(manifest)?;
    let mut norms = shapes.iter().filter(|shape| shape.kind == LayerKind::BatchNorm);
    norms.try_for_each(|shape| normed_count(manifest.training.batch, shape).map(|_| ()))?;
    columns(&manifest.data, &manifest.model)?;
    weights(manifest, &shapes)?;
    labels(manifest, &shapes)
}

/// A version that is known, and has what the manifest has.
fn version(manifest: &Manifest) -> Result<(), ManifestError> {
    let got = manifest.version;
    if !(1..=VERSION).contains(&got) {
        return Err(ManifestError::new("version", Kind::Version { expected: VERSION, got }));
    }
    let newer = |field: String, needed: u32| {
        Err(ManifestError::new(field, Kind::NewerVersion { needed, got }))
    };
    if manifest.model.image.is_some() && got < 2 {
        return newer("model.image".into(), 2);
    }
    if got < manifest.optimizer.version() {
        return newer("optimizer".into(), manifest.optimizer.version());
    }
    if got < manifest.data.version() {
        return newer("data".into(), 6);
    }
    let layers = manifest.model.layers.iter().map(LayerSpec::version);
    match layers.enumerate().find(|(_, needed)| got < *needed) {
        Some((layer, needed)) => newer(format!("model.layers[{layer}]"), needed),
        None => Ok(()),
    }
}

/// Checks the ranges of the scales.
pub(super) fn quantization(q: &Quantization) -> Result<(), ManifestError> {
    let field = |name: &str| format!("quantization.{name}");
    in_range(field("row_log"), 4, 20, q.row_log.into())?;
    in_range(field("input_frac"), 0, 15, q.input_frac.into())?;
    in_range(field("weight_frac"), 0, 30, q.weight_frac.into())?;
    in_range(field("weight_init_bits"), 1, 30, q.weight_init_bits.into())?;
    for (l, layer) in q.layers.iter().enumerate() {
        let field = |name: &str| format!("quantization.layers[{l}].{name}");
        in_range(field("z_frac"), 0, 15, layer.z_frac.into())?;
        in_range(field("a_frac"), 4, 14, layer.a_frac.unwrap_or(4).into())?;
        in_range(field("grad_frac"), 0, 40, layer.grad_frac.unwrap_or(0).into())?;
        in_range(field("clip_frac"), 0, 60, layer.clip_frac.unwrap_or(0).into())?;
    }
    Ok(())
}

fn optimizer(optimizer: &Optimizer) -> Result<(), ManifestError> {
    const TINY: f64 = 1e-9;
    real("optimizer.learning_rate", TINY, 1e3, optimizer.learning_rate)?;
    // 1 − 2^−16 is the largest momentum whose multiplier is below one.
    real("optimizer.momentum", 0.0, 1.0 - 1.0 / 65_536.0, optimizer.momentum)?;
    real("optimizer.weight_decay", 0.0, 1.0, optimizer.weight_decay)?;
    optimizer.clip.map_or(Ok(()), |clip| real("optimizer.clip", TINY, 1e6, clip))
}

/// Largest relative error of what a moment takes of a step.
const MAX_BETA_ERROR: f64 = 1.0 / 16.0;

/// What Adam asks of hyper-parameters; what others do not have is not said without it.
fn adam(manifest: &Manifest) -> Result<(), ManifestError> {
    let optimizer = &manifest.optimizer;
    let unexpected = |fields: &[(&str, bool)]| match fields.iter().find(|(_, said)| *said) {
        Some((field, _)) => Err(ManifestError::new(format!("optimizer.{field}"), Kind::Unexpected)),
        None => Ok(()),
    };
    if optimizer.kind == OptimizerKind::Sgd {
        return unexpected(&[
            ("beta1", optimizer.beta1.is_some()),
            ("beta2", optimizer.beta2.is_some()),
            ("epsilon", optimizer.epsilon.is_some()),
            ("schedule", optimizer.schedule.is_some()),
        ]);
    }
    unexpected(&[
        ("momentum", optimizer.momentum != 0.0),
        ("weight_decay", optimizer.weight_decay != 0.0),
        ("clip", optimizer.clip.is_some()),
    ])?;
    real("optimizer.epsilon", 0.0, 1.0, optimizer.epsilon())?;
    // 1 − 2^−12 leaves a second moment sixteen units of 2^−16 of a step.
    let betas = [
        ("beta1", optimizer.beta1(), 0.0, 1.0 - 1.0 / 65_536.0),
        ("beta2", optimizer.beta2(), 0.5, 1.0 - 1.0 / 4096.0),
    ];
    for (name, beta, least, most) in betas {
        let field = format!("optimizer.{name}");
        real(field.clone(), least, most, beta)?;
        let got = beta_error(beta);
        if got > MAX_BETA_ERROR {
            return Err(ManifestError::new(
                field,
                Kind::ImpreciseMoment { max: MAX_BETA_ERROR, got },
            ));
        }
    }
    optimizer.schedule.map_or(Ok(()), |it| schedule(&it, manifest.training.max_steps))
}

fn schedule(schedule: &Schedule, max_steps: usize) -> Result<(), ManifestError> {
    const MOST: i64 = 1 << 16;
    let field = |name: &str| format!("optimizer.schedule.{name}");
    let ends = matches!(schedule.kind, ScheduleKind::Linear | ScheduleKind::Cosine);
    let falls = schedule.kind == ScheduleKind::Step;
    let size = |size: usize| (size as u64).min(1 << 32) as i64;
    in_range(field("warmup"), 0, MOST, size(schedule.warmup))?;
    if ends {
        let first = size(schedule.warmup) + 1;
        in_range(field("steps"), first, MOST, size(schedule.steps.unwrap_or(max_steps)))?;
    } else if schedule.steps.is_some() {
        return Err(ManifestError::new(field("steps"), Kind::Unexpected));
    }
    match (falls, schedule.every, schedule.factor) {
        (true, Some(every), Some(factor)) => {
            in_range(field("every"), 1, MOST, size(every))?;
            real(field("factor"), 1.0 / 65_536.0, 1.0, factor)
        }
        (true, None, _) => Err(ManifestError::new(field("every"), Kind::Missing)),
        (true, _, None) => Err(ManifestError::new(field("factor"), Kind::Missing)),
        (false, Some(_), _) => Err(ManifestError::new(field("every"), Kind::Unexpected)),
        (false, _, Some(_)) => Err(ManifestError::new(field("factor"), Kind::Unexpected)),
        (false, None, None) => Ok(()),
    }
}

fn training(training: &Training, weighted: bool) -> Result<(), ManifestError> {
    let batch = training.batch;
    in_range("training.batch", 1, 4096, (batch as u64).min(1 << 32) as i64)?;
    if !weighted && !batch.is_power_of_two() {
        return Err(ManifestError::new("training.batch", Kind::Unfilled { got: batch }));
    }
    power_of_two("training.steps_per_proof", 1024, training.steps_per_proof)?;
    let steps = (training.max_steps as u64).min(1 << 32) as i64;
    in_range("training.max_steps", training.steps_per_proof as i64, 1 << 16, steps)
}

fn power_of_two(field: &str, max: usize, got: usize) -> Result<(), ManifestError> {
    in_range(field, 1, max as i64, (got as u64).min(1 << 32) as i64)?;
    if got.is_power_of_two() {
        Ok(())
    } else {
        Err(ManifestError::new(field, Kind::NotPowerOfTwo { got }))
    }
}

/// Refuses `got` outside `min..=max`, and what is no number.
pub(crate) fn real(
    field: impl Into<String>,
    min: f64,
    max: f64,
    got: f64,
) -> Result<(), ManifestError> {
    // The comparison is false for NaN.
    if got >= min && got <= max {
        return Ok(());
    }
    Err(ManifestError::new(field, Kind::RealOutOfRange { min, max, got }))
}

fn name(field: impl Into<String>, name: &str) -> Result<(), ManifestError> {
    match name.len() {
        0 => Err(ManifestError::new(field, Kind::Missing)),
        len => in_range(field, 1, MAX_NAME as i64, len as i64),
    }
}

fn scaling(field: &str, offset: f64, scale: f64) -> Result<(), ManifestError> {
    const LARGEST: f64 = 1e12;
    real(format!("{field}.offset"), -LARGEST, LARGEST, offset)?;
    real(format!("{field}.scale"), -LARGEST, LARGEST, scale)?;
    if scale == 0.0 {
        Err(ManifestError::new(format!("{field}.scale"), Kind::Zero))
    } else {
        Ok(())
    }
}

fn columns(data: &Data, model: &Model) -> Result<(), ManifestError> {
    name("data.label", &data.label)?;
    let (expected, matches) = match &data.tokens {
        Some(names) => (tokens(data, names, model)?, "the positions of `model.image`"),
        None => (model.input, "model.input"),
    };
    let (field, got) = match (&data.features, &data.uniform) {
        (Some(_), Some(_)) => return Err(ManifestError::new("data.uniform", Kind::Unexpected)),
        (None, None) => return Err(ManifestError::new("data.features", Kind::Missing)),
        (None, Some(uniform)) => {
            scaling("data.uniform", uniform.offset, uniform.scale)?;
            name("data.uniform.prefix", &uniform.prefix)?;
            ("data.uniform.count", uniform.count)
        }
        (Some(features), None) => {
            let mut names = BTreeSet::from([data.label.as_str()]);
            for (i, feature) in features.iter().enumerate() {
                let field = format!("data.features[{i}]");
                name(format!("{field}.name"), &feature.name)?;
                scaling(&field, feature.offset, feature.scale)?;
                unique(format!("{field}.name"), &mut names, &feature.name)?;
            }
            ("data.features", features.len())
        }
    };
    if got == expected {
        return Ok(());
    }
    Err(ManifestError::new(field, Kind::Count { expected, matches, got }))
}

/// Checks names of tokens, each a channel of the image; its positions, each with a column of the data.
fn tokens(data: &Data, names: &[String], model: &Model) -> Result<usize, ManifestError> {
    let field = |i: usize| format!("data.tokens[{i}]");
    let mut seen = BTreeSet::new();
    for (i, token) in names.iter().enumerate() {
        name(field(i), token)?;
        unique(field(i), &mut seen, token)?;
    }
    let plain = |offset: f64, scale: f64| (offset, scale) == (0.0, 1.0);
    let uniform = data.uniform.as_ref().is_none_or(|all| plain(all.offset, all.scale));
    let mut each = data.features.iter().flatten();
    if !uniform || !each.all(|feature| plain(feature.offset, feature.scale)) {
        // A token is a name: there is nothing to scale.
        return Err(ManifestError::new("data.tokens", Kind::Scaled));
    }
    let Some([height, width, channels]) = model.image else {
        return Err(ManifestError::new("model.image", Kind::Missing));
    };
    if channels == names.len() {
        return Ok(height * width);
    }
    let (matches, got) = ("the channels of `model.image`", names.len());
    Err(ManifestError::new("data.tokens", Kind::Count { expected: channels, matches, got }))
}

/// Weights of labels: which losses and layers have them, and what those of classes are.
fn weights(manifest: &Manifest, shapes: &[Shape]) -> Result<(), ManifestError> {
    const LEAST: f64 = 1.0 / 16_384.0;
    let data = &manifest.data;
    let positions = shapes.last().map_or(1, |last| last.output.positions());
    let by_position = shapes.last().is_some_and(|last| last.output.image.is_some());
    let refuse = |kind| Err(ManifestError::new("data.weighted", kind));
    if data.weighted && !manifest.model.loss.function().weighs() {
        return refuse(Kind::Unweighed);
    }
    if data.weighted && shapes.iter().any(|shape| shape.kind == LayerKind::BatchNorm) {
        return refuse(Kind::Counted);
    }
    if by_position && !data.weighted {
        return refuse(Kind::LabelsByPosition { positions });
    }
    let last = manifest.model.layers.len() - 1;
    for side in shapes.iter().rev().take(1).flat_map(|last| last.output.sides()) {
        if !side.is_power_of_two() {
            let kind = Kind::Sides { got: *side };
            return Err(ManifestError::new(format!("model.layers[{last}]"), kind));
        }
    }
    let Some(weights) = &data.class_weights else { return Ok(()) };
    if !data.weighted {
        return refuse(Kind::Missing);
    }
    let expected = data.classes.as_deref().unwrap_or_default().len();
    if weights.len() != expected {
        let kind = Kind::Count { expected, matches: "data.classes", got: weights.len() };
        return Err(ManifestError::new("data.class_weights", kind));
    }
    let mut each = weights.iter().enumerate();
    each.try_for_each(|(i, weight)| real(format!("data.class_weights[{i}]"), LEAST, 1.0, *weight))
}

fn unique<'a>(
    field: String,
    names: &mut BTreeSet<&'a str>,
    name: &'a str,
) -> Result<(), ManifestError> {
    if names.insert(name) {
        return Ok(());
    }
    Err(ManifestError::new(field, Kind::Duplicate { name: name.to_owned() }))
}

/// Loss, output width, classes and target must fit together.
fn labels(manifest: &Manifest, shapes: &[Shape]) -> Result<(), ManifestError> {
    let data = &manifest.data;
    let loss = manifest.model.loss.function();
    let outputs = shapes.last().map_or(0, |shape| shape.n_out);
    let last = format!("model.layers[{}].out", manifest.model.layers.len() - 1);
    match (&data.classes, &data.target) {
        (Some(_), Some(_)) => return Err(ManifestError::new("data.target", Kind::Unexpected)),
        (None, Some(target)) if loss.takes_targets() => {
            scaling("data.target", target.offset, target.scale)?;
            if outputs != 1 {
                let kind = Kind::Count { expected: 1, matches: "data.target", got: outputs };
                return Err(ManifestError::new(last, kind));
            }
            return Ok(());
        }
        (None, _) => return Err(ManifestError::new("data.classes", Kind::Missing)),
        (Some(_), None) => {}
    }
    let classes = data.classes.as_deref().unwrap_or_default();
    let mut names = BTreeSet::new();
    for (i, class) in classes.iter().enumerate() {
        name(format!("data.classes[{i}]"), class)?;
        unique(format!("data.classes[{i}]"), &mut names, class)?;
    }
    in_range("data.classes", 2, MAX_CLASSES as i64, classes.len() as i64)?;
    let (expected, matches) = loss.outputs(classes.len())?;
    if outputs == expected {
        return Ok(());
    }
    Err(ManifestError::new(last, Kind::Count { expected, matches, got: outputs }))
}
