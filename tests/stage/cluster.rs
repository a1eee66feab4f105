//! A real Kubernetes cluster on this machine, in namespaces of its own that have no way out: a control plane, a node
//! with enforced network policies, and a node with policies that are only declared.

mod cilium;
mod control_plane;
mod guard;
mod image;
mod kubectl;
mod namespace;
mod network;
mod node;
mod parts;
mod patience;
mod place;
mod registry;
mod router;
mod service;
mod shell;
mod shop;
mod showcase;
mod simulated_nodes;
mod state;

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
};

use serde::{Deserialize, Serialize};
use serde_json::json;

use self::{cilium::Cilium, control_plane::ControlPlane, parts::Parts, state::Record};
pub use self::{
    guard::{cluster_program, down, guard},
    image::{BUSYBOX, Image, PAUSE},
    namespace::{Namespace, pod},
    network::{ONE, OUTSIDE, TWO},
    node::{Node, POOL},
    parts::part,
    place::{Place, hold},
    registry::Registry,
    router::Router,
    service::Service,
    shell::shell,
    shop::{Judged, Loan, Shop, deployment, policy},
    simulated_nodes::{Crowd, IMAGE_DIGEST, NEVER_STARTS, Requests, SimulatedNodes},
    state::State,
};
use crate::run::{self, Ended};

/// The variable that names the folder of a running cluster, which tests use instead of starting one.
pub const ATTACH: &str = "PODPROOF_CLUSTER";

/// Parts that a cluster can have.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Options {
    /// Set for a node `two`, where policies are declared and not enforced.
    pub second: bool,
    /// Set for Cilium on node `one`, which enforces policies.
    pub enforced: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { second: true, enforced: true }
    }
}

/// A running cluster. Dropping the value ends the cluster, unless the value was only attached to it.
#[derive(Debug)]
pub struct Cluster {
    options: Options,
    state: State,
    parts: Parts,
    outside: Place,
    nodes: Vec<Node>,
    control_plane: ControlPlane,
    cilium: Option<Cilium>,
    /// The guard, whose standard input keeps the cluster up; `None` for an attached cluster.
    guard: Option<Child>,
}

impl Cluster {
    /// Starts a cluster in a new temporary folder, or attaches to the cluster that the environment names.
    pub fn start(options: Options) -> Self {
        if let Some(folder) = env::var_os(ATTACH) {
            return Self::attach(Path::new(&folder));
        }
        let folder = tempfile::Builder::new().prefix("podproof-").tempdir().unwrap().keep();
        Self::start_in(&folder, options)
    }

    /// Starts a cluster that keeps everything in this folder, which is removed at the end.
    pub fn start_in(folder: &Path, options: Options) -> Self {
        refuse_hidden(folder);
        // Built before anything runs, because a build can take long.
        let parts = Parts::find(options.enforced);
        let state = State::make(folder).unwrap();
        let record = Record { options, token: control_plane::token() };
        state.save(&record);
        let guard = guard::start(&state, places(options));
        let cluster = Self::assemble(state, parts, options, Some(guard));
        cluster.bring_up(&record.token);
        cluster
    }

    /// Attaches to a running cluster, which outlives the returned value.
    pub fn attach(folder: &Path) -> Self {
        let state = State::at(folder);
        let options = state.load().options;
        Self::assemble(state, Parts::find(options.enforced), options, None)
    }

    fn assemble(state: State, parts: Parts, options: Options, guard: Option<Child>) -> Self {
        let nodes: Vec<_> = places(options)
            .iter()
            .filter(|name| **name != OUTSIDE)
            .map(|name| Node::new(&state, &parts, Place::of(&state, name), name))
            .collect();
        let one = nodes[0].place();
        Self {
            options,
            outside: Place::of(&state, OUTSIDE),
            control_plane: ControlPlane::new(&state, &parts.kubernetes, Path::new("etcd"), one),
            cilium: parts.cilium.as_ref().map(|folder| Cilium::new(&state, folder, one)),
            nodes,
            state,
            parts,
            guard,
        }
    }

    fn bring_up(&self, token: &str) {
        let places: Vec<_> = self.nodes.iter().map(|node| (node.name(), node.place())).collect();
        network::build(self.outside, &places);
        ControlPlane::prepare(&self.state, token);
        let images = self.images();
        thread::scope(|scope| {
            for node in &self.nodes {
                scope.spawn(|| node.start_containerd(&images));
            }
            self.control_plane.start();
            self.until_answers();
            self.apply(&self.objects());
        });
        for node in &self.nodes {
            if node.name() == TWO || !self.options.enforced {
                node.connect_plainly();
            }
            node.kubelet().start();
        }
        if let Some(cilium) = &self.cilium {
            cilium.start(self);
            self.nodes[0].connect(&cilium.conflist());
        }
        self.until_nodes_are_ready();
    }

    fn images(&self) -> Vec<PathBuf> {
        let write = |(reference, file)| {
            let archive = self.state.join(file);
            Image::busybox(reference).write(&archive).unwrap();
            archive
        };
        [(PAUSE, "pause.tar"), (BUSYBOX, "busybox.tar")].map(write).to_vec()
    }

    /// Returns the nodes, and a RuntimeClass for each runtime.
    fn objects(&self) -> String {
        let class = |name: &str, handler: &str| {
            let metadata = json!({ "name": name });
            json!({ "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": metadata, "handler": handler })
        };
        let mut items: Vec<_> = self.nodes.iter().map(Node::object).collect();
        items.extend([class("gvisor", "runsc"), class("runc", "runc")]);
        json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
    }

    /// Returns the folder with all files of the cluster; logs are in `logs`.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.kubeconfig()
    }

    /// Returns a node by its name.
    pub fn node(&self, name: &str) -> &Node {
        let found = self.nodes.iter().find(|node| node.name() == name);
        found.unwrap_or_else(|| panic!("this cluster has no node {name}"))
    }

    /// Returns the world outside, which is empty: tests may imitate hosts in it.
    pub fn outside(&self) -> Place {
        self.outside
    }

    /// Returns the API server, to be stopped or frozen.
    pub fn api_server(&self) -> &Service {
        &self.control_plane.api_server
    }

    /// Starts the API server again, and waits until it answers.
    pub fn start_api_server(&self) {
        // The kernel closes the listener a moment after the killed process is gone.
        self.until("a free port", || !self.nodes[0].place().listens(control_plane::PORT));
        self.control_plane.api_server.start();
        self.until_answers();
    }

    /// Returns a program's command in the network of the control plane, with the administrator's KUBECONFIG.
    pub fn inside(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.nodes[0].place().beside(program);
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Returns the controller's command with these arguments, in the network of the control plane and in a clean
    /// environment. The spawned process becomes the controller itself, so signals reach it.
    pub fn controller_command(&self, words: &[&str]) -> Command {
        self.command_of(&run::controller_program(), words)
    }

    /// Returns the command of another build of the controller.
    pub fn command_of(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = run::clean(self.nodes[0].place().beside(program));
        command.args(words).env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Runs the controller to its end.
    pub fn controller(&self, words: &[&str]) -> Ended {
        run::ended(self.controller_command(words).spawn().unwrap())
    }

    /// Starts the controller; `run::ended` waits for it.
    pub fn spawn_controller(&self, words: &[&str]) -> Child {
        self.controller_command(words).spawn().unwrap()
    }

    /// Imports an image archive on the node of this name.
    pub fn import(&self, archive: &Path, node: &str) {
        self.node(node).import(archive);
    }

    /// Returns an image registry that both nodes trust, and starts it at its first use.
    pub fn registry(&self) -> Registry<'_> {
        Registry::start(&self.state, &self.nodes[0])
    }

    /// Has kube-router enforce NetworkPolicies on node two, until the returned value is dropped.
    pub fn router(&self) -> Router {
        Router::start(&self.state, self.node(TWO).place())
    }

    /// Waits until a condition holds; panics if it never does.
    pub fn until(&self, what: &str, condition: impl FnMut() -> bool) {
        patience::until(what, &self.control_plane.api_server.log(), condition);
    }

    /// Ends the cluster. Returns everything that is left of it, which should be nothing.
    pub fn stop(mut self) -> Vec<String> {
        let attached = self.guard.is_none();
        self.end();
        if attached { Vec::new() } else { leftovers(self.state.path()) }
    }

    fn end(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            _ = guard.wait();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns everything that is left of an ended cluster, by its folder: mounts, processes, control groups, the folder
/// itself.
pub fn leftovers(folder: &Path) -> Vec<String> {
    State::at(folder).leftovers()
}

/// Refuses a folder that a place hides.
fn refuse_hidden(folder: &Path) {
    let hidden = ["/var", "/run"].iter().any(|hidden| folder.starts_with(hidden));
    assert!(!hidden, "{}: a place has a /var and a /run of its own: set TMPDIR", folder.display());
}

fn places(options: Options) -> &'static [&'static str] {
    if options.second { &[ONE, TWO, OUTSIDE] } else { &[ONE, OUTSIDE] }
}
