//! From real numbers to the integers that are committed and trained on.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::ArrayView2;
use zktrain_model::manifest::{Data, Loss, Manifest, Network, PROBABILITY_FRAC};

use super::csv_file::number;
use super::{DatasetError, Source, Table};

/// Scaled real numbers, as the float reference and calibration see them.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled {
    /// Features of a sample.
    pub width: usize,
    /// Label entries of a sample.
    pub outputs: usize,
    /// `(raw − offset)·scale`, `(rows, width)`.
    pub inputs: Vec<f64>,
    /// One-hot rows, times their weights, a logistic bit, or scaled targets, `(rows, outputs)`.
    pub labels: Vec<f64>,
    /// Rows of weight zero that only fill steps up.
    pub filled: usize,
}

/// Entries that did not fit 16 bits and were clamped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clamped {
    /// Of each feature, in the manifest's order.
    pub inputs: Vec<usize>,
    /// Of the label; only a target that is a number can be too large.
    pub targets: usize,
}

impl Clamped {
    /// All of them.
    pub fn total(&self) -> usize {
        self.inputs.iter().sum::<usize>() + self.targets
    }
}

/// Integers ready to be committed and trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Features of a sample.
    pub width: usize,
    /// Label entries of a sample.
    pub outputs: usize,
    /// Inputs `(rows, width)` with the network's `input_frac` fractional bits.
    pub inputs: Vec<i16>,
    /// One-hot rows, a logistic bit, or targets with `z_frac` fractional bits, `(rows, outputs)`; with weights these, in
    /// units of `2^−14`, in place of ones.
    pub labels: Vec<i16>,
    /// Scaled targets of a regression as they are, neither rounded nor clamped `(rows, outputs)`:
    /// what a model is measured against, although it learns from the integers.
    pub targets: Option<Vec<f64>>,
    /// Rows of weight zero that only fill steps up.
    pub filled: usize,
    /// Entries that did not fit 16 bits and were clamped.
    pub clamped: Clamped,
}

impl Table {
    /// Checks all labels while rows still have the numbers that they have in the
    /// file: before they are shuffled or split.
    ///
    /// # Errors
    /// When a label is none of the classes or not a number.
    pub fn check_labels(&self, manifest: &Manifest) -> Result<(), DatasetError> {
        labels(self, manifest).map(drop)
    }

    /// Applies the manifest's scaling to columns that are in the manifest's order.
    ///
    /// # Errors
    /// When the number of columns differs, or a label is none of the classes or not a number.
    pub fn scaled(&self, manifest: &Manifest) -> Result<Scaled, DatasetError> {
        let columns = manifest.data.columns();
        let (expected, got) = (columns.len(), self.columns.len());
        if expected != got {
            let path = self.path.clone();
            return Err(DatasetError::Count { path, what: "features a sample", expected, got });
        }
        let (inputs, width) = match &manifest.data.tokens {
            Some(tokens) => (one_hot(self, tokens)?, columns.len() * tokens.len()),
            None => {
                let cells = self.features.iter().zip(columns.iter().cycle());
                let scaled = cells.map(|(x, column)| (x - column.offset) * column.scale);
                (scaled.collect(), columns.len())
            }
        };
        let labels = labels(self, manifest)?;
        let outputs = labels.len() / self.rows().max(1);
        Ok(Scaled { width, outputs, inputs, labels, filled: 0 })
    }

    /// [`Self::scaled`], then spread over whole windows ([`Scaled::in_steps`]) and rounded half up to the network's
    /// integers: rows to train on.
    ///
    /// # Errors
    /// As there.
    pub fn quantized(
        &self,
        manifest: &Manifest,
        network: &Network,
    ) -> Result<Dataset, DatasetError> {
        Ok(self.scaled(manifest)?.in_steps(manifest).quantized(network))
    }

    /// [`Self::scaled`], then rounded half up to the network's integers: rows to measure a model on.
    ///
    /// # Errors
    /// As there.
    pub fn held_out(
        &self,
        manifest: &Manifest,
        network: &Network,
    ) -> Result<Dataset, DatasetError> {
        Ok(self.scaled(manifest)?.quantized(network))
    }
}

impl Scaled {
    /// Number of samples.
    pub fn rows(&self) -> usize {
        self.inputs.len() / self.width.max(1)
    }

    /// Inputs `(rows, width)` and labels `(rows, outputs)` of batch `index`; `None` past the
    /// last whole batch.
    pub fn batch(
        &self,
        rows: usize,
        index: usize,
    ) -> Option<(ArrayView2<'_, f64>, ArrayView2<'_, f64>)> {
        let x = self.inputs.chunks_exact(rows * self.width).nth(index)?;
        let y = self.labels.chunks_exact(rows * self.outputs).nth(index)?;
        let view = |values, width| ArrayView2::from_shape((rows, width), values).ok();
        view(x, self.width).zip(view(y, self.outputs))
    }

    /// Rounds half up to the network's integers, clamping to 16 bits.
    pub fn quantized(&self, network: &Network) -> Dataset {
        let regression = !network.one_hot && network.loss == Loss::Mse;
        let label_frac = match regression {
            true => network.layers.last().map_or(0, |last| last.z_frac),
            false if network.weighted => PROBABILITY_FRAC,
            false => 0,
        };
        let (inputs, of_inputs) = quantize(&self.inputs, self.width, network.input_frac);
        let (labels, of_labels) = quantize(&self.labels, self.outputs, label_frac);
        let clamped = Clamped { inputs: of_inputs, targets: of_labels.iter().sum() };
        let targets = regression.then(|| self.labels.clone());
        let Self { width, outputs, filled, .. } = *self;
        Dataset { width, outputs, inputs, labels, targets, filled, clamped }
    }
}

impl Dataset {
    /// The manifest's columns of a CSV file, in the file's own order of rows.
    ///
    /// Batches are consecutive rows: if a file is sorted, shuffle its [`Table`] instead
    /// ([`Table::shuffled`]) and call [`Table::quantized`].
    ///
    /// # Errors
    /// As [`Source::read_for`] and [`Table::scaled`]; also when the manifest
    /// is a draft or refused.
    pub fn from_csv(path: impl AsRef<Path>, manifest: &Manifest) -> Result<Self, DatasetError> {
        let table = Source::Csv(path.as_ref().to_owned()).read_for(&manifest.data)?;
        table.quantized(manifest, &manifest.network().map_err(Box::new)?)
    }

    /// Number of samples.
    pub fn rows(&self) -> usize {
        self.inputs.len() / self.width.max(1)
    }

    /// Number of whole windows; the samples after the last one are never visited.
    pub fn windows(&self, network: &Network) -> usize {
        self.rows() / network.window()
    }

    /// Samples that are dropped because they do not fill a window.
    pub fn dropped(&self, network: &Network) -> usize {
        self.rows() % network.window()
    }

    /// Inputs and labels of window `index`, `T·B` consecutive samples; `None` past the last.
    pub fn window(&self, network: &Network, index: usize) -> Option<(&[i16], &[i16])> {
        let rows = network.window();
        let inputs = self.inputs.chunks_exact(rows * self.width).nth(index)?;
        let labels = self.labels.chunks_exact(rows * self.outputs).nth(index)?;
        Some((inputs, labels))
    }
}

/// `clamp(floor(x·2^frac + 1/2))`, and how many entries of each column were clamped.
fn quantize(values: &[f64], width: usize, frac: u32) -> (Vec<i16>, Vec<usize>) {
    let (lo, hi) = (f64::from(i16::MIN), f64::from(i16::MAX));
    let mut clamped = vec![0; width];
    let mut out = Vec::with_capacity(values.len());
    for row in values.chunks(width.max(1)) {
        for (x, clamped) in row.iter().zip(&mut clamped) {
            let rounded = libm::floor(libm::scalbn(*x, frac as i32) + 0.5);
            *clamped += usize::from(rounded < lo || rounded > hi);
            out.push(rounded.clamp(lo, hi) as i16);
        }
    }
    (out, clamped)
}

fn labels(table: &Table, manifest: &Manifest) -> Result<Vec<f64>, DatasetError> {
    let data = &manifest.data;
    let shapes = manifest.shapes().map_err(Box::new)?;
    let expected = shapes.last().map_or(1, |last| last.output.positions());
    let got = table.labels_a_row;
    if got != expected {
        let path = table.path.clone();
        return Err(DatasetError::Count { path, what: "labels a sample", expected, got });
    }
    if let Some(target) = data.target {
        let scale = |(i, label): (usize, &String)| {
            let raw = number(&table.path, i + 1, &data.label, label)?;
            Ok((raw - target.offset) * target.scale)
        };
        return table.labels.iter().enumerate().map(scale).collect();
    }
    let classes = Classes::new(data);
    let mut out = Vec::new();
    for (i, label) in table.labels.iter().enumerate() {
        let class = match table.text {
            true => classes.names.get(label.as_str()).copied(),
            false => classes.index(label),
        };
        let Some(class) = class else {
            if data.weighted && (label.is_empty() || table.text) {
                out.extend(std::iter::repeat_n(0.0, classes.count));
                continue;
            }
            let (path, row) = (table.path.clone(), i / expected + 1);
            return Err(DatasetError::UnknownClass { path, row });
        };
        let weight = data.class_weights.as_ref().and_then(|weights| weights.get(class));
        let weight = weight.copied().unwrap_or(1.0);
        if manifest.model.loss == Loss::Logistic {
            out.push(class as f64);
        } else {
            out.extend((0..classes.count).map(|j| if j == class { weight } else { 0.0 }));
        }
    }
    Ok(out)
}

/// Numbers that tokens become at most, 2 GiB of them; labels are as many again, and both are copied once.
const MAX_ONE_HOT: usize = 1 << 28;

/// A channel for each token, 1 where a cell names it. What no token is called is none, in a text.
fn one_hot(table: &Table, tokens: &[String]) -> Result<Vec<f64>, DatasetError> {
    let number = |token: &String| match table.text {
        // A token of several characters is none of a text's.
        true => {
            Some(token.chars()).filter(|all| all.clone().count() == 1)?.next().map(|c| c as u64)
        }
        // Adding zero turns −0 into 0.
        false => told_apart(token).map(|x| (x + 0.0).to_bits()),
    };
    let mut known: BTreeMap<u64, usize> = BTreeMap::new();
    for (i, token) in tokens.iter().enumerate() {
        if let Some(key) = number(token) {
            // The first of those that are the same number, as of classes.
            known.entry(key).or_insert(i);
        }
    }
    let (characters, max) = (table.features.len(), MAX_ONE_HOT / tokens.len().max(1));
    if characters > max {
        let (path, tokens) = (table.path.clone(), tokens.len());
        return Err(DatasetError::LongText { path, characters, tokens, max });
    }
    let mut out = vec![0.0; characters * tokens.len()];
    let cells = out.chunks_exact_mut(tokens.len()).zip(&table.features).enumerate();
    for (i, (channels, cell)) in cells {
        let key = if table.text { *cell as u64 } else { (cell + 0.0).to_bits() };
        match known.get(&key).filter(|_| *cell >= 0.0 || !table.text) {
            Some(token) => channels[*token] = 1.0,
            None if table.text => {}
            None => {
                let (path, row) = (table.path.clone(), i / table.columns.len().max(1) + 1);
                return Err(DatasetError::UnknownToken { path, row });
            }
        }
    }
    Ok(out)
}

/// Class names; a number matches however it is written (`1`, `1.0`), as long as whole numbers
/// of its size are different ones in double precision.
struct Classes<'a> {
    names: BTreeMap<&'a str, usize>,
    numbers: Vec<(f64, usize)>,
    count: usize,
}

impl<'a> Classes<'a> {
    fn new(data: &'a Data) -> Self {
        let classes = data.classes.as_deref().unwrap_or_default();
        let number = |(i, name): (usize, &String)| told_apart(name).map(|x| (x, i));
        Self {
            names: classes.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect(),
            numbers: classes.iter().enumerate().filter_map(number).collect(),
            count: classes.len(),
        }
    }

    fn index(&self, label: &str) -> Option<usize> {
        self.names.get(label).copied().or_else(|| {
            let x = told_apart(label)?;
            self.numbers.iter().find(|(number, _)| *number == x).map(|(_, i)| *i)
        })
    }
}

/// The number that a name is, if no other whole number is the same in double precision.
fn told_apart(name: &str) -> Option<f64> {
    const LARGEST: f64 = (1u64 << 53) as f64;
    name.parse().ok().filter(|x: &f64| x.abs() < LARGEST)
}
