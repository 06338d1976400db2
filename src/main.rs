//! The command-line program `zktrain`.

use std::process::ExitCode;

use clap::Parser;
use zktrain::cli::Cli;
use zktrain::commands::demo::leash;
use zktrain::ui::Ui;

fn main() -> ExitCode {
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
