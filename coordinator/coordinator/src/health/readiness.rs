//! What the parts of a coordinator say about themselves.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// A part without which a coordinator cannot do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Component {
    /// Keeps what was acknowledged.
    Store,
    /// The chain's node.
    Chain,
    /// What drives rounds.
    Driver,
}

impl Component {
    const ALL: [Self; 3] = [Self::Store, Self::Chain, Self::Driver];
}

#[derive(Clone, Copy, Debug)]
struct LastReport {
    at: Instant,
    /// Why it does not work; a fixed text, as errors can hold addresses with passwords.
    fault: Option<&'static str>,
}

/// What the parts have said last.
#[derive(Debug)]
pub struct Readiness {
    patience: Duration,
    heard: Mutex<BTreeMap<Component, LastReport>>,
}

/// Whether all parts work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadinessReport {
    /// They do.
    pub ready: bool,
    /// Each of them.
    pub parts: BTreeMap<Component, ComponentReport>,
}

/// Whether a part works.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComponentReport {
    /// It does.
    pub ready: bool,
    /// Seconds since it was heard of; none if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard_seconds_ago: Option<f64>,
    /// Why it does not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

impl Readiness {
    /// Nothing was heard yet. A part that is not heard of for longer than `patience` counts as
    /// failed.
    pub fn new(patience: Duration) -> Self {
        Self { patience, heard: Mutex::default() }
    }

    pub fn works(&self, part: Component) {
        self.hear(part, LastReport { at: Instant::now(), fault: None });
    }

    /// A part does not work. Anybody who asks is shown `reason`.
    pub fn fails(&self, part: Component, reason: &'static str) {
        self.hear(part, LastReport { at: Instant::now(), fault: Some(reason) });
    }

    fn hear(&self, part: Component, heard: LastReport) {
        // A map of plain values is whole whatever thread has died meanwhile.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(part, heard);
    }

    /// Whether all parts work at this moment.
    pub fn report(&self, now: Instant) -> ReadinessReport {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let state = |part: Component| (part, self.state(heard.get(&part), now));
        let parts: BTreeMap<_, _> = Component::ALL.into_iter().map(state).collect();
        ReadinessReport { ready: parts.values().all(|part| part.ready), parts }
    }

    fn state(&self, heard: Option<&LastReport>, now: Instant) -> ComponentReport {
        let age = heard.map(|heard| now.saturating_duration_since(heard.at));
        let reason = match (heard.and_then(|heard| heard.fault), age) {
            (_, None) => Some("not started"),
            (Some(fault), _) => Some(fault),
            (None, Some(age)) if age > self.patience => Some("not heard of for too long"),
            (None, Some(_)) => None,
        };
        let heard_seconds_ago = age.map(|age| age.as_secs_f64());
        ComponentReport { ready: reason.is_none(), heard_seconds_ago, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_must_work_and_keep_saying_so() {
        let readiness = Readiness::new(Duration::from_secs(30));
        let now = Instant::now;
        assert!(!readiness.report(now()).ready);
        readiness.works(Component::Store);
        readiness.works(Component::Chain);
        let report = readiness.report(now());
        assert!(!report.ready);
        assert_eq!(report.parts[&Component::Driver].reason, Some("not started"));
        readiness.works(Component::Driver);
        assert!(readiness.report(now()).ready);
        let late = readiness.report(now() + Duration::from_secs(31));
        assert!(!late.ready);
        assert_eq!(late.parts[&Component::Store].reason, Some("not heard of for too long"));
        readiness.fails(Component::Chain, "no answer");
        let report = readiness.report(now());
        assert_eq!(report.parts[&Component::Chain].reason, Some("no answer"));
        assert!(!report.ready && report.parts[&Component::Store].ready);
        readiness.works(Component::Chain);
        assert!(readiness.report(now()).ready);
    }
}
