//! How evenly something is spread: weights of contributors, rewards, stake.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, U256};

use super::history::MetricsHistory;

/// Gini coefficient: the mean difference of two values drawn at random, over twice their mean.
///
/// Unit: none. Range: 0 for equal values to `(n - 1) / n` for one that has everything. `None` if
/// there is nothing to share out, or if a value is negative or not a number.
///
/// With values in ascending order, `G = 2 sum_i i x_i / (n sum_i x_i) - (n + 1) / n`, `i` from 1.
/// Source: C. Gini, *Variabilità e mutabilità*, 1912; the formula: A. Sen, *On Economic
/// Inequality*, 1973.
pub fn gini(values: &[f64]) -> Option<f64> {
    let largest = values.iter().copied().fold(0.0, f64::max);
    let usable = values.iter().all(|value| value.is_finite() && *value >= 0.0) && largest > 0.0;
    if !usable {
        return None;
    }
    // Only ratios count; sums of values near the largest number would not be finite.
    let mut ascending: Vec<f64> = values.iter().map(|value| value / largest).collect();
    ascending.sort_by(f64::total_cmp);
    let count = ascending.len() as f64;
    let total: f64 = ascending.iter().sum();
    let ranked: f64 = (1..).zip(&ascending).map(|(rank, value)| f64::from(rank) * value).sum();
    // Rounding must not leave the range.
    Some((2.0 * ranked / (count * total) - (count + 1.0) / count).clamp(0.0, 1.0 - 1.0 / count))
}

/// How many contribute, and how evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diversity {
    /// Who contributed anything.
    pub contributors: usize,
    /// Normalised Shannon entropy `-sum_i p_i ln p_i / ln n` of the contributors' shares (Pielou's
    /// evenness). Unit: none. Range: 0 for a single contributor to 1 for equal shares.
    /// Source: C. E. Shannon, *A Mathematical Theory of Communication*, 1948; E. C. Pielou, 1966.
    pub evenness: f64,
    /// Inverse Simpson index `1 / sum_i p_i^2`: as diverse as so many contributors with equal
    /// shares. Unit: contributors. Range: 1 to `n`.
    /// Source: E. H. Simpson, *Measurement of Diversity*, Nature 1949; M. O. Hill, 1973.
    pub effective: f64,
}

impl Diversity {
    /// Of contributions; those of zero are none. `None` if there are no others, or if one is
    /// negative or not a number.
    pub fn of(values: &[f64]) -> Option<Self> {
        let largest = values.iter().copied().fold(0.0, f64::max);
        if values.iter().any(|value| !value.is_finite() || *value < 0.0) || largest <= 0.0 {
            return None;
        }
        let scaled = || values.iter().map(|value| value / largest).filter(|value| *value > 0.0);
        let total: f64 = scaled().sum();
        let (contributors, shares) = (scaled().count(), || scaled().map(|value| value / total));
        let entropy: f64 = -shares().map(|share| share * share.ln()).sum::<f64>();
        let evenness = match contributors {
            1 => 0.0,
            n => (entropy / (n as f64).ln()).clamp(0.0, 1.0),
        };
        let squares: f64 = shares().map(|share| share * share).sum();
        let effective = (1.0 / squares).clamp(1.0, contributors as f64);
        Some(Self { contributors, evenness, effective })
    }
}

impl MetricsHistory {
    /// Diversity of what went into the model in the last settled rounds: each member's weights,
    /// summed over those rounds in whose sum it is. `None` if nobody is.
    pub fn diversity(&self, last: usize) -> Option<Diversity> {
        let mut weights: BTreeMap<Address, u64> = BTreeMap::new();
        for seat in self.settled(last).flat_map(|round| &round.seats).filter(|s| s.summed) {
            *weights.entry(seat.account).or_default() += u64::from(seat.weight);
        }
        Diversity::of(&weights.values().map(|weight| *weight as f64).collect::<Vec<_>>())
    }

    /// [`gini`] of what members have earned in all rounds; a member that had a seat and earned
    /// nothing counts. What coordinators get for coordinating is not the members'. `None` if
    /// nobody has earned anything.
    pub fn rewards_gini(&self) -> Option<f64> {
        let seated = self.rounds.iter().flat_map(|round| &round.seats);
        let mut earned: BTreeMap<Address, U256> =
            seated.map(|seat| (seat.account, U256::ZERO)).collect();
        for payment in &self.payments {
            let seat = self.round(payment.round).and_then(|round| round.seat(payment.account));
            if let (true, Some(sum)) = (seat.is_some(), earned.get_mut(&payment.account)) {
                *sum = sum.saturating_add(payment.amount);
            }
        }
        gini(&earned.values().map(f64::from).collect::<Vec<_>>())
    }

    /// [`gini`] of what the members of now have at stake; members without stake count. `None` if
    /// nobody has any.
    pub fn stake_gini(&self) -> Option<f64> {
        let members: BTreeSet<Address> = self.members_now();
        let stake = |account| self.stakes.get(account).map_or(0.0, f64::from);
        gini(&members.iter().map(stake).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cases::{account, domain, round};
    use super::super::history::{Change, ChangeKind, Payment};
    use super::*;

    const CLOSE: f64 = 1e-9;

    fn close(got: Option<f64>, expected: f64) {
        let got = got.unwrap();
        assert!((got - expected).abs() < CLOSE, "{got}, not {expected}");
    }

    #[test]
    fn gini_of_known_shares() {
        close(gini(&[3.0; 7]), 0.0);
        close(gini(&[0.0, 0.0, 0.0, 12.0]), 0.75);
        close(gini(&[5.0]), 0.0);
        // By pairs: |differences| 1, 2, 1 twice each over 9 pairs, mean 2: (8/9) / 4.
        close(gini(&[1.0, 2.0, 3.0]), 2.0 / 9.0);
        close(gini(&[f64::MAX, f64::MAX]), 0.0);
        for nothing in [&[][..], &[0.0, 0.0], &[-1.0, 2.0], &[f64::NAN], &[f64::INFINITY]] {
            assert_eq!(gini(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn diversity_of_known_shares() {
        let equal = Diversity::of(&[4.0; 5]).unwrap();
        assert_eq!(equal.contributors, 5);
        close(Some(equal.evenness), 1.0);
        close(Some(equal.effective), 5.0);
        let single = Diversity::of(&[0.0, 9.0, 0.0]).unwrap();
        assert_eq!(single, Diversity { contributors: 1, evenness: 0.0, effective: 1.0 });
        // 1/2, 1/4, 1/4: entropy 1.5 bits of log2(3); squares 3/8.
        let halves = Diversity::of(&[2.0, 1.0, 1.0]).unwrap();
        close(Some(halves.evenness), 1.5 / 3f64.log2());
        close(Some(halves.effective), 8.0 / 3.0);
        assert_eq!(Diversity::of(&[]), None);
        assert_eq!(Diversity::of(&[0.0]), None);
        assert_eq!(Diversity::of(&[-1.0, 2.0]), None);
    }

    #[test]
    fn only_what_was_delivered_lately_and_settled_is_diverse() {
        let mut history = domain(3);
        history.rounds.push(round(0, &[(0, 60_000, true), (1, 5_536, true)]));
        history.rounds.push(round(1, &[(0, 32_768, true), (1, 16_384, true), (2, 16_384, false)]));
        history.rounds.push(round(2, &[(0, 32_768, true), (1, 32_768, true)]));
        history.rounds[2].outcome = super::super::history::MeasuredOutcome::Void;
        // What was delivered to the contract alone is paid, and in no sum.
        history.rounds[1].seats[2].delivered = true;
        history.rounds.push(round(3, &[(2, 1 << 16, true)]));
        history.rounds[3].outcome = super::super::history::MeasuredOutcome::Unchanged;
        let last = history.diversity(1).unwrap();
        assert_eq!(last.contributors, 2);
        close(Some(last.effective), 1.0 / (4.0 / 9.0 + 1.0 / 9.0));
        let both = history.diversity(2).unwrap();
        assert!(both.effective < last.effective);
        assert_eq!(history.diversity(9), history.diversity(2));
        assert_eq!(history.diversity(0), None);
    }

    #[test]
    fn rewards_count_for_members_and_absence_of_them_too() {
        let mut history = domain(4);
        history.rounds.push(round(0, &[(0, 1, true), (1, 1, true), (2, 1, false), (3, 1, false)]));
        let pay = |who, amount| Payment {
            round: 0,
            account: account(who),
            amount: U256::from(amount) * U256::from(10).pow(U256::from(18)),
        };
        assert_eq!(history.rewards_gini(), None);
        history.payments = vec![pay(0, 5), pay(1, 5), pay(77, 1000)];
        close(history.rewards_gini(), 0.5);
    }

    #[test]
    fn stake_counts_for_the_members_of_now() {
        let mut history = domain(3);
        history.stakes = (0..3).map(|who| (account(who), U256::from(10))).collect();
        history.stakes.insert(account(50), U256::from(100_000));
        close(history.stake_gini(), 0.0);
        history.stakes.remove(&account(2));
        close(history.stake_gini(), 1.0 / 3.0);
        history.changes.push(Change { account: account(2), kind: ChangeKind::Resigned, after: 0 });
        close(history.stake_gini(), 0.0);
    }

    proptest! {
        #[test]
        fn measures_keep_their_ranges_and_invariances(
            mut values in proptest::collection::vec(0.0..1e12f64, 1..40),
            scale in 1e-6..1e6f64,
            swap in any::<proptest::sample::Index>(),
        ) {
            let n = values.len() as f64;
            let first = gini(&values);
            let shares = Diversity::of(&values);
            values.iter_mut().for_each(|value| *value *= scale);
            let index = swap.index(values.len());
            values.swap(0, index);
            let (again, shares_again) = (gini(&values), Diversity::of(&values));
            prop_assert_eq!(first.is_some(), again.is_some());
            if let (Some(first), Some(again)) = (first, again) {
                prop_assert!((first - again).abs() < 1e-6);
                prop_assert!((0.0..=1.0 - 1.0 / n).contains(&again));
            }
            if let (Some(first), Some(again)) = (shares, shares_again) {
                prop_assert!((first.evenness - again.evenness).abs() < 1e-6);
                prop_assert!((first.effective - again.effective).abs() < 1e-6 * n);
                prop_assert!((0.0..=1.0).contains(&again.evenness));
                prop_assert!((1.0..=n).contains(&again.effective));
            }
        }

        /// Pigou and Dalton: what the poorer gets from the richer makes shares more equal.
        #[test]
        fn a_gift_to_the_poorer_is_more_equal(rich in 10.0..1e6f64, part in 0.01..0.49f64) {
            let poor = 1.0;
            let before = gini(&[rich, poor, 5.0]).unwrap();
            let gift = (rich - poor) * part;
            let after = gini(&[rich - gift, poor + gift, 5.0]).unwrap();
            prop_assert!(after < before + 1e-12);
        }
    }
}
