//! The user's credential for a registry: that of `docker login`, or none.

use std::{
    env,
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use docker_credential::{
    CredentialRetrievalError as Retrieval, DockerCredential, get_credential_from_reader,
};
use oci_client::secrets::RegistryAuth;

use crate::support::world;

/// Docker's own registry, and the key under which docker keeps its credential.
const HUB: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");
/// The message of a credential helper without a credential (docker-credential-helpers, `ErrCredentialsNotFound`).
const NONE_THERE: &str = "credentials not found";

/// Why docker's configuration yields no credential.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration file exists but cannot be opened.
    #[error("failed to open {}", path.display())]
    Open {
        /// The path of the file.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// The file or one of its helpers returned something that is no credential.
    #[error("failed to read the credential for {registry} from docker's configuration")]
    Take {
        /// The registry that needs the credential.
        registry: String,
        /// The underlying error.
        source: Retrieval,
    },
    /// The credential is of a kind that this client cannot use.
    #[error(
        "the credential for {0} is an identity token; log in again with `docker login {0}`, a user and a password"
    )]
    IdentityToken(String),
}

/// Returns the user's credential; an anonymous one without a configuration or without an entry in it.
pub(super) fn find(registry: &str) -> Result<RegistryAuth, Error> {
    if world::simulated().is_some() {
        return Ok(RegistryAuth::Anonymous);
    }
    let folder = env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".docker"));
    let Some(folder) = folder.or_else(home) else { return Ok(RegistryAuth::Anonymous) };
    let path = folder.join("config.json");
    match File::open(&path) {
        Ok(file) => read(file, registry),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(RegistryAuth::Anonymous),
        Err(source) => Err(Error::Open { path, source }),
    }
}

fn read(configuration: impl Read, registry: &str) -> Result<RegistryAuth, Error> {
    let server = if registry == HUB.0 { HUB.1 } else { registry };
    match get_credential_from_reader(configuration, server) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(RegistryAuth::Basic(user, password)),
        Ok(DockerCredential::IdentityToken(_)) => Err(Error::IdentityToken(registry.to_owned())),
        Err(Retrieval::NoCredentialConfigured) => Ok(RegistryAuth::Anonymous),
        Err(Retrieval::HelperFailure { stdout, .. }) if stdout.contains(NONE_THERE) => {
            Ok(RegistryAuth::Anonymous)
        }
        Err(source) => Err(Error::Take { registry: registry.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(configuration: &str, registry: &str) -> Result<RegistryAuth, Error> {
        read(configuration.as_bytes(), registry)
    }

    #[test]
    fn a_credential_is_used_for_its_registry_only() {
        // base64 of "user:secret".
        let entry = r#"{ "auth": "dXNlcjpzZWNyZXQ=" }"#;
        let known = RegistryAuth::Basic("user".to_owned(), "secret".to_owned());
        for (key, registry) in
            [("127.0.0.1:5000", "127.0.0.1:5000"), ("https://index.docker.io/v1/", "docker.io")]
        {
            let configuration = format!(r#"{{ "auths": {{ "{key}": {entry} }} }}"#);
            assert_eq!(of(&configuration, registry).unwrap(), known, "{registry}");
            assert_eq!(of(&configuration, "registry.example").unwrap(), RegistryAuth::Anonymous);
        }
        assert_eq!(of("{}", "registry.example").unwrap(), RegistryAuth::Anonymous);
    }

    #[test]
    fn an_unusable_credential_is_an_error() {
        let entry = |entry: &str| format!(r#"{{ "auths": {{ "registry.example": {entry} }} }}"#);
        for configuration in ["", "{", &entry(r#"{ "auth": "?" }"#)] {
            let refused = of(configuration, "registry.example");
            assert!(matches!(refused, Err(Error::Take { .. })), "{configuration}: {refused:?}");
        }
        let refused = of(&entry(r#"{ "identitytoken": "secret" }"#), "registry.example").unwrap_err();
        assert!(matches!(refused, Error::IdentityToken(_)) && !refused.to_string().contains("secret"));
    }
}
