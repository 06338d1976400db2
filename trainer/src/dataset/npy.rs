//! NumPy's `.npy` format, versions 1 to 3, little-endian numbers.

use std::path::Path;

use ndarray::{ArrayViewD, ShapeBuilder};

use super::error::Found;
use super::{Cells, DatasetError, FormatFault, Table};

const MAGIC: &[u8] = b"\x93NUMPY";
const ELEMENTS: &str = "f4 f8 i1 i2 i4 i8 u1 u2 u4 b1 (little-endian)";
/// Whole numbers up to here are all different in double precision.
const LARGEST_WHOLE: u64 = 1 << 53;
/// NumPy's own limit.
const MAX_DIMENSIONS: usize = 64;

/// Reads features (first dimension: samples, the others flattened) and labels (first dimension: samples;
/// the others, where each position has a label, flattened).
///
/// Elements may be `f4 f8 i1 i2 i4 i8 u1 u2 u4 b1`. Columns are called `pixel_0`, `pixel_1`, …;
/// whole-numbered labels are written without a fraction.
///
/// # Errors
/// When a file is malformed or too large, holds a number that is not finite or a whole label
/// beyond 2^53, or the two disagree on the number of samples.
pub fn read_npy(features: &Path, labels: &Path) -> Result<Table, DatasetError> {
    read(features, labels, Cells::Numbers)
}

pub(super) fn read(features: &Path, labels: &Path, cells: Cells) -> Result<Table, DatasetError> {
    let x = read_array(features, false)?;
    let y = read_array(labels, true)?;
    if x.shape.is_empty() {
        return Err(format_error(features, FormatFault::Dimensions));
    }
    if y.shape.is_empty() {
        return Err(format_error(labels, FormatFault::Dimensions));
    }
    if x.values.is_empty() {
        return Err(DatasetError::Empty { path: features.to_owned() });
    }
    let width: usize = x.shape[1..].iter().product();
    let mut table = Table::new(features);
    table.columns = super::pixels(features, width)?;
    if cells == Cells::Numbers {
        all_finite(features, &x.values, &table.columns)?;
        all_finite(labels, &y.values, &["label".to_owned()])?;
    }
    table.features = x.values;
    // `Display` of a whole double has no fraction.
    table.labels = y.values.iter().map(f64::to_string).collect();
    table.labels_a_row = y.shape.iter().skip(1).product::<usize>().max(1);
    table.finish()
}

fn all_finite(path: &Path, values: &[f64], columns: &[String]) -> Result<(), DatasetError> {
    let width = columns.len().max(1);
    let Some(at) = values.iter().position(|v| !v.is_finite()) else { return Ok(()) };
    Err(DatasetError::NotANumber {
        path: path.to_owned(),
        row: at / width + 1,
        column: columns.get(at % width).cloned().unwrap_or_default(),
        found: Found::Mark,
    })
}

struct Array {
    shape: Vec<usize>,
    /// Row-major.
    values: Vec<f64>,
}

fn read_array(path: &Path, labels: bool) -> Result<Array, DatasetError> {
    let bytes = super::read_capped(path)?;
    let expected = "a NumPy array (.npy)";
    parse(&bytes, labels).map_err(|fault| super::format_fault(path, &bytes, expected, fault))
}

fn parse(bytes: &[u8], labels: bool) -> Result<Array, FormatFault> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(FormatFault::Magic)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(FormatFault::Length)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or(FormatFault::Length)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or(FormatFault::Length)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        _ => return Err(FormatFault::Header),
    };
    let (header, data) = rest.split_at_checked(length).ok_or(FormatFault::Length)?;
    let header = std::str::from_utf8(header).map_err(|_| FormatFault::Header)?;
    let shape = shape(header)?;
    if shape.len() > MAX_DIMENSIONS {
        return Err(FormatFault::Dimensions);
    }
    let count =
        shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).ok_or(FormatFault::Length)?;
    let element = quoted(value(header, "descr")?)?;
    let values = elements(element, data)?;
    if values.len() != count {
        return Err(FormatFault::Length);
    }
    if labels && element.ends_with("i8") {
        told_apart(data)?;
    }
    let values = if value(header, "fortran_order")?.starts_with("True") {
        row_major(&shape, &values)?
    } else {
        values
    };
    Ok(Array { shape, values })
}

/// What follows `'key':` in the header's dictionary.
fn value<'a>(header: &'a str, key: &str) -> Result<&'a str, FormatFault> {
    let quoted = [format!("'{key}'"), format!("\"{key}\"")];
    let at = quoted.iter().find_map(|k| header.find(k.as_str()).map(|at| at + k.len()));
    let rest = header[at.ok_or(FormatFault::Header)?..].trim_start();
    rest.strip_prefix(':').map(str::trim_start).ok_or(FormatFault::Header)
}

fn quoted(text: &str) -> Result<&str, FormatFault> {
    let mut parts = text.split(['\'', '"']);
    match (parts.next(), parts.next()) {
        (Some(""), Some(inner)) => Ok(inner),
        // A structured type is a list.
        _ => Err(element_type(text)),
    }
}

fn shape(header: &str) -> Result<Vec<usize>, FormatFault> {
    let text = value(header, "shape")?.strip_prefix('(').ok_or(FormatFault::Header)?;
    let (inner, _) = text.split_once(')').ok_or(FormatFault::Header)?;
    let sizes = inner.split(',').map(str::trim).filter(|size| !size.is_empty());
    sizes.map(|size| size.parse().map_err(|_| FormatFault::Header)).collect()
}

fn elements(descr: &str, data: &[u8]) -> Result<Vec<f64>, FormatFault> {
    macro_rules! read {
        ($type:ty, $convert:expr) => {{
            let chunks = data.chunks_exact(size_of::<$type>());
            if !chunks.remainder().is_empty() {
                return Err(FormatFault::Length);
            }
            let number = |chunk: &[u8]| chunk.try_into().map(<$type>::from_le_bytes).map($convert);
            chunks.map(|chunk| number(chunk).map_err(|_| FormatFault::Length)).collect()
        }};
    }
    match descr.trim_start_matches(['<', '|', '=']) {
        "f4" => read!(f32, f64::from),
        "f8" => read!(f64, |x| x),
        "i1" => read!(i8, f64::from),
        "i2" => read!(i16, f64::from),
        "i4" => read!(i32, f64::from),
        "i8" => read!(i64, |x| x as f64),
        "u1" | "b1" => read!(u8, f64::from),
        "u2" => read!(u16, f64::from),
        "u4" => read!(u32, f64::from),
        _ => Err(element_type(descr)),
    }
}

fn element_type(got: &str) -> FormatFault {
    FormatFault::ElementType { expected: ELEMENTS, got: got.to_owned() }
}

/// Checks that no two whole labels become one as doubles.
fn told_apart(data: &[u8]) -> Result<(), FormatFault> {
    let (numbers, _) = data.as_chunks::<8>();
    let large = |bytes: &[u8; 8]| i64::from_le_bytes(*bytes).unsigned_abs() > LARGEST_WHOLE;
    match numbers.iter().position(large) {
        Some(at) => Err(FormatFault::LargeLabel { row: at + 1 }),
        None => Ok(()),
    }
}

/// From first index fastest to last index fastest.
fn row_major(shape: &[usize], values: &[f64]) -> Result<Vec<f64>, FormatFault> {
    let array = ArrayViewD::from_shape(shape.f(), values).map_err(|_| FormatFault::Length)?;
    Ok(array.iter().copied().collect())
}

fn format_error(path: &Path, fault: FormatFault) -> DatasetError {
    DatasetError::Format { path: path.to_owned(), fault }
}
