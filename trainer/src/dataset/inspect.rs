//! What a data file holds, for people.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Table;

/// Labels listed at most; the rest is only counted.
const MAX_LABELS: usize = 64;

/// Summary of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The file.
    pub path: String,
    /// Number of samples.
    pub rows: usize,
    /// Number of distinct labels.
    pub distinct_labels: usize,
    /// How often each label occurs; the first 64 in order of their names.
    pub labels: BTreeMap<String, usize>,
    /// One entry per feature column.
    pub columns: Vec<ColumnSummary>,
}

/// Summary of a feature column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Column name.
    pub name: String,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation (of the population).
    pub std: f64,
}

/// Summarizes a table.
pub fn inspect(table: &Table) -> Summary {
    let mut labels = BTreeMap::new();
    for label in &table.labels {
        *labels.entry(label.clone()).or_insert(0) += 1;
    }
    let distinct_labels = labels.len();
    let columns = table.columns.iter().enumerate();
    Summary {
        path: table.path.display().to_string(),
        rows: table.rows(),
        distinct_labels,
        labels: labels.into_iter().take(MAX_LABELS).collect(),
        columns: columns.map(|(j, name)| column(table, j, name)).collect(),
    }
}

fn column(table: &Table, j: usize, name: &str) -> ColumnSummary {
    let values = || table.features.iter().skip(j).step_by(table.columns.len());
    let count = table.rows().max(1) as f64;
    let mean = values().sum::<f64>() / count;
    let variance = values().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    ColumnSummary {
        name: name.to_owned(),
        min: values().copied().fold(f64::INFINITY, f64::min),
        max: values().copied().fold(f64::NEG_INFINITY, f64::max),
        mean,
        std: variance.sqrt(),
    }
}
