//! The command-line program `zktrain`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use zktrain_cli::cli::Cli;
use zktrain_cli::commands::demo::leash;
use zktrain_cli::ui::Ui;
use zktrain_msm::floor;

// Nothing but the check, so that nothing of what follows it is done before.
fn main() -> ExitCode {
    if !floor::holds() {
        // Where the output is closed nobody can be told.
        let _ = std::io::stderr().write_all(floor::REFUSAL.as_bytes());
        return ExitCode::FAILURE;
    }
    run()
}

#[inline(never)]
fn run() -> ExitCode {
    leash::heed();
    let cli = Cli::parse();
    let ui = Ui { json: cli.json };
    match cli.run(&ui) {
        Ok(verdict) => {
            ui.verdict(&verdict);
            ExitCode::from(verdict.exit_code())
        }
        Err(error) => {
            ui.failure(&error);
            ExitCode::FAILURE
        }
    }
}
