//! How long verification takes.

use super::history::MetricsHistory;

/// Of durations in seconds; quantiles are of the values themselves (nearest rank).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// How many were measured.
    pub count: usize,
    /// Their mean. Seconds.
    pub mean: f64,
    /// Half took at most this long. Seconds.
    pub median: f64,
    /// Nine of ten took at most this long. Seconds.
    pub p90: f64,
    /// 99 of 100 took at most this long. Seconds.
    pub p99: f64,
    /// The longest. Seconds.
    pub max: f64,
}

/// The least value that so many hundredths do not exceed.
fn quantile(ascending: &[f64], hundredths: usize) -> f64 {
    let rank = (ascending.len() * hundredths).div_ceil(100).max(1);
    ascending.get(rank - 1).or(ascending.last()).copied().unwrap_or_default()
}

impl Latency {
    /// Of these durations; those that are negative or not numbers were not measured. `None`
    /// without any.
    pub fn of(seconds: impl IntoIterator<Item = f64>) -> Option<Self> {
        let measured = |value: &f64| value.is_finite() && *value >= 0.0;
        let mut ascending: Vec<f64> = seconds.into_iter().filter(measured).collect();
        ascending.sort_by(f64::total_cmp);
        let max = *ascending.last()?;
        Some(Self {
            count: ascending.len(),
            mean: ascending.iter().sum::<f64>() / ascending.len() as f64,
            median: quantile(&ascending, 50),
            p90: quantile(&ascending, 90),
            p99: quantile(&ascending, 99),
            max,
        })
    }
}

impl MetricsHistory {
    /// From a delivery's arrival to the verdict on its proof, where it was measured.
    pub fn verification_latency(&self) -> Option<Latency> {
        Latency::of(self.verdicts.iter().filter_map(|verdict| verdict.seconds))
    }

    /// From the opening of a round to its settlement, for those of the last settled rounds: how
    /// long an update takes until nobody can contest it.
    pub fn settlement_latency(&self, last: usize) -> Option<Latency> {
        let settled = self.settled(last);
        Latency::of(
            settled.filter_map(|round| Some(round.ended?.checked_sub(round.opened)? as f64)),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cases::{account, domain, round};
    use super::super::history::{DeliveryVerdict, VerdictKind};
    use super::*;

    #[test]
    fn quantiles_of_known_durations() {
        let latency = Latency::of((1..=100).rev().map(f64::from)).unwrap();
        let expected =
            Latency { count: 100, mean: 50.5, median: 50.0, p90: 90.0, p99: 99.0, max: 100.0 };
        assert_eq!(latency, expected);
        let single = Latency::of([2.0, f64::NAN, -1.0]).unwrap();
        assert_eq!((single.count, single.median, single.p99), (1, 2.0, 2.0));
        assert_eq!(Latency::of([]), None);
    }

    #[test]
    fn it_is_measured_from_verdicts_and_rounds() {
        let mut history = domain(1);
        assert_eq!(history.verification_latency(), None);
        let seconds = [Some(0.5), None, Some(1.5)];
        history.verdicts.extend(seconds.map(|seconds| DeliveryVerdict {
            round: 0,
            account: account(0),
            kind: VerdictKind::Accepted,
            seconds,
        }));
        assert_eq!(history.verification_latency().unwrap().mean, 1.0);
        history.rounds.push(round(0, &[(0, 1, true)]));
        history.rounds.push(round(1, &[(0, 1, true)]));
        history.rounds[0].ended = Some(5_000);
        assert_eq!(history.settlement_latency(1).unwrap().max, 160.0);
        assert_eq!(history.settlement_latency(2).unwrap().max, 5_000.0);
        history.rounds[1].ended = Some(1);
        assert_eq!(history.settlement_latency(1), None, "no clock runs backwards");
    }

    proptest! {
        #[test]
        fn quantiles_ascend(seconds in proptest::collection::vec(0.0..1e6f64, 1..50)) {
            let latency = Latency::of(seconds).unwrap();
            prop_assert!(latency.median <= latency.p90);
            prop_assert!(latency.p90 <= latency.p99);
            prop_assert!(latency.p99 <= latency.max);
            prop_assert!(latency.mean <= latency.max + 1e-6);
        }
    }
}
