//! Measures the table of steps and writes `docs/benchmarks.md`.

use std::path::PathBuf;

use clap::Parser;
use zktrain_benches::child::{Internal, measure_all};
use zktrain_benches::document::Document;
use zktrain_benches::record::{load, save};
use zktrain_benches::{Error, cases};

/// Measures training proofs over shapes and steps, and writes the document about them.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    internal: Option<Internal>,
    /// Only the smallest shape and few steps, once.
    #[arg(long)]
    quick: bool,
    /// Proofs a case; medians are reported.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Only this shape, such as 784-128-10; may be repeated.
    #[arg(long)]
    only: Vec<String>,
    /// Write the document from these records instead of measuring.
    #[arg(long, conflicts_with_all = ["quick", "runs", "only", "json"])]
    from: Option<PathBuf>,
    /// Measurements of EZKL, from `scripts/peer-ezkl.sh`.
    #[arg(long)]
    peer: Option<PathBuf>,
    /// Records of the `scaling` command.
    #[arg(long)]
    scaling: Option<PathBuf>,
    /// Sentences beside targets: a TOML table of strings.
    #[arg(long)]
    notes: Option<PathBuf>,
    /// The document.
    #[arg(short, long, default_value = "docs/benchmarks.md")]
    output: PathBuf,
    /// The records.
    #[arg(long, default_value = "results/benchmarks.jsonl")]
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
    // Files that the document needs are read first: a mistake in one should not cost the hour of
    // measuring.
    let optional = [&arguments.scaling, &arguments.peer, &arguments.notes];
    let [scaling, peer, notes] = optional.map(|path| path.as_deref());
    let mut document = Document::gather(Vec::new(), scaling, peer, notes)?;
    document.table = match &arguments.from {
        Some(path) => load(path)?,
        None => measure(arguments)?,
    };
    document.save(&arguments.output)
}

fn measure(arguments: &Arguments) -> Result<Vec<zktrain_benches::record::Record>, Error> {
    let only: Result<Vec<Vec<usize>>, Error> =
        arguments.only.iter().map(|shape| cases::parse_shape(shape)).collect();
    let runs = if arguments.quick { 1 } else { arguments.runs as usize };
    let records = measure_all(&cases::table(runs, arguments.quick, &only?))?;
    save(&arguments.json, &records)?;
    Ok(records)
}
