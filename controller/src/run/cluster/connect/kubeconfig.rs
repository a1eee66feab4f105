//! Kubeconfig files as kubectl reads them (kubernetes.io, "Organizing Cluster Access Using kubeconfig Files").
//!
//! The client library's own reading is left out. It compares `NO_PROXY` with the proxy and not with the API server, ends at a
//! trailing comma there, and fails at a missing file of KUBECONFIG, which kubectl passes over.
//!
//! If every file of KUBECONFIG is missing, kubectl warns and asks the cluster of its own pod. Here that is an error: the verdict would
//! be about another cluster than the named one.

use std::{
    env,
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
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

/// The variable that names the files of a kubeconfig.
const VARIABLE: &str = "KUBECONFIG";
/// The most bytes of a file's name (Linux, `NAME_MAX`).
const LONGEST_NAME: usize = 255;

/// The files of a kubeconfig, by the source of their names.
#[derive(Debug, Eq, PartialEq)]
enum Files {
    /// The file of `--kubeconfig`, which must exist.
    Flag(PathBuf),
    /// The files of KUBECONFIG, of which at least one must exist.
    Variable(Vec<PathBuf>),
    /// The file in the home folder, which need not exist; `None` without a home folder.
    Home(Option<PathBuf>),
}

/// Reads the kubeconfig; without one, the service account of the controller's own pod.
pub(super) fn find(login: &Login) -> Result<Found, ConnectError> {
    match login.files().read()? {
        Some(kubeconfig) => Ok(configured(kubeconfig, login.context.as_deref())?),
        None if login.context.is_some() => Err(KubeconfigError::FindPath.into()),
        None => Ok(Found { config: Config::incluster()?, proxy: None }),
    }
}

// === impl Login ===

impl Login {
    /// Returns the kubeconfig's files, which need not exist.
    pub(crate) fn kubeconfigs(&self) -> Vec<PathBuf> {
        self.files().paths().to_vec()
    }

    /// Returns a remark on an empty KUBECONFIG that no flag replaces.
    pub(crate) fn remark(&self) -> Option<String> {
        remark(self.kubeconfig.as_deref(), env::var_os(VARIABLE).as_deref())
    }

    fn files(&self) -> Files {
        let variable = env::var_os(VARIABLE).unwrap_or_default();
        Files::of(self.kubeconfig.as_deref(), &variable, env::home_dir().as_deref())
    }
}

/// A pipeline that expands an undefined variable of its own leaves an empty one.
fn remark(flag: Option<&Path>, variable: Option<&OsStr>) -> Option<String> {
    let counts = flag.is_none() && variable.is_some_and(OsStr::is_empty);
    counts.then(|| format!("{VARIABLE} is set and empty, and counts as not set"))
}

// === impl Files ===

impl Files {
    /// Returns the files that a flag, KUBECONFIG and the home folder name; the first of these that names a file counts.
    fn of(flag: Option<&Path>, variable: &OsStr, home: Option<&Path>) -> Self {
        if let Some(path) = flag {
            return Self::Flag(path.to_owned());
        }
        let named: Vec<_> = env::split_paths(variable).filter(|path| !path.as_os_str().is_empty()).collect();
        if named.is_empty() {
            Self::Home(home.map(|home| home.join(".kube/config")))
        } else {
            Self::Variable(named)
        }
    }

    fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Flag(path) => std::slice::from_ref(path),
            Self::Variable(paths) => paths,
            Self::Home(path) => path.as_slice(),
        }
    }

    /// Reads the files; `None` if none need exist and none does.
    fn read(&self) -> Result<Option<Kubeconfig>, ConnectError> {
        let read = match self {
            Self::Flag(path) => Kubeconfig::read_from(path).map(Some),
            Self::Variable(_) | Self::Home(_) => merged(self.paths()),
        };
        match (self, read) {
            (Self::Flag(_) | Self::Variable(_), Ok(None) | Err(KubeconfigError::ReadConfig(..)))
                if !self.paths().iter().all(|path| is_path(path)) =>
            {
                Err(ConnectError::Content)
            }
            (Self::Variable(paths), Ok(None)) => Err(ConnectError::Missing { paths: paths.clone() }),
            (_, read) => Ok(read?),
        }
    }
}

/// Returns false for a text that is the content of a kubeconfig rather than its path: an error would repeat its secrets.
fn is_path(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    let is_text = bytes.iter().any(|byte| byte.is_ascii_control() || *byte == b'{');
    !is_text && bytes.split(|byte| *byte == b'/').all(|name| name.len() <= LONGEST_NAME)
}

/// Merges the files that exist; `None` if none does. A file that cannot be read is an error.
fn merged(files: &[PathBuf]) -> Result<Option<Kubeconfig>, KubeconfigError> {
    let mut merged: Option<Kubeconfig> = None;
    for file in files {
        let read = match Kubeconfig::read_from(file) {
            Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == io::ErrorKind::NotFound => continue,
            read => read?,
        };
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
        let read = Files::Variable(vec![missing, there]).read().unwrap().unwrap();
        assert_eq!(read.current_context.as_deref(), Some("one"));
    }

    #[test]
    fn a_list_of_missing_files_is_refused_with_their_names() {
        let named = ["/no/such/one", "/no/such/two"].map(PathBuf::from);
        let refused = Files::Variable(named.to_vec()).read().unwrap_err();
        assert!(matches!(refused, ConnectError::Missing { .. }), "{refused:?}");
        assert!(refused.to_string().contains("/no/such/one, /no/such/two"), "{refused}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let of_home = Files::Home(Some(folder.path().to_owned())).read();
        assert!(matches!(of_home, Err(ConnectError::Kubeconfig(_))), "{of_home:?}");
    }

    #[test]
    fn a_missing_file_of_the_home_folder_leaves_the_pods_own_account() {
        let missing = Files::Home(Some("/no/such/home/.kube/config".into()));
        assert!(matches!(missing.read(), Ok(None)));
    }

    #[test]
    fn an_empty_variable_is_remarked_on_unless_a_flag_replaces_it() {
        assert!(remark(None, Some(OsStr::new(""))).is_some());
        assert!(remark(Some(Path::new("flag")), Some(OsStr::new(""))).is_none());
        for variable in [None, Some(OsStr::new("file"))] {
            assert!(remark(None, variable).is_none(), "{variable:?}");
        }
    }

    #[test]
    fn the_first_source_that_names_a_file_counts() {
        let of = |flag: Option<&str>, variable: &str| {
            Files::of(flag.map(Path::new), OsStr::new(variable), Some(Path::new("/home")))
        };
        assert_eq!(of(Some("flag"), "a:b"), Files::Flag("flag".into()));
        assert_eq!(of(None, "a::b"), Files::Variable(vec!["a".into(), "b".into()]));
        for empty in ["", ":"] {
            assert_eq!(of(None, empty), Files::Home(Some("/home/.kube/config".into())), "{empty:?}");
        }
    }
}
