//! The push of images to a registry: the parts first, then the manifests, and at last the name (distribution-spec, "Push").

use std::time::Duration;

use oci_client::{
    Client, Reference, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    secrets::RegistryAuth,
};

use super::{Blob, Image, Images, Name, credential};

/// The time limit for the registry to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest silence of the registry.
const SILENCE: Duration = Duration::from_mins(1);
/// The slowest link for which a push waits, in bytes a second: half a megabit.
const SLOWEST: u64 = 64 << 10;

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

/// Pushes the images to the registry of their name.
pub async fn push(images: &Images, name: &Name, plain_http: bool) -> Result<(), Error> {
    let reference = name.reference();
    let credential = credential::find(reference.registry())?;
    let client = client(plain_http, SILENCE)?;
    client
        .auth(reference, &credential, RegistryOperation::Push)
        .await
        .map_err(|source| Error::LogIn { registry: reference.registry().to_owned(), source })?;
    for part in images.iter().flat_map(Image::parts) {
        // Some registries refuse the question for a new repository, so only a positive answer counts.
        if client.blob_exists(reference, part.digest()).await.unwrap_or(false) {
            continue;
        }
        let sender = sender(&client, plain_http, reference, &credential, part).await?;
        sender
            .push_blob(reference, part.bytes().to_vec(), part.digest())
            .await
            .map_err(|source| Error::Part { digest: part.digest().to_owned(), source })?;
    }
    // The name comes last: it never refers to a manifest that the registry lacks.
    let manifests = images.iter().map(Image::manifest).filter(|_| images.index().is_some());
    let manifests = manifests.map(|manifest| (name.by_digest(manifest), manifest));
    for (reference, manifest) in manifests.chain([(reference.clone(), images.top())]) {
        push_manifest(&client, &reference, manifest)
            .await
            .map_err(|source| Error::Manifest { name: reference.to_string(), source })?;
    }
    Ok(())
}

/// Returns a client with a time limit for each of its requests.
fn client(plain_http: bool, limit: Duration) -> Result<Client, Error> {
    // Only the first caller in a process can succeed, and every caller chooses the same provider.
    _ = rustls::crypto::ring::default_provider().install_default();
    let protocol = if plain_http { ClientProtocol::Http } else { ClientProtocol::Https };
    let config = ClientConfig {
        protocol,
        connect_timeout: Some(CONNECT),
        read_timeout: Some(limit),
        user_agent: concat!("podproof/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    Client::try_from(config).map_err(Error::Client)
}

/// Returns a client that sends one part, logged in as another client is.
async fn sender(
    client: &Client,
    plain_http: bool,
    reference: &Reference,
    credential: &RegistryAuth,
    part: &Blob,
) -> Result<Client, Error> {
    let mut sender = self::client(plain_http, limit(part.bytes().len() as u64))?;
    sender.tokens = client.tokens.clone();
    sender.store_auth_if_needed(reference.resolve_registry(), credential).await;
    Ok(sender)
}

/// Returns the time limit of the requests that send a part. The limit counts from a request's beginning to the answer, and a
/// registry that takes no chunks, such as Amazon's, gets the whole part in one request (oci-client, `push_blob`;
/// github.com/aws/containers-roadmap/issues/2831). A dead link ends sooner, by the client's `TCP_USER_TIMEOUT`.
fn limit(bytes: u64) -> Duration {
    SILENCE + Duration::from_millis(bytes.saturating_mul(1000) / SLOWEST)
}

/// Pushes raw bytes: the client's own rendering of the manifest may have another digest.
async fn push_manifest(
    client: &Client,
    reference: &Reference,
    manifest: &Blob,
) -> Result<(), OciDistributionError> {
    let kind = manifest.media_type().parse();
    let kind = kind.map_err(|_| OciDistributionError::UnsupportedMediaTypeError(manifest.media_type()))?;
    client.push_manifest_raw(reference, manifest.bytes().to_vec(), kind).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_time_by_its_size() {
        assert_eq!(limit(0), SILENCE);
        assert_eq!(limit(10 * SLOWEST), SILENCE + Duration::from_secs(10));
        // Of a controller, at a megabit a second.
        let (size, link) = (39_000_000, 1_000_000 / 8);
        assert!(limit(size) > Duration::from_secs(size / link));
    }
}
