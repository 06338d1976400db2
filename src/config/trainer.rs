//! What `zktrain trainer` can be told.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use alloy::primitives::Address;
use serde::Deserialize;
use zktrain_chain::Finality;
use zktrain_member::{Asked, Force, When};
use zktrain_secagg::Policy;

use crate::chain::Connection;

use super::coordinator::LogConfig;
use super::value::{address, one, some, span};
use super::{Accounts, Amount, CommonFlags, ConfigError, Effective, Key, Kind, Settings, Share};

/// An owner's configuration.
#[derive(Clone, Deserialize)]
pub struct TrainerConfig {
    /// The project: manifest, data, registration.
    #[serde(deserialize_with = "one")]
    pub project: PathBuf,
    /// The domain's number.
    #[serde(deserialize_with = "one")]
    pub domain: u64,
    /// Where the coordinator is: `host:port`.
    #[serde(deserialize_with = "one")]
    pub coordinator: String,
    /// Who it has to be; by default the domain's coordinator, as the chain says.
    #[serde(default, deserialize_with = "address")]
    pub coordinator_address: Option<Address>,
    /// In which rounds it takes part.
    pub policy: PolicyConfig,
    /// What it keeps of rounds that are over.
    pub retention: SecretsConfig,
    /// Stops after so many rounds; by default never.
    #[serde(default, deserialize_with = "some")]
    pub rounds: Option<u64>,
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

/// In which rounds an owner takes part: a sum of few, or one in which a single member weighs much,
/// says too much about each update; accounts are no parties, so that an owner may ask for members
/// that it knows; and work has its price.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PolicyConfig {
    /// Members that a sum must have at least.
    #[serde(deserialize_with = "one")]
    pub least_members: u32,
    /// The largest part of all weights that a single member may have.
    #[serde(deserialize_with = "one")]
    pub most_share: Share,
    /// Members that may collude with the coordinator; by default fewer than a third of a plan's.
    #[serde(default, deserialize_with = "some")]
    pub colluders: Option<u32>,
    /// Accounts of parties that the owner knows.
    #[serde(default, deserialize_with = "one")]
    pub known: Accounts,
    /// How many of those a sum must have at least, the owner itself not counted.
    #[serde(deserialize_with = "one")]
    pub least_known: u32,
    /// What a round has to pay at least, all members and the coordinator together.
    #[serde(deserialize_with = "one")]
    pub least_budget: Amount,
    /// What the owner itself has to get of it at least.
    #[serde(deserialize_with = "one")]
    pub least_pay: Amount,
    /// Deliveries that contracts check of each optimistic round, at least.
    #[serde(deserialize_with = "one")]
    pub least_audits: u16,
    /// Time to challenge a batch of an optimistic round, at least.
    #[serde(deserialize_with = "span")]
    pub least_challenge: Duration,
    /// Whether the owner hands its proof in itself where the coordinator does not count it.
    #[serde(deserialize_with = "one")]
    pub force: When,
    /// How long before the deadline; by default a quarter of the time that is left once the proof is
    /// there.
    #[serde(default, deserialize_with = "some")]
    pub force_margin: Option<humantime::Duration>,
    /// Only in rounds that pay the owner so much.
    #[serde(deserialize_with = "one")]
    pub force_worth: Amount,
}

/// What an owner keeps of rounds that are over. Nothing is needed of them: somebody who gets hold of
/// it, and of what the coordinator had, learns those rounds' updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct SecretsConfig {
    /// Secrets of so many rounds, the last ones whose end was told.
    #[serde(deserialize_with = "one")]
    pub rounds: u32,
}

impl PolicyConfig {
    /// What secure aggregation asks of a plan and of its sets.
    pub fn policy(&self) -> Policy {
        Policy {
            least: self.least_members,
            max_share: self.most_share.weight(),
            colluders: self.colluders,
            known: self.known.0.clone(),
            least_known: self.least_known,
        }
    }

    /// What the owner works for.
    pub fn asked(&self) -> Asked {
        Asked {
            budget: self.least_budget.0,
            pay: self.least_pay.0,
            audits: self.least_audits,
            challenge: self.least_challenge,
        }
    }

    /// When the owner hands its proof in itself.
    pub fn force(&self) -> Force {
        let margin = self.force_margin.map(Into::into);
        Force { when: self.force, margin, worth: self.force_worth.0 }
    }
}

impl TrainerConfig {
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
}

/// Whether it is a host, or an IPv6 address in brackets, and a port.
fn is_peer(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
        let port = port.parse::<u16>().is_ok_and(|port| port != 0);
        !host.is_empty() && !host.contains(['/', '@', ' ']) && bare && port
    })
}

impl Settings for TrainerConfig {
    const ROLE: &'static str = "trainer";
    const KEYS: &'static [Key] = &[
        Key::new("project").required().kind(Kind::Path).flag("--project"),
        Key::new("domain").required().flag("--domain"),
        Key::new("coordinator").required().flag("--coordinator"),
        Key::new("coordinator_address").flag("--coordinator-address"),
        Key::new("policy.least_members").is("16"),
        Key::new("policy.most_share").is("25%"),
        Key::new("policy.colluders"),
        Key::new("policy.known").kind(Kind::List),
        Key::new("policy.least_known").is("0"),
        Key::new("policy.least_budget").is("0"),
        Key::new("policy.least_pay").is("0"),
        Key::new("policy.least_audits").is("1"),
        Key::new("policy.least_challenge").is("1h"),
        Key::new("policy.force").is("always"),
        Key::new("policy.force_margin"),
        Key::new("policy.force_worth").is("0"),
        Key::new("retention.rounds").is("0"),
        Key::new("rounds").flag("--rounds"),
    ];

    fn check(&self) -> Result<(), (&'static str, String)> {
        if !is_peer(&self.coordinator) {
            return Err(("coordinator", "expected host:port, as example.org:7443".to_owned()));
        }
        if self.policy.least_members < 2 {
            let why = "at least 2, as a sum of one hides nothing".to_owned();
            return Err(("policy.least_members", why));
        }
        let (asked, known) = (self.policy.least_known, self.policy.known.0.len());
        if asked as usize > known {
            let why = format!("at most {known}: so many are in `policy.known`");
            return Err(("policy.least_known", why));
        }
        let minute = Duration::from_secs(60);
        if self.policy.force_margin.is_some_and(|margin| *margin < minute) {
            let why = "at least 1m: a transaction has to be mined before the deadline".to_owned();
            return Err(("policy.force_margin", why));
        }
        if self.rounds == Some(0) {
            return Err(("rounds", "at least 1; leave it out for no end".to_owned()));
        }
        Ok(())
    }
}

/// The command line of `zktrain trainer`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct TrainerFlags {
    /// The project: manifest, data, registration.
    #[arg(long, value_name = "DIR")]
    pub project: Option<String>,
    /// The domain's number.
    #[arg(long, value_name = "NUMBER")]
    pub domain: Option<String>,
    /// Where the coordinator is.
    #[arg(long, value_name = "HOST:PORT")]
    pub coordinator: Option<String>,
    /// Who it has to be [default: as the chain says].
    #[arg(long, value_name = "ADDRESS")]
    pub coordinator_address: Option<String>,
    /// Stop after so many rounds.
    #[arg(long, value_name = "NUMBER")]
    pub rounds: Option<String>,
    /// What such programs have in common.
    #[command(flatten)]
    pub common: CommonFlags,
}

impl TrainerFlags {
    /// The configuration.
    ///
    /// # Errors
    /// As [`super::load`].
    pub fn load(&self) -> Result<Effective<TrainerConfig>, ConfigError> {
        super::from_process(self.common.config.as_deref(), &self.values()?)
    }

    /// Keys and values that were given.
    ///
    /// # Errors
    /// If one is malformed.
    pub fn values(&self) -> Result<Vec<(String, String)>, ConfigError> {
        self.common.values(&[
            ("project", &self.project),
            ("domain", &self.domain),
            ("coordinator", &self.coordinator),
            ("coordinator_address", &self.coordinator_address),
            ("rounds", &self.rounds),
        ])
    }
}
