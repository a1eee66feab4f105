//! The probe's standard input and output as one connection. No thread is needed: both are pipes or sockets, for which the
//! runtime can wait. Tokio's own stdin would need a thread that blocks.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper_util::rt::TokioIo;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, unix::AsyncFd};
use tonic::transport::{Channel, Endpoint};

use crate::sys;

/// A connection that reads from standard input and writes to standard output.
#[derive(Debug)]
struct Stdio {
    input: AsyncFd<File>,
    output: AsyncFd<File>,
}

/// Opens the channel to the controller.
pub(crate) async fn channel() -> Result<Channel, tonic::transport::Error> {
    // The name is never looked up, but the endpoint needs a well-formed one.
    let endpoint = Endpoint::from_static("http://controller");
    endpoint.connect_with_connector(tower::service_fn(|_| async { Stdio::open().map(TokioIo::new) })).await
}

// === impl Stdio ===

impl Stdio {
    fn open() -> io::Result<Self> {
        Ok(Self {
            input: sys::watch(nonblocking(io::stdin().as_fd().try_clone_to_owned()?)?, Interest::READABLE)?,
            output: sys::watch(nonblocking(io::stdout().as_fd().try_clone_to_owned()?)?, Interest::WRITABLE)?,
        })
    }
}

fn nonblocking(descriptor: OwnedFd) -> io::Result<File> {
    let flags = OFlag::from_bits_retain(fcntl(&descriptor, FcntlArg::F_GETFL)?);
    fcntl(&descriptor, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(descriptor.into())
}

impl AsyncRead for Stdio {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.input.poll_read_ready(context))?;
            if let Ok(result) = ready.try_io(|input| input.get_ref().read(buffer.initialize_unfilled())) {
                return Poll::Ready(result.map(|read| buffer.advance(read)));
            }
        }
    }
}

impl AsyncWrite for Stdio {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.output.poll_write_ready(context))?;
            if let Ok(result) = ready.try_io(|output| output.get_ref().write(bytes)) {
                return Poll::Ready(result);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
