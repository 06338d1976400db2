//! The IDX format of MNIST: unsigned bytes in any number of dimensions, often gzipped.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::{DatasetError, FormatFault, MAX_BYTES, Table};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const EXPECTED: &str = "an IDX file, gzipped or not";
const UNSIGNED_BYTE: u8 = 0x08;

/// Reads features (first dimension: samples, the others flattened) and labels (one dimension).
///
/// Columns are called `pixel_0`, `pixel_1`, …
///
/// # Errors
/// When a file is malformed or too large, or the two disagree on the number of samples.
pub fn read_idx(features: &Path, labels: &Path) -> Result<Table, DatasetError> {
    let (shape, bytes) = read_array(features)?;
    let (label_shape, label_bytes) = read_array(labels)?;
    if label_shape.len() != 1 {
        return Err(format_error(labels, FormatFault::Dimensions));
    }
    if bytes.is_empty() {
        return Err(DatasetError::Empty { path: features.to_owned() });
    }
    let width: usize = shape[1..].iter().product();
    let mut table = Table::new(features);
    table.columns = super::pixels(features, width)?;
    table.features = bytes.into_iter().map(f64::from).collect();
    table.labels = label_bytes.into_iter().map(|label| label.to_string()).collect();
    table.finish()
}

/// Shape and bytes of an IDX file, gzipped or not.
fn read_array(path: &Path) -> Result<(Vec<usize>, Vec<u8>), DatasetError> {
    let io = |source| DatasetError::Io { path: path.to_owned(), source };
    let raw = super::read_capped(path)?;
    if raw.is_empty() {
        return Err(DatasetError::NoContent { path: path.to_owned() });
    }
    let mut reader: Box<dyn Read> = if raw.starts_with(&GZIP) {
        Box::new(GzDecoder::new(&raw[..]))
    } else {
        Box::new(&raw[..])
    };
    let mut exact = |bytes: &mut [u8]| {
        reader.read_exact(bytes).map_err(|_| format_error(path, FormatFault::Length))
    };
    let mut magic = [0; 4];
    exact(&mut magic)?;
    let [0, 0, element, dimensions] = magic else {
        let start = if raw.starts_with(&GZIP) { &magic[..] } else { &raw[..] };
        return Err(super::format_fault(path, start, EXPECTED, FormatFault::Magic));
    };
    if element != UNSIGNED_BYTE {
        let got = format!("0x{element:02x}");
        let fault = FormatFault::ElementType { expected: "unsigned bytes, 0x08,", got };
        return Err(format_error(path, fault));
    }
    if !(1..=4).contains(&dimensions) {
        return Err(format_error(path, FormatFault::Dimensions));
    }
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        let mut size = [0; 4];
        exact(&mut size)?;
        shape.push(u32::from_be_bytes(size) as usize);
    }
    let got = shape.iter().fold(1u64, |n, d| n.saturating_mul(*d as u64));
    if got > MAX_BYTES {
        return Err(DatasetError::TooLarge { path: path.to_owned(), max: MAX_BYTES, got });
    }
    // Grows as data arrives: a header alone cannot make us allocate.
    let mut bytes = Vec::new();
    reader.take(got + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 != got {
        return Err(format_error(path, FormatFault::Length));
    }
    Ok((shape, bytes))
}

fn format_error(path: &Path, fault: FormatFault) -> DatasetError {
    DatasetError::Format { path: path.to_owned(), fault }
}
