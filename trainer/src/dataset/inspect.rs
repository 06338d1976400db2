//! What a data file holds, for people.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Table;

/// Labels listed at most; the rest is only counted.
const MAX_LABELS: usize = 64;

/// Summary of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub path: String,
    /// Number of samples.
    pub rows: usize,
    /// Number of distinct labels.
    pub distinct_labels: usize,
    /// How often each label occurs; the first 64 in order of their names.
    pub labels: BTreeMap<String, usize>,
    /// The label column, if it has numbers in it.
    pub label: Option<ColumnSummary>,
    /// One entry per feature column.
    pub columns: Vec<ColumnSummary>,
}

/// Summary of a feature column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Column name.
    pub name: String,
    /// Cells that are no finite numbers: empty, text, marks of missing values. A model cannot take
    /// a column that has any.
    pub not_numbers: usize,
    /// Smallest value; none where nothing is a number, as of the others.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    pub mean: Option<f64>,
    /// Standard deviation (of the population).
    pub std: Option<f64>,
}

/// Summarizes a table.
pub fn inspect(table: &Table) -> Summary {
    let mut labels = BTreeMap::new();
    for label in &table.labels {
        *labels.entry(label.clone()).or_insert(0) += 1;
    }
    let distinct_labels = labels.len();
    let columns = table.columns.iter().enumerate();
    let width = table.columns.len().max(1);
    let column = |(j, name): (usize, &String)| {
        ColumnSummary::of(name, table.features.iter().skip(j).step_by(width).copied())
    };
    let number = |label: &String| label.parse().unwrap_or(f64::NAN);
    let label = ColumnSummary::of("", table.labels.iter().map(number));
    Summary {
        path: table.path.display().to_string(),
        rows: table.rows(),
        distinct_labels,
        labels: labels.into_iter().take(MAX_LABELS).collect(),
        label: label.mean.is_some().then_some(label),
        columns: columns.map(column).collect(),
    }
}

impl ColumnSummary {
    fn of(name: &str, cells: impl Iterator<Item = f64> + Clone) -> Self {
        let values = cells.clone().filter(|x| x.is_finite());
        let count = values.clone().count();
        let of_some = |x: f64| (count > 0).then_some(x);
        let mean = values.clone().sum::<f64>() / count.max(1) as f64;
        let squares: f64 = values.clone().map(|x| (x - mean) * (x - mean)).sum();
        Self {
            name: name.to_owned(),
            not_numbers: cells.count() - count,
            min: of_some(values.clone().fold(f64::INFINITY, f64::min)),
            max: of_some(values.fold(f64::NEG_INFINITY, f64::max)),
            mean: of_some(mean),
            std: of_some((squares / count.max(1) as f64).sqrt()),
        }
    }
}
