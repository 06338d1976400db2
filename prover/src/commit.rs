//! Commitments to rows of small signed integers.

/// One row of the sheet: up to `2^c` signed integers, the missing ones zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Entries by position; positions past the end of the vector are zero.
    Dense(Vec<i32>),
    /// `(position, entry)` pairs in strictly increasing order of position; all others are zero.
    Sparse(Vec<(u32, i32)>),
}

impl Row {
    /// One more than the last position that this row stores, zero for an empty row.
    pub fn width(&self) -> usize {
        match self {
            Row::Dense(entries) => entries.len(),
            Row::Sparse(entries) => entries
                .last()
                .map_or(0, |&(position, _)| position as usize + 1),
        }
    }
}
