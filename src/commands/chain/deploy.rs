//! Deploying the contracts; serving an embedded chain.

use std::net::SocketAddr;
use std::time::Duration;

use alloy::primitives::Address;
use humantime::format_duration;
use zktrain_chain::Endpoint;
use zktrain_chain::amount::{parse_address, parse_duration, show};
use zktrain_chain::protocol::DeploymentSetup;
use zktrain_devnet::EmbeddedNode;
use zktrain_project::files;
use zktrain_project::project::write_json;

use super::{ChainRefusal, Done};
use crate::chain::Connection;
use crate::coordinator::CoordinatorError;
use crate::error::{Error, OptionsError};
use crate::ui::Ui;

/// Options of `zktrain chain deploy`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain chain deploy --key coordinator.json\n  \
    zktrain chain deploy --key coordinator.json --chain https://node.example \\\n    \
    --proposer 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf \\\n    \
    --canceller 0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF --delay 30days")]
pub struct DeployArgs {
    /// Who may propose what governance decides, best a contract in which many vote; by default the
    /// deployer.
    #[arg(long = "proposer", value_name = "ADDRESS", value_parser = parse_address)]
    pub proposers: Vec<Address>,
    /// Who may cancel what was proposed; by default nobody.
    #[arg(long = "canceller", value_name = "ADDRESS", value_parser = parse_address)]
    pub cancellers: Vec<Address>,
    /// Who may execute what was proposed once the delay has passed; by default anyone.
    #[arg(long = "executor", value_name = "ADDRESS", value_parser = parse_address)]
    pub executors: Vec<Address>,
    /// Who may stop a verifier for some time; by default the deployer.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub guardian: Option<Address>,
    /// Who holds the first supply of reward tokens; by default the deployer.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub holder: Option<Address>,
    /// Delay of what governance decides, at least 17days: longer than a round can take, so that accounts
    /// that disagree can have left.
    #[arg(long, default_value = "17days", value_name = "TIME", value_parser = parse_duration)]
    pub delay: u64,
    /// Write over the file with other contracts' addresses if it is there: accounts with stake in
    /// those need them.
    #[arg(long)]
    pub force: bool,
    /// Deploy on a main network, where it costs real money. Without it, contracts are deployed on test
    /// networks and on chains of one's own alone.
    #[arg(long)]
    pub main_network: bool,
}

/// Main networks by their EIP-155 ids.
const MAIN_NETWORKS: [(u64, &str); 33] = [
    (1, "Ethereum"),
    (10, "OP Mainnet"),
    (14, "Flare"),
    (25, "Cronos"),
    (30, "Rootstock"),
    (56, "BNB Smart Chain"),
    (100, "Gnosis"),
    (130, "Unichain"),
    (137, "Polygon"),
    (146, "Sonic"),
    (169, "Manta Pacific"),
    (204, "opBNB"),
    (250, "Fantom"),
    (252, "Fraxtal"),
    (288, "Boba"),
    (324, "ZKsync Era"),
    (480, "World Chain"),
    (999, "HyperEVM"),
    (1088, "Metis"),
    (1101, "Polygon zkEVM"),
    (1284, "Moonbeam"),
    (1329, "Sei"),
    (1868, "Soneium"),
    (2741, "Abstract"),
    (5000, "Mantle"),
    (8453, "Base"),
    (34443, "Mode"),
    (42161, "Arbitrum One"),
    (42170, "Arbitrum Nova"),
    (42220, "Celo"),
    (43114, "Avalanche"),
    (59144, "Linea"),
    (534352, "Scroll"),
];

/// Refuses to spend real money unless that is meant.
fn may_cost(chain: u64, meant: bool) -> Result<(), Error> {
    match MAIN_NETWORKS.into_iter().find(|(id, _)| *id == chain) {
        Some((_, name)) if !meant => Err(Error::MainNetwork { chain, name }),
        _ => Ok(()),
    }
}

/// Seconds of the shortest delay: `Timelock.LEAST_DELAY`.
const LEAST_DELAY: u64 = 17 * 86_400;

impl DeployArgs {
    /// What these options ask for; checked before anything is paid for.
    fn setup(&self, account: Address) -> Result<DeploymentSetup, ChainRefusal> {
        if self.delay < LEAST_DELAY {
            return Err(ChainRefusal::Rule {
                option: "--delay",
                expected: "17days or more".to_owned(),
                got: format_duration(Duration::from_secs(self.delay)).to_string(),
                hint: "a round and its windows can take 16 days: accounts that disagree with a \
                     decision have to be able to leave before it counts",
            });
        }
        let mut setup = DeploymentSetup::of_one(account);
        setup.timelock_delay = self.delay;
        setup.guardian = self.guardian.unwrap_or(account);
        setup.holder = self.holder.unwrap_or(account);
        setup.cancellers.clone_from(&self.cancellers);
        if !self.proposers.is_empty() {
            setup.proposers.clone_from(&self.proposers);
        }
        if !self.executors.is_empty() {
            setup.executors.clone_from(&self.executors);
        }
        apart(["--proposer", "--canceller"], [&setup.proposers, &setup.cancellers])?;
        apart(["--proposer", "--executor"], [&setup.proposers, &setup.executors])?;
        apart(["--canceller", "--executor"], [&setup.cancellers, &setup.executors])?;
        Ok(setup)
    }
}

/// Refuses accounts that are in both lists.
fn apart([first, second]: [&'static str; 2], lists: [&[Address]; 2]) -> Result<(), ChainRefusal> {
    match lists[0].iter().find(|account| lists[1].contains(account)) {
        Some(account) => Err(ChainRefusal::TwoRoles { account: *account, first, second }),
        None => Ok(()),
    }
}

/// Who governs, in words.
fn governance(setup: &DeploymentSetup) -> Vec<String> {
    let list = |what: &str, accounts: &[Address], nobody: &str| {
        let names: Vec<String> = accounts.iter().map(Address::to_string).collect();
        match accounts {
            [] => format!("{what}: {nobody}"),
            [one] if one.is_zero() => format!("{what}: anyone"),
            _ => format!("{what}: {}", names.join(", ")),
        }
    };
    let delay = format_duration(Duration::from_secs(setup.timelock_delay));
    vec![
        list("proposes", &setup.proposers, "nobody"),
        list("cancels", &setup.cancellers, "nobody"),
        list(&format!("executes after {delay}"), &setup.executors, "nobody"),
        format!("stops verifiers for 30days: {}", setup.guardian),
    ]
}

/// What to do about contracts that are there already.
const DEPLOYED: &str = "it holds addresses of contracts that may hold stakes: name another file, \
     `--deployment FILE`, or write over it with `--force`";

/// Options of `zktrain chain serve`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain chain serve --listen 127.0.0.1:8545")]
pub struct ServeArgs {
    /// Where to listen. Everybody who can connect can use this chain.
    #[arg(long, default_value = "127.0.0.1:8545", value_name = "ADDRESS")]
    pub listen: SocketAddr,
}

pub async fn deploy(at: &Connection, args: &DeployArgs, ui: &Ui) -> Result<Done, Error> {
    let path = at.deployment_path()?;
    // Before anything is paid for.
    files::free(&path, args.force, DEPLOYED)?;
    let sender = at.sender(ui).await?;
    may_cost(sender.chain().id(), args.main_network)?;
    let setup = args.setup(sender.address())?;
    let deployed = setup.deploy(&sender).await?;
    write_json(&path, &deployed)?;
    Ok(Done::new(format!("deployed on chain {}", deployed.chain_id))
        .with("file", path.display().to_string())
        .with("rounds", deployed.rounds.to_string())
        .with("reward_token", deployed.reward_token.to_string())
        .with("verifier", deployed.verifier.to_string())
        .with("holder", format!("{} has {}", setup.holder, show(setup.supply)))
        .with("governance", governance(&setup)))
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
    let node = EmbeddedNode::open(&path, Connection::genesis())?;
    let taken = |source| CoordinatorError::Listen { listen: args.listen, source };
    let listener = tokio::net::TcpListener::bind(args.listen).await.map_err(taken)?;
    ui.say(&format!("chain {} at http://{}", path.display(), args.listen));
    tokio::select! {
        never = zktrain_devnet::serve(node, listener) => match never {},
        stopped = tokio::signal::ctrl_c() => stopped.map_err(Error::Output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_networks_have_to_be_meant() {
        for chain in [1, 10, 56, 100, 137, 8453, 42161] {
            let refused = may_cost(chain, false).unwrap_err();
            assert!(refused.hint().is_some_and(|hint| hint.contains("--main-network")));
            assert!(may_cost(chain, true).is_ok());
        }
        // Anvil's own, Sepolia, Holesky, Base Sepolia.
        for chain in [31337, 1337, 11_155_111, 17000, 84532] {
            assert!(may_cost(chain, false).is_ok(), "{chain}");
        }
        assert!(MAIN_NETWORKS.is_sorted());
    }

    #[test]
    fn nobody_governs_alone_by_mistake() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            deploy: DeployArgs,
        }
        let [own, other] = [Address::repeat_byte(1), Address::repeat_byte(2)];
        let setup = |args: &[&str]| {
            let line = <Line as clap::Parser>::parse_from([&["deploy"][..], args].concat());
            line.deploy.setup(own)
        };
        let (one, two) = (own.to_string(), other.to_string());
        let plain = setup(&[]).unwrap();
        assert_eq!((plain.proposers, plain.cancellers), (vec![own], vec![]));
        assert_eq!((plain.executors, plain.timelock_delay), (vec![Address::ZERO], LEAST_DELAY));
        let named = setup(&["--canceller", &two, "--executor", &Address::ZERO.to_string()]);
        assert_eq!(named.unwrap().cancellers, [other]);
        let both = setup(&["--canceller", &one]).unwrap_err();
        assert!(both.to_string().contains("--proposer and by --canceller"), "{both}");
        let both = setup(&["--canceller", &two, "--executor", &two]).unwrap_err();
        assert!(both.to_string().contains("--canceller and by --executor"), "{both}");
        let short = setup(&["--delay", "16days"]).unwrap_err();
        assert!(short.to_string().contains("17days or more, got 16days"), "{short}");
    }
}
