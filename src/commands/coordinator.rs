//! `zktrain coordinator`: runs a domain's rounds.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zktrain_contracts::protocol::{Client, typed};
use zktrain_coordinator::health::{Limits as HealthLimits, Readiness, Server as Health};
use zktrain_coordinator::metrics::Metrics;
use zktrain_coordinator::service::Desk;
use zktrain_coordinator::store::Store;
use zktrain_network::secagg::vector::Shape;
use zktrain_network::wire::{Counters, Limits, Server};

use crate::chain::block_on_threads;
use crate::circuits::Circuits;
use crate::commands::chain::domain::own_system;
use crate::config::{CoordinatorConfig, CoordinatorFlags};
use crate::error::Error;
use crate::lineage::LineageWriter;
use crate::logging;
use crate::operator::{
    Account, Model, Models, Operator, OperatorError, Options, Pay, Pending, Rules, Shelf,
    watch_chain, watch_counters,
};
use crate::project::Project;
use crate::session::{Session, read_genesis};
use crate::ui::{Report, Ui, field, success};

/// Options of `zktrain coordinator`.
///
/// Opens rounds as soon as enough members are there, gathers masked updates and proofs from them,
/// checks them, proposes the sum, answers challenges and settles. Stopped by SIGINT or SIGTERM; it
/// goes on where it was, also after `kill -9`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  zktrain coordinator --config coordinator.toml\n  \
    zktrain coordinator --domain 1 --project credit --key operator.json --budget 90\n  \
    zktrain coordinator --config coordinator.toml --print-config")]
pub struct Args {
    /// Its configuration.
    #[command(flatten)]
    pub flags: CoordinatorFlags,
    /// Members are asked if they were heard of within this time.
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub silence: Duration,
    /// How long to wait for members that are not there, once enough are.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub gathering: Duration,
    /// On a test chain: let its time pass instead of waiting for challenge windows to end.
    #[arg(long)]
    pub fast_forward: bool,
}

/// What a coordinator has done.
#[derive(Clone, Debug, Serialize)]
pub struct CoordinatorReport {
    /// Rounds that were settled.
    pub rounds: u64,
    /// Where the lineage is.
    pub lineage: std::path::PathBuf,
}

impl Report for CoordinatorReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        success(out, format!("{} rounds settled", self.rounds))?;
        field(out, "lineage", self.lineage.display())
    }
}

/// Runs the coordinator.
///
/// # Errors
/// If the configuration is refused, something is in use, or the store fails.
pub fn run(args: &Args, ui: &Ui) -> Result<(), Error> {
    let effective = args.flags.load()?;
    if args.flags.common.print_config {
        print!("{}", effective.render());
        return Ok(());
    }
    let config = effective.into_inner();
    logging::start(&config.log.level, config.log.format)?;
    let report = block_on_threads(serve(args, &config, ui))?;
    ui.report(&report)
}

fn options(args: &Args, config: &CoordinatorConfig) -> Result<Options, Error> {
    let budget = config.budget.0;
    let budget = u128::try_from(budget)
        .map_err(|_| Error::Argument { why: "the budget is too much".into() })?;
    Ok(Options {
        domain: config.domain,
        least: config.members.least as usize,
        most: config.members.most as usize,
        rules: Rules {
            threshold: config.threshold,
            least: config.members.least,
            timing: config.timing.plan(),
        },
        duration: config.round_duration.as_secs(),
        pay: Pay { budget, least: config.pay.least.part(), full_at: config.pay.full_at.part() },
        silence: args.silence,
        gathering: args.gathering,
        rounds: config.rounds,
        retention: config.retention.rounds as usize,
        fast_forward: args.fast_forward,
    })
}

async fn serve(
    args: &Args,
    config: &CoordinatorConfig,
    ui: &Ui,
) -> Result<CoordinatorReport, Error> {
    let operator = Arc::new(open(args, config, ui).await?);
    let lineage = operator.lineage.dir().to_owned();
    let stop = CancellationToken::new();
    let listen = |source| OperatorError::Listen { listen: config.metrics, source };
    let (metrics, readiness) = (operator.metrics.clone(), operator.readiness.clone());
    let health = Health::start(config.metrics, metrics, readiness, HealthLimits::default());
    let health = health.await.map_err(listen)?;
    let server = bind(config, &operator)?;
    let desk = operator.desk.clone();
    // Many proofs: meanwhile members can already talk.
    tokio::spawn(async move {
        match desk.restore().await {
            Ok(0) => {}
            Ok(members) => tracing::info!(members, "registered earlier"),
            Err(error) => tracing::error!(%error, "earlier registrations cannot be read"),
        }
    });
    let looking = look(&operator, server.counters());
    tracing::info!(listen = %config.listen, metrics = %health.address(), "ready");
    let (stopped, told) = (stop.clone(), stop.clone());
    let serving = tokio::spawn(server.serve(async move { stopped.cancelled().await }));
    tokio::spawn(async move {
        signal().await;
        tracing::info!("stopping");
        told.cancel();
    });
    let run = operator.run(&stop).await;
    if run.is_ok() && !stop.is_cancelled() {
        // Members are to hear how the last round ended.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    stop.cancel();
    looking.abort();
    // Both only end; a task that was stopped has ended as well.
    let _ = serving.await;
    let _ = health.stop().await;
    Ok(CoordinatorReport { rounds: run?, lineage })
}

/// Keeps the metrics of chain and network up to date.
fn look(operator: &Operator, wire: Arc<Counters>) -> JoinHandle<()> {
    let sender = operator.client.sender().clone();
    let (metrics, sent) = (operator.metrics.clone(), sender.counters());
    tokio::spawn(async move {
        tokio::join!(watch_chain(sender.chain(), &metrics), watch_counters(&wire, &sent, &metrics),);
    })
}

fn bind(config: &CoordinatorConfig, operator: &Operator) -> Result<Server<Desk<Shelf>>, Error> {
    let client = &operator.client;
    let domain = typed::domain(client.at().chain_id, client.at().rounds);
    let signer = client.sender().signer().clone();
    let desk = operator.desk.clone();
    Ok(Server::bind(config.listen, signer, domain, desk, Limits::default())?)
}

async fn open(args: &Args, config: &CoordinatorConfig, ui: &Ui) -> Result<Operator, Error> {
    let options = options(args, config)?;
    let client = config.connection().client(ui).await?;
    let project = Project::new(&config.project);
    let domain = client.domain(config.domain).await?.config;
    require_coordinator(&client, config.domain, domain.coordinator)?;
    let session = Arc::new(Session::of_files(&project, None, None, ui)?);
    let system = own_system(config.domain, &domain, &client, &project, ui)?;
    let circuit = Arc::new(Circuits::new(&session, &project, ui).key_of(system)?);
    let shape = Shape::of(&session.key).map_err(OperatorError::from)?;
    let data = config.data();
    let models = Models::new(&data.join("models"))?;
    let genesis = read_genesis(&project.genesis_path(), session.network())?;
    models.keep(&Model::new(&session, genesis.clone())?)?;
    let pending = Pending::new(&data.join("pending"))?;
    let lineage = LineageWriter::new(&data.join("lineage"))?;
    lineage.manifest(&session.manifest)?;
    lineage.genesis(session.network(), &genesis)?;
    copy_srs(&session, &lineage)?;
    if let Some(key) = &circuit.groth16 {
        lineage.groth16(&key.to_bytes())?;
    }
    let account = Account::new(&data, &project, &session, &genesis)?;
    if options.pay.is_by_improvement() && !account.measures() {
        return Err(OperatorError::NoRows.into());
    }
    let metrics = Arc::new(Metrics::new());
    let store = Store::open(&config.store()).await.map_err(OperatorError::from)?;
    store.measure(metrics.clone());
    let shelf = Shelf::new(
        client.clone(),
        config.domain,
        session.clone(),
        project.clone(),
        lineage.clone(),
        metrics.clone(),
    );
    let desk = Desk::new(store.clone(), config.domain, shape.bytes(), shelf);
    let readiness = Arc::new(Readiness::new(Duration::from_secs(60)));
    Ok(Operator {
        client,
        project,
        session,
        system,
        circuit,
        shape,
        models,
        pending,
        lineage,
        account,
        store,
        desk,
        metrics,
        readiness,
        options,
    })
}

/// Auditors need as much of the reference string as the circuits do.
fn copy_srs(session: &Session, lineage: &LineageWriter) -> Result<(), Error> {
    let path = lineage.dir().join(crate::lineage::SRS);
    if path.exists() {
        return Ok(());
    }
    let srs = session.whole_srs()?;
    lineage.srs(&srs)
}

fn require_coordinator(
    client: &Client,
    domain: u64,
    expected: alloy::primitives::Address,
) -> Result<(), Error> {
    let got = client.address();
    if expected == got {
        return Ok(());
    }
    Err(OperatorError::NotCoordinator { domain, expected, got }.into())
}

/// Waits for SIGINT or SIGTERM.
pub async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
