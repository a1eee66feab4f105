//! The user's bundle, with the probe mounted over its program. The user's folder is read and never written; the rest of
//! its configuration stays as it is.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use serde_json::{Value, json};

use super::{Bundle, engine, limits, mounts};
use crate::{
    case::{
        HostPath,
        cluster::{Labels, annotations::gvisor},
    },
    plan::local::Network,
    support::credentials,
};

/// The search path for programs if the bundle sets no `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `config.json` could not be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// The content of `config.json` is no JSON.
    #[error("{} is not valid JSON", path.display())]
    Json {
        /// The path of the file.
        path: PathBuf,
        /// The position and the reason.
        source: serde_json::Error,
    },
    /// A part that the runtime specification requires is missing.
    #[error("{} has no {part}", path.display())]
    Missing {
        /// The path of the file.
        path: PathBuf,
        /// The missing part's name.
        part: &'static str,
    },
    /// The program is not in the root file system, so the probe cannot be mounted over it.
    #[error("{program} is not in the bundle's root file system {}", root.display())]
    NoProgram {
        /// The first item of `process.args`.
        program: String,
        /// The root file system's path.
        root: PathBuf,
    },
}

/// Reads the bundle in `folder` and replaces its program by `probe`, a file of the machine.
pub fn adapted(folder: &Path, probe: &Path) -> Result<Bundle, Error> {
    let (path, config) = read(folder)?;
    let folder =
        std::path::absolute(folder).map_err(|source| Error::Read { path: folder.to_owned(), source })?;
    with_probe(config, &path, &folder, probe)
}

/// Reads the bundle of a running container, whose processes are in the control group `cgroup`.
pub fn of_running(folder: &Path, cgroup: Option<String>) -> Result<Bundle, Error> {
    let (path, mut config) = read(folder)?;
    mounts::make_absolute(&mut config, folder);
    let root = config.pointer("/root/path").and_then(Value::as_str);
    let root = folder.join(root.ok_or(Error::Missing { path, part: "root.path" })?);
    let is_in_a_pod = is_in_a_pod(&config);
    Ok(Bundle { is_in_a_pod, cgroup, ..of(config, &root, folder) })
}

/// Returns the bundle of a configuration as it is, with the root file system `root`.
fn of(config: Value, root: &Path, folder: &Path) -> Bundle {
    let (mut host_paths, own_mounts) = mounts::of_the_machine(&config);
    let shown = || root.display().to_string();
    let mut foreign_root = None;
    match owner(root, folder) {
        Owner::Container => (),
        Owner::Machine => host_paths.push(HostPath { source: shown(), destination: "/".to_owned() }),
        Owner::Unknown => foreign_root = Some(shown()),
    }
    Bundle {
        limits: limits(&config),
        is_in_a_pod: false,
        host_paths,
        own_mounts,
        foreign_root,
        annotations: annotations(&config),
        credentials: credentials(&config),
        no_new_privs: no_new_privs(&config),
        cgroup: config.pointer("/linux/cgroupsPath").and_then(Value::as_str).map(str::to_owned),
        config,
    }
}

/// Reads a bundle's configuration, and returns the path of its file with it.
fn read(folder: &Path) -> Result<(PathBuf, Value), Error> {
    let path = folder.join("config.json");
    let text = std::fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
    match serde_json::from_slice(&text) {
        Ok(config) => Ok((path, config)),
        Err(source) => Err(Error::Json { path, source }),
    }
}

/// Annotations by which containerd (`internal/cri/annotations/annotations.go`) and CRI-O (`pkg/annotations/internal.go`) tell a pod's
/// sandbox from its containers, and the value for a container.
const TYPES: [&str; 2] = ["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"];
const CONTAINER: &str = "container";

/// Returns true for the configuration of a pod's container.
fn is_in_a_pod(config: &Value) -> bool {
    let told = |key: &&str| config.get("annotations")?.get(*key)?.as_str();
    TYPES.iter().filter_map(told).any(|kind| kind == CONTAINER)
}

/// Returns the annotations of a configuration that gVisor reads.
fn annotations(config: &Value) -> Labels {
    let all = config.get("annotations").and_then(Value::as_object).into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    gvisor(&all.map(|(key, value)| (key.clone(), text(value))).collect())
}

/// Returns the credentials in a configuration's environment and command.
fn credentials(config: &Value) -> Vec<String> {
    let words = |pointer: &str| {
        let words = config.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        words.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let found = [
        credentials::of_environment(&words("/process/env")),
        credentials::of_command(&words("/process/args")),
    ];
    found.concat()
}

fn no_new_privs(config: &Value) -> bool {
    config.pointer("/process/noNewPrivileges").and_then(Value::as_bool).unwrap_or(false)
}

/// Replaces the program of a configuration, which was read from `path` in `folder`.
pub(crate) fn with_probe(
    mut config: Value,
    path: &Path,
    folder: &Path,
    probe: &Path,
) -> Result<Bundle, Error> {
    mounts::make_absolute(&mut config, folder);
    let missing = |part| Error::Missing { path: path.to_owned(), part };
    let text = |pointer: &str| config.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let root = folder.join(text("/root/path").ok_or_else(|| missing("root.path"))?);
    let program = text("/process/args/0").ok_or_else(|| missing("process.args"))?;
    let place = place(&config, &root, &program)?;
    let mut bundle = of(config, &root, folder);
    bundle.own_mounts.push(place.clone());
    let config = &mut bundle.config;
    let mounts =
        config.as_object_mut().ok_or_else(|| missing("object"))?.entry("mounts").or_insert(json!([]));
    mounts.as_array_mut().ok_or_else(|| missing("list of mounts"))?.push(json!({
        "destination": place,
        "type": "bind",
        "source": probe,
        "options": ["bind", "ro", "nosuid", "nodev"],
    }));
    for (pointer, value) in [("/root/path", json!(root)), ("/process/args", json!([place, "report"]))] {
        *config.pointer_mut(pointer).ok_or_else(|| missing("process"))? = value;
    }
    if let Some(process) = config.pointer_mut("/process").and_then(Value::as_object_mut) {
        process.insert("terminal".to_owned(), json!(false));
        process.remove("consoleSize");
    }
    Ok(bundle)
}

/// Returns the network that a bundle asks for: a new, empty namespace, an existing namespace of somebody else, or the
/// machine's own, which is that of this process or of the machine's first process.
pub fn network(folder: &Path) -> Network {
    let config: Option<Value> =
        std::fs::read(folder.join("config.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let namespaces = config.as_ref().and_then(|config| config.pointer("/linux/namespaces")?.as_array());
    let of_network = |namespace: &&Value| namespace.get("type").and_then(Value::as_str) == Some("network");
    match namespaces.and_then(|namespaces| namespaces.iter().find(of_network)) {
        None => Network::Shared,
        Some(namespace) => match namespace.get("path").map(Value::as_str) {
            None | Some(Some("")) => Network::Fresh,
            Some(Some(path)) => network_of(Path::new(path)),
            Some(None) => Network::Shared,
        },
    }
}

/// Returns the network of an existing namespace: somebody else's, or the machine's own.
pub fn network_of(namespace: &Path) -> Network {
    if is_anothers(namespace) { Network::Joined } else { Network::Shared }
}

/// Returns true for a namespace that is neither this process's nor the first process's. Equal namespaces are equal
/// files (namespaces(7)). The first process's namespace is compared only if it can be read; this process's own always
/// can.
fn is_anothers(namespace: &Path) -> bool {
    let identity = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    let own = identity(Path::new("/proc/self/ns/net"));
    let first = identity(Path::new("/proc/1/ns/net"));
    identity(namespace).is_some_and(|joined| own.is_some_and(|own| own != joined) && first != Some(joined))
}

/// The owner of a root file system.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Owner {
    Container,
    Machine,
    Unknown,
}

/// Returns the owner of a root file system: the machine's is a system folder, or contains the bundle itself; a container's lies in the
/// bundle or in an engine's folder for one container.
fn owner(root: &Path, folder: &Path) -> Owner {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (root, folder) = (real(root), real(folder));
    if folder.starts_with(&root) || mounts::is_systems(&root) {
        Owner::Machine
    } else if root.starts_with(&folder) || engine::is_root(&root) {
        Owner::Container
    } else {
        Owner::Unknown
    }
}

/// Returns the program's path inside the sandbox.
fn place(config: &Value, root: &Path, program: &str) -> Result<String, Error> {
    let environment = config.pointer("/process/env").and_then(Value::as_array).into_iter().flatten();
    let path = environment.filter_map(Value::as_str).find_map(|variable| variable.strip_prefix("PATH="));
    let candidates: Vec<_> = if program.starts_with('/') {
        vec![program.to_owned()]
    } else if program.contains('/') {
        let folder = config.pointer("/process/cwd").and_then(Value::as_str).unwrap_or("/");
        vec![format!("{}/{program}", folder.trim_end_matches('/'))]
    } else {
        path.unwrap_or(PATH).split(':').map(|folder| format!("{folder}/{program}")).collect()
    };
    candidates
        .into_iter()
        .find_map(|candidate| resolved(root, &candidate))
        .ok_or_else(|| Error::NoProgram { program: program.to_owned(), root: root.to_owned() })
}

/// Follows links as the sandbox does, so that no link leads out of the root; returns `None` if there is no file at the
/// end.
fn resolved(root: &Path, path: &str) -> Option<String> {
    const MOST_LINKS: usize = 40;
    let mut rest: Vec<_> = components(Path::new(path)).rev().collect();
    let mut inside = PathBuf::from("/");
    let mut links = 0;
    while let Some(component) = rest.pop() {
        if component == ".." {
            inside.pop();
            continue;
        }
        let next = inside.join(&component);
        match std::fs::read_link(root.join(next.strip_prefix("/").ok()?)) {
            Ok(target) => {
                links += 1;
                if links > MOST_LINKS {
                    return None;
                }
                if target.is_absolute() {
                    inside = PathBuf::from("/");
                }
                rest.extend(components(&target).rev());
            }
            Err(_) => inside = next,
        }
    }
    let file = root.join(inside.strip_prefix("/").ok()?);
    file.is_file().then(|| inside.to_string_lossy().into_owned())
}

fn components(path: &Path) -> impl DoubleEndedIterator<Item = String> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::ParentDir => Some("..".to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests;
