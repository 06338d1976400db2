//! `zktrain coordinator`: runs a domain's rounds.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use zktrain_chain::protocol::Client;
use zktrain_coordinator::health::{HealthLimits, HealthServer, Readiness, reporter};
use zktrain_coordinator::machine::{Bounds, Ends};
use zktrain_coordinator::metrics::ProcessMetrics;
use zktrain_coordinator::service::RequestHandler;
use zktrain_coordinator::store::{SignedBatchLog, Store};
use zktrain_ledger::typed;
use zktrain_model::trace::Parameters;
use zktrain_project::circuits::Circuits;
use zktrain_project::project::Project;
use zktrain_project::session::{Session, read_genesis};
use zktrain_secagg::vector::VectorShape;
use zktrain_verify::circuit::CircuitKey;
use zktrain_wire::{Server, ServerCounters};

use super::{backup, members};
use crate::chain::block_on_threads;
use crate::commands::chain::domain::system_of;
use crate::config::{CoordinatorConfig, CoordinatorFlags};
use crate::coordinator::{
    Account, BLOCK, Coordinator, CoordinatorError, DomainLibrary, Model, Models, Options, Pay,
    Pending, Rules, Terms, watch_chain, watch_counters,
};
use crate::error::Error;
use crate::lineage::LineageWriter;
use crate::logging;
use crate::ui::{Report, Ui, field, print, success};

/// Store, chain and driver are said to have failed if nothing was heard of them for so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two heartbeats.
const BEAT: Duration = Duration::from_secs(5);

/// What `zktrain coordinator` does besides running.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Copy the coordinator's state into a new folder, also while it runs.
    Backup(backup::BackupArgs),
    /// Make the coordinator's folder again from a backup.
    Restore(backup::RestoreArgs),
    /// List the members of earlier rounds: who is not asked any more, and why.
    Members(members::MembersArgs),
    /// Ask a member again that is barred or paused.
    Unbar(members::UnbarArgs),
}

/// Options of `zktrain coordinator`.
///
/// Opens rounds as soon as enough members are there, gathers masked updates and proofs from them,
/// checks them, proposes the sum, answers challenges and settles. Stopped by SIGINT or SIGTERM; it
/// goes on where it was, also after `kill -9`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  zktrain coordinator --config coordinator.toml\n  \
    zktrain coordinator --domain 1 --project credit --key coordinator.json --budget 90\n  \
    zktrain coordinator --config coordinator.toml --print-config\n  \
    zktrain coordinator backup /backup/monday --config coordinator.toml\n  \
    zktrain coordinator members --config coordinator.toml"
)]
pub struct Args {
    /// What else than to run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Its configuration.
    #[command(flatten)]
    pub flags: CoordinatorFlags,
    /// Members are asked if they were heard of within this time.
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub silence: Duration,
    /// How long to wait for members that are not there, once enough are.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub gathering: Duration,
    /// On a test chain: let its time pass instead of waiting for deadlines and challenge windows.
    #[arg(long)]
    pub fast_forward: bool,
}

/// What a coordinator has done.
#[derive(Clone, Debug, Serialize)]
pub struct CoordinatorReport {
    /// Rounds that were settled.
    pub rounds: u64,
    /// Where the lineage is.
    #[serde(serialize_with = "crate::ui::tell")]
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
    if let Some(command) = &args.command {
        return run_other(command, ui);
    }
    let effective = args.flags.load()?;
    if args.flags.common.print_config {
        return print(&effective.render());
    }
    let config = effective.into_inner();
    logging::start(&config.log.level, config.log.format)?;
    let report = block_on_threads(serve(args, &config, ui))?;
    ui.report(&report)
}

fn run_other(command: &Command, ui: &Ui) -> Result<(), Error> {
    match command {
        Command::Backup(args) => ui.report(&backup::make(args)?),
        Command::Restore(args) => ui.report(&backup::put_back(args)?),
        Command::Members(args) => ui.report(&members::members(args)?),
        Command::Unbar(args) => ui.report(&members::unbar(args)?),
    }
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
            // The domain's, which the chain says.
            points: 0,
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
    let coordinator = Arc::new(open(args, config, ui).await?);
    let lineage = coordinator.lineage.dir().to_owned();
    let stop = CancellationToken::new();
    let listen = |source| CoordinatorError::Listen { listen: config.metrics, source };
    let readiness = Arc::new(Readiness::new(PATIENCE));
    let metrics = coordinator.metrics.clone();
    let health =
        HealthServer::start(config.metrics, metrics, readiness.clone(), HealthLimits::default());
    let health = health.await.map_err(listen)?;
    let server = bind(config, &coordinator)?;
    let handler = coordinator.handler.clone();
    // Many proofs: meanwhile members can already talk.
    tokio::spawn(async move {
        match handler.restore().await {
            Ok(0) => {}
            Ok(members) => tracing::info!(members, "registered earlier"),
            Err(error) => tracing::error!(%error, "earlier registrations cannot be read"),
        }
    });
    let looking = look(&coordinator, server.counters(), &readiness, config);
    warn_of_long_sums(&coordinator, config);
    tracing::info!(listen = %config.listen, metrics = %health.address(), "ready");
    let (stopped, told) = (stop.clone(), stop.clone());
    let serving = tokio::spawn(server.serve(async move { stopped.cancelled().await }));
    tokio::spawn(async move {
        signal().await;
        tracing::info!("stopping");
        told.cancel();
    });
    let run = coordinator.run(&stop).await;
    if run.is_ok() && !stop.is_cancelled() {
        // Members are to hear how the last round ended.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    stop.cancel();
    drop(looking);
    // Both only end; a task that was stopped has ended as well.
    let _ = serving.await;
    let _ = health.stop().await;
    // All of it in one file, so that a copy of that file is complete.
    if let Err(error) = coordinator.store.close().await {
        tracing::warn!(%error, "the store could not be closed in order");
    }
    Ok(CoordinatorReport { rounds: run?, lineage })
}

/// Keeps metrics and readiness up to date, each part by a task of its own: none is kept by what another
/// one waits for. All end when what is returned is dropped or aborted.
fn look(
    coordinator: &Arc<Coordinator>,
    wire: Arc<ServerCounters>,
    readiness: &Arc<Readiness>,
    config: &CoordinatorConfig,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (of_chain, ready) = (coordinator.clone(), readiness.clone());
    tasks.spawn(async move {
        let (sender, metrics) = (of_chain.client.sender().clone(), of_chain.metrics.clone());
        watch_chain(BLOCK, sender.chain(), &metrics, &ready).await;
    });
    let of_counters = coordinator.clone();
    tasks.spawn(async move {
        let sent = of_counters.client.sender().counters();
        watch_counters(&wire, &sent, &of_counters.metrics).await;
    });
    let (of_driver, ready) = (coordinator.clone(), readiness.clone());
    tasks.spawn(async move {
        of_driver.reporter.of_driver(BEAT, &ready, &of_driver.metrics).await;
    });
    let (of_store, ready) = (coordinator.clone(), readiness.clone());
    let file = config.store().strip_prefix("sqlite:").map(PathBuf::from);
    tasks.spawn(async move {
        let (store, metrics) = (&of_store.store, &of_store.metrics);
        reporter::of_store(BEAT, store, file.as_deref(), &ready, metrics).await;
    });
    tasks
}

/// Says it at the start if the sum of a round as large as it may be does not fit into what a round has,
/// rather than when everybody's work is done.
fn warn_of_long_sums(coordinator: &Coordinator, config: &CoordinatorConfig) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = u32::try_from(threads).unwrap_or(u32::MAX);
    let elements = coordinator.shape.elements() as u64;
    let bounds = Bounds { ends: Ends::default(), elements, threads };
    let members = coordinator.options.most;
    let threshold = coordinator.options.rules.threshold(members) as usize;
    let lost = members.saturating_sub(threshold);
    let sum = Duration::from_millis(bounds.sum_ms(members - lost, lost));
    if config.timing.total().saturating_add(sum) > config.round_duration {
        let sum = humantime::format_duration(Duration::from_secs(sum.as_secs()));
        tracing::warn!(
            members, lost, sum = %sum,
            "if so many of so many members are lost, adding up may take so long, which does not fit into \
             `round_duration` after the phases of `timing`: make it longer, or `members.most` less"
        );
    }
}

fn bind(
    config: &CoordinatorConfig,
    coordinator: &Coordinator,
) -> Result<Server<RequestHandler<DomainLibrary>>, Error> {
    let client = &coordinator.client;
    let domain = typed::domain(client.at().chain_id, client.at().rounds);
    let signer = client.sender().signer().clone();
    let handler = coordinator.handler.clone();
    Ok(Server::bind(config.listen, signer, domain, handler, config.limits.wire())?)
}

async fn open(args: &Args, config: &CoordinatorConfig, ui: &Ui) -> Result<Coordinator, Error> {
    let mut options = options(args, config)?;
    let client = config.connection().service().await?;
    let project = Project::new(&config.project);
    let known = client.domain(config.domain).await?;
    let terms = Terms::of(&client, config.domain, &known).await?;
    let domain = known.config;
    require_coordinator(&client, config.domain, domain.coordinator)?;
    fit(&terms, &mut options)?;
    let session = Arc::new(Session::of_files(&project, None, None, ui)?);
    let system = system_of(config.domain, &domain, &client, &session, &project, ui)?;
    let circuit = Arc::new(Circuits::new(&session, &project, ui).key_of(system)?);
    let shape = VectorShape::of(&session.key).map_err(CoordinatorError::from)?;
    let data = config.data();
    let models = Models::new(&data.join("models"))?;
    let signed =
        SignedBatchLog::open(&data.join(backup::SIGNED)).map_err(CoordinatorError::from)?;
    signed.begin(client.current(config.domain).await?).map_err(CoordinatorError::from)?;
    let genesis = read_genesis(&project.genesis_path(), session.network())?;
    models.keep(&Model::new(&session, genesis.clone())?)?;
    let pending = Pending::new(&data.join("pending"))?;
    let lineage = LineageWriter::new(&data.join("lineage"))?;
    publish(&lineage, &session, &circuit, &genesis)?;
    let account = Account::new(&data, &project, &session, &genesis)?;
    if options.pay.is_by_improvement() && !account.measures() {
        return Err(CoordinatorError::NoRows.into());
    }
    let metrics = Arc::new(ProcessMetrics::new());
    let store = Store::open(&config.store()).await.map_err(CoordinatorError::from)?;
    store.measure(metrics.clone());
    let library = DomainLibrary::new(
        client.clone(),
        config.domain,
        session.clone(),
        project.clone(),
        lineage.clone(),
        metrics.clone(),
    );
    let handler = RequestHandler::new(store.clone(), config.domain, shape.bytes(), library);
    Ok(Coordinator {
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
        signed,
        handler,
        metrics,
        reporter: Arc::default(),
        said: Mutex::default(),
        terms,
        options,
    })
}

/// Publishes what a lineage begins with.
fn publish(
    lineage: &LineageWriter,
    session: &Session,
    circuit: &CircuitKey,
    genesis: &Parameters,
) -> Result<(), Error> {
    lineage.manifest(&session.manifest)?;
    lineage.genesis(session.network(), genesis)?;
    copy_srs(session, lineage)?;
    match &circuit.groth16 {
        Some(key) => lineage.groth16(&key.to_bytes()),
        None => Ok(()),
    }
}

/// Fits what is configured to the domain, and tells what that changes.
fn fit(terms: &Terms, options: &mut Options) -> Result<(), Error> {
    let configured = [options.least, options.most];
    terms.fit(options).map_err(CoordinatorError::from)?;
    let [least, most] = [options.least, options.most];
    if configured != [least, most] {
        tracing::warn!(
            least,
            most,
            "rounds have other numbers of members than `members` says: the domain asks for so many at \
             least, and contracts take so many at most of its network's rows"
        );
    }
    Ok(())
}

/// Auditors need as much of the reference string as the circuits do.
fn copy_srs(session: &Session, lineage: &LineageWriter) -> Result<(), Error> {
    let path = lineage.dir().join(zktrain_audit::lineage::SRS);
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
    Err(CoordinatorError::NotCoordinator { domain, expected, got }.into())
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
