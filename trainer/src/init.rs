//! Draft manifests: a table's columns and classes with a chosen model, ready for calibration.

mod text;

use std::collections::BTreeSet;
use std::path::PathBuf;

use zktrain_model::manifest::{
    Data, Feature, LayerKind, LayerSpec, Loss, MAX_CLASSES, Manifest, Model, Optimizer, Target,
    Training, Uniform,
};

use crate::dataset::{Table, inspect};
use crate::images::{Images, hidden_layers};
use crate::transformer::each;

/// Bytes of a name in a manifest.
const MAX_NAME: usize = 256;
/// Largest offset and scale in a manifest.
const MAX_SCALING: f64 = 1e12;

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
    /// An image and the layers over it, where the table's columns are an image's numbers.
    pub images: Option<Images>,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Activation after every convolution, or its pool, and every hidden layer.
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
    /// Whether labels have weights, with which no row is left out. They have where the batch is no power of two, classes
    /// have weights, or each position has a label.
    pub weighted: bool,
    /// Weights of the classes; all the same without them.
    pub class_weights: Option<ClassWeights>,
}

/// The least weight that a label can have.
const LEAST_WEIGHT: f64 = 1.0 / 16_384.0;

/// How much each class counts.
#[derive(Debug, Clone, PartialEq)]
pub enum ClassWeights {
    /// As much as all others together with it: the rarest 1, others as much less as there are more of them.
    Balanced,
    /// So much, in the order of the classes; 1 at most.
    Each(Vec<f64>),
}

impl Default for DraftOptions {
    /// One hidden layer of 16 units with ReLU, classes by softmax, a learning rate of 1/16 and
    /// nothing else of an optimizer, batches of 32, a proof for each step, standardized features;
    /// no names yet.
    fn default() -> Self {
        Self {
            name: String::new(),
            label: String::new(),
            images: None,
            hidden: vec![16],
            activation: LayerKind::Relu,
            loss: Loss::SoftmaxCrossEntropy,
            regression: false,
            optimizer: Optimizer::sgd(0.0625),
            training: Training { batch: 32, steps_per_proof: 1, max_steps: 8192 },
            scaling: Scaling::Standardize,
            weighted: false,
            class_weights: None,
        }
    }
}

/// Data that no manifest can be drafted for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// Too many distinct labels for classes.
    #[error(
        "{}: {got} distinct labels in column {label:?}, at most {max} classes are supported; a \
         number is predicted with --regression",
        path.display()
    )]
    TooManyClasses {
        path: PathBuf,
        /// The label column.
        label: String,
        /// Most classes.
        max: usize,
        /// Distinct labels.
        got: usize,
    },
    /// Too many different characters for tokens.
    #[error(
        "{}: {got} different characters, at most {max} are supported at so many positions; use \
         fewer positions, or leave rare characters out of the public text",
        path.display()
    )]
    ManyCharacters {
        path: PathBuf,
        /// Most characters.
        max: usize,
        /// Different characters.
        got: usize,
    },
    /// A text without two different characters.
    #[error("{}: all characters are the same", path.display())]
    OneCharacter { path: PathBuf },
    /// Labels for each position, and no layers over positions.
    #[error("{}: each sample has {got} labels: say what its positions are, with --image and --layer", path.display())]
    Positions {
        path: PathBuf,
        /// Labels of a sample.
        got: usize,
    },
    /// Nothing to tell apart.
    #[error("{}: all labels in column {label:?} are the same", path.display())]
    OneClass {
        path: PathBuf,
        /// The label column.
        label: String,
    },
    /// A loss for two classes, and not two classes.
    #[error(
        "{}: {got} distinct labels in column {label:?}, the loss `logistic` is for two; use \
         `softmax-cross-entropy`",
        path.display()
    )]
    NotTwoClasses {
        path: PathBuf,
        /// The label column.
        label: String,
        /// Distinct labels.
        got: usize,
    },
    /// A name that is longer than a manifest's may be.
    #[error("{}: {what} has {got} bytes, at most {max} are supported", path.display())]
    LongName {
        path: PathBuf,
        /// Whose name, and where it is.
        what: String,
        /// Most bytes.
        max: usize,
        /// Bytes found.
        got: usize,
    },
    /// A regression label that is not a number.
    #[error(
        "{}: row {row}, column {label:?}: expected a finite number to predict (--regression)",
        path.display()
    )]
    LabelNotANumber {
        path: PathBuf,
        /// The label column.
        label: String,
        /// Row of data, counted from 1.
        row: usize,
    },
    /// A column whose mean or deviation is beyond what a manifest can say.
    #[error(
        "{}: row {row}, column {column:?}: the number is so far from zero, or from the others, \
         that the column cannot be scaled; correct it, or leave the row or the column out",
        path.display()
    )]
    Immense {
        path: PathBuf,
        column: String,
        /// Row of data, counted from 1, that has the largest number.
        row: usize,
    },
    /// A column whose numbers hardly differ.
    #[error(
        "{}: column {column:?}: the numbers differ by less than 10^-12, which no scaling makes \
         up for; leave the column out, or change its unit",
        path.display()
    )]
    Minute { path: PathBuf, column: String },
}

/// A draft manifest for public or synthetic data; the owner's data is never used for scales.
///
/// # Errors
/// When the labels cannot be classes, or cannot be numbers; when a name or a number is beyond what
/// a manifest can say.
pub fn draft(table: &Table, options: &DraftOptions) -> Result<Manifest, DraftError> {
    if table.text {
        return text::draft(table, options);
    }
    let (classes, target) = if options.regression {
        (None, Some(target(table, &options.label)?))
    } else {
        (Some(classes(table, options)?), None)
    };
    let outputs = match (options.loss, &classes) {
        (Loss::Logistic, _) | (_, None) => 1,
        (_, Some(classes)) => classes.len(),
    };
    let by_position = table.labels_a_row > 1;
    if by_position && options.images.is_none() {
        let (path, got) = (table.path.clone(), table.labels_a_row);
        return Err(DraftError::Positions { path, got });
    }
    let hidden = if by_position { &[][..] } else { &options.hidden };
    let mut layers = hidden_layers(options.images.as_ref(), hidden, options.activation);
    layers.push(if by_position { each(outputs) } else { LayerSpec::linear(outputs, true) });
    let class_weights = class_weights(table, options, classes.as_deref());
    let weighted = options.weighted
        || class_weights.is_some()
        || by_position
        || !options.training.batch.is_power_of_two();
    let (features, uniform) = columns(table, options.scaling)?;
    let (input, image) = (table.columns.len(), options.images.as_ref().map(|images| images.image));
    let model = Model { input, image, loss: options.loss, layers };
    let mut manifest = Manifest {
        version: 1,
        name: options.name.clone(),
        model,
        optimizer: options.optimizer,
        training: options.training,
        data: Data {
            label: options.label.clone(),
            classes,
            target,
            uniform,
            features,
            weighted,
            class_weights,
            tokens: None,
        },
        quantization: None,
    };
    manifest.version = manifest.oldest_version();
    Ok(manifest)
}

/// Those that were said, or that the table's labels give.
fn class_weights(
    table: &Table,
    options: &DraftOptions,
    classes: Option<&[String]>,
) -> Option<Vec<f64>> {
    match options.class_weights.as_ref()? {
        ClassWeights::Each(weights) => Some(weights.clone()),
        ClassWeights::Balanced => {
            let count =
                |class: &String| table.labels.iter().filter(|label| *label == class).count();
            let counts: Vec<usize> = classes.unwrap_or_default().iter().map(count).collect();
            let least = counts.iter().copied().min().unwrap_or(0) as f64;
            let weight = |count: usize| six_digits(least / count.max(1) as f64).max(LEAST_WEIGHT);
            Some(counts.into_iter().map(weight).collect())
        }
    }
}

/// Distinct labels, numbers in numeric order before names in alphabetical order.
fn classes(table: &Table, options: &DraftOptions) -> Result<Vec<String>, DraftError> {
    let distinct: BTreeSet<&String> = table.labels.iter().filter(|l| !l.is_empty()).collect();
    let (path, label, got) = (table.path.clone(), options.label.clone(), distinct.len());
    if got > MAX_CLASSES {
        return Err(DraftError::TooManyClasses { path, label, max: MAX_CLASSES, got });
    }
    if got == 1 {
        return Err(DraftError::OneClass { path, label });
    }
    if got != 2 && options.loss == Loss::Logistic {
        return Err(DraftError::NotTwoClasses { path, label, got });
    }
    if let Some(row) = table.labels.iter().position(|label| label.len() > MAX_NAME) {
        let got = table.labels[row].len();
        let what = format!("row {}: the label", row + 1);
        return Err(DraftError::LongName { path, what, max: MAX_NAME, got });
    }
    let mut classes: Vec<String> = distinct.into_iter().cloned().collect();
    let number = |label: &String| label.parse().unwrap_or(f64::INFINITY);
    classes.sort_by(|a, b| number(a).total_cmp(&number(b)).then_with(|| a.cmp(b)));
    Ok(classes)
}

fn target(table: &Table, label: &str) -> Result<Target, DraftError> {
    let number = |(i, text): (usize, &String)| match text.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => {
            let (path, label) = (table.path.clone(), label.to_owned());
            Err(DraftError::LabelNotANumber { path, label, row: i + 1 })
        }
    };
    let values: Vec<f64> = table.labels.iter().enumerate().map(number).collect::<Result<_, _>>()?;
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let (offset, scale) = standardize(mean, variance.sqrt());
    scalable(table, label, (offset, scale), values.iter().copied())?;
    Ok(Target { offset, scale })
}

fn columns(
    table: &Table,
    scaling: Scaling,
) -> Result<(Option<Vec<Feature>>, Option<Uniform>), DraftError> {
    if let Some(at) = table.columns.iter().position(|name| name.len() > MAX_NAME) {
        let (what, got) = (format!("the name of column {}", at + 1), table.columns[at].len());
        return Err(DraftError::LongName { path: table.path.clone(), what, max: MAX_NAME, got });
    }
    let Scaling::Uniform { offset, scale } = scaling else {
        return Ok((Some(standardized(table)?), None));
    };
    Ok(match common_prefix(&table.columns) {
        Some(prefix) => {
            let count = table.columns.len();
            (None, Some(Uniform { prefix, count, offset, scale }))
        }
        None => {
            let feature = |name: &String| Feature { name: name.clone(), offset, scale };
            (Some(table.columns.iter().map(feature).collect()), None)
        }
    })
}

/// Every column with its own mean and deviation.
fn standardized(table: &Table) -> Result<Vec<Feature>, DraftError> {
    let width = table.columns.len().max(1);
    let mut features = Vec::with_capacity(width);
    for (j, column) in inspect(table).columns.into_iter().enumerate() {
        let (mean, std) = (column.mean.unwrap_or_default(), column.std.unwrap_or_default());
        let (offset, scale) = standardize(mean, std);
        let cells = table.features.iter().skip(j).step_by(width).copied();
        scalable(table, &column.name, (offset, scale), cells)?;
        features.push(Feature { name: column.name, offset, scale });
    }
    Ok(features)
}

/// Offset and scale to mean 0 and deviation 1, in six digits so that people can read them.
fn standardize(mean: f64, std: f64) -> (f64, f64) {
    let scale = if std > 0.0 { 1.0 / std } else { 1.0 };
    (six_digits(mean), six_digits(scale))
}

/// Checks that a manifest can say how a column is scaled, and else says which cell is to blame.
fn scalable(
    table: &Table,
    column: &str,
    (offset, scale): (f64, f64),
    cells: impl Iterator<Item = f64>,
) -> Result<(), DraftError> {
    let (path, column) = (table.path.clone(), column.to_owned());
    if offset.abs() <= MAX_SCALING && scale <= MAX_SCALING && scale > 0.0 {
        return Ok(());
    }
    if offset.abs() <= MAX_SCALING && scale > MAX_SCALING {
        return Err(DraftError::Minute { path, column });
    }
    let largest = cells.enumerate().max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
    let row = largest.map_or(0, |(row, _)| row) + 1;
    Err(DraftError::Immense { path, column, row })
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
