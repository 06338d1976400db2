//! The command line of programs with a configuration.

use std::path::PathBuf;

use crate::chain::Connection;

use super::{ConfigError, text};

/// Flags that every such program has.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Configuration")]
pub struct CommonFlags {
    /// A configuration file; what it does not say is as by default.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the configuration, with where each value is from, and stop.
    #[arg(long)]
    pub print_config: bool,
    /// Set any key, as in the file; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// What to log: error, warn, info, debug or trace, or directives as `info,zktrain=debug`.
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<String>,
    /// How to log: text or json.
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// The chain.
    #[command(flatten)]
    pub connection: Connection,
}

impl CommonFlags {
    /// Keys and values that were given: those of `--set`, then flags of their own.
    ///
    /// # Errors
    /// If `--set` has no `=`, or a path is not UTF-8.
    pub(super) fn values(
        &self,
        own: &[(&str, &Option<String>)],
    ) -> Result<Vec<(String, String)>, ConfigError> {
        let mut values = Vec::new();
        for assignment in &self.set {
            let (key, value) = assignment.split_once('=').ok_or(ConfigError::Assignment)?;
            values.push((key.trim().to_owned(), value.trim().to_owned()));
        }
        let chain = &self.connection;
        let paths = [
            ("deployment", text("flag --deployment", &chain.deployment)?),
            ("key", text("flag --key", &chain.key)?),
            ("password_file", text("flag --password-file", &chain.password_file)?),
            ("outbox", text("flag --outbox", &chain.outbox)?),
        ];
        let finality = chain.finality.map(|finality| finality.to_string());
        let confirmations = chain.confirmations.map(|blocks| blocks.to_string());
        let common = [
            ("chain", &chain.chain),
            ("finality", &finality),
            ("confirmations", &confirmations),
            ("log.level", &self.log),
            ("log.format", &self.log_format),
        ];
        let paths = paths.iter().map(|(key, value)| (*key, value));
        for (key, value) in own.iter().copied().chain(common).chain(paths) {
            values.extend(value.as_ref().map(|value| (key.to_owned(), value.clone())));
        }
        Ok(values)
    }
}
