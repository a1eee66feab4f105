//! SIGINT, which a person sends from a terminal, and SIGTERM, which a pipeline or a kubelet sends.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals, watched from the start, so that no signal is missed.
#[derive(Debug)]
pub(crate) struct Interrupt {
    int: Signal,
    term: Signal,
}

impl Interrupt {
    pub(crate) fn watch() -> io::Result<Self> {
        Ok(Self { int: signal(SignalKind::interrupt())?, term: signal(SignalKind::terminate())? })
    }

    /// Returns true if a signal has arrived already.
    pub(crate) async fn has_arrived(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.arrival() => true,
            () = std::future::ready(()) => false,
        }
    }

    /// Waits until a signal arrives.
    pub(crate) async fn arrival(&mut self) {
        tokio::select! {
            _ = self.int.recv() => (),
            _ = self.term.recv() => (),
        }
    }
}
