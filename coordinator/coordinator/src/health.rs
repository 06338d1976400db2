//! Whether a coordinator lives, is ready, and how it does: HTTP on a port of its own.
//!
//! - `GET /metrics`: all metrics, OpenMetrics text;
//! - `GET /livez`, also `/healthz`: 200 as long as the process answers;
//! - `GET /readyz`: 200 if store, chain and round driver work, otherwise 503; JSON says which does
//!   not, since when, and why.
//!
//! The parts report by themselves ([`Readiness::works`], [`Readiness::fails`]); a request never
//! causes work on store or chain, so that nobody can flood them from here. A part that has not
//! reported for too long counts as failed. Connections are few and short-lived, so that a peer that
//! sends nothing, or too slowly, takes no room for long. Nothing here is secret, and nothing is
//! authenticated: it belongs on the loopback interface or an inner network.

mod listener;
mod readiness;
pub mod reporter;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::metrics::ProcessMetrics;

pub use readiness::{Component, ComponentReport, Readiness, ReadinessReport};
pub use reporter::HealthReporter;

/// As the OpenMetrics specification asks.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What peers may take. Tuning: it changes no result.
#[derive(Clone, Copy, Debug)]
pub struct HealthLimits {
    /// Connections at a time; further ones wait.
    pub connections: usize,
    /// How long a connection lasts at most, requests included.
    pub lifetime: Duration,
}

impl Default for HealthLimits {
    fn default() -> Self {
        Self { connections: 32, lifetime: Duration::from_secs(15) }
    }
}

#[derive(Clone, Debug)]
struct Shared {
    metrics: Arc<ProcessMetrics>,
    readiness: Arc<Readiness>,
}

/// The running server. It stops when this is dropped, or by [`Self::stop`].
#[derive(Debug)]
pub struct HealthServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<io::Result<()>>,
}

impl HealthServer {
    /// Serves on this address; port 0 takes any.
    ///
    /// # Errors
    /// If the address is in use or not this machine's.
    pub async fn start(
        address: SocketAddr,
        metrics: Arc<ProcessMetrics>,
        readiness: Arc<Readiness>,
        limits: HealthLimits,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stop, mut stopped) = watch::channel(false);
        let router = Router::new()
            .route("/metrics", get(exposition))
            .route("/healthz", get(|| async { "alive\n" }))
            .route("/livez", get(|| async { "alive\n" }))
            .route("/readyz", get(ready))
            .with_state(Shared { metrics, readiness });
        let served = listener::serve(listener, router, limits, async move {
            // An error means that the sender is gone, which stops it too.
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        Ok(Self { address, stop, task: tokio::spawn(served) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections and answers what has been asked; waits for at most a connection's
    /// lifetime.
    ///
    /// # Errors
    /// If the server had failed.
    pub async fn stop(self) -> io::Result<()> {
        self.stop.send_replace(true);
        self.task.await.map_err(io::Error::other)?
    }
}

async fn exposition(State(shared): State<Shared>) -> Response {
    match shared.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn ready(State(shared): State<Shared>) -> Response {
    let report = shared.readiness.report(Instant::now());
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::to_string(&report).unwrap_or_default();
    let json = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, json, body).into_response()
}

#[cfg(test)]
mod tests;
