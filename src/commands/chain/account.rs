//! Keys, stake and payment.

use std::path::PathBuf;

use alloy::primitives::{Address, U256};
use rand::RngCore;
use rand::rngs::OsRng;
use zktrain_chain::amount::{parse, parse_address, parse_ether, show, show_ether};
use zktrain_chain::keystore;
use zktrain_chain::protocol::Client;
use zktrain_ledger::time;

use super::{ChainRefusal, Done};
use crate::chain::Connection;
use crate::error::Error;
use crate::ui::Ui;

/// What to do with keys.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum KeyCommand {
    /// Make a new key.
    #[command(after_help = "Example:\n  zktrain chain key new alice.json")]
    New {
        /// The keystore file to write.
        file: PathBuf,
    },
    /// Put an existing key into a keystore file.
    #[command(after_help = "Example:\n  zktrain chain key import alice.json --from key.hex")]
    Import {
        /// The keystore file to write.
        file: PathBuf,
        /// A file that holds the key in hexadecimal.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Show the address that a keystore file says it is for.
    #[command(after_help = "Example:\n  zktrain chain key address alice.json")]
    Address {
        /// The keystore file.
        file: PathBuf,
    },
}

/// Options of `zktrain chain stake`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  zktrain chain stake 100 --key alice.json\n  \
        zktrain chain stake limit 50 --key alice.json"
)]
pub struct StakeArgs {
    /// How much: 12, 0.5, 7wei.
    #[arg(value_parser = parse, required = true)]
    pub amount: Option<U256>,
    /// Something else about stake.
    #[command(subcommand)]
    pub command: Option<StakeCommand>,
}

/// What there is about stake besides staking.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum StakeCommand {
    /// Say how much this account may answer with beyond its own stake, with what others have staked
    /// with it: lower at once, higher after the unbonding delay and a week, in which accounts that do
    /// not want it can leave.
    #[command(after_help = "Example:\n  zktrain chain stake limit 50 --key alice.json")]
    Limit {
        /// How much, all delegators together.
        #[arg(value_parser = parse)]
        amount: U256,
    },
}

/// Options of `zktrain chain delegate`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain delegate \
    0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf 100 --most 50 --key bob.json")]
pub struct DelegateArgs {
    /// Whom to stake with.
    #[arg(value_parser = parse_address)]
    pub account: Address,
    /// How much.
    #[arg(value_parser = parse)]
    pub amount: U256,
    /// The most that you accept that slashes of that account take of all delegated stake together:
    /// its limit, also one that it has announced.
    #[arg(long, value_name = "AMOUNT", value_parser = parse)]
    pub most: Option<U256>,
}

/// Options of `zktrain chain unstake`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain chain unstake 50 --key alice.json\n  \
    zktrain chain unstake all --from 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf --key bob.json")]
pub struct UnstakeArgs {
    /// How much, or `all`.
    pub amount: String,
    /// With whom it is staked; by default with the account itself.
    #[arg(long, value_name = "ACCOUNT", value_parser = parse_address)]
    pub from: Option<Address>,
}

/// Options of `zktrain chain withdraw`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain withdraw 7 --key alice.json")]
pub struct WithdrawArgs {
    /// The ticket that `unstake` gave.
    pub ticket: u64,
}

/// Options of `zktrain chain transfer`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain chain transfer \
    0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf 1000 --key treasury.json\n  \
    zktrain chain transfer 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf 0.1 --ether \
    --key treasury.json")]
pub struct TransferArgs {
    /// To whom.
    #[arg(value_parser = parse_address)]
    pub to: Address,
    /// How much: 12, 0.5, 7wei.
    pub amount: String,
    /// Ether, which pays for gas, instead of reward tokens.
    #[arg(long)]
    pub ether: bool,
}

/// Options of `zktrain chain claim`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain claim --key alice.json")]
pub struct ClaimArgs {
    /// The token of the domain's budget; by default the reward token.
    #[arg(long, value_parser = parse_address)]
    pub token: Option<Address>,
}

pub fn key(at: &Connection, command: &KeyCommand) -> Result<Done, Error> {
    let (file, address, done) = match command {
        KeyCommand::New { file } => {
            (file, Some(keystore::create(file, &at.password()?)?.address()), "a new key")
        }
        KeyCommand::Import { file, from } => {
            let text = zeroize::Zeroizing::new(zktrain_project::files::read_text(from)?);
            let signer = keystore::import(file, &text, &at.password()?)?;
            (file, Some(signer.address()), "the key is in a keystore")
        }
        KeyCommand::Address { file } => (file, keystore::address(file)?, "a keystore"),
    };
    let address = address.map_or("not said".to_owned(), |address| address.to_string());
    Ok(Done::new(done).with("address", address).with("file", file.display().to_string()))
}

pub async fn stake(at: &Connection, args: &StakeArgs, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    match (&args.command, args.amount) {
        (Some(StakeCommand::Limit { amount }), _) => limit(&client, *amount).await,
        (None, amount) => {
            let amount = amount.unwrap_or_default();
            let receipt = client.stake(amount).await?;
            Ok(Done::by(format!("staked {}", show(amount)), &receipt))
        }
    }
}

async fn limit(client: &Client, amount: U256) -> Result<Done, Error> {
    // The contract keeps limits in 96 bits.
    let most = (U256::from(1) << 96) - U256::from(1);
    let limit = u128::try_from(amount.min(most)).unwrap_or(u128::MAX);
    let receipt = client.set_limit(limit).await?;
    let pool = client.pool(client.address()).await?;
    let done = match pool.nextLimitAt {
        0 => format!("answers with up to {} of delegated stake", show(U256::from(pool.limit))),
        from => format!(
            "answers with up to {} of delegated stake from {} on, and with {} until then",
            show(U256::from(pool.nextLimit)),
            time(from),
            show(U256::from(pool.limit))
        ),
    };
    Ok(Done::by(done, &receipt))
}

pub async fn delegate(at: &Connection, args: &DelegateArgs, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    let (account, exposure) = (args.account, client.exposure(args.account).await?);
    let most = args.most.filter(|most| exposure <= *most);
    let most = most.ok_or(ChainRefusal::Exposure { account, exposure, most: args.most })?;
    let receipt = client.delegate(args.account, args.amount, most).await?;
    Ok(Done::by(format!("staked {} with {account}", show(args.amount)), &receipt)
        .with("delegators_lose_at_most", show(exposure)))
}

pub async fn unstake(at: &Connection, args: &UnstakeArgs, ui: &Ui) -> Result<Done, Error> {
    let amount = match args.amount.as_str() {
        "all" => None,
        text => Some(parse(text).map_err(|why| Error::Argument { why })?),
    };
    let client = at.client(ui).await?;
    let account = args.from.unwrap_or(client.address());
    let started = client.unstake(account, amount).await?;
    let due = time(started.releaseTime);
    Ok(Done::new(format!("{} unbonds; it can be slashed until {due}", show(started.amount)))
        .with("ticket", started.ticket.to_string())
        .with("due", due)
        .with("then", format!("zktrain chain withdraw {}", started.ticket)))
}

pub async fn withdraw(at: &Connection, args: &WithdrawArgs, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    let paid = client.withdraw(U256::from(args.ticket)).await?;
    Ok(Done::new(format!("{} withdrawn", show(paid.amount))))
}

pub async fn transfer(at: &Connection, args: &TransferArgs, ui: &Ui) -> Result<Done, Error> {
    if args.ether {
        return pay(at, args, ui).await;
    }
    let amount = parse(&args.amount).map_err(|why| Error::Argument { why })?;
    let client = at.client(ui).await?;
    let receipt = client.transfer(args.to, amount).await?;
    Ok(Done::by(format!("{} given to {}", show(amount), args.to), &receipt))
}

async fn pay(at: &Connection, args: &TransferArgs, ui: &Ui) -> Result<Done, Error> {
    let amount = parse_ether(&args.amount).map_err(|why| Error::Argument { why })?;
    let sender = at.sender(ui).await?;
    // Each command is new: it may be repeated on purpose.
    let key = format!("{:016x}/ether/{}", OsRng.next_u64(), args.to);
    let receipt = sender.pay(&key, args.to, amount).await?;
    Ok(Done::by(format!("{} given to {}", show_ether(amount), args.to), &receipt))
}

pub async fn claim(at: &Connection, args: &ClaimArgs, ui: &Ui) -> Result<Done, Error> {
    let client = at.client(ui).await?;
    let token = args.token.unwrap_or(client.at().reward_token);
    let amount = client.claim(token).await?;
    let balance = client.balance(token, client.address()).await?;
    Ok(Done::new(format!("{} claimed", show(amount))).with("balance", show(balance)))
}
