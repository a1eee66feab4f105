//! `withhold OBSERVER RUNTIME… --root STATE run --bundle DIR ID`: a runtime between the controller and a real probe.
//! It passes everything on, and reports for one observer that the observer could not look.
#![forbid(unsafe_code)]

use std::{
    env, io,
    process::{ExitCode, Stdio},
};

use proto::{
    Delivery, Observation, Observed,
    delivery::Content,
    generated::{
        self,
        collector_client::CollectorClient,
        collector_server::{Collector, CollectorServer},
    },
};
use stage::Invocation;
use tokio::io::{copy_bidirectional, duplex, join};
use tokio_stream::StreamExt;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Channel, Endpoint, Server},
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Bytes that may be under way between the probe and this program.
const BUFFER: usize = 1 << 16;

fn main() -> Result<ExitCode> {
    let words: Vec<_> = env::args().skip(1).collect();
    let invocation = Invocation::of(&words).ok_or("withhold OBSERVER RUNTIME… --root STATE …")?;
    if invocation.action() != "run" {
        return Ok(invocation.pass_on()?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(between(&invocation));
    // Nothing waits for the thread that reads standard input.
    runtime.shutdown_background();
    ended
}

/// Runs the real runtime, and passes its probe's messages on until the probe ends.
async fn between(invocation: &Invocation) -> Result<ExitCode> {
    let rest: Vec<_> = invocation.rest.iter().skip(2).map(String::as_str).collect();
    let mut command = tokio::process::Command::from(invocation.command(&rest)?);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().ok_or("no standard output")?;
    let input = child.stdin.take().ok_or("no standard input")?;
    let (theirs, mut ours) = duplex(BUFFER);
    tokio::spawn(async move { copy_bidirectional(&mut join(output, input), &mut ours).await });
    let service =
        Between { controller: CollectorClient::new(controller().await?), withheld: invocation.kind.clone() };
    let incoming = tokio_stream::once(Ok::<_, io::Error>(theirs)).chain(tokio_stream::pending());
    let server = Server::builder().add_service(CollectorServer::new(service));
    tokio::spawn(server.serve_with_incoming(incoming));
    let status = child.wait().await?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Passes every message on as it is, except one observer's result.
struct Between {
    controller: CollectorClient<Channel>,
    withheld: String,
}

#[tonic::async_trait]
impl Collector for Between {
    async fn introduce(
        &self,
        request: Request<generated::Introduction>,
    ) -> std::result::Result<Response<generated::Assignment>, Status> {
        self.controller.clone().introduce(request.into_inner()).await
    }

    async fn deliver(
        &self,
        request: Request<Streaming<generated::Delivery>>,
    ) -> std::result::Result<Response<generated::Closed>, Status> {
        let withheld = self.withheld.clone();
        let deliveries = request.into_inner().map_while(std::result::Result::ok);
        let deliveries = deliveries.map(move |delivery| without(&withheld, delivery));
        self.controller.clone().deliver(deliveries).await
    }
}

fn without(withheld: &str, delivery: generated::Delivery) -> generated::Delivery {
    match Delivery::try_from(delivery.clone()) {
        Ok(Delivery { nonce, content: Content::Observed(Observed { observer, .. }) })
            if observer.id() == withheld =>
        {
            let content = Content::Observed(Observed { observer, outcome: Observation::failed("withheld") });
            Delivery { nonce, content }.into()
        }
        _ => delivery,
    }
}

async fn controller() -> Result<Channel> {
    let connector = tower::service_fn(|_| async {
        let stdio = join(tokio::io::stdin(), tokio::io::stdout());
        Ok::<_, io::Error>(hyper_util::rt::TokioIo::new(stdio))
    });
    Ok(Endpoint::from_static("http://controller").connect_with_connector(connector).await?)
}
