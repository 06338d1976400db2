//! What a round has to keep to besides its plan: the chain's deadline, and what a sum takes here.

use serde::{Deserialize, Serialize};
use zktrain_secagg::plan::Timing;
use zktrain_wire::messages::{End, Phase, Reason};

use super::{Action, Machine};

/// Elements of a mask that one thread makes and adds in a second. Measured were 13.8 million; a
/// deadline is not for an idle machine.
const STREAMED: u64 = 3_000_000;
/// Elements of vectors that are read, hashed and added in a second, one after another.
const READ: u64 = 1_500_000;
/// Elements that one thread commits to in a second, to compare a sum with its commitments.
const COMMITTED: u64 = 100_000;
/// Milliseconds that a sum may take however small it is, to recover secrets for instance.
const LEAST_MS: u64 = 10_000;

/// What the chain sets an end to, in milliseconds; none where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// Until then members deliver: after it a member that is left out has no way to deliver on
    /// chain.
    pub asked_ms: Option<u64>,
    /// By then the round has to be over, so that the chain still takes what it ended with.
    pub until_ms: Option<u64>,
}

/// What a round has to keep to besides its plan. An event like others, so that a round that is
/// replayed had the same bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// The chain's.
    pub ends: Ends,
    /// Elements of a vector.
    pub elements: u64,
    /// Threads that add up.
    pub threads: u32,
}

impl Bounds {
    /// Milliseconds that a sum over so many vectors may take, if so many members that have shared
    /// are not in it: each vector is read once, and each has its own mask and one for each of those.
    pub fn sum_ms(&self, counted: usize, dropped: usize) -> u64 {
        let (counted, dropped) = (counted as u128, dropped as u128);
        let (elements, threads) = (u128::from(self.elements), u128::from(self.threads.max(1)));
        let ms = |elements: u128, a_second: u64| {
            elements.saturating_mul(1000).div_ceil(u128::from(a_second))
        };
        let streams = counted.saturating_mul(1 + dropped).saturating_mul(elements);
        let total = ms(streams.div_ceil(threads), STREAMED)
            .saturating_add(ms(counted.saturating_mul(elements), READ))
            .saturating_add(ms(elements.div_ceil(threads), COMMITTED));
        LEAST_MS.saturating_add(u64::try_from(total).unwrap_or(u64::MAX))
    }
}

/// Milliseconds that a phase may take by a plan, for those in which members answer.
fn planned_ms(timing: &Timing, phase: Phase) -> u64 {
    let seconds = match phase {
        Phase::Keys => timing.keys,
        Phase::Shares => timing.shares,
        Phase::Uploads => timing.uploads,
        Phase::Confirm => timing.confirm,
        Phase::Unmask => timing.unmask,
        Phase::Sum | Phase::Defence | Phase::Dispute | Phase::Ended => 0,
    };
    u64::from(seconds) * 1000
}

/// The phases in which members answer if all goes well.
const ASKED: [Phase; 5] =
    [Phase::Keys, Phase::Shares, Phase::Uploads, Phase::Confirm, Phase::Unmask];

impl Machine {
    /// What the chain sets an end to, as far as is known.
    pub fn ends(&self) -> Ends {
        self.bounds.map(|bounds| bounds.ends).unwrap_or_default()
    }

    /// Whether these bounds say nothing that is not known yet.
    pub fn is_bounded_by(&self, bounds: &Bounds) -> bool {
        self.bounds.is_some_and(|known| self.tighter(*bounds) == known)
    }

    /// New bounds, with the earlier one of both ends each: a chain's deadline does not move.
    fn tighter(&self, bounds: Bounds) -> Bounds {
        let (known, new) = (self.ends(), bounds.ends);
        let earlier = |a: Option<u64>, b: Option<u64>| [a, b].into_iter().flatten().min();
        let ends = Ends {
            asked_ms: earlier(known.asked_ms, new.asked_ms),
            until_ms: earlier(known.until_ms, new.until_ms),
        };
        Bounds { ends, ..bounds }
    }

    /// Takes bounds, also for the phase under way.
    pub(super) fn bound(&mut self, bounds: Bounds, now_ms: u64) -> Vec<Action> {
        self.bounds = Some(self.tighter(bounds));
        // Once members work, what they have done is used.
        if self.phase < Phase::Uploads && self.is_hopeless(self.phase, now_ms) {
            return self.over(End::Void(Reason::CalledOff));
        }
        let (known, phase) = (self.deadline, self.phase);
        let until = match ASKED.contains(&phase) && !self.closed {
            true => self.allot(phase, now_ms, planned_ms(&self.plan.body.timing, phase)),
            false => self.ends().until_ms.unwrap_or(u64::MAX),
        };
        self.deadline = known.map(|known| known.min(until));
        Vec::new()
    }

    /// Whether the round has no time left.
    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        self.ends().until_ms.is_some_and(|until| now_ms >= until)
    }

    /// Milliseconds that are left from a phase on and those that are planned, by each end: until members
    /// have delivered, and until the sum begins. A sum may be large, but members get half of the time.
    fn times(&self, phase: Phase, now_ms: u64) -> impl Iterator<Item = (u64, u64)> + use<> {
        let plan = &self.plan.body;
        let planned = |last: Phase| -> u64 {
            let asked = ASKED.into_iter().filter(|each| (phase..=last).contains(each));
            asked.map(|each| planned_ms(&plan.timing, each)).sum()
        };
        let left = |end: u64| end.saturating_sub(now_ms);
        let Ends { asked_ms, until_ms } = self.ends();
        let sum = self.bounds.map_or(0, |bounds| bounds.sum_ms(plan.members.len(), 0));
        let delivered = asked_ms.filter(|_| phase <= Phase::Uploads);
        let delivered = delivered.map(|end| (left(end), planned(Phase::Uploads)));
        let summed = until_ms.map(|end| {
            let left = left(end);
            (left.saturating_sub(sum).max(left / 2), planned(Phase::Unmask))
        });
        [delivered, summed].into_iter().flatten()
    }

    /// Whether members would work for nothing: of the time that is planned from this phase on, less
    /// than half is left. Asked before members train; afterwards whatever time there is is used.
    pub(super) fn is_hopeless(&self, phase: Phase, now_ms: u64) -> bool {
        phase <= Phase::Uploads
            && self.times(phase, now_ms).any(|(left, planned)| left < planned / 2)
    }

    /// When something that begins now and may take so long ends: where the rest of the round does not
    /// fit, all phases get the same part of what they were to have.
    pub(super) fn allot(&mut self, phase: Phase, now_ms: u64, wanted: u64) -> u64 {
        let wanted_by = now_ms.saturating_add(wanted);
        self.shortened = false;
        if !ASKED.contains(&phase) {
            return wanted_by.min(self.ends().until_ms.unwrap_or(u64::MAX));
        }
        let fits = |(left, planned): (u64, u64)| {
            let part = u128::from(left) * u128::from(wanted) / u128::from(planned.max(1));
            u64::try_from(part).unwrap_or(u64::MAX)
        };
        let shortest = self.times(phase, now_ms).map(fits).min().unwrap_or(u64::MAX);
        self.shortened = shortest < wanted;
        now_ms.saturating_add(shortest.min(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum_ms(elements: u64, threads: u32, counted: usize, dropped: usize) -> u64 {
        Bounds { ends: Ends::default(), elements, threads }.sum_ms(counted, dropped)
    }

    #[test]
    fn a_sums_time_follows_from_parameters_members_and_cores() {
        // 171 vectors of 2,500,000 elements (10,000,000 parameters), 85 of 256 members lost, on two
        // threads: measured speeds come to 22 minutes.
        let measured = 171 * 86 * 2_500_000 / (2 * 13_800) as u64;
        let allowed = sum_ms(2_500_000, 2, 171, 85);
        assert!(allowed > 2 * measured && allowed < 10 * measured, "{allowed} {measured}");
        assert_eq!(sum_ms(0, 1, 0, 0), LEAST_MS);
        assert_eq!(sum_ms(3_000_000, 1, 2, 3), LEAST_MS + 8_000 + 4_000 + 30_000);
        assert_eq!(sum_ms(3_000_000, 4, 2, 3), LEAST_MS + 2_000 + 4_000 + 7_500);
    }

    #[test]
    fn more_work_has_more_time_and_nothing_overflows() {
        let base = sum_ms(1_000_000, 2, 10, 2);
        for more in [
            sum_ms(2_000_000, 2, 10, 2),
            sum_ms(1_000_000, 1, 10, 2),
            sum_ms(1_000_000, 2, 20, 2),
            sum_ms(1_000_000, 2, 10, 5),
        ] {
            assert!(more > base);
        }
        assert_eq!(sum_ms(u64::MAX, 0, usize::MAX, usize::MAX), u64::MAX);
    }
}
