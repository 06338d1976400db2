//! Tables of comma-separated values with a header line.

use std::collections::BTreeSet;
use std::path::Path;

use super::{DatasetError, Table};

/// Reads a CSV file: a header, one sample a line, every column but `label` a number.
///
/// # Errors
/// Names the file, row and column of what cannot be read.
pub fn read_csv(path: &Path, label: &str) -> Result<Table, DatasetError> {
    let csv_error = |source| DatasetError::Csv { path: path.to_owned(), source };
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(csv_error)?;
    let header = reader.headers().map_err(csv_error)?.clone();
    let mut names = BTreeSet::new();
    if let Some(column) = header.iter().find(|name| !names.insert(*name)) {
        let column = column.to_owned();
        return Err(DatasetError::DuplicateColumn { path: path.to_owned(), column });
    }
    let at = header.iter().position(|name| name == label).ok_or_else(|| {
        DatasetError::MissingColumn { path: path.to_owned(), column: label.to_owned() }
    })?;
    let mut table = Table::new(path);
    table.columns = header.iter().filter(|name| *name != label).map(str::to_owned).collect();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(csv_error)? {
        let row = table.labels.len() + 1;
        for (i, cell) in record.iter().enumerate() {
            if i == at {
                table.labels.push(cell.to_owned());
            } else {
                table.features.push(number(path, row, &header[i], cell)?);
            }
        }
    }
    table.finish()
}

/// A finite number.
pub(super) fn number(
    path: &Path,
    row: usize,
    column: &str,
    cell: &str,
) -> Result<f64, DatasetError> {
    match cell.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => {
            Err(DatasetError::NotANumber { path: path.to_owned(), row, column: column.to_owned() })
        }
    }
}
