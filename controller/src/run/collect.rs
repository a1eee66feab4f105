//! The gRPC server for a probe, which speaks over its standard input and output.
//!
//! The probe is assumed to be hostile: the size and number of its messages are bounded, each message is parsed or
//! refused by name, and every message must carry the run's nonce.

mod connection;
mod intake;
mod service;

use std::sync::{Arc, Mutex, PoisonError};

use proto::{Assignment, Introduction, Observer, generated::collector_server::CollectorServer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{
        mpsc::{self, UnboundedReceiver},
        watch,
    },
    task::JoinHandle,
};
use tokio_stream::StreamExt;

use connection::Connection;
pub use intake::Intake;
use service::Service;

use crate::case::Collected;

/// The largest message in bytes; the longest list of mounts fits.
const LARGEST_MESSAGE: usize = 1 << 20;
/// The most bytes that a probe may send in total.
const MOST_BYTES: u64 = 8 << 20;

/// An event on a probe's stream.
#[derive(Clone, Debug)]
pub enum Event {
    /// The probe has introduced itself.
    Introduced(Introduction),
    /// An observation was accepted.
    Observed {
        /// The observer that made the observation.
        observer: Observer,
        /// The number of observations received so far.
        received: usize,
        /// The number of observations that were assigned.
        expected: usize,
    },
    /// The evidence is complete, and the probe is told so.
    Closed,
    /// A message was refused; the evidence stays incomplete.
    Refused,
    /// The stream has ended; no event follows.
    Ended,
}

/// A collection under way.
#[derive(Debug)]
pub struct Collection {
    intake: Arc<Mutex<Intake>>,
    events: UnboundedReceiver<Event>,
    /// True once the last answer may go to the probe, which ends then.
    farewell: watch::Sender<bool>,
    server: JoinHandle<()>,
}

/// Starts to serve one probe over its stream.
pub fn begin(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    assignment: Assignment,
) -> Collection {
    let collection = begin_and_hold(stream, assignment);
    collection.let_go();
    collection
}

/// Starts to serve one probe, and keeps the last answer until [`Collection::let_go`]: until then the probe stays.
pub fn begin_and_hold(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    assignment: Assignment,
) -> Collection {
    let (farewell, held) = watch::channel(false);
    let intake = Arc::new(Mutex::new(Intake::new(assignment)));
    let (report, events) = mpsc::unbounded_channel();
    let connection = Connection::new(stream, MOST_BYTES, Arc::clone(&intake), report.clone());
    let service = CollectorServer::new(Service::new(Arc::clone(&intake), report, held))
        .max_decoding_message_size(LARGEST_MESSAGE);
    // The server stops when its stream of connections ends, so this stream never ends: the connection itself reports
    // its end.
    let incoming = tokio_stream::once(Ok::<_, std::io::Error>(connection)).chain(tokio_stream::pending());
    let server = tokio::spawn(async move {
        let served = tonic::transport::Server::builder()
            .max_concurrent_streams(4)
            .add_service(service)
            .serve_with_incoming(incoming)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "the server ended");
        }
    });
    Collection { intake, events, farewell, server }
}

// === impl Collection ===

impl Collection {
    /// Returns the next event; after [`Event::Ended`] there is none.
    pub async fn event(&mut self) -> Event {
        self.events.recv().await.unwrap_or(Event::Ended)
    }

    /// Lets the probe end once its evidence is complete.
    pub fn let_go(&self) {
        self.farewell.send_replace(true);
    }

    /// Returns what was collected so far.
    pub fn so_far(&self) -> Collected {
        locked(&self.intake).collected()
    }

    /// Gives another assignment to a probe whose last answer was kept, and which asks for more than one. The former assignment
    /// and its evidence are gone.
    pub fn proceed(&self, assignment: Assignment) {
        *locked(&self.intake) = Intake::new(assignment);
        self.let_go();
    }

    /// Stops listening to the probe and returns what was collected.
    pub fn finish(self) -> Collected {
        self.so_far()
    }
}

impl Drop for Collection {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Locks the intake; its content stays valid even if another holder of the lock panicked.
fn locked(intake: &Mutex<Intake>) -> std::sync::MutexGuard<'_, Intake> {
    intake.lock().unwrap_or_else(PoisonError::into_inner)
}
