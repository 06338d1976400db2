//! What keeps a coordinator from going on, told apart by what helps; and how long it waits before it
//! tries again.

use std::time::Duration;

use zktrain_chain::protocol::ClientError;
use zktrain_chain::{ChainError, FailureKind};

use super::{CoordinatorError, PAUSE};
use crate::error::Error;

/// Why it cannot go on now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// What kind of trouble, or which contract's error: it is told when this changes.
    key: String,
    /// What the readiness tells; never anything of an error's text, which may hold an
    /// address with a password.
    pub why: &'static str,
    /// What helps, for the log.
    pub advice: &'static str,
    /// The longest pause.
    most: Duration,
}

/// The chain is away for a while, and a round may be under way.
const SOON: Duration = Duration::from_secs(15);
/// Nothing changes before somebody does something.
const LATER: Duration = Duration::from_secs(60);

impl Interruption {
    /// What an error is, if trying again may help.
    pub fn of(error: &Error) -> Option<Self> {
        let error = match error {
            Error::Client(error) => &**error,
            Error::Coordinator(error) => match &**error {
                CoordinatorError::Client(error) => error,
                CoordinatorError::Stake(_) => return Some(Self::of_revert("NotCovered")),
                CoordinatorError::Contradiction { .. } => return Some(Self::contradiction()),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self::of_client(error))
    }

    fn of_client(error: &ClientError) -> Self {
        let revert = match error {
            ClientError::Chain(error) => error.revert(),
            _ => None,
        };
        if let Some(revert) = revert {
            return Self::of_revert(&revert.name);
        }
        let trouble = error.trouble();
        let poor = matches!(error, ClientError::Chain(ChainError::Funds { .. }));
        let (why, advice, most) = match trouble {
            FailureKind::Away => {
                ("the chain's node does not answer", "nothing, if it comes back", SOON)
            }
            FailureKind::Pending => ("a transaction is not mined or final yet", "nothing", SOON),
            FailureKind::Refused if poor => (
                "the account has too little ether",
                "send ether to the coordinator's account",
                LATER,
            ),
            FailureKind::Refused => {
                ("the node does not take a request or a transaction", "see the error", LATER)
            }
            FailureKind::Reverted => ("a contract refuses: see the log", "see the error", LATER),
            FailureKind::Here => {
                ("something is wrong on this side: see the log", "see the error", LATER)
            }
        };
        Self { key: format!("{trouble:?}{poor}"), why, advice, most }
    }

    /// Nothing is signed that would cost the bond; members and demands are still answered.
    fn contradiction() -> Self {
        Self {
            key: "Contradiction".into(),
            why: "a batch would contradict a receipt, and is not signed: see the log",
            advice: "restore what the store has lost before the round's last moment",
            most: LATER,
        }
    }

    /// A contract's error: its arguments may change from one attempt to the next.
    fn of_revert(name: &str) -> Self {
        let key: String = name.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        let (why, advice) = match key.as_str() {
            "NotEnoughFunds" => (
                "the domain's budget is used up: `zktrain chain domain fund`",
                "fund the domain with `zktrain chain domain fund`, or lower `budget`",
            ),
            "NotCovered" | "TooLittleOwn" | "OverLimit" => (
                "the coordinator's stake does not cover its bond",
                "stake more with `zktrain chain stake`",
            ),
            "Barred" => (
                "the coordinator was slashed in this domain, and opens no round in it any more",
                "the domain's owner names another coordinator",
            ),
            "VerifierIsStopped" => (
                "the domain's verifier is stopped",
                "nothing: no round is opened meanwhile, and one that it has kept from ending is given \
                 up a day after the stop, without harm to anybody",
            ),
            "NoRandomness" => (
                "this chain's blocks have no randomness: nothing can be drawn",
                "open the domain on another chain",
            ),
            "BadMemberCount" => (
                "of the members that are there too few are covered by their stake",
                "nothing: members are told to stake more",
            ),
            "DomainIsClosed" => ("the domain is closed", "no round is opened in it any more"),
            "Unauthorized" => {
                ("the domain has another coordinator", "stop this one, or ask the domain's owner")
            }
            "NotEverybody" => (
                "the round is proposed when its deadline has passed",
                "nothing: until then members may deliver",
            ),
            "TooLate" => (
                "a contract's time for this is over",
                "nothing: once it cannot be proposed any more, the round is ended",
            ),
            _ => ("a contract refuses: see the log", "see the error"),
        };
        Self { key, why, advice, most: LATER }
    }
}

/// How long to wait before the next attempt: twice as long each time.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
    last: Option<Interruption>,
}

impl Backoff {
    /// It failed again. How long to wait, and whether this is news.
    pub fn after(&mut self, interruption: &Interruption) -> (Duration, bool) {
        let is_news = self.last.as_ref().is_none_or(|last| last.key != interruption.key);
        if is_news {
            self.failures = 0;
            self.last = Some(interruption.clone());
        }
        let pause = PAUSE.saturating_mul(1u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1).min(31);
        (pause.min(interruption.most), is_news)
    }

    /// It succeeded. What had kept it, if anything.
    pub fn clear(&mut self) -> Option<Interruption> {
        self.failures = 0;
        self.last.take()
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256, U256};
    use alloy::transports::TransportErrorKind;
    use zktrain_ledger::Revert;

    use super::*;
    use crate::coordinator::StakeError;

    fn reverted(name: &str) -> Error {
        let revert = Revert { name: name.to_owned(), data: Vec::new() };
        ClientError::from(ChainError::Reverted(revert)).into()
    }

    fn of(error: impl Into<ChainError>) -> Interruption {
        Interruption::of(&ClientError::from(error.into()).into()).unwrap()
    }

    #[test]
    fn what_helps_is_told_apart() {
        let spent =
            Interruption::of(&reverted("NotEnoughFunds(NotEnoughFunds { domain: 1 })")).unwrap();
        assert!(spent.why.contains("zktrain chain domain fund"), "{spent:?}");
        assert!(spent.advice.contains("zktrain chain domain fund"), "{spent:?}");
        let away = of(ChainError::Node(TransportErrorKind::custom_str("refused")));
        assert_eq!(away.why, "the chain's node does not answer");
        let refused =
            Interruption::of(&reverted("NotEligible(NotEligible { domain: 1 })")).unwrap();
        assert_eq!(refused.why, "a contract refuses: see the log");
        let pending = of(ChainError::NotMined { hash: B256::ZERO, refusal: None });
        assert!(pending.why.contains("not mined"), "{pending:?}");
        let (account, needed, got) = (Address::ZERO, U256::ZERO, U256::ZERO);
        let poor = of(ChainError::Funds { account, needed, got });
        assert!(poor.why.contains("ether"), "{poor:?}");
        let stake = StakeError { bond: needed, obligations: got, missing: needed };
        let bare = Interruption::of(&CoordinatorError::from(stake).into()).unwrap();
        assert!(bare.advice.contains("zktrain chain stake"), "{bare:?}");
        let round = 7;
        let belied = CoordinatorError::Contradiction { round, account };
        let belied = Interruption::of(&belied.into()).unwrap();
        assert!(belied.why.contains("receipt"), "it goes on, and says so: {belied:?}");
        let all = [&spent, &away, &refused, &pending, &poor, &bare, &belied];
        let keys: std::collections::BTreeSet<_> =
            all.iter().map(|interruption| &interruption.key).collect();
        assert_eq!(keys.len(), all.len());
        assert_eq!(Interruption::of(&Error::WorkerStopped), None, "that does not pass");
    }

    #[test]
    fn the_same_again_waits_ever_longer_and_is_told_once() {
        let mut backoff = Backoff::default();
        let late = |now: u32| {
            let name = format!("TooLate(TooLate {{ limit: 1, now_: {now} }})");
            Interruption::of(&reverted(&name)).unwrap()
        };
        let mut pauses = Vec::new();
        for attempt in 0..40 {
            let (pause, is_news) = backoff.after(&late(attempt));
            assert_eq!(is_news, attempt == 0, "other arguments are no news");
            pauses.push(pause);
        }
        assert_eq!(pauses[..4], [PAUSE, PAUSE * 2, PAUSE * 4, PAUSE * 8]);
        assert_eq!(*pauses.last().unwrap(), LATER);
        // Something else, then the same as at first: both are news.
        let other = Interruption::of(&reverted("NotEligible")).unwrap();
        assert_eq!(backoff.after(&other), (PAUSE, true));
        assert_eq!(backoff.after(&late(0)), (PAUSE, true));
        assert_eq!(backoff.clear(), Some(late(0)));
        assert_eq!(backoff.clear(), None);
        assert_eq!(backoff.after(&late(0)), (PAUSE, true));
    }
}
