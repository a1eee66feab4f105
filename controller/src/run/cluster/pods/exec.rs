//! A probe process in a running pod, with its standard input and output as a stream.

use std::num::NonZeroU8;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Resource,
    api::{AttachParams, AttachedProcess, Request},
    client::UpgradeConnectionError,
};
use proto::Nonce;
use tokio::io::{Join, ReadHalf, SimplexStream, WriteHalf};

use super::{
    again,
    create::{Refusal, refusal},
};
use crate::run::local::bundle::PROBE;

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
    container: String,
}

impl Exec {
    pub(super) fn new(client: Client, api: Api<Pod>, pod: &str, container: &str) -> Self {
        Self { client, api, pod: pod.to_owned(), container: container.to_owned() }
    }

    pub(crate) fn pod(&self) -> &str {
        &self.pod
    }

    /// Starts a probe that asks for this many assignments. The stream ends with the returned process.
    pub(super) async fn start(&self, assignments: NonZeroU8) -> Result<(Stream, AttachedProcess), Refusal> {
        let (command, params) = (command(assignments), self.params());
        let mut process = match self.api.exec(&self.pod, command.clone(), &params).await {
            Ok(process) => process,
            Err(error) => return Err(self.explained(error, command).await),
        };
        match (process.stdout(), process.stdin()) {
            (Some(output), Some(input)) => Ok((tokio::io::join(output, input), process)),
            _ => Err(Refusal::Unanswered("the exec has no streams".to_owned())),
        }
    }

    /// Ends the process that holds the container with this token.
    pub(super) async fn release(&self, token: Nonce) -> Result<(), Refusal> {
        let params = AttachParams::default().container(&self.container).stdout(true).stderr(false);
        let command = [PROBE.to_owned(), "release".to_owned(), token.to_string()];
        let mut process = self.api.exec(&self.pod, command, &params).await.map_err(refusal)?;
        let status = match process.take_status() {
            Some(status) => status.await,
            None => None,
        };
        match status {
            Some(status) if status.status.as_deref() == Some("Success") => Ok(()),
            Some(status) => Err(Refusal::NotHeard(status.message.unwrap_or_default())),
            None => Err(Refusal::Unanswered("the exec ended without a status".to_owned())),
        }
    }

    fn params(&self) -> AttachParams {
        AttachParams::default()
            .container(&self.container)
            .stdin(true)
            .stdout(true)
            .stderr(false)
            .max_stdin_buf_size(BUFFER)
            .max_stdout_buf_size(BUFFER)
    }

    /// Explains a failed upgrade: its answer has no message, so the same request is repeated without an upgrade.
    async fn explained(&self, error: kube::Error, command: Vec<String>) -> Refusal {
        let kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(code)) = &error else {
            return refusal(error);
        };
        let code = *code;
        let path = Pod::url_path(&(), self.api.namespace());
        let Ok(request) = Request::new(path).exec(&self.pod, command, &self.params()) else {
            return refusal(error);
        };
        match self.client.request_text(request).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Refusal::Gone(status.message.clone()),
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

fn command(assignments: NonZeroU8) -> Vec<String> {
    let number = (assignments > NonZeroU8::MIN).then(|| assignments.to_string());
    [PROBE.to_owned(), "report".to_owned()].into_iter().chain(number).collect()
}
