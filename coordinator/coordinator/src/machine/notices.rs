//! What is published, and for whom.

use std::sync::{Arc, OnceLock};

use alloy::primitives::Address;
use zktrain_secagg::group::Roster;
use zktrain_secagg::merkle::ShareTree;
use zktrain_secagg::messages::{Confirm, Defence, Sharing, Signed, Test};
use zktrain_secagg::plan::Plan;
use zktrain_secagg::{SecaggError, coordinator as secagg};
use zktrain_wire::messages::{End, Notice};

use super::Machine;

/// What a notice is about, before it is made.
#[derive(Clone, Copy)]
enum Topic {
    Plan,
    Roster,
    Shares,
    Counted,
    Confirmed,
    Test,
    Dispute,
    End,
}

/// What a notice is made from. It shares the round's lists, so that taking it is quick and making
/// the notice keeps nobody from the round.
#[must_use]
pub struct NoticeDraft(What);

enum What {
    Plan(Arc<Signed<Plan>>),
    Roster(Arc<Roster>),
    Shares { sharings: Arc<Vec<Sharing>>, trees: Arc<OnceLock<Vec<ShareTree>>>, to: Address },
    Counted(Arc<Vec<Address>>),
    Confirmed(Vec<Signed<Confirm>>),
    Test(Arc<Test>),
    Dispute(Vec<Signed<Defence>>),
    End(End),
}

impl core::fmt::Debug for NoticeDraft {
    /// Shares are secrets.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("NoticeDraft")
    }
}

impl NoticeDraft {
    /// The notice.
    ///
    /// # Errors
    /// If a sharing has no envelope for the member. Each was checked to have one for all of the roster:
    /// a member that were told of no shares at all instead would take that for what was shared.
    pub fn make(self) -> Result<Notice, SecaggError> {
        Ok(match self.0 {
            What::Plan(plan) => Notice::Plan(Arc::unwrap_or_clone(plan)),
            What::Roster(roster) => Notice::Roster(roster.signed().to_vec()),
            What::Shares { sharings, trees, to } => {
                let trees = trees.get_or_init(|| secagg::trees(&sharings));
                Notice::Shares(secagg::pass(&sharings, trees, to)?)
            }
            What::Counted(counted) => Notice::Counted(Arc::unwrap_or_clone(counted)),
            What::Confirmed(confirms) => Notice::Confirmed(confirms),
            What::Test(test) => Notice::Test(Arc::unwrap_or_clone(test)),
            What::Dispute(defences) => Notice::Dispute(defences),
            What::End(end) => Notice::End(end),
        })
    }
}

impl Machine {
    /// A notice for a member; none if so many were not published yet, or it is no member.
    ///
    /// Each member has a numbering of its own, without gaps: it is told what it is asked to answer,
    /// and how the round ended. A number once given stays what it is.
    pub fn notice(&self, to: Address, number: u32) -> Option<Notice> {
        self.draft(to, number)?.make().ok()
    }

    /// What such a notice is made from.
    pub fn draft(&self, to: Address, number: u32) -> Option<NoticeDraft> {
        self.plan.body.member(to)?;
        let topic = *self.topics(to).get(number as usize)?;
        Some(NoticeDraft(match topic {
            Topic::Plan => What::Plan(self.plan.clone()),
            Topic::Roster => What::Roster(self.roster.clone()?),
            Topic::Shares => {
                let (sharings, trees) = (self.sharings.clone(), self.trees.clone());
                What::Shares { sharings, trees, to }
            }
            Topic::Counted => What::Counted(self.counted.clone()?),
            Topic::Confirmed => What::Confirmed(self.confirms.values().cloned().collect()),
            Topic::Test => What::Test(self.test.clone()?),
            Topic::Dispute => {
                let others = self.disputes.get(&to)?.iter();
                let defences = others.filter_map(|other| self.defences.get(other)).cloned();
                What::Dispute(defences.collect())
            }
            Topic::End => What::End(self.end.clone()?),
        }))
    }

    /// What was published for a member so far.
    fn topics(&self, to: Address) -> Vec<Topic> {
        let among = |set: &Arc<Vec<Address>>| set.binary_search(&to).is_ok();
        let has_shared = self.sharers().binary_search(&to).is_ok();
        let is_counted = self.counted.as_ref().is_some_and(among);
        let topics = [
            (Topic::Plan, true),
            (Topic::Roster, self.roster.is_some()),
            (Topic::Shares, has_shared),
            // To those as well that have shared and are not counted: so they learn it.
            (Topic::Counted, has_shared && self.counted.is_some()),
            (Topic::Confirmed, is_counted && self.confirmed),
            (Topic::Test, is_counted && self.test.is_some()),
            (Topic::Dispute, self.disputes.contains_key(&to)),
            (Topic::End, self.end.is_some()),
        ];
        topics.into_iter().filter_map(|(topic, published)| published.then_some(topic)).collect()
    }

    /// What a member has shared.
    pub(super) fn sharing(&self, account: Address) -> Option<&Sharing> {
        let fixed = || {
            let at = self.sharers().binary_search(&account).ok()?;
            self.sharings.get(at)
        };
        self.dealt.get(&account).or_else(fixed)
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    #[test]
    fn shares_that_cannot_be_told_are_not_told_as_none() {
        let trees = Arc::new(OnceLock::from(vec![ShareTree::new(vec![B256::ZERO])]));
        let sharings = Arc::default();
        let draft = NoticeDraft(What::Shares { sharings, trees, to: Address::ZERO });
        assert!(matches!(draft.make(), Err(SecaggError::Count { .. })));
    }
}
