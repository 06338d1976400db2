//! Datasets: reading files into a [`Table`] of real numbers, and a [`Dataset`] of integers.

mod csv_file;
mod error;
mod fill;
mod idx;
mod inspect;
mod npy;
mod quantize;
#[cfg(test)]
mod tests;
mod text;

use std::io::Read;
use std::path::{Path, PathBuf};

use zktrain_files::regular;
use zktrain_model::manifest::{Data, MAX_WIDTH};
use zktrain_model::schedule::row_order;

pub use csv_file::{csv_header, parse_csv, read_csv};
pub use error::{DatasetError, FormatFault, Found};
pub use idx::read_idx;
pub use inspect::{ColumnSummary, Summary, inspect};
pub use npy::read_npy;
pub use quantize::{Clamped, Dataset, Scaled};
pub use text::{NOTHING, read_text};

use crate::looks::looks_like;
use csv_file::Columns;

/// Largest data file, and largest content of a compressed one.
pub const MAX_BYTES: u64 = 1 << 32;

/// Where a dataset lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A CSV file with a header line.
    Csv(PathBuf),
    /// Two NumPy files.
    Npy {
        /// Features, first dimension samples.
        features: PathBuf,
        /// Labels, one dimension.
        labels: PathBuf,
    },
    /// Two IDX files, gzipped or not.
    Idx {
        /// Features, first dimension samples.
        features: PathBuf,
        /// Labels, one dimension.
        labels: PathBuf,
    },
    /// A text, whose characters are predicted one by one.
    Text {
        /// The file.
        path: PathBuf,
        /// Characters of a row; what a manifest has takes their place.
        positions: usize,
    },
}

impl Source {
    /// Reads the files; `label` names the label column of a CSV file.
    ///
    /// # Errors
    /// Names the file and the place in it that is wrong.
    pub fn read(&self, label: &str) -> Result<Table, DatasetError> {
        self.read_without(label, &[])
    }

    /// [`Self::read`] without the columns of a CSV file that are named in `ignored`, which may hold
    /// anything.
    ///
    /// # Errors
    /// As there.
    pub fn read_without(&self, label: &str, ignored: &[String]) -> Result<Table, DatasetError> {
        match self {
            Self::Csv(path) => {
                csv_file::read(path, label, Columns::AllBut(ignored), Cells::Numbers)
            }
            Self::Npy { features, labels } => read_npy(features, labels),
            Self::Idx { features, labels } => read_idx(features, labels),
            Self::Text { path, positions } => read_text(path, *positions),
        }
    }

    /// The same with rows of so many characters, where it is a text.
    #[must_use]
    pub fn with_positions(self, positions: usize) -> Self {
        match self {
            Self::Text { path, .. } => Self::Text { path, positions },
            other => other,
        }
    }

    /// Reads whatever is there: what is no finite number is a NaN, and a label may be empty.
    /// To look at, not to train on.
    ///
    /// # Errors
    /// When the files are not of their format, or the label column is missing.
    pub fn look(&self, label: &str) -> Result<Table, DatasetError> {
        match self {
            Self::Csv(path) => csv_file::read(path, label, Columns::AllBut(&[]), Cells::Any),
            Self::Npy { features, labels } => npy::read(features, labels, Cells::Any),
            Self::Idx { features, labels } => read_idx(features, labels),
            Self::Text { path, positions } => read_text(path, *positions),
        }
    }

    /// Reads the manifest's columns, in its order. What else there is in a CSV file is not looked
    /// at: a column that the model does not need may hold anything.
    ///
    /// # Errors
    /// As [`Self::read`]; also when a column of the manifest is missing.
    pub fn read_for(&self, data: &Data) -> Result<Table, DatasetError> {
        let names: Vec<String> = data.columns().into_iter().map(|column| column.name).collect();
        match self {
            Self::Csv(path) => {
                let cells = if data.weighted { Cells::Unlabelled } else { Cells::Numbers };
                csv_file::read(path, &data.label, Columns::These(&names), cells)
            }
            // Without names, the columns are in order by definition.
            Self::Npy { .. } | Self::Idx { .. } => self.read(&data.label)?.rename(names),
            Self::Text { path, .. } => read_text(path, names.len())?.rename(names),
        }
    }
}

/// What cells are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cells {
    /// Finite numbers, and labels that are there.
    Numbers,
    /// Finite numbers, and labels that may be empty.
    Unlabelled,
    /// Anything; what is no finite number becomes a NaN.
    Any,
}

/// Raw features and labels, as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The file that the features come from.
    pub path: PathBuf,
    /// Names of the feature columns.
    pub columns: Vec<String>,
    /// Features `(rows, columns)`, row-major, all finite unless it was only looked at.
    pub features: Vec<f64>,
    /// Labels as written, so many a row; empty where there is none.
    pub labels: Vec<String>,
    /// Labels of a row: one, or one for each position.
    pub labels_a_row: usize,
    /// Whether cells are characters, by their numbers in Unicode.
    pub text: bool,
}

impl Table {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            columns: Vec::new(),
            features: Vec::new(),
            labels: Vec::new(),
            labels_a_row: 1,
            text: false,
        }
    }

    /// Number of samples.
    pub fn rows(&self) -> usize {
        self.labels.len() / self.labels_a_row.max(1)
    }

    /// Checks that there are rows and that features and labels agree on how many.
    fn finish(self) -> Result<Self, DatasetError> {
        let path = self.path.clone();
        if self.labels.is_empty() || self.columns.is_empty() {
            return Err(DatasetError::Empty { path });
        }
        let (expected, got) = (self.rows(), self.features.len() / self.columns.len());
        if expected != got {
            return Err(DatasetError::Count { path, what: "samples", expected, got });
        }
        Ok(self)
    }

    /// Gives nameless columns the manifest's names.
    fn rename(mut self, names: Vec<String>) -> Result<Self, DatasetError> {
        let (expected, got) = (names.len(), self.columns.len());
        if expected != got {
            let path = self.path;
            return Err(DatasetError::Count { path, what: "features a sample", expected, got });
        }
        self.columns = names;
        Ok(self)
    }

    /// The rows in the order that [`row_order`] draws from `seed`.
    pub fn shuffled(&self, seed: u64) -> Self {
        self.take(&row_order(seed, self.rows()))
    }

    /// How many rows are trained on where `share` of them, rounded down, is held out.
    pub fn trained_on(&self, share: f64) -> usize {
        self.rows() - (self.rows() as f64 * share.clamp(0.0, 1.0)) as usize
    }

    /// The rows in two parts, the first with [`Self::trained_on`] of them, as they stand.
    pub fn split(&self, share: f64) -> (Self, Self) {
        let at = self.trained_on(share);
        let order: Vec<usize> = (0..self.rows()).collect();
        (self.take(&order[..at]), self.take(&order[at..]))
    }

    fn take(&self, rows: &[usize]) -> Self {
        let width = self.columns.len();
        let row = |i: &usize| self.features[i * width..(i + 1) * width].iter().copied();
        let each = self.labels_a_row;
        let labels = |i: &usize| self.labels[i * each..(i + 1) * each].iter().cloned();
        Self {
            path: self.path.clone(),
            columns: self.columns.clone(),
            features: rows.iter().flat_map(row).collect(),
            labels: rows.iter().flat_map(labels).collect(),
            labels_a_row: each,
            text: self.text,
        }
    }
}

/// Names for the columns of a format that has none. Its header chooses how many they are, so the
/// number is bounded before there is a name for each.
fn pixels(path: &Path, width: usize) -> Result<Vec<String>, DatasetError> {
    if width > MAX_WIDTH {
        let (path, what) = (path.to_owned(), "features a sample, at most");
        return Err(DatasetError::Count { path, what, expected: MAX_WIDTH, got: width });
    }
    Ok((0..width).map(|i| format!("pixel_{i}")).collect())
}

/// A whole file of at most [`MAX_BYTES`]; pipes and devices are not read.
fn read_capped(path: &Path) -> Result<Vec<u8>, DatasetError> {
    let io = |source| DatasetError::Io { path: path.to_owned(), source };
    let file = regular::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    let got = bytes.len() as u64;
    if got > MAX_BYTES {
        return Err(DatasetError::TooLarge { path: path.to_owned(), max: MAX_BYTES, got });
    }
    Ok(bytes)
}

/// A fault of a binary file: what it looks like, where it does not begin as it should.
fn format_fault(
    path: &Path,
    bytes: &[u8],
    expected: &'static str,
    fault: FormatFault,
) -> DatasetError {
    let path = path.to_owned();
    match looks_like(bytes).filter(|_| fault == FormatFault::Magic) {
        Some(looks) => DatasetError::LooksLike { path, expected, looks },
        None if bytes.is_empty() => DatasetError::NoContent { path },
        None => DatasetError::Format { path, fault },
    }
}
