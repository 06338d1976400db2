//! How much a server takes from its peers, and how long a peer waits for its server.

use std::time::Duration;

/// What a server allows. Memory is bounded by connections times
/// `2 · window + transfers · chunk + frame`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// Authenticated connections at once, one an account.
    pub connections: usize,
    /// Connections at once from one IP address, authenticated or not.
    pub per_ip: usize,
    /// Connections at once that have not proven who they are. One network has an eighth of these
    /// places at most, and a quarter is for networks from which somebody was proven lately.
    pub handshakes: usize,
    /// New connections a minute from one IP address.
    pub attempts: u32,
    /// From the first packet until the other side has said hello.
    pub hello: Duration,
    /// From the first packet until both sides are proven.
    pub handshake: Duration,
    /// Without a packet, a connection is over.
    pub idle: Duration,
    /// A stream that does not move for so long is given up.
    pub stall: Duration,
    /// A call for a notice is answered with `Later` after so long.
    pub poll: Duration,
    /// What a shutdown leaves running calls.
    pub drain: Duration,
    /// Streams at once for each peer, long polls included.
    pub streams: u32,
    /// Calls at work at once for each peer, long polls not included.
    pub work: usize,
    /// Uploads and downloads at once for each peer.
    pub transfers: usize,
    /// Requests a second for each account, on average and as a burst. More are not refused, but
    /// wait.
    pub requests: u32,
    /// Bytes of one upload.
    pub upload: u64,
    /// Bytes of a part of an upload, as the service gets it.
    pub chunk: usize,
    /// Bytes in flight for each connection.
    pub window: u32,
}

impl Default for WireLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            per_ip: 256,
            handshakes: 512,
            attempts: 600,
            hello: Duration::from_secs(2),
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            poll: Duration::from_secs(20),
            drain: Duration::from_secs(5),
            streams: 16,
            work: 4,
            transfers: 2,
            requests: 50,
            upload: 1 << 30,
            chunk: 256 << 10,
            window: 1 << 20,
        }
    }
}

/// How long a peer waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For one attempt to connect, until both sides are proven.
    pub attempt: Duration,
    /// For the answer to a call, lost connections included.
    pub call: Duration,
    /// For progress of an upload or a download, lost connections included.
    pub progress: Duration,
    /// Before the second attempt to connect; doubles with each.
    pub backoff: Duration,
    /// Between attempts at most.
    pub backoff_most: Duration,
    /// Between packets, so that the ways through NATs stay open.
    pub keep_alive: Duration,
    /// Without a packet, a connection is over.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(10),
            call: Duration::from_secs(60),
            progress: Duration::from_secs(180),
            backoff: Duration::from_millis(200),
            backoff_most: Duration::from_secs(10),
            keep_alive: Duration::from_secs(8),
            idle: Duration::from_secs(30),
        }
    }
}
