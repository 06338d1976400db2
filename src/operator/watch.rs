//! What a coordinator measures while it works.

use std::sync::atomic::Ordering;
use std::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::providers::Provider;
use zktrain_contracts::chain::{Chain, Counters as SentCounters};
use zktrain_coordinator::driver::Driver;
use zktrain_coordinator::machine::Progress;
use zktrain_coordinator::metrics::{Direction, Ending, MemberState, Metrics, Sending};
use zktrain_network::messages::{End, Phase};
use zktrain_network::wire::Counters as WireCounters;

use super::{Operator, PAUSE};

/// Between two looks at the chain's last block.
const BLOCK: Duration = Duration::from_secs(12);

/// Publishes the chain's last known block, again and again.
pub async fn watch_chain(chain: &Chain, metrics: &Metrics) {
    loop {
        let latest = chain.provider().get_block_by_number(BlockNumberOrTag::Latest).await;
        // A node that does not answer leaves what is known, which gets old.
        if let Ok(Some(block)) = latest {
            metrics.set_block(block.header.number, block.header.timestamp);
        }
        tokio::time::sleep(BLOCK).await;
    }
}

/// Publishes what others count, again and again: bytes and connections, transactions.
pub async fn watch_counters(wire: &WireCounters, sent: &SentCounters, metrics: &Metrics) {
    let mut last = [0; 5];
    loop {
        let now = [&wire.uploaded, &wire.downloaded, &sent.mined, &sent.reverted, &sent.failed];
        let now = now.map(|counter| counter.load(Ordering::Relaxed));
        let [up, down, mined, reverted, failed] =
            std::array::from_fn(|index| now[index].saturating_sub(last[index]));
        metrics.bytes(Direction::In, up);
        metrics.bytes(Direction::Out, down);
        metrics.transactions(Sending::Mined, mined);
        metrics.transactions(Sending::Reverted, reverted);
        metrics.transactions(Sending::Failed, failed);
        let connected = wire.connected.load(Ordering::Relaxed);
        metrics.set_connections(usize::try_from(connected).unwrap_or(usize::MAX));
        last = now;
        tokio::time::sleep(PAUSE).await;
    }
}

impl Operator {
    /// Waits for a round's end, and tells how it goes meanwhile.
    pub(super) async fn watch(&self, driver: &Driver) -> End {
        let (round, planned) = (driver.plan().round, driver.plan().members.len());
        self.metrics.set_members(MemberState::Planned, planned);
        let mut current: Option<Phase> = None;
        let end = loop {
            // A new future each time: one that waits for the round's lock and is not polled would
            // keep everyone else from it.
            let end = tokio::time::timeout(PAUSE, driver.ended()).await;
            let progress = driver.progress().await;
            self.show(&progress);
            self.metrics.set_jobs(driver.jobs().await);
            if current.replace(progress.phase) != Some(progress.phase) {
                let (shared, counted) = (progress.shared.len(), progress.counted.len());
                tracing::info!(round, phase = ?progress.phase, shared, counted, "phase");
            }
            if let Ok(end) = end {
                break end;
            }
        };
        self.metrics.round_ended(match end {
            End::Summed { .. } => Ending::Summed,
            End::Void(_) => Ending::Void,
        });
        end
    }

    fn show(&self, progress: &Progress) {
        self.metrics.set_phase(progress.phase);
        let counts = [
            (MemberState::Keyed, progress.roster.len()),
            (MemberState::Shared, progress.shared.len()),
            (MemberState::Uploaded, progress.uploaded.len()),
            (MemberState::Counted, progress.counted.len()),
            (MemberState::Confirmed, progress.confirmed.len()),
            (MemberState::Unmasked, progress.unmasked.len()),
        ];
        counts.into_iter().for_each(|(state, count)| self.metrics.set_members(state, count));
    }
}
