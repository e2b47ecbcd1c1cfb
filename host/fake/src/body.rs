//! Bodies that misbehave: one that breaks off before its promised length, one that trickles.
//!
//! Promise: headers are those of the true answer, its full length included, so only what a client does with the body
//! can tell it that something is wrong.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body that promises its full length and breaks off early.
pub(crate) struct CutBody {
    promised: u64,
    kept: Option<Bytes>,
    flushed: bool,
}

impl CutBody {
    pub(crate) fn new(body: &Bytes, keep_bytes: usize) -> Self {
        Self {
            promised: body.len() as u64,
            kept: Some(body.slice(..keep_bytes.min(body.len()))),
            flushed: false,
        }
    }
}

impl HttpBody for CutBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(kept) = self.kept.take() {
            return Poll::Ready(Some(Ok(Frame::data(kept))));
        }
        if !self.flushed {
            // One pause, so that what was kept leaves the server before the connection breaks.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the fake cut this body on purpose",
        ))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}

/// A body that comes in pieces with pauses between them.
pub(crate) struct SlowBody {
    rest: Bytes,
    piece_bytes: usize,
    every: Duration,
    pause: Pin<Box<Sleep>>,
}

impl SlowBody {
    pub(crate) fn new(rest: Bytes, piece_bytes: usize, every: Duration) -> Self {
        Self {
            rest,
            piece_bytes: piece_bytes.max(1),
            every,
            pause: Box::pin(sleep(every)),
        }
    }
}

impl HttpBody for SlowBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if self.pause.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.pause = Box::pin(sleep(self.every));
        let bytes = self.piece_bytes.min(self.rest.len());
        let piece = self.rest.split_to(bytes);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
