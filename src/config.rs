//! Configuration of the programs that run for long: `zktrain coordinator` and `zktrain trainer`.
//!
//! A value comes from the last of these layers that has it: defaults, the file named by
//! `--config`, the environment, the command line. What no layer knows is refused, and so is a value
//! that cannot be: the error names the file and the key, the variable or the flag.
//! [`Effective::render`] shows what came of it, and from where.
//!
//! In a file, keys are as in [`Settings::KEYS`], with tables for the parts before a dot. In the
//! environment, `timing.uploads` is `ZKTRAIN_COORDINATOR__TIMING__UPLOADS`; on the command line any
//! key is `--set KEY=VALUE`, and those that are used most have flags of their own. Paths in a file
//! are relative to that file, all others to the working directory. A list is text with commas
//! everywhere; in a file it may be an array.
//!
//! None of this changes a proof: what is proven is in the manifest.

mod coordinator;
mod error;
mod flags;
mod layer;
mod render;
mod trainer;
mod value;
mod wire;

use std::path::{Path, PathBuf};

use figment::Figment;
use serde::de::DeserializeOwned;

pub use coordinator::{
    CoordinatorConfig, CoordinatorFlags, LogConfig, MembersConfig, RetentionConfig, TimingConfig,
};
pub use error::ConfigError;
pub use flags::CommonFlags;
pub use render::Effective;
pub use trainer::{PolicyConfig, SecretsConfig, TrainerConfig, TrainerFlags};
pub use value::{Accounts, Amount, LogFormat, Share};
pub use wire::LimitsConfig;

use layer::Layer;

/// What a value is, where that matters to layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Shown and taken as it is.
    Plain,
    /// A path: relative to the file that it is in.
    Path,
    /// May hold a password or a token: never shown as it is.
    Private,
    /// Several values: text with commas, in a file an array as well.
    List,
}

/// A value that can be configured.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name, with dots between tables.
    pub name: &'static str,
    pub kind: Kind,
    /// What it is where nobody says anything; `None` for what is then absent.
    pub default: Option<&'static str>,
    /// Whether nothing works without it.
    pub required: bool,
    /// Its flag, if it has one of its own.
    pub flag: Option<&'static str>,
}

impl Key {
    const fn new(name: &'static str) -> Self {
        Self { name, kind: Kind::Plain, default: None, required: false, flag: None }
    }

    const fn is(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn flag(self, flag: &'static str) -> Self {
        Self { flag: Some(flag), ..self }
    }

    const fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

/// The keys that every such program has: the chain, and what it logs.
const COMMON: [Key; 9] = [
    Key::new("chain").kind(Kind::Private).flag("--chain"),
    Key::new("deployment").kind(Kind::Path).flag("--deployment"),
    Key::new("key").kind(Kind::Path).flag("--key"),
    Key::new("password_file").kind(Kind::Path).flag("--password-file"),
    Key::new("outbox").kind(Kind::Path).flag("--outbox"),
    Key::new("finality").flag("--finality"),
    Key::new("confirmations").flag("--confirmations"),
    Key::new("log.level").is("info").flag("--log"),
    Key::new("log.format").is("text").flag("--log-format"),
];

/// A program's configuration.
pub trait Settings: DeserializeOwned {
    /// The program's name: `ZKTRAIN_<ROLE>__` begins its variables.
    const ROLE: &'static str;
    /// All that can be configured, besides what every such program has.
    const KEYS: &'static [Key];

    /// Whether values go together; otherwise the key to blame and the reason.
    ///
    /// # Errors
    /// If they do not.
    fn check(&self) -> Result<(), (&'static str, String)>;
}

/// All keys of a program.
fn keys<S: Settings>() -> impl Iterator<Item = &'static Key> {
    S::KEYS.iter().chain(&COMMON)
}

/// The variable of a key.
fn variable<S: Settings>(key: &str) -> String {
    format!("{}{}", prefix::<S>(), key.replace('.', "__").to_uppercase())
}

fn prefix<S: Settings>() -> String {
    format!("ZKTRAIN_{}__", S::ROLE.to_uppercase())
}

/// What the layers come to.
///
/// `variables` is the environment: those of other programs are passed over.
///
/// # Errors
/// If the file cannot be read, or a key is unknown, missing, or has a value that it cannot have.
pub fn load<S: Settings>(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
    flags: &[(String, String)],
) -> Result<Effective<S>, ConfigError> {
    let mut figment = Layer::defaults::<S>().over(Figment::new());
    if let Some(path) = file {
        figment = Layer::file::<S>(path)?.over(figment);
    }
    figment = Layer::environment::<S>(variables)?.over(figment);
    figment = Layer::flags::<S>(flags)?.over(figment);
    let missing = |key: &&Key| key.required && !figment.contains(key.name);
    if let Some(key) = keys::<S>().find(missing) {
        return Err(ConfigError::missing::<S>(key));
    }
    let settings: S = figment.extract().map_err(ConfigError::value)?;
    settings.check().map_err(|(key, why)| ConfigError::at(&figment, key, why))?;
    Ok(Effective { settings, figment })
}

/// Loads with the process's own environment.
///
/// # Errors
/// As [`load`], or if the environment has a variable that is not text.
pub fn from_process<S: Settings>(
    file: Option<&Path>,
    flags: &[(String, String)],
) -> Result<Effective<S>, ConfigError> {
    let prefix = prefix::<S>();
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(&prefix)) else { continue };
        let value = value
            .into_string()
            .map_err(|_| ConfigError::NotText { origin: format!("variable {name}") })?;
        variables.push((name.to_owned(), value));
    }
    load(file, variables, flags)
}

/// A path that something else has, as text.
fn text(origin: &'static str, path: &Option<PathBuf>) -> Result<Option<String>, ConfigError> {
    let Some(path) = path else { return Ok(None) };
    let not = || ConfigError::NotText { origin: origin.to_owned() };
    path.to_str().map(str::to_owned).ok_or_else(not).map(Some)
}

#[cfg(test)]
mod tests;
