//! What an owner has promised in a round, kept across crashes.
//!
//! All randomness of secure aggregation in a round follows from one secret. Answering two different
//! notices with it would give the coordinator both keys to a masked update, so each promise is
//! on disk before what follows from it is sent: what is to be sent is sealed, and only a journal
//! opens it.
//!
//! Once a round is over the secret is erased, so that somebody who gets hold of the file later, and has
//! kept the masked vector, learns nothing. What stays says that the round was taken part in: it is
//! not entered anew with another secret.

use std::path::{Path, PathBuf};

use alloy::primitives::B256;
use rand::RngCore;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};
use zktrain_commit::random::{Label, LocalKey, NoRandomness, Randomness};
use zktrain_project::files::{self, Access};
use zktrain_project::project::settings;
use zktrain_secagg::sealed::{PromiseStore, Promises};

use super::OwnerError;
use crate::Error;

/// What is kept of a round that goes on; readable by the owner alone.
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

impl Drop for Kept {
    fn drop(&mut self) {
        self.secret.0.zeroize();
    }
}

/// What is kept of a round that is over.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    /// Digest of the plan.
    plan: B256,
}

/// A journal's file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Page {
    Open(Box<Kept>),
    Closed(Closed),
}

impl Page {
    fn plan(&self) -> B256 {
        match self {
            Self::Open(kept) => kept.plan,
            Self::Closed(closed) => closed.plan,
        }
    }
}

/// The coordinator has another plan for a round that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the coordinator has changed the plan of round {round} after it was begun")]
pub struct OtherPlan {
    pub round: u64,
}

/// A round's journal.
pub struct Journal {
    path: PathBuf,
    kept: Box<Kept>,
}

impl Journal {
    /// Opens a round's journal, or begins it with a fresh secret.
    ///
    /// # Errors
    /// If the round was begun with another plan, is over, the file is damaged, or the operating
    /// system gives no random bytes for a secret.
    pub fn of_round(path: &Path, round: u64, plan: B256, key: &LocalKey) -> Result<Self, Error> {
        let path = path.to_owned();
        match read(&path)? {
            Some(page) if page.plan() != plan => Err(OtherPlan { round }.into()),
            Some(Page::Closed(_)) => Err(OwnerError::Over { round }.into()),
            Some(Page::Open(kept)) => Ok(Self { path, kept }),
            None => {
                let secret = fresh_secret(plan, key)?;
                let promises = Promises::default();
                let kept = Box::new(Kept { secret: (*secret).into(), plan, promises });
                let mut journal = Self { path, kept };
                journal.write()?;
                Ok(journal)
            }
        }
    }

    /// The round's secret.
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.kept.secret.0)
    }

    /// What was promised so far.
    pub fn promises(&self) -> &Promises {
        &self.kept.promises
    }

    fn write(&mut self) -> Result<(), Error> {
        let Kept { secret, plan, promises } = &*self.kept;
        let kept = Kept { secret: *secret, plan: *plan, promises: promises.clone() };
        let page = Page::Open(Box::new(kept));
        let bytes = Zeroizing::new(serde_json::to_vec(&page).map_err(|e| settings(&self.path, e))?);
        match files::is_there(&self.path)? {
            true => files::supersede(&self.path, &bytes)?,
            false => files::write(&self.path, &bytes, Access::Owner)?,
        }
        Ok(())
    }
}

impl PromiseStore for Journal {
    type Error = Error;

    fn keep(&mut self, promises: &Promises) -> Result<(), Error> {
        let before = self.kept.promises.clone();
        self.kept.promises.add(promises).map_err(OwnerError::from)?;
        if self.kept.promises == before {
            return Ok(());
        }
        self.write().inspect_err(|_| self.kept.promises = before)
    }
}

/// All masks of a round follow from its secret: two plans never have the same one, even if the
/// operating system repeats itself, and somebody who knows what that gives does not know the secret.
fn fresh_secret(plan: B256, key: &LocalKey) -> Result<Zeroizing<[u8; 32]>, NoRandomness> {
    let mut secret = Zeroizing::new([0; 32]);
    let mut generator = Randomness::new(Label::RoundSecret, plan.as_slice(), key, &[0; 32])?;
    generator.fill_bytes(secret.as_mut_slice());
    Ok(secret)
}

fn read(path: &Path) -> Result<Option<Page>, Error> {
    let Some(bytes) = files::read_if_there(path)?.map(Zeroizing::new) else { return Ok(None) };
    Ok(serde_json::from_slice(&bytes).map(Some).map_err(|e| settings(path, e))?)
}

/// Whether a masked vector may have left the owner in the round of a journal.
///
/// # Errors
/// If the file is damaged.
pub fn is_bound(path: &Path) -> Result<bool, Error> {
    Ok(match read(path)? {
        Some(Page::Open(kept)) => kept.promises.upload.is_some(),
        Some(Page::Closed(_)) => true,
        None => false,
    })
}

/// Whether a round is over for the owner, and nothing secret is in its journal.
///
/// # Errors
/// If the file is damaged.
pub fn is_closed(path: &Path) -> Result<bool, Error> {
    Ok(matches!(read(path)?, Some(Page::Closed(_))))
}

/// Ends a round: its secret is erased, and that it was taken part in stays. Nothing is done where
/// that was done before, or no such round was begun.
///
/// # Errors
/// If the file is damaged or cannot be written.
pub fn close(path: &Path) -> Result<(), Error> {
    let Some(Page::Open(kept)) = read(path)? else { return Ok(()) };
    let closed = Page::Closed(Closed { plan: kept.plan });
    let bytes = serde_json::to_vec(&closed).map_err(|e| settings(path, e))?;
    Ok(files::supersede(path, &bytes)?)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Address;
    use zktrain_project::Error as ProjectError;
    use zktrain_secagg::messages::{Confirm, Upload};

    use super::*;

    const PLAN: B256 = B256::repeat_byte(1);

    impl Journal {
        /// That of an owner whose key is no matter.
        pub fn open(path: &Path, round: u64, plan: B256) -> Result<Self, Error> {
            Self::of_round(path, round, plan, &LocalKey::new([7; 32]))
        }
    }

    fn journal() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        (folder, path)
    }

    /// Each promise, alone.
    fn all() -> [Promises; 5] {
        let (account, hash) = (Address::repeat_byte(9), B256::repeat_byte);
        let [masked, submission, shared, counted] = [2, 3, 4, 5].map(hash);
        let upload = Upload { account, masked, submission, shared };
        let none = Promises::default;
        [
            Promises { roster: Some(hash(6)), ..none() },
            Promises { shared: Some(shared), ..none() },
            Promises { upload: Some(upload), ..none() },
            Promises { confirm: Some(Confirm { account, shared, counted }), ..none() },
            Promises { test: Some(hash(7)), ..none() },
        ]
    }

    #[test]
    fn promises_outlive_their_process() {
        let (folder, path) = journal();
        let mut journal = Journal::open(&path, 7, PLAN).unwrap();
        let (secret, mut promises) = (journal.secret(), Promises::default());
        // Each is there as soon as it was kept, not only the first.
        for promise in all() {
            promises.add(&promise).unwrap();
            journal.keep(&promise).unwrap();
            let again = Journal::open(&path, 7, PLAN).unwrap();
            assert_eq!((again.secret(), again.promises()), (secret.clone(), &promises));
        }
        let fresh = Journal::open(&folder.path().join("other"), 8, PLAN).unwrap();
        assert_ne!(fresh.secret(), secret);
        assert_eq!(fresh.promises(), &Promises::default());
    }

    #[test]
    fn secrets_of_rounds_are_their_own_even_if_the_system_repeats_itself() {
        let repeating = |key| LocalKey::with_repeating_system(key, [9; 32]);
        let secret = |plan, key: [u8; 32]| *fresh_secret(plan, &repeating(key)).unwrap();
        let (other, key) = (B256::repeat_byte(2), [7; 32]);
        let all = [secret(PLAN, key), secret(other, key), secret(PLAN, [8; 32])];
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
        assert_eq!(all[0], secret(PLAN, key), "or this shows nothing");
    }

    #[test]
    fn without_random_bytes_no_round_is_begun() {
        let (_folder, path) = journal();
        let key = LocalKey::with_failing_system([7; 32]);
        let begun = Journal::of_round(&path, 7, PLAN, &key);
        assert!(matches!(begun.err(), Some(Error::Project(ProjectError::Randomness(_)))));
        assert!(!path.exists());
    }

    #[test]
    fn no_promise_is_taken_back() {
        let (_folder, path) = journal();
        let mut journal = Journal::open(&path, 7, PLAN).unwrap();
        all().iter().for_each(|promise| journal.keep(promise).unwrap());
        let kept = journal.promises().clone();
        let account = Address::repeat_byte(8);
        let mut others = all();
        others[0].roster = Some(PLAN);
        others[1].shared = Some(PLAN);
        others[2].upload = others[2].upload.map(|upload| Upload { account, ..upload });
        others[3].confirm = others[3].confirm.map(|confirm| Confirm { account, ..confirm });
        others[4].test = Some(PLAN);
        for other in others {
            let error = journal.keep(&other).unwrap_err();
            let Error::Owner(error) = error else { panic!("{error}") };
            let conflict = zktrain_secagg::SecaggError::Conflict { what: "" };
            let OwnerError::Aggregation(error) = *error else { panic!("{error}") };
            assert_eq!(core::mem::discriminant(&error), core::mem::discriminant(&conflict));
        }
        // Nor by leaving it out.
        journal.keep(&Promises::default()).unwrap();
        assert_eq!(journal.promises(), &kept);
        assert_eq!(Journal::open(&path, 7, PLAN).unwrap().promises(), &kept);
    }

    #[test]
    fn what_cannot_be_written_is_not_kept() {
        let (folder, path) = journal();
        let mut journal = Journal::open(&path, 7, PLAN).unwrap();
        drop(folder);
        assert!(journal.keep(&all()[0]).is_err());
        assert_eq!(journal.promises(), &Promises::default());
    }

    /// The same secret under two plans would give away the update's mask.
    #[test]
    fn a_round_is_begun_with_one_plan() {
        let (_folder, path) = journal();
        let secret = Journal::open(&path, 7, PLAN).unwrap().secret();
        let other = Journal::open(&path, 7, B256::repeat_byte(2)).err();
        assert!(matches!(other, Some(Error::OtherPlan(OtherPlan { round: 7 }))), "{other:?}");
        assert_eq!(Journal::open(&path, 7, PLAN).unwrap().secret(), secret);
    }

    #[test]
    fn a_round_that_is_over_keeps_nothing_but_that_it_was() {
        let (_folder, path) = journal();
        close(&path).unwrap();
        assert!(!path.exists() && !is_bound(&path).unwrap() && !is_closed(&path).unwrap());
        let mut journal = Journal::open(&path, 7, PLAN).unwrap();
        let secret = alloy::primitives::hex::encode(*journal.secret());
        assert!(!is_bound(&path).unwrap());
        all().iter().for_each(|promise| journal.keep(promise).unwrap());
        assert!(is_bound(&path).unwrap() && !is_closed(&path).unwrap());
        // The very file that held the secret is overwritten, also for a process that still has it open.
        let mut held = std::fs::File::open(&path).unwrap();
        close(&path).unwrap();
        let mut before = Vec::new();
        std::io::Read::read_to_end(&mut held, &mut before).unwrap();
        assert!(!before.is_empty() && before.iter().all(|byte| *byte == 0));
        assert!(!std::fs::read_to_string(&path).unwrap().contains(&secret));
        assert!(is_bound(&path).unwrap() && is_closed(&path).unwrap());
        // Neither this plan nor another is entered again.
        let error = Journal::open(&path, 7, PLAN).err();
        let Some(Error::Owner(error)) = error else { panic!("{error:?}") };
        assert!(matches!(*error, OwnerError::Over { round: 7 }));
        let other = Journal::open(&path, 7, B256::repeat_byte(2)).err();
        assert!(matches!(other, Some(Error::OtherPlan(_))), "{other:?}");
        let closed = std::fs::read(&path).unwrap();
        close(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), closed);
    }

    /// A fresh start would forget what was promised.
    #[test]
    fn what_is_damaged_is_refused_and_left_alone() {
        let (_folder, path) = journal();
        Journal::open(&path, 7, PLAN).unwrap();
        let honest = std::fs::read(&path).unwrap();
        let longer = [&honest[..honest.len() - 2], b",\"more\":1}}"].concat();
        for damaged in [&b""[..], b"{}", &honest[..honest.len() - 1], &longer] {
            std::fs::write(&path, damaged).unwrap();
            assert!(Journal::open(&path, 7, PLAN).is_err());
            assert!(is_bound(&path).is_err() && close(&path).is_err());
            assert_eq!(std::fs::read(&path).unwrap(), damaged);
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = journal();
        let mut journal = Journal::open(&path, 7, PLAN).unwrap();
        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        journal.keep(&all()[0]).unwrap();
        assert_eq!(mode(), 0o600);
        close(&path).unwrap();
        assert_eq!(mode(), 0o600);
    }
}
