//! A probe process in a running pod, with its standard input and output as a stream.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Resource,
    api::{AttachParams, AttachedProcess, Request},
    client::UpgradeConnectionError,
};
use tokio::io::{Join, ReadHalf, SimplexStream, WriteHalf};

use super::{
    again,
    create::{Refusal, refusal},
};
use crate::{run::local::bundle::PROBE, support::names};

/// The size of the buffer in each direction in bytes; an ordinary piece of evidence fits.
const BUFFER: usize = 64 << 10;

/// The probe's standard output and input.
pub(crate) type Stream = Join<ReadHalf<SimplexStream>, WriteHalf<SimplexStream>>;

/// A running pod in which probes can be started.
#[derive(Clone)]
pub(crate) struct Exec {
    client: Client,
    api: Api<Pod>,
    pod: String,
}

impl Exec {
    pub(super) fn new(client: Client, api: Api<Pod>, pod: &str) -> Self {
        Self { client, api, pod: pod.to_owned() }
    }

    pub(super) fn pod(&self) -> &str {
        &self.pod
    }

    /// Starts a probe. The stream ends with the returned process.
    pub(super) async fn start(&self) -> Result<(Stream, AttachedProcess), Refusal> {
        let params = params();
        let mut process = match self.api.exec(&self.pod, command(), &params).await {
            Ok(process) => process,
            Err(error) => return Err(self.explained(error).await),
        };
        match (process.stdout(), process.stdin()) {
            (Some(output), Some(input)) => Ok((tokio::io::join(output, input), process)),
            _ => Err(Refusal::Unanswered("the exec has no streams".to_owned())),
        }
    }

    /// Explains a failed upgrade: its answer has no message, so the same request is repeated without an upgrade.
    async fn explained(&self, error: kube::Error) -> Refusal {
        let kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(code)) = &error else {
            return refusal(error);
        };
        let code = *code;
        let path = Pod::url_path(&(), self.api.namespace());
        let Ok(request) = Request::new(path).exec(&self.pod, command(), &params()) else {
            return refusal(error);
        };
        match self.client.request_text(request).await {
            Err(kube::Error::Api(status))
                if code.is_client_error() || again::is_of_a_webhook(&status.message) =>
            {
                refusal(kube::Error::Api(status))
            }
            Err(kube::Error::Api(status)) if !code.is_client_error() && status.code >= 500 => {
                Refusal::Unanswered(status.message.clone())
            }
            _ => Refusal::Unanswered(error.to_string()),
        }
    }
}

fn params() -> AttachParams {
    AttachParams::default()
        .container(names::CONTAINER)
        .stdin(true)
        .stdout(true)
        .stderr(false)
        .max_stdin_buf_size(BUFFER)
        .max_stdout_buf_size(BUFFER)
}

fn command() -> [&'static str; 2] {
    [PROBE, "report"]
}
