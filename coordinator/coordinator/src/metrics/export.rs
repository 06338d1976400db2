//! Measures as gauges. A measure that is not defined is `NaN`, as Prometheus has it for ratios of
//! nothing.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::labels::Label;
use super::latency::Latency;
use super::measures::Measures;
use super::process::Real;

type Count = Gauge<u64, AtomicU64>;
type Quantiles = Family<Label, Real>;

/// One gauge a measure.
#[derive(Debug, Default)]
pub(super) struct MeasureGauges {
    updated: Real,
    contributors: Count,
    evenness: Real,
    effective: Real,
    rewards: Real,
    stake: Real,
    joined: Real,
    left: Real,
    silent: Real,
    velocity: Real,
    free_velocity: Real,
    versions: Count,
    depth: Count,
    untainted: Count,
    settlement: Quantiles,
    verification: Quantiles,
    slashed_members: Real,
    slashed_coordinators: Real,
    attempts: Count,
    succeeded: Count,
    success: Real,
}

impl MeasureGauges {
    pub(super) fn register(to: &mut Registry) -> Self {
        let new = Self::default();
        new.register_shares(to);
        new.register_flows(to);
        new.register_integrity(to);
        new.set(&Measures::default(), 0.0);
        new
    }

    fn register_shares(&self, to: &mut Registry) {
        to.register_with_unit(
            "measures_timestamp",
            "When the measures were computed, since 1970",
            Unit::Seconds,
            self.updated.clone(),
        );
        to.register(
            "contributors",
            "Members in the sums of the last rounds",
            self.contributors.clone(),
        );
        to.register(
            "contributor_evenness_ratio",
            "Normalised Shannon entropy of their weights",
            self.evenness.clone(),
        );
        to.register(
            "contributors_effective",
            "Inverse Simpson index of their weights",
            self.effective.clone(),
        );
        to.register(
            "rewards_gini",
            "Gini coefficient of what members earned",
            self.rewards.clone(),
        );
        to.register("stake_gini", "Gini coefficient of what members stake", self.stake.clone());
    }

    fn register_flows(&self, to: &mut Registry) {
        to.register("join_ratio", "Newcomers among the members", self.joined.clone());
        to.register("leave_ratio", "Leavers among the members", self.left.clone());
        to.register("silence_ratio", "Seats without a delivery", self.silent.clone());
        to.register(
            "token_velocity",
            "Tokens moved in the last epoch over all tokens",
            self.velocity.clone(),
        );
        to.register(
            "token_velocity_free",
            "The same of moves from holder to holder",
            self.free_velocity.clone(),
        );
        to.register_with_unit(
            "verification_latency",
            "From a delivery's arrival to the verdict",
            Unit::Seconds,
            self.verification.clone(),
        );
        to.register_with_unit(
            "settlement_latency",
            "From a round's opening to its settlement",
            Unit::Seconds,
            self.settlement.clone(),
        );
    }

    fn register_integrity(&self, to: &mut Registry) {
        to.register("model_versions", "Versions after the first", self.versions.clone());
        to.register(
            "model_provenance_depth",
            "Versions in an unbroken line from the first",
            self.depth.clone(),
        );
        to.register(
            "model_provenance_untainted",
            "Versions before any with a delivery shown to be wrong",
            self.untainted.clone(),
        );
        to.register(
            "member_slashes_ratio",
            "Slashes of members over members and rounds",
            self.slashed_members.clone(),
        );
        to.register(
            "coordinator_slashes_ratio",
            "Slashes of coordinators over rounds",
            self.slashed_coordinators.clone(),
        );
        to.register("poisoning_attempts", "Attempts at poisoning", self.attempts.clone());
        to.register("poisoning_successes", "Attempts in the model", self.succeeded.clone());
        to.register("poisoning_success_ratio", "Successes over attempts", self.success.clone());
    }

    pub(super) fn set(&self, measures: &Measures, now: f64) {
        let real = |gauge: &Real, value: Option<f64>| {
            gauge.set(value.unwrap_or(f64::NAN));
        };
        self.updated.set(now);
        let diversity = measures.diversity;
        self.contributors.set(diversity.map_or(0, |diversity| diversity.contributors as u64));
        real(&self.evenness, diversity.map(|diversity| diversity.evenness));
        real(&self.effective, diversity.map(|diversity| diversity.effective));
        real(&self.rewards, measures.rewards_gini);
        real(&self.stake, measures.stake_gini);
        real(&self.joined, measures.churn.join_rate());
        real(&self.left, measures.churn.leave_rate());
        real(&self.silent, measures.churn.silence_rate());
        real(&self.velocity, measures.epoch.and_then(|epoch| epoch.velocity()));
        real(&self.free_velocity, measures.epoch.and_then(|epoch| epoch.free_velocity()));
        quantiles(&self.verification, measures.verification);
        quantiles(&self.settlement, measures.settlement);
        self.versions.set(measures.provenance.versions);
        self.depth.set(measures.provenance.depth);
        self.untainted.set(measures.provenance.untainted);
        real(&self.slashed_members, measures.slashing.member_frequency());
        real(&self.slashed_coordinators, measures.slashing.coordinator_frequency());
        self.attempts.set(measures.poisoning.attempts as u64);
        self.succeeded.set(measures.poisoning.succeeded as u64);
        real(&self.success, measures.poisoning.success_rate());
    }
}

fn quantiles(gauges: &Quantiles, latency: Option<Latency>) {
    let of = |pick: fn(Latency) -> f64| latency.map_or(f64::NAN, pick);
    for (quantile, value) in [
        ("0.5", of(|latency| latency.median)),
        ("0.9", of(|latency| latency.p90)),
        ("0.99", of(|latency| latency.p99)),
        ("1", of(|latency| latency.max)),
    ] {
        gauges.get_or_create(&[("quantile", quantile)]).set(value);
    }
}
