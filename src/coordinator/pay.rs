//! What a round pays: a part of the budget in any case, and the rest by how much the last version
//! improved the model on rows that nobody trains on.

/// The budget has so many parts: rounding is the same on all machines.
const PARTS: u32 = 1_000_000;

/// The coordinator's policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pay {
    /// What a round pays at most.
    pub budget: u128,
    /// The part of it that every round pays.
    pub least: f64,
    /// The improvement that earns all of it.
    pub full_at: f64,
}

impl Pay {
    /// Whether improvement matters.
    pub fn is_by_improvement(&self) -> bool {
        self.least < 1.0
    }

    /// The next round's budget, by the improvement of the last version. As long as there is none
    /// but the first, all of it.
    pub fn next(&self, improvement: Option<f64>) -> u128 {
        let earned = improvement.map_or(1.0, |by| (by / self.full_at).clamp(0.0, 1.0));
        // What is no number has earned nothing.
        let earned = if earned.is_nan() { 0.0 } else { earned };
        let part = self.least + (1.0 - self.least) * earned;
        // At most `PARTS`.
        let parts = u128::from((part * f64::from(PARTS)).round() as u32).min(PARTS.into());
        let (whole, rest) = (self.budget / u128::from(PARTS), self.budget % u128::from(PARTS));
        whole * parts + rest * parts / u128::from(PARTS)
    }
}

/// By which part of itself the lowest loss so far has fallen; negative if the loss is higher.
/// Compared with the lowest, a model that gets worse and recovers has improved nothing. None if
/// there is nothing to compare.
pub fn improvement(before: impl IntoIterator<Item = f64>, loss: f64) -> Option<f64> {
    let lowest = before.into_iter().filter(|loss| loss.is_finite()).reduce(f64::min)?;
    // A loss of zero cannot fall.
    let by = if lowest > 0.0 { (lowest - loss) / lowest } else { 0.0 };
    // Six digits, which a file of text keeps.
    let by = (by * f64::from(PARTS)).round() / f64::from(PARTS);
    by.is_finite().then_some(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAY: Pay = Pay { budget: 1_000, least: 0.4, full_at: 0.1 };

    #[test]
    fn a_part_is_paid_in_any_case_and_all_for_enough_improvement() {
        for (improvement, budget) in [
            (None, 1_000),
            (Some(0.0), 400),
            (Some(-0.3), 400),
            (Some(0.05), 700),
            (Some(0.1), 1_000),
            (Some(0.7), 1_000),
            (Some(f64::NAN), 400),
            (Some(f64::INFINITY), 1_000),
            (Some(f64::NEG_INFINITY), 400),
        ] {
            assert_eq!(PAY.next(improvement), budget, "{improvement:?}");
        }
    }

    #[test]
    fn more_improvement_is_never_paid_less() {
        let paid: Vec<u128> = (-20..=120).map(|at| PAY.next(Some(f64::from(at) / 1e3))).collect();
        assert!(paid.is_sorted());
        assert!(paid.iter().all(|budget| (400..=1_000).contains(budget)));
    }

    #[test]
    fn nothing_overflows_and_nothing_is_lost() {
        let most = Pay { budget: u128::MAX, ..PAY };
        assert_eq!(most.next(None), u128::MAX);
        assert!(most.next(Some(0.0)) < u128::MAX / 2);
        let none = Pay { budget: 0, ..PAY };
        assert_eq!(none.next(Some(0.05)), 0);
        let one = Pay { budget: 1, ..PAY };
        assert_eq!((one.next(None), one.next(Some(0.05))), (1, 0));
        let always = Pay { least: 1.0, ..PAY };
        assert!(!always.is_by_improvement() && PAY.is_by_improvement());
        for improvement in [None, Some(-1.0), Some(f64::NAN)] {
            assert_eq!(always.next(improvement), 1_000);
        }
        let odd = Pay { budget: 999_999_999_999_999_999_999, ..PAY };
        assert_eq!(odd.next(None), odd.budget);
    }

    #[test]
    fn improvement_is_over_the_best_so_far() {
        assert_eq!(improvement([], 0.5), None);
        assert_eq!(improvement([0.8], 0.6), Some(0.25));
        assert_eq!(improvement([0.8], 1.2), Some(-0.5));
        // Worse, then as before, then better than ever.
        assert_eq!(improvement([0.8, 0.4, 0.6], 0.4), Some(0.0));
        assert_eq!(improvement([0.8, 0.4, 0.6], 0.3), Some(0.25));
    }

    #[test]
    fn what_cannot_be_measured_has_improved_nothing() {
        assert_eq!(improvement([0.0], 0.0), Some(0.0));
        assert_eq!(improvement([0.5, 0.0], 0.1), Some(0.0));
        assert_eq!(improvement([0.5], f64::NAN), None);
        assert_eq!(improvement([0.5], f64::INFINITY), None);
        assert_eq!(improvement([f64::NAN, 0.5], 0.25), Some(0.5));
        assert_eq!(improvement([f64::NAN], 0.25), None);
    }

    #[test]
    fn text_keeps_improvements() {
        for loss in (1..400).map(|n| f64::from(n) * 0.001_7) {
            let by = improvement([std::f64::consts::LN_2], loss).unwrap();
            let read: f64 = serde_json::from_str(&serde_json::to_string(&by).unwrap()).unwrap();
            assert_eq!(read, by);
        }
    }
}
