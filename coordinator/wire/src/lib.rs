//! The wire: calls, uploads and downloads between owners and a coordinator, over QUIC.
//!
//! [`Server`] hands what authenticated peers ask to a [`Service`]; [`Peer`] is the other side,
//! which only ever connects out. What is said, in order:
//!
//! 1. QUIC with TLS 1.3, throw-away certificates, no resumption, no early data (`tls`);
//! 2. on the first stream: version, then both sides prove their addresses by signatures over
//!    this very connection ([`identity`]);
//! 3. each further stream, opened by the owner, is one [`frame::Ask`]: a call, an upload or a
//!    download. Uploads and downloads go on where they stopped when a connection was lost.
//!
//! The messages are in [`messages`]; which of them are signed, and by whom, in [`signing`] and
//! [`receipts`].
//!
//! Rests on: QUIC (RFC 9000, 9001), keying material exporters (RFC 8446 §7.5, RFC 9266) and
//! EIP-712 signatures. `docs/wire.md` has the formats, `docs/adr/0018-channel-binding.md` why
//! identity is done this way.
//!
//! ```
//! use zktrain_wire::frame::{Frame, Hello, MAGIC, VERSION};
//!
//! let hello = Hello { magic: MAGIC, version: VERSION };
//! let bytes = postcard::to_stdvec(&hello)?;
//! assert!(bytes.len() <= Hello::MOST);
//! assert_eq!(postcard::from_bytes::<Hello>(&bytes)?, hello);
//! # Ok::<(), postcard::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod client;
mod close;
pub mod error;
pub mod frame;
pub mod identity;
pub mod limits;
pub mod messages;
pub mod receipts;
pub mod server;
pub mod service;
pub mod signing;
mod tls;

pub use client::{CoordinatorTarget, Peer, UploadSource};
pub use error::{Lost, PeerError};
pub use limits::{Timeouts, WireLimits};
pub use server::{Server, ServerCounters};
pub use service::{Content, Service};
pub use signing::{Scoped, sign};
