//! When to say that a coordinator does not answer: at once, so that the owner need not guess what is
//! waited for, then less and less often.

use std::time::{Duration, Instant};

/// Between the first two times; then twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

/// A coordinator that does not answer, if it does not.
#[derive(Debug, Default)]
pub(super) struct Outage(Option<Ongoing>);

#[derive(Debug)]
struct Ongoing {
    since: Instant,
    told: Instant,
    pause: Duration,
}

/// Whether to say that something failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Announcement {
    Now {
        /// How long it has gone on.
        waited: Duration,
    },
    Lately,
}

impl Outage {
    /// An attempt has failed.
    pub(super) fn fails(&mut self, now: Instant) -> Announcement {
        let Some(ongoing) = &mut self.0 else {
            self.0 = Some(Ongoing { since: now, told: now, pause: FIRST });
            return Announcement::Now { waited: Duration::ZERO };
        };
        if now.saturating_duration_since(ongoing.told) < ongoing.pause {
            return Announcement::Lately;
        }
        ongoing.told = now;
        ongoing.pause = LONGEST.min(ongoing.pause * 2);
        Announcement::Now { waited: now.saturating_duration_since(ongoing.since) }
    }

    /// Something was answered. Whether it was missed.
    pub(super) fn ends(&mut self) -> bool {
        self.0.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_at_once_and_then_less_and_less_often() {
        let (mut trouble, begun) = (Outage::default(), Instant::now());
        assert!(!trouble.ends());
        let mut told = Vec::new();
        for second in 0..1200 {
            if let Announcement::Now { waited } = trouble.fails(begun + Duration::from_secs(second))
            {
                told.push(waited.as_secs());
            }
        }
        assert_eq!(told, [0, 5, 15, 35, 75, 155, 315, 615, 915]);
        assert!(trouble.ends() && !trouble.ends());
        let later = begun + Duration::from_secs(1200);
        assert_eq!(trouble.fails(later), Announcement::Now { waited: Duration::ZERO });
    }
}
