//! Rounds that a coordinator ends on the chain without a sum: too late, without members, or challenged.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, U256, keccak256};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use zktrain_chain::protocol::{Client, Status};
use zktrain_cli::coordinator::admission::Registered;
use zktrain_cli::coordinator::{
    Account, Coordinator, DomainLibrary, Model, Models, Options, Pay, Pending, RoundRecord, Rules,
    Terms, pardon,
};
use zktrain_cli::lineage::LineageWriter;
use zktrain_coordinator::driver::items;
use zktrain_coordinator::machine::{Misdeed, MisdeedKind};
use zktrain_coordinator::metrics::ProcessMetrics;
use zktrain_coordinator::service::RequestHandler;
use zktrain_coordinator::store::{SignedBatchLog, Store};
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::bindings::rounds::IRounds::Delivery;
use zktrain_ledger::files::SubmissionFile;
use zktrain_ledger::payments;
use zktrain_project::project::Project;
use zktrain_project::session::Session;
use zktrain_secagg::plan::Timing;
use zktrain_secagg::vector::VectorShape;
use zktrain_statement::compressed::ProofSystem;

use crate::checks::world::{WINDOWS, manifest, session};
use crate::common::apart;
use crate::common::plan::{handed_in, place, plan};
use crate::common::round::{Cohort, Delivered, digest};
use zktrain_testchains::Backend;
use zktrain_testchains::economy::{Economy, HOUR, tokens};

/// A coordinator, owners, and a chain of their own: these tests let time pass.
struct Office {
    economy: Economy,
    cohort: Cohort,
    session: Arc<Session>,
    project: Project,
    _folder: TempDir,
}

impl Office {
    async fn make() -> Self {
        let economy = Economy::new(Backend::embedded().await, 3).await;
        let accounts: Vec<_> = economy.owners.iter().map(|o| o.address().into_array()).collect();
        let cohort = Cohort::new(&manifest(), &accounts, WINDOWS);
        let folder = TempDir::new().unwrap();
        let (session, project) = (session(folder.path()).into(), Project::new(folder.path()));
        Self { economy, cohort, session, project, _folder: folder }
    }

    fn owner(&self, index: usize) -> &Client {
        &self.economy.owners[index]
    }

    fn coordinator(&self) -> &Client {
        &self.economy.coordinator
    }
}

/// One after another, as each has deadlines.
static TURN: Mutex<()> = Mutex::const_new(());

async fn turn() -> (&'static Office, MutexGuard<'static, ()>) {
    static OFFICE: OnceLock<Office> = OnceLock::new();
    let turn = TURN.lock().await;
    let office = spawn_blocking(|| OFFICE.get_or_init(|| apart(Office::make)));
    (office.await.unwrap(), turn)
}

/// A domain that all owners have joined.
async fn domain(office: &Office, name: &str, change: impl FnOnce(&mut Config)) -> u64 {
    let (economy, cohort) = (&office.economy, &office.cohort);
    let genesis = digest(cohort.genesis()).into();
    let (name, key) = (keccak256(name), cohort.contract_key());
    let domain = economy.domain_with(name, &key, genesis, change).await;
    for (owner, run) in economy.owners.iter().zip(&cohort.members) {
        owner.stake(tokens(10)).await.unwrap();
        owner.join(domain, run.dataset.tree.root().into(), WINDOWS as u64).await.unwrap();
    }
    domain
}

/// An open, drawn round of all owners.
async fn open(office: &Office, domain: u64) -> u64 {
    let round = office.economy.open(domain, &[0, 1, 2]).await;
    office.coordinator().draw(round).await.unwrap();
    round
}

/// What some owners do in a round.
async fn works(office: &'static Office, domain: u64, round: u64, who: usize) -> Vec<Delivered> {
    let plan = plan(office.coordinator(), domain, round, office.cohort.key().spec).await;
    let work = move |member: usize| {
        let window = office.cohort.window(member, plan.nonce.0);
        office.cohort.prove(member, place(&plan), window)
    };
    spawn_blocking(move || (0..who).map(work).collect()).await.unwrap()
}

fn options(domain: u64, keys: u32) -> Options {
    let timing = Timing { keys, ..Timing::even(1) };
    Options {
        domain,
        least: 2,
        most: 3,
        rules: Rules { threshold: None, points: 0, least: 2, timing },
        duration: HOUR,
        pay: Pay { budget: 0, least: 1.0, full_at: 1.0 },
        silence: Duration::from_secs(1),
        gathering: Duration::from_secs(1),
        rounds: Some(1),
        retention: 1,
        fast_forward: true,
    }
}

async fn store(folder: &Path) -> Store {
    Store::open(&format!("sqlite:{}", folder.join("store.db").display())).await.unwrap()
}

/// The domain's coordinator, started in a folder.
async fn started(
    office: &Office,
    folder: &Path,
    store: &Store,
    mut options: Options,
) -> Coordinator {
    let (client, session) = (office.coordinator().clone(), office.session.clone());
    let domain = options.domain;
    let terms = Terms::of(&client, domain, &client.domain(domain).await.unwrap()).await.unwrap();
    terms.fit(&mut options).unwrap();
    let genesis = office.cohort.members[0].initial.clone();
    let models = Models::new(&folder.join("models")).unwrap();
    models.keep(&Model::new(&session, genesis.clone()).unwrap()).unwrap();
    let lineage = LineageWriter::new(&folder.join("lineage")).unwrap();
    let signed = SignedBatchLog::open(&folder.join("signed.log")).unwrap();
    signed.begin(None).unwrap();
    let (metrics, project) = (Arc::new(ProcessMetrics::new()), office.project.clone());
    let shape = VectorShape::of(&session.key).unwrap();
    let library = DomainLibrary::new(
        client.clone(),
        domain,
        session.clone(),
        project.clone(),
        lineage.clone(),
        metrics.clone(),
    );
    Coordinator {
        system: ProofSystem::Halo2,
        circuit: Arc::new(office.cohort.compressor.key()),
        models,
        pending: Pending::new(&folder.join("pending")).unwrap(),
        lineage,
        account: Account::new(folder, &project, &session, &genesis).unwrap(),
        store: store.clone(),
        signed,
        handler: RequestHandler::new(store.clone(), domain, shape.bytes(), library),
        shape,
        metrics,
        reporter: Arc::default(),
        said: Default::default(),
        terms,
        options,
        client,
        project,
        session,
    }
}

/// Runs it until a round is over.
async fn run(running: &Coordinator) {
    assert_eq!(running.run(&CancellationToken::new()).await.unwrap(), 1);
}

async fn until_begun(store: &Store, round: u64) {
    while !store.unended().await.unwrap().contains(&round) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_killed_past_its_deadline_frees_the_domain_at_its_restart() {
    let (office, _turn) = turn().await;
    let (economy, coordinator) = (&office.economy, office.coordinator());
    let domain = domain(office, "late", |_| {}).await;
    let round = open(office, domain).await;
    let folder = TempDir::new().unwrap();
    let store = store(folder.path()).await;
    let first = started(office, folder.path(), &store, options(domain, 600)).await;
    let stop = CancellationToken::new();
    tokio::select! {
        ended = first.run(&stop) => panic!("{ended:?}"),
        () = until_begun(&store, round) => {}
    }
    drop(first);
    economy.pass(25 * HOUR + 1).await;
    assert_eq!(coordinator.status(round).await.unwrap(), Status::Open);
    let second = started(office, folder.path(), &store, options(domain, 600)).await;
    run(&second).await;
    assert_eq!(coordinator.status(round).await.unwrap(), Status::Void);
    assert_eq!(coordinator.current(domain).await.unwrap(), None);
    assert!(coordinator.is_barred(domain, coordinator.address()).await.unwrap());
    let told = second.account.read().unwrap().pop().unwrap();
    assert_eq!((told.round, told.counted.len(), told.missing.len()), (round, 0, 3));
    let measured = second.metrics.render().unwrap();
    assert!(measured.contains("zktrain_rounds_total{outcome=\"late\"} 1"), "{measured}");
}

/// What a member gets for its work, by its weight.
async fn pay(client: &Client, domain: u64, round: u64, account: Address) -> U256 {
    let (known, members) =
        (client.round(round).await.unwrap(), client.members(round).await.unwrap());
    let share = client.domain(domain).await.unwrap().config.coordinatorShare;
    let pool = payments::split(U256::from(known.budget), share).1;
    let weight = members.find(account).unwrap().0.weight;
    payments::member(pool, weight, known.settlementFee).0
}

/// What an account can claim in reward tokens.
async fn owed(client: &Client, account: Address) -> U256 {
    client.owed(client.at().reward_token, account).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_delivers_to_the_contract_is_paid_by_a_round_that_nobody_else_comes_to() {
    let (office, _turn) = turn().await;
    let (coordinator, owner) = (office.coordinator(), office.owner(0).address());
    let domain = domain(office, "forced", |_| {}).await;
    let round = open(office, domain).await;
    let work = works(office, domain, round, 1).await.remove(0);
    let (statement, proof) = (work.statement.to_bytes(), work.proof.to_bytes());
    let [before, stake] =
        [owed(coordinator, owner).await, office.economy.stake(coordinator.address()).await];
    let folder = TempDir::new().unwrap();
    let store = store(folder.path()).await;
    office.owner(0).submit(round, owner, &statement, &proof).await.unwrap();
    let running = started(office, folder.path(), &store, options(domain, 1)).await;
    run(&running).await;
    assert_eq!(coordinator.status(round).await.unwrap(), Status::Settled);
    assert_eq!(coordinator.domain(domain).await.unwrap().versions, 0);
    let paid = pay(coordinator, domain, round, owner).await;
    assert!(!paid.is_zero());
    assert_eq!(owed(coordinator, owner).await, before + paid);
    assert_eq!(office.economy.stake(coordinator.address()).await, stake);
    let proposed = coordinator.proposed(round).await.unwrap();
    let update = B256::from(work.update());
    assert_eq!(proposed.deliveries[0], Delivery { update, submission: B256::ZERO });
    assert!(running.account.read().unwrap().pop().unwrap().settled);
}

/// Proposes a round without a sum that pays for these deliveries, after its deadline.
async fn propose(office: &Office, round: u64, deliveries: Vec<Delivery>) {
    let coordinator = office.coordinator();
    let parent = coordinator.round(round).await.unwrap().parent;
    let signed = coordinator.sign_batch(round, &deliveries, B256::ZERO, parent).await.unwrap();
    office.economy.pass(HOUR + 1).await;
    coordinator.propose(&signed, deliveries).await.unwrap();
}

/// A submission that a member has uploaded.
async fn upload(store: &Store, round: u64, file: &SubmissionFile) {
    let account = file.signed.submission.member.into_array();
    let (name, bytes) = (items::submission(round), serde_json::to_vec(file).unwrap());
    let digest = keccak256(&bytes).0;
    store.upload_begin(account, &name, bytes.len() as u64, digest).await.unwrap();
    store.upload_append(account, &name, 0, &bytes).await.unwrap();
    store.upload_finish(account, &name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audits_are_drawn_and_demands_answered_from_what_is_stored_and_bonds_collected() {
    let (office, _turn) = turn().await;
    let (economy, coordinator) = (&office.economy, office.coordinator());
    let domain = domain(office, "audited", |config| config.audits = 1).await;
    let round = open(office, domain).await;
    let scope = coordinator.scope(round).await.unwrap();
    let folder = TempDir::new().unwrap();
    let (store, mut submissions) = (store(folder.path()).await, Vec::new());
    for (index, work) in works(office, domain, round, 2).await.iter().enumerate() {
        let file = handed_in(work, &scope, office.owner(index));
        upload(&store, round, &file).await;
        submissions.push(file.signed.submission);
    }
    let deliveries = coordinator.deliveries(round, &submissions).await.unwrap();
    propose(office, round, deliveries).await;
    let [first, second] = [0, 1].map(|index| office.owner(index).address());
    economy.watcher.demand(round, first).await.unwrap();
    let before = [owed(coordinator, first).await, owed(coordinator, second).await];
    run(&started(office, folder.path(), &store, options(domain, 1)).await).await;
    assert_eq!(coordinator.status(round).await.unwrap(), Status::Settled);
    // One was demanded by somebody, the other, as no more are left, by the audit.
    for (account, by) in [(first, economy.watcher.address()), (second, coordinator.at().demands)] {
        let demand = coordinator.demand_of(round, account).await.unwrap().unwrap();
        assert_eq!((demand.by, demand.answeredBy), (by, coordinator.address()));
        assert!(demand.bond.is_zero(), "it was collected");
    }
    let now = [owed(coordinator, first).await, owed(coordinator, second).await];
    for ((account, before), now) in [first, second].into_iter().zip(before).zip(now) {
        assert_eq!(now, before + pay(coordinator, domain, round, account).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_never_be_settled_is_reported_and_frees_the_domain() {
    let (office, _turn) = turn().await;
    let (economy, coordinator) = (&office.economy, office.coordinator());
    let made_up = Delivery { update: B256::repeat_byte(1), submission: B256::repeat_byte(2) };
    for (name, audits) in [("unaudited", 1), ("unanswered", 0)] {
        let domain = domain(office, name, |config| config.audits = audits).await;
        let round = open(office, domain).await;
        let nothing = Delivery { update: B256::ZERO, submission: B256::ZERO };
        let deliveries = vec![made_up.clone(), made_up.clone(), nothing];
        propose(office, round, deliveries).await;
        if audits == 0 {
            economy.watcher.demand(round, office.owner(1).address()).await.unwrap();
        }
        // It was down for longer than there is time for it.
        economy.pass(25 * HOUR).await;
        let folder = TempDir::new().unwrap();
        let store = store(folder.path()).await;
        run(&started(office, folder.path(), &store, options(domain, 1)).await).await;
        assert_eq!(coordinator.status(round).await.unwrap(), Status::Void, "{name}");
        assert_eq!(coordinator.current(domain).await.unwrap(), None, "{name}");
    }
}

/// An earlier round, whose sum a member has spoiled.
fn spoiled(round: u64, by: Address) -> RoundRecord {
    RoundRecord {
        missing: vec![by],
        misdeeds: vec![Misdeed { account: by, kind: MisdeedKind::Blamed }],
        ..RoundRecord::empty(round)
    }
}

/// Whom a coordinator asks when all owners are there, of whom the first has spoiled a sum.
async fn asked(office: &Office, name: &str, past: u64, is_pardoned: bool) -> Vec<Address> {
    let (domain, cheat) = (domain(office, name, |_| {}).await, office.owner(0).address());
    let folder = TempDir::new().unwrap();
    let store = store(folder.path()).await;
    let patient = Options { silence: Duration::from_secs(HOUR), ..options(domain, 600) };
    let running = started(office, folder.path(), &store, patient).await;
    running.account.tell(spoiled(past, cheat)).unwrap();
    if is_pardoned {
        pardon(folder.path(), cheat).unwrap();
    }
    let register = &running.handler.library().register;
    for (owner, run) in office.economy.owners.iter().zip(&office.cohort.members) {
        let dataset = run.dataset.tree.root().into();
        register.enter(owner.address(), Registered { dataset, windows: WINDOWS as u64 });
        register.hear(owner.address(), Instant::now());
    }
    let opened = async {
        loop {
            match office.coordinator().current(domain).await.unwrap() {
                Some(round) => break round,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let stop = CancellationToken::new();
    let round = tokio::select! {
        ended = running.run(&stop) => panic!("{ended:?}"),
        round = opened => round,
    };
    let members = office.coordinator().members(round).await.unwrap();
    members.0.iter().map(|member| member.account).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_spoiled_a_sum_is_not_asked_until_the_coordinator_says_so() {
    let (office, _turn) = turn().await;
    let earlier = domain(office, "earlier", |_| {}).await;
    let past = open(office, earlier).await;
    let all: Vec<Address> = office.economy.owners.iter().map(Client::address).collect();
    assert_eq!(asked(office, "barred", past, false).await, all[1..]);
    assert_eq!(asked(office, "pardoned", past, true).await, all);
}
