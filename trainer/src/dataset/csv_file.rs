//! Tables of comma-separated values with a header line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use zktrain_files::regular;

use super::error::Found;
use super::{Cells, DatasetError, MAX_BYTES, Table};
use crate::looks::looks_like;

const EXPECTED: &str = "a CSV file in UTF-8";

/// Which columns of a table are its features.
#[derive(Debug, Clone, Copy)]
pub(super) enum Columns<'a> {
    /// All but the label and those named here.
    AllBut(&'a [String]),
    /// These, in this order. What else there is does not matter, whatever it holds.
    These(&'a [String]),
}

/// Reads a CSV file: a header, one sample a line, every column but `label` a number.
///
/// # Errors
/// Names the file, row and column of what cannot be read.
pub fn read_csv(path: &Path, label: &str) -> Result<Table, DatasetError> {
    read(path, label, Columns::AllBut(&[]), Cells::Numbers)
}

/// [`read_csv`] of a text that is no file yet, without the columns in `ignored`; `path` is what
/// errors call it.
///
/// # Errors
/// As there.
pub fn parse_csv(
    path: &Path,
    text: &str,
    label: &str,
    ignored: &[String],
) -> Result<Table, DatasetError> {
    let mut reader = reader(text.as_bytes());
    rows(path, &mut reader, label, Columns::AllBut(ignored), Cells::Numbers)
}

/// The names in a CSV file's header, as they stand.
///
/// # Errors
/// When the file cannot be read, or its first line is none of a CSV file.
pub fn csv_header(path: &Path) -> Result<Vec<String>, DatasetError> {
    let mut reader = open(path)?;
    header(path, &mut reader)
}

pub(super) fn read(
    path: &Path,
    label: &str,
    columns: Columns<'_>,
    cells: Cells,
) -> Result<Table, DatasetError> {
    rows(path, &mut open(path)?, label, columns, cells)
}

fn rows(
    path: &Path,
    reader: &mut csv::Reader<impl Read>,
    label: &str,
    columns: Columns<'_>,
    cells: Cells,
) -> Result<Table, DatasetError> {
    let names = header(path, reader)?;
    let (at, order) = places(path, &names, label, columns, cells)?;
    let mut table = Table::new(path);
    table.columns = order.iter().map(|i| names[*i].clone()).collect();
    if order.is_empty() {
        return Err(DatasetError::NoFeatures { path: path.to_owned(), label: label.to_owned() });
    }
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|source| fault(path, source))? {
        let row = table.labels.len() + 1;
        let cell = |i: usize| record.get(i).unwrap_or_default();
        if cells == Cells::Numbers && cell(at).is_empty() {
            let (path, column) = (path.to_owned(), label.to_owned());
            return Err(DatasetError::NoLabel { path, row, column });
        }
        table.labels.push(cell(at).to_owned());
        for i in &order {
            table.features.push(match cells {
                Cells::Numbers | Cells::Unlabelled => number(path, row, &names[*i], cell(*i))?,
                Cells::Any => finite(cell(*i)).unwrap_or(f64::NAN),
            });
        }
    }
    table.finish()
}

fn open(path: &Path) -> Result<csv::Reader<BufReader<File>>, DatasetError> {
    let io = |source| DatasetError::Io { path: path.to_owned(), source };
    let file = regular::open(path).map_err(io)?;
    let got = file.metadata().map_err(io)?.len();
    if got > MAX_BYTES {
        return Err(DatasetError::TooLarge { path: path.to_owned(), max: MAX_BYTES, got });
    }
    let mut file = BufReader::with_capacity(1 << 16, file);
    if let Some(looks) = looks_like(file.fill_buf().map_err(io)?) {
        return Err(DatasetError::LooksLike { path: path.to_owned(), expected: EXPECTED, looks });
    }
    Ok(reader(file))
}

fn reader<R: Read>(from: R) -> csv::Reader<R> {
    csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(from)
}

fn header(path: &Path, reader: &mut csv::Reader<impl Read>) -> Result<Vec<String>, DatasetError> {
    let header = reader.headers().map_err(|source| fault(path, source))?;
    let names: Vec<String> = header.iter().map(str::to_owned).collect();
    match names.as_slice() {
        [] => Err(DatasetError::NoContent { path: path.to_owned() }),
        [only] if only.is_empty() => Err(DatasetError::NoContent { path: path.to_owned() }),
        [only] if only.starts_with('#') => Err(DatasetError::Comment { path: path.to_owned() }),
        [only] => match only.chars().find(|c| matches!(c, ';' | '\t' | '|')) {
            Some(separator) => Err(DatasetError::Separator {
                path: path.to_owned(),
                header: only.clone(),
                separator,
            }),
            None => Ok(names),
        },
        _ => Ok(names),
    }
}

/// Where the label and the features are in a row.
fn places(
    path: &Path,
    names: &[String],
    label: &str,
    columns: Columns<'_>,
    cells: Cells,
) -> Result<(usize, Vec<usize>), DatasetError> {
    // Of two columns of one name the first; that there are two is told below.
    let known: BTreeMap<&str, usize> =
        names.iter().enumerate().rev().map(|(i, name)| (name.as_str(), i)).collect();
    let place = |name: &str| known.get(name).copied();
    let wanted: Vec<&str> = match columns {
        Columns::AllBut(_) => vec![label],
        Columns::These(these) => these.iter().map(String::as_str).chain([label]).collect(),
    };
    let missing = wanted.iter().filter(|name| place(name).is_none());
    let missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
    let Some(at) = place(label).filter(|_| missing.is_empty()) else {
        let (path, there) = (path.to_owned(), names.to_vec());
        return Err(DatasetError::MissingColumn { path, columns: missing, there });
    };
    let order: Vec<usize> = match columns {
        Columns::AllBut(left_out) => {
            (0..names.len()).filter(|i| *i != at && !left_out.contains(&names[*i])).collect()
        }
        Columns::These(these) => these.iter().filter_map(|name| place(name)).collect(),
    };
    if cells != Cells::Any {
        named(path, names, &order)?;
        unique(path, names, order.iter().copied().chain([at]))?;
    }
    Ok((at, order))
}

fn named(path: &Path, names: &[String], order: &[usize]) -> Result<(), DatasetError> {
    let nameless = order.iter().filter(|i| names[**i].is_empty()).map(|i| i + 1);
    let columns: Vec<usize> = nameless.collect();
    match columns.is_empty() {
        true => Ok(()),
        false => Err(DatasetError::Nameless { path: path.to_owned(), columns }),
    }
}

/// No name of the columns that are used may be there twice: nobody knows which one is meant.
fn unique(
    path: &Path,
    names: &[String],
    used: impl Iterator<Item = usize>,
) -> Result<(), DatasetError> {
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<&String> = names.iter().filter(|name| !seen.insert(*name)).collect();
    match used.map(|i| &names[i]).find(|name| twice.contains(name)) {
        Some(column) => {
            let (path, column) = (path.to_owned(), column.clone());
            Err(DatasetError::DuplicateColumn { path, column })
        }
        None => Ok(()),
    }
}

/// What the reader says, in words for the author of the file.
fn fault(path: &Path, source: csv::Error) -> DatasetError {
    let path = path.to_owned();
    let line = |pos: &Option<csv::Position>| pos.as_ref().map_or(1, csv::Position::line);
    match source.kind() {
        csv::ErrorKind::Utf8 { pos, .. } => DatasetError::NotText { line: line(pos), path },
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            DatasetError::Ragged { line: line(pos), expected: *expected_len, got: *len, path }
        }
        _ => DatasetError::Csv { path, source },
    }
}

fn finite(cell: &str) -> Option<f64> {
    cell.parse::<f64>().ok().filter(|x| x.is_finite())
}

/// A finite number.
pub(super) fn number(
    path: &Path,
    row: usize,
    column: &str,
    cell: &str,
) -> Result<f64, DatasetError> {
    finite(cell).ok_or_else(|| DatasetError::NotANumber {
        path: path.to_owned(),
        row,
        column: column.to_owned(),
        found: Found::of(cell),
    })
}
