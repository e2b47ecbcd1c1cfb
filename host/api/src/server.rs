//! Accepts connections and drives them, each within its bounds, until told to stop.
//!
//! Promises: at most so many connections, none of which can hold its place by saying nothing, by
//! speaking slowly, or by not reading; on the stop signal no new ones, and what is in flight gets
//! [`Limits::drain_wait`] to end.

use crate::limits::Limits;
use crate::stream::Listeners;
use crate::{ApiState, TOKEN_SETTING, endpoints};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long to wait after the system refused to accept (no file descriptors left), so that it does
/// not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a connection beyond the bound is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n";

/// Answers until `stop` is ready, then drains.
///
/// # Errors
/// When the listener can be reached from other machines and the state has no token, or its address
/// cannot be read.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_within(listener, state, Limits::default(), stop).await
}

/// [`serve`] with other bounds.
///
/// # Errors
/// As [`serve`].
pub async fn serve_within(
    listener: TcpListener,
    state: ApiState,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    if state.token.is_none() && !address.ip().to_canonical().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{address} can be reached from other machines; set {TOKEN_SETTING}"),
        ));
    }
    let (closing, closed) = watch::channel(false);
    let listeners = Listeners::new(limits, closed.clone());
    let ledger = state.ledger.clone();
    let (router, guard) = endpoints::router(state, limits, Arc::clone(&listeners));
    tracing::info!(%address, "the HTTP server listens");

    let mut connections = JoinSet::new();
    // Ends with the others when the server is told to stop.
    connections.spawn(async move { listeners.look(ledger).await });
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => note_end(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() > limits.connections_max => {
                    guard.refused.connections.fetch_add(1, Ordering::Relaxed);
                    // Best effort: whoever floods us need not be waited for.
                    let _ = stream.try_write(FULL);
                }
                Ok((stream, _)) => {
                    connections.spawn(drive(stream, router.clone(), limits, closed.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let _ = closing.send(true);
    let drained = tokio::time::timeout(limits.drain_wait, async {
        while let Some(ended) = connections.join_next().await {
            note_end(ended);
        }
    })
    .await;
    if drained.is_err() {
        tracing::warn!(
            left = connections.len(),
            "connections were cut off at the end"
        );
        connections.shutdown().await;
    }
    Ok(())
}

fn note_end(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

async fn drive(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    mut closed: watch::Receiver<bool>,
) {
    // Answers are written whole, so there is nothing to gather.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_wait)
        .max_buf_size(limits.head_bytes_max)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
            return;
        }
        _ = closed.wait_for(|closed| *closed) => {}
        () = tokio::time::sleep(limits.connection_life) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(limits.drain_wait, connection).await;
}
