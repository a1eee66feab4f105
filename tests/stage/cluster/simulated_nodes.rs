//! A cluster of simulated nodes: a real API server, scheduler and controller manager, and kwok in the place of every kubelet.
//! An exec into a pod runs the real probe (`container.rs`). Everything is in one place, from which nothing leads out.

mod container;
mod crowd;
mod kwok;
mod requests;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;

use super::{
    ONE, Place, Service, State, control_plane, control_plane::ControlPlane, guard, network, part,
    refuse_hidden,
};
use crate::run;

pub use self::{
    crowd::Crowd,
    kwok::{IMAGE_DIGEST, NEVER_STARTS},
    requests::Requests,
};

/// The namespace of the simulated workloads.
const JUDGED: &str = "shop";
/// The namespace of control pods, without a policy.
const CONTROL: &str = "podproof";
/// The user whose requests are counted. It may do everything, and the API server limits its requests as any user's: members
/// of `system:masters` are exempt.
const MEASURED: &str = "measured";

/// A running cluster of simulated nodes. Dropping the value ends the cluster.
#[derive(Debug)]
pub struct SimulatedNodes {
    state: State,
    place: Place,
    control_plane: ControlPlane,
    kwok: Service,
    kubernetes: PathBuf,
    crowd: Crowd,
    guard: Option<Child>,
}

impl SimulatedNodes {
    /// Starts a cluster without nodes in a new temporary folder.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("podproof-").tempdir().unwrap().keep();
        Self::start_in(&folder)
    }

    /// Starts a cluster without nodes that keeps everything in this folder, which is removed at the end.
    pub fn start_in(folder: &Path) -> Self {
        refuse_hidden(folder);
        // Built before anything runs, because a build can take long.
        let (kubernetes, etcd, of_kwok) = (part("kubernetes"), part("etcd"), part("kwok"));
        let state = State::make(folder).unwrap();
        let guard = Some(guard::start(&state, &[ONE]));
        let place = Place::of(&state, ONE);
        let kwok = kwok::service(&state, place, &of_kwok);
        let control_plane = plane(&state, &kubernetes, &etcd.join("etcd"), place);
        let cluster = Self { state, place, control_plane, kwok, kubernetes, crowd: Crowd::default(), guard };
        cluster.bring_up(&of_kwok);
        cluster
    }

    fn bring_up(&self, kwok: &Path) {
        // The place has no other interface than these, and no cable leads to the bridge.
        self.place.sh(&format!(
            "ip link set lo up; ip link add wire type bridge; ip address add {}/24 dev wire; ip link set wire up",
            network::address(ONE)
        ));
        let token = control_plane::token();
        ControlPlane::prepare(&self.state, &token);
        self.distinguish(&token);
        container::furnish(self.place, self.state.path(), kwok);
        self.control_plane.start();
        self.control_plane
            .api_server
            .until("readiness", || self.kubectl(&["get", "--raw=/readyz"]).status.success());
        self.kwok.start();
        self.kwok.until_listens(kwok::PORT);
        for namespace in [JUDGED, CONTROL] {
            self.ask(&["create", "namespace", namespace]);
            let account = ["wait", "--for=create", "--timeout=60s", "serviceaccount/default", "--namespace"];
            self.ask(&[&account[..], &[namespace]].concat());
        }
        let user = format!("--user={MEASURED}");
        self.ask(&["create", "clusterrolebinding", MEASURED, "--clusterrole=cluster-admin", &user]);
    }

    /// Gives the measured user a token, and has the API server log the requests of that user alone.
    fn distinguish(&self, token: &str) {
        let own = control_plane::token();
        let tokens = format!("{token},admin,admin,system:masters\n{own},{MEASURED},{MEASURED}\n");
        self.state.write("pki/tokens.csv", tokens);
        self.state.write(MEASURED, control_plane::kubeconfig(&self.state, &own).to_string());
        let policy = json!({
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{ "level": "Metadata", "users": [MEASURED] }, { "level": "None" }],
        });
        self.state.write("audit-policy.json", policy.to_string());
    }

    /// Adds nodes, pods, workloads and policies until there are as many as the crowd has.
    pub fn grow(&mut self, crowd: Crowd) {
        let before = self.crowd;
        self.with_client(async |client| crowd::grow(&client, before, crowd).await);
        self.crowd = crowd;
    }

    /// Returns the names of objects that runs made and that are still there, in both namespaces.
    pub fn leftovers_of_runs(&self) -> Vec<String> {
        let label = format!("--selector={}", controller::support::names::RUN_LABEL);
        let words = ["get", "pods,configmaps", "--all-namespaces", "--output=name", &label];
        self.ask(&words).lines().map(str::to_owned).collect()
    }

    /// Returns the folder with all files of the cluster; logs are in `logs`.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the namespace of the simulated workloads.
    pub fn judged(&self) -> &'static str {
        JUDGED
    }

    /// Returns the namespace of control pods.
    pub fn control(&self) -> &'static str {
        CONTROL
    }

    /// Returns the measured user's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.join(MEASURED)
    }

    /// Returns a program's command in the network of the cluster, as the measured user. The spawned process becomes the program
    /// itself. It ends with the thread that spawned it.
    pub fn inside(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.place.beside("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program);
        let mut command = run::clean(command);
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Ends the cluster. Returns everything that is left of it, which should be nothing.
    pub fn stop(mut self) -> Vec<String> {
        self.end();
        self.state.leftovers()
    }

    fn end(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            _ = guard.wait();
        }
    }

    fn kubectl(&self, words: &[&str]) -> run::Ended {
        let mut command = self.place.beside(self.kubernetes.join("kubectl"));
        command.args(words).env("HOME", self.state.join("home")).env("KUBECONFIG", self.state.kubeconfig());
        run::finished(&mut command)
    }

    fn ask(&self, words: &[&str]) -> String {
        let ended = self.kubectl(words);
        assert!(ended.status.success(), "kubectl {words:?}: {ended:#?}");
        ended.out
    }

    /// Runs requests of the administrator on a thread in the cluster's network.
    fn with_client<T: Send>(&self, work: impl AsyncFnOnce(Client) -> T + Send) -> T {
        let run = || {
            self.place.join().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let kubeconfig = Kubeconfig::read_from(self.state.kubeconfig()).unwrap();
                let options = KubeConfigOptions::default();
                let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
                work(Client::try_from(config).unwrap()).await
            })
        };
        thread::scope(|scope| scope.spawn(run).join().unwrap())
    }
}

impl Drop for SimulatedNodes {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns the control plane of thousands of nodes. Debian's etcd reports no progress, without which an API server streams no
/// list and answers no consistent list from its memory (apiserver, `pkg/storage/cacher`). The scheduler may ask more often than its default of 50 times a second,
/// so that its pace hides no cost of a run. The garbage collector keeps its default of 20, which a run in a real cluster meets.
fn plane(state: &State, kubernetes: &Path, etcd: &Path, place: Place) -> ControlPlane {
    let ControlPlane { etcd, api_server, controller_manager, scheduler } =
        ControlPlane::new(state, kubernetes, etcd, place);
    ControlPlane {
        etcd: etcd.word("--quota-backend-bytes=8589934592"),
        api_server: api_server.words(&[
            "--audit-log-maxsize=100000",
            // The controller that takes the taint of a new node away does not run.
            "--disable-admission-plugins=TaintNodesByCondition",
        ]),
        controller_manager: controller_manager.word(
            "--controllers=serviceaccount-controller,namespace-controller,garbage-collector-controller",
        ),
        scheduler: scheduler.words(&["--kube-api-qps=2000", "--kube-api-burst=2000"]),
    }
}
