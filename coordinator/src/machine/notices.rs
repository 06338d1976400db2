//! What is published, and for whom.

use alloy::primitives::Address;
use zktrain_network::messages::{Notice, Passed, Sharing};
use zktrain_network::secagg::coordinator as secagg;

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

impl Machine {
    /// A notice for a member; none if so many were not published yet, or it is no member.
    ///
    /// Each member has a numbering of its own, without gaps: it is told what it is asked to answer,
    /// and how the round ended. A number once given stays what it is.
    pub fn notice(&self, to: Address, number: u32) -> Option<Notice> {
        self.plan.body.member(to)?;
        let topic = *self.topics(to).get(number as usize)?;
        Some(match topic {
            Topic::Plan => Notice::Plan(self.plan.clone()),
            Topic::Roster => Notice::Roster(self.roster.as_ref()?.signed().to_vec()),
            Topic::Shares => Notice::Shares(self.passed(to)?.to_vec()),
            Topic::Counted => Notice::Counted(self.counted().to_vec()),
            Topic::Confirmed => Notice::Confirmed(self.confirms.values().cloned().collect()),
            Topic::Test => Notice::Test(self.test.clone()?),
            Topic::Dispute => {
                let others = self.disputes.get(&to)?.iter();
                let defences = others.filter_map(|other| self.defences.get(other)).cloned();
                Notice::Dispute(defences.collect())
            }
            Topic::End => Notice::End(self.end.clone()?),
        })
    }

    /// What was published for a member so far.
    fn topics(&self, to: Address) -> Vec<Topic> {
        let among = |set: &Vec<Address>| set.binary_search(&to).is_ok();
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

    fn passed(&self, to: Address) -> Option<&[Passed]> {
        let slot = self.passed.get(&to)?;
        // Sharings were checked to have an envelope for each of the roster.
        let trees = || secagg::trees(&self.sharings);
        let pass = || secagg::pass(&self.sharings, self.trees.get_or_init(trees), to);
        Some(slot.get_or_init(|| pass().unwrap_or_default()))
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
