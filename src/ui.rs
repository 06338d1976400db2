//! What people see: results on standard output, progress and warnings on standard error.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use console::style;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::error::Error;
use crate::roots::Verdict;

/// A command's result, for people and, as one JSON object, for programs.
pub trait Report: Serialize {
    /// Writes the result for people.
    ///
    /// # Errors
    /// If the output does not take it.
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()>;
}

/// Warnings that were shown: once is loud enough.
static WARNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// How the program speaks.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    /// One JSON object on standard output instead of text.
    pub json: bool,
}

impl Ui {
    /// Prints a command's result.
    ///
    /// # Errors
    /// [`Error::Output`] if standard output does not take it.
    pub fn report(&self, report: &impl Report) -> Result<(), Error> {
        let mut out = std::io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, report).map_err(|e| Error::Output(e.into()))?;
            writeln!(out).map_err(Error::Output)
        } else {
            report.print(&mut out).map_err(Error::Output)
        }
    }

    /// A line about what is happening.
    pub fn say(&self, line: &str) {
        if !self.json {
            eprintln!("{line}");
        }
    }

    /// A headline of a longer story.
    pub fn headline(&self, line: &str) {
        if !self.json {
            eprintln!("\n{}", style(line).for_stderr().bold().cyan());
        }
    }

    /// Something that must not be overlooked; also with `--json`, but once.
    pub fn warn(&self, line: &str) {
        let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(line.to_owned()) {
            eprintln!("{} {line}", style("WARNING:").for_stderr().yellow().bold());
        }
    }

    /// Why the program ends, and what to do about it.
    pub fn failure(&self, error: &Error) {
        let hint = error.hint();
        // A report is on standard output already, with all that does not hold or is not pinned.
        let reported = matches!(error, Error::Audit { .. } | Error::Unpinned { .. });
        if self.json && !reported {
            let object = serde_json::json!({ "error": error.to_string(), "hint": hint });
            // Whoever closed the output does not want to know.
            let _ = writeln!(std::io::stdout(), "{object}");
        }
        eprintln!("{} {error}", style("error:").for_stderr().red().bold());
        if let Some(hint) = hint {
            eprintln!("  {} {hint}", style("hint:").for_stderr().bold());
        }
    }

    /// That something holds, but on roots that nobody pinned.
    pub fn verdict(&self, verdict: &Verdict) {
        if let Verdict::OnUnnamedRoots(roots) = verdict {
            let (label, roots) = (style("NOTE:").for_stderr().yellow().bold(), roots.join(", "));
            eprintln!(
                "{label} this holds on roots that nobody pinned: {roots}. Whoever made the proofs \
                 chose them, and could have chosen them so that anything holds. Exit code 3."
            );
        }
    }

    /// A bar of `length` steps; invisible with `--json` and where nobody watches.
    pub fn bar(&self, length: u64, what: &str) -> ProgressBar {
        if self.json {
            return ProgressBar::hidden();
        }
        let template = "{prefix:>10} {bar:18.cyan/dim} {pos}/{len} {msg} [{elapsed}, {eta} left]";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(length).with_style(style).with_prefix(what.to_owned())
    }
}

/// A share as a percentage.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A line of a report: what, and its value.
///
/// # Errors
/// If the output does not take it.
pub fn field(
    out: &mut dyn Write,
    name: &str,
    value: impl std::fmt::Display,
) -> std::io::Result<()> {
    writeln!(out, "  {name:<18} {value}")
}

/// The first line of a report that tells of a success.
///
/// # Errors
/// If the output does not take it.
pub fn success(out: &mut dyn Write, line: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(out, "{} {line}", style("✓").green().bold())
}
