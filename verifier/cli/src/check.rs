//! Reads the files, and checks them.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zktrain_files::regular;
use zktrain_model::manifest::MAX_TEXT;
use zktrain_model::size::Limits;
use zktrain_verify::contract_key::{ContractKey, ContractKeyError, FileError};
use zktrain_verify::evm::MAX_KEY;

use crate::args::Args;
use crate::report::Report;

/// Bytes of a proof's file at most.
const MAX_PROOF: u64 = 1 << 30;

/// Why there is no verdict, or a bad one. Paths are shown with whatever a terminal would obey
/// escaped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{path:?}: {source}")]
    File { path: PathBuf, source: io::Error },
    /// A file is not of the kind that was named.
    #[error("{path:?}: {why}")]
    Kind { path: PathBuf, why: String },
    /// The key is not the manifest's.
    #[error("{path:?}: {source}")]
    Key { path: PathBuf, source: Box<ContractKeyError> },
    /// The key is another than the one named.
    #[error("{path:?}: the key's name is {got}, not {expected} as --key-name says")]
    Name { path: PathBuf, expected: String, got: String },
    /// A proof does not hold, or is none.
    #[error("{path:?}: {source}")]
    Proof { path: PathBuf, source: Box<FileError> },
}

/// Checks all files; a report only if all of them hold.
///
/// # Errors
/// At the first file that cannot be read or does not hold.
pub fn run(args: &Args) -> Result<Report, Error> {
    let key = key(args)?;
    let mut report = Report::new(args, &key);
    for path in &args.files {
        let bytes = read(path, MAX_PROOF)?;
        let refused = |source| Error::Proof { path: path.clone(), source: Box::new(source) };
        let (statement, proof) = key.verify(&bytes).map_err(refused)?;
        report.add(&key, &statement, &proof);
    }
    Ok(report)
}

fn key(args: &Args) -> Result<ContractKey, Error> {
    let path = args.manifest.clone();
    let manifest = String::from_utf8(read(&path, MAX_TEXT as u64)?)
        .map_err(|error| Error::Kind { path, why: format!("no text: {error}") })?;
    let bytes = read(&args.key, MAX_KEY as u64)?;
    let path = args.key.clone();
    let key = ContractKey::read(&manifest, Limits::default(), &bytes)
        .map_err(|source| Error::Key { path: path.clone(), source: Box::new(source) })?;
    match args.key_name {
        Some(expected) if expected != key.name() => {
            let [expected, got] = [expected, key.name()].map(hex::encode);
            Err(Error::Name { path, expected, got })
        }
        _ => Ok(key),
    }
}

/// A regular file of so many bytes at most: a pipe or a device may have no end.
fn read(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let opened = regular::open(path).map_err(file)?;
    opened.take(most + 1).read_to_end(&mut bytes).map_err(file)?;
    match bytes.len() as u64 > most {
        true => Err(Error::Kind { path: path.to_owned(), why: format!("more than {most} bytes") }),
        false => Ok(bytes),
    }
}
