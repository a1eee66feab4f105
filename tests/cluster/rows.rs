//! Rows of one broken thing each: the requirements that production then finds not met, and no others.

mod custom;
mod ingress;
mod kind;
mod manifests;
mod network;
mod node;
mod policies;
mod profiles;
pub(super) mod routed;
mod runtime;
mod storage;
mod workload;

use std::{
    collections::BTreeMap,
    io::{Write, stderr},
    iter,
};

use serde_json::json;
use stage::{
    Cluster, Ended,
    cluster::{Judged, Loan, Namespace, POOL, Shop},
};

use crate::{Batch, Selection, outside, suite::AT_ONCE};

pub(super) use workload::OTHER_NETWORK;

/// Requirements that are not met, each with its outcome.
pub(super) type Lacks = &'static [(&'static str, &'static str)];

/// The pool of the node where Cilium enforces policies.
const ENFORCED: &str = "enforced";

/// A namespace that no row's policy binds.
const SYSTEM: &str = "kube-system";

/// The requirement that says how a sandbox was bound at first.
const AT_FIRST: &str = "closed-from-the-start";
/// The requirement that says if others reached a sandbox, also at first.
const INGRESS: &str = "ingress-closed";

/// A way to spoil a namespace in which nothing is wrong.
struct Row {
    name: &'static str,
    spoil: fn(&mut Shop),
    /// Objects that the row needs outside of its namespace.
    lend: for<'a> fn(&'a Cluster) -> Vec<Loan<'a>>,
    /// A change after the pods have started.
    then: fn(&Namespace<'_>),
    /// The time from the first round of attempts to the second. A zero is one round alone.
    settle: &'static str,
    /// Further arguments of the user.
    words: fn(&Cluster) -> Vec<String>,
    /// For each probe, the beginning of the title of a pod that it represents, and every requirement that is not met.
    lacks: &'static [(&'static str, Lacks)],
    /// The exit code in production.
    code: i32,
    /// Words of the report by which the reader recognises the fault.
    says: &'static str,
    /// True if every run in the cluster sees the row's objects. No other row runs beside it.
    alone: bool,
}

/// A requirement with an outcome that the row does not expect.
type Differing = (String, String);

/// How often a row runs, and which differences may come from the stage. Such differences never make a sandbox ready.
struct Retry {
    runs: usize,
    excused: fn(&[Differing]) -> bool,
}

/// On a busy stage an answer may come too late to be seen. A wrong verdict is no matter of load.
const BUSY: Retry =
    Retry { runs: 2, excused: |differing| differing.iter().all(|(_, outcome)| outcome == "inconclusive") };

/// A namespace in which nothing is wrong.
const CLEAN: Row = Row {
    name: "nothing is wrong",
    spoil: |_| (),
    lend: |_| Vec::new(),
    then: |_| (),
    settle: "0",
    words: |_| Vec::new(),
    lacks: &[("pod/web", &[])],
    code: 0,
    // Nothing leads out of this cluster. A verdict needs no internet.
    says: "\"ready-with-warnings\"",
    alone: false,
};

/// Returns a trial for each row.
pub(super) fn batch() -> Batch {
    Batch { names: rows().map(|(name, _)| name).collect(), run }
}

/// Returns a trial for each row that also runs on the node where kube-router enforces policies.
pub(super) fn routed() -> Batch {
    Batch { names: routed::rows().map(|(name, _)| name).collect(), run: routed::run }
}

/// Returns every row by the name of its trial: `network: no policy`.
fn rows() -> impl Iterator<Item = (String, &'static Row)> {
    let tables = [
        ("runtime", runtime::ROWS),
        ("network", network::ROWS),
        ("ingress", ingress::ROWS),
        ("policies", policies::ROWS),
        ("profile", profiles::ROWS),
        ("workload", workload::ROWS),
        ("storage", storage::ROWS),
        ("custom", custom::ROWS),
        ("manifest", manifests::ROWS),
        ("node", node::ROWS),
    ];
    let tables = iter::once(("clean", &[CLEAN][..])).chain(tables);
    tables.flat_map(|(table, rows)| rows.iter().map(move |row| (format!("{table}: {}", row.name), row)))
}

fn run(cluster: &Cluster, selection: &Selection) {
    cluster.probe_image();
    let control = cluster.namespace("control");
    // The control pod reaches both, so a sandbox that does not is held back by its policy.
    let _imitated = outside::imitate(cluster);
    let judge = |row: &&Row| row.judge(cluster, &control, (ENFORCED, row.settle), &BUSY);
    let (alone, beside): (Vec<_>, Vec<_>) = selection.of(rows()).into_iter().partition(|(_, row)| row.alone);
    selection.run(AT_ONCE, &beside, judge);
    selection.run(1, &alone, judge);
}

impl Row {
    /// Judges a namespace that is spoiled in the row's way. Deployments for Cilium's node go to this pool instead.
    fn judge(&self, cluster: &Cluster, control: &Namespace<'_>, (pool, settle): (&str, &str), retry: &Retry) {
        let mut shop = Shop::default();
        (self.spoil)(&mut shop);
        for deployment in &mut shop.deployments {
            let chosen = &mut deployment["spec"]["template"]["spec"]["nodeSelector"][POOL];
            if chosen == ENFORCED {
                *chosen = pool.into();
            }
        }
        let _loans = (self.lend)(cluster);
        let namespace = cluster.namespace("row");
        shop.open(&namespace);
        (self.then)(&namespace);
        let named = (self.words)(cluster);
        let always = ["--environment", "production", "--settle", settle];
        let words: Vec<_> = always.into_iter().chain(named.iter().map(String::as_str)).collect();
        let mut ended = cluster.verify(&namespace, control, &words);
        for _ in 1..retry.runs {
            if self.is_excused(&ended, retry) {
                _ = writeln!(stderr(), "↻ {} runs again:\n{}", self.name, reasons(&ended));
                ended = cluster.verify(&namespace, control, &words);
            }
        }
        let judged = ended.judged();
        for probe in &judged {
            let differing = self.differing(probe);
            assert!(
                differing.is_empty(),
                "{:?}: {differing:?}, expected {:?}:\n{}",
                probe.stands_for,
                self.of(&probe.stands_for),
                reasons(&ended)
            );
        }
        assert_eq!(judged.len(), self.lacks.len(), "{}", reasons(&ended));
        assert_eq!(ended.code(), Some(self.code), "{}", ended.err);
        assert!(ended.out.contains(self.says), "{:?} is not in {}", self.says, reasons(&ended));
        remedied(&ended);
    }

    /// Returns true if a run differs from the row by no more than may come from the stage.
    fn is_excused(&self, ended: &Ended, retry: &Retry) -> bool {
        let judged = ended.judged();
        let differing: Vec<_> = judged.iter().flat_map(|probe| self.differing(probe)).collect();
        !differing.is_empty() && (retry.excused)(&differing)
    }

    /// Returns each requirement of a probe whose outcome is not the expected one, with its outcome.
    fn differing(&self, probe: &Judged) -> Vec<Differing> {
        let expected: BTreeMap<_, _> = self.of(&probe.stands_for).iter().copied().collect();
        let missing = expected.keys().filter(|id| !probe.outcomes.contains_key(**id));
        let missing = missing.map(|id| ((*id).to_owned(), "missing".to_owned()));
        let differing = probe
            .outcomes
            .iter()
            .filter(|(id, outcome)| expected.get(id.as_str()).copied().unwrap_or("met") != *outcome);
        differing.map(|(id, outcome)| (id.clone(), outcome.clone())).chain(missing).collect()
    }

    /// Returns the expectation for the probe that represents these pods.
    fn of(&self, titles: &[String]) -> Lacks {
        let begins = |start: &str| titles.iter().any(|title| title.starts_with(start));
        let found = self.lacks.iter().find(|(start, _)| begins(start));
        found.unwrap_or_else(|| panic!("no row expects a probe for {titles:?}")).1
    }
}

/// Lends a listener by TCP and UDP on the node with enforced policies. It runs as root, so every port is open to it.
/// No row counts it as a workload.
fn listener<'a>(cluster: &'a Cluster, name: &str, port: u16) -> Loan<'a> {
    let loan = cluster.lend(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": SYSTEM, "labels": { "app": name } },
        "spec": {
            "runtimeClassName": "runc",
            "nodeSelector": { POOL: ENFORCED },
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "listener",
                "image": cluster.probe_image(),
                "args": ["listen", port.to_string(), "600"],
                "securityContext": { "runAsUser": 0 },
            }],
        },
    }));
    let pod = format!("pod/{name}");
    cluster.ask(&["wait", "--for=condition=Ready", "--timeout=120s", "--namespace", SYSTEM, &pod]);
    loan
}

/// Returns every finding that is not met, with its reason.
pub(super) fn reasons(ended: &Ended) -> String {
    let report = ended.report();
    let sandboxes = report["sandboxes"].as_array().unwrap();
    let findings = sandboxes.iter().flat_map(|sandbox| sandbox["findings"].as_array().unwrap());
    let not_met = findings.filter(|finding| finding["outcome"] != "met");
    let lines = not_met.map(|it| format!("    {} {} {}", it["id"], it["outcome"], it["because"]));
    lines.collect::<Vec<_>>().join("\n")
}

/// Asserts that exactly the unmet and the inconclusive findings have a remedy.
fn remedied(ended: &Ended) {
    let report = ended.report();
    let sandboxes = report["sandboxes"].as_array().unwrap();
    for finding in sandboxes.iter().flat_map(|sandbox| sandbox["findings"].as_array().unwrap()) {
        let open = ["unmet", "inconclusive"].contains(&finding["outcome"].as_str().unwrap());
        assert_eq!(finding["remedy"].is_string(), open, "{finding:#}");
    }
}
