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
//! What is noted is written before a masked vector leaves.

use std::path::PathBuf;

use alloy::primitives::{Address, B256, Keccak256};
use serde::{Deserialize, Serialize};
use zktrain_circuits::schedule::round_window;
use zktrain_network::plan::Plan;

use crate::error::Error;
use crate::files::{self, Access};
use crate::project::{Project, settings, write_json};

/// Why an owner does not take part, or does not confirm a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepeatError {
    /// The same update may be in the sum of an earlier round.
    #[error(
        "round {round} asks for the update of round {earlier} again (same model, window {window}) \
         and is another round: two sums with it would tell it apart; this owner waits for another \
         model or window"
    )]
    Update {
        /// The round.
        round: u64,
        /// The earlier one.
        earlier: u64,
        /// The window.
        window: u64,
    },
    /// Another set than that of an earlier round with the same update.
    #[error("round {round}: the counted are others than in an earlier round with the same update")]
    Counted {
        /// The round.
        round: u64,
    },
    /// The owner has no window.
    #[error("round {round}: no window can be drawn")]
    NoWindow {
        /// The round.
        round: u64,
    },
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
        let noted: Vec<Noted> = match path.exists() {
            true => serde_json::from_slice(&files::read(&path)?).map_err(|e| settings(&path, e))?,
            false => Vec::new(),
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
        Ok(Self { path, noted, round, window, form, only })
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
        write_json(&self.path, &self.noted)
    }
}
