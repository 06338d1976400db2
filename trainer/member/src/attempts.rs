//! How often a round is tried again.
//!
//! Trying again is safe: everything that left an owner is promised, so that the same bytes leave
//! again or none. It is bounded all the same, and once a masked vector may have left, a
//! coordinator that knows nothing of this member any more is not asked again.

use std::time::Duration;

use zktrain_wire::messages::Refusal;

use super::{OwnerError, OwnerVerdict};
use crate::Error;

/// Times that a round is tried.
const MOST: u32 = 20;
/// Between the first two tries; then twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(1);
/// Between two tries at most.
const LONGEST: Duration = Duration::from_secs(60);

/// What to do after a round has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try it again after a while.
    Again(Duration),
    /// Leave it for good.
    PassOver,
    /// Only a person can help.
    Stop,
}

/// The tries of the round under way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attempts {
    round: u64,
    failed: u32,
}

impl Attempts {
    /// What to do about an error in a round. `bound`: a masked vector may have left.
    pub fn after(&mut self, round: u64, error: &Error, bound: bool) -> Next {
        if self.round != round {
            *self = Self { round, failed: 0 };
        }
        match OwnerVerdict::of(error) {
            OwnerVerdict::Stop => Next::Stop,
            OwnerVerdict::PassOver => Next::PassOver,
            OwnerVerdict::Again if bound && is_disowned(error) => Next::PassOver,
            OwnerVerdict::Again => {
                self.failed += 1;
                match self.failed < MOST {
                    true => Next::Again(LONGEST.min(FIRST * (1 << (self.failed - 1).min(16)))),
                    false => Next::PassOver,
                }
            }
        }
    }
}

/// Whether the coordinator denies what it must know of a member whose vector it has.
fn is_disowned(error: &Error) -> bool {
    let refusal = match error {
        Error::Owner(error) => match &**error {
            OwnerError::Refused(refusal) => refusal,
            _ => return false,
        },
        Error::Peer(error) => match &**error {
            zktrain_wire::PeerError::Refused(refusal) => refusal,
            _ => return false,
        },
        _ => return false,
    };
    matches!(refusal, Refusal::Missing | Refusal::NotMember)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(refusal: Refusal) -> Error {
        OwnerError::Refused(refusal).into()
    }

    #[test]
    fn a_round_is_tried_so_often_and_then_left() {
        let mut attempts = Attempts::default();
        let error = refused(Refusal::Busy);
        let mut waited = Duration::ZERO;
        for _ in 1..MOST {
            let Next::Again(pause) = attempts.after(7, &error, true) else { panic!() };
            assert!(pause <= LONGEST);
            waited += pause;
        }
        // Long enough for a coordinator that is started anew.
        assert!(waited > Duration::from_secs(600), "{waited:?}");
        assert_eq!(attempts.after(7, &error, true), Next::PassOver);
        assert_eq!(attempts.after(8, &error, true), Next::Again(FIRST));
    }

    #[test]
    fn a_coordinator_that_denies_what_it_has_is_not_asked_again() {
        for refusal in [Refusal::Missing, Refusal::NotMember] {
            let peer = Error::Peer(Box::new(zktrain_wire::PeerError::Refused(refusal.clone())));
            for error in [refused(refusal), peer] {
                let mut attempts = Attempts::default();
                assert_eq!(attempts.after(7, &error, false), Next::Again(FIRST), "{error}");
                assert_eq!(attempts.after(7, &error, true), Next::PassOver, "{error}");
            }
        }
        let mut attempts = Attempts::default();
        for refusal in [Refusal::UnknownRound, Refusal::Busy, Refusal::Internal] {
            // The same bytes again, or none.
            let next = attempts.after(7, &refused(refusal), true);
            assert!(matches!(next, Next::Again(_)));
        }
    }

    #[test]
    fn what_a_retry_does_not_mend_is_not_retried() {
        let mut attempts = Attempts::default();
        for bound in [false, true] {
            let conflict = refused(Refusal::Conflict);
            assert_eq!(attempts.after(7, &conflict, bound), Next::PassOver);
            assert_eq!(attempts.after(7, &Error::WorkerStopped, bound), Next::Stop);
        }
    }
}
