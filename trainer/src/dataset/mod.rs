//! Datasets: reading files into a [`Table`] of real numbers, and a [`Dataset`] of integers.

mod csv_file;
mod error;
mod idx;
mod inspect;
mod npy;
mod quantize;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::{Path, PathBuf};

use zktrain_circuits::manifest::{Data, MAX_WIDTH};
use zktrain_circuits::schedule::row_order;

pub use csv_file::read_csv;
pub use error::{DatasetError, FormatFault};
pub use idx::read_idx;
pub use inspect::{ColumnSummary, Summary, inspect};
pub use npy::read_npy;
pub use quantize::{Dataset, Scaled};

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
}

impl Source {
    /// Reads the files; `label` names the label column of a CSV file.
    ///
    /// # Errors
    /// Names the file and the place in it that is wrong.
    pub fn read(&self, label: &str) -> Result<Table, DatasetError> {
        match self {
            Self::Csv(path) => read_csv(path, label),
            Self::Npy { features, labels } => read_npy(features, labels),
            Self::Idx { features, labels } => read_idx(features, labels),
        }
    }

    /// Reads the files and brings the columns in the manifest's order.
    ///
    /// # Errors
    /// As [`Self::read`]; also when a column of the manifest is missing.
    pub fn read_for(&self, data: &Data) -> Result<Table, DatasetError> {
        let table = self.read(&data.label)?;
        match self {
            Self::Csv(_) => table.select(data),
            // Without names, the columns are in order by definition.
            Self::Npy { .. } | Self::Idx { .. } => table.rename(data),
        }
    }
}

/// Raw features and labels, as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The file that the features come from.
    pub path: PathBuf,
    /// Names of the feature columns.
    pub columns: Vec<String>,
    /// Features `(rows, columns)`, row-major, all finite.
    pub features: Vec<f64>,
    /// Labels as written, one a row.
    pub labels: Vec<String>,
}

impl Table {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            columns: Vec::new(),
            features: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Number of samples.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Checks that there are rows and that features and labels agree on how many.
    fn finish(self) -> Result<Self, DatasetError> {
        let path = self.path.clone();
        if self.labels.is_empty() || self.columns.is_empty() {
            return Err(DatasetError::Empty { path });
        }
        let (expected, got) = (self.labels.len(), self.features.len() / self.columns.len());
        if expected != got {
            return Err(DatasetError::Count { path, what: "samples", expected, got });
        }
        Ok(self)
    }

    /// The manifest's columns in the manifest's order; other columns are left out.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn select(&self, data: &Data) -> Result<Self, DatasetError> {
        let names: std::collections::BTreeMap<&str, usize> =
            self.columns.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
        let columns: Vec<String> = data.columns().into_iter().map(|f| f.name).collect();
        let mut order = Vec::with_capacity(columns.len());
        for name in &columns {
            order.push(*names.get(name.as_str()).ok_or_else(|| {
                let (path, column) = (self.path.clone(), name.clone());
                DatasetError::MissingColumn { path, column }
            })?);
        }
        let width = self.columns.len();
        let row = |i: usize| &self.features[i * width..(i + 1) * width];
        let features = (0..self.rows()).flat_map(|i| order.iter().map(move |j| row(i)[*j]));
        Ok(Self {
            path: self.path.clone(),
            features: features.collect(),
            columns,
            labels: self.labels.clone(),
        })
    }

    /// Gives nameless columns the manifest's names.
    fn rename(mut self, data: &Data) -> Result<Self, DatasetError> {
        let columns: Vec<String> = data.columns().into_iter().map(|f| f.name).collect();
        let (expected, got) = (columns.len(), self.columns.len());
        if expected != got {
            let path = self.path;
            return Err(DatasetError::Count { path, what: "features a sample", expected, got });
        }
        self.columns = columns;
        Ok(self)
    }

    /// The rows in the order that [`row_order`] draws from `seed`.
    pub fn shuffled(&self, seed: u64) -> Self {
        self.take(&row_order(seed, self.rows()))
    }

    /// The rows in two parts, the second with `share` of them (rounded down), as they stand.
    pub fn split(&self, share: f64) -> (Self, Self) {
        let held_out = (self.rows() as f64 * share.clamp(0.0, 1.0)) as usize;
        let at = self.rows() - held_out;
        let order: Vec<usize> = (0..self.rows()).collect();
        (self.take(&order[..at]), self.take(&order[at..]))
    }

    fn take(&self, rows: &[usize]) -> Self {
        let width = self.columns.len();
        let row = |i: &usize| self.features[i * width..(i + 1) * width].iter().copied();
        Self {
            path: self.path.clone(),
            columns: self.columns.clone(),
            features: rows.iter().flat_map(row).collect(),
            labels: rows.iter().map(|i| self.labels[*i].clone()).collect(),
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

/// A whole file of at most [`MAX_BYTES`].
fn read_capped(path: &Path) -> Result<Vec<u8>, DatasetError> {
    let io = |source| DatasetError::Io { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    let got = bytes.len() as u64;
    if got > MAX_BYTES {
        return Err(DatasetError::TooLarge { path: path.to_owned(), max: MAX_BYTES, got });
    }
    Ok(bytes)
}
