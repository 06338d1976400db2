//! What people see: results on standard output, progress and warnings on standard error.
//!
//! A result is put together first and printed then: a reader gets all of it or none. An output
//! that somebody closed, as `head` does, is no failure of the command.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use console::style;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Serialize, Serializer};
use zktrain_audit::trust::Verdict;
use zktrain_project::Notices;

use crate::error::Error;

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
        match self.json {
            true => print(&json(report)?),
            false => print(&coloured(&text(report)?, false)),
        }
    }

    /// The result of a step of a longer story: on standard error, for people alone.
    ///
    /// # Errors
    /// [`Error::Report`] if it cannot be put into words.
    pub fn step(&self, report: &impl Report) -> Result<(), Error> {
        if !self.json {
            complain(coloured(&text(report)?, true).trim_end());
        }
        Ok(())
    }

    /// A line about what is happening.
    pub fn say(&self, line: &str) {
        if !self.json {
            complain(&printable_lines(line));
        }
    }

    /// A headline of a longer story.
    pub fn headline(&self, line: &str) {
        if !self.json {
            complain(&format!("\n{}", style(printable_lines(line)).for_stderr().bold().cyan()));
        }
    }

    /// Something that must not be overlooked; also with `--json`, but once.
    pub fn warn(&self, line: &str) {
        let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(line.to_owned()) {
            let label = style("WARNING:").for_stderr().yellow().bold();
            complain(&format!("{label} {}", printable_lines(line)));
        }
    }

    /// Why the program ends, and what to do about it.
    pub fn failure(&self, error: &Error) {
        let hint = error.hint();
        // A report is on standard output already, with all that does not hold or is not pinned.
        let reported = matches!(error, Error::Audit { .. } | Error::Unpinned { .. });
        if self.json && !reported {
            let object = serde_json::json!({ "error": error.to_string(), "hint": hint });
            // An output that takes nothing may be the very error, which is told below.
            let _ = print(&format!("{}\n", printable_json(&object.to_string())));
        }
        let label = style("error:").for_stderr().red().bold();
        complain(&format!("{label} {}", printable_lines(&error.to_string())));
        if let Some(hint) = hint {
            let label = style("hint:").for_stderr().bold();
            complain(&format!("  {label} {}", printable_lines(&hint)));
        }
    }

    /// That something holds, but on roots that nobody pinned.
    pub fn verdict(&self, verdict: &Verdict) {
        if let Verdict::OnUnnamedRoots(roots) = verdict {
            let (label, roots) = (style("NOTE:").for_stderr().yellow().bold(), roots.join(", "));
            complain(&format!(
                "{label} this holds on roots that nobody pinned: {roots}. The prover \
                 chose them, and could have chosen them so that anything holds. Exit code 3."
            ));
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

impl Notices for Ui {
    fn say(&self, line: &str) {
        Self::say(self, line);
    }

    fn warn(&self, line: &str) {
        Self::warn(self, line);
    }
}

/// The JSON object of a report, on a line.
fn json(report: &impl Report) -> Result<String, Error> {
    let text = serde_json::to_string(report).map_err(|e| Error::Report(e.into()))?;
    Ok(format!("{}\n", printable_json(&text)))
}

/// A report for people.
fn text(report: &impl Report) -> Result<String, Error> {
    let mut bytes = Vec::new();
    report.print(&mut bytes).map_err(Error::Report)?;
    Ok(printable_lines(&String::from_utf8_lossy(&bytes)).into_owned())
}

/// With the marks of success in colour, where the output has colours.
fn coloured(text: &str, stderr: bool) -> String {
    let mark = style(MARK).green().bold();
    let mark = if stderr { mark.for_stderr() } else { mark };
    let line = |line: &str| match line.strip_prefix(MARK) {
        Some(rest) => format!("{mark}{rest}"),
        None => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Prints on standard output, at once. A reader that has closed it has read enough and is told
/// nothing more.
///
/// # Errors
/// [`Error::Output`] if standard output does not take it, as on a full disk.
pub fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

/// A line on standard error; if it does not take it, nobody can be told.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A report's paths. JSON is Unicode and paths need not be: a mark stands for what is not.
pub trait PathText {
    /// Serializes it.
    ///
    /// # Errors
    /// What the serializer fails with.
    fn tell<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error>;
}

impl PathText for PathBuf {
    fn tell<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.to_string_lossy())
    }
}

impl PathText for Option<PathBuf> {
    fn tell<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.as_ref().map(|path| path.to_string_lossy()).serialize(to)
    }
}

impl PathText for Vec<PathBuf> {
    fn tell<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(|path| path.to_string_lossy()))
    }
}

/// For reports: `#[serde(serialize_with = "tell")]` on their paths.
///
/// # Errors
/// What the serializer fails with.
pub fn tell<T: PathText, S: Serializer>(paths: &T, to: S) -> Result<S::Ok, S::Error> {
    paths.tell(to)
}

/// A JSON text that says the same. Control characters below the space are escaped in any JSON; the
/// others that a terminal obeys are not, and can only be within strings.
fn printable_json(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| c != '\n' && (c.is_control() || reorders(c));
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| match harmful(c) {
        // All of them have four digits at most.
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// Text of a file as a terminal may show it: names of columns, classes, tensors and the like may hold
/// sequences that move the cursor, recolour or rewrite what stands there. Whatever is no visible
/// character is written as Rust writes it in a literal.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\t')
}

/// [`printable`] for text of several lines.
fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\t' | '\n'))
}

fn escaped(text: &str, kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let harmful = |c: char| !kept(c) && (c.is_control() || reorders(c));
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if harmful(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Invisible characters that change the order in which others are shown, or break lines.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
    let value = value.to_string();
    writeln!(out, "  {:<18} {}", printable(name), printable(&value))
}

/// The first line of a report that tells of a success.
///
/// # Errors
/// If the output does not take it.
pub fn success(out: &mut dyn Write, line: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(out, "{MARK} {}", printable(&line.to_string()))
}

/// What the first line of a success begins with.
const MARK: &str = "✓";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_file_names_moves_the_cursor() {
        assert_eq!(printable("income, in € (gross)"), "income, in € (gross)");
        let mut out = Vec::new();
        for name in ["a\u{1b}[2Kb", "a\r\u{7}b", "a\u{9b}31mb", "a\u{7f}b", "a\u{202e}b"] {
            field(&mut out, name, name).unwrap();
        }
        let out = String::from_utf8(out).unwrap();
        assert!(out.chars().all(|c| c == '\n' || !(c.is_control() || reorders(c))), "{out:?}");
        assert!(out.contains("a\\u{1b}[2Kb"), "{out}");
        assert_eq!(printable_lines("two\nlines\r"), "two\nlines\\r");
        assert_eq!(printable("two\nlines"), "two\\nlines");
    }

    #[derive(Serialize)]
    struct Named {
        #[serde(serialize_with = "tell")]
        path: PathBuf,
        #[serde(serialize_with = "tell")]
        paths: Vec<PathBuf>,
        #[serde(serialize_with = "tell")]
        none: Option<PathBuf>,
    }

    impl Named {
        fn new(path: impl Into<PathBuf>) -> Self {
            let path = path.into();
            Self { paths: vec![path.clone()], path, none: None }
        }
    }

    impl Report for Named {
        fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
            success(out, self.path.display())?;
            writeln!(out, "{}", self.path.display())
        }
    }

    #[test]
    fn names_do_nothing_however_a_report_prints_them() {
        let evil = "x\u{1b}[31m\u{9b}\u{7f}\u{202e}y";
        let shown = text(&Named::new(evil)).unwrap();
        let harmless = |c: char| c == '\n' || !(c.is_control() || reorders(c));
        assert!(shown.chars().all(harmless), "{shown:?}");
        assert!(shown.starts_with("✓ x"), "{shown}");
        let shown = json(&Named::new(evil)).unwrap();
        assert!(shown.chars().all(harmless), "{shown:?}");
        let back: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(back["path"], evil);
        // A name of two lines makes no success of its second.
        let shown = text(&Named { path: "x\n✓ y".into(), ..Named::new("") }).unwrap();
        assert_eq!(shown.lines().next().unwrap(), "✓ x\\n✓ y");
    }

    #[test]
    #[cfg(unix)]
    fn paths_that_are_no_unicode_are_told_in_a_whole_object() {
        use std::os::unix::ffi::OsStringExt;
        let path = std::ffi::OsString::from_vec(b"bad\xff".to_vec());
        let shown = json(&Named::new(path)).unwrap();
        let told: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!((&told["path"], &told["paths"][0]), (&"bad\u{fffd}".into(), &told["path"]));
        assert_eq!(told["none"], serde_json::Value::Null);
    }
}
