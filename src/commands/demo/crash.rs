//! Crashes on purpose: processes of the network that are killed in the middle of a round.

use std::collections::VecDeque;

/// A process that is killed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// In which round, counted from one.
    round: usize,
    /// Once the coordinator has logged this of it.
    after: &'static str,
    /// `coordinator`, or an owner.
    pub who: &'static str,
}

/// What the coordinator logs first of a round.
const OPENED: &str = ": opened round=";
/// Who coordinates.
pub const COORDINATOR: &str = "coordinator";

/// The coordinator while members train, as soon as a round is open, and between proposing and
/// settling; an owner while it trains.
const ALL: [Crash; 4] = [
    Crash { round: 1, after: "phase=Uploads", who: COORDINATOR },
    Crash { round: 2, after: "members=", who: COORDINATOR },
    Crash { round: 3, after: "phase=Uploads", who: "bob" },
    Crash { round: 4, after: ": proposed round=", who: COORDINATOR },
];

/// Crashes that are still to come, in their order.
#[derive(Clone, Debug, Default)]
pub struct Crashes(VecDeque<Crash>);

impl Crashes {
    /// All of them.
    pub fn all() -> Self {
        Self(ALL.into())
    }

    /// The next one, if the coordinator's log says that it is time.
    pub fn due(&mut self, log: &str) -> Option<Crash> {
        let next = self.0.front()?;
        let reached = log.split(OPENED).nth(next.round).is_some_and(|log| log.contains(next.after));
        if reached { self.0.pop_front() } else { None }
    }

    /// How many are still to come.
    pub fn left(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_once_in_its_round() {
        let mut crashes = Crashes::all();
        let mut log = String::from("x: ready\n");
        assert_eq!(crashes.due(&log), None);
        log.push_str("x: opened round=7 members=5\n");
        assert_eq!(crashes.due(&log), None);
        log.push_str("x: phase round=7 phase=Uploads\n");
        assert_eq!(crashes.due(&log), Some(ALL[0]));
        assert_eq!(crashes.due(&log), None, "members of the first round do not count");
        log.push_str("x: opened round=8 members=5\n");
        assert_eq!(crashes.due(&log), Some(ALL[1]));
        assert_eq!(crashes.due(&log), None);
        assert_eq!(crashes.left(), 2);
    }
}
