//! Whether, and when, an owner hands its proof in at the contract itself.

use std::str::FromStr;
use std::time::Duration;

use alloy::primitives::U256;
use zktrain_chain::protocol::Status;

/// Seconds before the deadline that a transaction should have at least.
const LEAST: u64 = 300;

/// Whether an owner ever hands a proof in itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// What the coordinator does not count is lost.
    Never,
    /// Wherever the coordinator does not answer for counting it.
    #[default]
    Always,
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "never" => Ok(Self::Never),
            "always" => Ok(Self::Always),
            _ => Err("expected `never` or `always`"),
        }
    }
}

/// When an owner pays for a transaction of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Force {
    /// Whether it ever does.
    pub when: When,
    /// How long before the deadline; by default a quarter of the time that is left once the proof is
    /// there.
    pub margin: Option<Duration>,
    /// Only for rounds that pay the owner so much.
    pub worth: U256,
}

/// Where a round stands on the chain, for one of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub status: Status,
    /// Whether what is counted is what the coordinator lists, rather than what the contract has checked.
    pub optimistic: bool,
    /// When it was opened.
    pub since: u64,
    /// Until when the contract takes proofs.
    pub deadline: u64,
    /// Until when a batch can be challenged, once there is one.
    pub challenge_end: u64,
    /// The time of the last block.
    pub time: u64,
    /// Whether the contract has this member's delivery.
    pub delivered: bool,
    /// What the member gets if it has delivered.
    pub pay: U256,
}

/// What the owner has of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The coordinator has signed that it counts the submission.
    pub receipt: bool,
    /// Nothing more comes of it: the coordinator has told its end, with a sum or without, or the owner has
    /// left it.
    pub over: bool,
}

/// What there is to do about a proof in an open round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody answers for it, or may still do so.
    Wait,
    /// Nobody else will hand it in.
    HandIn,
    /// It is not worth a transaction.
    Worthless,
    /// The contract takes it no more.
    Late,
}

impl Force {
    /// From when on a proof is handed in, whatever the coordinator says, in a round whose proof is
    /// there `now`. Some time is left in any case; in a round that has hardly any, half of it.
    pub fn due(&self, deadline: u64, now: u64) -> u64 {
        let left = deadline.saturating_sub(now);
        let margin = match self.margin {
            Some(margin) => margin.as_secs(),
            None => (left / 4).max(LEAST.min(left / 2)),
        };
        deadline.saturating_sub(margin)
    }

    /// What to do about a proof that is due at a time.
    ///
    /// A receipt binds the coordinator of an optimistic round, whose batch then names the submission.
    /// In other rounds only what the contract has checked counts; there a receipt says that the
    /// coordinator means to hand the proof in, and is worth waiting for.
    pub fn step(&self, at: &Standing, kept: Kept, now: u64, due: u64) -> Step {
        let is_safe = at.delivered || (kept.receipt && at.optimistic);
        if is_safe || self.when == When::Never {
            return Step::Wait;
        }
        if at.time > at.deadline {
            return Step::Late;
        }
        if at.pay.is_zero() || at.pay < self.worth {
            return Step::Worthless;
        }
        let is_left_out = kept.over && !kept.receipt;
        if is_left_out || now >= due { Step::HandIn } else { Step::Wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Standing = Standing {
        status: Status::Open,
        optimistic: true,
        since: 0,
        deadline: 10_000,
        challenge_end: 0,
        time: 1_000,
        delivered: false,
        pay: U256::ONE,
    };
    const NOTHING: Kept = Kept { receipt: false, over: false };

    #[test]
    fn there_is_time_left_before_the_deadline() {
        let due = |force: Force, now| force.due(10_000, now);
        let force = Force::default();
        assert_eq!(due(force, 0), 7_500, "a quarter");
        assert_eq!(due(force, 9_000), 9_700, "five minutes");
        assert_eq!(due(force, 9_800), 9_900, "half of what there is");
        assert_eq!(due(force, 10_001), 10_000);
        let own = Force { margin: Some(Duration::from_secs(600)), ..force };
        assert_eq!((due(own, 0), due(own, 9_900)), (9_400, 9_400));
        let long = Force { margin: Some(Duration::MAX), ..force };
        assert_eq!(due(long, 0), 0);
    }

    #[test]
    fn a_proof_is_handed_in_when_the_round_is_called_off_or_time_runs_out() {
        let force = Force::default();
        let step = |kept, now| force.step(&AT, kept, now, 7_500);
        assert_eq!(step(NOTHING, 7_499), Step::Wait, "it may still be counted");
        assert_eq!(step(NOTHING, 7_500), Step::HandIn, "the coordinator keeps silent");
        assert_eq!(step(Kept { over: true, ..NOTHING }, 1_000), Step::HandIn, "called off");
        for over in [false, true] {
            let counted = Kept { receipt: true, over };
            assert_eq!(step(counted, 9_999), Step::Wait, "the coordinator answers for it");
        }
        let done = Standing { delivered: true, ..AT };
        assert_eq!(force.step(&done, NOTHING, 9_999, 7_500), Step::Wait);
        let late = Standing { time: 10_001, ..AT };
        assert_eq!(force.step(&late, NOTHING, 10_001, 7_500), Step::Late);
    }

    #[test]
    fn where_contracts_check_every_proof_a_receipt_is_no_delivery() {
        let (force, eager) = (Force::default(), Standing { optimistic: false, ..AT });
        let counted = Kept { receipt: true, over: true };
        assert_eq!(force.step(&eager, counted, 7_499, 7_500), Step::Wait);
        assert_eq!(force.step(&eager, counted, 7_500, 7_500), Step::HandIn);
        // A member that is in no sum takes it from nobody: it is paid beside it.
        let left_out = Kept { receipt: false, ..counted };
        for at in [eager, AT] {
            assert_eq!(force.step(&at, left_out, 1_000, 7_500), Step::HandIn);
        }
    }

    #[test]
    fn what_pays_too_little_costs_no_transaction() {
        let worth = U256::from(5);
        let force = Force { worth, ..Force::default() };
        let step = |force: Force, pay| {
            force.step(&Standing { pay: U256::from(pay), ..AT }, NOTHING, 9_000, 7_500)
        };
        assert_eq!([4, 5].map(|pay| step(force, pay)), [Step::Worthless, Step::HandIn]);
        assert_eq!(step(Force::default(), 0), Step::Worthless, "rounds without a budget");
        assert_eq!(step(Force { when: When::Never, ..force }, 9), Step::Wait);
    }
}
