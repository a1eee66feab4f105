//! Rows of the network, once more under kube-router on node two: another implementation, which rejects where Cilium drops.

use std::io::{Write, stderr};

use stage::{Cluster, Ended};

use super::{AT_FIRST, BUSY, CLEAN, Differing, INGRESS, Retry, Row, network, reasons};
use crate::{Selection, outside, suite::AT_ONCE};

/// The pool of node two.
const POOL: &str = "plain";

/// Time until the second round. The agent makes the rules of a new pod within it, also on a busy machine.
pub(crate) const SETTLE: &str = "8s";

/// kube-router lets a new pod through if the pod comes after its reading of the policies' pods and before its reading of all
/// pods, until it reads both again (`fullPolicySync` in `pkg/controllers/netpol/network_policy_controller.go` of kube-router
/// 2.1.0). The pod can send then, and be reached.
const EARLY: Retry = Retry {
    runs: 4,
    excused: |differing| {
        let was_open =
            |(id, outcome): &Differing| [AT_FIRST, INGRESS].contains(&id.as_str()) && outcome == "unmet";
        (BUSY.excused)(differing) || differing.iter().any(was_open)
    },
};

/// Rows whose policies are NetworkPolicies. Their expectations hold for every implementation. None needs the address of a
/// Service, which nothing translates on node two.
const NAMES: [&str; 8] = [
    "a policy that closes probe pods alone",
    "no policy",
    "a policy for ingress alone",
    "everything allowed for one label",
    "egress open for UDP alone",
    "pods open to each other",
    "egress open for one TCP port",
    "a resolver allowed that knows every name",
];

/// Returns every row by the name of its trial: `kube-router: no policy`.
pub(super) fn rows() -> impl Iterator<Item = (String, &'static Row)> {
    let same = NAMES.iter().map(|name| {
        let found = network::ROWS.iter().find(|row| row.name == *name);
        found.unwrap_or_else(|| panic!("no row of the network has the name {name:?}"))
    });
    [&CLEAN].into_iter().chain(same).map(|row| (format!("kube-router: {}", row.name), row))
}

/// Repeats a run of a namespace in which nothing is wrong as a row is repeated.
pub(crate) fn clean(run: impl Fn() -> Ended) -> Ended {
    let mut ended = run();
    for _ in 1..EARLY.runs {
        let lacking: Vec<_> = ended.lacking().into_iter().collect();
        if !lacking.is_empty() && (EARLY.excused)(&lacking) {
            _ = writeln!(stderr(), "↻ a clean namespace runs again:\n{}", reasons(&ended));
            ended = run();
        }
    }
    ended
}

pub(super) fn run(cluster: &Cluster, selection: &Selection) {
    cluster.probe_image();
    let control = cluster.namespace("control");
    let _imitated = outside::imitate(cluster);
    let _router = cluster.router().strict();
    selection.run(AT_ONCE, &selection.of(rows()), |row| row.judge(cluster, &control, (POOL, SETTLE), &EARLY));
}
