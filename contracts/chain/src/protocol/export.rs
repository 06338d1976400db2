//! Reads what the chain says about one domain from a node.

use std::collections::{BTreeMap, BTreeSet};

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{B256, U256};
use alloy::providers::Provider;
use alloy::rpc::types::{Filter, Log};
use zktrain_ledger::Deployment;
use zktrain_ledger::beacon::DRAW_DELAY;
use zktrain_ledger::bindings::demands::Demands::DemandsEvents;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::export::{Block, ChainExport, Drawing, ExportedLog, VERSION};

use super::client::Client;
use super::error::ClientError;
use super::header::RawHeader;
use crate::ChainError;

/// Blocks that one request for events spans: nodes refuse more.
const SPAN: u64 = 9_000;

impl Client {
    /// Exports everything that the chain says about a domain until now.
    ///
    /// # Errors
    /// If the node refuses, or does not have a block that it speaks of.
    pub async fn export(&self, domain: u64) -> Result<ChainExport, ClientError> {
        let head = self.block(BlockNumberOrTag::Latest).await?;
        self.export_until(domain, head).await
    }

    /// As [`Self::export`], until the block with this number.
    ///
    /// # Errors
    /// As [`Self::export`].
    pub async fn export_to(&self, domain: u64, block: u64) -> Result<ChainExport, ClientError> {
        let head = self.block(BlockNumberOrTag::Number(block)).await?;
        self.export_until(domain, head).await
    }

    async fn export_until(&self, domain: u64, head: Block) -> Result<ChainExport, ClientError> {
        let mut about = About::new(self.at(), domain);
        let (mut logs, mut drawing, mut audits) = (Vec::new(), Vec::new(), Vec::new());
        let mut from = self.at().block;
        while from <= head.number {
            let to = head.number.min(from + SPAN);
            let found = self.logs(from, to).await?;
            // By transactions: what stakes and escrow say is about a domain only beside it.
            for group in found.chunk_by(|a, b| a.transaction == b.transaction) {
                for log in about.select(group) {
                    if let Some(round) = about.opened(log) {
                        drawing.extend(self.drawing(round, log.block.number, &head).await?);
                    }
                    if let Some((round, target)) = about.audited(log) {
                        audits.push(self.drawn_at(round, target).await?);
                    }
                    logs.push(log.clone());
                }
            }
            from = to + 1;
        }
        self.date(&mut logs).await?;
        let deployment = self.at().clone();
        let checksum = B256::ZERO;
        let version = VERSION;
        let mut export =
            ChainExport { version, deployment, domain, head, drawing, audits, logs, checksum };
        export.checksum = export.digest()?;
        Ok(export)
    }

    async fn block(&self, tag: BlockNumberOrTag) -> Result<Block, ClientError> {
        let block = self.sender().chain().provider().get_block_by_number(tag);
        let missing = || ClientError::NoEvent { what: format!("block {tag}") };
        let header = block.await.map_err(ChainError::from)?.ok_or_else(missing)?.header;
        Ok(Block { number: header.number, hash: header.hash, time: header.timestamp })
    }

    /// The block that draws a round; none if it is still to come.
    async fn drawing(
        &self,
        round: u64,
        opened: u64,
        head: &Block,
    ) -> Result<Option<Drawing>, ClientError> {
        let number = opened + DRAW_DELAY;
        if number > head.number {
            return Ok(None);
        }
        self.drawn_at(round, number).await.map(Some)
    }

    async fn drawn_at(&self, round: u64, number: u64) -> Result<Drawing, ClientError> {
        let block = self.block(BlockNumberOrTag::Number(number)).await?;
        let header = RawHeader::of(self.sender().chain(), number).await?.encoded;
        Ok(Drawing { round, block, header })
    }

    async fn logs(&self, from: u64, to: u64) -> Result<Vec<ExportedLog>, ClientError> {
        let at = self.at();
        let contracts = [
            at.registry,
            at.rounds,
            at.escrow,
            at.reputation,
            at.stakes,
            at.slashing,
            at.demands,
            at.parameters,
            at.router,
        ];
        let filter = Filter::new().address(contracts.to_vec()).from_block(from).to_block(to);
        let logs = self.sender().chain().provider().get_logs(&filter).await;
        let logs: Option<Vec<_>> = logs.map_err(ChainError::from)?.iter().map(exported).collect();
        let missing = || ClientError::NoEvent { what: "block of an event".into() };
        let mut logs = logs.ok_or_else(missing)?;
        logs.sort_by_key(|log| (log.block.number, log.index));
        Ok(logs)
    }

    /// Fills in the blocks' times, which nodes need not tell with events.
    async fn date(&self, logs: &mut [ExportedLog]) -> Result<(), ClientError> {
        let mut known: Option<Block> = None;
        for log in logs {
            let number = log.block.number;
            let block = match known {
                Some(block) if block.number == number => block,
                _ => self.block(BlockNumberOrTag::Number(number)).await?,
            };
            log.block = block;
            known = Some(block);
        }
        Ok(())
    }
}

/// The block's time is still to be filled in.
fn exported(log: &Log) -> Option<ExportedLog> {
    Some(ExportedLog {
        block: Block { number: log.block_number?, hash: log.block_hash?, time: 0 },
        transaction: log.transaction_hash?,
        index: log.log_index?,
        contract: log.address(),
        topics: log.topics().to_vec(),
        data: log.data().data.clone(),
    })
}

/// Which events are about a domain.
struct About<'a> {
    at: &'a Deployment,
    domain: u64,
    rounds: BTreeSet<u64>,
    /// The blocks that draw the audits of proposed rounds.
    targets: BTreeMap<u64, u64>,
}

impl<'a> About<'a> {
    fn new(at: &'a Deployment, domain: u64) -> Self {
        Self { at, domain, rounds: BTreeSet::new(), targets: BTreeMap::new() }
    }

    /// The round whose audit this event draws, and the block that draws it; notes which block that
    /// will be.
    fn audited(&mut self, log: &ExportedLog) -> Option<(u64, u64)> {
        let round = u64::try_from(U256::from_be_bytes(log.topics.get(1)?.0)).ok()?;
        if log.contract == self.at.rounds && log.is::<Rounds::Proposed>() {
            self.targets.insert(round, log.block.number + DRAW_DELAY);
        } else if log.contract == self.at.demands
            && let Ok(event) = log.decode::<DemandsEvents>()
        {
            match event {
                DemandsEvents::Postponed(event) => drop(self.targets.insert(round, event.target)),
                DemandsEvents::Audited(event) if !event.seed.is_zero() => {
                    return self.targets.remove(&round).map(|target| (round, target));
                }
                _ => {}
            }
        }
        None
    }

    /// The number of the domain's round that this event opens.
    fn opened(&self, log: &ExportedLog) -> Option<u64> {
        let ours = log.contract == self.at.rounds
            && log.is::<Rounds::RoundOpened>()
            && log.topic_is(2, self.domain);
        let round = U256::from_be_bytes(log.topics.get(1)?.0);
        ours.then(|| u64::try_from(round).ok()).flatten()
    }

    /// Of one transaction's events, those to keep.
    fn select<'l>(&mut self, group: &'l [ExportedLog]) -> Vec<&'l ExportedLog> {
        let opened: Vec<u64> = group.iter().filter_map(|log| self.opened(log)).collect();
        self.rounds.extend(opened);
        let concerned = group.iter().any(|log| self.concerns(log));
        let keep = |log: &&ExportedLog| {
            let beside = [self.at.escrow, self.at.stakes, self.at.slashing].contains(&log.contract);
            let of_all = [self.at.parameters, self.at.router].contains(&log.contract);
            of_all || self.concerns(log) || (concerned && beside)
        };
        group.iter().filter(keep).collect()
    }

    fn concerns(&self, log: &ExportedLog) -> bool {
        let by_domain = log.topic_is(1, self.domain);
        if log.contract == self.at.demands {
            return self.rounds.iter().any(|round| log.topic_is(1, *round));
        }
        if log.contract != self.at.rounds {
            let others = [self.at.registry, self.at.reputation];
            let moves = log.contract == self.at.escrow
                && !log.is::<Escrow::Credited>()
                && !log.is::<Escrow::Claimed>();
            return by_domain && (moves || others.contains(&log.contract));
        }
        let membership =
            log.is::<Rounds::Joined>() || log.is::<Rounds::Leaving>() || log.is::<Rounds::Exited>();
        match membership {
            true => by_domain,
            false => self.rounds.iter().any(|round| log.topic_is(1, *round)),
        }
    }
}
