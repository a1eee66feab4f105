//! The control plane: etcd, the API server, the controller manager and the scheduler, all in node one's place.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use super::{Place, Service, State, network};

pub(super) const PORT: u16 = 6443;
/// The user whose requests and answers are logged whole.
pub(super) const RECORDED: &str = "recorded";

/// The four services of the control plane.
#[derive(Debug)]
pub(super) struct ControlPlane {
    pub(super) etcd: Service,
    pub(super) api_server: Service,
    pub(super) controller_manager: Service,
    pub(super) scheduler: Service,
}

impl ControlPlane {
    /// Returns the services: Kubernetes' programs in this folder, and this etcd.
    pub(super) fn new(state: &State, kubernetes: &Path, etcd: &Path, place: Place) -> Self {
        let service = |name: &str| Service::new(state, place, name, kubernetes.join(name));
        let client = |name: &str| {
            service(name).option("--kubeconfig", state.kubeconfig()).word("--leader-elect=false")
        };
        let keys = state.join("pki");
        Self {
            etcd: Service::new(state, place, "etcd", etcd)
                .option("--data-dir", state.join("etcd"))
                .words(&["--unsafe-no-fsync", "--log-level=warn"]),
            api_server: service("kube-apiserver")
                .option("--cert-dir", &keys)
                .option("--service-account-key-file", keys.join("accounts.key"))
                .option("--service-account-signing-key-file", keys.join("accounts.key"))
                .option("--token-auth-file", keys.join("tokens.csv"))
                .option("--audit-policy-file", state.join("audit-policy.json"))
                .option("--audit-log-path", audit_log(state))
                .word(format!("--secure-port={PORT}"))
                .word(format!("--advertise-address={}", network::address(network::ONE)))
                .word(format!("--service-cluster-ip-range={}", network::SERVICES))
                .words(&[
                    "--etcd-servers=http://127.0.0.1:2379",
                    "--service-account-issuer=https://kubernetes.default.svc",
                    "--authorization-mode=RBAC",
                    "--allow-privileged",
                    "--kubelet-preferred-address-types=InternalIP",
                    // Policies that change the objects they admit are off by default.
                    "--feature-gates=MutatingAdmissionPolicy=true",
                    "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
                ]),
            controller_manager: client("kube-controller-manager")
                .option("--service-account-private-key-file", keys.join("accounts.key"))
                .option("--root-ca-file", authority(state))
                .word("--use-service-account-credentials"),
            scheduler: client("kube-scheduler"),
        }
    }

    /// Writes the files that the services read.
    pub(super) fn prepare(state: &State, token: &str) {
        let recorded = self::token();
        let administrators = [(token, "admin"), (&recorded, RECORDED)]
            .map(|(token, name)| format!("{token},{name},{name},system:masters\n"));
        state.write("pki/tokens.csv", administrators.concat());
        let policy = json!({
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "omitManagedFields": true,
            "rules": [{ "level": "RequestResponse", "users": [RECORDED] }, { "level": "Metadata" }],
        });
        state.write("audit-policy.json", policy.to_string());
        state.write("kubeconfig", kubeconfig(state, token).to_string());
        state.write("accounts/recorded", kubeconfig(state, &recorded).to_string());
        let key = state.join("pki/accounts.key");
        let made = Command::new("openssl").args(["genrsa", "-out"]).arg(key).arg("2048").output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Starts etcd and the API server. The other services find the API server when it is ready.
    pub(super) fn start(&self) {
        self.etcd.start();
        self.etcd.until_listens(2379);
        self.api_server.start();
        self.api_server.until_listens(PORT);
        self.controller_manager.start();
        self.scheduler.start();
    }
}

/// Returns the file in which the API server logs every request.
pub(super) fn audit_log(state: &State) -> std::path::PathBuf {
    state.join("logs/audit.json")
}

fn authority(state: &State) -> std::path::PathBuf {
    state.join("pki/apiserver.crt")
}

/// Returns the configuration of a client with this token.
pub(super) fn kubeconfig(state: &State, token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "stage",
        "clusters": [{
            "name": "stage",
            "cluster": {
                "server": format!("https://{}:{PORT}", network::address(network::ONE)),
                "certificate-authority": authority(state),
            },
        }],
        "users": [{ "name": "stage", "user": { "token": token } }],
        "contexts": [{ "name": "stage", "context": { "cluster": "stage", "user": "stage" } }],
    })
}

/// Returns a token that nobody can guess.
pub(super) fn token() -> String {
    let boot = fs::read_to_string(Path::new("/proc/sys/kernel/random/uuid")).unwrap();
    boot.trim().to_owned()
}
