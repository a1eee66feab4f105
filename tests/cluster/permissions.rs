//! The roles of `controller rbac`: they allow a run, and each permission that is taken away makes the requirements
//! inconclusive that the role names.

use std::{collections::BTreeSet, iter};

use controller::run::cluster::permission::{ALL, Permission, Place, Without};
use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{Namespace, Shop},
};

use crate::{
    Batch, Selection, Test,
    makers::{OTHER_KINDS, OtherKind},
    suite::AT_ONCE,
};

pub(super) const TESTS: &[Test] = &[(
    "the Role that rbac prints is enough to run, and inconclusive findings name what is missing",
    confined,
)];

/// A namespace in which nothing is wrong, a namespace for the control pod, and accounts that may verify the former.
pub(super) struct Gate<'a> {
    cluster: &'a Cluster,
    pub(super) shop: Namespace<'a>,
    pub(super) control: Namespace<'a>,
}

/// Roles, bindings and accounts of a test, some of them in namespaces that it does not own.
pub(super) struct Granted<'a> {
    cluster: &'a Cluster,
    file: String,
}

impl<'a> Gate<'a> {
    pub(super) fn open(cluster: &'a Cluster) -> Self {
        cluster.probe_image();
        let [shop, control] = ["permitted", "control"].map(|word| cluster.namespace(word));
        Shop::default().open(&shop);
        Self { cluster, shop, control }
    }

    /// Returns an account, and the objects that `controller rbac` prints for it.
    pub(super) fn roles(&self, account: &str, words: &[&str]) -> Vec<Value> {
        let subject = format!("{}:{account}", self.control.name());
        let own = ["rbac", "--namespace", self.shop.name(), "--service-account", &subject];
        let printed = self.cluster.controller(&[&own[..], words].concat());
        assert_eq!(printed.code(), Some(0), "{printed:#?}");
        let create = ["create", "--dry-run=client", "--output=json", "--filename=-"];
        let objects = self.cluster.feed(&create, &printed.out);
        let objects = serde_json::Deserializer::from_str(&objects).into_iter::<Value>();
        let mut objects: Vec<_> = objects.map(Result::unwrap).collect();
        objects.push(json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": account, "namespace": self.control.name() },
        }));
        objects
    }

    /// Verifies the namespace as an account.
    pub(super) fn verify(&self, account: &str, words: &[&str]) -> Ended {
        let kubeconfig = self.cluster.account(self.control.name(), account).display().to_string();
        let image = self.cluster.probe_image();
        let own = ["verify", "--namespace", self.shop.name(), "--kubeconfig", &kubeconfig, "--image", &image];
        let others = ["--environment", "production", "--output", "json", "--quiet"];
        self.cluster.controller(&[&own[..], &others, words].concat())
    }
}

impl<'a> Granted<'a> {
    pub(super) fn all(cluster: &'a Cluster, name: &str, objects: &[Value]) -> Self {
        let file = cluster.state().join(format!("{name}.json"));
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        std::fs::write(&file, list.to_string()).unwrap();
        let granted = Self { cluster, file: file.display().to_string() };
        cluster.ask(&["create", "--filename", &granted.file]);
        granted
    }
}

impl Drop for Granted<'_> {
    fn drop(&mut self) {
        _ = self.cluster.kubectl(&["delete", "--wait=false", "--ignore-not-found", "--filename", &self.file]);
    }
}

fn confined(cluster: &Cluster) {
    // Discovery decides which kind of policies comes first.
    const POLICIES: &str = ".cilium.io is missing";
    let gate = Gate::open(cluster);
    let _granted = Granted::all(cluster, gate.shop.name(), &gate.roles("gate", &[]));
    let ended = gate.verify("gate", &[]);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    // Without the policies of the whole cluster, the probe's network represents nobody's.
    let open = [
        ("api-server-blocked", "the permission to get services in default is missing"),
        ("closed-from-the-start", "nothing shows that anything could have been reached"),
        ("coverage", "the permission to list nodes is missing"),
        ("dns-contained", POLICIES),
        ("ingress-closed", POLICIES),
        ("metadata-blocked", POLICIES),
        ("neighbours-blocked", POLICIES),
        ("network-isolation", "--control-namespace NAME"),
        ("policies-enforced", "nothing shows that it could have"),
        ("runtime-class-exists", "the permission to list runtimeclasses is missing"),
    ];
    assert_eq!(inconclusive(&ended), open.iter().map(|(id, _)| (*id).to_owned()).collect());
    for (id, says) in open {
        let because = ended.finding(id)["because"].to_string();
        assert!(because.contains(says), "{id}: {because}");
    }
}

/// A row for each permission that is taken away from the roles, and one with all of them.
pub(super) fn batch() -> Batch {
    Batch { names: rows().map(|(name, _)| name).collect(), run }
}

fn rows() -> impl Iterator<Item = (String, (usize, Option<&'static Permission>))> {
    let cases = iter::once(None).chain(ALL.iter().map(Some)).enumerate();
    let name = |taken: Option<&Permission>| {
        taken.map_or("permissions: all of the roles".to_owned(), |taken| {
            format!("permissions: all but {}", title(taken))
        })
    };
    cases.map(move |(number, taken)| (name(taken), (number, taken)))
}

fn run(cluster: &Cluster, selection: &Selection) {
    let gate = Gate::open(cluster);
    let _kinds: Vec<_> = OTHER_KINDS.iter().map(|kind| cluster.lend(kind.definition("Cluster"))).collect();
    let of_templates =
        ALL.iter().filter(|permission| permission.resource == "*" && permission.place == Place::Namespace);
    let of_templates = of_templates.map(|permission| OtherKind::of_templates(permission.group));
    let _templates: Vec<_> = of_templates.map(|kind| cluster.lend(kind.definition("Namespaced"))).collect();
    let rows = selection.of(rows());
    let objects: Vec<_> =
        rows.iter().flat_map(|&(_, (number, taken))| without(&gate, number, taken)).collect();
    let _granted = Granted::all(cluster, gate.shop.name(), &objects);
    selection.run(AT_ONCE, &rows, |&(number, taken)| judge(&gate, number, taken));
}

/// Returns all roles for an account of its own, without one permission in every place where it stands.
fn without(gate: &Gate<'_>, number: usize, taken: Option<&Permission>) -> Vec<Value> {
    let account = format!("without-{number}");
    let mut objects = gate.roles(&account, &["--cluster", "--control-namespace", gate.control.name()]);
    let mut dropped = 0;
    for object in &mut objects {
        let here = taken.filter(|taken| stands(gate, object, taken));
        if let (Some(taken), Some(rules)) = (here, object.get_mut("rules").and_then(Value::as_array_mut)) {
            let before = rules.len();
            // Pods have a rule for one verb that a run can do without.
            let is_taken = |rule: &Value| {
                let place = (&rule["apiGroups"][0], &rule["resources"][0], &rule["verbs"]);
                place == (&json!(taken.group), &json!(taken.resource), &json!(taken.verbs))
            };
            rules.retain(|rule| !is_taken(rule));
            dropped += before - rules.len();
        }
    }
    let places = match taken.map(|taken| taken.place) {
        None => 0,
        Some(Place::Both) => 2,
        Some(Place::Namespace | Place::Cluster | Place::Of(_)) => 1,
    };
    assert_eq!(dropped, places, "{taken:?}");
    objects
}

/// True if the permission stands in this role.
fn stands(gate: &Gate<'_>, role: &Value, permission: &Permission) -> bool {
    let namespace = role["metadata"]["namespace"].as_str();
    match permission.place {
        Place::Namespace => namespace == Some(gate.shop.name()),
        Place::Both => [gate.shop.name(), gate.control.name()].map(Some).contains(&namespace),
        Place::Cluster => role["kind"] == "ClusterRole",
        Place::Of(other) => namespace == Some(other),
    }
}

fn judge(gate: &Gate<'_>, number: usize, taken: Option<&Permission>) {
    let ended = gate.verify(&format!("without-{number}"), &["--control-namespace", gate.control.name()]);
    let lost = match taken.map(|taken| taken.without) {
        // Nothing in this namespace has a claim for a volume.
        None | Some(Without::Words(_) | Without::InconclusiveWithClaims(_)) => &[][..],
        Some(Without::Inconclusive(requirements)) => requirements,
        Some(Without::NoRun) => {
            assert_eq!(ended.code(), Some(4), "{ended:#?}");
            assert!(ended.err.contains("help: `controller rbac"), "{}", ended.err);
            return;
        }
    };
    let lost: BTreeSet<_> = lost.iter().map(|&id| id.to_owned()).collect();
    assert_eq!(inconclusive(&ended), lost, "{ended:#?}");
    assert_eq!(ended.code(), Some(if lost.is_empty() { 0 } else { 3 }), "{ended:#?}");
    for id in &lost {
        let finding = ended.finding(id);
        let says = finding["because"].as_str().unwrap();
        let Permission { resource, group, .. } = taken.unwrap();
        let what = if *resource == "*" { group } else { resource };
        let named = says.contains("the permission to ") && says.contains(what);
        // A requirement that follows from another one names that one instead.
        let follows = ["policies-enforced", "closed-from-the-start"].contains(&id.as_str());
        assert!(named || follows, "{finding:#}");
    }
}

/// Returns every inconclusive requirement, after a check that none is unmet.
fn inconclusive(ended: &Ended) -> BTreeSet<String> {
    let outcomes = ended.judged().remove(0).outcomes;
    assert!(outcomes.values().all(|outcome| outcome != "unmet"), "{ended:#?}");
    outcomes.into_iter().filter(|(_, outcome)| outcome == "inconclusive").map(|(id, _)| id).collect()
}

fn title(permission: &Permission) -> String {
    let Permission { group, resource, verbs, place, .. } = permission;
    let group = if group.is_empty() { "" } else { &format!(".{group}") };
    let place = match place {
        Place::Namespace => "in the namespace".to_owned(),
        Place::Both => "in both namespaces".to_owned(),
        Place::Cluster => "in the cluster".to_owned(),
        Place::Of(other) => format!("in {other}"),
    };
    format!("{} {resource}{group} {place}", verbs.join(","))
}
