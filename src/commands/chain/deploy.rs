//! Deploying the contracts; serving an embedded chain.

use std::net::SocketAddr;

use alloy::primitives::Address;
use zktrain_contracts::chain::Endpoint;
use zktrain_contracts::node::{self, Node};
use zktrain_contracts::protocol::{Deployment, Setup};

use super::Done;
use crate::chain::Connection;
use crate::chain::amount::{parse_address, parse_duration, show};
use crate::error::{Error, OptionsError};
use crate::files;
use crate::project::write_json;
use crate::ui::Ui;

/// Options of `zktrain chain deploy`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain chain deploy --key operator.json\n  \
    zktrain chain deploy --key operator.json --chain https://node.example \\\n    \
    --governor 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf --timelock 14days")]
pub struct DeployArgs {
    /// Who may propose, cancel and execute what governance decides; by default the deployer.
    #[arg(long = "governor", value_name = "ADDRESS", value_parser = parse_address)]
    pub governors: Vec<Address>,
    /// Who may stop a verifier for good; by default the deployer.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub guardian: Option<Address>,
    /// Who holds the first supply of reward tokens; by default the deployer.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub holder: Option<Address>,
    /// Delay of what governance decides.
    #[arg(long, default_value = "7days", value_name = "TIME", value_parser = parse_duration)]
    pub timelock: u64,
    /// Write over the file with other contracts' addresses if it is there: whoever has stake in
    /// those needs them.
    #[arg(long)]
    pub force: bool,
}

/// What to do about contracts that are there already.
const DEPLOYED: &str = "it holds addresses of contracts that may hold stakes: name another file, \
     `--deployment FILE`, or write over it with `--force`";

/// Options of `zktrain chain serve`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain serve --listen 127.0.0.1:8545")]
pub struct ServeArgs {
    /// Where to listen. Whoever can connect can use this chain.
    #[arg(long, default_value = "127.0.0.1:8545", value_name = "ADDRESS")]
    pub listen: SocketAddr,
}

pub async fn deploy(at: &Connection, args: &DeployArgs, ui: &Ui) -> Result<Done, Error> {
    let path = at.deployment_path()?;
    // Before anything is paid for.
    files::free(&path, args.force, DEPLOYED)?;
    let sender = at.sender(ui).await?;
    let account = sender.address();
    let mut setup = Setup::of_one(account);
    setup.timelock_delay = args.timelock;
    setup.guardian = args.guardian.unwrap_or(account);
    setup.holder = args.holder.unwrap_or(account);
    if !args.governors.is_empty() {
        setup.governors.clone_from(&args.governors);
    }
    let deployed = Deployment::create(&sender, &setup).await?;
    write_json(&path, &deployed)?;
    Ok(Done::new(format!("deployed on chain {}", deployed.chain_id))
        .with("file", path.display().to_string())
        .with("rounds", deployed.rounds.to_string())
        .with("reward_token", deployed.reward_token.to_string())
        .with("verifier", deployed.verifier.to_string())
        .with("holder", format!("{} has {}", setup.holder, show(setup.supply))))
}

pub async fn serve(at: &Connection, args: &ServeArgs, ui: &Ui) -> Result<(), Error> {
    let Endpoint::Embedded(path) = at.endpoint()? else {
        return Err(OptionsError::Required {
            option: "--chain embedded:PATH",
            when: "because only an embedded chain can be served",
            hint: "leave --chain out for the one in the user's data folder",
        }
        .into());
    };
    let file = |source| Error::File { path: path.clone(), source };
    let node = Node::open(&path, Connection::genesis())?;
    let listener = tokio::net::TcpListener::bind(args.listen).await.map_err(file)?;
    ui.say(&format!("chain {} at http://{}", path.display(), args.listen));
    tokio::select! {
        never = node::serve(node, listener) => match never {},
        stopped = tokio::signal::ctrl_c() => stopped.map_err(file),
    }
}
