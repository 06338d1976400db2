//! Measures proofs of networks of 10⁴ to 10⁷ parameters and draws the curve.

use std::path::PathBuf;

use clap::Parser;
use zktrain_benches::child::{Internal, measure_all};
use zktrain_benches::record::{Purpose, figures, load, save};
use zktrain_benches::{Error, cases, plot, write};

/// Measures one step of ever larger networks and draws time and memory.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    internal: Option<Internal>,
    /// Only the two smallest networks.
    #[arg(long)]
    quick: bool,
    /// Proofs a network; medians are drawn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Draw these records instead of measuring.
    #[arg(long, conflicts_with_all = ["quick", "runs", "json"])]
    from: Option<PathBuf>,
    /// The drawing.
    #[arg(short, long, default_value = "docs/images/scaling.svg")]
    output: PathBuf,
    /// The records.
    #[arg(long, default_value = "results/scaling.jsonl")]
    json: PathBuf,
}

fn main() -> std::process::ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    if let Some(internal) = &arguments.internal {
        return internal.run();
    }
    let records = match &arguments.from {
        Some(path) => load(path)?,
        None => {
            let records = measure_all(&cases::scaling(arguments.runs as usize, arguments.quick))?;
            save(&arguments.json, &records)?;
            records
        }
    };
    write(&arguments.output, &plot::scaling(&figures(&records, Purpose::Scaling))?)
}
