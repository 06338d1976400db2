//! What the contracts draw from blocks, as `contracts/src/Rounds.sol` and `Demands.sol` draw it.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;

/// Blocks from what is drawn for to the one whose randomness draws: `Times.DRAW_DELAY`.
pub const DRAW_DELAY: u64 = 2;

/// A round's nonce. Besides the block's randomness it is of all that makes the round this one: two
/// forks may have the same randomness, and the number for different rounds.
pub fn nonce(
    random: B256,
    round: u64,
    rounds: Address,
    domain: u64,
    members: B256,
    parent: B256,
) -> B256 {
    keccak256((random, round, rounds, domain, members, parent).abi_encode())
}

/// What draws the deliveries of a round that are audited. The batch, of which this is the struct
/// hash, was proposed before anybody could know the randomness.
pub fn audit_seed(random: B256, round: u64, demands: Address, batch: B256) -> B256 {
    keccak256((random, round, demands, batch).abi_encode())
}

/// Draws some of these by weight, without putting back, in the order of the draw; all of them, as they
/// are, if they are no more: as `Lottery.sol` does.
pub fn draw<T>(seed: B256, mut from: Vec<(T, u32)>, some: usize) -> Vec<T> {
    let count = from.len();
    let drawn = if some < count { some } else { 0 };
    let mut left: u64 = from.iter().map(|(_, weight)| u64::from(*weight)).sum();
    for index in 0..drawn {
        let found = index + find(&from[index..], point(seed, index, left));
        left -= u64::from(from[found].1);
        from.swap(index, found);
    }
    from.truncate(some);
    from.into_iter().map(|(one, _)| one).collect()
}

/// A point of so much weight.
fn point(seed: B256, index: usize, left: u64) -> u64 {
    let word = U256::from_be_bytes(keccak256((seed, U256::from(index)).abi_encode()).0);
    // Less than the weight; nothing of none.
    word.checked_rem(U256::from(left)).unwrap_or_default().saturating_to()
}

/// In whose part of the weight a point is; without any weight the last one.
fn find<T>(among: &[(T, u32)], mut point: u64) -> usize {
    let last = among.len().saturating_sub(1);
    let mut beyond = |weight: u32| match point.checked_sub(u64::from(weight)) {
        Some(rest) => {
            point = rest;
            true
        }
        None => false,
    };
    among.iter().take(last).take_while(|(_, weight)| beyond(*weight)).count()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::b256;

    use super::*;

    /// A test vector, computed apart from this program.
    #[test]
    fn nonces_are_drawn_as_the_contract_draws_them() {
        let [random, members, parent] = [1, 2, 3].map(B256::repeat_byte);
        let got = nonce(random, 7, Address::repeat_byte(4), 5, members, parent);
        assert_eq!(got, b256!("e70d99febf3c37765c1e21b0182ce9924caf770b6e98348b8e589ed7a84ba97d"));
        let got = audit_seed(random, 7, Address::repeat_byte(4), members);
        assert_eq!(got, b256!("c4c37750ec3f593be139726e72881c6facc79860a46466d13d910a3bf70a77ec"));
    }

    /// A test vector, computed apart from this program; the contract's is the same.
    #[test]
    fn deliveries_are_drawn_as_the_contract_draws_them() {
        let weights = [5_u32, 1, 40, 7, 0, 12, 3, 3];
        let some = |seed, some| draw(seed, (0..).zip(weights).collect(), some);
        assert_eq!(some(B256::repeat_byte(1), 5), [5, 2, 1, 0, 7]);
        assert_eq!(some(B256::repeat_byte(2), 5), [5, 2, 7, 3, 0]);
        assert_eq!(some(B256::repeat_byte(3), 8), [0, 1, 2, 3, 4, 5, 6, 7], "all of them");
    }

    #[test]
    fn what_is_drawn_is_as_many_different_ones_as_there_are() {
        let all: Vec<(u32, u32)> = (0..10).zip([40, 1, 1, 1, 1, 1, 1, 1, 1, 1]).collect();
        let mut first = [0_u32; 10];
        for seed in 0..500_u64 {
            let seed = keccak256(seed.to_be_bytes());
            let mut some = draw(seed, all.clone(), 3);
            first[some[0] as usize] += 1;
            some.sort_unstable();
            some.dedup();
            assert_eq!(some.len(), 3);
        }
        // 40 of 49.
        assert!((370..=445).contains(&first[0]), "{first:?}");
        assert!(first[1..].iter().all(|times| *times > 0), "{first:?}");
        assert_eq!(draw(B256::ZERO, all, 16), (0..10).collect::<Vec<_>>());
        assert!(draw(B256::ZERO, Vec::<(u32, u32)>::new(), 2).is_empty());
        let weightless = (0..4).map(|one| (one, 0)).collect();
        assert_eq!(draw(B256::ZERO, weightless, 2), [3, 0]);
    }
}
