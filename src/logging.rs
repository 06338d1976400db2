//! Logs of the programs that run for long: to standard error, for people or as JSON lines.
//!
//! A plain level goes for this program's own crates; of others only warnings are logged, as what
//! they say at lower levels can hold whole requests. Nothing that is private is ever handed to a
//! log: data, updates, secrets, passwords.

use std::io::{IsTerminal, stderr};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::LogFormat;

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is none.
    #[error("log level: expected error, warn, info, debug, trace or directives: {0}")]
    Level(#[from] ParseError),
    /// Something logs already.
    #[error(transparent)]
    Twice(#[from] TryInitError),
}

/// The level of a plain word is for our own crates, whose names all begin alike.
fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    match level.trim().parse::<LevelFilter>() {
        Ok(LevelFilter::OFF) => EnvFilter::try_new("off"),
        Ok(LevelFilter::ERROR) => EnvFilter::try_new("error"),
        Ok(own) => EnvFilter::try_new(format!("warn,zktrain={own}")),
        Err(_) => EnvFilter::try_new(level),
    }
}

type Logs = Box<dyn Subscriber + Send + Sync>;

fn subscriber<W>(level: &str, format: LogFormat, colours: bool, to: W) -> Result<Logs, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // By default a log that cannot be written is complained about on standard error, which ends the
    // program if that is the very thing that is closed.
    let builder = tracing_subscriber::fmt().log_internal_errors(false);
    let builder = builder.with_env_filter(filter(level)?).with_writer(to);
    Ok(match format {
        LogFormat::Text => Box::new(builder.with_ansi(colours).finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

/// Logs from now on, to standard error.
///
/// # Errors
/// If the level is none, or something logs already.
pub fn start(level: &str, format: LogFormat) -> Result<(), LogError> {
    subscriber(level, format, stderr().is_terminal(), stderr)?.try_init()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, format: LogFormat) -> Vec<String> {
        let kept = Kept::default();
        let to = kept.clone();
        let logs = subscriber(level, format, false, move || to.clone()).unwrap();
        tracing::subscriber::with_default(logs, || {
            tracing::info!(target: "zktrain_wire", round = 7, "round opened");
            tracing::debug!(target: "zktrain", "detail");
            tracing::info!(target: "sqlx", "chatter");
            tracing::warn!(target: "sqlx", "slow");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_level_is_for_our_own_crates() {
        let lines = logged("info", LogFormat::Text);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("round opened") && lines[0].contains("round=7"), "{lines:?}");
        assert!(lines[1].contains("slow"), "{lines:?}");
        assert_eq!(logged("debug", LogFormat::Text).len(), 3);
        assert_eq!(logged("error", LogFormat::Text).len(), 0);
        assert_eq!(logged("warn,sqlx=info", LogFormat::Text).len(), 2);
    }

    #[test]
    fn json_is_one_object_a_line() {
        let lines = logged("info", LogFormat::Json);
        let first: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(first["message"], "round opened");
        assert_eq!(first["round"], 7);
        assert_eq!(first["level"], "INFO");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_level_that_is_none_is_refused() {
        assert!(subscriber("info,=x=y", LogFormat::Text, false, io::sink).is_err());
    }
}
