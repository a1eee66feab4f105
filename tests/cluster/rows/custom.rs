//! Workloads of kinds that Kubernetes does not define, one per row.

use serde_json::{Value, json};
use stage::cluster::Shop;

use super::{CLEAN, Row, kind::Kind, runtime};

// Each row has a kind of its own: rows are under way at once, and a kind is the whole cluster's.

/// A kind with a pod template, which its schema describes.
const SANDBOX: Kind = Kind::described("Sandbox", "sandboxes", "agents.x-k8s.io");
/// A kind that makes no pod by itself.
const SANDBOX_TEMPLATE: Kind =
    Kind::described("SandboxTemplate", "sandboxtemplates", "extensions.agents.x-k8s.io");
/// A kind whose schema describes nothing.
const WORKFLOW: Kind = Kind::opaque("Workflow", "workflows", "argoproj.io");
/// A kind that no list knows.
const MACHINE: Kind = Kind::opaque("Machine", "machines", "tests.podproof.dev");
/// A kind whose controller calls an object completed while it lives, as that of Argo's Rollouts does.
const ROLLOUT: Kind = Kind::opaque("Rollout", "rollouts", "idle.tests.podproof.dev");
/// A kind that copies the templates of other objects, as Kueue's records of what waits in its queues do.
const QUEUED: Kind = Kind::opaque("Workload", "workloads", "kueue.x-k8s.io");

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a Sandbox without a RuntimeClass",
        spoil: |shop| {
            let mut template = template(shop);
            template["spec"].as_object_mut().unwrap().remove("runtimeClassName");
            shop.others.push(SANDBOX.object("agent", &json!({ "podTemplate": template })));
        },
        lend: |cluster| vec![SANDBOX.lend(cluster)],
        lacks: &[("sandbox/agent", runtime::OWN_KERNEL), ("pod/web", runtime::OTHERS)],
        code: 1,
        says: "sandbox/agent names no RuntimeClass",
        ..CLEAN
    },
    Row {
        name: "a Rollout that is completed and scaled to zero, without a RuntimeClass",
        spoil: |shop| {
            let mut template = template(shop);
            template["spec"].as_object_mut().unwrap().remove("runtimeClassName");
            let mut rollout = ROLLOUT.object("idle", &json!({ "replicas": 0, "template": template }));
            rollout["status"] = json!({ "conditions": [{ "type": "Completed", "status": "True" }] });
            shop.others.push(rollout);
        },
        lend: |cluster| vec![ROLLOUT.lend(cluster)],
        lacks: &[("rollout/idle", runtime::OWN_KERNEL), ("pod/web", runtime::OTHERS)],
        code: 1,
        says: "rollout/idle names no RuntimeClass",
        ..CLEAN
    },
    Row {
        name: "a SandboxTemplate like the other workloads",
        spoil: |shop| {
            let template = template(shop);
            shop.others.push(SANDBOX_TEMPLATE.object("agent", &json!({ "podTemplate": template })));
        },
        lend: |cluster| vec![SANDBOX_TEMPLATE.lend(cluster)],
        ..CLEAN
    },
    Row {
        name: "a Workload of Kueue, with a copy that has no labels and no RuntimeClass",
        spoil: |shop| {
            let mut copy = template(shop);
            copy.as_object_mut().unwrap().remove("metadata");
            copy["spec"].as_object_mut().unwrap().remove("runtimeClassName");
            shop.others.push(QUEUED.object("pod-web", &json!({ "podSets": [{ "template": copy }] })));
        },
        lend: |cluster| vec![QUEUED.lend(cluster)],
        ..CLEAN
    },
    Row {
        name: "a kind that no list knows, with a privileged container",
        spoil: |shop| {
            let mut template = template(shop);
            template["spec"]["containers"][0]["securityContext"]["privileged"] = json!(true);
            shop.others.push(MACHINE.object("agent", &json!({ "roles": [{ "template": template }] })));
        },
        lend: |cluster| vec![MACHINE.lend(cluster)],
        lacks: &[("pod/web", &[("least-privilege", "unmet")])],
        code: 1,
        says: "machine/agent: container app is privileged",
        ..CLEAN
    },
    Row {
        name: "a Workflow, whose pods nobody knows",
        spoil: |shop| shop.others.push(WORKFLOW.object("agent", &json!({ "templates": [] }))),
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
