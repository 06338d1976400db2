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

/// Draws some of these, each as likely as the others.
pub fn draw<T>(seed: B256, mut from: Vec<T>, some: usize) -> Vec<T> {
    let count = from.len();
    let some = some.min(count);
    for index in 0..some {
        let word = keccak256((seed, U256::from(index)).abi_encode());
        let place = U256::from_be_bytes(word.0) % U256::from(count - index);
        // Less than the length of a list.
        let other = index + usize::try_from(place).unwrap_or_default();
        from.swap(index, other);
    }
    from.truncate(some);
    from
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

    #[test]
    fn what_is_drawn_is_as_many_different_ones_as_there_are() {
        let all: Vec<u32> = (0..10).collect();
        let mut first = [0_u32; 10];
        for seed in 0..200_u64 {
            let seed = keccak256(seed.to_be_bytes());
            let mut some = draw(seed, all.clone(), 3);
            first[some[0] as usize] += 1;
            some.sort_unstable();
            some.dedup();
            assert_eq!(some.len(), 3);
        }
        assert!(first.iter().all(|times| (5..40).contains(times)), "{first:?}");
        let mut whole = draw(B256::ZERO, all.clone(), 16);
        whole.sort_unstable();
        assert_eq!(whole, all);
        assert!(draw(B256::ZERO, Vec::<u32>::new(), 2).is_empty());
    }
}
