//! The program `zktrain-verify`: checks training proofs, and has nothing to make them with.
//!
//! `zktrain verify` derives the key from a reference string. This one is given the key, as contracts
//! store it, and believes in it as far as its name was given: see [`zktrain_verify::contract_key`].
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod args;
mod check;
mod report;
mod shown;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use zktrain_msm::floor;

use crate::args::Args;

// Nothing but the check, so that nothing of what follows it is done before.
fn main() -> ExitCode {
    if !floor::holds() {
        // If the output is closed, nobody can be told.
        let _ = std::io::stderr().write_all(floor::REFUSAL.as_bytes());
        return ExitCode::FAILURE;
    }
    run()
}

#[inline(never)]
fn run() -> ExitCode {
    let args = Args::parse();
    let report = match check::run(&args) {
        Ok(report) => report,
        Err(error) => {
            if args.json {
                let error = shown::escaped(&error.to_string());
                shown::print(&serde_json::json!({ "error": error }).to_string());
            }
            shown::complain(&format!("error: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let printed = match args.json {
        true => serde_json::to_string(&report).map(|text| shown::print(&text)).is_ok_and(|ok| ok),
        false => shown::print(&report.to_string()),
    };
    if !printed {
        shown::complain("error: the result cannot be written");
        return ExitCode::FAILURE;
    }
    if !report.pinned {
        shown::complain(args::UNPINNED);
    }
    match (report.pinned, report.strict) {
        (true, _) => ExitCode::SUCCESS,
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::from(3),
    }
}
