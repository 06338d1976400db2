//! NumPy's `.npy` format, versions 1 to 3, little-endian numbers.

use std::path::Path;

use super::{DatasetError, FormatFault, Table};

const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy's own limit.
const MAX_DIMENSIONS: usize = 64;

/// Reads features (first dimension: samples, the others flattened) and labels (one dimension).
///
/// Elements may be `f4 f8 i1 i2 i4 i8 u1 u2 u4 b1`. Columns are called `pixel_0`, `pixel_1`, …;
/// whole-numbered labels are written without a fraction.
///
/// # Errors
/// When a file is malformed or too large, holds a number that is not finite, or the
/// two disagree on the number of samples.
pub fn read_npy(features: &Path, labels: &Path) -> Result<Table, DatasetError> {
    let x = read_array(features)?;
    let y = read_array(labels)?;
    if x.shape.is_empty() {
        return Err(format_error(features, FormatFault::Dimensions));
    }
    if y.shape.iter().skip(1).any(|d| *d != 1) || y.shape.is_empty() {
        return Err(format_error(labels, FormatFault::Dimensions));
    }
    if x.values.is_empty() {
        return Err(DatasetError::Empty { path: features.to_owned() });
    }
    let width: usize = x.shape[1..].iter().product();
    let mut table = Table::new(features);
    table.columns = super::pixels(features, width)?;
    if let Some(at) = x.values.iter().position(|v| !v.is_finite()) {
        return Err(DatasetError::NotANumber {
            path: features.to_owned(),
            row: at / width.max(1) + 1,
            column: table.columns[at % width.max(1)].clone(),
        });
    }
    table.features = x.values;
    // `Display` of a whole double has no fraction.
    table.labels = y.values.iter().map(f64::to_string).collect();
    table.finish()
}

struct Array {
    shape: Vec<usize>,
    /// Row-major.
    values: Vec<f64>,
}

fn read_array(path: &Path) -> Result<Array, DatasetError> {
    let bytes = super::read_capped(path)?;
    parse(&bytes).map_err(|fault| format_error(path, fault))
}

fn parse(bytes: &[u8]) -> Result<Array, FormatFault> {
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
    let values = elements(quoted(value(header, "descr")?)?, data)?;
    if values.len() != count {
        return Err(FormatFault::Length);
    }
    let values = if value(header, "fortran_order")?.starts_with("True") {
        row_major(&shape, &values)
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
        _ => Err(FormatFault::ElementType),
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
        _ => Err(FormatFault::ElementType),
    }
}

/// From first index fastest to last index fastest.
fn row_major(shape: &[usize], values: &[f64]) -> Vec<f64> {
    (0..values.len())
        .map(|mut flat| {
            let mut index = vec![0; shape.len()];
            for (at, size) in index.iter_mut().zip(shape).rev() {
                *at = flat % size;
                flat /= size;
            }
            let mut stride = 1;
            let mut from = 0;
            for (at, size) in index.iter().zip(shape) {
                from += at * stride;
                stride *= size;
            }
            values[from]
        })
        .collect()
}

fn format_error(path: &Path, fault: FormatFault) -> DatasetError {
    DatasetError::Format { path: path.to_owned(), fault }
}
