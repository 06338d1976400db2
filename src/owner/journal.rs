//! What an owner has promised in a round, kept across crashes.
//!
//! All randomness of secure aggregation in a round follows from one secret. Answering two different
//! notices with it would give the coordinator both keys to a masked update, so each promise is
//! written down before it is sent, and a restarted owner keeps it.

use std::path::{Path, PathBuf};

use alloy::primitives::B256;
use rand::RngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use zktrain_network::secagg::member::Promises;

use crate::error::Error;
use crate::files::{self, Access};
use crate::project::settings;

/// What is kept of a round; readable by the owner alone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Everything random in this round follows from it.
    secret: B256,
    /// Digest of the plan.
    plan: B256,
    /// What the coordinator was told.
    promises: Promises,
}

/// The coordinator has another plan for a round that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the coordinator has changed the plan of round {round} after it was begun")]
pub struct OtherPlan {
    /// The round.
    pub round: u64,
}

/// A round's journal.
pub struct Journal {
    path: PathBuf,
    kept: Kept,
}

impl Journal {
    /// Opens a round's journal, or begins it with a fresh secret.
    ///
    /// # Errors
    /// If the round was begun with another plan, or the file is damaged.
    pub fn open(path: &Path, round: u64, plan: B256) -> Result<Self, Error> {
        if path.exists() {
            let kept: Kept =
                serde_json::from_slice(&files::read(path)?).map_err(|e| settings(path, e))?;
            if kept.plan != plan {
                return Err(OtherPlan { round }.into());
            }
            return Ok(Self { path: path.to_owned(), kept });
        }
        let mut secret = [0; 32];
        OsRng.fill_bytes(&mut secret);
        let kept = Kept { secret: secret.into(), plan, promises: Promises::default() };
        let journal = Self { path: path.to_owned(), kept };
        journal.write()?;
        Ok(journal)
    }

    /// The round's secret.
    pub fn secret(&self) -> [u8; 32] {
        self.kept.secret.0
    }

    /// What was promised so far.
    pub fn promises(&self) -> &Promises {
        &self.kept.promises
    }

    /// Keeps promises: to be called before what they are about is sent.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn keep(&mut self, promises: &Promises) -> Result<(), Error> {
        if self.kept.promises == *promises {
            return Ok(());
        }
        self.kept.promises = promises.clone();
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        let bytes = serde_json::to_vec(&self.kept).map_err(|e| settings(&self.path, e))?;
        files::write(&self.path, &bytes, Access::Owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: B256 = B256::repeat_byte(1);

    #[test]
    fn promises_outlive_their_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, 7, PLAN).unwrap();
        let secret = journal.secret();
        let mut promises = Promises::default();
        // Each is there as soon as it was kept, not only the first.
        let steps: [fn(&mut Promises); 4] = [
            |p| p.roster = Some(B256::repeat_byte(2)),
            |p| p.shared = Some(B256::repeat_byte(3)),
            |p| p.masked = Some(B256::repeat_byte(4)),
            |p| p.test = Some(B256::repeat_byte(5)),
        ];
        for step in steps {
            step(&mut promises);
            journal.keep(&promises).unwrap();
            let again = Journal::open(&path, 7, PLAN).unwrap();
            assert_eq!((again.secret(), again.promises()), (secret, &promises));
        }
        let fresh = Journal::open(&folder.path().join("other"), 8, PLAN).unwrap();
        assert_ne!(fresh.secret(), secret);
        assert_eq!(fresh.promises(), &Promises::default());
    }

    /// The same secret under two plans would give away the update's mask.
    #[test]
    fn a_round_is_begun_with_one_plan() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let secret = Journal::open(&path, 7, PLAN).unwrap().secret();
        let other = Journal::open(&path, 7, B256::repeat_byte(2)).err();
        assert!(matches!(other, Some(Error::OtherPlan(OtherPlan { round: 7 }))), "{other:?}");
        assert_eq!(Journal::open(&path, 7, PLAN).unwrap().secret(), secret);
    }

    /// A fresh start would forget what was promised.
    #[test]
    fn what_is_damaged_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        Journal::open(&path, 7, PLAN).unwrap();
        let honest = std::fs::read(&path).unwrap();
        let longer = [&honest[..honest.len() - 1], b",\"more\":1}"].concat();
        for damaged in [&b""[..], b"{}", &honest[..honest.len() - 1], &longer] {
            std::fs::write(&path, damaged).unwrap();
            assert!(Journal::open(&path, 7, PLAN).is_err());
            assert_eq!(std::fs::read(&path).unwrap(), damaged);
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, 7, PLAN).unwrap();
        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        let promises = Promises { roster: Some(PLAN), ..Promises::default() };
        journal.keep(&promises).unwrap();
        assert_eq!(mode(), 0o600);
    }
}
