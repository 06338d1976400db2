//! What a round pays, as `contracts/src/libraries/Payments.sol` divides it.

use alloy_primitives::U256;

use super::weights::WEIGHT_LOG;

/// Basis points of one.
const ONE: u64 = 10_000;
/// Basis points of a bond that a slashed account loses at least: `Burning.LEAST` of
/// `Burning.LEAST_OWN`.
const LEAST_LOST: u64 = 2_500;

/// The coordinator's part of a budget and the members', given the coordinator's basis points.
pub fn split(budget: U256, share: u16) -> (U256, U256) {
    let coordinator = budget * U256::from(share) / U256::from(ONE);
    (coordinator, budget - coordinator)
}

/// What the coordinator gets of its part, by the weight of what is in the sum: of what was not
/// delivered it gets nothing.
pub fn coordinator(part: U256, summed: u32) -> U256 {
    (part * U256::from(summed)) >> (WEIGHT_LOG as usize)
}

/// What a member that delivered gets of the members' part, and what is burned of it, given the
/// basis points that are burned.
pub fn member(pool: U256, weight: u32, fee_rate: u16) -> (U256, U256) {
    let gross: U256 = (pool * U256::from(weight)) >> (WEIGHT_LOG as usize);
    let fee = gross * U256::from(fee_rate) / U256::from(ONE);
    (gross - fee, fee)
}

/// The most that a round may pay for making up deliveries never to pay, as `Burning.sol` has it: a quarter of
/// the coordinator's bond, which it surely loses, for each delivery that is audited; as if for one where none
/// is, and no more than the bond. In the token's least units.
pub fn most_budget(bond: u128, audits: u16) -> u128 {
    let lost = U256::from(bond) * U256::from(LEAST_LOST) / U256::from(ONE);
    (lost * U256::from(audits.max(1))).min(U256::from(bond)).saturating_to()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_bounded_by_what_is_burned_and_by_audits() {
        let most = [0, 1, 2, 3, 4, 16].map(|audits| most_budget(103, audits));
        assert_eq!(most, [25, 25, 50, 75, 100, 103]);
        assert_eq!(most_budget(u128::MAX, 16), u128::MAX);
    }

    #[test]
    fn parts_are_rounded_down_and_never_exceed_the_budget() {
        let n = |n: u64| U256::from(n);
        assert_eq!(split(n(99), 1000), (n(9), n(90)));
        assert_eq!(member(n(90), 21_846, 100), (n(30), n(0)));
        assert_eq!(member(n(90_000), 21_846, 100), (n(29_700), n(300)));
        let (coordinator, pool) = split(n(1_000_003), 333);
        let members = [21_846, 21_845, 21_845].map(|weight| member(pool, weight, 77));
        let paid: U256 = members.iter().map(|(pay, fee)| *pay + *fee).sum();
        assert!(coordinator + paid <= n(1_000_003));
        assert_eq!(member(pool, 1 << 16, 0), (pool, n(0)));
    }

    #[test]
    fn a_coordinator_gets_as_much_of_its_part_as_was_delivered() {
        let part = U256::from(100_000);
        let weights = [0, 1 << 15, 1 << 16, 10_923];
        assert_eq!(
            weights.map(|weight| coordinator(part, weight)),
            [0, 50_000, 100_000, 16_667].map(U256::from)
        );
    }
}
