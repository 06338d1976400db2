//! What stays of rounds that are over.
//!
//! A round's secrets are the seed of its masks and the blindings of its update: with either, and a
//! recorded masked vector or the commitments, somebody could learn the update later. An owner that
//! has taken a round's end answers nothing in it any more, so that no defence or dispute needs
//! them; neither does what follows on the chain, which rests on the signed submission alone. They
//! are erased then, and a journal that says that the round was taken part in stays.
//!
//! An owner that was told no end, as it was stopped in the round or its coordinator keeps silent, learns
//! from the chain that a round is over.

use zktrain_project::Error as ProjectError;
use zktrain_project::files;
use zktrain_project::project::Project;

use std::path::Path;

use super::journal;
use super::ports::Watch;
use crate::Error;

/// How long secrets of rounds stay that are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Those of so many rounds, the last ones that ended.
    pub rounds: usize,
}

/// Erases what is kept of rounds that have ended, but for the last ones. What a crash has left is
/// found again.
///
/// # Errors
/// If a file cannot be read or written.
pub fn ended(project: &Project, retention: Retention) -> Result<(), Error> {
    let rounds = rounds(&project.rounds_path(), "", ".end.json")?;
    let erased = rounds.len().saturating_sub(retention.rounds);
    rounds.iter().take(erased).try_for_each(|round| round_over(project, *round))
}

/// Erases what is kept of a round that is over for this owner, whatever the others do in it.
///
/// # Errors
/// If a file cannot be read or written.
pub fn round_over(project: &Project, round: u64) -> Result<(), Error> {
    journal::close(&project.round_journal_path(round))?;
    Ok(files::erase(&project.round_state_path(round))?)
}

/// Rounds of which something secret is kept, and no end is written down.
///
/// # Errors
/// If a file cannot be read.
pub fn untold(project: &Project) -> Result<Vec<u64>, Error> {
    let mut untold = Vec::new();
    for round in rounds(&project.secret_path(), "round-", ".journal")? {
        let is_told = files::is_there(&project.round_end_path(round))?;
        let closed = journal::is_closed(&project.round_journal_path(round))?;
        if !is_told && (!closed || files::is_there(&project.round_state_path(round))?) {
            untold.push(round);
        }
    }
    Ok(untold)
}

/// Erases what is kept of those of these rounds that are over, as the chain says or the owner has found
/// before, and takes them off the list. What the chain does not tell stays.
///
/// # Errors
/// If a file cannot be read or written.
pub async fn over(
    project: &Project,
    watch: &impl Watch,
    untold: &mut Vec<u64>,
) -> Result<(), Error> {
    for round in std::mem::take(untold) {
        // Between two files of a round that was passed over somebody may have stopped the program.
        let over = match journal::is_closed(&project.round_journal_path(round))? {
            true => Ok(true),
            false => watch.is_over(round).await,
        };
        match over {
            Ok(true) => {
                round_over(project, round)?;
                tracing::info!(round, "the round is over; its secrets are erased");
            }
            Ok(false) => untold.push(round),
            Err(error) => {
                tracing::debug!(round, %error, "the chain does not tell of a round");
                untold.push(round);
            }
        }
    }
    Ok(())
}

/// Numbers of rounds in the names of a folder's files, in ascending order.
fn rounds(folder: &Path, before: &str, after: &str) -> Result<Vec<u64>, Error> {
    let file = |source| Error::Project(ProjectError::File { path: folder.to_owned(), source });
    if !files::is_there(folder)? {
        return Ok(Vec::new());
    }
    let mut rounds = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(file)? {
        let name = entry.map_err(file)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(before)?.strip_suffix(after));
        rounds.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    rounds.sort_unstable();
    Ok(rounds)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;
    use crate::journal::Journal;
    use zktrain_project::files::Access;

    const PLAN: B256 = B256::repeat_byte(1);

    /// A project with these rounds begun, and some of them ended.
    fn project(begun: &[u64], over: &[u64]) -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::new(folder.path());
        files::create_folder(&project.rounds_path(), Access::Public).unwrap();
        files::create_folder(&folder.path().join("secret"), Access::Owner).unwrap();
        for round in begun {
            Journal::open(&project.round_journal_path(*round), *round, PLAN).unwrap();
            std::fs::write(project.round_state_path(*round), "blindings").unwrap();
        }
        for round in over {
            std::fs::write(project.round_end_path(*round), "{}").unwrap();
        }
        (folder, project)
    }

    /// Of which rounds something secret is kept.
    fn kept(project: &Project, rounds: &[u64]) -> Vec<u64> {
        let is_kept = |round: &&u64| {
            let journal = Journal::open(&project.round_journal_path(**round), **round, PLAN);
            let blindings = project.round_state_path(**round).exists();
            assert_eq!(journal.is_ok(), blindings, "{round}");
            blindings
        };
        rounds.iter().filter(is_kept).copied().collect()
    }

    #[test]
    fn secrets_of_ended_rounds_go_but_for_the_last() {
        let begun = [3, 9, 10, 11, 200];
        for (rounds, left) in [(0, vec![11, 200]), (1, vec![10, 11, 200]), (9, begun.to_vec())] {
            let (_folder, project) = project(&begun, &[3, 9, 10]);
            ended(&project, Retention { rounds }).unwrap();
            ended(&project, Retention { rounds }).unwrap();
            assert_eq!(kept(&project, &begun), left, "{rounds}");
        }
    }

    #[test]
    fn what_a_crash_left_between_two_files_is_erased_later() {
        let (_folder, project) = project(&[3], &[3]);
        journal::close(&project.round_journal_path(3)).unwrap();
        ended(&project, Retention::default()).unwrap();
        assert_eq!(kept(&project, &[3]), Vec::<u64>::new());
    }

    /// A chain that knows these rounds: whether they are over.
    struct Chain(&'static [(u64, bool)]);

    impl Watch for Chain {
        async fn is_over(&self, round: u64) -> Result<bool, Error> {
            let known = self.0.iter().find(|(number, _)| *number == round);
            known.map(|(_, over)| *over).ok_or(Error::WorkerStopped)
        }

        async fn stands(&self, _plan: &zktrain_secagg::plan::Plan) -> Result<(), Error> {
            Ok(())
        }
    }

    /// Killed within rounds, or told of no end: nothing but the chain tells that they are over.
    #[tokio::test]
    async fn secrets_of_rounds_that_the_chain_has_ended_go_without_any_word_of_the_coordinator() {
        let begun = [3, 9, 10, 11, 200];
        let (_folder, project) = project(&begun, &[3]);
        let mut left = untold(&project).unwrap();
        assert_eq!(left, [9, 10, 11, 200], "what was told goes otherwise");
        over(&project, &Chain(&[(9, true), (10, false), (11, true)]), &mut left).await.unwrap();
        assert_eq!(left, [10, 200]);
        assert_eq!(kept(&project, &begun), [3, 10, 200]);
        // They are not entered again, and what a chain does not tell stays.
        let closed = |round| journal::is_closed(&project.round_journal_path(round)).unwrap();
        assert_eq!(begun.map(closed), [false, true, false, true, false]);
        over(&project, &Chain(&[(10, true)]), &mut left).await.unwrap();
        assert_eq!((untold(&project).unwrap(), left), (vec![200], vec![200]));
    }

    #[tokio::test]
    async fn what_a_crash_left_of_a_round_that_was_passed_over_is_found() {
        let (_folder, project) = project(&[3], &[]);
        journal::close(&project.round_journal_path(3)).unwrap();
        let mut left = untold(&project).unwrap();
        assert_eq!(left, [3]);
        over(&project, &Chain(&[(3, false)]), &mut left).await.unwrap();
        assert_eq!(kept(&project, &[3]), Vec::<u64>::new());
        assert!(left.is_empty() && untold(&project).unwrap().is_empty());
    }

    #[test]
    fn a_round_without_anything_is_no_trouble() {
        let (_folder, project) = project(&[], &[5]);
        ended(&project, Retention::default()).unwrap();
        round_over(&project, 77).unwrap();
        assert!(!project.round_journal_path(77).exists());
        let nowhere = Project::new(&project.rounds_path().join("nowhere"));
        ended(&nowhere, Retention::default()).unwrap();
        assert!(untold(&nowhere).unwrap().is_empty());
    }
}
