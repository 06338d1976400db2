//! What an owner does about a round's end, or about what was in its way.
//!
//! All of it is on disk when [`conclude`] returns, and where it does not, what a crash has left is
//! found again: an end that is written down is never entered anew, and secrets of ended rounds are
//! erased at the next start.

use std::time::Duration;

use alloy::primitives::Address;
use zktrain_project::files;
use zktrain_project::project::{Project, settings, write_json};
use zktrain_wire::messages::End;

use super::attempts::{Attempts, Next};
use super::erase::{self, Retention};
use super::journal;
use crate::Error;

/// What became of a round for an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has ended.
    Ended,
    /// It is tried again after a while.
    Again(Duration),
    /// It is left for good.
    PassedOver,
}

/// Whose rounds, and what stays of them.
#[derive(Clone, Copy)]
pub struct OwnerRecords<'a> {
    /// Where the owner keeps its files.
    pub project: &'a Project,
    /// The owner.
    pub account: Address,
    /// How long secrets stay of rounds that are over.
    pub retention: Retention,
}

/// Whether a round is over for the owner: its end is written down, or its secrets are erased.
///
/// # Errors
/// If its journal is damaged.
pub fn is_over(project: &Project, round: u64) -> Result<bool, Error> {
    let is_told = files::is_there(&project.round_end_path(round))?;
    Ok(is_told || journal::is_closed(&project.round_journal_path(round))?)
}

/// What the coordinator told at a round's end, if it has.
///
/// # Errors
/// If the file is damaged.
pub fn told(project: &Project, round: u64) -> Result<Option<End>, Error> {
    let path = project.round_end_path(round);
    let Some(bytes) = files::read_if_there(&path)? else { return Ok(None) };
    Ok(serde_json::from_slice(&bytes).map(Some).map_err(|e| settings(&path, e))?)
}

/// Does what is to be done about what a round came to.
///
/// # Errors
/// The round's own error if only a person can help; if a file cannot be read or written.
pub fn conclude(
    records: &OwnerRecords<'_>,
    attempts: &mut Attempts,
    round: u64,
    result: Result<End, Error>,
) -> Result<Outcome, Error> {
    let project = records.project;
    let error = match result {
        Ok(end) => {
            report(records, round, &end)?;
            erase::ended(project, records.retention)?;
            return Ok(Outcome::Ended);
        }
        Err(error) => error,
    };
    let bound = journal::is_bound(&project.round_journal_path(round))?;
    match attempts.after(round, &error, bound) {
        Next::Again(pause) => {
            tracing::warn!(round, %error, "trying again");
            Ok(Outcome::Again(pause))
        }
        Next::PassOver => {
            tracing::error!(round, %error, "this round is passed over");
            erase::round_over(project, round)?;
            Ok(Outcome::PassedOver)
        }
        Next::Stop => Err(error),
    }
}

fn report(records: &OwnerRecords<'_>, round: u64, end: &End) -> Result<(), Error> {
    match end {
        End::Summed { counted, .. } => {
            let own = counted.contains(&records.account);
            tracing::info!(round, counted = counted.len(), own, "the round has a sum");
        }
        // The model stays as it is. A batch without a sum pays all the same for what it lists.
        End::Void(reason) => tracing::warn!(
            round,
            ?reason,
            "the round has no sum; what was delivered is paid when it is settled"
        ),
    }
    Ok(write_json(&records.project.round_end_path(round), end)?)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;
    use zktrain_wire::messages::{Reason, Refusal};

    use super::*;
    use crate::OwnerError;
    use crate::journal::Journal;
    use zktrain_project::files::Access;
    use zktrain_project::files::trial::{self, InjectedFault};

    const PLAN: B256 = B256::repeat_byte(1);

    /// An owner in the middle of round 3.
    fn owner() -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::new(folder.path());
        files::create_folder(&project.rounds_path(), Access::Public).unwrap();
        files::create_folder(&folder.path().join("secret"), Access::Owner).unwrap();
        Journal::open(&project.round_journal_path(3), 3, PLAN).unwrap();
        files::write(&project.round_state_path(3), b"blindings", Access::Owner).unwrap();
        (folder, project)
    }

    fn concluded(project: &Project, result: Result<End, Error>) -> Result<Outcome, Error> {
        let (account, retention) = (Address::ZERO, Retention::default());
        let records = OwnerRecords { project, account, retention };
        conclude(&records, &mut Attempts::default(), 3, result)
    }

    fn is_erased(project: &Project) -> bool {
        let journal = Journal::open(&project.round_journal_path(3), 3, PLAN);
        journal.is_err() && !project.round_state_path(3).exists()
    }

    fn refused(refusal: Refusal) -> Result<End, Error> {
        Err(OwnerError::Refused(refusal).into())
    }

    #[test]
    fn an_end_is_written_down_and_its_secrets_go() {
        let (_folder, project) = owner();
        let end = End::Void(Reason::CalledOff);
        assert_eq!(concluded(&project, Ok(end)).unwrap(), Outcome::Ended);
        assert!(is_over(&project, 3).unwrap() && is_erased(&project));
    }

    #[test]
    fn what_is_in_the_way_decides_whether_a_round_goes_on() {
        let (_folder, project) = owner();
        let again = concluded(&project, refused(Refusal::Busy)).unwrap();
        assert!(matches!(again, Outcome::Again(_)) && !is_erased(&project));
        let stopped = concluded(&project, Err(Error::WorkerStopped));
        assert!(matches!(stopped, Err(Error::WorkerStopped)) && !is_erased(&project));
        let passed = concluded(&project, refused(Refusal::Conflict)).unwrap();
        assert_eq!(passed, Outcome::PassedOver);
        assert!(!project.round_end_path(3).exists());
        assert!(is_over(&project, 3).unwrap() && is_erased(&project));
    }

    /// Wherever the process ends: the round's end is not written and the round goes on, or it is and
    /// the next start erases what is left.
    #[test]
    fn a_process_that_ends_meanwhile_leaves_nothing_that_the_next_start_does_not_find() {
        for steps in 0.. {
            let (_folder, project) = owner();
            trial::begin(Some((steps, InjectedFault::Ends)));
            let outcome = concluded(&project, Ok(End::Void(Reason::CalledOff)));
            let Some(happened) = trial::end() else {
                assert!(steps > 8, "{steps}");
                break;
            };
            assert!(outcome.is_err() && happened == InjectedFault::Ends);
            erase::ended(&project, Retention::default()).unwrap();
            assert_eq!(is_over(&project, 3).unwrap(), is_erased(&project), "{steps}");
        }
    }
}
