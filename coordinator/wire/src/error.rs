//! What goes wrong on the wire.

use std::io;
use std::net::SocketAddr;

use alloy::primitives::{Address, B256};

use super::frame::FrameError;
use crate::messages::Refusal;

/// Why something did not come about. Lost connections alone are not among them: calls connect
/// again until their time is over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The coordinator refused what was asked.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The other side speaks another version.
    #[error("the coordinator speaks version {got} of the wire; this program, {expected}")]
    Version {
        /// Ours.
        expected: u32,
        /// Theirs.
        got: u32,
    },
    /// The other side did not prove the address that it should have.
    #[error("expected coordinator {expected} at the other end, got {}", got.map_or_else(|| "nobody who proves who it is".to_owned(), |got| got.to_string()))]
    Identity {
        /// Who should be there.
        expected: Address,
        /// Who proved to be there, if anyone.
        got: Option<Address>,
    },
    /// Our proof of who we are did not hold on the other side.
    #[error("the coordinator does not believe that this is {account}")]
    Unproven {
        /// Our account.
        account: Address,
    },
    /// Another connection of the same account took the place of ours.
    #[error("another process has connected as {account}")]
    Replaced {
        /// Our account.
        account: Address,
    },
    /// Time was over.
    #[error("the coordinator at {at} did not do it in time; last: {last}")]
    Deadline {
        /// Where it is asked, as it was named.
        at: String,
        /// What went wrong last.
        last: Lost,
    },
    /// What was downloaded is not what was announced.
    #[error("the download's digest is {got}, expected {expected}")]
    Digest {
        /// Announced.
        expected: B256,
        /// Of what came.
        got: B256,
    },
    /// More than was to be taken.
    #[error("the download has {got} bytes; at most {most} are taken")]
    TooLarge {
        /// Bytes at most.
        most: u64,
        /// Bytes announced.
        got: u64,
    },
    /// The other side sent something that does not belong there.
    #[error("the coordinator broke the protocol: {0}")]
    Breach(&'static str),
    /// A frame that is none, or of ours that is too long.
    #[error(transparent)]
    Frame(FrameError),
    /// The port is taken, or the address is not this machine's.
    #[error("cannot listen on {listen} (UDP): {source}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A file or socket of our own.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The signer refused.
    #[error(transparent)]
    Signer(#[from] alloy::signers::Error),
    /// No certificate could be made.
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    /// TLS does not take its configuration.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// TLS lacks the cipher suite that QUIC begins with.
    #[error(transparent)]
    Suite(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

/// Why an attempt failed that another may make good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// There was no time for any.
    #[error("no attempt")]
    Never,
    /// No answer came.
    #[error("no answer")]
    Silence,
    /// The coordinator's name could not be looked up.
    #[error("looking up the address: {0}")]
    Lookup(io::Error),
    /// The name has no address.
    #[error("no such host")]
    NoHost,
    /// An address cannot be connected to.
    #[error(transparent)]
    Connect(#[from] quinn::ConnectError),
    /// The connection ended.
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
    /// The stream ended.
    #[error(transparent)]
    Stream(#[from] FrameError),
    /// The stream ended within a download.
    #[error(transparent)]
    Read(#[from] quinn::ReadError),
    /// A download ended before its end.
    #[error("the download was cut off")]
    Cut,
    /// What an earlier process left of a download is of something else.
    #[error("the download is something else by now")]
    Mixed,
    /// The coordinator had trouble of its own.
    #[error(transparent)]
    Refused(Refusal),
}

/// An attempt's failure: for good, or to be tried again.
#[derive(Debug)]
pub(crate) enum Fail {
    Fatal(PeerError),
    Lost(Lost),
}

impl From<PeerError> for Fail {
    fn from(error: PeerError) -> Self {
        Self::Fatal(error)
    }
}

impl From<quinn::ConnectionError> for Fail {
    fn from(error: quinn::ConnectionError) -> Self {
        Self::Lost(error.into())
    }
}

impl From<FrameError> for Fail {
    fn from(error: FrameError) -> Self {
        match error {
            error if error.is_breach() => Self::Fatal(PeerError::Frame(error)),
            error => Self::Lost(error.into()),
        }
    }
}

impl From<Refusal> for Fail {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy | Refusal::Internal => Self::Lost(Lost::Refused(refusal)),
            refusal => Self::Fatal(refusal.into()),
        }
    }
}
