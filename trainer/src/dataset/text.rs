//! Texts: rows of characters, each with the one that follows it as its label.

use std::path::Path;

use super::{DatasetError, Table};
use crate::looks::looks_like;

/// Cuts a text into rows of so many characters, one after the other.
///
/// A cell is a character's number in Unicode, a label the character behind; what the last row lacks is [`NOTHING`], and has
/// no label.
///
/// # Errors
/// When the file cannot be read, is empty, too large, no UTF-8, or is something else by how it begins.
pub fn read_text(path: &Path, positions: usize) -> Result<Table, DatasetError> {
    let bytes = super::read_capped(path)?;
    let (expected, got) = ("a text (UTF-8)", bytes.len() as u64);
    if got > MAX_TEXT_BYTES {
        return Err(DatasetError::TooLarge { path: path.to_owned(), max: MAX_TEXT_BYTES, got });
    }
    if let Some(looks) = looks_like(&bytes) {
        return Err(DatasetError::LooksLike { path: path.to_owned(), expected, looks });
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
        DatasetError::NotText { path: path.to_owned(), line }
    })?;
    if text.is_empty() {
        return Err(DatasetError::NoContent { path: path.to_owned() });
    }
    rows(path, text, positions)
}

/// Largest text: a character takes some kilobytes while there is a number for each token.
const MAX_TEXT_BYTES: u64 = 1 << 24;

/// Stands where a row has no character: no number of one.
pub const NOTHING: f64 = -1.0;

fn rows(path: &Path, text: &str, positions: usize) -> Result<Table, DatasetError> {
    let mut table = Table::new(path);
    let positions = positions.max(1);
    table.columns = (0..positions).map(|i| format!("character_{i}")).collect();
    (table.labels_a_row, table.text) = (positions, true);
    table.features = text.chars().map(|c| f64::from(u32::from(c))).collect();
    table.labels = text.chars().skip(1).map(String::from).collect();
    let whole = table.features.len().next_multiple_of(positions);
    table.features.resize(whole, NOTHING);
    table.labels.resize(whole, String::new());
    table.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_is_labelled_with_the_next() {
        let table = rows(Path::new("t"), "grüße!", 4).unwrap();
        assert_eq!((table.rows(), table.labels_a_row), (2, 4));
        let code = |c: char| f64::from(u32::from(c));
        let wanted: Vec<f64> = "grüße!".chars().map(code).chain([NOTHING; 2]).collect();
        assert_eq!(table.features, wanted);
        assert_eq!(table.labels, ["r", "ü", "ß", "e", "!", "", "", ""]);
    }
}
