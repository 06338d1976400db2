//! A round of many owners that come over QUIC: some leave in each phase, one floods, one says
//! nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::keccak256;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::Eip712Domain;
use tokio::sync::oneshot;
use zktrain_contracts::protocol::typed;
use zktrain_coordinator::service::Desk;
use zktrain_network::messages::{End, Item, Notice, Phase, Request, Response};
use zktrain_network::plan::Plan;
use zktrain_network::wire::{Limits, Patience, Peer, Server, Source, Target};

use crate::world::{DOMAIN, Owner, ROUND, Shelf, World};

/// The phase in which a notice is answered.
pub fn phase(notice: &Notice) -> Phase {
    match notice {
        Notice::Plan(_) => Phase::Keys,
        Notice::Roster(_) => Phase::Shares,
        Notice::Shares(_) => Phase::Uploads,
        Notice::Counted(_) => Phase::Confirm,
        Notice::Confirmed(_) => Phase::Unmask,
        Notice::Test(_) => Phase::Defence,
        Notice::Dispute(_) => Phase::Dispute,
        Notice::End(_) => Phase::Ended,
    }
}

/// A server on threads of its own: owners are busy, and on other machines.
struct Host {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Host {
    fn start(desk: Arc<Desk<Shelf>>, signer: PrivateKeySigner, domain: Eip712Domain) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let any = "127.0.0.1:0".parse().unwrap();
                let server = Server::bind(any, signer, domain, desk, Limits::default()).unwrap();
                bound.send(server.local_addr().unwrap()).unwrap();
                server
                    .serve(async move {
                        let _ = stopped.await;
                    })
                    .await;
            });
        });
        Self { address: address.recv().unwrap(), stop, thread }
    }

    fn stop(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

async fn connect(target: &Target, signer: &PrivateKeySigner) -> Peer {
    Peer::connect(target.clone(), signer.clone(), Patience::default()).await.unwrap()
}

/// A whole round of one owner; none if it leaves.
async fn take_part(peer: Peer, mut owner: Owner, plan: Plan) -> Option<End> {
    for number in 0.. {
        let notice = loop {
            match peer.call(Request::Notice { round: ROUND, number }).await.unwrap() {
                Response::Notice(notice) => break *notice,
                Response::Later => {}
                other => panic!("{other:?}"),
            }
        };
        if owner.silent == Some(phase(&notice)) {
            return None;
        }
        match &notice {
            Notice::End(end) => return Some(end.clone()),
            Notice::Shares(passed) => {
                assert!(owner.member.shares(passed).unwrap().is_empty());
                let vector = Source::Bytes(owner.masked().into());
                peer.upload(&Item::Masked { round: ROUND }, vector).await.unwrap();
                let submission = Source::Bytes(owner.submission().into());
                peer.upload(&Item::Submission { round: ROUND }, submission).await.unwrap();
            }
            _ => {}
        }
        if let Some(what) = owner.contribution(&plan, notice) {
            let request = Request::Send { round: ROUND, what: Box::new(what) };
            assert_eq!(peer.call(request).await.unwrap(), Response::Taken);
        }
    }
    None
}

/// Asks as fast as it is let, until it is stopped.
async fn flood(peer: Peer) {
    loop {
        let ask = || peer.call(Request::Current { domain: DOMAIN });
        let _ = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask());
    }
}

fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1024)
}

/// Twenty owners, or as many as `ZKTRAIN_TEST_MEMBERS` says, up to 255. One in ten leaves, in each
/// phase another; in phase Keys nobody can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_owners_over_quic() {
    let members = std::env::var("ZKTRAIN_TEST_MEMBERS").ok().and_then(|count| count.parse().ok());
    let members: u8 = members.unwrap_or(20);
    // Long enough for those who stay, as phases wait for those who leave.
    let mut world = World::new(members, if members > 50 { 60 } else { 4 });
    world.open().await;
    let coordinator = PrivateKeySigner::from_bytes(&keccak256("coordinator")).unwrap();
    let plan = world.plan.body.clone();
    let domain = typed::domain(plan.chain_id, plan.rounds);
    let host = Host::start(world.office().desk.clone(), coordinator.clone(), domain.clone());
    let coordinator = coordinator.address();
    let target = Target { address: host.address.to_string(), coordinator, domain };
    let stranger = |name: &str| PrivateKeySigner::from_bytes(&keccak256(name)).unwrap();
    let silent = connect(&target, &stranger("silent")).await;
    let flooding = tokio::spawn(flood(connect(&target, &stranger("flood")).await));

    let begun = Instant::now();
    let phases = [Phase::Shares, Phase::Uploads, Phase::Confirm, Phase::Unmask];
    let leaves = |index: usize| (index % 10 == 3).then(|| phases[index / 10 % phases.len()]);
    let (mut tasks, mut counted) = (tokio::task::JoinSet::new(), Vec::new());
    let all: Vec<usize> = (0..world.owners.len()).collect();
    for index in &all {
        let leaves = leaves(*index);
        if leaves.is_none_or(|phase| phase > Phase::Uploads) {
            counted.push(*index);
        }
    }
    let (accounts, expected) = (world.accounts(&counted), world.expected(&counted));
    for (index, mut owner) in std::mem::take(&mut world.owners).into_iter().enumerate() {
        owner.silent = leaves(index);
        let peer = connect(&target, &owner.signer).await;
        tasks.spawn(take_part(peer, owner, plan.clone()));
    }
    println!("{members} owners are connected after {:?}, peak {:?} MiB", begun.elapsed(), peak());
    let ends: Vec<Option<End>> = tasks.join_all().await;
    let left = all.iter().filter(|index| leaves(**index).is_some()).count();
    assert_eq!(ends.iter().filter(|end| end.is_none()).count(), left);
    for end in ends.iter().flatten() {
        let End::Summed { counted, .. } = end else { panic!("{end:?}") };
        assert_eq!(*counted, accounts);
    }
    assert_eq!(world.office().bench.kept.lock().unwrap().as_ref(), Some(&expected));
    println!("{members} owners: {:?}, peak {:?} MiB", begun.elapsed(), peak());
    flooding.abort();
    drop(silent);
    tokio::time::timeout(Duration::from_secs(30), tokio::task::spawn_blocking(|| host.stop()))
        .await
        .unwrap()
        .unwrap();
}
