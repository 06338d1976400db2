//! The coordinator's end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::Eip712Domain;

use super::{Error, Limits, Service};

/// A bound server.
pub struct Server<S> {
    service: Arc<S>,
}

impl<S: Service> Server<S> {
    /// Binds a UDP socket. `domain` is that of the plans' signatures.
    ///
    /// # Errors
    /// If there is no such address to bind or no certificate can be made.
    pub fn bind(
        _listen: SocketAddr,
        _signer: PrivateKeySigner,
        _domain: Eip712Domain,
        service: Arc<S>,
        _limits: Limits,
    ) -> Result<Self, Error> {
        Ok(Self { service })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        unimplemented!()
    }

    /// Serves until `shutdown`, then lets running calls end for [`Limits::drain`].
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        shutdown.await;
        let _ = self.service;
    }
}
