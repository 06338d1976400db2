//! Frames: a length of four bytes, most significant first, then so many bytes of postcard.
//!
//! Every kind of frame has a largest length, which is looked at before anything is stored; bytes
//! after the value are refused. Parts of uploads and downloads are not framed: both sides know
//! how many bytes are to come, and QUIC keeps their order.

use alloy::primitives::{Address, B256, Bytes};
use quinn::{ReadExactError, RecvStream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::Content;
use crate::messages::{Item, Refusal, Request, Response};

/// Version of frames and handshake. [`Hello`] is the same in all versions.
pub const VERSION: u32 = 1;

/// Frames up to this length are read without waiting for another one of the same peer.
const SMALL: usize = 16 << 10;

/// A kind of frame.
pub trait Frame: Serialize + DeserializeOwned {
    /// Bytes at most, without the length.
    const MOST: usize;
}

/// First of all, from the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// `zktrain`, and a zero.
    pub magic: [u8; 8],
    /// [`VERSION`].
    pub version: u32,
}

/// What [`Hello`] begins with.
pub const MAGIC: [u8; 8] = *b"zktrain\0";

impl Frame for Hello {
    const MOST: usize = 64;
}

/// Who someone is: a signature over this connection, see [`super::identity`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityProof {
    pub account: Address,
    /// 65 bytes.
    pub signature: Bytes,
}

impl Frame for IdentityProof {
    const MOST: usize = 256;
}

/// The coordinator's answer to [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Greeting {
    /// It speaks another version.
    Version(u32),
    /// Who it is.
    Proof(IdentityProof),
}

impl Frame for Greeting {
    const MOST: usize = 256;
}

/// The coordinator's answer to the owner's [`IdentityProof`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Welcome {
    /// Go on.
    Admitted,
    /// The proof does not hold.
    Unproven,
    /// It holds, but the account is not served.
    Refused(Refusal),
}

impl Frame for Welcome {
    const MOST: usize = 1 << 10;
}

/// What a stream is for; its first frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// A call: answered by [`Answer::Response`].
    Call(Request),
    /// An upload: answered by [`Answer::From`], then the content's bytes from there on are sent,
    /// answered by [`Answer::Done`].
    Upload {
        item: Item,
        /// Its length and digest.
        content: Content,
    },
    /// A download: answered by [`Answer::Content`] and the content's bytes.
    Download {
        item: Item,
        /// Where to go on.
        offset: u64,
        /// In what; none for whatever there is.
        digest: Option<B256>,
    },
}

impl Frame for Ask {
    const MOST: usize = 1 << 20;
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To a call.
    Response(Response),
    /// To an upload: bytes that are there already.
    From(u64),
    /// To an upload: it is there and checked.
    Done,
    /// To a download.
    Content {
        /// What there is.
        content: Content,
        /// Where the bytes that follow begin: where it was asked, or at zero if it is something
        /// else by now.
        offset: u64,
    },
    /// To an upload or a download.
    Refused(Refusal),
}

impl Frame for Answer {
    const MOST: usize = 8 << 20;
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The stream ended within it, or was given up.
    #[error("the stream ended within a frame: {0}")]
    Ended(#[from] ReadExactError),
    /// It is longer than such a frame can be.
    #[error("a frame of {got} bytes where at most {most} are taken")]
    TooLong {
        /// Bytes at most.
        most: usize,
        /// Bytes announced.
        got: usize,
    },
    /// Its bytes are not such a frame.
    #[error("not a frame: {0}")]
    Malformed(#[from] postcard::Error),
    /// There are bytes after it.
    #[error("{got} bytes after the end of a frame")]
    Trailing { got: usize },
}

impl FrameError {
    /// Whether the peer broke the protocol, rather than went away.
    pub fn is_breach(&self) -> bool {
        !matches!(self, Self::Ended(_))
    }
}

/// A frame with its length.
///
/// # Errors
/// If it is longer than such a frame can be.
pub fn encode<T: Frame>(value: &T) -> Result<Vec<u8>, FrameError> {
    let mut bytes = postcard::to_extend(value, vec![0; 4])?;
    let len = bytes.len().saturating_sub(4);
    match (u32::try_from(len), bytes.first_chunk_mut::<4>()) {
        (Ok(header), Some(place)) if len <= T::MOST => *place = header.to_be_bytes(),
        _ => return Err(FrameError::TooLong { most: T::MOST, got: len }),
    }
    Ok(bytes)
}

/// A frame from its bytes, without the length.
///
/// # Errors
/// If it is too long, malformed or followed by something.
pub fn decode<T: Frame>(bytes: &[u8]) -> Result<T, FrameError> {
    if bytes.len() > T::MOST {
        return Err(FrameError::TooLong { most: T::MOST, got: bytes.len() });
    }
    match postcard::take_from_bytes(bytes)? {
        (value, []) => Ok(value),
        (_, rest) => Err(FrameError::Trailing { got: rest.len() }),
    }
}

/// Reads a frame. Long ones wait for `large`, so that a peer with many streams cannot have many
/// of them stored at once.
///
/// # Errors
/// If the stream ends before or it is no such frame.
pub async fn read<T: Frame>(
    stream: &mut RecvStream,
    large: Option<&Semaphore>,
) -> Result<T, FrameError> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let len = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
    if len > T::MOST {
        return Err(FrameError::TooLong { most: T::MOST, got: len });
    }
    let _permit = match large {
        // The semaphore is never closed; if it were, reading on would still be right.
        Some(large) if len > SMALL => large.acquire().await.ok(),
        _ => None,
    };
    // Grows as bytes come, not as they are announced.
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let from = bytes.len();
        bytes.resize(len.min(from + SMALL), 0);
        if let Some(part) = bytes.get_mut(from..) {
            stream.read_exact(part).await?;
        }
    }
    decode(&bytes)
}
