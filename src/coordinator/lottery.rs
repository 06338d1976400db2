//! Who of those that are there is in the next round, if they are too many: drawn by weight, so that
//! newcomers are asked as well, and not always the same members sit together.
//!
//! Each member draws an exponential variable whose rate is its weight, and those with the smallest
//! are taken: weighted sampling without replacement (Efraimidis and Spirakis 2006: the largest
//! `u^(1/w)` are those with the smallest `-ln(u)/w`). `u` comes from a hash of the previous round's
//! draw and of the account. All is in integers, so that everybody gets the same from the same.

use alloy::primitives::{Address, B256, U256, keccak256};
use zktrain_chain::protocol::Candidate;

/// Bits behind the point of a logarithm.
const PRECISION: u32 = 64;

/// The members of the next round: all who are there, or as many as there may be, drawn by weight; none
/// if they are too few.
pub fn choose(
    present: Vec<Candidate>,
    least: usize,
    most: usize,
    seed: B256,
) -> Option<Vec<Address>> {
    let mut drawn: Vec<(U256, Candidate)> =
        present.into_iter().map(|c| (rank(seed, &c), c)).collect();
    // a/wa < b/wb, without dividing: 72 bits times 32.
    drawn.sort_by(|(of_a, a), (of_b, b)| {
        let (left, right) = (*of_a * weight(b), *of_b * weight(a));
        left.cmp(&right).then(a.account.cmp(&b.account))
    });
    drawn.truncate(most);
    let enough = drawn.len() >= least.max(1);
    enough.then(|| drawn.into_iter().map(|(_, c)| c.account).collect())
}

/// What the draw after a round rests on: the round's number and its nonce, which nobody knew before.
pub fn seed(round: u64, nonce: B256) -> B256 {
    keccak256([&b"zktrain members"[..], &round.to_be_bytes(), nonce.as_slice()].concat())
}

fn weight(candidate: &Candidate) -> U256 {
    U256::from(candidate.score.max(1))
}

/// `-log2(u)` for a member's `u`: which logarithm it is does not matter to an order.
fn rank(seed: B256, candidate: &Candidate) -> U256 {
    let hash = keccak256([seed.as_slice(), candidate.account.as_slice()].concat());
    U256::from(minus_log2(hash))
}

/// `-log2(u)` with [`PRECISION`] bits behind the point, rounded, of `u = (2h + 1)/2^129` in (0, 1), where
/// `h` are the first 128 bits of a hash: the integer part counts leading zeros, the bits of the fraction
/// come from squaring what is left, in [1, 2), again and again.
fn minus_log2(hash: B256) -> u128 {
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    let odd = (U256::from(u128::from_be_bytes(first)) << 1usize) | U256::ONE;
    let zeros = 129 - odd.bit_len();
    // In [1, 2), with 127 bits behind the point.
    let mut rest: U256 = (odd << zeros) >> 1usize;
    let two: U256 = U256::ONE << 128usize;
    let mut fraction: u128 = 0;
    for _ in 0..PRECISION {
        rest = (rest * rest) >> 127usize;
        fraction <<= 1;
        if rest >= two {
            rest >>= 1usize;
            fraction |= 1;
        }
    }
    // u = 2^-(zeros + 1) · (1 + …), and so -log2(u) = zeros + 1 - fraction.
    ((zeros as u128 + 1) << PRECISION) - fraction
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn candidate(n: u8, score: u32) -> Candidate {
        let account = Address::repeat_byte(n);
        Candidate { account, dataset: B256::repeat_byte(n), windows: 4, score }
    }

    #[test]
    fn logarithms_are_right() {
        for n in 0u64..500 {
            let hash = keccak256(n.to_be_bytes());
            let mut first = [0; 8];
            first.copy_from_slice(&hash[..8]);
            let u = u64::from_be_bytes(first) as f64 / 2f64.powi(64);
            let got = minus_log2(hash) as f64 / 2f64.powi(64);
            assert!((got + u.log2()).abs() < 1e-9, "{got} {u}");
        }
        let (least, most) = (minus_log2(B256::repeat_byte(0xff)), minus_log2(B256::ZERO));
        assert!(least <= 1);
        assert_eq!(most, 129 << PRECISION);
        let half: U256 = U256::ONE << 255usize;
        let got = minus_log2(B256::from(half)) as f64 / 2f64.powi(64);
        assert!((got - 1.0).abs() < 1e-12);
    }

    #[test]
    fn all_are_taken_if_there_is_room_and_none_if_they_are_too_few() {
        let all = || vec![candidate(1, 10), candidate(2, 30), candidate(3, 20)];
        assert_eq!(choose(all(), 4, 9, B256::ZERO), None);
        assert_eq!(choose(all(), 3, 9, B256::ZERO).unwrap().len(), 3);
        assert_eq!(choose(all(), 2, 2, B256::ZERO).unwrap().len(), 2);
        assert_eq!(choose(Vec::new(), 0, 9, B256::ZERO), None);
    }

    #[test]
    fn the_draw_does_not_depend_on_the_order_and_changes_with_the_round() {
        let all: Vec<Candidate> = (1..40).map(|n| candidate(n, u32::from(n) * 100)).collect();
        let mut reversed = all.clone();
        reversed.reverse();
        let one = choose(all.clone(), 2, 8, seed(1, B256::ZERO)).unwrap();
        assert_eq!(choose(reversed, 2, 8, seed(1, B256::ZERO)).unwrap(), one);
        // Also if a round had no nonce.
        assert_ne!(choose(all.clone(), 2, 8, seed(2, B256::ZERO)).unwrap(), one);
        assert_ne!(choose(all, 2, 8, seed(1, B256::repeat_byte(1))).unwrap(), one);
    }

    #[test]
    fn everybody_is_asked_and_about_in_proportion() {
        // Nine of good standing and a newcomer with a twentieth of it, of whom one is asked.
        let mut all: Vec<Candidate> = (1..10).map(|n| candidate(n, 60_000)).collect();
        all.push(candidate(10, 3_000));
        let rounds = 10_000u64;
        let mut asked = BTreeMap::<Address, u64>::new();
        for round in 0..rounds {
            let chosen = choose(all.clone(), 1, 1, seed(round, B256::ZERO)).unwrap();
            *asked.entry(chosen[0]).or_default() += 1;
        }
        let total: u64 = all.iter().map(|c| u64::from(c.score)).sum();
        for c in &all {
            let (got, expected) = (asked[&c.account] as f64, rounds as f64 * f64::from(c.score));
            let expected = expected / total as f64;
            // Six standard deviations.
            assert!((got - expected).abs() < 6.0 * expected.sqrt(), "{got} of {expected}");
        }
    }

    #[test]
    fn with_many_places_newcomers_are_asked_in_some_of_the_rounds() {
        let mut all: Vec<Candidate> = (1..=64).map(|n| candidate(n, 65_536)).collect();
        all.extend((65..=72).map(|n| candidate(n, 6_553)));
        let new = all[64].account;
        let asked = (0..200)
            .filter(|round| {
                choose(all.clone(), 16, 64, seed(*round, B256::ZERO)).unwrap().contains(&new)
            })
            .count();
        assert!((10..190).contains(&asked), "{asked} of 200");
    }
}
