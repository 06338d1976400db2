//! What an event changes in a domain's history, whether or not it should have come.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256};

use super::{
    AuditProgress, Change, ChangeKind, DomainHistory, ModelVersion, ProposedBatch, RoundHistory,
    RoundOutcome, STOPPED, SlashRecord, reason,
};
use crate::Members;
use crate::bindings::registry::DomainRegistry::ModelAdvanced;
use crate::bindings::rounds::Rounds;
use crate::bindings::stakes::StakeManager;
use crate::export::Block;

impl DomainHistory {
    /// A round is opened, with these reputations of its members, as far as they are known.
    pub fn open(&mut self, event: Rounds::RoundOpened, scores: Vec<u32>, block: Block) {
        let optimistic = self.opened.as_ref().is_some_and(|(config, _)| config.optimistic);
        self.rounds.push(RoundHistory {
            id: event.round,
            coordinator: event.coordinator,
            parent: event.parent,
            optimistic,
            budget: event.budget,
            fee: event.settlementFee,
            burn_share: event.burnShare,
            members: Members(event.members),
            scores,
            opened: block,
            deadline: event.deadline,
            nonce: None,
            delivered: BTreeMap::new(),
            proposal: None,
            demands: BTreeMap::new(),
            audit: AuditProgress::default(),
            outcome: RoundOutcome::Open,
            ended: None,
            paid: false,
            payments: Vec::new(),
            burned: U256::ZERO,
        });
    }

    /// A round is paid. One that is void stays void; of the others those with a sum make the next version.
    pub fn settle(&mut self, id: u64, block: Block) -> Option<&mut RoundHistory> {
        let version = self.versions.len() as u64 + 1;
        let round = self.round(id)?;
        round.paid = true;
        if !matches!(round.outcome, RoundOutcome::Void { .. }) {
            let proposal = round.proposal.as_ref();
            let sum = proposal.is_some_and(|proposal| !proposal.aggregate.is_zero());
            round.outcome =
                if sum { RoundOutcome::Settled { version } } else { RoundOutcome::Empty };
            round.ended = Some(block);
        }
        Some(round)
    }

    /// There is a new version of the model.
    pub fn advance(&mut self, event: &ModelAdvanced, block: Block) {
        let number = self.versions.len() as u64 + 1;
        let ModelAdvanced { round, parent, model, .. } = *event;
        self.versions.push(ModelVersion { number, round, parent, model, block });
    }

    /// An account became a member with these data.
    pub fn join(&mut self, event: &Rounds::Joined) {
        let data = (event.dataset, event.windows);
        self.joined.entry(event.account).or_default().insert(data);
        self.change(event.account, ChangeKind::Joined);
    }

    /// A member takes part in no new round.
    pub fn leave(&mut self, event: &Rounds::Leaving) {
        self.change(event.account, ChangeKind::Resigned);
    }

    /// A member has got its bond back.
    pub fn exit(&mut self, event: &Rounds::Exited) {
        self.change(event.account, ChangeKind::Exited);
    }

    fn change(&mut self, account: Address, kind: ChangeKind) {
        let after = self.rounds.len();
        self.changes.push(Change { account, kind, after });
    }

    /// A member is slashed for what it did in one of the domain's rounds; others' rounds change nothing.
    pub fn slash_member(&mut self, event: &Rounds::MemberSlashed) {
        if self.round(event.round).is_some() {
            self.change(event.account, ChangeKind::Slashed);
            self.slash(event.round, event.account, &event.reason, false);
        }
    }

    /// A round makes no version, and its coordinator is slashed, unless its verifier was stopped. Others'
    /// rounds change nothing.
    pub fn void(&mut self, event: &Rounds::Voided, block: Block) {
        let Some(round) = self.round(event.round) else { return };
        round.void(event, block);
        if reason(&event.reason) != STOPPED {
            self.slash(event.round, event.coordinator, &event.reason, true);
        }
    }

    fn slash(&mut self, round: u64, account: Address, why: &B256, coordinator: bool) {
        let (reason, [burned, bounty]) = (reason(why), [U256::ZERO; 2]);
        let taken = false;
        self.slashes.push(SlashRecord {
            round,
            account,
            reason,
            coordinator,
            taken,
            burned,
            bounty,
        });
    }

    /// Stake was taken for what an account was slashed for last in a round.
    pub fn take(&mut self, round: u64, account: Address, event: &StakeManager::Slashed) {
        let about = |slash: &&mut SlashRecord| (slash.round, slash.account) == (round, account);
        if let Some(slash) = self.slashes.iter_mut().rev().find(about) {
            let total = event.own.saturating_add(event.delegated);
            slash.taken = true;
            (slash.burned, slash.bounty) = (total.saturating_sub(event.bounty), event.bounty);
        }
    }
}

impl RoundHistory {
    /// A member has delivered to the contract; whether for the first time.
    pub fn deliver(&mut self, event: &Rounds::Delivered) -> bool {
        self.delivered.insert(event.account, event.update).is_none()
    }

    /// Its coordinator says what everybody has delivered.
    pub fn propose(&mut self, event: Rounds::Proposed, block: Block) {
        let Rounds::Proposed {
            root,
            aggregate,
            model,
            challengeEnd: challenge_end,
            deliveries,
            ..
        } = event;
        let proposal = ProposedBatch { root, aggregate, model, deliveries, block, challenge_end };
        self.proposal = Some(proposal);
    }

    /// It makes no version. What the contract has checked is still to be paid.
    fn void(&mut self, event: &Rounds::Voided, block: Block) {
        self.outcome = RoundOutcome::Void { reason: reason(&event.reason) };
        self.ended = Some(block);
        self.paid = self.delivered.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::rounds::IRounds::{Delivery, Member};

    const MEMBER: Address = Address::repeat_byte(1);
    const HASH: B256 = B256::repeat_byte(7);

    fn block(number: u64) -> Block {
        Block { number, hash: HASH, time: number }
    }

    /// A history with one round under way.
    fn opened() -> DomainHistory {
        let member = Member { account: MEMBER, dataset: HASH, windows: 1, weight: 1 << 16 };
        let opened = Rounds::RoundOpened {
            round: 5,
            domain: 1,
            coordinator: Address::ZERO,
            parent: HASH,
            deadline: 9,
            budget: U256::ZERO,
            settlementFee: 0,
            burnShare: 0,
            members: vec![member],
        };
        let mut history = DomainHistory::default();
        history.open(opened, vec![1], block(1));
        history
    }

    fn proposed(history: &mut DomainHistory, aggregate: B256) {
        let delivery = Delivery { update: HASH, submission: HASH };
        let (round, root, model, deliveries) = (5, HASH, HASH, vec![delivery]);
        let said = Rounds::Proposed { round, root, aggregate, model, challengeEnd: 3, deliveries };
        history.round(5).unwrap().propose(said, block(2));
    }

    #[test]
    fn a_round_with_a_sum_makes_the_next_version_and_one_without_makes_none() {
        for (aggregate, outcome) in
            [(HASH, RoundOutcome::Settled { version: 1 }), (B256::ZERO, RoundOutcome::Empty)]
        {
            let mut history = opened();
            assert!(history.rounds[0].is_open());
            proposed(&mut history, aggregate);
            let round = history.settle(5, block(4)).unwrap();
            assert_eq!((&round.outcome, round.ended, round.paid), (&outcome, Some(block(4)), true));
        }
        assert!(opened().settle(6, block(4)).is_none());
    }

    #[test]
    fn a_void_round_stays_void_and_ends_once_when_it_is_paid() {
        let mut history = opened();
        let round = history.round(5).unwrap();
        let delivered = Rounds::Delivered { round: 5, account: MEMBER, update: HASH };
        assert!(round.deliver(&delivered) && !round.deliver(&delivered));
        let mut reason = B256::ZERO;
        reason[..STOPPED.len()].copy_from_slice(STOPPED.as_bytes());
        round.void(&Rounds::Voided { round: 5, coordinator: Address::ZERO, reason }, block(2));
        assert!(!round.paid && round.has_delivered(MEMBER));
        let round = history.settle(5, block(4)).unwrap();
        assert_eq!(round.outcome, RoundOutcome::Void { reason: STOPPED.to_owned() });
        assert_eq!((round.ended, round.paid), (Some(block(2)), true));
    }

    #[test]
    fn slashes_are_told_once_with_what_they_took_and_in_the_domains_rounds_alone() {
        let mut history = opened();
        let reason = B256::right_padding_from(b"too long");
        let challenger = Address::repeat_byte(3);
        let [account, coordinator] = [MEMBER, Address::ZERO];
        for round in [4, 5] {
            history.slash_member(&Rounds::MemberSlashed { round, account, challenger, reason });
            history.void(&Rounds::Voided { round, coordinator, reason }, block(2));
        }
        let told: Vec<_> = history.slashes.iter().map(|s| (s.account, s.coordinator)).collect();
        assert_eq!(told, [(MEMBER, false), (Address::ZERO, true)]);
        let left = Change { account, kind: ChangeKind::Slashed, after: 1 };
        assert_eq!(history.changes, [left]);
        let [own, delegated, bounty] = [7u64, 5, 2].map(U256::from);
        let taken = StakeManager::Slashed {
            operator: MEMBER,
            challenger,
            reason,
            own,
            delegated,
            bounty,
            since: 1,
        };
        history.take(5, MEMBER, &taken);
        let burned = history.slashes.iter().map(|slash| (slash.burned, slash.bounty));
        let nothing = (U256::ZERO, U256::ZERO);
        assert_eq!(burned.collect::<Vec<_>>(), [(U256::from(10), bounty), nothing]);
        assert_eq!(history.slashes[0].reason, "too long");
    }
}
