//! The state of a running coordinator, and the measures, for Prometheus.
//!
//! Names start with `zktrain_`, units are base units, as the OpenMetrics specification asks.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use zktrain_wire::messages::Phase;

use super::export::MeasureGauges;
use super::labels::{
    Direction, Ending, Judgement, Label, MemberState, Misdeed, PHASES, Sending, Standing, Table,
};
use super::measures::Measures;

pub(super) type Real = Gauge<f64, AtomicU64>;
type Timers = Family<Label, Histogram, fn() -> Histogram>;

/// From a millisecond to ten minutes: a single proof, and a queue of them.
const VERIFICATION: [f64; 13] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0, 180.0, 600.0];
/// From 0.1 milliseconds to ten seconds.
const STORE: [f64; 11] = [1e-4, 5e-4, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];
/// From a second to a day.
const PHASE: [f64; 11] =
    [1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1_800.0, 3_600.0, 10_800.0, 43_200.0, 86_400.0];

fn store_timer() -> Histogram {
    Histogram::new(STORE)
}

fn phase_timer() -> Histogram {
    Histogram::new(PHASE)
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The state of a running coordinator, and the last measures. All of it is safe to use from many
/// threads at once.
#[derive(Debug)]
pub struct ProcessMetrics {
    registry: Registry,
    round: Gauge<u64, AtomicU64>,
    deadline: Real,
    standings: Family<Label, Gauge>,
    store_bytes: Gauge<u64, AtomicU64>,
    queue_age: Real,
    phase: Family<Label, Gauge>,
    phase_seconds: Timers,
    members: Family<Label, Gauge>,
    rounds: Family<Label, Counter>,
    misdeeds: Family<Label, Counter>,
    proofs: Family<Label, Counter>,
    verification: Histogram,
    bytes: Family<Label, Counter>,
    connections: Gauge,
    store: Timers,
    transactions: Family<Label, Counter>,
    jobs: Gauge,
    block: Gauge<u64, AtomicU64>,
    block_time: Real,
    measures: MeasureGauges,
}

impl Default for ProcessMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl ProcessMetrics {
    /// With nothing counted yet.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("zktrain");
        let measures = MeasureGauges::register(&mut registry);
        let mut new = Self {
            registry,
            round: Gauge::default(),
            deadline: Real::default(),
            standings: Family::default(),
            store_bytes: Gauge::default(),
            queue_age: Real::default(),
            phase: Family::default(),
            phase_seconds: Family::new_with_constructor(phase_timer),
            members: Family::default(),
            rounds: Family::default(),
            misdeeds: Family::default(),
            proofs: Family::default(),
            verification: Histogram::new(VERIFICATION),
            bytes: Family::default(),
            connections: Gauge::default(),
            store: Family::new_with_constructor(store_timer),
            transactions: Family::default(),
            jobs: Gauge::default(),
            block: Gauge::default(),
            block_time: Real::default(),
            measures,
        };
        new.start();
        new.register_rounds();
        new.register_process();
        new
    }

    /// Counters exist from the start: a rate over one that appears later misses its first events.
    fn start(&self) {
        PHASES.iter().for_each(|(_, label)| drop(self.phase.get_or_create(label)));
        MemberState::ALL.iter().for_each(|state| self.set_members(*state, 0));
        Standing::ALL.iter().for_each(|state| self.set_standing(*state, 0));
        Ending::ALL.iter().for_each(|ending| drop(self.rounds.get_or_create(&ending.label())));
        Misdeed::ALL.iter().for_each(|kind| drop(self.misdeeds.get_or_create(&kind.label())));
        Judgement::ALL.iter().for_each(|which| drop(self.proofs.get_or_create(&which.label())));
        Direction::ALL.iter().for_each(|which| self.bytes(*which, 0));
        Sending::ALL.iter().for_each(|fate| drop(self.transactions.get_or_create(&fate.label())));
    }

    fn register_rounds(&mut self) {
        let to = &mut self.registry;
        to.register("round", "Number of the round under way, 0 for none", self.round.clone());
        to.register_with_unit(
            "round_deadline_timestamp",
            "When the chain stops taking what the round under way ends with, since 1970; 0 for none",
            Unit::Seconds,
            self.deadline.clone(),
        );
        to.register("members", "Members of the domain by their standing", self.standings.clone());
        to.register("round_phase", "1 for the phase that the round is in", self.phase.clone());
        to.register_with_unit(
            "phase_duration",
            "How long phases of rounds took",
            Unit::Seconds,
            self.phase_seconds.clone(),
        );
        to.register(
            "round_members",
            "Members of the round that have come so far",
            self.members.clone(),
        );
        to.register("rounds", "Rounds that this process has ended", self.rounds.clone());
        to.register("misdeeds", "What members did wrong", self.misdeeds.clone());
        to.register("proofs", "Proofs that were checked", self.proofs.clone());
        to.register_with_unit(
            "proof_verification",
            "From a proof's arrival to the verdict on it",
            Unit::Seconds,
            self.verification.clone(),
        );
    }

    fn register_process(&mut self) {
        let to = &mut self.registry;
        to.register_with_unit(
            "network",
            "Bytes exchanged with owners",
            Unit::Bytes,
            self.bytes.clone(),
        );
        to.register("connections", "Owners that are connected", self.connections.clone());
        to.register_with_unit(
            "store_operation",
            "How long the store takes",
            Unit::Seconds,
            self.store.clone(),
        );
        to.register_with_unit(
            "store",
            "Bytes of the store's files; 0 where it is no file",
            Unit::Bytes,
            self.store_bytes.clone(),
        );
        to.register_with_unit(
            "queue_age",
            "How long the oldest delivery without a verdict has waited",
            Unit::Seconds,
            self.queue_age.clone(),
        );
        to.register("transactions", "Transactions that were sent", self.transactions.clone());
        to.register("jobs", "Proofs and sums that are under way or wait", self.jobs.clone());
        to.register("chain_block", "Number of the chain's last known block", self.block.clone());
        to.register_with_unit(
            "chain_block_timestamp",
            "When that block was made, since 1970",
            Unit::Seconds,
            self.block_time.clone(),
        );
    }

    /// The round under way, or none.
    pub fn set_round(&self, round: Option<u64>) {
        self.round.set(round.unwrap_or_default());
    }

    /// When the chain stops taking what the round under way ends with, in seconds since 1970.
    pub fn set_deadline(&self, time: Option<u64>) {
        self.deadline.set(time.unwrap_or_default() as f64);
    }

    /// So many members of the domain stand like this.
    pub fn set_standing(&self, state: Standing, count: usize) {
        self.standings.get_or_create(&state.label()).set(whole(count));
    }

    /// The store's files have so many bytes.
    pub fn set_store_bytes(&self, bytes: u64) {
        self.store_bytes.set(bytes);
    }

    /// The oldest delivery without a verdict has waited so long.
    pub fn set_queue_age(&self, age: Duration) {
        self.queue_age.set(age.as_secs_f64());
    }

    /// The phase that the round is in.
    pub fn set_phase(&self, phase: Phase) {
        for (each, label) in PHASES {
            self.phase.get_or_create(label).set(i64::from(*each == phase));
        }
    }

    /// A phase is over.
    pub fn phase_ended(&self, phase: Phase, took: Duration) {
        if let Some((_, label)) = PHASES.iter().find(|(each, _)| *each == phase) {
            self.phase_seconds.get_or_create(label).observe(took.as_secs_f64());
        }
    }

    /// So many members of the round have come so far.
    pub fn set_members(&self, state: MemberState, count: usize) {
        self.members.get_or_create(&state.label()).set(whole(count));
    }

    /// A round is over.
    pub fn round_ended(&self, ending: Ending) {
        self.rounds.get_or_create(&ending.label()).inc();
    }

    /// A member did something wrong.
    pub fn misdeed(&self, kind: Misdeed) {
        self.misdeeds.get_or_create(&kind.label()).inc();
    }

    /// A proof was checked, so long after it had arrived.
    pub fn proof(&self, judgement: Judgement, took: Duration) {
        self.proofs.get_or_create(&judgement.label()).inc();
        self.verification.observe(took.as_secs_f64());
    }

    /// Bytes were exchanged with owners.
    pub fn bytes(&self, direction: Direction, count: u64) {
        self.bytes.get_or_create(&direction.label()).inc_by(count);
    }

    /// So many owners are connected.
    pub fn set_connections(&self, count: usize) {
        self.connections.set(whole(count));
    }

    /// The store took so long.
    pub fn store(&self, table: Table, took: Duration) {
        self.store.get_or_create(&table.label()).observe(took.as_secs_f64());
    }

    /// So many more transactions were sent.
    pub fn transactions(&self, fate: Sending, count: u64) {
        self.transactions.get_or_create(&fate.label()).inc_by(count);
    }

    /// So many proofs and sums are under way or wait.
    pub fn set_jobs(&self, jobs: usize) {
        self.jobs.set(whole(jobs));
    }

    /// The chain's last known block; `time` in seconds since 1970.
    pub fn set_block(&self, number: u64, time: u64) {
        self.block.set(number);
        self.block_time.set(time as f64);
    }

    /// What a history comes to, as computed now.
    pub fn set_measures(&self, measures: &Measures) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.measures.set(measures, now.as_secs_f64());
    }

    /// All of it in the OpenMetrics text format, version 1.0.0.
    ///
    /// # Errors
    /// If there is no memory for the text.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::{domain, round, version};
    use super::*;

    #[test]
    fn everything_is_there_from_the_start_and_counts() {
        let metrics = ProcessMetrics::new();
        let before = metrics.render().unwrap();
        assert!(before.contains("zktrain_proofs_total{verdict=\"rejected\"} 0"), "{before}");
        assert!(before.contains("zktrain_network_bytes_total{direction=\"in\"} 0"), "{before}");
        assert!(before.contains("zktrain_rewards_gini NaN"), "{before}");
        metrics.set_round(Some(u64::MAX));
        metrics.set_phase(Phase::Unmask);
        metrics.phase_ended(Phase::Keys, Duration::from_secs(2));
        metrics.set_members(MemberState::Counted, 4);
        metrics.round_ended(Ending::Void);
        metrics.misdeed(Misdeed::Blamed);
        metrics.proof(Judgement::Rejected, Duration::from_millis(30));
        metrics.bytes(Direction::In, 70);
        metrics.set_connections(5);
        metrics.store(Table::Write, Duration::from_millis(2));
        metrics.transactions(Sending::Mined, 1);
        metrics.set_jobs(3);
        metrics.set_block(9, 1_700_000_000);
        metrics.set_deadline(Some(1_700_003_600));
        metrics.set_standing(Standing::Paused, 2);
        metrics.set_store_bytes(4_096);
        metrics.set_queue_age(Duration::from_millis(1_500));
        let text = metrics.render().unwrap();
        for line in [
            "zktrain_round 18446744073709551615",
            "zktrain_round_phase{phase=\"unmask\"} 1",
            "zktrain_round_phase{phase=\"keys\"} 0",
            "zktrain_phase_duration_seconds_sum{phase=\"keys\"} 2.0",
            "zktrain_round_members{state=\"counted\"} 4",
            "zktrain_rounds_total{outcome=\"void\"} 1",
            "zktrain_misdeeds_total{kind=\"blamed\"} 1",
            "zktrain_proofs_total{verdict=\"rejected\"} 1",
            "zktrain_proof_verification_seconds_bucket{le=\"0.05\"} 1",
            "zktrain_proof_verification_seconds_bucket{le=\"0.025\"} 0",
            "zktrain_network_bytes_total{direction=\"in\"} 70",
            "zktrain_connections 5",
            "zktrain_store_operation_seconds_count{operation=\"write\"} 1",
            "zktrain_transactions_total{outcome=\"mined\"} 1",
            "zktrain_jobs 3",
            "zktrain_chain_block 9",
            "zktrain_round_deadline_timestamp_seconds 1700003600.0",
            "zktrain_members{state=\"paused\"} 2",
            "zktrain_store_bytes 4096",
            "zktrain_queue_age_seconds 1.5",
            "zktrain_chain_block_timestamp_seconds 1700000000.0",
        ] {
            assert!(text.lines().any(|got| got == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn every_metric_says_what_it_is() {
        let text = ProcessMetrics::new().render().unwrap();
        let names = |kind: &str| -> Vec<String> {
            let of = |line: &str| Some(line.strip_prefix(kind)?.split(' ').next()?.to_owned());
            text.lines().filter_map(of).collect()
        };
        let (helps, types) = (names("# HELP "), names("# TYPE "));
        assert_eq!(helps, types);
        assert!(helps.len() > 30, "{helps:?}");
        assert!(helps.iter().all(|name| name.starts_with("zktrain_")), "{helps:?}");
        let guide = include_str!("../../../../docs/metrics.md");
        for name in helps {
            assert!(guide.contains(&format!("`{name}`")), "{name} is not in docs/metrics.md");
        }
    }

    #[test]
    fn measures_are_exported() {
        let mut history = domain(2);
        history.rounds.push(round(1, &[(0, 32_768, true), (1, 32_768, true)]));
        let next = version(&history, 1);
        history.versions.push(next);
        let metrics = ProcessMetrics::new();
        metrics.set_measures(&Measures::of(&history, Measures::LAST));
        let text = metrics.render().unwrap();
        for line in [
            "zktrain_contributor_evenness_ratio 1.0",
            "zktrain_contributors_effective 2.0",
            "zktrain_model_provenance_depth 1",
            "zktrain_poisoning_success_ratio NaN",
            "zktrain_settlement_latency_seconds{quantile=\"0.99\"} 160.0",
        ] {
            assert!(text.lines().any(|got| got == line), "{line} is not in\n{text}");
        }
    }
}
