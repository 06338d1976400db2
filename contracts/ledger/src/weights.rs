//! Weights of a round's members, from their reputations, as `contracts/src/libraries/Weights.sol`
//! gives them.

use super::reputation::ReputationStanding;

/// The weights' sum is two to this.
pub const WEIGHT_LOG: u32 = 16;
/// Beside so many others newcomers have at most a quarter of a round's weight together.
pub const LEAST_VETERANS: usize = 4;

/// All of the weight.
const WHOLE: u64 = 1 << WEIGHT_LOG;

/// `floor(2^WEIGHT_LOG · score / sum of scores)`, and one more for the first members until the
/// sum is `2^WEIGHT_LOG`. Where there are [`LEAST_VETERANS`], and newcomers would have more than a
/// quarter, a quarter is shared so among newcomers, and the rest among the others. Members are in
/// ascending order of their addresses; without a positive score there are no weights.
pub fn weights(members: &[ReputationStanding]) -> Vec<u32> {
    let is_new: Vec<bool> = members.iter().map(ReputationStanding::is_new).collect();
    let sum = |of: bool| -> u64 {
        let scores = members.iter().zip(&is_new).filter(|(_, new)| **new == of);
        scores.map(|(member, _)| u64::from(member.score)).sum()
    };
    let (others, newcomers) = (sum(false), sum(true));
    let veterans = is_new.iter().filter(|new| !**new).count();
    let shares = if veterans >= LEAST_VETERANS && 3 * newcomers > others {
        let quarter = WHOLE / 4;
        let [new, old] = [(true, quarter), (false, WHOLE - quarter)].map(|(of, total)| {
            let is_in: Vec<bool> = is_new.iter().map(|new| *new == of).collect();
            share(members, &is_in, total)
        });
        // Each has nothing where the other has something.
        new.zip(old).map(|(new, old)| new.iter().zip(old).map(|(a, b)| a + b).collect())
    } else {
        share(members, &vec![true; members.len()], WHOLE)
    };
    let shares = shares.unwrap_or_default();
    shares.into_iter().filter_map(|share| u32::try_from(share).ok()).collect()
}

/// Gives a group `floor(total · score / sum)` each, and one more to its first members until it has
/// `total`; nothing to the others. None if the group has no score.
fn share(members: &[ReputationStanding], is_in: &[bool], total: u64) -> Option<Vec<u64>> {
    let score = |(member, is_in): (&ReputationStanding, &bool)| {
        if *is_in { u64::from(member.score) } else { 0 }
    };
    let scores: Vec<u64> = members.iter().zip(is_in).map(score).collect();
    let sum: u64 = scores.iter().sum();
    let floor = |score: &u64| (score * total).checked_div(sum);
    let mut shares = scores.iter().map(floor).collect::<Option<Vec<u64>>>()?;
    let rest = total.saturating_sub(shares.iter().sum());
    // Fewer than the group has members: each lost less than one.
    let of_group = shares.iter_mut().zip(is_in).filter(|(_, is_in)| **is_in);
    let first = of_group.take(usize::try_from(rest).unwrap_or_default());
    first.for_each(|(share, _)| *share += 1);
    Some(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reputation::{NEWCOMER_CAP, NEWCOMER_ROUNDS, SCORE_LEAST, SCORE_ONE};

    fn standing(score: u32, rounds: u32) -> ReputationStanding {
        ReputationStanding { score, rounds, slashed: false }
    }

    fn veterans(scores: &[u32]) -> Vec<ReputationStanding> {
        scores.iter().map(|score| standing(*score, NEWCOMER_ROUNDS + 1)).collect()
    }

    #[test]
    fn they_sum_to_a_power_of_two_and_follow_the_scores() {
        for scores in [&[1][..], &[4096; 3], &[256, 65_536, 70], &[65_536; 256], &[1, 0, 5]] {
            let weights = weights(&veterans(scores));
            assert_eq!(weights.len(), scores.len());
            assert_eq!(weights.iter().sum::<u32>(), 1 << WEIGHT_LOG, "{scores:?}");
        }
        assert_eq!(weights(&veterans(&[4096; 3])), [21_846, 21_845, 21_845]);
        assert!(weights(&[]).is_empty());
        assert!(weights(&veterans(&[0, 0])).is_empty());
    }

    #[test]
    fn newcomers_have_a_quarter_together_beside_four_others() {
        let sum = |weights: &[u32]| weights.iter().sum::<u32>();
        for newcomers in [1, 50, 252] {
            let mut members = veterans(&[SCORE_LEAST; LEAST_VETERANS]);
            members.extend(vec![standing(NEWCOMER_CAP, NEWCOMER_ROUNDS); newcomers]);
            let capped = weights(&members);
            assert_eq!(sum(&capped[LEAST_VETERANS..]), 1 << 14, "{newcomers}");
            assert_eq!(sum(&capped), 1 << WEIGHT_LOG);
            assert!(capped.iter().all(|weight| *weight > 0));
            // One veteran less: nobody is capped.
            assert!(sum(&weights(&members[1..])[LEAST_VETERANS - 1..]) > 1 << 14);
        }
        // Who has less than a quarter by its score has it by its score.
        let mut members = veterans(&[SCORE_ONE; LEAST_VETERANS]);
        members.push(standing(SCORE_LEAST, 0));
        assert_eq!(weights(&members), [16_369, 16_368, 16_368, 16_368, 63]);
    }
}
