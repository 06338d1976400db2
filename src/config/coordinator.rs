//! What `zktrain coordinator` can be told.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use zktrain_chain::Finality;
use zktrain_secagg::plan::Timing;

use crate::chain::Connection;

use super::value::{one, some, span};
use super::{
    Amount, CommonFlags, ConfigError, Effective, Key, Kind, LimitsConfig, LogFormat, Settings,
    Share,
};

/// Bounds of the contracts: how long a round may be open, and its members. Domains have their own within
/// these.
const DURATION: [Duration; 2] = [Duration::from_secs(600), Duration::from_secs(7 * 86_400)];
const MAX_MEMBERS: u32 = 256;

/// A coordinator's configuration.
#[derive(Clone, Deserialize)]
pub struct CoordinatorConfig {
    /// The domain's number.
    #[serde(deserialize_with = "one")]
    pub domain: u64,
    /// The project: manifest, first model, reference string.
    #[serde(deserialize_with = "one")]
    pub project: PathBuf,
    /// Where owners connect to (UDP).
    #[serde(deserialize_with = "one")]
    pub listen: SocketAddr,
    /// Where state is kept; by default `coordinator` in the project.
    #[serde(default, deserialize_with = "some")]
    data: Option<PathBuf>,
    /// `postgres://…` or `sqlite:FILE`; by default a SQLite file in `data`.
    #[serde(default, deserialize_with = "some")]
    store: Option<String>,
    /// Where metrics and health are served (HTTP over TCP).
    #[serde(deserialize_with = "one")]
    pub metrics: SocketAddr,
    /// How many members a round has.
    pub members: MembersConfig,
    /// Shares that recover a secret; by default as many of a round's members as the domain's rule says,
    /// and never fewer.
    #[serde(default, deserialize_with = "some")]
    pub threshold: Option<u32>,
    /// How long phases may take.
    pub timing: TimingConfig,
    /// Stops after so many rounds; by default never.
    #[serde(default, deserialize_with = "some")]
    pub rounds: Option<u64>,
    /// How long a round is open on chain.
    #[serde(deserialize_with = "span")]
    pub round_duration: Duration,
    /// What a round pays at most, all members and the coordinator together.
    #[serde(deserialize_with = "one")]
    pub budget: Amount,
    /// How much of it depends on improvement.
    pub pay: PayConfig,
    /// What is kept of rounds that are over.
    pub retention: RetentionConfig,
    /// How much it takes from those that connect.
    pub limits: LimitsConfig,
    /// What it logs.
    pub log: LogConfig,
    #[serde(default, deserialize_with = "some")]
    chain: Option<String>,
    #[serde(default, deserialize_with = "some")]
    deployment: Option<PathBuf>,
    #[serde(default, deserialize_with = "some")]
    key: Option<PathBuf>,
    #[serde(default, deserialize_with = "some")]
    password_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "some")]
    outbox: Option<PathBuf>,
    #[serde(default, deserialize_with = "some")]
    finality: Option<Finality>,
    #[serde(default, deserialize_with = "some")]
    confirmations: Option<NonZeroU64>,
}

/// How many members a round has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct MembersConfig {
    /// At least: no round is opened with fewer, and no sum of fewer is made.
    #[serde(deserialize_with = "one")]
    pub least: u32,
    /// At most: of more that are there, members are drawn by their reputation.
    #[serde(deserialize_with = "one")]
    pub most: u32,
}

/// What is kept of rounds that are over. Masked vectors and the shares that unmask them are erased
/// when a round ends, whatever this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct RetentionConfig {
    /// Submissions, the other messages of members, and models, of so many last rounds.
    #[serde(deserialize_with = "one")]
    pub rounds: u32,
}

/// How much of a round's budget depends on improvement.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct PayConfig {
    /// The part that every round pays.
    #[serde(deserialize_with = "one")]
    pub least: Share,
    /// The improvement of the last version that earns the next round the whole budget.
    #[serde(deserialize_with = "one")]
    pub full_at: Share,
}

/// How long each phase of a round may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct TimingConfig {
    /// Members send their keys.
    #[serde(deserialize_with = "span")]
    pub keys: Duration,
    /// Members send shares of their secrets.
    #[serde(deserialize_with = "span")]
    pub shares: Duration,
    /// Members train, prove and upload.
    #[serde(deserialize_with = "span")]
    pub uploads: Duration,
    /// Members confirm whose updates are counted.
    #[serde(deserialize_with = "span")]
    pub confirm: Duration,
    /// Members send the shares that unmask the sum.
    #[serde(deserialize_with = "span")]
    pub unmask: Duration,
    /// Members defend their uploads, if the sum is wrong.
    #[serde(deserialize_with = "span")]
    pub defence: Duration,
}

/// What a program logs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LogConfig {
    /// A level, or directives of levels by module.
    #[serde(deserialize_with = "one")]
    pub level: String,
    /// For people or for programs.
    #[serde(deserialize_with = "one")]
    pub format: LogFormat,
}

impl TimingConfig {
    fn all(&self) -> [(&'static str, Duration); 6] {
        [
            ("timing.keys", self.keys),
            ("timing.shares", self.shares),
            ("timing.uploads", self.uploads),
            ("timing.confirm", self.confirm),
            ("timing.unmask", self.unmask),
            ("timing.defence", self.defence),
        ]
    }

    /// All phases together, each once.
    pub fn total(&self) -> Duration {
        let spans = self.all();
        spans.iter().fold(Duration::ZERO, |sum, (_, span)| sum.saturating_add(*span))
    }

    /// As plans have it: whole seconds, rounded up.
    pub fn plan(&self) -> Timing {
        let seconds =
            |span: Duration| u32::try_from(span.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
        Timing {
            keys: seconds(self.keys),
            shares: seconds(self.shares),
            uploads: seconds(self.uploads),
            confirm: seconds(self.confirm),
            unmask: seconds(self.unmask),
            defence: seconds(self.defence),
        }
    }
}

impl CoordinatorConfig {
    /// The chain, and who acts on it.
    pub fn connection(&self) -> Connection {
        Connection {
            chain: self.chain.clone(),
            deployment: self.deployment.clone(),
            key: self.key.clone(),
            password_file: self.password_file.clone(),
            outbox: self.outbox.clone(),
            finality: self.finality,
            confirmations: self.confirmations,
        }
    }

    /// The folder that state is kept in.
    pub fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| self.project.join("coordinator"))
    }

    /// Where the store is. It may hold a password: it is not to be logged.
    pub fn store(&self) -> String {
        let default = || format!("sqlite:{}", self.data().join("coordinator.sqlite").display());
        self.store.clone().unwrap_or_else(default)
    }
}

impl Settings for CoordinatorConfig {
    const ROLE: &'static str = "coordinator";
    const KEYS: &'static [Key] = &[
        Key::new("domain").required().flag("--domain"),
        Key::new("project").required().kind(Kind::Path).flag("--project"),
        Key::new("listen").is("0.0.0.0:7443").flag("--listen"),
        Key::new("data").kind(Kind::Path).flag("--data"),
        Key::new("store").kind(Kind::Private).flag("--store"),
        Key::new("metrics").is("127.0.0.1:9464").flag("--metrics"),
        Key::new("members.least").is("16"),
        Key::new("members.most").is("64"),
        Key::new("threshold"),
        Key::new("timing.keys").is("2m"),
        Key::new("timing.shares").is("2m"),
        Key::new("timing.uploads").is("30m"),
        Key::new("timing.confirm").is("2m"),
        Key::new("timing.unmask").is("4m"),
        Key::new("timing.defence").is("10m"),
        Key::new("rounds").flag("--rounds"),
        Key::new("round_duration").is("1h").flag("--round-duration"),
        Key::new("budget").is("0").flag("--budget"),
        Key::new("pay.least").is("100%"),
        Key::new("pay.full_at").is("5%"),
        Key::new("retention.rounds").is("16"),
        Key::new("limits.connections").is("1024"),
        Key::new("limits.per_address").is("256"),
        Key::new("limits.handshakes").is("512"),
        Key::new("limits.attempts").is("600"),
        Key::new("limits.hello").is("2s"),
        Key::new("limits.handshake").is("10s"),
    ];

    fn check(&self) -> Result<(), (&'static str, String)> {
        let MembersConfig { least, most } = self.members;
        if least < 2 {
            let why = format!("at least 2, as a sum of one hides nothing; got {least}");
            return Err(("members.least", why));
        }
        if most < least || most > MAX_MEMBERS {
            let why = format!("expected {least} (`members.least`) to {MAX_MEMBERS}, got {most}");
            return Err(("members.most", why));
        }
        if let Some(threshold) = self.threshold
            && (threshold > least || threshold <= most / 2)
        {
            let why = format!(
                "expected more than half of {most} (`members.most`) and at most {least} \
                 (`members.least`), got {threshold}"
            );
            return Err(("threshold", why));
        }
        let [shortest, longest] = DURATION;
        if self.round_duration < shortest || self.round_duration > longest {
            return Err(("round_duration", "the contracts allow 10m to 7days".to_owned()));
        }
        let second = Duration::from_secs(1);
        if let Some((key, _)) = self.timing.all().into_iter().find(|(_, span)| *span < second) {
            return Err((key, "at least 1s".to_owned()));
        }
        let total = self.timing.total();
        if total > self.round_duration {
            let why = format!(
                "the phases of `timing` together take up to {}, longer than the round is open",
                humantime::format_duration(total)
            );
            return Err(("round_duration", why));
        }
        if self.rounds == Some(0) {
            return Err(("rounds", "at least 1; leave it out for no end".to_owned()));
        }
        if self.retention.rounds == 0 {
            let why = "at least 1: late members ask for the last round".to_owned();
            return Err(("retention.rounds", why));
        }
        self.limits.check()?;
        if u128::try_from(self.budget.0).is_err() {
            return Err(("budget", "too large for the contracts".to_owned()));
        }
        Ok(())
    }
}

/// The command line of `zktrain coordinator`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct CoordinatorFlags {
    /// The domain's number.
    #[arg(long, value_name = "NUMBER")]
    pub domain: Option<String>,
    /// The project: manifest, first model, reference string.
    #[arg(long, value_name = "DIR")]
    pub project: Option<String>,
    /// Where owners connect to (UDP) [default: 0.0.0.0:7443].
    #[arg(long, value_name = "IP:PORT")]
    pub listen: Option<String>,
    /// Where state is kept [default: `coordinator` in the project].
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// `postgres://…` or `sqlite:FILE` [default: a SQLite file in the data folder].
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Where metrics and health are served (HTTP) [default: 127.0.0.1:9464].
    #[arg(long, value_name = "IP:PORT")]
    pub metrics: Option<String>,
    /// Stop after so many rounds.
    #[arg(long, value_name = "NUMBER")]
    pub rounds: Option<String>,
    /// How long a round is open on chain [default: 1h].
    #[arg(long, value_name = "SPAN")]
    pub round_duration: Option<String>,
    /// What a round pays at most [default: 0].
    #[arg(long, value_name = "AMOUNT")]
    pub budget: Option<String>,
    /// What such programs have in common.
    #[command(flatten)]
    pub common: CommonFlags,
}

impl CoordinatorFlags {
    /// The configuration.
    ///
    /// # Errors
    /// As [`super::load`].
    pub fn load(&self) -> Result<Effective<CoordinatorConfig>, ConfigError> {
        super::from_process(self.common.config.as_deref(), &self.values()?)
    }

    /// Keys and values that were given.
    ///
    /// # Errors
    /// If one is malformed.
    pub fn values(&self) -> Result<Vec<(String, String)>, ConfigError> {
        self.common.values(&[
            ("domain", &self.domain),
            ("project", &self.project),
            ("listen", &self.listen),
            ("data", &self.data),
            ("store", &self.store),
            ("metrics", &self.metrics),
            ("rounds", &self.rounds),
            ("round_duration", &self.round_duration),
            ("budget", &self.budget),
        ])
    }
}
