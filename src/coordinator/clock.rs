//! The chain's time, of which deadlines are, and this machine's.

use alloy::network::TransactionBuilder;
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall;
use zktrain_coordinator::driver::now_ms;
use zktrain_coordinator::machine::Ends;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::slashing::Slashing;

use super::Coordinator;
use crate::error::Error;

/// So many seconds at most a block tells an older time than it is because none came since. What is
/// further behind is a chain with a time of its own, or one without blocks.
const LAG: u64 = 300;
/// Kept for the proposal to be mined, at most.
const RESERVE: u64 = 60;
/// Kept for each delivery that has to be handed in before, in domains that check proofs at once.
const HAND_IN: u64 = 15;

/// Seconds between two looks at the chain: a block's time.
pub const LOOK: u64 = 12;

/// The chain's time, in seconds, from its last block's and this machine's.
pub fn chain_time(block: u64, local: u64) -> u64 {
    match local.checked_sub(block) {
        Some(behind) if behind < LAG => local,
        _ => block,
    }
}

/// When a round on chain sets an end to what, in seconds of the chain's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Until then deliveries are taken.
    pub deadline: u64,
    /// Until then a batch is.
    pub until: u64,
}

/// Seconds of so many that are left for the round itself: the rest is for the transactions after it.
fn without_reserve(left: u64, handed_in: usize) -> u64 {
    let reserve = RESERVE.saturating_add(HAND_IN.saturating_mul(handed_in as u64));
    left - reserve.min(left / 5)
}

impl Times {
    /// What a round has to keep to, in milliseconds of this machine's time. Where the contracts check
    /// each proof, what is counted has to be handed in before the deadline; otherwise it is enough that
    /// members deliver before it, and those left out can still turn to the contract.
    fn ends(self, now: u64, local_ms: u64, members: usize, optimistic: bool) -> Ends {
        let after = |seconds: u64| local_ms.saturating_add(seconds.saturating_mul(1000));
        let left = |end: u64| end.saturating_sub(now);
        match optimistic {
            true => Ends {
                asked_ms: Some(after(left(self.deadline))),
                until_ms: Some(after(without_reserve(left(self.until), 0))),
            },
            false => {
                let until = after(without_reserve(left(self.deadline), members));
                Ends { asked_ms: None, until_ms: Some(until) }
            }
        }
    }
}

impl Coordinator {
    /// The chain's time, in seconds.
    pub(super) async fn chain_time(&self) -> Result<u64, Error> {
        let block = self.client.sender().chain().time().await?;
        Ok(chain_time(block, now_ms() / 1000))
    }

    /// When the chain sets an end to a round.
    pub(super) async fn times(&self, round: u64) -> Result<Times, Error> {
        let deadline = self.client.round(round).await?.deadline;
        let window = Rounds::PROPOSE_WINDOWCall {};
        let window = self.client.view(self.client.at().rounds, window).await?;
        Ok(Times { deadline, until: deadline.saturating_add(window) })
    }

    /// What an open round has to keep to here.
    pub(super) async fn ends(&self, round: u64) -> Result<Ends, Error> {
        let (times, known) = (self.times(round).await?, self.client.round(round).await?);
        self.metrics.set_deadline(Some(times.until));
        let (now, members) = (self.chain_time().await?, known.count as usize);
        Ok(times.ends(now, now_ms(), members, known.optimistic))
    }

    /// Whether the time to propose an open round has passed: by the clocks, or because the contract
    /// would take that for evidence.
    pub(super) async fn is_late(&self, round: u64) -> Result<bool, Error> {
        if self.chain_time().await? > self.times(round).await?.until {
            return Ok(true);
        }
        let call = Slashing::missedDeadlineCall { round }.abi_encode();
        let request = TransactionRequest::default()
            .with_from(self.client.address())
            .with_to(self.client.at().slashing)
            .with_input(call);
        Ok(self.client.sender().chain().provider().call(request).await.is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocks_time_gets_old_and_a_chain_may_have_a_time_of_its_own() {
        assert_eq!(chain_time(1_000, 1_012), 1_012, "no block came since");
        assert_eq!(chain_time(1_000, 1_000), 1_000);
        assert_eq!(chain_time(1_000, 990), 1_000, "this machine is behind");
        assert_eq!(chain_time(900_000, 1_000), 900_000, "time was let pass");
        assert_eq!(chain_time(1_000, 900_000), 1_000, "a chain in the past");
    }

    #[test]
    fn time_is_kept_for_what_follows_a_round() {
        assert_eq!(without_reserve(3_600, 0), 3_540);
        assert_eq!(without_reserve(3_600, 16), 3_300);
        // Of short rounds a fifth at most, whatever is to be handed in.
        assert_eq!(without_reserve(60, 64), 48);
        assert_eq!(without_reserve(0, 64), 0);
    }

    #[test]
    fn proofs_are_handed_in_before_the_deadline_and_batches_after_it() {
        let times = Times { deadline: 4_600, until: 91_000 };
        let eager = times.ends(1_000, 7_000_000, 16, false);
        assert_eq!((eager.asked_ms, eager.until_ms), (None, Some(7_000_000 + 3_300_000)));
        let optimistic = times.ends(1_000, 7_000_000, 16, true);
        assert_eq!(optimistic.asked_ms, Some(7_000_000 + 3_600_000));
        assert_eq!(optimistic.until_ms, Some(7_000_000 + 89_940_000));
        // Past everything: nothing is left.
        let late = times.ends(100_000, 7_000_000, 16, true);
        assert_eq!((late.asked_ms, late.until_ms), (Some(7_000_000), Some(7_000_000)));
    }
}
