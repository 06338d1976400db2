//! The record's file: a first line that says whose it is, and one for each thing that was signed.

use std::collections::btree_map::Entry;
use std::io::ErrorKind;
use std::path::Path;

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use zktrain_project::Error as ProjectError;
use zktrain_project::files::{self, Access};

use super::State;
use super::what::{Of, SignedError, What};
use crate::Error;

/// Bytes of the file at most: twice as many rounds are a tenth of it.
pub(super) const MOST: u64 = 1 << 21;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    of: Of,
    /// Of rounds up to this one only what stands below was signed, if it was that.
    after: u64,
    /// When the file was made, in seconds of Unix time, for an account that may have signed before; zero
    /// for one that had just joined.
    since: u64,
}

/// Any other line.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) round: u64,
    pub(super) what: What,
    pub(super) hash: B256,
}

pub(super) fn json(path: &Path, what: &impl Serialize) -> Result<Vec<u8>, Error> {
    let failed = |error: serde_json::Error| {
        Error::Project(ProjectError::File { path: path.to_owned(), source: error.into() })
    };
    serde_json::to_vec(what).map_err(failed)
}

pub(super) fn add(path: &Path, bytes: &mut Vec<u8>, line: &impl Serialize) -> Result<(), Error> {
    bytes.extend(json(path, line)?);
    bytes.push(b'\n');
    Ok(())
}

/// Whether there is a record. One that cannot be looked at is not none, and a link is no record: it would
/// be read where nothing is ever added.
pub(super) fn is_there(path: &Path) -> Result<bool, Error> {
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => Err(SignedError::Link { path: path.to_owned() }.into()),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Error::Project(ProjectError::File { path: path.to_owned(), source })),
    }
}

/// Reads the file, and whether its last line is whole.
pub(super) fn read(path: &Path, of: &Of) -> Result<(State, bool), Error> {
    let bytes = files::read_up_to(path, MOST)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let damaged = |line| SignedError::Damaged { path: path.to_owned(), line };
    let mut lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n');
    let head = lines.next().and_then(|line| serde_json::from_slice::<Head>(line).ok());
    let Head { of: got, after, since } = head.ok_or_else(|| damaged(1))?;
    if got != *of {
        let (path, expected, got) = (path.to_owned(), Box::new(*of), Box::new(got));
        return Err(SignedError::Foreign { path, expected, got }.into());
    }
    let mut state = State { after, since, whole: whole as u64, ..State::default() };
    for (line, number) in lines.zip(2..) {
        let line: Line = serde_json::from_slice(line).map_err(|_| damaged(number))?;
        match state.rounds.entry(line.round).or_default().entry(line.what) {
            Entry::Occupied(_) => return Err(damaged(number).into()),
            Entry::Vacant(entry) => entry.insert(line.hash),
        };
    }
    Ok((state, whole == bytes.len()))
}

/// Writes the whole file anew, in place of the old one.
pub(super) fn rewrite(path: &Path, of: Of, state: &mut State) -> Result<(), Error> {
    let mut bytes = Vec::new();
    add(path, &mut bytes, &Head { of, after: state.after, since: state.since })?;
    for line in state.lines() {
        add(path, &mut bytes, &line)?;
    }
    files::write(path, &bytes, Access::Owner)?;
    state.whole = bytes.len() as u64;
    Ok(())
}
