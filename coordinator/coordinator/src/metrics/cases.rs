//! Histories made by hand, for tests.

use alloy::primitives::{Address, B256};

use super::history::{
    Change, ChangeKind, MeasuredOutcome, MeasuredRound, MeasuredVersion, MetricsHistory, Seat,
};

pub fn account(number: u8) -> Address {
    Address::repeat_byte(number + 1)
}

/// A domain with these members from the start.
pub fn domain(members: u8) -> MetricsHistory {
    let joined = |who| Change { account: account(who), kind: ChangeKind::Joined, after: 0 };
    let genesis = B256::repeat_byte(0xee);
    MetricsHistory {
        genesis,
        changes: (0..members).map(joined).collect(),
        ..MetricsHistory::default()
    }
}

/// A settled round: account, weight, whether it delivered.
pub fn round(number: u64, seats: &[(u8, u32, bool)]) -> MeasuredRound {
    let seat = |(who, weight, delivered): &(u8, u32, bool)| Seat {
        account: account(*who),
        weight: *weight,
        delivered: *delivered,
        summed: *delivered,
    };
    MeasuredRound {
        number,
        coordinator: Address::repeat_byte(0xcc),
        opened: 1_000 * number,
        proposed: Some(1_000 * number + 100),
        ended: Some(1_000 * number + 160),
        outcome: MeasuredOutcome::Settled,
        seats: seats.iter().map(seat).collect(),
    }
}

/// A version of the model that continues the one before.
pub fn version(history: &MetricsHistory, round: u64) -> MeasuredVersion {
    let parent = history.versions.last().map_or(history.genesis, |version| version.model);
    let number = history.versions.len() as u64 + 1;
    let model = B256::with_last_byte(u8::try_from(number).unwrap_or(u8::MAX));
    MeasuredVersion { number, round, parent, model }
}
