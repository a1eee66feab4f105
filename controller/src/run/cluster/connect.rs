//! The connection to a cluster, which is named by a kubeconfig and a context, or by the pod's own service account.

pub(super) mod credential;

use http::{HeaderValue, header::USER_AGENT};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use super::pods::Error;

/// A client and the address of its server.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// The API server's address, for messages.
    pub(crate) server: String,
}

/// Creates a client, and asks a credential plugin if the kubeconfig names one. The first request opens the connection.
pub(crate) async fn connect(
    kubeconfig: Option<&std::path::Path>,
    context: Option<&str>,
) -> Result<Connection, Error> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = match (kubeconfig, context) {
        (Some(path), _) => Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &options).await?,
        (None, Some(_)) => Config::from_kubeconfig(&options).await?,
        (None, None) => Config::infer().await?,
    };
    config
        .headers
        .push((USER_AGENT, HeaderValue::from_static(concat!("podproof/", env!("CARGO_PKG_VERSION")))));
    // A silent watch or a silent exec is no failure.
    config.read_timeout = None;
    credential::provide(&mut config.auth_info).await?;
    let server = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(|error| Error::Client(Box::new(error)))?;
    Ok(Connection { client, server })
}
