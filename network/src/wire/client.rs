//! An owner's end.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::Eip712Domain;
use bytes::Bytes;

use super::{Content, Error, Patience};
use crate::messages::{Item, Request, Response};

/// Which coordinator.
#[derive(Clone, Debug)]
pub struct Target {
    /// `host:port` or `address:port`; looked up again for each connection.
    pub address: String,
    /// Who must be there.
    pub coordinator: Address,
    /// That of the plans' signatures.
    pub domain: Eip712Domain,
}

/// What is uploaded.
#[derive(Clone, Debug)]
pub enum Source {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file, which must not change meanwhile.
    File(PathBuf),
}

/// A connection to a coordinator that comes back when it is lost. Clones share it.
#[derive(Clone)]
pub struct Peer {}

impl Peer {
    /// Connects; gives up after [`Patience::call`].
    ///
    /// # Errors
    /// If no connection comes about or the other side is someone else.
    pub async fn connect(
        _target: Target,
        _signer: PrivateKeySigner,
        _patience: Patience,
    ) -> Result<Self, Error> {
        unimplemented!()
    }

    /// Asks and waits for the answer. Asks again on another connection if one is lost, so a
    /// request may arrive twice.
    ///
    /// # Errors
    /// If no answer comes in time. [`Response::Refused`] is an answer.
    pub async fn call(&self, _request: Request) -> Result<Response, Error> {
        unimplemented!()
    }

    /// Uploads; goes on where it stopped, also if an earlier process began it. `Ok` once the
    /// coordinator has checked and stored it.
    ///
    /// # Errors
    /// If it is refused or nothing moves for [`Patience::progress`].
    pub async fn upload(&self, _item: &Item, _source: Source) -> Result<Content, Error> {
        unimplemented!()
    }

    /// Downloads into memory, at most `most` bytes.
    ///
    /// # Errors
    /// If it is refused, too large, or nothing moves for [`Patience::progress`].
    pub async fn download(&self, _item: &Item, _most: u64) -> Result<Bytes, Error> {
        unimplemented!()
    }

    /// Downloads into a file, at most `most` bytes; goes on with `<file>.part` if an earlier
    /// process left one. The file is there only once it is complete.
    ///
    /// # Errors
    /// As [`Self::download`], or if the file cannot be written.
    pub async fn download_file(
        &self,
        _item: &Item,
        _file: &Path,
        _most: u64,
    ) -> Result<Content, Error> {
        unimplemented!()
    }

    /// Takes leave; later calls connect again.
    pub async fn close(&self) {}
}
