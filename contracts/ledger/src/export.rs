//! What the chain says about one domain, as a file: its events with their blocks, and the headers
//! of the blocks that drew its rounds and their audits.
//!
//! An export is a claim: it is worth as much as the party that made it, until it is compared with
//! a node ([`ChainExport::difference`]). Everything else about a lineage follows from it.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_sol_types::{SolEvent, SolEventInterface};
use serde::{Deserialize, Serialize};

use crate::Deployment;
use crate::bindings::demands::Demands::DemandsEvents;
use crate::bindings::escrow::Escrow::EscrowEvents;
use crate::bindings::parameters::Parameters::ParametersEvents;
use crate::bindings::registry::DomainRegistry::DomainRegistryEvents;
use crate::bindings::reputation::Reputation::ReputationEvents;
use crate::bindings::rounds::Rounds::RoundsEvents;
use crate::bindings::router::VerifierRouter::VerifierRouterEvents;
use crate::bindings::slashing::Slashing::SlashingEvents;
use crate::bindings::stakes::StakeManager::StakeManagerEvents;

/// The name of an export's file in a lineage.
pub const CHAIN: &str = "chain.json";
/// Version of the file.
pub const VERSION: u32 = 3;

/// Everything that the chain says about a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainExport {
    /// [`VERSION`].
    pub version: u32,
    /// The contracts.
    pub deployment: Deployment,
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

/// The block that an event is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    pub number: u64,
    pub hash: B256,
    /// Its time, Unix seconds.
    pub time: u64,
}

/// A block that drew something of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawing {
    pub round: u64,
    /// The block: [`DRAW_DELAY`](crate::beacon::DRAW_DELAY) after the one in which the round was
    /// opened, or its batch proposed, or another one was named because the chain had forgotten this one.
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
    pub block: Block,
    pub transaction: B256,
    /// Its number in the block.
    pub index: u64,
    pub contract: Address,
    /// Signature and indexed values.
    pub topics: Vec<B256>,
    /// The other values.
    pub data: Bytes,
}

/// An event, decoded.
#[derive(Debug)]
pub enum ChainEvent {
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
#[non_exhaustive]
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
        contract: Address,
        /// What is wrong with it.
        why: String,
    },
}

/// One of a contract's events.
fn decode<E: SolEventInterface>(
    contract: Address,
    topics: &[B256],
    data: &[u8],
) -> Result<E, EventError> {
    E::decode_raw_log(topics, data)
        .map_err(|e| EventError::Encoding { contract, why: e.to_string() })
}

impl ChainEvent {
    /// Decodes what a contract has emitted: signature and indexed values, and the other ones.
    ///
    /// # Errors
    /// If it is none of the contracts' events.
    pub fn decode(
        at: &Deployment,
        contract: Address,
        topics: &[B256],
        data: &[u8],
    ) -> Result<Self, EventError> {
        if contract == at.registry {
            decode(contract, topics, data).map(Self::Domain)
        } else if contract == at.rounds {
            decode(contract, topics, data).map(Self::Rounds)
        } else if contract == at.escrow {
            decode(contract, topics, data).map(Self::Escrow)
        } else if contract == at.reputation {
            decode(contract, topics, data).map(Self::Reputation)
        } else if contract == at.stakes {
            decode(contract, topics, data).map(Self::Stakes)
        } else if contract == at.slashing {
            decode(contract, topics, data).map(Self::Slashing)
        } else if contract == at.demands {
            decode(contract, topics, data).map(Self::Demands)
        } else if contract == at.parameters {
            decode(contract, topics, data).map(Self::Parameters)
        } else if contract == at.router {
            decode(contract, topics, data).map(Self::Router)
        } else {
            Err(EventError::Contract { got: contract })
        }
    }
}

impl ExportedLog {
    /// Decodes the event.
    ///
    /// # Errors
    /// If it is none of the contracts' events.
    pub fn event(&self, at: &Deployment) -> Result<ChainEvent, EventError> {
        ChainEvent::decode(at, self.contract, &self.topics, &self.data)
    }

    /// Decodes the event as one of a contract's.
    ///
    /// # Errors
    /// If it is none of them.
    pub fn decode<E: SolEventInterface>(&self) -> Result<E, EventError> {
        decode(self.contract, &self.topics, &self.data)
    }

    /// Whether this indexed value is a number.
    pub fn topic_is(&self, index: usize, number: u64) -> bool {
        self.topics.get(index) == Some(&B256::from(U256::from(number)))
    }

    /// Whether it is an event of this kind, by its signature.
    pub fn is<E: SolEvent>(&self) -> bool {
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
#[non_exhaustive]
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
    Drawing { round: u64 },
}
