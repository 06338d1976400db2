//! Benchmarks of every part: what the `table` and `scaling` commands are made of.
//!
//! A case is measured in a process of its own ([`child`]), because peak memory belongs to a
//! process. The figures go to a file of JSON lines ([`record`]), and the document is written from
//! that file alone ([`document`]), so that it can be written again without measuring again.

#![forbid(unsafe_code)]

pub mod cases;
pub mod child;
pub mod document;
pub mod machine;
pub mod peer;
pub mod plot;
pub mod record;
pub mod targets;

/// Why measurements could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A shape is not widths joined by dashes.
    #[error("shape {got:?}: expected widths such as 784-128-10")]
    Shape {
        /// The text.
        got: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The measuring process could not be started.
    #[error("could not start the measuring process: {0}")]
    Start(#[source] std::io::Error),
    /// A line is not the JSON expected.
    #[error("{path}, line {line}: {source}")]
    Line {
        path: String,
        /// Counted from one.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
    /// A value could not be written as JSON.
    #[error("encoding a record: {0}")]
    Encode(#[source] serde_json::Error),
    /// The notes are not TOML of the form expected.
    #[error("{path}: {source}")]
    Notes {
        path: String,
        /// The cause.
        source: Box<toml::de::Error>,
    },
    /// A note belongs to no target.
    #[error("{path}: no target is called {got:?}")]
    NoteWithoutTarget {
        path: String,
        /// The name.
        got: String,
    },
    /// The measuring process could not be measured.
    #[error(transparent)]
    Measure(#[from] zktrain_cli::bench::BenchError),
    /// The document's text names something that is not there.
    #[error("writing the document: {0:#}")]
    Text(#[source] minijinja::Error),
    /// The plot could not be drawn.
    #[error("drawing the plot: {got}")]
    Plot {
        /// What the drawing library says.
        got: String,
    },
    /// There is nothing to draw or to write about.
    #[error("no measurement of the kind {expected:?} succeeded")]
    Nothing {
        /// The purpose of the missing records.
        expected: record::Purpose,
    },
}

/// Reads a whole file.
///
/// # Errors
/// With the path, if it cannot be read.
pub fn read(path: &std::path::Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|source| Error::File { path: path.display().to_string(), source })
}

/// Writes a whole file, making its folder.
///
/// # Errors
/// With the path, if it cannot be written.
pub fn write(path: &std::path::Path, text: &str) -> Result<(), Error> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    folder
        .and_then(|()| std::fs::write(path, text))
        .map_err(|source| Error::File { path: path.display().to_string(), source })
}
