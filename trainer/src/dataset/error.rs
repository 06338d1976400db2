//! What can be wrong with a data file, with its place in it.

use std::path::PathBuf;

/// A data file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// Not a well-formed table.
    #[error("{}: {source}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the reader says, with the line.
        #[source]
        source: csv::Error,
    },
    /// A column that the manifest names is not there.
    #[error("{}: column {column:?} is missing", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// Two columns of one name.
    #[error("{}: column {column:?} appears twice", path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A cell that must hold a finite number. What it holds is the owner's: only
    /// its place is said.
    #[error("{}: row {row}, column {column:?}: expected a finite number", path.display())]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// Row of data, counted from 1.
        row: usize,
        /// The column.
        column: String,
    },
    /// A label that is none of the manifest's classes; which one stays private.
    #[error("{}: row {row}: the label is none of the manifest's classes", path.display())]
    UnknownClass {
        /// The file.
        path: PathBuf,
        /// Row of data, counted from 1.
        row: usize,
    },
    /// A file without rows.
    #[error("{}: no rows", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Two numbers that must agree.
    #[error("{}: {what}: expected {expected}, got {got}", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// What is counted.
        what: &'static str,
        /// The number expected.
        expected: usize,
        /// The number found.
        got: usize,
    },
    /// A file larger than this program reads.
    #[error("{}: {got} bytes of data, at most {max} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Largest size.
        max: u64,
        /// Size found or announced.
        got: u64,
    },
    /// A binary file that is not of its format.
    #[error("{}: {fault}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: FormatFault,
    },
}

/// How a binary file breaks its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatFault {
    /// It does not start as it should.
    #[error("the first bytes are not those of the format")]
    Magic,
    /// It ends early, or goes on after its end.
    #[error("the length does not match the header")]
    Length,
    /// The header cannot be understood.
    #[error("the header is malformed")]
    Header,
    /// An element type that is not supported.
    #[error("the element type is not supported")]
    ElementType,
    /// A number of dimensions that is not supported.
    #[error("the number of dimensions is not supported")]
    Dimensions,
}
