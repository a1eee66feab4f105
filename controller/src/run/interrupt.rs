//! INT, which a person sends from a terminal, and TERM, which a pipeline or a kubelet sends.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals, watched from the start on, so that none is missed.
#[derive(Debug)]
pub(crate) struct Interrupt {
    int: Signal,
    term: Signal,
}

impl Interrupt {
    pub(crate) fn watch() -> io::Result<Self> {
        Ok(Self { int: signal(SignalKind::interrupt())?, term: signal(SignalKind::terminate())? })
    }

    /// Whether one of them has come by now.
    pub(crate) async fn has_arrived(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.arrival() => true,
            () = std::future::ready(()) => false,
        }
    }

    /// Returns when one of them has come.
    pub(crate) async fn arrival(&mut self) {
        tokio::select! {
            _ = self.int.recv() => (),
            _ = self.term.recv() => (),
        }
    }
}
