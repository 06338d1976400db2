//! What can be wrong with a data file, with its place in it.

use std::path::PathBuf;

use zktrain_model::manifest::ManifestError;

/// A data file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The manifest says nothing of how data are scaled, or is refused.
    #[error(transparent)]
    Manifest(#[from] Box<ManifestError>),
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// Not a well-formed table.
    #[error("{}: {source}", path.display())]
    Csv {
        path: PathBuf,
        /// What the reader says, with the line.
        #[source]
        source: csv::Error,
    },
    /// A file of another kind.
    #[error("{}: looks like {looks}; expected {expected}", path.display())]
    LooksLike {
        path: PathBuf,
        /// What would have been read.
        expected: &'static str,
        /// What it seems to be.
        looks: &'static str,
    },
    /// Text in another encoding, or no text.
    #[error(
        "{}: line {line} is not UTF-8 text: if it is in another encoding, such as Latin-1 or \
         Windows-1252, save the file as UTF-8",
        path.display()
    )]
    NotText {
        path: PathBuf,
        /// Line of the file, counted from 1.
        line: u64,
    },
    /// A line with more or fewer cells than the header.
    #[error(
        "{}: line {line} has {got} cells, the header has {expected}; text that has a comma or a \
         line break in it must be in double quotes",
        path.display()
    )]
    Ragged {
        path: PathBuf,
        /// Line of the file, counted from 1.
        line: u64,
        /// Columns of the header.
        expected: u64,
        /// Cells found.
        got: u64,
    },
    /// Another separator than the comma.
    #[error(
        "{}: the first line is one column named {}: is the separator {separator:?}? Cells are \
         separated by commas, and numbers have a decimal point",
        path.display(),
        short(header)
    )]
    Separator {
        path: PathBuf,
        /// The only column's name.
        header: String,
        /// What seems to separate.
        separator: char,
    },
    /// A comment in the header's place.
    #[error("{}: the first line must name the columns, and is a comment", path.display())]
    Comment { path: PathBuf },
    /// Columns that are needed and not there.
    #[error("{}: {}", path.display(), missing(columns, there))]
    MissingColumn {
        path: PathBuf,
        /// The columns that are missing.
        columns: Vec<String>,
        /// The columns of the file.
        there: Vec<String>,
    },
    /// Two columns of one name.
    #[error("{}: column {column:?} appears twice", path.display())]
    DuplicateColumn { path: PathBuf, column: String },
    /// Columns without a name, where all columns are wanted.
    #[error(
        "{}: {} no name: name it in the first line, or remove it (programs write an index, \
         spreadsheets empty columns, without a name)",
        path.display(),
        nameless(columns)
    )]
    Nameless {
        path: PathBuf,
        /// Their positions, counted from 1.
        columns: Vec<usize>,
    },
    /// A table of labels alone.
    #[error("{}: no column beside the label {label:?}", path.display())]
    NoFeatures {
        path: PathBuf,
        /// The label column.
        label: String,
    },
    /// A cell that must hold a finite number. What it holds is the owner's: only
    /// its place is said, and of what kind it is.
    #[error("{}: row {row}, column {column:?}: expected a finite number, found {found}", path.display())]
    NotANumber {
        path: PathBuf,
        /// Row of data, counted from 1.
        row: usize,
        column: String,
        /// What kind of cell it is.
        found: Found,
    },
    /// A row without a label.
    #[error("{}: row {row}: no label, column {column:?} is empty", path.display())]
    NoLabel {
        path: PathBuf,
        /// Row of data, counted from 1.
        row: usize,
        /// The label column.
        column: String,
    },
    /// More numbers than a text may become.
    #[error(
        "{}: {characters} characters with {tokens} tokens are too many numbers for memory; at most {max} \
         characters with so many tokens: use a part of the text",
        path.display()
    )]
    LongText {
        path: PathBuf,
        /// Its characters, or cells.
        characters: usize,
        /// Tokens, each a number for every character.
        tokens: usize,
        /// Characters that fit.
        max: usize,
    },
    /// A cell that is none of the manifest's tokens; which one stays private.
    #[error("{}: row {row}: a cell is none of the manifest's tokens", path.display())]
    UnknownToken {
        path: PathBuf,
        /// Row of data, counted from 1.
        row: usize,
    },
    /// A label that is none of the manifest's classes; which one stays private.
    #[error("{}: row {row}: the label is none of the manifest's classes", path.display())]
    UnknownClass {
        path: PathBuf,
        /// Row of data, counted from 1.
        row: usize,
    },
    /// A file without anything in it.
    #[error("{}: the file is empty", path.display())]
    NoContent { path: PathBuf },
    /// A file without rows.
    #[error("{}: no rows of data", path.display())]
    Empty { path: PathBuf },
    /// Two numbers that must agree.
    #[error("{}: {what}: expected {expected}, got {got}", path.display())]
    Count {
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
        path: PathBuf,
        /// Largest size.
        max: u64,
        /// Size found or announced.
        got: u64,
    },
    /// A binary file that is not of its format.
    #[error("{}: {fault}", path.display())]
    Format { path: PathBuf, fault: FormatFault },
}

/// Of what kind a cell is that should hold a number; never what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Found {
    #[error("nothing: fill it in, or leave the row out")]
    Nothing,
    /// A mark of what is missing or unbounded, as programs write it.
    #[error("a mark of a missing or unbounded value: fill it in, or leave the row out")]
    Mark,
    /// A truth value.
    #[error("a truth value: write 1 and 0")]
    Truth,
    /// Digits with a comma, or with another mark between them.
    #[error("digits with other marks: write 1234.5, without units and marks of thousands")]
    Marked,
    /// Anything else.
    #[error("text")]
    Text,
}

impl Found {
    /// What a cell that is no finite number seems to be.
    pub(super) fn of(cell: &str) -> Self {
        const MARKS: [&str; 8] = ["na", "n/a", "null", "none", "nil", "?", "-", "missing"];
        let lower = cell.to_ascii_lowercase();
        let digits = cell.chars().filter(char::is_ascii_digit).count();
        let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
        match lower.as_str() {
            "" => Self::Nothing,
            "true" | "false" | "yes" | "no" => Self::Truth,
            mark if MARKS.contains(&mark) || cell.parse::<f64>().is_ok() => Self::Mark,
            _ if cell.starts_with(char::is_alphabetic) => Self::Text,
            _ if digits > letters && letters <= 3 => Self::Marked,
            _ => Self::Text,
        }
    }
}

/// How a binary file breaks its format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatFault {
    /// It does not start as it should.
    #[error("the first bytes are not those of the format")]
    Magic,
    /// It ends early, or goes on after its end.
    #[error("it is shorter or longer than its header says: cut off on the way, perhaps")]
    Length,
    /// The header cannot be understood.
    #[error("the header is malformed")]
    Header,
    /// An element type that is not supported.
    #[error("elements of type {} are not read; {expected} are", short(got))]
    ElementType {
        /// The types that are read.
        expected: &'static str,
        /// How the file calls its own.
        got: String,
    },
    /// Whole numbers that double precision cannot tell apart.
    #[error(
        "sample {row}: a label beyond 2^53 in magnitude, where whole numbers become one another: \
         number the classes from 0"
    )]
    LargeLabel {
        /// The sample, counted from 1.
        row: usize,
    },
    /// A number of dimensions that is not supported.
    #[error("the number of dimensions is not supported")]
    Dimensions,
}

/// Names listed at most.
const MAX_LISTED: usize = 16;

/// Characters of a name that are shown at most: a quote that is never closed makes a name of a
/// whole file.
const MAX_SHOWN: usize = 60;

/// A name in quotes, without its end where it is long.
pub(super) fn short(name: &str) -> String {
    match name.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{:?} …", &name[..end]),
        None => format!("{name:?}"),
    }
}

/// Names as they are read in a sentence; of many only the first.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_LISTED).map(|name| short(name)).collect();
    let more = names.len().saturating_sub(MAX_LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn missing(columns: &[String], there: &[String]) -> String {
    let what = match columns.len() {
        1 => format!("column {} is missing", listed(columns)),
        _ => format!("columns {} are missing", listed(columns)),
    };
    // Names that are numbers are rows in a header's place, and a row is not for everybody's eyes.
    if there.iter().any(|name| name.parse::<f64>().is_ok()) {
        return format!("{what}; the first line has numbers in it: does it name the columns?");
    }
    if there.first().is_some_and(|name| name.starts_with('#')) {
        return format!("{what}; the first line must name the columns, and looks like a comment");
    }
    let separator = there.iter().any(|name| name.contains([';', '\t']));
    let separator = if separator { ". Cells are separated by commas, nothing else" } else { "" };
    format!("{what}; those of the file are {}{separator}", listed(there))
}

fn nameless(columns: &[usize]) -> String {
    let shown: Vec<String> = columns.iter().take(MAX_LISTED).map(usize::to_string).collect();
    match columns.len() {
        1 => format!("column {} has", shown.join(", ")),
        count if count > MAX_LISTED => format!("columns {} and more have", shown.join(", ")),
        _ => format!("columns {} have", shown.join(", ")),
    }
}
