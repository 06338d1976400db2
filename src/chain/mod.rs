//! What commands need to work with a chain: where it is, and who acts.

pub mod files;

use std::io::{IsTerminal, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy::primitives::{Address, U256, address};
use alloy::providers::Provider;
use alloy::signers::local::PrivateKeySigner;
use rand::RngCore;
use rand::rngs::OsRng;
use zktrain_chain::keystore::{self, Password};
use zktrain_chain::protocol::Client;
use zktrain_chain::{
    Chain, ChainError, Endpoint, Finality, Outbox, Sender, TEST_CHAIN, WaitPolicy,
};
use zktrain_devnet::Genesis;
use zktrain_ledger::Deployment;

use crate::error::{Error, OptionsError, ProjectError};
use crate::ui::Ui;

/// Who has the embedded chain's ether: the first account of every local test chain, whose key is
/// known to all. It is worth nothing anywhere else.
const FAUCET: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const FAUCET_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// Between two looks at transactions of an earlier process that the chain does not take.
const AGAIN: Duration = Duration::from_secs(60);
/// Holds the password where no file is named.
const PASSWORD: &str = "ZKTRAIN_PASSWORD";

/// Where the chain is, and who acts on it.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Chain")]
pub struct Connection {
    /// `http(s)://…` of an Ethereum node, or `embedded:PATH` of a chain in a file; by default one
    /// in the user's data folder.
    #[arg(
        long,
        global = true,
        env = "ZKTRAIN_CHAIN",
        value_name = "WHERE",
        hide_env_values = true
    )]
    pub chain: Option<String>,
    /// Where the contracts are; by default what `zktrain chain deploy` wrote.
    #[arg(long, global = true, env = "ZKTRAIN_DEPLOYMENT", value_name = "FILE")]
    pub deployment: Option<PathBuf>,
    /// The account's key: an Ethereum keystore file.
    #[arg(long, global = true, env = "ZKTRAIN_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// A file whose first line is the key's password; otherwise the variable ZKTRAIN_PASSWORD,
    /// otherwise it is asked for.
    #[arg(long, global = true, env = "ZKTRAIN_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Where transactions are kept until they are mined, and what owners have signed; by default in
    /// the user's data folder.
    #[arg(long, global = true, env = "ZKTRAIN_OUTBOX", value_name = "DIR")]
    pub outbox: Option<PathBuf>,
    /// Which blocks count as final, where a signature rests on what they say: `finalized`, `safe`, or
    /// a number of blocks from the latest on [default: safe, and 1 on test chains with the id 31337].
    #[arg(long, global = true, env = "ZKTRAIN_FINALITY", value_name = "BLOCKS")]
    pub finality: Option<Finality>,
    /// Blocks that a transaction has to be deep, its own included, before anything follows from it
    /// [default: 1].
    #[arg(long, global = true, env = "ZKTRAIN_CONFIRMATIONS", value_name = "BLOCKS")]
    pub confirmations: Option<NonZeroU64>,
}

fn data(name: &str) -> Result<PathBuf, Error> {
    let folder = dirs::data_dir().ok_or(OptionsError::Required {
        option: "--chain",
        when: "because this user has no data folder",
        hint: "name the chain, the deployment and the outbox: `--chain --deployment --outbox`",
    })?;
    Ok(folder.join("zktrain").join(name))
}

impl Connection {
    /// Where the chain is.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn endpoint(&self) -> Result<Endpoint, Error> {
        match &self.chain {
            Some(text) => Ok(text.parse()?),
            None => Ok(Endpoint::Embedded(data("chain.redb")?)),
        }
    }

    /// Connects.
    ///
    /// # Errors
    /// If nothing answers there.
    pub async fn connect(&self) -> Result<Chain, Error> {
        let chain = self.endpoint()?.connect(&Self::genesis()).await?;
        Ok(match self.finality {
            Some(finality) => chain.with_finality(finality),
            None => chain,
        })
    }

    /// What embedded chains start with.
    pub fn genesis() -> Genesis {
        let ether = U256::from(10).pow(U256::from(24));
        Genesis { chain_id: TEST_CHAIN, funded: vec![(FAUCET, ether)] }
    }

    /// The file that says where the contracts are.
    ///
    /// # Errors
    /// If the user has no data folder and none is named.
    pub fn deployment_path(&self) -> Result<PathBuf, Error> {
        match (&self.deployment, self.endpoint()?) {
            (Some(path), _) => Ok(path.clone()),
            (None, Endpoint::Embedded(path)) => Ok(path.with_extension("json")),
            (None, Endpoint::Http(_)) => data("deployment.json"),
        }
    }

    /// Where the contracts are.
    ///
    /// # Errors
    /// If the file is missing or malformed.
    pub fn deployment(&self) -> Result<Deployment, Error> {
        files::read(&self.deployment_path()?, "deploy the contracts: `zktrain chain deploy`")
    }

    /// The folder for transactions under way, and for what owners have signed.
    ///
    /// # Errors
    /// If the user has no data folder and none is named.
    pub fn outbox(&self) -> Result<PathBuf, Error> {
        match (&self.outbox, self.endpoint()?) {
            (Some(folder), _) => Ok(folder.clone()),
            // Beside its chain: it goes where that goes.
            (None, Endpoint::Embedded(path)) => Ok(path.with_extension("outbox")),
            (None, Endpoint::Http(_)) => data("outbox"),
        }
    }

    /// The account's password.
    ///
    /// # Errors
    /// If there is none to be had.
    pub fn password(&self) -> Result<Password, Error> {
        if let Some(path) = &self.password_file {
            return Ok(Password::from_file(path)?);
        }
        if std::env::var_os(PASSWORD).is_some() || !std::io::stdin().is_terminal() {
            return Ok(Password::from_variable(PASSWORD)?);
        }
        // A person may type it without having seen the question.
        let _ = write!(std::io::stderr(), "password: ");
        let typed = console::Term::stderr().read_secure_line().map_err(Error::Output)?;
        Ok(Password::new(typed)?)
    }

    fn signer(&self) -> Result<PrivateKeySigner, Error> {
        let path = self.key.as_ref().ok_or(OptionsError::Required {
            option: "--key",
            when: "because a transaction has to be signed",
            hint: "make a key: `zktrain chain key new FILE`, and name it: `--key FILE`",
        })?;
        Ok(keystore::open(path, &self.password()?)?)
    }

    /// The account, ready to send. What an earlier process could not finish is finished first.
    ///
    /// # Errors
    /// If the key cannot be opened or nothing answers.
    pub async fn sender(&self, ui: &Ui) -> Result<Sender, Error> {
        let sender = self.account().await?;
        for (key, fate) in sender.finish().await? {
            match fate {
                Ok(receipt) => ui.say(&format!("earlier: {key}: {}", receipt.transaction_hash)),
                Err(error) => ui.warn(&format!("earlier: {key}: {error}")),
            }
        }
        Ok(sender)
    }

    /// The account, with its transactions as an earlier process left them.
    async fn account(&self) -> Result<Sender, Error> {
        let signer = self.signer()?;
        let endpoint = self.endpoint()?;
        let chain = self.connect().await?;
        let folder = self.outbox()?;
        if matches!(endpoint, Endpoint::Embedded(_)) {
            pour(&chain, &folder, signer.address()).await?;
        }
        let sender = sender(chain, signer, &folder)?;
        let confirmations = self.confirmations.map_or(1, NonZeroU64::get);
        let patience = WaitPolicy { confirmations, ..sender.patience() };
        Ok(sender.with_patience(patience))
    }

    /// The account and the contracts. Each command is new: it may be repeated on purpose.
    ///
    /// # Errors
    /// As [`Self::sender`], or if it is not known where the contracts are.
    pub async fn client(&self, ui: &Ui) -> Result<Client, Error> {
        let at = self.deployment()?;
        let sender = self.sender(ui).await?;
        let client = Client::new(sender, at, &format!("{:016x}/", OsRng.next_u64()))?;
        self.require_contracts(&client).await?;
        Ok(client)
    }

    /// Refuses a chain on which nothing is where the contracts should be: there, calls return nothing
    /// and transactions succeed without doing anything.
    async fn require_contracts(&self, client: &Client) -> Result<(), Error> {
        let (chain, contract) = (client.sender().chain(), client.at().rounds);
        let code = chain.provider().get_code_at(contract).await.map_err(ChainError::from)?;
        if code.is_empty() {
            let (path, chain) = (self.deployment_path()?, chain.id());
            return Err(Error::NoContracts { path, contract, chain });
        }
        Ok(())
    }

    /// As [`Self::client`], for a program that runs on: it waits for nothing that an earlier process
    /// left under way, but sends it again and sees it through on the side. What is under way, or can
    /// happen once, as settling a round, such a program finds again after a crash.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub async fn service(&self) -> Result<Client, Error> {
        let at = self.deployment()?;
        let sender = self.account().await?;
        let left = sender.resume().await?;
        if !left.is_empty() {
            tracing::info!(transactions = left.len(), "sent again, from an earlier run");
            tokio::spawn(see_to(sender.clone()));
        }
        let prefix = format!("{}/", at.rounds);
        let client = Client::new(sender, at, &prefix)?;
        self.require_contracts(&client).await?;
        Ok(client)
    }

    /// Only looks: no key is needed.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub async fn viewer(&self) -> Result<Client, Error> {
        let (at, chain) = (self.deployment()?, self.connect().await?);
        let nobody = PrivateKeySigner::random_with(&mut OsRng);
        let folder = tempfile::tempdir().map_err(|source| {
            Error::Project(ProjectError::File { path: std::env::temp_dir(), source })
        })?;
        let client = Client::new(sender(chain, nobody, folder.path())?, at, "")?;
        self.require_contracts(&client).await?;
        Ok(client)
    }
}

fn sender(chain: Chain, signer: PrivateKeySigner, folder: &Path) -> Result<Sender, Error> {
    let outbox = Outbox::new(folder, chain.id(), signer.address()).map_err(ChainError::from)?;
    Ok(Sender::new(chain, signer, outbox))
}

/// Sees transactions of an earlier process through, however long that takes.
async fn see_to(sender: Sender) {
    loop {
        let fates = sender.finish().await;
        let is_over = match &fates {
            Ok(fates) => fates.iter().all(|(_, fate)| has_ended(fate)),
            Err(error) => {
                tracing::warn!(%error, "transactions of an earlier run are looked for again");
                false
            }
        };
        for (key, fate) in fates.unwrap_or_default() {
            match fate {
                Ok(receipt) => tracing::info!(key, hash = %receipt.transaction_hash, "mined"),
                Err(error) => tracing::warn!(key, %error, "a transaction of an earlier run"),
            }
        }
        if is_over {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Whether it is known what became of a transaction, for good.
fn has_ended<T>(fate: &Result<T, ChainError>) -> bool {
    matches!(fate, Ok(_) | Err(ChainError::Failed { .. } | ChainError::Replaced { .. }))
}

/// Gives an account of an embedded chain what transactions cost there.
async fn pour(chain: &Chain, folder: &Path, to: Address) -> Result<(), Error> {
    let balance = chain.provider().get_balance(to).await.map_err(ChainError::from)?;
    if !balance.is_zero() || to == FAUCET {
        return Ok(());
    }
    let signer = FAUCET_KEY.parse().map_err(|_| ChainError::NoBlock)?;
    let value = U256::from(10).pow(U256::from(20));
    sender(chain.clone(), signer, folder)?.pay_anew(&format!("faucet/{to}"), to, value).await?;
    Ok(())
}

/// Runs what a command does on a chain.
///
/// # Errors
/// What it fails with.
pub fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Output)?;
    runtime.block_on(work)
}

/// Runs a server: work for several threads.
///
/// # Errors
/// What it fails with.
pub fn block_on_threads<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Output)?;
    runtime.block_on(work)
}
