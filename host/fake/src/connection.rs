//! TCP connections that a fake can break on purpose.
//!
//! Promise: a killed connection carries no further byte in either direction. This is what makes "the answer was lost"
//! and "the cable was pulled" testable over real sockets.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::fault::Faults;

/// Pause after a failed accept, for instance when the process is out of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// A listener whose connections can be killed one by one or all at once.
pub(crate) struct BreakableListener {
    listener: TcpListener,
    faults: Faults,
    connections: Arc<Connections>,
}

/// The connections that are still open.
#[derive(Default)]
pub(crate) struct Connections {
    open: Mutex<Vec<Weak<Line>>>,
}

/// One connection's breaking point, shared between its stream and the handler of its requests.
#[derive(Debug, Default)]
pub(crate) struct Line {
    killed: AtomicBool,
    reader: Mutex<Option<Waker>>,
}

/// The handler's side of a [`Line`].
#[derive(Clone, Debug, Default)]
pub(crate) struct LineHandle(Arc<Line>);

pub(crate) struct BreakableStream {
    stream: TcpStream,
    line: Arc<Line>,
}

impl BreakableListener {
    pub(crate) fn new(
        listener: TcpListener,
        faults: Faults,
        connections: Arc<Connections>,
    ) -> Self {
        Self {
            listener,
            faults,
            connections,
        }
    }
}

impl Connections {
    pub(crate) fn kill_all(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for line in open.drain(..).filter_map(|line| line.upgrade()) {
            line.kill();
        }
    }

    fn add(&self, line: &Arc<Line>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|known| known.strong_count() > 0);
        open.push(Arc::downgrade(line));
    }
}

impl Line {
    fn kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
        let waker = self
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }
}

impl LineHandle {
    pub(crate) fn kill(&self) {
        self.0.kill();
    }
}

impl Listener for BreakableListener {
    type Io = BreakableStream;
    type Addr = LineHandle;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            };
            if self.faults.is_unplugged() {
                continue;
            }
            // Small answers must not wait for Nagle's algorithm: latency is measured against these fakes. Where the
            // option cannot be set the connection still works.
            let _ = stream.set_nodelay(true);
            let line = Arc::new(Line::default());
            self.connections.add(&line);
            return (
                BreakableStream {
                    stream,
                    line: Arc::clone(&line),
                },
                LineHandle(line),
            );
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(LineHandle::default())
    }
}

impl Connected<IncomingStream<'_, BreakableListener>> for LineHandle {
    fn connect_info(stream: IncomingStream<'_, BreakableListener>) -> Self {
        Self(Arc::clone(&stream.io().line))
    }
}

fn broken() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionReset,
        "the fake broke this connection on purpose",
    )
}

impl AsyncRead for BreakableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        *self
            .line
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        if self.line.is_killed() {
            return Poll::Ready(Err(broken()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for BreakableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.line.is_killed() {
            return Poll::Ready(Err(broken()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.line.is_killed() {
            return Poll::Ready(Err(broken()));
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
