//! Reputations of a domain's members, moved as `contracts/src/Reputation.sol` moves them.

use std::collections::BTreeMap;

use alloy_primitives::Address;

/// The best score.
pub const SCORE_ONE: u32 = 65_536;
/// The worst score.
pub const SCORE_LEAST: u32 = 256;
/// A newcomer's first score: the worst, so that no bad name is worth throwing away.
pub const SCORE_FIRST: u32 = SCORE_LEAST;
/// The best score of a newcomer.
pub const NEWCOMER_CAP: u32 = 16_384;
/// Settled rounds for which one is a newcomer.
pub const NEWCOMER_ROUNDS: u32 = 8;
/// A round counts for `2^-RATE` of the average.
const RATE: u32 = 3;

/// A member's standing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReputationStanding {
    /// Of [`SCORE_ONE`]; zero for an account that never joined or was slashed.
    pub score: u32,
    /// Rounds settled.
    pub rounds: u32,
    /// Slashed: the score stays zero.
    pub slashed: bool,
}

impl ReputationStanding {
    /// Whether it is a newcomer's.
    pub const fn is_new(&self) -> bool {
        self.rounds <= NEWCOMER_ROUNDS
    }
}

/// The standings of one domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standings(BTreeMap<Address, ReputationStanding>);

impl Standings {
    /// A member's standing.
    pub fn of(&self, account: Address) -> ReputationStanding {
        self.0.get(&account).copied().unwrap_or_default()
    }

    /// Gives a newcomer its first score; the score, if it has changed.
    pub fn admit(&mut self, account: Address) -> Option<u32> {
        let admitted = self.0.entry(account).or_default();
        if admitted.slashed || admitted.score != 0 {
            return None;
        }
        admitted.score = SCORE_FIRST;
        Some(SCORE_FIRST)
    }

    /// Moves a member's score after a round that had a budget (others move none); the score, if it
    /// has one.
    pub fn settle(&mut self, account: Address, delivered: bool) -> Option<u32> {
        let moved = self.0.entry(account).or_default();
        if moved.score == 0 {
            return None;
        }
        moved.rounds = moved.rounds.saturating_add(1);
        match delivered {
            true => moved.score += SCORE_ONE.saturating_sub(moved.score) >> RATE,
            false => moved.score -= moved.score >> RATE,
        }
        let most = if moved.is_new() { NEWCOMER_CAP } else { SCORE_ONE };
        moved.score = moved.score.clamp(SCORE_LEAST, most);
        Some(moved.score)
    }

    /// Sets a score to zero for good.
    pub fn ruin(&mut self, account: Address) {
        let ruined = self.0.entry(account).or_default();
        ruined.score = 0;
        ruined.slashed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: Address = Address::repeat_byte(1);

    #[test]
    fn scores_rise_to_the_newcomers_cap_and_beyond_it_only_later() {
        let mut standings = Standings::default();
        assert_eq!(standings.admit(ACCOUNT), Some(SCORE_FIRST));
        assert_eq!(standings.admit(ACCOUNT), None, "once");
        let scores: Vec<u32> = (0..10).filter_map(|_| standings.settle(ACCOUNT, true)).collect();
        assert_eq!(scores[..3], [8416, 15_556, 16_384]);
        assert_eq!(scores[7], NEWCOMER_CAP);
        assert_eq!(scores[8..], [22_528, 27_904]);
    }

    #[test]
    fn absence_costs_and_never_all() {
        let mut standings = Standings::default();
        standings.admit(ACCOUNT);
        assert_eq!(standings.settle(ACCOUNT, false), Some(SCORE_LEAST), "nothing is worse");
        standings.settle(ACCOUNT, true);
        assert_eq!(standings.settle(ACCOUNT, false), Some(7364));
        let last = (0..100).filter_map(|_| standings.settle(ACCOUNT, false)).last();
        assert_eq!(last, Some(SCORE_LEAST));
    }

    #[test]
    fn who_is_ruined_stays_so_and_strangers_have_no_score() {
        let mut standings = Standings::default();
        assert_eq!(standings.settle(ACCOUNT, true), None);
        standings.admit(ACCOUNT);
        standings.ruin(ACCOUNT);
        assert_eq!((standings.admit(ACCOUNT), standings.settle(ACCOUNT, true)), (None, None));
        assert_eq!(
            standings.of(ACCOUNT),
            ReputationStanding { score: 0, rounds: 0, slashed: true }
        );
    }
}
