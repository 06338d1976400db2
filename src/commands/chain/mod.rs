//! `zktrain chain`: stake, domains, rounds, payment and evidence, on any Ethereum chain.

mod account;
mod challenge;
mod demand;
mod deploy;
pub mod domain;
mod refusal;
mod round;
mod rules;
mod status;

use std::io::Write;

use alloy::primitives::B256;
use alloy::rpc::types::TransactionReceipt;
use serde::Serialize;
use serde_json::{Map, Value};

pub use self::refusal::ChainRefusal;
use crate::chain::{Connection, block_on};
use crate::error::Error;
use crate::evm::grouped;
use crate::ui::{Report, Ui, field, success};

/// Options of `zktrain chain`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Where, and who.
    #[command(flatten)]
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do on the chain.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Make, import or look at keys: Ethereum keystore files.
    #[command(subcommand)]
    Key(account::KeyCommand),
    /// Deploy all contracts.
    Deploy(deploy::DeployArgs),
    /// Serve the embedded chain to other processes, as a node.
    Serve(deploy::ServeArgs),
    /// Show contracts, an account, a domain or a round.
    Status(status::Args),
    /// Stake reward tokens, or say how much delegated stake this account may answer with.
    Stake(account::StakeArgs),
    /// Stake with somebody else, and share its slashes.
    Delegate(account::DelegateArgs),
    /// Start to unbond stake; it can still be slashed meanwhile.
    Unstake(account::UnstakeArgs),
    /// Take out what has unbonded.
    Withdraw(account::WithdrawArgs),
    /// Give reward tokens or ether to somebody.
    Transfer(account::TransferArgs),
    /// Take what is owed for verified work.
    Claim(account::ClaimArgs),
    /// Open, fund, hand over or close a domain: a model that its members train together.
    #[command(subcommand)]
    Domain(domain::Command),
    /// Join a domain with a registered dataset.
    Join(domain::JoinArgs),
    /// Take part in no new rounds of a domain.
    Resign(domain::LeaveArgs),
    /// End a membership and its bond, some time after resigning.
    Exit(domain::LeaveArgs),
    /// Open a round and draw its windows.
    Open(round::OpenArgs),
    /// Draw a round's windows, if its coordinator has not.
    #[command(after_help = "Example:\n  zktrain chain draw 7 --key anyone.json")]
    Draw(demand::RoundArgs),
    /// Train and prove what a round asks of this account.
    Work(round::WorkArgs),
    /// Hand in a proof: to the contract, or signed, for the coordinator.
    Submit(round::SubmitArgs),
    /// Propose what members delivered, their weighted sum and the next model.
    Propose(round::ProposeArgs),
    /// Settle a round: pay, move reputations, advance the model.
    Settle(round::SettleArgs),
    /// Draw by lot whose deliveries of a proposed round have to be proven on chain.
    #[command(after_help = "Example:\n  zktrain chain audit 7 --key anyone.json")]
    Audit(demand::RoundArgs),
    /// Demand that a delivery be proven on chain, for a bond in ether.
    Demand(demand::DemandArgs),
    /// Answer a demand, or an audit, with the proof.
    Answer(demand::AnswerArgs),
    /// Have the bond of a demand paid out whose round is over: to the account that answered, or back.
    Collect(demand::CollectArgs),
    /// Make a round void whose verifier was stopped more than a day ago.
    #[command(after_help = "Example:\n  zktrain chain abandon 7 --key anyone.json")]
    Abandon(demand::RoundArgs),
    /// Bring evidence of fraud, for a bounty.
    #[command(subcommand)]
    Challenge(challenge::Command),
}

/// Runs a command.
///
/// # Errors
/// If the chain or a contract refuses, or a file is not what it should be.
pub fn run(args: &Args, ui: &Ui) -> Result<(), Error> {
    block_on(dispatch(args, ui))
}

async fn dispatch(Args { connection: at, command }: &Args, ui: &Ui) -> Result<(), Error> {
    match command {
        Command::Key(command) => ui.report(&account::key(at, command)?),
        Command::Deploy(args) => ui.report(&deploy::deploy(at, args, ui).await?),
        Command::Serve(args) => deploy::serve(at, args, ui).await,
        Command::Status(args) => ui.report(&status::status(at, args).await?),
        Command::Stake(args) => ui.report(&account::stake(at, args, ui).await?),
        Command::Delegate(args) => ui.report(&account::delegate(at, args, ui).await?),
        Command::Unstake(args) => ui.report(&account::unstake(at, args, ui).await?),
        Command::Withdraw(args) => ui.report(&account::withdraw(at, args, ui).await?),
        Command::Transfer(args) => ui.report(&account::transfer(at, args, ui).await?),
        Command::Claim(args) => ui.report(&account::claim(at, args, ui).await?),
        Command::Domain(command) => ui.report(&domain::run(at, command, ui).await?),
        Command::Join(args) => ui.report(&domain::join(at, args, ui).await?),
        Command::Resign(args) => ui.report(&domain::resign(at, args, ui).await?),
        Command::Exit(args) => ui.report(&domain::exit(at, args, ui).await?),
        Command::Open(args) => ui.report(&round::open(at, args, ui).await?),
        Command::Work(args) => ui.report(&round::work(at, args, ui).await?),
        Command::Submit(args) => ui.report(&round::submit(at, args, ui).await?),
        Command::Propose(args) => ui.report(&round::propose(at, args, ui).await?),
        Command::Settle(args) => ui.report(&round::settle(at, args, ui).await?),
        Command::Draw(args) => ui.report(&demand::draw(at, args, ui).await?),
        Command::Audit(args) => ui.report(&demand::audit(at, args, ui).await?),
        Command::Demand(args) => ui.report(&demand::demand(at, args, ui).await?),
        Command::Answer(args) => ui.report(&demand::answer(at, args, ui).await?),
        Command::Collect(args) => ui.report(&demand::collect(at, args, ui).await?),
        Command::Abandon(args) => ui.report(&demand::abandon(at, args, ui).await?),
        Command::Challenge(command) => ui.report(&challenge::run(at, command, ui).await?),
    }
}

/// What a command did.
#[derive(Clone, Debug, Serialize)]
pub struct Done {
    /// In words.
    pub done: String,
    /// The transaction; none if nothing was sent, or several were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<B256>,
    /// Gas that it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gas: Option<u64>,
    /// What there is to know besides.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
}

impl Done {
    fn new(done: impl Into<String>) -> Self {
        Self { done: done.into(), transaction: None, gas: None, facts: Map::new() }
    }

    fn by(done: impl Into<String>, receipt: &TransactionReceipt) -> Self {
        let mut new = Self::new(done);
        new.transaction = Some(receipt.transaction_hash);
        new.gas = Some(receipt.gas_used);
        new
    }

    #[must_use]
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }
}

impl Report for Done {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        success(out, &self.done)?;
        for (name, value) in &self.facts {
            let name = name.replace('_', " ");
            match value {
                Value::String(text) => field(out, &name, text)?,
                Value::Array(lines) => {
                    for line in lines {
                        let text = line.as_str().map_or_else(|| line.to_string(), str::to_owned);
                        field(out, &name, text)?;
                    }
                }
                other => field(out, &name, other)?,
            }
        }
        if let Some(hash) = self.transaction {
            field(out, "transaction", hash)?;
        }
        match self.gas {
            Some(gas) => field(out, "gas", grouped(gas)),
            None => Ok(()),
        }
    }
}
