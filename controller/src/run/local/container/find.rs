//! The search for a running container: by the state of the named runtime, or of the runtimes and the folders that engines use.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Container, ContainerError, Way};
use crate::run::local::{
    bundle,
    runtime::{Runtime, State, installed},
    survey,
};

/// Time for one answer of a runtime.
const PATIENCE: Duration = Duration::from_secs(5);

/// Folders with the state of containers: of containerd by its namespaces (gVisor, `pkg/shim/v1/runsc/service.go`; containerd,
/// `cmd/containerd-shim-runc-v2`), of Docker (moby, `daemon/runtime_unix.go`), and of runtimes that are called by hand.
const ROOTS: &[&str] = &[
    "/run/containerd/runsc/k8s.io",
    "/run/containerd/runsc/default",
    "/run/containerd/runc/k8s.io",
    "/run/containerd/runc/default",
    "/run/docker/runtime-runsc/moby",
    "/run/docker/runtime-runc/moby",
    "/run/runsc",
    "/run/runc",
    "/run/crun",
];
/// Runtimes that are asked if none was named.
const RUNTIMES: &[&str] = &["runsc", "runc"];
/// The status of a container that runs (OCI runtime specification, runtime.md, "State").
const RUNNING: &str = "running";

/// A container as the command line names it.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The value of `--container`.
    pub(crate) id: String,
    /// The words of `--runtime`; `None` for the runtimes on PATH.
    pub(crate) runtime: Option<Vec<String>>,
    /// The value of `--root`; `None` for the folders that engines use.
    pub(crate) root: Option<PathBuf>,
}

/// Finds the only container of this name that runs.
pub(in crate::run::local) async fn find(wanted: &Wanted) -> Result<Container, ContainerError> {
    let id = wanted.id.clone();
    let (mut found, mut places) = (Vec::new(), Vec::new());
    for candidate in wanted.candidates() {
        places.push(candidate.title());
        if let Some(state) = candidate.told(PATIENCE).await {
            found.push((candidate, state));
        }
    }
    let (runtime, state) = match (found.pop(), found.as_slice()) {
        (None, _) => return Err(ContainerError::NotFound { id, places }),
        (Some(only), []) => only,
        (Some((last, _)), others) => {
            let places = others.iter().map(|(runtime, _)| runtime.title()).chain([last.title()]).collect();
            return Err(ContainerError::Several { id, places });
        }
    };
    let State { id, status, pid: process, bundle: folder } = state;
    if status != RUNNING || process <= 0 {
        return Err(ContainerError::NotRunning { id, status });
    }
    let way = way(&runtime).await.ok_or_else(|| ContainerError::NoWay { runtime: runtime.title() })?;
    let bundle = bundle::of_running(&folder, group_of(process))?;
    let network = bundle::network_of(Path::new(&format!("/proc/{process}/ns/net")));
    Ok(Container { runtime: runtime.of(&id), bundle, network, way })
}

impl Wanted {
    fn candidates(&self) -> Vec<Runtime> {
        let runtimes = match &self.runtime {
            Some(words) => vec![words.clone()],
            None => RUNTIMES
                .iter()
                .filter_map(|name| installed(name))
                .map(|path| vec![path.to_string_lossy().into_owned()])
                .collect(),
        };
        runtimes.into_iter().flat_map(|words| self.of_runtime(words)).collect()
    }

    fn of_runtime(&self, words: Vec<String>) -> Vec<Runtime> {
        let names_root = words.iter().skip(1).any(|word| {
            let word = word.trim_start_matches('-');
            word == "root" || word.starts_with("root=")
        });
        if names_root && self.root.is_none() {
            return vec![Runtime::in_its_own_folder(words, &self.id)];
        }
        let roots = match &self.root {
            Some(root) => vec![root.clone()],
            None => ROOTS.iter().map(PathBuf::from).filter(|root| root.is_dir()).collect(),
        };
        roots.iter().map(|root| Runtime::new(&words, root, &self.id)).collect()
    }
}

/// Returns the way in, as the runtime's own help names it; `None` if there is none.
async fn way(runtime: &Runtime) -> Option<Way> {
    let said = runtime.said(&["exec", "--help"], PATIENCE).await?;
    let help = String::from_utf8_lossy(&said.output).into_owned() + &String::from_utf8_lossy(&said.errors);
    if help.contains("-exec-fd") {
        return Some(Way::ExecFd);
    }
    help.contains("-preserve-fds").then_some(Way::PreservedFd)
}

/// Returns the control group of a process: that of the memory controller, or of the only hierarchy of version 2 (cgroups(7)).
fn group_of(process: i32) -> Option<String> {
    group_in(&fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?)
}

fn group_in(groups: &str) -> Option<String> {
    let of = |controller| survey::cgroup_of(groups, controller);
    of("memory").or_else(|| of("")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(words: &[&str], root: Option<&str>) -> Vec<String> {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        let wanted = Wanted { id: "web".into(), runtime: Some(words), root: root.map(PathBuf::from) };
        wanted.candidates().iter().map(Runtime::title).collect()
    }

    #[test]
    fn a_named_folder_is_the_only_one() {
        assert_eq!(wanted(&["runsc", "--debug"], Some("/srv/state")), ["runsc --debug --root /srv/state"]);
        assert_eq!(wanted(&["runsc", "--root=/srv"], None), ["runsc --root=/srv"]);
    }

    #[test]
    fn the_group_of_the_memory_controller_comes_first() {
        let hybrid = "5:cpu,cpuacct:/a\n4:memory:/kubepods/pod1/web\n0::/system.slice\n";
        assert_eq!(group_in(hybrid).as_deref(), Some("/kubepods/pod1/web"));
        assert_eq!(group_in("0::/machine.slice\n").as_deref(), Some("/machine.slice"));
        assert_eq!(group_in(""), None);
    }

    #[tokio::test]
    async fn an_unknown_container_is_named_with_the_places() {
        let root = tempfile::tempdir().unwrap();
        let runtime = Some(vec!["/bin/false".to_owned()]);
        let wanted = Wanted { id: "web".into(), runtime, root: Some(root.path().to_owned()) };
        let error = find(&wanted).await.unwrap_err().to_string();
        assert!(error.starts_with("no container web was found; looked at /bin/false --root "), "{error}");
    }

    /// Returns the error of a runtime that is this shell script.
    async fn with(script: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().display().to_string();
        let words = ["/bin/sh", "-c", &script.replace("BUNDLE", &bundle), "sh"].map(str::to_owned).to_vec();
        let wanted = Wanted { id: "web".into(), runtime: Some(words), root: Some("/srv".into()) };
        find(&wanted).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_container_that_ended_is_refused() {
        let state = r#"echo '{"id":"web","status":"stopped","pid":0,"bundle":"BUNDLE"}'"#;
        assert_eq!(with(state).await, "the container web is not running; the runtime says: stopped");
    }

    #[tokio::test]
    async fn a_runtime_without_a_way_in_is_refused() {
        let state = r#"echo '{"id":"web","status":"running","pid":1,"bundle":"BUNDLE"}'"#;
        assert!(with(state).await.contains("neither `--exec-fd` nor `--preserve-fds`"));
    }
}
