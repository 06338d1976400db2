//! What the contracts fix for all domains, and what governance and owners have fixed for this one.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;

use crate::bindings::parameters::IParameters::Values;
use crate::bindings::registry::IDomainRegistry::Config;
use crate::payments::most_budget;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const TEN_MINUTES: u64 = 600;
const HALF_AN_HOUR: u64 = 1_800;

/// Most seconds from a round's opening to its deadline: `Times.MAX_DURATION`.
pub(super) const MAX_DURATION: u64 = 7 * DAY;
/// Seconds after the deadline in which a batch is proposed: `Times.PROPOSE_WINDOW`.
pub(super) const PROPOSE_WINDOW: u64 = DAY;
/// Longest challenge window: `Times.MAX_CHALLENGE`.
const MAX_CHALLENGE: u64 = 7 * DAY;
/// Seconds in which a demand is answered, and an audit drawn: `Times.ANSWER_WINDOW`.
pub(super) const ANSWER_WINDOW: u64 = DAY;
/// Seconds after which a round is over, however it went: `Times.MAX_ROUND`.
pub(super) const MAX_ROUND: u64 = MAX_DURATION + PROPOSE_WINDOW + MAX_CHALLENGE + ANSWER_WINDOW;
/// Seconds of a verifier's stop that is not made final: `VerifierRouter.STOP_TERM`.
pub(super) const STOP_TERM: u64 = 30 * DAY;
/// Seconds from a verifier's stop to the first round that is abandoned for it: `Times.GRACE`.
pub(super) const GRACE: u64 = DAY;
/// Blocks for which a chain remembers a hash (EIP-2935): `Beacon.HASHES`.
pub(super) const HASHES: u64 = 8191;
/// Most members of a round: `Rounds.MAX_MEMBERS`.
pub(super) const MAX_MEMBERS: usize = 256;
/// Basis points of one.
const ONE: u16 = 10_000;

/// The rules of a domain, and who may do what in it.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// What it was opened with.
    pub config: Option<Config>,
    /// Governance's numbers now.
    pub values: Option<Values>,
    /// To whom it is offered.
    pub offered: Option<Address>,
    /// Who opens its rounds.
    pub coordinator: Address,
    /// What closing it gives back.
    pub deposit: U256,
    /// No rounds any more.
    pub closed: bool,
}

impl Rules {
    /// Fee and burn share that a round keeps that is opened now.
    pub fn now(&self, reward: Address) -> (u16, u16) {
        let Some(values) = &self.values else { return (0, 0) };
        let burnable = self.config.as_ref().is_some_and(|config| config.token == reward);
        (if burnable { values.settlementFee } else { 0 }, values.burnShare)
    }
}

/// Why a domain could not have been opened like this; none if it could. As
/// `DomainRegistry._requireValid`, but for the token's code.
pub(super) fn refused(
    config: &Config,
    values: Option<&Values>,
    reward: Address,
) -> Option<&'static str> {
    let (optimistic, window) = (config.optimistic, config.challengeWindow);
    let least = if optimistic { HOUR } else { HALF_AN_HOUR };
    let bonds = values.is_none_or(|values| {
        config.trainerBond >= values.trainerBond && config.coordinatorBond >= values.coordinatorBond
    });
    let unbounded = !(optimistic && config.token == reward);
    let most = most_budget(config.coordinatorBond, config.audits);
    let rules = [
        ("manifest", !config.manifest.is_zero()),
        ("genesis", !config.genesis.is_zero()),
        ("coordinator", !config.coordinator.is_zero()),
        ("challengeWindow", (least..=MAX_CHALLENGE).contains(&window)),
        ("trainerBond or coordinatorBond", bonds),
        ("coordinatorShare", config.coordinatorShare <= ONE),
        ("minMembers", (1..=MAX_MEMBERS).contains(&usize::from(config.minMembers))),
        ("maxBudget", unbounded || config.maxBudget <= most),
        ("minBudget", (1..=config.maxBudget).contains(&config.minBudget)),
        ("minDuration", (TEN_MINUTES..=MAX_DURATION).contains(&config.minDuration)),
        ("minWindows", config.minWindows > 0),
        ("threshold", (ONE / 2..ONE).contains(&config.threshold)),
        ("audits", config.audits <= if optimistic { 16 } else { 0 }),
        ("uri", config.uri.len() <= 256),
    ];
    rules.into_iter().find(|(_, holds)| !holds).map(|(field, _)| field)
}

/// The upper half of the numbers of a contract's rounds.
pub(super) fn series(chain_id: u64, rounds: Address) -> u64 {
    let name: B256 = keccak256((U256::from(chain_id), rounds).abi_encode());
    name.iter().take(4).fold(0, |half, byte| (half << 8) | u64::from(*byte))
}
