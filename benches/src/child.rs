//! Each case in a process of its own: peak memory belongs to a process.

use std::process::{Command, Stdio};

use clap::Subcommand;
use zktrain_cli::bench::BenchError;
use zktrain_prove::prove::ProveError;

use crate::cases::Case;
use crate::machine::load;
use crate::record::{Figures, Record};
use crate::{Error, record};

/// The command by which a measuring program calls itself.
#[derive(Clone, Debug, Subcommand)]
pub enum Internal {
    /// Measures one case and prints its record.
    #[command(hide = true)]
    Measure {
        /// The case as JSON.
        case: String,
    },
}

impl Internal {
    /// Runs it.
    ///
    /// # Errors
    /// If the case is not JSON or cannot be measured.
    pub fn run(&self) -> Result<(), Error> {
        let Self::Measure { case } = self;
        let case: Case = serde_json::from_str(case).map_err(|source| Error::Line {
            path: "argument".into(),
            line: 1,
            source,
        })?;
        println!("{}", serde_json::to_string(&here(case)?).map_err(Error::Encode)?);
        Ok(())
    }
}

/// Measures in this process. A case that does not fit memory is a record, not an error.
///
/// # Errors
/// If the case is not supported.
pub fn here(case: Case) -> Result<Record, Error> {
    let load = load();
    match zktrain_cli::bench::step(&case.options()) {
        Ok(report) => {
            let text = serde_json::to_value(report).map_err(Error::Encode)?;
            let figures: Figures = serde_json::from_value(text).map_err(Error::Encode)?;
            Ok(Record::Step { purpose: case.purpose, load, figures })
        }
        Err(BenchError::Prove(ProveError::Memory { needed_mb, available_mb })) => {
            Ok(Record::Refused { case, needed_mb, available_mb })
        }
        Err(other) => Err(other.into()),
    }
}

/// Measures in a new process of this program.
///
/// # Errors
/// If it cannot be started. A process that ends without figures is a record.
pub fn measure(case: &Case) -> Result<Record, Error> {
    let program = std::env::current_exe().map_err(Error::Start)?;
    let argument = serde_json::to_string(case).map_err(Error::Encode)?;
    let output = Command::new(program)
        .args(["measure", &argument])
        .stderr(Stdio::inherit())
        .output()
        .map_err(Error::Start)?;
    let text = String::from_utf8_lossy(&output.stdout);
    match serde_json::from_str(text.trim()) {
        Ok(record) if output.status.success() => Ok(record),
        _ => Ok(Record::Failed { case: case.clone(), reason: output.status.to_string() }),
    }
}

/// Measures all cases one after another, telling the terminal how far it is.
///
/// # Errors
/// As [`measure`].
pub fn measure_all(cases: &[Case]) -> Result<Vec<record::Record>, Error> {
    let mut records = vec![Record::Machine(crate::machine::Machine::here())];
    for (index, case) in cases.iter().enumerate() {
        eprint!("{}/{}: {case} … ", index + 1, cases.len());
        let record = measure(case)?;
        match &record {
            Record::Step { figures, .. } => {
                eprintln!("{:.3} s a step, {:.0} MB", figures.prove_per_step(), figures.peak_rss_mb)
            }
            Record::Refused { needed_mb, .. } => eprintln!("needs {needed_mb} MB"),
            Record::Failed { reason, .. } => eprintln!("failed: {reason}"),
            Record::Machine(_) => eprintln!(),
        }
        records.push(record);
    }
    Ok(records)
}
