//! The wire: peers and coordinators over real sockets, some of them hostile, some of them far away.
#![allow(missing_docs)]

#[path = "wire/common.rs"]
mod common;
#[path = "wire/crowd.rs"]
mod crowd;
#[path = "wire/fixtures.rs"]
mod fixtures;
#[path = "wire/hostile.rs"]
mod hostile;
#[path = "wire/identity.rs"]
mod identity;
#[path = "wire/raw.rs"]
mod raw;
#[path = "wire/relay.rs"]
mod relay;
#[path = "wire/signed.rs"]
mod signed;
#[path = "wire/sizes.rs"]
mod sizes;
#[path = "wire/transfers.rs"]
mod transfers;
