//! Services that select the workload's pods: none of them leads to a probe, whose labels are the workload's, or the run says so.

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, NAMESPACE},
    enumeration::Mode,
    fault::Fault,
    store::{key, text},
    verify::with_control,
};

/// The name of a Service that comes during a run.
pub(crate) const LATE: &str = "late";

/// Returns a run beside two Services of the workload, one of which leads to pods that are not ready.
fn beside_services() -> Mode {
    let prepare = |cluster: &Cluster| {
        add(cluster, "web", false);
        add(cluster, "web-headless", true);
    };
    Mode { prepare, ..Mode::of(&with_control()) }
}

/// Adds a Service of the workload, which leads to pods that are not ready if it is eager.
pub(crate) fn add(cluster: &Cluster, name: &str, eager: bool) {
    let spec = json!({
        "selector": { "app": "web" }, "ports": [{ "port": 80 }], "publishNotReadyAddresses": eager,
    });
    cluster.change(|store| {
        store.add(key("services", NAMESPACE, name), json!({ "metadata": {}, "spec": spec }));
    });
}

/// Returns the names of a Service and of a pod of a run to which it led. A Service leads to a pod that is ready, or to each that it
/// selects, and a readiness gate that nobody sets keeps a pod from being ready.
pub(crate) fn exposed(cluster: &Cluster) -> Option<(String, String)> {
    let services = cluster.of_kind("services", NAMESPACE);
    let pods = cluster.store().since(0, "pods", NAMESPACE);
    let pods = pods.iter().map(|change| &*change.object);
    let mut of_runs = pods.filter(|pod| pod.pointer("/metadata/labels/podproof.dev~1run").is_some());
    of_runs.find_map(|pod| {
        let (_, service) = services.iter().find(|(_, service)| leads_to(service, pod))?;
        Some((text(service, "/metadata/name"), text(pod, "/metadata/name")))
    })
}

fn leads_to(service: &Value, pod: &Value) -> bool {
    let Some(selector) = service["spec"]["selector"].as_object() else { return false };
    let labels = &pod["metadata"]["labels"];
    let is_gated = pod["spec"]["readinessGates"].as_array().is_some_and(|gates| !gates.is_empty());
    let waits = service["spec"]["publishNotReadyAddresses"] != true;
    selector.iter().all(|(key, value)| labels[key] == *value) && !(waits && is_gated)
}

#[test]
fn a_run_beside_services_is_ready() {
    let (ended, _) = beside_services().ended(&[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
}

#[test]
fn a_service_leads_to_a_pod_without_a_gate_or_with_its_label() {
    let service =
        |eager| json!({ "spec": { "selector": { "app": "web" }, "publishNotReadyAddresses": eager } });
    let pod = |app, gates: Value| json!({ "metadata": { "labels": { "app": app } }, "spec": { "readinessGates": gates } });
    let gated = json!([{ "conditionType": "podproof.dev/never-ready" }]);
    assert!(leads_to(&service(false), &pod("web", json!([]))));
    assert!(leads_to(&service(true), &pod("web", gated.clone())));
    assert!(!leads_to(&service(false), &pod("web", gated.clone())));
    assert!(!leads_to(&service(true), &pod("other", gated)));
}

#[test]
fn no_fault_leads_a_service_to_a_probe_unsaid() {
    beside_services().enumerate(|request, fault| {
        request.contains("services") || request.starts_with("POST") || fault == Fault::ServiceCame
    });
}
