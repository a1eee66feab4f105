//! The probe's stream as a connection, which counts bytes, enforces a limit and reports its end.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc::UnboundedSender,
};
use tonic::transport::server::Connected;

use super::{Event, Intake, locked};
use crate::case::breach::Breach;

/// A stream that yields at most `limit` bytes.
pub(super) struct Connection<S> {
    stream: S,
    limit: u64,
    read: u64,
    intake: Arc<Mutex<Intake>>,
    events: UnboundedSender<Event>,
}

impl<S> Connection<S> {
    pub(super) fn new(
        stream: S,
        limit: u64,
        intake: Arc<Mutex<Intake>>,
        events: UnboundedSender<Event>,
    ) -> Self {
        Self { stream, limit, read: 0, intake, events }
    }
}

impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("limit", &self.limit)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        _ = self.events.send(Event::Ended);
    }
}

impl<S> Connected for Connection<S> {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        self.read = self.read.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if self.read > self.limit {
            locked(&self.intake).breach(Breach::Flood { limit: self.limit });
            return Poll::Ready(Err(io::Error::other("the probe sends too many bytes")));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
