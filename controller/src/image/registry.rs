//! The push of an image to a registry: its parts first, then the manifest under its name (distribution-spec, "Push").

use std::time::Duration;

use oci_client::{
    Client, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
};

use super::{Blob, Image, Name, credential};

/// The time limit for the registry to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest silence of the registry.
const SILENCE: Duration = Duration::from_mins(1);

/// Why an image could not be pushed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user's credential could not be found.
    #[error("failed to find a credential")]
    Credential(#[from] credential::Error),
    /// The client could not be created, for lack of certificates.
    #[error("failed to create a client for the registry")]
    Client(#[source] OciDistributionError),
    /// The registry could not be reached, or refused the user.
    #[error("failed to log in to {registry}")]
    LogIn {
        /// The registry's address.
        registry: String,
        /// The underlying error.
        source: OciDistributionError,
    },
    /// The registry refused a part.
    #[error("failed to push {digest}")]
    Part {
        /// The digest of the part.
        digest: String,
        /// The underlying error.
        source: OciDistributionError,
    },
    /// The registry refused the manifest.
    #[error("failed to push the manifest of {name}")]
    Manifest {
        /// The name of the image.
        name: String,
        /// The underlying error.
        source: OciDistributionError,
    },
}

/// Pushes the image to the registry of its name.
pub async fn push(image: &Image, name: &Name, plain_http: bool) -> Result<(), Error> {
    let reference = name.reference();
    let credential = credential::find(reference.registry())?;
    let client = client(plain_http).map_err(Error::Client)?;
    client
        .auth(reference, &credential, RegistryOperation::Push)
        .await
        .map_err(|source| Error::LogIn { registry: reference.registry().to_owned(), source })?;
    for part in image.parts() {
        push_part(&client, name, part)
            .await
            .map_err(|source| Error::Part { digest: part.digest().to_owned(), source })?;
    }
    push_manifest(&client, name, image.manifest())
        .await
        .map_err(|source| Error::Manifest { name: name.to_string(), source })
}

fn client(plain_http: bool) -> Result<Client, OciDistributionError> {
    // Only the first caller in a process can succeed, and every caller chooses the same provider.
    _ = rustls::crypto::ring::default_provider().install_default();
    let protocol = if plain_http { ClientProtocol::Http } else { ClientProtocol::Https };
    Client::try_from(ClientConfig {
        protocol,
        connect_timeout: Some(CONNECT),
        read_timeout: Some(SILENCE),
        user_agent: concat!("podproof/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    })
}

async fn push_part(client: &Client, name: &Name, part: &Blob) -> Result<(), OciDistributionError> {
    let reference = name.reference();
    // Some registries refuse the question for a new repository, so only a positive answer counts.
    if client.blob_exists(reference, part.digest()).await.unwrap_or(false) {
        return Ok(());
    }
    client.push_blob(reference, part.bytes().to_vec(), part.digest()).await.map(|_| ())
}

/// Pushes raw bytes: the client's own rendering of the manifest may have another digest.
async fn push_manifest(client: &Client, name: &Name, manifest: &Blob) -> Result<(), OciDistributionError> {
    let kind = manifest.media_type().parse();
    let kind = kind.map_err(|_| OciDistributionError::UnsupportedMediaTypeError(manifest.media_type()))?;
    client.push_manifest_raw(name.reference(), manifest.bytes().to_vec(), kind).await.map(|_| ())
}
