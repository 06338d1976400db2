//! A round of many owners that come over QUIC, all at once and from one address: some leave in
//! each phase, one stays and says nothing more, one sends garbage; strangers flood, say nothing, and
//! send noise.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::keccak256;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::Eip712Domain;
use tokio::sync::oneshot;
use zktrain_coordinator::service::RequestHandler;
use zktrain_ledger::typed;
use zktrain_secagg::messages::{Keys, Signed};
use zktrain_secagg::plan::Plan;
use zktrain_wire::messages::{End, Item, MemberMessage, Notice, Phase, Refusal, Request, Response};
use zktrain_wire::{
    CoordinatorTarget, Peer, PeerError, Server, Timeouts, UploadSource, WireLimits,
};

use crate::work::fixture;
use crate::world::{DOMAIN, DomainLibrary, Owner, ROUND, World, is_taken, kept};

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
    fn start(
        handler: Arc<RequestHandler<DomainLibrary>>,
        signer: PrivateKeySigner,
        domain: Eip712Domain,
    ) -> Self {
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
                let server =
                    Server::bind(any, signer, domain, handler, WireLimits::default()).unwrap();
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

async fn connect(target: &CoordinatorTarget, signer: &PrivateKeySigner) -> Peer {
    Peer::connect(target.clone(), signer.clone(), Timeouts::default()).await.unwrap()
}

/// What an owner does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Honest,
    /// Its connection ends before it answers in this phase.
    Leaves(Phase),
    /// Its connection stays, but it says nothing from this phase on.
    Silent(Phase),
    /// What it uploads is no vector, and what it says no keys.
    Garbage,
}

impl Role {
    /// One in ten leaves, in each phase another; in phase Keys nobody can.
    fn of(index: usize) -> Self {
        let phases = [Phase::Shares, Phase::Uploads, Phase::Confirm, Phase::Unmask];
        match index {
            5 => Self::Silent(Phase::Uploads),
            7 => Self::Garbage,
            index if index % 10 == 3 => Self::Leaves(phases[index / 10 % phases.len()]),
            _ => Self::Honest,
        }
    }

    /// The first phase that it says nothing in.
    fn gone(self) -> Option<Phase> {
        match self {
            Self::Leaves(phase) | Self::Silent(phase) => Some(phase),
            Self::Honest | Self::Garbage => None,
        }
    }

    fn is_counted(self) -> bool {
        self != Self::Garbage && self.gone().is_none_or(|phase| phase > Phase::Uploads)
    }
}

async fn next_notice(peer: &Peer, number: u32) -> Notice {
    loop {
        match peer.call(Request::Notice { round: ROUND, number }).await.unwrap() {
            Response::Notice(notice) => return *notice,
            Response::Later => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn send(peer: &Peer, what: MemberMessage) -> Response {
    peer.call(Request::Send { round: ROUND, what: Box::new(what) }).await.unwrap()
}

/// What is no message of anyone, and no vector of any round.
async fn send_garbage(peer: &Peer) {
    let body = Keys { account: peer.account(), mask: [0xff; 32], seal: [0xff; 32] };
    let said =
        send(peer, MemberMessage::Keys(Signed { body, signature: vec![0; 65].into() })).await;
    assert!(matches!(said, Response::Refused(_)), "{said:?}");
    let long = UploadSource::Bytes(vec![0; fixture().shape.bytes() as usize + 1].into());
    let refused = peer.upload(&Item::Masked { round: ROUND }, long).await;
    assert!(matches!(refused, Err(PeerError::Refused(Refusal::TooLarge { .. }))), "{refused:?}");
}

/// A whole round of one owner. How it ended, as far as the owner knows; and its connection, if it
/// keeps it without a word.
async fn take_part(
    target: CoordinatorTarget,
    mut owner: Owner,
    plan: Plan,
    role: Role,
) -> (Option<End>, Option<Peer>) {
    let peer = connect(&target, &owner.signer).await;
    if role == Role::Garbage {
        owner.garble = |masked| masked.fill(0xff);
    }
    for number in 0.. {
        let notice = next_notice(&peer, number).await;
        if role.gone() == Some(phase(&notice)) {
            return (None, matches!(role, Role::Silent(_)).then_some(peer));
        }
        if role == Role::Garbage && phase(&notice) < Phase::Ended {
            send_garbage(&peer).await;
        }
        match &notice {
            Notice::End(end) => return (Some(end.clone()), None),
            Notice::Shares(passed) => {
                assert!(kept(owner.member.shares(passed).unwrap()).is_empty());
                let vector = UploadSource::Bytes(owner.masked().1.into());
                peer.upload(&Item::Masked { round: ROUND }, vector).await.unwrap();
                let submission = UploadSource::Bytes(owner.submission().into());
                peer.upload(&Item::Submission { round: ROUND }, submission).await.unwrap();
            }
            _ => {}
        }
        if let Some(what) = owner.contribution(&plan, notice) {
            let response = send(&peer, what.clone()).await;
            assert!(is_taken(&plan, &what, &response), "{response:?}");
        }
    }
    (None, None)
}

/// Asks as fast as it is let, until it is stopped.
async fn flood(peer: Peer) {
    loop {
        let ask = || peer.call(Request::Current { domain: DOMAIN });
        let _ = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask());
    }
}

/// Packets that are no QUIC, until it is stopped.
async fn noise(to: SocketAddr) {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for packet in 0u64.. {
        let bytes = keccak256(packet.to_be_bytes()).repeat(1 + packet as usize % 37);
        let _ = socket.send_to(&bytes, to).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1024)
}

/// Forty owners, or as many as `ZKTRAIN_TEST_MEMBERS` says, from 20 to 255.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_owners_over_quic() {
    let members = std::env::var("ZKTRAIN_TEST_MEMBERS").ok().and_then(|count| count.parse().ok());
    let members: u8 = members.unwrap_or(40);
    // Long enough for those who stay, as phases wait for those who leave.
    let mut world = World::new(members, if members > 50 { 60 } else { 4 });
    world.open().await;
    let coordinator = PrivateKeySigner::from_bytes(&keccak256("coordinator")).unwrap();
    let plan = world.plan.body.clone();
    let domain = typed::domain(plan.chain_id, plan.rounds);
    let host = Host::start(world.office().handler.clone(), coordinator.clone(), domain.clone());
    let coordinator = coordinator.address();
    let target = CoordinatorTarget { address: host.address.to_string(), coordinator, domain };
    let stranger = |name: &str| PrivateKeySigner::from_bytes(&keccak256(name)).unwrap();
    let silent = connect(&target, &stranger("silent")).await;
    let mut strangers = tokio::task::JoinSet::new();
    strangers.spawn(flood(connect(&target, &stranger("flood")).await));
    strangers.spawn(noise(host.address));

    let (begun, mut tasks) = (Instant::now(), tokio::task::JoinSet::new());
    let (counted, left): (Vec<usize>, Vec<usize>) = {
        let among =
            |is: fn(Role) -> bool| (0..world.owners.len()).filter(move |i| is(Role::of(*i)));
        (among(Role::is_counted).collect(), among(|role| role.gone().is_some()).collect())
    };
    let (accounts, expected) = (world.accounts(&counted), world.expected(&counted));
    for (index, owner) in std::mem::take(&mut world.owners).into_iter().enumerate() {
        tasks.spawn(take_part(target.clone(), owner, plan.clone(), Role::of(index)));
    }
    let ends: Vec<(Option<End>, Option<Peer>)> = tasks.join_all().await;
    assert_eq!(ends.iter().filter(|(end, _)| end.is_none()).count(), left.len());
    for end in ends.iter().filter_map(|(end, _)| end.as_ref()) {
        let End::Summed { counted, .. } = end else { panic!("{end:?}") };
        assert_eq!(*counted, accounts);
    }
    assert_eq!(world.office().bench.kept.lock().unwrap().as_ref(), Some(&expected));
    println!("{members} owners: {:?}, peak {:?} MiB", begun.elapsed(), peak());
    strangers.shutdown().await;
    drop((silent, ends));
    tokio::time::timeout(Duration::from_secs(30), tokio::task::spawn_blocking(|| host.stop()))
        .await
        .unwrap()
        .unwrap();
}
