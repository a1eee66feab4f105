//! The gRPC service, which hands every call to the intake.

use std::sync::{Arc, Mutex};

use proto::generated::{Assignment, Closed, Delivery, Introduction, collector_server::Collector};
use tokio::sync::{mpsc::UnboundedSender, watch};
use tonic::{Request, Response, Status, Streaming};

use super::{Event, Intake, intake::Accepted, locked};
use crate::case::breach::Breach;

/// The collector of one probe.
#[derive(Debug)]
pub(super) struct Service {
    intake: Arc<Mutex<Intake>>,
    events: UnboundedSender<Event>,
    /// True once the last answer may go to the probe.
    held: watch::Receiver<bool>,
}

impl Service {
    pub(super) fn new(
        intake: Arc<Mutex<Intake>>,
        events: UnboundedSender<Event>,
        held: watch::Receiver<bool>,
    ) -> Self {
        Self { intake, events, held }
    }

    fn refuse(&self, breach: &Breach) -> Status {
        self.tell(Event::Refused);
        Status::invalid_argument(breach.to_string())
    }

    fn broken(&self, status: &Status) -> Status {
        let breach = Breach::Stream(status.message().to_owned());
        locked(&self.intake).breach(breach.clone());
        self.refuse(&breach)
    }

    /// Sends an event. The receiver may be gone; the intake keeps what counts.
    fn tell(&self, event: Event) {
        _ = self.events.send(event);
    }
}

#[tonic::async_trait]
impl Collector for Service {
    async fn introduce(&self, request: Request<Introduction>) -> Result<Response<Assignment>, Status> {
        let introduced = locked(&self.intake).introduce(request.into_inner());
        let (introduction, assignment) = introduced.map_err(|breach| self.refuse(&breach))?;
        self.tell(Event::Introduced(introduction));
        Ok(Response::new(assignment.into()))
    }

    async fn deliver(&self, request: Request<Streaming<Delivery>>) -> Result<Response<Closed>, Status> {
        let begun = locked(&self.intake).begin_delivery();
        begun.map_err(|breach| self.refuse(&breach))?;
        let mut deliveries = request.into_inner();
        loop {
            let delivery = deliveries.message().await.map_err(|status| self.broken(&status))?;
            let accepted = match delivery {
                Some(delivery) => locked(&self.intake).accept(delivery),
                None => locked(&self.intake).end_delivery(),
            };
            match accepted.map_err(|breach| self.refuse(&breach))? {
                Accepted::Observation(observer) => {
                    let (received, expected) = locked(&self.intake).count();
                    self.tell(Event::Observed { observer, received, expected });
                }
                Accepted::Closing(observations) => {
                    self.tell(Event::Closed);
                    // Nobody holds the probe once the collection is gone.
                    _ = self.held.clone().wait_for(|may_go| *may_go).await;
                    return Ok(Response::new(Closed { observations }));
                }
            }
        }
    }
}
