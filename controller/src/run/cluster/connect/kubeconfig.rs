//! Kubeconfig files as kubectl reads them (kubernetes.io, "Organizing Cluster Access Using kubeconfig Files").
//!
//! The client library's own reading is left out. It compares `NO_PROXY` with the proxy and not with the API server, ends at a
//! trailing comma there, and fails at a missing file of KUBECONFIG, which kubectl passes over.

use std::{
    env,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Uri;
use kube::{
    Config,
    config::{AuthInfo, Cluster, Kubeconfig, KubeconfigError, LoadDataError},
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{ConnectError, Login};

/// The configuration of a client, before a proxy is chosen and a credential is fetched.
pub(super) struct Found {
    pub(super) config: Config,
    /// The `proxy-url` of the kubeconfig.
    pub(super) proxy: Option<String>,
}

/// Reads the kubeconfig; without one, the service account of the controller's own pod.
pub(super) fn find(login: &Login) -> Result<Found, ConnectError> {
    let read = match &login.kubeconfig {
        Some(path) => Some(Kubeconfig::read_from(path)?),
        None => merged(&default_files())?,
    };
    match read {
        Some(kubeconfig) => Ok(configured(kubeconfig, login.context.as_deref())?),
        None if login.context.is_some() => Err(KubeconfigError::FindPath.into()),
        None => Ok(Found { config: Config::incluster()?, proxy: None }),
    }
}

/// Returns the files of KUBECONFIG, else the file in the home folder.
fn default_files() -> Vec<PathBuf> {
    let named = env::var_os("KUBECONFIG").unwrap_or_default();
    let named: Vec<_> = env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).collect();
    if !named.is_empty() {
        return named;
    }
    env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect()
}

/// Merges the files that exist; `None` if none does.
fn merged(files: &[impl AsRef<Path>]) -> Result<Option<Kubeconfig>, KubeconfigError> {
    let mut merged: Option<Kubeconfig> = None;
    for file in files.iter().map(AsRef::as_ref).filter(|file| file.exists()) {
        let read = Kubeconfig::read_from(file)?;
        merged = Some(match merged {
            Some(first) => first.merge(read)?,
            None => read,
        });
    }
    Ok(merged)
}

fn configured(kubeconfig: Kubeconfig, context: Option<&str>) -> Result<Found, KubeconfigError> {
    let current = kubeconfig.current_context.filter(|name| !name.is_empty());
    let name = context.map(str::to_owned).or(current).ok_or(KubeconfigError::CurrentContextNotSet)?;
    let context = kubeconfig.contexts.into_iter().find(|it| it.name == name).and_then(|it| it.context);
    let context = context.ok_or(KubeconfigError::LoadContext(name))?;
    let cluster = kubeconfig.clusters.into_iter().find(|it| it.name == context.cluster);
    let cluster = cluster.and_then(|it| it.cluster);
    let cluster = cluster.ok_or(KubeconfigError::LoadClusterOfContext(context.cluster))?;
    // A context may name no account, or an account that is not there: kubectl then asks as nobody.
    let account = kubeconfig.auth_infos.into_iter().find(|it| Some(&it.name) == context.user.as_ref());
    let account = account.and_then(|it| it.auth_info).unwrap_or_default();
    let mut config = Config::new(server(&cluster)?);
    config.default_namespace = context.namespace.unwrap_or(config.default_namespace);
    config.root_cert = authorities(&cluster).map_err(KubeconfigError::LoadCertificateAuthority)?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.auth_info = with_cluster(account, &cluster)?;
    config.tls_server_name = cluster.tls_server_name.filter(|name| !name.is_empty());
    Ok(Found { config, proxy: cluster.proxy_url.filter(|url| !url.is_empty()) })
}

fn server(cluster: &Cluster) -> Result<Uri, KubeconfigError> {
    let server = cluster.server.as_ref().filter(|server| !server.is_empty());
    let server = server.ok_or(KubeconfigError::MissingClusterUrl)?;
    let url = if server.contains("://") { server.clone() } else { format!("https://{server}") };
    url.parse().map_err(KubeconfigError::ParseClusterUrl)
}

/// Returns the authorities that may certify the API server; `None` for those of the machine.
fn authorities(cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>, LoadDataError> {
    let pem = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) if !data.is_empty() => STANDARD.decode(data).map_err(LoadDataError::DecodeBase64)?,
        (_, Some(file)) if !file.is_empty() => {
            std::fs::read(file).map_err(|source| LoadDataError::ReadFile(source, file.into()))?
        }
        _ => return Ok(None),
    };
    let read = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    let read: Vec<_> = read.map(|certificate| certificate.to_vec()).collect();
    if read.is_empty() { Err(LoadDataError::NoBase64DataOrFile) } else { Ok(Some(read)) }
}

/// Adds the cluster to a plugin that asks for it.
fn with_cluster(mut account: AuthInfo, cluster: &Cluster) -> Result<AuthInfo, KubeconfigError> {
    if let Some(plugin) = account.exec.as_mut().filter(|plugin| plugin.provide_cluster_info) {
        plugin.cluster = Some(cluster.try_into()?);
    }
    Ok(account)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(cluster: &serde_json::Value) -> Result<Found, KubeconfigError> {
        let kubeconfig = json!({
            "current-context": "one",
            "clusters": [{ "name": "one", "cluster": cluster }],
            "contexts": [{ "name": "one", "context": { "cluster": "one", "user": "nobody" } }],
            "users": null,
        });
        configured(serde_json::from_value(kubeconfig).unwrap(), None)
    }

    #[test]
    fn a_server_without_a_scheme_is_asked_by_https() {
        let found = found(&json!({ "server": "10.0.0.1:6443" })).unwrap();
        assert_eq!(found.config.cluster_url.to_string(), "https://10.0.0.1:6443/");
    }

    #[test]
    fn an_authority_that_is_no_certificate_is_refused() {
        let refused = found(&json!({ "server": "https://a", "certificate-authority-data": "aGVsbG8=" }));
        assert!(matches!(refused, Err(KubeconfigError::LoadCertificateAuthority(_))));
    }

    #[test]
    fn missing_files_of_the_list_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there");
        std::fs::write(&there, "current-context: one\n").unwrap();
        let missing = folder.path().join("missing");
        let read = merged(&[&missing, &there]).unwrap().unwrap();
        assert_eq!(read.current_context.as_deref(), Some("one"));
        assert!(merged(&[&missing]).unwrap().is_none());
    }
}
