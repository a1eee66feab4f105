//! `probe report`: introduces itself, receives its assignment, gathers the observations and delivers them. It ends when the
//! controller confirms that the evidence has arrived whole. With a number, it asks for as many assignments, one after the
//! other.

use std::{env::consts, io, num::NonZeroU8, os::fd::OwnedFd};

use proto::{
    Assignment, Delivery, Introduction, Nonce, Observed, Observer, Refused, SCHEMA_VERSION,
    delivery::Content, generated, generated::collector_client::CollectorClient,
};
use tokio::sync::mpsc::{self, Receiver};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::transport::Channel;

use crate::{
    executable,
    gather::{Worker, gather},
    stdio,
};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to open the probe's own executable")]
    Executable(#[source] io::Error),
    #[error("failed to start the runtime")]
    Runtime(#[source] io::Error),
    #[error("failed to open the channel over standard input and output")]
    Channel(#[from] tonic::transport::Error),
    #[error("the controller refused a call")]
    Call(#[from] tonic::Status),
    #[error("the controller's assignment is invalid")]
    Assignment(#[from] Refused),
    #[error("the controller accepted {accepted} of {sent} observations")]
    Incomplete { accepted: u32, sent: u32 },
}

pub(crate) fn run(assignments: NonZeroU8) -> Result<(), Error> {
    let executable = executable::open().map_err(Error::Executable)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(converse(&executable, assignments))
}

async fn converse(executable: &OwnedFd, assignments: NonZeroU8) -> Result<(), Error> {
    let first = Worker::start(executable);
    let mut collector = CollectorClient::new(stdio::channel().await?);
    fulfil(executable, first, &mut collector).await?;
    for _ in 1..assignments.get() {
        fulfil(executable, Worker::start(executable), &mut collector).await?;
    }
    Ok(())
}

/// Asks for an assignment, and delivers its observations.
async fn fulfil(
    executable: &OwnedFd,
    worker: io::Result<Worker>,
    collector: &mut CollectorClient<Channel>,
) -> Result<(), Error> {
    let introduction = generated::Introduction::from(introduction());
    let assignment = Assignment::try_from(collector.introduce(introduction).await?.into_inner())?;
    let sent = u32::try_from(assignment.observers.len()).unwrap_or(u32::MAX);
    let (results, observed) = mpsc::channel(Observer::ALL.len());
    let gathering = async {
        gather(worker, executable, &assignment, &results).await;
        drop(results);
        Ok(())
    };
    let delivering = collector.deliver(deliveries(assignment.nonce, sent, observed));
    let ((), closed) = tokio::try_join!(gathering, delivering)?;
    match closed.into_inner().observations {
        accepted if accepted == sent => Ok(()),
        accepted => Err(Error::Incomplete { accepted, sent }),
    }
}

fn introduction() -> Introduction {
    Introduction {
        probe_version: env!("CARGO_PKG_VERSION").to_owned(),
        schema_version: SCHEMA_VERSION,
        architecture: consts::ARCH.to_owned(),
        observers: Observer::ALL.to_vec(),
    }
}

/// Returns each result as a delivery, and the closing after the last one.
fn deliveries(
    nonce: Nonce,
    observations: u32,
    observed: Receiver<Observed>,
) -> impl Stream<Item = generated::Delivery> {
    let contents = ReceiverStream::new(observed).map(Content::Observed);
    let closing = tokio_stream::once(Content::Closing { observations });
    contents.chain(closing).map(move |content| Delivery { nonce, content }.into())
}
