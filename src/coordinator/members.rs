//! Members that earlier rounds speak against: who is not asked and why, and how the coordinator has one asked
//! again.
//!
//! What happened stays in `rounds.json`, which a running coordinator writes. Whom the coordinator has pardoned
//! is in a file of its own, `pardons.json`, which commands alone write and a coordinator reads before it
//! opens a round: neither takes anything from the other, so nothing has to be stopped for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use zktrain_coordinator::machine::MisdeedKind;
use zktrain_project::files;
use zktrain_project::project::{settings, write_json};

use super::CoordinatorError;
use super::conduct::{Standing, Weight, left, standing, weight};
use super::history::{RoundRecord, told, told_in};
use crate::error::Error;

/// Why a member is not pardoned.
#[derive(Debug, thiserror::Error)]
pub enum MembersError {
    /// No round knows the account.
    #[error(
        "{account} was in none of the rounds that {} tells of; `zktrain coordinator members` lists who was",
        path.display()
    )]
    Unknown {
        /// The account.
        account: Address,
        /// Where rounds are told of.
        path: PathBuf,
    },
    /// Nothing keeps the coordinator from asking it.
    #[error(
        "{account} is neither barred nor paused: it is asked whenever it is a member of the domain and is \
         there. An account that was slashed is no member any more, and has to stake and join anew"
    )]
    Free {
        /// The account.
        account: Address,
    },
}

/// Up to which round nothing is held against an account.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pardons(BTreeMap<Address, u64>);

impl Pardons {
    fn path(folder: &Path) -> PathBuf {
        folder.join("pardons.json")
    }

    /// Those of a coordinator's folder.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = Self::path(folder);
        let Some(bytes) = files::read_if_there(&path)? else { return Ok(Self::default()) };
        Ok(serde_json::from_slice(&bytes).map_err(|e| settings(&path, e))?)
    }

    /// What was told, without what is no longer held against anybody.
    pub fn apply(&self, mut told: Vec<RoundRecord>) -> Vec<RoundRecord> {
        for round in &mut told {
            let number = round.round;
            round.misdeeds.retain(|misdeed| !self.covers(misdeed.account, number));
        }
        told
    }

    fn covers(&self, account: Address, round: u64) -> bool {
        self.0.get(&account).is_some_and(|through| round <= *through)
    }
}

/// Something that is held against a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// In which round.
    pub round: u64,
    /// What.
    pub what: MisdeedKind,
}

/// A member of earlier rounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its account.
    pub account: Address,
    /// Whether it is asked.
    pub standing: Standing,
    /// For how many rounds from now on it is not; none if it is barred.
    pub rounds_left: Option<usize>,
    /// Why not; also what has been atoned for and makes the next pause longer.
    pub found: Vec<Found>,
    /// The round up to which the coordinator holds nothing against it.
    pub pardoned: Option<u64>,
}

/// All who were in rounds that a coordinator tells of in a folder, by their accounts.
///
/// # Errors
/// If a file is damaged.
pub fn members(folder: &Path) -> Result<Vec<Member>, Error> {
    let pardons = Pardons::read(folder)?;
    let told = pardons.apply(told(folder)?);
    let member = |account| Member {
        account,
        standing: standing(&told, account),
        rounds_left: left(&told, account),
        found: found(&told, account),
        pardoned: pardons.0.get(&account).copied(),
    };
    Ok(known(&told).into_iter().map(member).collect())
}

/// Every member of a round is counted or missing.
fn known(told: &[RoundRecord]) -> BTreeSet<Address> {
    told.iter().flat_map(|round| round.counted.iter().chain(&round.missing)).copied().collect()
}

fn found(told: &[RoundRecord], account: Address) -> Vec<Found> {
    let of_round = |round: &RoundRecord| {
        let counts = round.misdeeds.iter().filter(|misdeed| {
            misdeed.account == account && weight(round, &misdeed.kind) != Weight::Nothing
        });
        let found = |kind: &MisdeedKind| Found { round: round.round, what: kind.clone() };
        counts.map(|misdeed| found(&misdeed.kind)).collect::<Vec<_>>()
    };
    told.iter().flat_map(of_round).collect()
}

/// A member that is asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pardon {
    /// Its account.
    pub account: Address,
    /// What it was.
    pub was: Standing,
    /// The round up to which nothing is held against it.
    pub through: u64,
}

/// Has a member asked again: nothing counts any more that was found of it until now. On the disk when this
/// returns.
///
/// # Errors
/// If it is not known or is asked already, another command is at it, or a file is damaged or cannot be
/// written.
pub fn pardon(folder: &Path, account: Address) -> Result<Pardon, Error> {
    let _lock = files::lock(&folder.join("pardons.lock"))?;
    let mut pardons = Pardons::read(folder)?;
    let told = pardons.apply(told(folder)?);
    let last = told.last().map(|round| round.round).filter(|_| known(&told).contains(&account));
    let Some(through) = last else {
        let path = told_in(folder);
        return Err(CoordinatorError::from(MembersError::Unknown { account, path }).into());
    };
    let was = standing(&told, account);
    if was == Standing::Free {
        return Err(CoordinatorError::from(MembersError::Free { account }).into());
    }
    pardons.0.insert(account, through);
    write_json(&Pardons::path(folder), &pardons)?;
    Ok(Pardon { account, was, through })
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;
    use zktrain_chain::protocol::Candidate;
    use zktrain_coordinator::machine::Misdeed;
    use zktrain_wire::messages::Phase;

    use super::super::conduct::eligible;
    use super::*;
    use crate::error::ProjectError;

    const CHEAT: Address = Address::repeat_byte(1);
    const SILENT: Address = Address::repeat_byte(2);
    const OTHER: Address = Address::repeat_byte(3);

    fn round(round: u64, misdeeds: &[(Address, MisdeedKind)]) -> RoundRecord {
        let misdeed = |(account, kind): &(Address, MisdeedKind)| Misdeed {
            account: *account,
            kind: kind.clone(),
        };
        RoundRecord {
            missing: vec![CHEAT, SILENT, OTHER],
            misdeeds: misdeeds.iter().map(misdeed).collect(),
            ..RoundRecord::empty(round)
        }
    }

    const ABSENT: MisdeedKind = MisdeedKind::Absent { phase: Phase::Uploads };

    /// A folder whose coordinator has told of these rounds.
    fn folder(rounds: &[RoundRecord]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write_json(&told_in(folder.path()), &rounds).unwrap();
        folder
    }

    /// A cheat, one that was silent, and one of whom nothing was found.
    fn of_all() -> tempfile::TempDir {
        folder(&[
            round(7, &[(CHEAT, MisdeedKind::Blamed)]),
            round(8, &[(SILENT, ABSENT), (OTHER, ABSENT)]),
            round(9, &[]),
            round(10, &[(SILENT, ABSENT)]),
        ])
    }

    /// Whom the coordinator asks, of all three.
    fn asked(folder: &Path) -> Vec<Address> {
        let candidate = |account| Candidate { account, dataset: B256::ZERO, windows: 1, score: 9 };
        let all = [CHEAT, SILENT, OTHER].map(candidate);
        let held = Pardons::read(folder).unwrap().apply(told(folder).unwrap());
        eligible(&held, &all, 1).into_iter().map(|candidate| candidate.account).collect()
    }

    #[test]
    fn members_are_told_with_what_keeps_them_out() {
        let folder = of_all();
        let all = members(folder.path()).unwrap();
        let state = |member: &Member| (member.account, member.standing, member.rounds_left);
        let states: Vec<_> = all.iter().map(state).collect();
        let expected = [
            (CHEAT, Standing::Barred, None),
            (SILENT, Standing::Paused, Some(4)),
            (OTHER, Standing::Free, Some(0)),
        ];
        assert_eq!(states, expected);
        assert_eq!(all[0].found, [Found { round: 7, what: MisdeedKind::Blamed }]);
        let rounds = |member: &Member| member.found.iter().map(|f| f.round).collect::<Vec<_>>();
        assert_eq!((rounds(&all[1]), rounds(&all[2])), (vec![8, 10], vec![8]));
        let empty = tempfile::tempdir().unwrap();
        assert!(members(empty.path()).unwrap().is_empty(), "before the first round");
    }

    #[test]
    fn who_is_pardoned_is_asked_again_and_what_happened_stays_told() {
        let folder = of_all();
        let told = std::fs::read(told_in(folder.path())).unwrap();
        assert_eq!(asked(folder.path()), [OTHER]);
        let done = pardon(folder.path(), CHEAT).unwrap();
        assert_eq!(done, Pardon { account: CHEAT, was: Standing::Barred, through: 10 });
        assert_eq!(asked(folder.path()), [CHEAT, OTHER]);
        assert_eq!(pardon(folder.path(), SILENT).unwrap().was, Standing::Paused);
        assert_eq!(asked(folder.path()), [CHEAT, SILENT, OTHER], "both, not the last one alone");
        assert_eq!(members(folder.path()).unwrap()[0].pardoned, Some(10));
        assert_eq!(std::fs::read(told_in(folder.path())).unwrap(), told);
    }

    #[test]
    fn what_is_found_after_a_pardon_counts_and_from_nothing() {
        let folder = of_all();
        pardon(folder.path(), SILENT).unwrap();
        pardon(folder.path(), CHEAT).unwrap();
        let mut rounds = told(folder.path()).unwrap();
        rounds.push(round(11, &[(SILENT, ABSENT), (CHEAT, MisdeedKind::Dealer)]));
        write_json(&told_in(folder.path()), &rounds).unwrap();
        let all = members(folder.path()).unwrap();
        assert_eq!((all[0].standing, all[0].rounds_left), (Standing::Barred, None));
        assert_eq!(all[1].rounds_left, Some(2), "as the first time");
        assert_eq!(pardon(folder.path(), CHEAT).unwrap().through, 11);
    }

    #[test]
    fn only_who_is_known_and_not_asked_is_pardoned() {
        let folder = of_all();
        let refused = |account| pardon(folder.path(), account).unwrap_err().to_string();
        let stranger = Address::repeat_byte(9);
        assert!(refused(stranger).contains("was in none of the rounds"), "{}", refused(stranger));
        assert!(refused(OTHER).contains("neither barred nor paused"), "{}", refused(OTHER));
        let held = files::lock(&folder.path().join("pardons.lock")).unwrap();
        assert!(matches!(
            pardon(folder.path(), CHEAT),
            Err(Error::Project(ProjectError::Busy { .. }))
        ));
        drop(held);
        assert!(!Pardons::path(folder.path()).exists(), "nothing was written");
        std::fs::write(Pardons::path(folder.path()), "{").unwrap();
        assert!(refused(CHEAT).contains("pardons.json"), "{}", refused(CHEAT));
        assert!(members(folder.path()).is_err());
    }
}
