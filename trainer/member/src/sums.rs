//! In which sums an owner's updates may already be.
//!
//! An update is a function of the parent model and the window that it is computed on. If it were in
//! two sums over different sets, their difference would be a sum over few: with everybody but one on
//! the same windows, that one's update. So an owner masks the update for a parent and a window in
//! one round only, whatever became of that round: that it failed is only the coordinator's word.
//!
//! One exception keeps domains alive whose members have few windows: a round that asks exactly the
//! same of exactly the same members, after one in which a threshold of them has confirmed one
//! counted set, may be taken part in, for this set and no other. Both rounds' sums are then the same.
//!
//! What is noted is written before a masked vector leaves. The notes are the project's, which may be
//! restored from a backup: so the record of what was signed has a mark of each update that was masked, and
//! one of a round that the notes do not know is masked no more.

use std::path::PathBuf;

use alloy::primitives::{Address, B256, Keccak256, keccak256};
use serde::{Deserialize, Serialize};
use zktrain_model::schedule::round_window;
use zktrain_project::files::{self, Access};
use zktrain_project::project::{Project, settings, write_json};
use zktrain_secagg::plan::Plan;

use super::signed::SignedLog;
use crate::Error;

/// Why an owner does not take part, or does not confirm a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RepeatError {
    /// The same update may be in the sum of an earlier round.
    #[error(
        "round {round} asks for the update of round {earlier} again (same model, window {window}) \
         and is another round: two sums with it would tell it apart; this owner waits for another \
         model or window"
    )]
    Update { round: u64, earlier: u64, window: u64 },
    /// Another set than that of an earlier round with the same update.
    #[error("round {round}: the counted are others than in an earlier round with the same update")]
    Counted { round: u64 },
    /// The owner has no window.
    #[error("round {round}: no window can be drawn")]
    NoWindow { round: u64 },
}

/// An update that was masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    round: u64,
    window: u64,
    /// Digest of all that the round asked of its members.
    form: B256,
    /// Digest of the only set that can have been summed, once that is known.
    counted: Option<B256>,
}

/// The owner's updates of one parent model.
pub struct Sums {
    path: PathBuf,
    noted: Vec<Noted>,
    /// What the round under way asks for.
    round: u64,
    window: u64,
    form: B256,
    /// What stands for the update in the record of what was signed.
    mark: B256,
    /// The only set that may be confirmed in it, if only one may.
    only: Option<B256>,
}

/// Digest of a counted set.
fn digest(accounts: &[Address]) -> B256 {
    let mut hasher = Keccak256::new();
    accounts.iter().for_each(|account| hasher.update(account));
    hasher.finalize()
}

/// Digest of what a round asks of whom: its parent, and each member's data, window and weight. Two
/// rounds with the same have the same sums over the same sets. The threshold is in it, as it decides
/// how many confirmations bind how many members.
fn form(plan: &Plan) -> Option<B256> {
    let mut hasher = Keccak256::new();
    hasher.update(plan.parent);
    hasher.update(plan.threshold.to_be_bytes());
    for member in &plan.members {
        let window = round_window(plan.nonce.0, member.account.into_array(), member.windows)?;
        hasher.update(member.account);
        hasher.update(member.dataset);
        hasher.update(member.windows.to_be_bytes());
        hasher.update(window.to_be_bytes());
        hasher.update(member.weight.to_be_bytes());
    }
    Some(hasher.finalize())
}

impl Sums {
    /// Whether an owner may take part in a round: its update is fresh, or the round repeats another
    /// one exactly.
    ///
    /// # Errors
    /// [`RepeatError`] if it may not; if what was noted cannot be read.
    pub fn admit(project: &Project, plan: &Plan, account: Address) -> Result<Self, Error> {
        let round = plan.round;
        let none = || RepeatError::NoWindow { round };
        let member = plan.member(account).ok_or_else(none)?;
        let window = round_window(plan.nonce.0, account.into_array(), member.windows);
        let window = window.ok_or_else(none)?;
        let form = form(plan).ok_or_else(none)?;
        let path = project.sums_path(plan.parent);
        let noted: Vec<Noted> = match files::read_if_there(&path)? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|e| settings(&path, e))?,
            None => Vec::new(),
        };
        let mut only = None;
        for earlier in noted.iter().filter(|n| n.window == window && n.round != round) {
            let repeats = earlier.form == form && earlier.counted.is_some();
            // Of the same form there is one set only: the first bound all later ones to it.
            if !repeats || only.is_some_and(|set| Some(set) != earlier.counted) {
                return Err(RepeatError::Update { round, earlier: earlier.round, window }.into());
            }
            only = earlier.counted;
        }
        let mark = [&b"zktrain/update"[..], plan.parent.as_slice(), &window.to_be_bytes()];
        let mark = keccak256(mark.concat());
        Ok(Self { path, noted, round, window, form, mark, only })
    }

    /// What stands for the update in the record of what was signed: written there before it is masked.
    pub const fn mark(&self) -> B256 {
        self.mark
    }

    /// Requires that these notes know of all rounds in which the update was masked, as far as the record
    /// goes back. Otherwise they are older than that, and so is what they say of sets.
    ///
    /// # Errors
    /// [`RepeatError::Update`].
    pub fn agree(&self, signed: &SignedLog) -> Result<(), RepeatError> {
        let Self { round, window, .. } = *self;
        let is_noted = |of: u64| self.noted.iter().any(|n| n.round == of && n.window == window);
        let masked = signed.masked(self.mark).into_iter();
        match masked.filter(|of| *of != round).find(|of| !is_noted(*of)) {
            Some(earlier) => Err(RepeatError::Update { round, earlier, window }),
            None => Ok(()),
        }
    }

    /// Notes that the update of the round under way is masked; to be called before it leaves.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn mask(&mut self) -> Result<(), Error> {
        if self.noted.iter().any(|noted| noted.round == self.round) {
            return Ok(());
        }
        let Self { round, window, form, only: counted, .. } = *self;
        self.noted.push(Noted { round, window, form, counted });
        self.write()
    }

    /// Whether a counted set may be confirmed.
    ///
    /// # Errors
    /// [`RepeatError::Counted`].
    pub fn confirm(&self, counted: &[Address]) -> Result<(), RepeatError> {
        let other = self.only.is_some_and(|set| set != digest(counted));
        if other { Err(RepeatError::Counted { round: self.round }) } else { Ok(()) }
    }

    /// Notes that a threshold of members has confirmed this set, which this one has, too: no other
    /// one is ever summed in this round.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn confirmed(&mut self, counted: &[Address]) -> Result<(), Error> {
        let (round, counted) = (self.round, Some(digest(counted)));
        match self.noted.iter_mut().find(|noted| noted.round == round) {
            Some(noted) if noted.counted != counted => noted.counted = counted,
            _ => return Ok(()),
        }
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        if let Some(folder) = self.path.parent() {
            files::create_folder(folder, Access::Public)?;
        }
        Ok(write_json(&self.path, &self.noted)?)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use zktrain_project::Error as ProjectError;
    use zktrain_secagg::plan::{PlanMember, Timing, VERSION};

    use super::*;

    const OWN: Address = Address::repeat_byte(2);

    fn plan(round: u64) -> Plan {
        let member = |n: u8, weight| PlanMember {
            account: Address::repeat_byte(n),
            dataset: B256::repeat_byte(n),
            windows: 5,
            weight,
        };
        let timing = Timing::even(1);
        Plan {
            version: VERSION,
            chain_id: 1,
            rounds: Address::ZERO,
            domain: 1,
            round,
            coordinator: Address::ZERO,
            spec: B256::ZERO,
            parent: B256::repeat_byte(7),
            nonce: B256::repeat_byte(1),
            system: 0,
            optimistic: true,
            threshold: 3,
            least: 2,
            members: [1, 2, 3, 4].map(|n| member(n, 1 << 14)).to_vec(),
            timing,
        }
    }

    fn accounts(numbers: &[u8]) -> Vec<Address> {
        numbers.iter().map(|n| Address::repeat_byte(*n)).collect()
    }

    struct Owner(TempDir);

    impl Owner {
        fn new() -> Self {
            Self(TempDir::new().unwrap())
        }

        fn admit(&self, plan: &Plan) -> Result<Sums, RepeatError> {
            match Sums::admit(&Project::new(self.0.path()), plan, OWN) {
                Ok(sums) => Ok(sums),
                Err(Error::Repeat(error)) => Err(error),
                Err(other) => panic!("{other}"),
            }
        }

        /// Takes part in a round up to a phase: 1 uploads, 2 is shown a threshold of confirmations.
        fn takes_part(&self, plan: &Plan, counted: &[u8], phases: u8) -> Result<(), RepeatError> {
            let mut sums = self.admit(plan)?;
            sums.mask().unwrap();
            if phases > 1 {
                sums.confirm(&accounts(counted))?;
                sums.confirmed(&accounts(counted)).unwrap();
            }
            Ok(())
        }

        fn refuses(&self, plan: &Plan, earlier: u64) {
            let refused = self.admit(plan).err();
            let is = |e: &RepeatError| matches!(e, RepeatError::Update { earlier: of, .. } if *of == earlier);
            assert!(refused.as_ref().is_some_and(is), "{refused:?}");
        }
    }

    fn window(plan: &Plan, account: Address) -> u64 {
        round_window(plan.nonce.0, account.into_array(), 5).unwrap()
    }

    /// A round like another one, in which these members' windows are the same or others.
    fn redrawn(plan: &Plan, same: &[u8], other: &[u8]) -> Plan {
        let fits = |candidate: &Plan| {
            let is = |n: &u8| {
                let account = Address::repeat_byte(*n);
                window(candidate, account) == window(plan, account)
            };
            same.iter().all(is) && !other.iter().any(is)
        };
        let nonces = (0u64..).map(|n| B256::from(alloy::primitives::U256::from(n)));
        let plans = nonces.map(|nonce| Plan { nonce, round: plan.round + 1, ..plan.clone() });
        plans.into_iter().find(fits).unwrap()
    }

    /// The red team's pair: everybody on the same windows, and one counted or left out.
    #[test]
    fn two_rounds_with_one_parent_never_sum_an_update_over_two_sets() {
        let (first, owner) = (plan(1), Owner::new());
        owner.takes_part(&first, &[1, 2, 3, 4], 2).unwrap();
        let again = Plan { round: 2, ..first.clone() };
        // The same of the same members: for the same set alone, as often as it may be.
        let sums = owner.admit(&again).unwrap();
        for other in [&[1, 2, 3][..], &[2, 3, 4], &[1, 2, 4]] {
            let refused = sums.confirm(&accounts(other));
            assert_eq!(refused, Err(RepeatError::Counted { round: 2 }));
        }
        owner.takes_part(&again, &[1, 2, 3, 4], 1).unwrap();
        let third = Plan { round: 3, ..first.clone() };
        assert!(owner.admit(&third).unwrap().confirm(&accounts(&[1, 2, 3])).is_err());
        owner.takes_part(&third, &[1, 2, 3, 4], 2).unwrap();
        // Without one of them, however that is done.
        let mut fewer = again.clone();
        fewer.members.pop();
        owner.refuses(&fewer, 1);
    }

    #[test]
    fn a_round_that_differs_in_anything_is_another_one() {
        let (first, owner) = (plan(1), Owner::new());
        owner.takes_part(&first, &[1, 2, 3], 2).unwrap();
        let changes: [fn(&mut Plan); 6] = [
            |p| p.members[0].weight += 1,
            |p| p.members[2].dataset = B256::ZERO,
            |p| p.members[3].windows += 1,
            |p| p.members[3].account = Address::repeat_byte(5),
            |p| p.threshold += 1,
            |p| {
                p.members.remove(0);
            },
        ];
        for change in changes {
            let mut other = Plan { round: 2, ..first.clone() };
            change(&mut other);
            owner.refuses(&other, 1);
        }
        // Another's window: its update is another one, this owner's is not.
        owner.refuses(&redrawn(&first, &[1, 2, 4], &[3]), 1);
        // With another window of its own, or another parent, the update is fresh.
        owner.takes_part(&redrawn(&first, &[1, 3, 4], &[2]), &[2, 3, 4], 2).unwrap();
        let moved = Plan { round: 2, parent: B256::repeat_byte(8), ..first };
        owner.takes_part(&moved, &[1, 2], 2).unwrap();
    }

    /// That a round failed is the coordinator's word: the vector may be in a sum.
    #[test]
    fn what_was_masked_is_not_masked_again_unless_the_set_is_known() {
        let (first, owner) = (plan(1), Owner::new());
        // It left before its vector did: nothing is known of its update.
        owner.admit(&first).unwrap();
        owner.takes_part(&Plan { round: 2, ..first.clone() }, &[], 1).unwrap();
        owner.refuses(&Plan { round: 3, ..first.clone() }, 2);
        // Within the round that masked it, a restart goes on.
        owner.takes_part(&Plan { round: 2, ..first.clone() }, &[1, 2, 3], 2).unwrap();
        owner.takes_part(&Plan { round: 3, ..first }, &[1, 2, 3], 2).unwrap();
    }

    #[test]
    fn what_was_noted_and_is_damaged_is_no_reason_to_forget() {
        let (first, owner) = (plan(1), Owner::new());
        owner.takes_part(&first, &[1, 2, 3], 1).unwrap();
        let project = Project::new(owner.0.path());
        let path = project.sums_path(first.parent);
        for damaged in [&b""[..], b"{}", b"[{\"round\":1}]"] {
            std::fs::write(&path, damaged).unwrap();
            let refused = Sums::admit(&project, &Plan { round: 2, ..plan(2) }, OWN);
            assert!(matches!(refused, Err(Error::Project(ProjectError::Settings { .. }))));
        }
        // Nor what cannot be looked at.
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_dir(path.parent().unwrap()).unwrap();
        std::fs::write(path.parent().unwrap(), "a file").unwrap();
        let refused = Sums::admit(&project, &Plan { round: 2, ..plan(2) }, OWN);
        assert!(matches!(refused, Err(Error::Project(ProjectError::File { .. }))));
    }

    #[test]
    fn who_has_no_window_or_is_no_member_takes_no_part() {
        let owner = Owner::new();
        let mut none = plan(1);
        none.members[1].windows = 0;
        assert!(matches!(owner.admit(&none), Err(RepeatError::NoWindow { round: 1 })));
        let mut stranger = plan(1);
        stranger.members.remove(1);
        assert!(matches!(owner.admit(&stranger), Err(RepeatError::NoWindow { round: 1 })));
    }
}
