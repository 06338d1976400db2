//! What has happened in a domain, as far as measures need it.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256, U256};
pub use zktrain_ledger::follow::Payment;
pub use zktrain_ledger::history::{Change, ChangeKind};

/// What has happened in a domain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsHistory {
    /// Commitment to the first model: `genesis` of the domain's configuration.
    pub genesis: B256,
    /// In the order in which they were opened.
    pub rounds: Vec<MeasuredRound>,
    /// Versions of the model after the first, in the order in which they were settled.
    pub versions: Vec<MeasuredVersion>,
    /// Who came and went, in order.
    pub changes: Vec<Change>,
    /// What settlements owe to members and coordinators, in the domain's token.
    pub payments: Vec<Payment>,
    /// What each account has at stake and is not unbonding, in the reward token's smallest unit.
    pub stakes: BTreeMap<Address, U256>,
    /// Moves of the reward token, in order; mints are from and burns to the zero address.
    pub transfers: Vec<Transfer>,
    /// Contracts that hold reward tokens for others.
    pub custody: BTreeSet<Address>,
    /// When the reward token's first epoch began: seconds since 1970.
    pub epoch_start: u64,
    /// Seconds of an epoch; zero if it is not known.
    pub epoch_length: u64,
    /// Slashes in the domain's rounds, in order.
    pub slashes: Vec<MeasuredSlash>,
    /// What the coordinator found about deliveries. No chain knows this.
    pub verdicts: Vec<DeliveryVerdict>,
}

/// A round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredRound {
    /// Its number on the chain.
    pub number: u64,
    /// Who opened it.
    pub coordinator: Address,
    /// When it was opened: seconds since 1970, of the block.
    pub opened: u64,
    /// When a sum was proposed.
    pub proposed: Option<u64>,
    /// When it was settled or voided.
    pub ended: Option<u64>,
    /// How it ended.
    pub outcome: MeasuredOutcome,
    /// Its members.
    pub seats: Vec<Seat>,
}

/// A member's place in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The member.
    pub account: Address,
    /// Its update counts so many times `2^-16`.
    pub weight: u32,
    /// Its update is in what was proposed, or was checked on chain: it is paid.
    pub delivered: bool,
    /// Its update is in the sum that was proposed. What was delivered to the contract alone is in none.
    pub summed: bool,
}

/// How a round stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasuredOutcome {
    /// Under way.
    Open,
    /// Settled: its sum is in the model.
    Settled,
    /// Settled without a sum: what was delivered is paid, and the model stays as it was.
    Unchanged,
    /// Void: it has changed no model.
    Void,
}

/// A version of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeasuredVersion {
    /// From one on.
    pub number: u64,
    /// The round that made it.
    pub round: u64,
    /// Commitment to the model before.
    pub parent: B256,
    /// Commitment to the model.
    pub model: B256,
}

/// A move of reward tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// When: seconds since 1970, of the block.
    pub time: u64,
    /// From whom; zero for a mint.
    pub from: Address,
    /// To whom; zero for a burn.
    pub to: Address,
    /// In the smallest unit.
    pub amount: U256,
}

/// In what office somebody acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A member of the round.
    Member,
    Coordinator,
}

/// A slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredSlash {
    /// In which round.
    pub round: u64,
    /// Who.
    pub account: Address,
    /// As what.
    pub role: Role,
    /// The contracts' word for it, as `invalid proof`.
    pub reason: String,
}

/// What the coordinator, or an auditor later, found about a delivery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeliveryVerdict {
    pub round: u64,
    /// Whose delivery.
    pub account: Address,
    /// What.
    pub kind: VerdictKind,
    /// From the delivery's arrival to the verdict, if it was measured.
    pub seconds: Option<f64>,
}

/// What was found about a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictKind {
    /// Its proof holds.
    Accepted,
    /// Its proof does not hold.
    Rejected,
    /// Its masked vector was not what was proven.
    Blamed,
    /// It was accepted and counted, and turned out to be wrong afterwards.
    Disproved,
}

impl MetricsHistory {
    pub fn round(&self, number: u64) -> Option<&MeasuredRound> {
        self.rounds.iter().find(|round| round.number == number)
    }

    /// The last settled rounds, oldest first.
    pub(super) fn settled(&self, last: usize) -> impl Iterator<Item = &MeasuredRound> {
        let settled =
            || self.rounds.iter().filter(|round| round.outcome == MeasuredOutcome::Settled);
        settled().skip(settled().count().saturating_sub(last))
    }
}

impl MeasuredRound {
    /// A member's place.
    pub fn seat(&self, account: Address) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.account == account)
    }
}
