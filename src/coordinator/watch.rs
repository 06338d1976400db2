//! What a coordinator measures while it works.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alloy::eips::BlockNumberOrTag;
use alloy::providers::Provider;
use zktrain_chain::protocol::Status;
use zktrain_chain::{Chain, SenderCounters};
use zktrain_coordinator::driver::Driver;
use zktrain_coordinator::health::{Component, Readiness};
use zktrain_coordinator::machine::Progress;
use zktrain_coordinator::metrics::{Direction, Ending, MemberState, ProcessMetrics, Sending};
use zktrain_wire::ServerCounters;
use zktrain_wire::messages::{End, Phase};

use super::{Coordinator, PAUSE};
use crate::error::Error;

/// Between two looks at the chain's last block, and how long one may take.
pub const BLOCK: Duration = Duration::from_secs(12);
/// Looks in a row that have to say that a round is given up: of nodes behind one address some may be a
/// few blocks behind.
const GIVEN_UP: u32 = 3;

/// Publishes the chain's last known block and whether its node answers, again and again.
pub async fn watch_chain(
    every: Duration,
    chain: &Chain,
    metrics: &ProcessMetrics,
    readiness: &Readiness,
) {
    loop {
        let latest = chain.provider().get_block_by_number(BlockNumberOrTag::Latest);
        match tokio::time::timeout(BLOCK, latest).await {
            Ok(Ok(Some(block))) => {
                metrics.set_block(block.header.number, block.header.timestamp);
                readiness.works(Component::Chain);
            }
            // What is known of the chain stays, and gets old.
            _ => readiness.fails(Component::Chain, "the node does not answer"),
        }
        tokio::time::sleep(every).await;
    }
}

/// Publishes what others count, again and again: bytes and connections, transactions.
pub async fn watch_counters(
    wire: &ServerCounters,
    sent: &SenderCounters,
    metrics: &ProcessMetrics,
) {
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

impl Coordinator {
    /// Waits for a round's end, and tells how it goes meanwhile. A round that the chain has given up is
    /// called off. One that had ended before is counted no second time.
    pub(super) async fn watch(&self, driver: &Driver, is_news: bool) -> End {
        let (round, planned) = (driver.plan().round, driver.plan().members.len());
        self.metrics.set_members(MemberState::Planned, planned);
        let mut current: Option<Phase> = None;
        let (mut looked, mut given_up) = (Instant::now(), 0);
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
            if looked.elapsed() >= BLOCK {
                looked = Instant::now();
                given_up = if self.is_given_up(driver).await { given_up + 1 } else { 0 };
            }
            if given_up >= GIVEN_UP {
                given_up = 0;
                self.call_off(driver).await;
            }
        };
        if !is_news {
            return end;
        }
        self.metrics.round_ended(match end {
            End::Summed { .. } => Ending::Summed,
            End::Void(_) => Ending::Void,
        });
        end
    }

    /// Whether the chain says something else of a round than its plan, or that it is over: what members
    /// deliver would be worth nothing. One that does not answer is asked again later.
    async fn is_given_up(&self, driver: &Driver) -> bool {
        let looking = async {
            let is_open = self.client.status(driver.plan().round).await? == Status::Open;
            Ok::<bool, Error>(is_open && self.is_as_planned(driver.plan()).await?)
        };
        matches!(tokio::time::timeout(BLOCK, looking).await, Ok(Ok(false)))
    }

    async fn call_off(&self, driver: &Driver) {
        let round = driver.plan().round;
        tracing::warn!(round, "the chain has ended, drawn or opened it anew: it is called off");
        if let Err(error) = driver.call_off().await {
            tracing::error!(round, %error, "it could not be called off");
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::net::TcpListener;
    use tokio::task::JoinSet;
    use zktrain_devnet::{EmbeddedNode, Genesis, serve};

    use super::*;

    /// Every test is over long before; only what never happens takes so long.
    const PATIENCE: Duration = Duration::from_secs(120);

    /// A node that answers at an address until what is returned is dropped, and where that is.
    async fn answers(node: &EmbeddedNode, at: &str) -> (JoinSet<()>, String) {
        let listener = TcpListener::bind(at).await.unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let (node, mut serving) = (node.clone(), JoinSet::new());
        serving.spawn(async move {
            serve(node, listener).await;
        });
        (serving, at)
    }

    async fn until(what: &str, holds: impl Fn() -> bool) {
        let waiting = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
    }

    #[tokio::test]
    async fn the_chain_has_a_heartbeat_that_follows_its_node() {
        let node =
            EmbeddedNode::in_memory(Genesis { chain_id: 31337, funded: Vec::new() }).unwrap();
        let (serving, at) = answers(&node, "127.0.0.1:0").await;
        let chain = Chain::http(&format!("http://{at}")).await.unwrap();
        let (metrics, readiness) =
            (Arc::new(ProcessMetrics::new()), Arc::new(Readiness::new(PATIENCE)));
        let state = || readiness.report(Instant::now()).parts[&Component::Chain].reason;
        assert_eq!(state(), Some("not started"));
        let mut heart = JoinSet::new();
        let (of_chain, of_metrics, ready) = (chain.clone(), metrics.clone(), readiness.clone());
        heart.spawn(async move {
            watch_chain(Duration::from_millis(5), &of_chain, &of_metrics, &ready).await;
        });
        until("it answers", || state().is_none()).await;
        chain.pass(60).await.unwrap();
        let block = chain.provider().get_block_number().await.unwrap();
        assert_ne!(block, 0);
        let known = format!("zktrain_chain_block {block}\n");
        until("the new block is known", || metrics.render().unwrap().contains(&known)).await;
        drop(serving);
        until("it is away", || state() == Some("the node does not answer")).await;
        assert!(metrics.render().unwrap().contains(&known), "what was known stays");
        let _serving = answers(&node, &at).await;
        until("it is back", || state().is_none()).await;
    }
}
