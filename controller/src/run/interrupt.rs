//! SIGINT, which a person sends from a terminal, and SIGTERM, which a pipeline or a kubelet sends.

use std::io;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::UnboundedReceiver,
};

use crate::support::world;

/// Both signals, watched from the start, so that no signal is missed.
#[derive(Debug)]
pub(crate) enum Interrupt {
    Signals {
        int: Signal,
        term: Signal,
    },
    /// The signals of a simulated world.
    Simulated(UnboundedReceiver<()>),
}

impl Interrupt {
    pub(crate) fn watch() -> io::Result<Self> {
        if let Some(world) = world::simulated() {
            return Ok(Self::Simulated(world.signals()));
        }
        Ok(Self::Signals { int: signal(SignalKind::interrupt())?, term: signal(SignalKind::terminate())? })
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
        match self {
            Self::Signals { int, term } => tokio::select! {
                _ = int.recv() => (),
                _ = term.recv() => (),
            },
            Self::Simulated(signals) => {
                if signals.recv().await.is_none() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}
