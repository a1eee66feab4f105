//! The gRPC server that a probe speaks to over its standard input and output.
//!
//! The probe is taken for hostile: what it sends is bounded in size and number, each message is parsed or refused by
//! name, and the run's nonce must be in every one.

mod connection;
mod intake;
mod service;

use std::sync::{Arc, Mutex, PoisonError};

use proto::{Assignment, Introduction, Observer, generated::collector_server::CollectorServer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc::{self, UnboundedReceiver},
    task::JoinHandle,
};
use tokio_stream::StreamExt;

use connection::Connection;
pub use intake::Intake;
use service::Service;

use crate::case::Collected;

/// The largest message, in bytes: the longest list of mounts fits.
const LARGEST_MESSAGE: usize = 1 << 20;
/// The most that a probe may send altogether, in bytes.
const MOST_BYTES: u64 = 8 << 20;

/// Something that happened on the stream.
#[derive(Clone, Debug)]
pub enum Event {
    /// The probe has said who it is.
    Introduced(Introduction),
    /// An observation was accepted.
    Observed {
        /// Whose.
        observer: Observer,
        /// How many there are by now.
        received: usize,
        /// How many there will be.
        expected: usize,
    },
    /// The evidence is whole, and the probe is being told so.
    Closed,
    /// Something was refused; nothing that follows can make the evidence whole.
    Refused,
    /// The stream has ended; nothing follows.
    Ended,
}

/// A collection under way.
#[derive(Debug)]
pub struct Collection {
    intake: Arc<Mutex<Intake>>,
    events: UnboundedReceiver<Event>,
    server: JoinHandle<()>,
}

/// Begins to serve one probe over its stream.
pub fn begin(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    assignment: Assignment,
) -> Collection {
    let intake = Arc::new(Mutex::new(Intake::new(assignment)));
    let (report, events) = mpsc::unbounded_channel();
    let connection = Connection::new(stream, MOST_BYTES, Arc::clone(&intake), report.clone());
    let service = CollectorServer::new(Service::new(Arc::clone(&intake), report))
        .max_decoding_message_size(LARGEST_MESSAGE);
    // The server ends with its stream of connections, so that stream never ends: the connection itself says when it has.
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
    Collection { intake, events, server }
}

// === impl Collection ===

impl Collection {
    /// The next event. After [`Event::Ended`] there is none.
    pub async fn event(&mut self) -> Event {
        self.events.recv().await.unwrap_or(Event::Ended)
    }

    /// Says what came of it; what the probe says from here on is not heard.
    pub fn finish(self) -> Collected {
        self.server.abort();
        locked(&self.intake).collected()
    }
}

/// What was collected stands, whatever became of another holder of the lock.
fn locked(intake: &Mutex<Intake>) -> std::sync::MutexGuard<'_, Intake> {
    intake.lock().unwrap_or_else(PoisonError::into_inner)
}
