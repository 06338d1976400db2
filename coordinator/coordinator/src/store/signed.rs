//! What a coordinator has signed, in a file that only grows and is never restored.
//!
//! Two different batches for one draw of a round are fraud, even by mistake: a store that was
//! restored from a backup does not know what was signed after it. So every batch is written down here
//! before its signature leaves. Where this file is missing, or says that the rest was restored, nobody
//! knows what was signed for the round that is open: nothing more is signed for it, ever.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};

/// Why something is not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignedBatchError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line of the file is none.
    #[error(
        "{}: line {line} is damaged. What was signed before is not known any more: move the file away, \
         and nothing more is signed for a round that is open",
        path.display()
    )]
    Damaged {
        path: PathBuf,
        /// Which line, from one.
        line: usize,
    },
    /// Another batch was signed for the round.
    #[error(
        "another batch was signed for round {round} before: a second one would be fraud. Nothing more is \
         signed for this round"
    )]
    Otherwise { round: u64 },
    /// Nobody knows what was signed for the round.
    #[error("what was signed for round {round} before is not known: nothing more is signed for it")]
    Barred { round: u64 },
}

/// A line of the file, as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// From here on all that is signed is in here; for this round something may not be.
    Begun {
        /// The round that was open.
        barred: Option<u64>,
    },
    /// Everything else was restored from a backup.
    Restored {},
    /// A batch was signed.
    Batch {
        /// For this round,
        round: u64,
        /// as this nonce drew it.
        draw: B256,
        /// The batch.
        digest: B256,
    },
}

#[derive(Debug, Default)]
struct State {
    batches: BTreeMap<(u64, B256), B256>,
    barred: BTreeSet<u64>,
    /// Whether all that was signed since is in here.
    complete: bool,
}

impl State {
    fn apply(&mut self, line: Line) {
        match line {
            Line::Begun { barred } => {
                self.barred.extend(barred);
                self.complete = true;
            }
            Line::Restored {} => self.complete = false,
            Line::Batch { round, draw, digest } => {
                self.batches.insert((round, draw), digest);
            }
        }
    }
}

/// The file, and what is in it.
#[derive(Debug)]
pub struct SignedBatchLog {
    path: PathBuf,
    held: Mutex<(File, State)>,
}

impl SignedBatchLog {
    /// Opens the file, and makes it if it is not there. A line that a crash has cut off was of something
    /// that never left.
    ///
    /// # Errors
    /// If it cannot be read or written, or is damaged.
    pub fn open(path: &Path) -> Result<Self, SignedBatchError> {
        let file = |source| SignedBatchError::File { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut opened = options.open(path).map_err(file)?;
        let mut bytes = Vec::new();
        opened.read_to_end(&mut bytes).map_err(file)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let mut state = State::default();
        for (index, line) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let damaged = |_| SignedBatchError::Damaged { path: path.to_owned(), line: index + 1 };
            state.apply(serde_json::from_slice(line).map_err(damaged)?);
        }
        opened.set_len(whole as u64).map_err(file)?;
        opened.sync_all().map_err(file)?;
        sync_folder(path).map_err(file)?;
        Ok(Self { path: path.to_owned(), held: Mutex::new((opened, state)) })
    }

    fn write(&self, held: &mut (File, State), line: Line) -> Result<(), SignedBatchError> {
        let failed = |source| SignedBatchError::File { path: self.path.clone(), source };
        let mut text = serde_json::to_vec(&line).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        held.0.write_all(&text).map_err(failed)?;
        held.0.sync_all().map_err(failed)?;
        held.1.apply(line);
        Ok(())
    }

    /// Before anything is signed: `open` is the domain's open round, as the chain says. If something may
    /// have been signed that is not in here, it was for this round.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn begin(&self, open: Option<u64>) -> Result<(), SignedBatchError> {
        let held = &mut *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.1.complete {
            true => Ok(()),
            false => self.write(held, Line::Begun { barred: open }),
        }
    }

    /// Whether nothing more is signed for a round.
    pub fn is_barred(&self, round: u64) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).1.barred.contains(&round)
    }

    /// A batch is about to leave, signed. Once this returns, no other one does for this draw of the round.
    ///
    /// # Errors
    /// [`SignedBatchError::Otherwise`], [`SignedBatchError::Barred`]; if the file cannot be written.
    pub fn batch(&self, round: u64, draw: B256, digest: B256) -> Result<(), SignedBatchError> {
        let held = &mut *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.1.batches.get(&(round, draw)) {
            Some(before) if *before == digest => Ok(()),
            Some(_) => {
                // Whatever is wrong here, another try does not mend it.
                self.write(held, Line::Begun { barred: Some(round) })?;
                Err(SignedBatchError::Otherwise { round })
            }
            None if held.1.barred.contains(&round) => Err(SignedBatchError::Barred { round }),
            None => self.write(held, Line::Batch { round, draw, digest }),
        }
    }

    /// Says in the file, if there is one, that everything else was restored. Where there is none, none is
    /// made: that says the same.
    ///
    /// # Errors
    /// If it cannot be written, or is damaged.
    pub fn restored(path: &Path) -> Result<(), SignedBatchError> {
        if !path.exists() {
            return Ok(());
        }
        let log = Self::open(path)?;
        let held = &mut *log.held.lock().unwrap_or_else(PoisonError::into_inner);
        log.write(held, Line::Restored {})
    }
}

/// A new file's name survives a loss of power.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) && !folder.as_os_str().is_empty() => {
            File::open(folder)?.sync_all()
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAW: B256 = B256::repeat_byte(1);
    const ONE: B256 = B256::repeat_byte(2);
    const OTHER: B256 = B256::repeat_byte(3);

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signed.log");
        (folder, path)
    }

    #[test]
    fn a_second_batch_is_never_signed() {
        let (_folder, path) = place();
        let log = SignedBatchLog::open(&path).unwrap();
        log.begin(None).unwrap();
        log.batch(7, DRAW, ONE).unwrap();
        log.batch(7, OTHER, OTHER).unwrap();
        drop(log);
        let log = SignedBatchLog::open(&path).unwrap();
        log.begin(Some(7)).unwrap();
        assert!(!log.is_barred(7), "all that was signed is known");
        log.batch(7, DRAW, ONE).unwrap();
        let refused = log.batch(7, DRAW, OTHER).unwrap_err();
        assert!(matches!(refused, SignedBatchError::Otherwise { round: 7 }), "{refused}");
        assert!(SignedBatchLog::open(&path).unwrap().is_barred(7));
    }

    #[test]
    fn without_the_file_nothing_is_signed_for_what_is_open() {
        let (_folder, path) = place();
        let log = SignedBatchLog::open(&path).unwrap();
        log.begin(Some(7)).unwrap();
        let barred = |log: &SignedBatchLog| {
            assert!(log.is_barred(7));
            let refused = log.batch(7, DRAW, ONE).unwrap_err();
            assert!(matches!(refused, SignedBatchError::Barred { round: 7 }), "{refused}");
        };
        barred(&log);
        log.batch(8, DRAW, ONE).unwrap();
        drop(log);
        let log = SignedBatchLog::open(&path).unwrap();
        log.begin(Some(8)).unwrap();
        barred(&log);
        assert!(!log.is_barred(8));
    }

    #[test]
    fn a_restored_coordinator_signs_only_what_it_has_signed() {
        let (_folder, path) = place();
        SignedBatchLog::restored(&path).unwrap();
        assert!(!path.exists());
        let log = SignedBatchLog::open(&path).unwrap();
        log.begin(None).unwrap();
        log.batch(7, DRAW, ONE).unwrap();
        drop(log);
        SignedBatchLog::restored(&path).unwrap();
        // A start that asks the chain in vain changes nothing about it.
        drop(SignedBatchLog::open(&path).unwrap());
        let log = SignedBatchLog::open(&path).unwrap();
        log.begin(Some(7)).unwrap();
        assert!(log.is_barred(7));
        log.batch(7, DRAW, ONE).unwrap();
        log.batch(7, OTHER, ONE).unwrap_err();
        log.batch(8, DRAW, ONE).unwrap();
    }

    #[test]
    fn a_line_that_was_cut_off_never_left() {
        let (_folder, path) = place();
        let log = SignedBatchLog::open(&path).unwrap();
        log.begin(None).unwrap();
        log.batch(7, DRAW, ONE).unwrap();
        drop(log);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..whole.len() {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let log = SignedBatchLog::open(&path).unwrap();
            log.begin(None).unwrap();
            log.batch(7, DRAW, OTHER).unwrap();
        }
        std::fs::write(&path, [b"{}\n", whole.as_slice()].concat()).unwrap();
        let damaged = SignedBatchLog::open(&path).unwrap_err();
        assert!(matches!(damaged, SignedBatchError::Damaged { line: 1, .. }), "{damaged}");
    }
}
