//! Integer training against the same training in double precision, on held-out data.

mod page;

use std::path::Path;

use ndarray::ArrayView2;
use serde::Serialize;
use zktrain_model::manifest::{Loss, Manifest, Network, OptimizerKind};
use zktrain_model::operators::ARRIVING;
use zktrain_model::schedule::window_order;
use zktrain_model::trace::Parameters;

use crate::dataset::{Dataset, DatasetError, Scaled, Source, Table, read_text};
use crate::preset::{Preset, presets};
use crate::reference::FloatTrainer;
use crate::train::{TrainError, Trainer, last_state};
use crate::{
    CalibrationError, DraftError, calibrate, draft, evaluate, initial_parameters, shape, to_floats,
};

pub use page::to_markdown;

/// Share of the rows that are held out.
const HELD_OUT: f64 = 0.25;

/// Why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccuracyError {
    /// A data file is missing or malformed.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The data do not suit the model.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// No scales could be chosen.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// The manifest is refused.
    #[error(transparent)]
    Manifest(#[from] zktrain_model::manifest::ManifestError),
    /// Training is refused.
    #[error(transparent)]
    Train(#[from] TrainError),
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Dataset.
    pub name: String,
    /// What goes through the layers, for example `30-16-2`, or the network's name.
    pub shape: String,
    /// Runs averaged, each with its own split and initial parameters.
    pub runs: usize,
    /// Epochs trained.
    pub epochs: usize,
    /// Optimizer steps trained.
    pub steps: usize,
    /// Held-out samples.
    pub test_rows: usize,
    /// Held-out accuracy after integer training.
    pub integer: f64,
    /// Held-out accuracy after training in double precision.
    pub float: f64,
    /// Share of outputs, gradients and updates that saturated.
    pub saturated: f64,
}

impl Comparison {
    /// Integer minus float accuracy, in percentage points.
    pub fn difference(&self) -> f64 {
        100.0 * (self.integer - self.float)
    }
}

/// Compares on every preset whose data are there: CSV files in `data`, MNIST's IDX files in `mnist` and a text (left out when
/// `None`). Convolutional networks, which take longer than all the others, are among them if `convolutions` says so. What is
/// about to be trained is told before.
///
/// # Errors
/// When a file is missing or malformed.
pub fn accuracy_table(
    data: &Path,
    mnist: Option<&Path>,
    text: Option<&Path>,
    convolutions: bool,
    mut tell: impl FnMut(&str),
) -> Result<Vec<Comparison>, AccuracyError> {
    let mut lines = Vec::new();
    let wanted = presets().into_iter();
    let wanted = wanted.filter(|p| convolutions || p.text || p.options.images.is_none());
    let wanted = wanted.flat_map(|preset| {
        let adam = preset.with_adam();
        core::iter::once(preset).chain(adam)
    });
    for preset in wanted {
        let mut runs = Vec::new();
        for seed in 0..preset.runs as u64 {
            let (train, test) = match (preset.file, mnist) {
                _ if preset.text => {
                    let Some(text) = text else { continue };
                    let images = preset.options.images.as_ref();
                    let positions = images.map_or(1, |images| images.image[0]);
                    // In the order of the text: what is held out is its end.
                    read_text(text, positions)?.split(HELD_OUT)
                }
                (Some(file), _) => {
                    let table = Source::Csv(data.join(file)).read(&preset.options.label)?;
                    table.shuffled(seed).split(HELD_OUT)
                }
                (None, Some(folder)) => (mnist_part(folder, "train")?, mnist_part(folder, "t10k")?),
                (None, None) => continue,
            };
            if seed == 0 {
                tell(preset.name);
            }
            runs.push(compare(&preset, &train, &test, seed)?);
        }
        lines.extend(mean(&runs).map(|line| named(&preset, line)));
    }
    Ok(lines)
}

/// A network over images has a name that says more than what goes through its layers; its data are MNIST. With Adam the
/// shape says so.
fn named(preset: &Preset, line: Comparison) -> Comparison {
    let adam = preset.options.optimizer.kind == OptimizerKind::Adam;
    match preset.options.images {
        Some(_) if preset.text => {
            Comparison { name: "text".to_owned(), shape: preset.name.to_owned(), ..line }
        }
        Some(_) => Comparison { name: "mnist".to_owned(), shape: preset.name.to_owned(), ..line },
        None if adam => Comparison { shape: format!("{}, Adam", line.shape), ..line },
        None => line,
    }
}

/// The mean of several runs; `None` when there are none.
fn mean(runs: &[Comparison]) -> Option<Comparison> {
    let of = |x: fn(&Comparison) -> f64| runs.iter().map(x).sum::<f64>() / runs.len() as f64;
    Some(Comparison {
        runs: runs.len(),
        integer: of(|run| run.integer),
        float: of(|run| run.float),
        saturated: of(|run| run.saturated),
        ..runs.first()?.clone()
    })
}

/// One part of MNIST (`train` or `t10k`) from a folder of gzipped IDX files.
///
/// # Errors
/// When a file is missing or malformed.
pub fn mnist_part(folder: &Path, part: &str) -> Result<Table, DatasetError> {
    let features = folder.join(format!("mnist-{part}-images-idx3-ubyte.gz"));
    let labels = folder.join(format!("mnist-{part}-labels-idx1-ubyte.gz"));
    Source::Idx { features, labels }.read("label")
}

/// Trains a preset in integers and in double precision, from the same initial parameters
/// in the same order of batches, and evaluates both on `test`.
///
/// # Errors
/// When the data do not suit the preset.
pub fn compare(
    preset: &Preset,
    train: &Table,
    test: &Table,
    seed: u64,
) -> Result<Comparison, AccuracyError> {
    let draft = draft(train, &preset.options)?;
    let sample = train.scaled(&draft)?;
    let manifest = calibrate(&draft, &sample, seed)?;
    let sample = sample.in_steps(&manifest);
    let network = manifest.network()?;
    let trainer = Trainer::new(network.clone())?;
    let before = initial_parameters(&network, seed);
    let order: Vec<usize> = (0..preset.epochs as u64)
        .flat_map(|epoch| window_order([0; 32], epoch, sample.rows() / network.window()))
        .collect();
    let (after, saturated) =
        train_integers(&trainer, &before, &sample.quantized(&network), &order)?;
    let held_out = test.scaled(&manifest)?;
    let metrics = evaluate(&trainer, &after, &held_out.quantized(&network))?;
    let float = train_floats(&manifest, &network, &before, &sample, &order)?;
    Ok(Comparison {
        name: preset.name.to_owned(),
        shape: shape(&network),
        runs: 1,
        epochs: preset.epochs,
        steps: order.len() * network.steps,
        test_rows: held_out.rows(),
        integer: metrics.accuracy.unwrap_or(0.0),
        float: float_accuracy(&manifest, &float, &held_out),
        saturated,
    })
}

fn train_integers(
    trainer: &Trainer,
    before: &Parameters,
    dataset: &Dataset,
    order: &[usize],
) -> Result<(Parameters, f64), AccuracyError> {
    let network = trainer.network();
    let (mut parameters, mut state) = (before.clone(), None);
    let (mut saturated, mut rounded) = (0, 0);
    for index in order {
        let Some((x, y)) = dataset.window(network, *index) else {
            continue;
        };
        let trace = trainer.train_window(&parameters, state.as_ref(), x, y)?;
        state = last_state(network, &trace);
        for layer in &trace.layers {
            let names = ["z"].into_iter().chain(ARRIVING);
            let values = names.filter_map(|name| layer.tensors.rounded(name));
            let learned = layer.w.iter().map(|w| match (&network.adam, &w.clip) {
                // An update of Adam does not saturate; the gradient that it is made of does.
                (Some(_), Some(clip)) => clip,
                _ => &w.update,
            });
            for tensor in values.chain(learned) {
                saturated += tensor.excess.len();
                rounded += tensor.q.len();
            }
        }
        parameters = trace.after;
    }
    Ok((parameters, saturated as f64 / rounded.max(1) as f64))
}

fn train_floats(
    manifest: &Manifest,
    network: &Network,
    before: &Parameters,
    sample: &Scaled,
    order: &[usize],
) -> Result<FloatTrainer, AccuracyError> {
    let mut trainer = FloatTrainer::new(manifest, to_floats(network, before))?;
    for index in order {
        for step in 0..network.steps {
            if let Some((x, y)) = sample.batch(network.batch, index * network.steps + step) {
                trainer.step(x, y);
            }
        }
    }
    Ok(trainer)
}

/// Share of correct predictions, of labels that have a weight; zero for a regression.
pub fn float_accuracy(manifest: &Manifest, trainer: &FloatTrainer, sample: &Scaled) -> f64 {
    let shape = |width| (sample.rows(), width);
    let Ok(x) = ArrayView2::from_shape(shape(sample.width), &sample.inputs) else {
        return 0.0;
    };
    let outputs = trainer.outputs(x);
    // A row for each label, which every position has where there are several.
    let classes = match (&manifest.data.classes, manifest.model.loss) {
        (Some(classes), Loss::SoftmaxCrossEntropy) => classes.len(),
        _ => sample.outputs,
    };
    let outputs = outputs.as_standard_layout();
    let rows = outputs.as_slice().unwrap_or_default().chunks_exact(classes);
    let rows = rows.zip(sample.labels.chunks_exact(classes));
    let rows: Vec<_> = match manifest.data.weighted {
        true => rows.filter(|(_, y)| y.iter().any(|y| *y > 0.0)).collect(),
        false => rows.collect(),
    };
    let correct = rows.iter().filter(|(z, y)| match manifest.model.loss {
        Loss::Logistic => (z[0] > 0.0) == (y[0] > 0.5),
        _ => first_maximum(z.iter()) == first_maximum(y.iter()),
    });
    correct.count() as f64 / rows.len().max(1) as f64
}

fn first_maximum<'a>(values: impl Iterator<Item = &'a f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (j, x) in values.enumerate() {
        if *x > best.1 {
            best = (j, *x);
        }
    }
    best.0
}
