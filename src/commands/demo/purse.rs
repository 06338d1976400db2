//! A demonstration on a test node that is there already, and the account that pays for it.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, U256};
use zktrain_chain::Endpoint;
use zktrain_chain::amount::show_ether;

use crate::chain::{Connection, block_on};
use crate::error::Error;
use crate::ui::Ui;

/// Where a demonstration runs if not on an embedded chain.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct NodeArgs {
    /// A test node that is there already, instead of an embedded chain: `http(s)://…`. Its time is
    /// moved.
    #[arg(long, value_name = "URL", value_parser = url, requires = "purse",
          conflicts_with = "alone")]
    pub chain: Option<String>,
    /// The keystore of an account that has ether there, and gives each party some for gas.
    #[arg(long, value_name = "KEYSTORE", requires = "chain")]
    pub purse: Option<PathBuf>,
    /// A file whose first line is the purse's password; otherwise the variable ZKTRAIN_PASSWORD,
    /// otherwise it is asked for.
    #[arg(long, value_name = "FILE", requires = "purse")]
    pub password_file: Option<PathBuf>,
}

impl NodeArgs {
    /// Where the demonstration runs, for people: without the passwords that an address may have.
    pub fn place(&self) -> String {
        let node = self.chain.as_ref().and_then(|url| url.parse::<Endpoint>().ok());
        node.map_or("an embedded chain".into(), |node| node.to_string())
    }
}

fn url(text: &str) -> Result<String, String> {
    match text.parse::<Endpoint>() {
        Ok(Endpoint::Http(url)) => Ok(url),
        _ => Err("expected http://… or https://… of an Ethereum test node".into()),
    }
}

/// Gives accounts ether for their gas; the transactions are kept in a folder until they are mined.
///
/// # Errors
/// If the purse cannot be opened or has not as much, nothing answers, or the node's time cannot be
/// moved.
pub fn give(args: &NodeArgs, outbox: &Path, to: &[Address], ui: &Ui) -> Result<(), Error> {
    let at = Connection {
        chain: args.chain.clone(),
        key: args.purse.clone(),
        password_file: args.password_file.clone(),
        outbox: Some(outbox.to_owned()),
        ..Connection::default()
    };
    block_on(async {
        let sender = at.sender(ui).await?;
        // Before anything is paid: without it, each round would wait for its challenge window.
        if let Err(source) = sender.chain().pass(1).await {
            return Err(Error::NoTestChain { at: args.place(), source: Box::new(source) });
        }
        for account in to {
            sender.pay(&format!("demo/{account}"), *account, ether()).await?;
        }
        ui.say(&format!("  {} for gas to each, from {}", show_ether(ether()), sender.address()));
        Ok(())
    })
}

/// What each party gets: more than a thousand rounds need.
fn ether() -> U256 {
    U256::from(10).pow(U256::from(19))
}
