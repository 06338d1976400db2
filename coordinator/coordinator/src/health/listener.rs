//! Few connections at a time, each for a short time.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::HealthLimits;

/// How long the head of a request may take to arrive.
const HEAD: Duration = Duration::from_secs(5);

/// Serves until `stopped`; then what has been asked is still answered, for at most the lifetime of a
/// connection.
///
/// # Errors
/// If the semaphore is closed, which nobody does.
pub(super) async fn serve(
    mut listener: TcpListener,
    router: Router,
    limits: HealthLimits,
    stopped: impl Future<Output = ()>,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD.min(limits.lifetime));
    let service = TowerToHyperService::new(router);
    let open = GracefulShutdown::new();
    let mut stopped = pin!(stopped);
    loop {
        let (stream, permit) = tokio::select! {
            accepted = accept(&mut listener, &room) => accepted?,
            () = &mut stopped => break,
        };
        let connection = http.serve_connection(TokioIo::new(stream), service.clone());
        let served = tokio::time::timeout(limits.lifetime, open.watch(connection));
        tokio::spawn(async move {
            // What a peer sends wrongly, or too slowly, ends its own connection and nothing else.
            let _ = served.await;
            drop(permit);
        });
    }
    drop(listener);
    open.shutdown().await;
    Ok(())
}

/// The next connection, once there is room for it. What cannot be accepted is tried again.
async fn accept(
    listener: &mut TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = Listener::accept(listener).await;
    Ok((stream, permit))
}
