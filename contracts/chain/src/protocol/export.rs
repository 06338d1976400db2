//! What the chain says about one domain, as a file: its events with their blocks, and the headers
//! of the blocks that drew its rounds and their audits.
//!
//! An export is a claim: it is worth as much as whoever made it, until it is compared with a node
//! ([`ChainExport::difference`]). Everything else about a lineage follows from it.

use std::collections::{BTreeMap, BTreeSet};

use alloy::consensus::Header;
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::Provider;
use alloy::rlp::Decodable;
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::{SolEvent, SolEventInterface};
use serde::{Deserialize, Serialize};

use super::beacon::DRAW_DELAY;
use super::client::{Client, ClientError};
use super::deployment::Deployment;
use super::header::RawHeader;
use crate::ChainError;
use crate::bindings::demands::Demands::DemandsEvents;
use crate::bindings::escrow::Escrow::EscrowEvents;
use crate::bindings::parameters::Parameters::ParametersEvents;
use crate::bindings::registry::DomainRegistry::DomainRegistryEvents;
use crate::bindings::reputation::Reputation::ReputationEvents;
use crate::bindings::rounds::Rounds::{self, RoundsEvents};
use crate::bindings::router::VerifierRouter::VerifierRouterEvents;
use crate::bindings::slashing::Slashing::SlashingEvents;
use crate::bindings::stakes::StakeManager::StakeManagerEvents;

/// Version of the file.
pub const VERSION: u32 = 3;
/// Blocks that one request for events spans: nodes refuse more.
const SPAN: u64 = 9_000;

/// Everything that the chain says about a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainExport {
    /// [`VERSION`].
    pub version: u32,
    /// The contracts.
    pub deployment: Deployment,
    /// The domain.
    pub domain: u64,
    /// The last block that was looked at.
    pub head: Block,
    /// The blocks whose randomness drew the domain's rounds, in the order of rounds.
    pub drawing: Vec<Drawing>,
    /// Those that drew which deliveries of a round are audited, where there was anything to draw.
    pub audits: Vec<Drawing>,
    /// Events, oldest first.
    pub logs: Vec<ExportedLog>,
    /// `keccak256` of everything above: finds what was damaged, not what was made up.
    pub checksum: B256,
}

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its time, Unix seconds.
    pub time: u64,
}

/// A block that drew something of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawing {
    /// The round.
    pub round: u64,
    /// The block: [`DRAW_DELAY`] after the one in which the round was opened, or its batch proposed,
    /// or another one was named because the chain had forgotten this one.
    pub block: Block,
    /// Its header, RLP: what it drew with is in there, and its hash is the block's.
    pub header: Bytes,
}

impl Drawing {
    /// The randomness of the block; none if the header is not the block's.
    pub fn random(&self) -> Option<B256> {
        let mut rest = &self.header[..];
        let header = Header::decode(&mut rest).ok()?;
        let of_block = rest.is_empty()
            && keccak256(&self.header) == self.block.hash
            && (header.number, header.timestamp) == (self.block.number, self.block.time);
        of_block.then_some(header.mix_hash)
    }
}

/// An event as the node tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedLog {
    /// The block.
    pub block: Block,
    /// The transaction.
    pub transaction: B256,
    /// Its number in the block.
    pub index: u64,
    /// The contract.
    pub contract: Address,
    /// Signature and indexed values.
    pub topics: Vec<B256>,
    /// The other values.
    pub data: Bytes,
}

/// An event, decoded.
#[derive(Debug)]
pub enum Event {
    /// Of the domain itself.
    Domain(DomainRegistryEvents),
    /// Of its rounds and members.
    Rounds(RoundsEvents),
    /// Of its money.
    Escrow(EscrowEvents),
    /// Of its members' reputations.
    Reputation(ReputationEvents),
    /// Of stakes, in transactions that are about the domain.
    Stakes(StakeManagerEvents),
    /// Of slashes, in transactions that are about the domain.
    Slashing(SlashingEvents),
    /// Of demands and audits.
    Demands(DemandsEvents),
    /// Of deposits, fees and bonds: for all domains.
    Parameters(ParametersEvents),
    /// Of verifiers, and when they are out of use: for all domains.
    Router(VerifierRouterEvents),
}

/// Why an event is none of these contracts'.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Another contract's.
    #[error("{got} is none of the contracts whose events are exported")]
    Contract {
        /// Whose it is.
        got: Address,
    },
    /// Something else than the contract's events.
    #[error("not an event of {contract}: {why}")]
    Encoding {
        /// The contract.
        contract: Address,
        /// What is wrong with it.
        why: String,
    },
}

impl ExportedLog {
    /// Decodes the event.
    ///
    /// # Errors
    /// If it is none of the contracts' events.
    pub fn event(&self, at: &Deployment) -> Result<Event, EventError> {
        let contract = self.contract;
        if contract == at.registry {
            self.decode().map(Event::Domain)
        } else if contract == at.rounds {
            self.decode().map(Event::Rounds)
        } else if contract == at.escrow {
            self.decode().map(Event::Escrow)
        } else if contract == at.reputation {
            self.decode().map(Event::Reputation)
        } else if contract == at.stakes {
            self.decode().map(Event::Stakes)
        } else if contract == at.slashing {
            self.decode().map(Event::Slashing)
        } else if contract == at.demands {
            self.decode().map(Event::Demands)
        } else if contract == at.parameters {
            self.decode().map(Event::Parameters)
        } else if contract == at.router {
            self.decode().map(Event::Router)
        } else {
            Err(EventError::Contract { got: contract })
        }
    }

    fn decode<E: SolEventInterface>(&self) -> Result<E, EventError> {
        E::decode_raw_log(&self.topics, &self.data)
            .map_err(|e| EventError::Encoding { contract: self.contract, why: e.to_string() })
    }

    /// Whether this indexed value is a number.
    fn topic_is(&self, index: usize, number: u64) -> bool {
        self.topics.get(index) == Some(&B256::from(U256::from(number)))
    }

    fn is<E: SolEvent>(&self) -> bool {
        self.topics.first() == Some(&E::SIGNATURE_HASH)
    }
}

impl ChainExport {
    /// Its checksum, from all the rest.
    ///
    /// # Errors
    /// If it has no encoding: it would have the checksum of nothing.
    pub fn digest(&self) -> Result<B256, serde_json::Error> {
        let whole = Self { checksum: B256::ZERO, ..self.clone() };
        Ok(keccak256(serde_json::to_vec(&whole)?))
    }

    /// The block that drew a round.
    pub fn drawn_by(&self, round: u64) -> Option<&Drawing> {
        self.drawing.iter().find(|drawing| drawing.round == round)
    }

    /// The block that drew which of a round's deliveries are audited.
    pub fn audited_by(&self, round: u64) -> Option<&Drawing> {
        self.audits.iter().find(|drawing| drawing.round == round)
    }

    /// Where a newer export of the same domain says something else about what this one covers:
    /// none if it only goes on.
    pub fn difference(&self, newer: &Self) -> Option<Difference> {
        if (&self.deployment, self.domain) != (&newer.deployment, newer.domain) {
            return Some(Difference::Domain);
        }
        if newer.head.number < self.head.number {
            return Some(Difference::Head { number: newer.head.number });
        }
        let covered = |log: &&ExportedLog| log.block.number <= self.head.number;
        let (mut ours, mut theirs) = (self.logs.iter(), newer.logs.iter().filter(covered));
        for index in 0.. {
            match (ours.next(), theirs.next()) {
                (None, None) => break,
                (ours, theirs) if ours == theirs => {}
                _ => return Some(Difference::Log { index }),
            }
        }
        let differs = |ours: &&Drawing| newer.drawn_by(ours.round) != Some(*ours);
        let drawn = self.drawing.iter().find(differs);
        let differs = |ours: &&Drawing| newer.audited_by(ours.round) != Some(*ours);
        let other = drawn.or_else(|| self.audits.iter().find(differs));
        other.map(|drawing| Difference::Drawing { round: drawing.round })
    }
}

/// What two exports disagree about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// They are about different domains.
    #[error("they are about different contracts or domains")]
    Domain,
    /// The newer one ends earlier.
    #[error("the node's chain ends earlier, with block {number}")]
    Head {
        /// Where it ends.
        number: u64,
    },
    /// An event.
    #[error("event {index} is another")]
    Log {
        /// Its position.
        index: usize,
    },
    /// A drawing block.
    #[error("round {round} was drawn by another block")]
    Drawing {
        /// The round.
        round: u64,
    },
}

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
                && !log.is::<crate::bindings::escrow::Escrow::Credited>()
                && !log.is::<crate::bindings::escrow::Escrow::Claimed>();
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
