//! A way to a node that ends before a request: the process that sends it waits until it is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A child that does not get so far has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The request that is not passed on.
#[derive(Clone, Copy)]
pub struct Stop {
    /// Its JSON-RPC method.
    pub method: &'static str,
    /// Which of its requests it is: the first is one.
    pub time: usize,
}

/// The way itself.
pub struct Gate {
    /// What passes here is passed on to the node.
    pub url: String,
    reached: Arc<Notify>,
}

/// What all connections through a gate share.
#[derive(Clone)]
struct Watch {
    stop: Stop,
    seen: Arc<AtomicUsize>,
    reached: Arc<Notify>,
}

impl Gate {
    /// One in front of the node at this address.
    pub async fn new(node: &str, stop: Stop) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, reached) = (Arc::default(), Arc::new(Notify::new()));
        let watch = Watch { stop, seen, reached: Arc::clone(&reached) };
        tokio::spawn(pass_all(listener, node.to_owned(), watch));
        Self { url, reached }
    }

    /// Waits for the request.
    pub async fn reached(&self) {
        tokio::time::timeout(PATIENCE, self.reached.notified()).await.unwrap();
    }
}

async fn pass_all(listener: TcpListener, node: String, watch: Watch) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let node = TcpStream::connect(&node).await.unwrap();
        let ((requests, mut back), (mut answers, on)) = (client.into_split(), node.into_split());
        tokio::spawn(pass(requests, on, watch.clone()));
        tokio::spawn(async move {
            let _ = tokio::io::copy(&mut answers, &mut back).await;
        });
    }
}

/// Passes on what comes on a connection, until the request is in it.
async fn pass(mut requests: OwnedReadHalf, mut on: OwnedWriteHalf, watch: Watch) {
    let (mut all, mut counted, mut part) = (Vec::<u8>::new(), 0, vec![0_u8; 1 << 16]);
    loop {
        let length = requests.read(&mut part).await.unwrap_or_default();
        if length == 0 {
            return;
        }
        all.extend(&part[..length]);
        let method = watch.stop.method.as_bytes();
        let found = all.windows(method.len()).filter(|bytes| *bytes == method).count();
        let seen = watch.seen.fetch_add(found - counted, Ordering::SeqCst) + found - counted;
        counted = found;
        if seen >= watch.stop.time {
            watch.reached.notify_one();
            // Its connection stays open.
            return std::future::pending().await;
        }
        on.write_all(&part[..length]).await.unwrap();
    }
}
