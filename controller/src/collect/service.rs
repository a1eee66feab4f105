//! The gRPC service: turns calls into the intake's, and nothing else.

use std::sync::{Arc, Mutex};

use proto::generated::{Assignment, Closed, Delivery, Introduction, collector_server::Collector};
use tokio::sync::mpsc::UnboundedSender;
use tonic::{Request, Response, Status, Streaming};

use super::{Breach, Event, Intake, intake::Accepted, locked};

/// One probe's collector.
#[derive(Debug)]
pub(super) struct Service {
    intake: Arc<Mutex<Intake>>,
    events: UnboundedSender<Event>,
}

impl Service {
    pub(super) fn new(intake: Arc<Mutex<Intake>>, events: UnboundedSender<Event>) -> Self {
        Self { intake, events }
    }

    /// Nobody may be listening any more; the intake keeps what counts.
    fn tell(&self, event: Event) {
        _ = self.events.send(event);
    }
}

#[tonic::async_trait]
impl Collector for Service {
    async fn introduce(&self, request: Request<Introduction>) -> Result<Response<Assignment>, Status> {
        let (introduction, assignment) =
            locked(&self.intake).introduce(request.into_inner()).map_err(|breach| refusal(&breach))?;
        self.tell(Event::Introduced(introduction));
        Ok(Response::new(assignment.into()))
    }

    async fn deliver(&self, request: Request<Streaming<Delivery>>) -> Result<Response<Closed>, Status> {
        locked(&self.intake).begin_delivery().map_err(|breach| refusal(&breach))?;
        let mut deliveries = request.into_inner();
        loop {
            let delivery = deliveries.message().await.inspect_err(|status| {
                locked(&self.intake).breach(Breach::Stream(status.message().to_owned()));
            })?;
            let Some(delivery) = delivery else {
                return Err(Status::invalid_argument("the evidence was not closed"));
            };
            let mut intake = locked(&self.intake);
            match intake.accept(delivery).map_err(|breach| refusal(&breach))? {
                Accepted::Observation(observer) => {
                    let (received, expected) = intake.count();
                    self.tell(Event::Observed { observer, received, expected });
                }
                Accepted::Closing(observations) => {
                    self.tell(Event::Closed);
                    return Ok(Response::new(Closed { observations }));
                }
            }
        }
    }
}

fn refusal(breach: &Breach) -> Status {
    Status::invalid_argument(breach.to_string())
}
