//! Why a configuration is refused.

use std::path::PathBuf;

use figment::Figment;
use figment::error::Kind as Fault;

use super::{Key, Settings, layer, variable};

/// Why a configuration is refused. Values are not shown: one that is in the wrong place may be a
/// password.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// The file is not TOML.
    #[error("{}:{line}: {why}", path.display())]
    Syntax {
        path: PathBuf,
        /// The line, from one on.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A key that there is not.
    #[error("{origin}: unknown key; did you mean `{near}`?")]
    Unknown {
        origin: String,
        /// The key that is most like it.
        near: &'static str,
    },
    /// A key without a value.
    #[error(
        "`{key}` is missing: set it in the file named by --config, by {variable}, or by {flag}"
    )]
    Missing { key: &'static str, variable: String, flag: String },
    /// A value that cannot be.
    #[error("{origin}: {why}")]
    Value {
        origin: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something that is not UTF-8.
    #[error("{origin}: not UTF-8")]
    NotText { origin: String },
    /// `--set` needs a key and a value.
    #[error("--set: expected KEY=VALUE")]
    Assignment,
}

impl ConfigError {
    pub(super) fn missing<S: Settings>(key: &Key) -> Self {
        let flag = match key.flag {
            Some(flag) => flag.to_owned(),
            None => format!("--set {}=…", key.name),
        };
        Self::Missing { key: key.name, variable: variable::<S>(key.name), flag }
    }

    /// Of a value that could not be read.
    pub(super) fn value(error: figment::Error) -> Self {
        let key = error.path.join(".");
        let origin = match &error.metadata {
            Some(metadata) => layer::origin(metadata, &key),
            None => format!("`{key}`"),
        };
        let why = match error.kind {
            Fault::Message(why) => why,
            Fault::InvalidType(_, expected) => format!("expected {expected}"),
            other => other.to_string(),
        };
        Self::Value { origin, why }
    }

    /// Of a value that does not go with others.
    pub(super) fn at(figment: &Figment, key: &str, why: String) -> Self {
        let origin = match figment.find_metadata(key) {
            Some(metadata) => layer::origin(metadata, key),
            None => format!("`{key}`"),
        };
        Self::Value { origin, why }
    }
}
