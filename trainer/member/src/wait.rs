//! Waiting for a coordinator, for no longer than anything can come of it.
//!
//! A coordinator that withholds a round's end would otherwise have its members keep the round's secrets
//! for good. So an owner that waits asks the chain as well, and knows how long a round can last.

use std::time::Duration;

use tokio::time::Instant;
use zktrain_secagg::plan::{Plan, Timing};
use zktrain_wire::messages::{Notice, Request, Response};

use super::ports::{Line, Watch};
use super::{OwnerError, OwnerVerdict};
use crate::Error;

/// How long a plan is waited for, which is there as soon as a round is.
pub const PLAN: Duration = Duration::from_secs(600);
/// What a coordinator may be late, with storing and on the way.
const SLACK: Duration = Duration::from_secs(60);

/// The longest time that a round with this timing lasts.
pub fn longest(timing: &Timing) -> Duration {
    Duration::from_millis(timing.longest_ms()).saturating_add(SLACK)
}

/// Somebody who waits for what a coordinator says about a round.
pub struct Wait<'a, L, W> {
    /// The coordinator.
    pub line: &'a L,
    /// Knows whether the round is over.
    pub watch: &'a W,
    pub round: u64,
    /// After this nothing is waited for.
    pub until: Instant,
}

impl<L: Line, W: Watch> Wait<'_, L, W> {
    /// Waits for a notice.
    ///
    /// # Errors
    /// [`OwnerError::Ended`] if the round is over and the coordinator does not tell of its end,
    /// [`OwnerError::Late`] if it lasts too long; if the coordinator refuses or cannot be reached.
    pub async fn notice(&self, number: u32) -> Result<Notice, Error> {
        let (round, mut over) = (self.round, false);
        loop {
            match self.line.call(Request::Notice { round, number }).await? {
                // In a round that is over nothing is answered any more.
                Response::Notice(notice) if !over || matches!(*notice, Notice::End(_)) => {
                    return Ok(*notice);
                }
                Response::Later | Response::Notice(_) if over => {
                    return Err(OwnerError::Ended { round }.into());
                }
                Response::Later => {}
                Response::Refused(refusal) => return Err(OwnerError::Refused(refusal).into()),
                _ => return Err(OwnerError::Unexpected { what: "an answer" }.into()),
            }
            over = self.is_over().await;
            if over {
                // The end may have been told in between: it is asked for once more.
                continue;
            }
            if Instant::now() >= self.until {
                return Err(OwnerError::Late { round }.into());
            }
            self.line.pause().await;
        }
    }

    /// Requires that the round still is what its plan says, right before anything is signed for it. A
    /// node that is away for a moment costs a pause, and not the work of the round.
    ///
    /// # Errors
    /// If it is not, or the node does not tell in time.
    pub async fn stands(&self, plan: &Plan) -> Result<(), Error> {
        loop {
            match self.watch.stands(plan).await {
                Err(error)
                    if OwnerVerdict::of(&error) == OwnerVerdict::Again
                        && Instant::now() < self.until =>
                {
                    tracing::warn!(round = self.round, %error, "nothing is signed yet");
                    self.line.pause().await;
                }
                told => return told,
            }
        }
    }

    /// Whether the chain says so. A node that does not answer for a while is no reason to leave.
    async fn is_over(&self) -> bool {
        self.watch.is_over(self.round).await.unwrap_or_else(|error| {
            tracing::warn!(round = self.round, %error, "the chain does not tell of the round");
            false
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use alloy::primitives::{Address, B256};
    use zktrain_chain::Finality;
    use zktrain_chain::protocol::ClientError;
    use zktrain_secagg::plan::VERSION;
    use zktrain_wire::messages::{End, Item, Reason};

    use super::*;

    const END: Notice = Notice::End(End::Void(Reason::CalledOff));

    /// A coordinator that gives these answers, the last one first, and then `Later` for ever.
    #[derive(Default)]
    struct Script {
        answers: RefCell<Vec<Response>>,
        asked: Cell<u32>,
        paused: Cell<u32>,
    }

    impl Line for Script {
        async fn call(&self, request: Request) -> Result<Response, zktrain_wire::PeerError> {
            assert_eq!(request, Request::Notice { round: 7, number: 3 });
            self.asked.set(self.asked.get() + 1);
            assert!(self.asked.get() < 100, "it spins");
            Ok(self.answers.borrow_mut().pop().unwrap_or(Response::Later))
        }

        async fn upload(&self, _: &Item, _: Vec<u8>) -> Result<(), zktrain_wire::PeerError> {
            Ok(())
        }

        async fn pause(&self) {
            self.paused.set(self.paused.get() + 1);
        }
    }

    /// A chain that says of a round that it is over, from so many questions on; before, and where it
    /// is broken, it gives no answer.
    struct Chain {
        open: Cell<u32>,
        broken: bool,
    }

    impl Watch for Chain {
        async fn is_over(&self, _round: u64) -> Result<bool, Error> {
            if self.broken {
                return Err(Error::WorkerStopped);
            }
            let open = self.open.get();
            self.open.set(open.saturating_sub(1));
            Ok(open == 0)
        }

        async fn stands(&self, plan: &Plan) -> Result<(), Error> {
            let round = plan.round;
            match self.open.get() {
                0 if self.broken => Err(ClientError::Redrawn { round }.into()),
                0 => Ok(()),
                open => {
                    self.open.set(open - 1);
                    let finality = Finality::Safe;
                    Err(ClientError::NotFinal { round, finality }.into())
                }
            }
        }
    }

    async fn wait(line: &Script, watch: &Chain, left: Duration) -> Result<Notice, Error> {
        Wait { line, watch, round: 7, until: Instant::now() + left }.notice(3).await
    }

    const LONG: Duration = Duration::from_secs(3600);

    fn member(result: Result<Notice, Error>) -> OwnerError {
        let error = result.unwrap_err();
        assert_eq!(OwnerVerdict::of(&error), OwnerVerdict::PassOver, "{error}");
        let Error::Owner(error) = error else { panic!("{error}") };
        *error
    }

    #[tokio::test]
    async fn an_owner_that_is_told_no_end_asks_the_chain() {
        let (line, chain) = (Script::default(), Chain { open: Cell::new(5), broken: false });
        let error = member(wait(&line, &chain, LONG).await);
        assert!(matches!(error, OwnerError::Ended { round: 7 }), "{error}");
        // Between two questions there is a pause, however quick the answers are; and one last question.
        assert_eq!((line.asked.get(), line.paused.get()), (7, 5));
    }

    fn plan() -> Plan {
        Plan {
            version: VERSION,
            chain_id: 1,
            rounds: Address::ZERO,
            domain: 1,
            round: 7,
            coordinator: Address::ZERO,
            spec: B256::ZERO,
            parent: B256::ZERO,
            nonce: B256::ZERO,
            system: 0,
            optimistic: true,
            threshold: 1,
            least: 1,
            members: Vec::new(),
            timing: Timing::even(1),
        }
    }

    #[tokio::test]
    async fn what_is_not_final_for_a_moment_is_waited_for_and_what_has_changed_is_not_signed() {
        let line = Script::default();
        let wait = |watch: Chain, left| {
            let (line, plan) = (&line, plan());
            async move {
                let until = Instant::now() + left;
                Wait { line, watch: &watch, round: 7, until }.stands(&plan).await
            }
        };
        wait(Chain { open: Cell::new(3), broken: false }, LONG).await.unwrap();
        assert_eq!(line.paused.get(), 3);
        let redrawn = wait(Chain { open: Cell::new(1), broken: true }, LONG).await.unwrap_err();
        assert_eq!(OwnerVerdict::of(&redrawn), OwnerVerdict::PassOver, "{redrawn}");
        let late = wait(Chain { open: Cell::new(9), broken: false }, Duration::ZERO).await;
        assert_eq!(OwnerVerdict::of(&late.unwrap_err()), OwnerVerdict::Again);
        assert_eq!(line.paused.get(), 4);
    }

    #[tokio::test]
    async fn an_end_that_is_told_late_is_an_end_and_nothing_else_is_answered() {
        let end = Response::Notice(Box::new(END));
        for (told, is_end) in
            [(end, true), (Response::Notice(Box::new(Notice::Counted(vec![]))), false)]
        {
            let answers = RefCell::new(vec![told, Response::Later]);
            let line = Script { answers, ..Script::default() };
            let over = Chain { open: Cell::new(0), broken: false };
            let result = wait(&line, &over, LONG).await;
            match is_end {
                true => assert_eq!(result.unwrap(), END),
                false => assert!(matches!(member(result), OwnerError::Ended { round: 7 })),
            }
        }
    }

    #[tokio::test]
    async fn a_round_without_an_end_is_left_when_it_lasts_too_long() {
        for broken in [false, true] {
            let (line, chain) = (Script::default(), Chain { open: Cell::new(u32::MAX), broken });
            let error = member(wait(&line, &chain, Duration::ZERO).await);
            assert!(matches!(error, OwnerError::Late { round: 7 }), "{error}");
        }
        // While there is time, a chain that does not answer is no reason to leave.
        let answers = RefCell::new(vec![Response::Notice(Box::new(END)), Response::Later]);
        let line = Script { answers, ..Script::default() };
        let chain = Chain { open: Cell::new(0), broken: true };
        assert_eq!(wait(&line, &chain, LONG).await.unwrap(), END);
        assert_eq!(line.paused.get(), 1);
    }

    #[test]
    fn no_round_that_keeps_its_times_is_left() {
        let timing = Timing { keys: 1, shares: 2, uploads: 3, confirm: 4, unmask: 5, defence: 6 };
        assert!(longest(&timing) > Duration::from_millis(timing.longest_ms()));
        let most = u32::MAX;
        let timing = Timing::even(most);
        // Nor does a time without bounds stop anybody.
        assert!(Instant::now().checked_add(longest(&timing)).is_some());
    }
}
