//! Draft manifests: a table's columns and classes with a chosen model, ready for calibration.

use std::collections::BTreeSet;

use zktrain_circuits::manifest::{
    Data, Feature, LayerKind, LayerSpec, Loss, MAX_CLASSES, Manifest, Model, Optimizer, Target,
    Training, Uniform, VERSION,
};

use crate::dataset::{Table, inspect};

/// How features are scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scaling {
    /// To mean 0 and standard deviation 1, column by column.
    Standardize,
    /// All columns alike, `(raw − offset)·scale`.
    Uniform {
        /// Subtracted first.
        offset: f64,
        /// Multiplied next.
        scale: f64,
    },
}

/// What a draft cannot read off the table.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftOptions {
    /// Name of the model.
    pub name: String,
    /// Name of the label column.
    pub label: String,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Activation after every hidden layer.
    pub activation: LayerKind,
    /// Loss function.
    pub loss: Loss,
    /// Whether labels are numbers to be predicted rather than classes; `mse` only.
    pub regression: bool,
    /// Hyper-parameters.
    pub optimizer: Optimizer,
    /// Batch size, steps per proof, length of a chain.
    pub training: Training,
    /// Feature scaling.
    pub scaling: Scaling,
}

/// More classes than a manifest may have, or labels that are not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// Too many distinct labels for classes.
    #[error("{got} distinct labels, at most {max} classes are supported")]
    TooManyClasses {
        /// Most classes.
        max: usize,
        /// Distinct labels.
        got: usize,
    },
    /// A regression label that is not a number.
    #[error("row {row}: expected a number as label")]
    LabelNotANumber {
        /// Row of data, counted from 1.
        row: usize,
    },
}

/// A draft manifest for public or synthetic data; the owner's data is never used for scales.
///
/// # Errors
/// When the labels cannot be classes, or cannot be numbers.
pub fn draft(table: &Table, options: &DraftOptions) -> Result<Manifest, DraftError> {
    let (classes, target) = if options.regression {
        (None, Some(target(table)?))
    } else {
        (Some(classes(table)?), None)
    };
    let outputs = match (options.loss, &classes) {
        (Loss::Logistic, _) | (_, None) => 1,
        (_, Some(classes)) => classes.len(),
    };
    let hidden = options.hidden.iter();
    let mut layers: Vec<LayerSpec> = hidden
        .flat_map(|out| [LayerSpec::linear(*out, true), LayerSpec::of(options.activation)])
        .collect();
    layers.push(LayerSpec::linear(outputs, true));
    let (features, uniform) = columns(table, options.scaling);
    Ok(Manifest {
        version: VERSION,
        name: options.name.clone(),
        model: Model { input: table.columns.len(), loss: options.loss, layers },
        optimizer: options.optimizer,
        training: options.training,
        data: Data { label: options.label.clone(), classes, target, uniform, features },
        quantization: None,
    })
}

/// Distinct labels, numbers in numeric order before names in alphabetical order.
fn classes(table: &Table) -> Result<Vec<String>, DraftError> {
    let distinct: BTreeSet<&String> = table.labels.iter().collect();
    if distinct.len() > MAX_CLASSES {
        return Err(DraftError::TooManyClasses { max: MAX_CLASSES, got: distinct.len() });
    }
    let mut classes: Vec<String> = distinct.into_iter().cloned().collect();
    let number = |label: &String| label.parse().unwrap_or(f64::INFINITY);
    classes.sort_by(|a, b| number(a).total_cmp(&number(b)).then_with(|| a.cmp(b)));
    Ok(classes)
}

fn target(table: &Table) -> Result<Target, DraftError> {
    let number = |(i, label): (usize, &String)| match label.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => Err(DraftError::LabelNotANumber { row: i + 1 }),
    };
    let values: Vec<f64> = table.labels.iter().enumerate().map(number).collect::<Result<_, _>>()?;
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let (offset, scale) = standardize(mean, variance.sqrt());
    Ok(Target { offset, scale })
}

fn columns(table: &Table, scaling: Scaling) -> (Option<Vec<Feature>>, Option<Uniform>) {
    match scaling {
        Scaling::Uniform { offset, scale } => match common_prefix(&table.columns) {
            Some(prefix) => {
                let count = table.columns.len();
                (None, Some(Uniform { prefix, count, offset, scale }))
            }
            None => {
                let feature = |name: &String| Feature { name: name.clone(), offset, scale };
                (Some(table.columns.iter().map(feature).collect()), None)
            }
        },
        Scaling::Standardize => {
            let feature = |column: crate::dataset::ColumnSummary| {
                let (offset, scale) = standardize(column.mean, column.std);
                Feature { name: column.name, offset, scale }
            };
            (Some(inspect(table).columns.into_iter().map(feature).collect()), None)
        }
    }
}

/// Offset and scale to mean 0 and deviation 1, in six digits so that people can read them.
fn standardize(mean: f64, std: f64) -> (f64, f64) {
    let scale = if std > 0.0 { 1.0 / std } else { 1.0 };
    (six_digits(mean), six_digits(scale))
}

fn six_digits(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x)
}

/// The prefix of columns called `prefix0`, `prefix1`, … in order.
fn common_prefix(columns: &[String]) -> Option<String> {
    let prefix = columns.first()?.strip_suffix('0').filter(|p| !p.is_empty())?;
    let numbered = |(i, name): (usize, &String)| *name == format!("{prefix}{i}");
    columns.iter().enumerate().all(numbered).then(|| prefix.to_owned())
}
