//! The user's credential for a registry: that of `docker login`, or none.

use std::{collections::BTreeMap, env, fs, io, path::PathBuf};

use docker_credential::{
    CredentialRetrievalError as Retrieval, DockerCredential, get_credential_from_reader,
};
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

use crate::support::world;

/// Docker's own registry, and the key under which docker keeps its credential.
const HUB: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");
/// The ends of the addresses of Azure's registries: global, of China, and of the government of the United States.
const AZURE: [&str; 3] = [".azurecr.io", ".azurecr.cn", ".azurecr.us"];
/// The user whose password at Azure's registries is an identity token (learn.microsoft.com, "Authenticate with an Azure container
/// registry", `az acr login --expose-token`).
const AZURES_USER: &str = "00000000-0000-0000-0000-000000000000";
/// The message of a credential helper without a credential (docker-credential-helpers, `ErrCredentialsNotFound`).
const NONE_THERE: &str = "credentials not found";

/// Why docker's configuration yields no credential.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration file exists but cannot be read.
    #[error("failed to read {}", path.display())]
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
    /// The credential helper that the configuration names could not be run.
    #[error(
        "failed to run the credential helper {helper}, which docker's configuration names for {registry}"
    )]
    NoHelper {
        /// The registry that needs the credential.
        registry: String,
        /// The helper's program.
        helper: String,
    },
    /// The credential is of a kind that this client cannot use.
    #[error("the credential for {0} is an identity token, which only docker can exchange for a password")]
    IdentityToken(String),
}

/// The part of docker's configuration that names credential helpers.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Helpers {
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

impl Helpers {
    /// Returns the program that has the credential for a registry; `None` if no helper has it.
    fn program(&self, server: &str) -> Option<String> {
        let own = self.cred_helpers.get(server).filter(|name| !name.is_empty());
        Some(format!("docker-credential-{}", own.or(self.creds_store.as_ref())?))
    }
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
    match fs::read(&path) {
        Ok(configuration) => read(&configuration, registry),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(RegistryAuth::Anonymous),
        Err(source) => Err(Error::Open { path, source }),
    }
}

fn read(configuration: &[u8], registry: &str) -> Result<RegistryAuth, Error> {
    let server = if registry == HUB.0 { HUB.1 } else { registry };
    let helper = || serde_json::from_slice::<Helpers>(configuration).ok()?.program(server);
    match get_credential_from_reader(configuration, server) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(RegistryAuth::Basic(user, password)),
        Ok(DockerCredential::IdentityToken(token)) if is_azures(registry) => {
            Ok(RegistryAuth::Basic(AZURES_USER.to_owned(), token))
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(Error::IdentityToken(registry.to_owned())),
        Err(Retrieval::NoCredentialConfigured) => Ok(RegistryAuth::Anonymous),
        Err(Retrieval::HelperFailure { stdout, .. }) if stdout.contains(NONE_THERE) => {
            Ok(RegistryAuth::Anonymous)
        }
        Err(source) => Err(match (source, helper()) {
            (Retrieval::HelperCommunicationError, Some(helper)) => {
                Error::NoHelper { registry: registry.to_owned(), helper }
            }
            (source, _) => Error::Take { registry: registry.to_owned(), source },
        }),
    }
}

/// Returns true for a registry of Azure.
fn is_azures(registry: &str) -> bool {
    AZURE.iter().any(|end| registry.strip_suffix(end).is_some_and(|name| !name.is_empty()))
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

    #[test]
    fn an_identity_token_is_a_password_at_registries_of_azure_alone() {
        let of = |registry: &str| {
            // As `az acr login` has docker write it: the user without a password, and the token.
            let entry = r#"{ "auth": "MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwOg==", "identitytoken": "token" }"#;
            of(&format!(r#"{{ "auths": {{ "{registry}": {entry} }} }}"#), registry)
        };
        let known = RegistryAuth::Basic(AZURES_USER.to_owned(), "token".to_owned());
        for registry in ["shop.azurecr.io", "shop.azurecr.cn", "shop.azurecr.us"] {
            assert_eq!(of(registry).unwrap(), known, "{registry}");
        }
        for registry in ["azurecr.io", ".azurecr.io", "shop.azurecr.io.example", "shopazurecr.io"] {
            assert!(matches!(of(registry), Err(Error::IdentityToken(_))), "{registry}");
        }
    }

    #[test]
    fn a_missing_credential_helper_is_named() {
        for configuration in [
            r#"{ "credHelpers": { "registry.example": "of-nobody" }, "credsStore": "another" }"#,
            r#"{ "credsStore": "of-nobody" }"#,
        ] {
            let refused = of(configuration, "registry.example").unwrap_err();
            let Error::NoHelper { helper, .. } = refused else { panic!("{refused:?}") };
            assert_eq!(helper, "docker-credential-of-nobody", "{configuration}");
        }
    }
}
