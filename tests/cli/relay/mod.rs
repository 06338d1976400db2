//! A relay of datagrams that holds each for a while, so that they overtake each other. It is a
//! process of its own, in the network namespace of the processes between which it stands.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::Rng;
use tokio::net::UdpSocket;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Where it listens.
pub const PORT: u16 = 6000;
/// Where it sends on from, by which rules know its own datagrams.
pub const OUTSIDE: &str = "127.0.0.2";
/// Names the folder of the demonstration for which this process is to be a relay.
pub const FOLDER: &str = "RELAY_FOLDER";
/// How long a datagram is held: at least, and at most.
const HELD: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(150)];

/// What was sent on, and how much of it after something that had come later.
#[derive(Default)]
struct Way {
    come: AtomicU64,
    latest: AtomicU64,
    sent: AtomicU64,
    overtaken: AtomicU64,
}

impl Way {
    /// Holds a datagram, then sends it on.
    fn hold(self: &Arc<Self>, by: Arc<UdpSocket>, to: SocketAddr, datagram: Vec<u8>) {
        let way = self.clone();
        let number = way.come.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            let held = rand::thread_rng().gen_range(HELD[0]..HELD[1]);
            sleep(held).await;
            if by.send_to(&datagram, to).await.is_ok() {
                way.sent.fetch_add(1, Ordering::SeqCst);
                let late = way.latest.fetch_max(number, Ordering::SeqCst) > number;
                way.overtaken.fetch_add(u64::from(late), Ordering::SeqCst);
            }
        });
    }

    fn counts(&self) -> [u64; 2] {
        [&self.sent, &self.overtaken].map(|count| count.load(Ordering::SeqCst))
    }
}

/// Where the relay writes what it has carried: sent and overtaken, to the coordinator and back.
pub fn counts_path(folder: &Path) -> PathBuf {
    folder.join("relay.json")
}

/// Where the coordinator listens, once it says so.
fn coordinator(folder: &Path) -> Option<SocketAddr> {
    let log = std::fs::read_to_string(folder.join("d/logs/coordinator.log")).ok()?;
    log.split("listen=").nth(1)?.split_whitespace().next()?.parse().ok()
}

/// Is the relay until the process that started it has ended.
pub async fn run(folder: &Path) {
    let front = Arc::new(UdpSocket::bind(("127.0.0.1", PORT)).await.unwrap());
    let [there, back] = [Arc::<Way>::default(), Arc::<Way>::default()];
    let (counted, parent) = ([there.clone(), back.clone()], parent_id());
    tokio::spawn(carry(front, folder.to_owned(), there, back));
    let mut ticks = interval(Duration::from_millis(500));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while parent_id() == parent {
        ticks.tick().await;
        let counts = counted.each_ref().map(|way| way.counts());
        let (path, new) = (counts_path(folder), folder.join("relay.new"));
        std::fs::write(&new, serde_json::to_vec(&counts).unwrap()).unwrap();
        std::fs::rename(new, path).unwrap();
    }
}

async fn carry(front: Arc<UdpSocket>, folder: PathBuf, there: Arc<Way>, back: Arc<Way>) {
    // For each peer, the socket that the coordinator sees it at.
    let mut outsides: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let (mut known, mut datagram) = (None, vec![0; 65536]);
    loop {
        let Ok((len, from)) = front.recv_from(&mut datagram).await else { continue };
        known = known.or_else(|| coordinator(&folder));
        // Until it listens, what is sent to it is lost.
        let Some(to) = known else { continue };
        let outside = match outsides.get(&from) {
            Some(outside) => outside.clone(),
            None => {
                let outside = Arc::new(UdpSocket::bind((OUTSIDE, 0)).await.unwrap());
                tokio::spawn(answers(outside.clone(), front.clone(), from, back.clone()));
                outsides.insert(from, outside.clone());
                outside
            }
        };
        there.hold(outside, to, datagram[..len].to_vec());
    }
}

/// What comes back for a peer.
async fn answers(outside: Arc<UdpSocket>, front: Arc<UdpSocket>, to: SocketAddr, back: Arc<Way>) {
    let mut datagram = vec![0; 65536];
    loop {
        // An unreachable coordinator is an error here, and may be back later.
        if let Ok((len, _)) = outside.recv_from(&mut datagram).await {
            back.hold(front.clone(), to, datagram[..len].to_vec());
        }
    }
}
