//! What a batch says of a round's members, and when nothing can change it any more: a second batch of
//! one round, which says something else, is fraud.
//!
//! The members that have worked are in it. In a round with a sum those are the ones whose updates are summed.
//! Where there is none they are all whose proof was checked, and they are paid, as it was not they who failed;
//! among them are all who may have a receipt, which a batch must not belie. And in any case those that have
//! delivered to the contract.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use alloy::primitives::{Address, B256};
use zktrain_chain::Finality;
use zktrain_chain::protocol::Status;
use zktrain_ledger::MARK;
use zktrain_ledger::bindings::rounds::IRounds::Delivery;
use zktrain_ledger::typed::Submission;
use zktrain_secagg::plan::{Plan, PlanMember};
use zktrain_wire::Scoped;

use super::clock::LOOK;
use super::propose::Counted;
use super::rounds::Gathered;
use super::{Coordinator, CoordinatorError};
use crate::error::Error;

/// What a batch says.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Of each member, in the order of the plan.
    pub deliveries: Vec<Delivery>,
    /// Whether there is a sum of them.
    pub is_summed: bool,
}

impl Contents {
    /// What is known of a round, as a batch. `given` are those whose updates are summed, if `is_summed`
    /// says so, and otherwise those whose work was checked; `delivered` is what the contract has.
    ///
    /// Where the contract checks each proof, a sum is of updates that it has. A member that turned to it
    /// alone is paid, and in no sum: of such a member there is no masked vector.
    pub fn new(
        plan: &Plan,
        given: &[&Submission],
        is_summed: bool,
        delivered: &BTreeMap<Address, B256>,
    ) -> Self {
        let scope = plan.scope();
        let is_summed = is_summed && (plan.optimistic || has_all(given, delivered));
        let of = |account: Address| {
            let update = delivered.get(&account).copied().unwrap_or_default();
            match given.iter().find(|said| said.member == account) {
                // Also if the contract has another proof of this member.
                Some(said) if plan.optimistic => {
                    Delivery { update: said.update, submission: scope.hash(*said) }
                }
                Some(_) if is_summed => Delivery { update, submission: MARK },
                _ => Delivery { update, submission: B256::ZERO },
            }
        };
        let deliveries = plan.members.iter().map(|member| of(member.account)).collect();
        Self { deliveries, is_summed }
    }

    /// Whether it says something of every member: then nothing can be added.
    pub fn is_whole(&self) -> bool {
        self.deliveries.iter().all(|delivery| !delivery.update.is_zero())
    }

    /// Whether it has what receipts promise. In domains that check each proof batches name no
    /// submissions, and no contract takes a receipt.
    ///
    /// # Errors
    /// [`CoordinatorError::Contradiction`].
    pub fn keeps(
        &self,
        plan: &Plan,
        promised: &BTreeMap<Address, B256>,
    ) -> Result<(), CoordinatorError> {
        if !plan.optimistic {
            return Ok(());
        }
        let mut listed = plan.members.iter().zip(&self.deliveries);
        let is_belied = listed.find(|(member, delivery)| {
            promised.get(&member.account).is_some_and(|said| *said != delivery.submission)
        });
        match is_belied {
            Some((PlanMember { account, .. }, _)) => {
                let (round, account) = (plan.round, *account);
                Err(CoordinatorError::Contradiction { round, account })
            }
            None => Ok(()),
        }
    }
}

/// Whether the contract has the updates of all these. Where it checks each proof, a sum of others is none.
fn has_all(given: &[&Submission], delivered: &BTreeMap<Address, B256>) -> bool {
    given.iter().all(|said| delivered.get(&said.member) == Some(&said.update))
}

impl Coordinator {
    /// What the batch of a gathered round says, once nothing can change it any more: it is of every
    /// member, or final blocks are past the deadline, until which others may deliver. None if the round
    /// is not open any more.
    pub(super) async fn contents(
        &self,
        plan: &Plan,
        gathered: &Gathered,
    ) -> Result<Option<Contents>, Error> {
        let mut delivered = BTreeMap::new();
        loop {
            // In this order: what was delivered until then is there when it is read.
            let time = self.client.sender().chain().final_time().await?;
            let round = plan.round;
            // What a signature rests on: with this draw and these members.
            let members = self.client.members(round).await?.root();
            let known = self.client.require_drawn(round, plan.nonce, members).await?;
            if self.client.status(round).await? != Status::Open {
                return Ok(None);
            }
            self.learn(plan, known.checked as usize, &mut delivered).await?;
            let (given, is_summed) = gathered.given();
            let given: Vec<&Submission> = given.iter().map(Counted::submission).collect();
            let contents = Contents::new(plan, &given, is_summed, &delivered);
            if contents.is_whole() || time > known.deadline {
                return Ok(Some(contents));
            }
            self.wait_for(round, known.deadline, time).await?;
        }
    }

    /// Adds what final blocks know of deliveries, of which there are so many.
    async fn learn(
        &self,
        plan: &Plan,
        checked: usize,
        delivered: &mut BTreeMap<Address, B256>,
    ) -> Result<(), Error> {
        for member in &plan.members {
            if delivered.len() >= checked {
                break;
            }
            let account = member.account;
            if delivered.contains_key(&account) {
                continue;
            }
            let update = self.client.delivered_for_good(plan.round, account).await?;
            if !update.is_zero() {
                delivered.insert(account, update);
            }
        }
        Ok(())
    }

    /// Waits a while for a round's deadline, when final blocks are at this time.
    async fn wait_for(&self, round: u64, deadline: u64, time: u64) -> Result<(), Error> {
        let left = deadline.saturating_sub(time);
        if self.options.fast_forward {
            self.client.pass(left + 1).await?;
            return Ok(());
        }
        let until = UNIX_EPOCH.checked_add(Duration::from_secs(deadline)).unwrap_or(UNIX_EPOCH);
        let until = humantime::format_rfc3339_seconds(until);
        self.say(format!(
            "round {round} is proposed when final blocks have passed its deadline, {until}: not \
             everybody has delivered, and until then others may"
        ));
        tokio::time::sleep(Duration::from_secs((left + 1).min(LOOK))).await;
        if self.client.sender().chain().finality() == Finality::LATEST {
            // On a test chain time passes with blocks, and they come with transactions. Others refuse.
            let _ = self.client.pass(0).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use zktrain_secagg::plan::{Timing, VERSION};

    use super::*;

    /// A round of four.
    fn plan(optimistic: bool) -> Plan {
        let member = |n: u8| PlanMember {
            account: account(n),
            dataset: B256::repeat_byte(n),
            windows: 1,
            weight: 1 << 14,
        };
        Plan {
            version: VERSION,
            chain_id: 1,
            rounds: Address::repeat_byte(9),
            domain: 3,
            round: 7,
            coordinator: Address::repeat_byte(8),
            spec: B256::ZERO,
            parent: B256::ZERO,
            nonce: B256::repeat_byte(5),
            system: 0,
            optimistic,
            threshold: 3,
            least: 2,
            members: (1..=4).map(member).collect(),
            timing: Timing::even(1),
        }
    }

    fn account(n: u8) -> Address {
        Address::repeat_byte(n)
    }

    fn update(n: u8) -> B256 {
        B256::repeat_byte(0x10 + n)
    }

    fn submission(n: u8) -> Submission {
        Submission::new(7, account(n), &[n], &[n, n], update(n))
    }

    /// The batch, as updates and whether there is a submission.
    fn contents(
        optimistic: bool,
        given: &[u8],
        is_summed: bool,
        delivered: &[(u8, B256)],
    ) -> Contents {
        let given: Vec<Submission> = given.iter().map(|n| submission(*n)).collect();
        let given: Vec<&Submission> = given.iter().collect();
        let delivered = delivered.iter().map(|(n, update)| (account(*n), *update)).collect();
        Contents::new(&plan(optimistic), &given, is_summed, &delivered)
    }

    fn said(contents: &Contents) -> Vec<(B256, bool)> {
        let each = |d: &Delivery| (d.update, !d.submission.is_zero());
        contents.deliveries.iter().map(each).collect()
    }

    const NOTHING: (B256, bool) = (B256::ZERO, false);

    #[test]
    fn members_that_delivered_to_the_contract_are_in_every_batch() {
        let other = B256::repeat_byte(0x77);
        // One of those in the sum has turned to the contract as well, with another proof.
        for is_summed in [true, false] {
            let batch = contents(true, &[1, 2], is_summed, &[(2, other), (3, update(3))]);
            let expected = [(update(1), true), (update(2), true), (update(3), false), NOTHING];
            assert_eq!(said(&batch), expected);
            assert_eq!((batch.is_summed, batch.is_whole()), (is_summed, false));
        }
        assert!(contents(true, &[1, 2, 3, 4], true, &[]).is_whole());
        assert!(contents(true, &[1, 2, 3], true, &[(4, other)]).is_whole());
        assert_eq!(said(&contents(true, &[], false, &[])), [NOTHING; 4]);
    }

    #[test]
    fn members_that_worked_are_paid_although_their_sum_failed() {
        let batch = contents(true, &[1, 3], false, &[]);
        assert_eq!(said(&batch), [(update(1), true), NOTHING, (update(3), true), NOTHING]);
        let named = plan(true).scope().hash(&submission(1));
        assert_eq!(batch.deliveries[0].submission, named);
    }

    #[test]
    fn where_each_proof_is_checked_a_sum_is_of_updates_that_the_contract_has() {
        let (one, two) = ((1, update(1)), (2, update(2)));
        let whole = contents(false, &[1, 2], true, &[one, two]);
        assert!(whole.is_summed);
        assert_eq!(said(&whole), [(update(1), true), (update(2), true), NOTHING, NOTHING]);
        assert_eq!(whole.deliveries[0].submission, MARK);
        // One was not taken, or the contract has another proof of it.
        let other = B256::repeat_byte(0x77);
        for delivered in [&[one][..], &[one, (2, other)], &[(3, update(3))], &[]] {
            let batch = contents(false, &[1, 2], true, delivered);
            assert!(!batch.is_summed, "{delivered:?}");
            assert!(batch.deliveries.iter().all(|said| said.submission.is_zero()));
            let paid = said(&batch).iter().filter(|said| **said != NOTHING).count();
            assert_eq!(paid, delivered.len(), "all that have delivered are paid");
        }
    }

    #[test]
    fn who_turns_to_the_contract_alone_takes_no_sum_from_the_others() {
        let checked = [1, 2, 3].map(|n| (n, update(n)));
        let batch = contents(false, &[1, 2], true, &checked);
        assert!(batch.is_summed);
        let expected = [(update(1), true), (update(2), true), (update(3), false), NOTHING];
        assert_eq!(said(&batch), expected);
        let none = contents(false, &[1, 2], false, &checked);
        assert!(!none.is_summed);
        assert!(none.deliveries.iter().all(|said| said.submission.is_zero()));
    }

    #[test]
    fn a_batch_that_belies_a_receipt_is_not_signed() {
        let plan = plan(true);
        let scope = plan.scope();
        let promised: BTreeMap<Address, B256> =
            [1, 2].map(|n| (account(n), scope.hash(&submission(n)))).into();
        for is_summed in [true, false] {
            contents(true, &[1, 2, 3], is_summed, &[]).keeps(&plan, &promised).unwrap();
            // Left out, or in it as the contract has it: without the submission.
            for delivered in [&[][..], &[(2, update(2))]] {
                let belied = contents(true, &[1, 3], is_summed, delivered);
                let error = belied.keeps(&plan, &promised).unwrap_err();
                let CoordinatorError::Contradiction { round: 7, account: who } = error else {
                    panic!("{error}");
                };
                assert_eq!(who, account(2));
            }
        }
        // Where contracts check each proof no batch names submissions.
        let eager = super::tests::plan(false);
        contents(false, &[1], true, &[]).keeps(&eager, &promised).unwrap();
    }
}
