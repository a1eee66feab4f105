//! Workloads of kinds that Kubernetes does not define, one per row.

use serde_json::{Value, json};
use stage::{
    Cluster,
    cluster::{Loan, Shop},
};

use super::{CLEAN, Row, runtime};

// Each row has a kind of its own: rows are under way at once, and a kind is the whole cluster's.

/// A kind with a pod template, which its schema describes.
const SANDBOX: Kind = Kind { name: "Sandbox", plural: "sandboxes", group: "agents.x-k8s.io", opaque: false };
/// A kind that makes no pod by itself.
const SANDBOX_TEMPLATE: Kind = Kind {
    name: "SandboxTemplate",
    plural: "sandboxtemplates",
    group: "extensions.agents.x-k8s.io",
    opaque: false,
};
/// A kind whose schema describes nothing.
const WORKFLOW: Kind = Kind { name: "Workflow", plural: "workflows", group: "argoproj.io", opaque: true };
/// A kind that no list knows.
const MACHINE: Kind = Kind { name: "Machine", plural: "machines", group: "tests.podproof.dev", opaque: true };

struct Kind {
    name: &'static str,
    plural: &'static str,
    group: &'static str,
    opaque: bool,
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a Sandbox without a RuntimeClass",
        spoil: |shop| {
            let mut template = template(shop);
            template["spec"].as_object_mut().unwrap().remove("runtimeClassName");
            shop.others.push(SANDBOX.object(&json!({ "podTemplate": template })));
        },
        lend: |cluster| vec![SANDBOX.lend(cluster)],
        lacks: &[("sandbox/agent", runtime::OWN_KERNEL), ("pod/web", runtime::OTHERS)],
        code: 1,
        says: "sandbox/agent names no RuntimeClass",
        ..CLEAN
    },
    Row {
        name: "a SandboxTemplate like the other workloads",
        spoil: |shop| {
            let template = template(shop);
            shop.others.push(SANDBOX_TEMPLATE.object(&json!({ "podTemplate": template })));
        },
        lend: |cluster| vec![SANDBOX_TEMPLATE.lend(cluster)],
        ..CLEAN
    },
    Row {
        name: "a kind that no list knows, with a privileged container",
        spoil: |shop| {
            let mut template = template(shop);
            template["spec"]["containers"][0]["securityContext"]["privileged"] = json!(true);
            shop.others.push(MACHINE.object(&json!({ "roles": [{ "template": template }] })));
        },
        lend: |cluster| vec![MACHINE.lend(cluster)],
        lacks: &[("pod/web", &[("least-privilege", "unmet")])],
        code: 1,
        says: "machine/agent: container app is privileged",
        ..CLEAN
    },
    Row {
        name: "a Workflow, whose pods nobody knows",
        spoil: |shop| shop.others.push(WORKFLOW.object(&json!({ "templates": [] }))),
        lend: |cluster| vec![WORKFLOW.lend(cluster)],
        lacks: &[("pod/web", &[("coverage", "inconclusive"), ("runtime-class-used", "inconclusive")])],
        code: 3,
        says: "to read the pods of workflow/agent failed",
        ..CLEAN
    },
    Row {
        name: "a PodTemplate without a RuntimeClass",
        spoil: |shop| {
            let mut template = template(shop);
            template["spec"].as_object_mut().unwrap().remove("runtimeClassName");
            shop.others.push(json!({
                "apiVersion": "v1", "kind": "PodTemplate", "metadata": { "name": "later" }, "template": template,
            }));
        },
        lacks: &[("podtemplate/later", runtime::OWN_KERNEL), ("pod/web", runtime::OTHERS)],
        code: 1,
        says: "podtemplate/later names no RuntimeClass",
        ..CLEAN
    },
];

fn template(shop: &mut Shop) -> Value {
    shop.template().clone()
}

impl Kind {
    /// Lends the kind, and waits until the cluster serves it.
    fn lend<'a>(&self, cluster: &'a Cluster) -> Loan<'a> {
        let Self { name: kind, plural, group, opaque } = self;
        let containers = json!({ "type": "array", "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
        let spec = json!({
            "type": "object",
            "properties": { "containers": containers },
            "x-kubernetes-preserve-unknown-fields": true,
        });
        let template = json!({
            "type": "object",
            "properties": { "metadata": { "type": "object", "x-kubernetes-preserve-unknown-fields": true }, "spec": spec },
        });
        let described = json!({
            "type": "object",
            "properties": { "spec": { "type": "object", "properties": { "podTemplate": template } } },
        });
        let nothing = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        let name = format!("{plural}.{group}");
        let loan = cluster.lend(json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": { "name": name, "annotations": { "api-approved.kubernetes.io": "unapproved, for a test" } },
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": { "kind": kind, "plural": plural, "singular": kind.to_lowercase() },
                "versions": [{
                    "name": "v1",
                    "served": true,
                    "storage": true,
                    "schema": { "openAPIV3Schema": if *opaque { nothing } else { described } },
                }],
            },
        }));
        cluster.ask(&["wait", "--for=condition=Established", "--timeout=60s", &format!("crd/{name}")]);
        cluster.until("its API", || cluster.kubectl(&["get", &name, "--all-namespaces"]).status.success());
        loan
    }

    fn object(&self, spec: &Value) -> Value {
        json!({
            "apiVersion": format!("{}/v1", self.group),
            "kind": self.name,
            "metadata": { "name": "agent" },
            "spec": spec,
        })
    }
}
