//! Interruptions of a run: SIGINT, which a person sends from a terminal, SIGTERM, which a pipeline or a kubelet sends, and the
//! word of a command that makes many runs.

use std::io;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc::UnboundedReceiver, watch},
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
    /// The word of a command that watches the signals by itself.
    Told(Told),
}

/// The word to stop. Once it is given, it holds.
#[derive(Clone, Debug)]
pub(crate) struct Told(watch::Receiver<bool>);

/// The sender of the word to stop.
#[derive(Debug, Default)]
pub(crate) struct Stop(watch::Sender<bool>);

// === impl Stop ===

impl Stop {
    /// Gives the word.
    pub(crate) fn tell(&self) {
        self.0.send_replace(true);
    }

    /// Returns the word, for those who stop at it.
    pub(crate) fn told(&self) -> Told {
        Told(self.0.subscribe())
    }
}

// === impl Told ===

impl Told {
    /// Waits for the word.
    pub(crate) async fn arrival(&mut self) {
        if self.0.wait_for(|given| *given).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

// === impl Interrupt ===

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
            Self::Told(told) => told.arrival().await,
        }
    }
}
