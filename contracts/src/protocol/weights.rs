//! Weights of a round's members, from their reputations.

/// The weights' sum is two to this.
pub const WEIGHT_LOG: u32 = 16;

/// `floor(2^WEIGHT_LOG · score / sum of scores)`, and one more for the first members until the
/// sum is `2^WEIGHT_LOG`. Members are in ascending order of their addresses; without a positive
/// score there are no weights.
pub fn weights(scores: &[u32]) -> Vec<u32> {
    let total: u64 = scores.iter().map(|score| u64::from(*score)).sum();
    let share = |score: &u32| (u64::from(*score) << WEIGHT_LOG).checked_div(total);
    let Some(mut shares) = scores.iter().map(share).collect::<Option<Vec<u64>>>() else {
        return Vec::new();
    };
    let rest = (1u64 << WEIGHT_LOG).saturating_sub(shares.iter().sum());
    // Fewer than there are members: each lost less than one.
    shares.iter_mut().take(usize::try_from(rest).unwrap_or_default()).for_each(|w| *w += 1);
    shares.into_iter().filter_map(|share| u32::try_from(share).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_sum_to_a_power_of_two_and_follow_the_scores() {
        for scores in [&[1][..], &[4096; 3], &[256, 65_536, 70], &[65_536; 256], &[1, 0, 5]] {
            let weights = weights(scores);
            assert_eq!(weights.len(), scores.len());
            assert_eq!(weights.iter().sum::<u32>(), 1 << WEIGHT_LOG, "{scores:?}");
        }
        assert_eq!(weights(&[4096; 3]), [21_846, 21_845, 21_845]);
        assert!(weights(&[]).is_empty());
        assert!(weights(&[0, 0]).is_empty());
    }
}
