//! The command line.

use clap::{Parser, Subcommand};
use zktrain_audit::trust::Verdict;

use crate::commands::{
    audit, bench, chain, coordinator, data, demo, init, keys, model, proof, prove, roots, setup,
    srs, train, trainer, verify,
};
use crate::error::Error;
use crate::ui::Ui;

/// Train a model on private data and prove every optimizer step.
///
/// A project is a directory: `init` makes it, `data commit` registers the owner's
/// data, `train` learns, `prove` proves every step, and `verify` checks it all from
/// files, without the data.
#[derive(Parser, Debug)]
#[command(
    version,
    propagate_version = true,
    after_help = "Examples:\n  zktrain demo\n  zktrain init cancer --preset breast-cancer\n  \
                  zktrain data commit cancer && zktrain train cancer && zktrain prove cancer\n  \
                  zktrain verify cancer"
)]
pub struct Cli {
    /// Print one JSON object on standard output instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a project: a manifest with its fixed-point scales, the first model, a key.
    Init(Box<init::Args>),
    /// Look at data files, or register the project's data.
    #[command(subcommand)]
    Data(data::Command),
    /// Train in integers, deterministically, and export the model.
    Train(train::Args),
    /// Prove the windows that were trained on, one proof each.
    Prove(prove::Args),
    /// Check a project's registration and chain of proofs, or single proofs.
    Verify(verify::Args),
    /// Print what a verdict on a project rests on, for those who verify to pin.
    Roots(roots::Args),
    /// Look at a model file.
    #[command(subcommand)]
    Model(model::Command),
    /// Look at a training proof, or write it for contracts, snarkjs or as JSON.
    #[command(subcommand)]
    Proof(proof::Command),
    /// Derive or check circuit keys.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Make Groth16 keys in a ceremony: one honest contributor makes them sound.
    #[command(subcommand)]
    Setup(setup::Command),
    /// Generate, import or look at a reference string.
    #[command(subcommand)]
    Srs(srs::Command),
    /// Stake, open rounds, be paid, challenge: on an Ethereum chain.
    Chain(Box<chain::Args>),
    /// Take part in a domain's rounds with private data.
    Trainer(Box<trainer::Args>),
    /// Run a domain's rounds: gather, check, propose, settle.
    Coordinator(Box<coordinator::Args>),
    /// Check a model back to its first version: every proof, sum, weight and payment.
    Audit(audit::Args),
    /// Measure.
    #[command(subcommand)]
    Bench(bench::Command),
    /// A whole network on this machine: owners, coordinator, chain, fraud, payments, audit.
    Demo(demo::Args),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(&self, ui: &Ui) -> Result<Verdict, Error> {
        let done = match &self.command {
            Command::Verify(args) => {
                let report = verify::run(args, ui)?;
                ui.report(&report)?;
                return Ok(report.roots.verdict(args.pins.strict)?);
            }
            Command::Audit(args) => return audit::run(args, ui),
            Command::Init(args) => {
                ui.report(&init::run(args, ui)?)?;
                ui.say(&format!("next: zktrain data commit {}", args.dir.display()));
                Ok(())
            }
            Command::Data(command) => data::run(command, ui),
            Command::Train(args) => ui.report(&train::run(args, ui)?),
            Command::Prove(args) => ui.report(&prove::run(args, ui)?),
            Command::Roots(args) => ui.report(&roots::run(args, ui)?),
            Command::Model(command) => model::run(command, ui),
            Command::Proof(command) => proof::run(command, ui),
            Command::Keys(command) => keys::run(command, ui),
            Command::Setup(command) => setup::run(command, ui),
            Command::Srs(command) => srs::run(command, ui),
            Command::Chain(args) => chain::run(args, ui),
            Command::Trainer(args) => trainer::run(args, ui),
            Command::Coordinator(args) => coordinator::run(args, ui),
            Command::Bench(command) => bench::run(command, ui),
            Command::Demo(args) => demo::run(args, ui),
        };
        done.map(|()| Verdict::Holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn options_are_consistent_and_every_command_has_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        check(&command);
    }

    fn check(command: &clap::Command) {
        let mut inner = command.get_subcommands().peekable();
        if inner.peek().is_none() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{} has no example", command.get_name());
        }
        inner.for_each(check);
    }
}
