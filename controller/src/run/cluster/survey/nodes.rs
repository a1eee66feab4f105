//! Nodes of the cluster, with their pools.

use k8s_openapi::api::core::v1::{Node as ApiNode, Taint as ApiTaint};
use kube::{Api, Client};
use proto::Observation;
use serde_json::json;

use super::list;
use crate::case::{
    cluster::{self, Access, Node, Read, Taint},
    identity::Identity,
};

pub(super) async fn read(client: &Client, pool_label: Option<&str>) -> Read<Vec<Node>> {
    list(Api::<ApiNode>::all(client.clone()), Access::list("nodes"), |api| node(api, pool_label)).await
}

pub(super) fn node(api: ApiNode, pool_label: Option<&str>) -> Node {
    let labels = api.metadata.labels.unwrap_or_default();
    let spec = api.spec.unwrap_or_default();
    let status = api.status.unwrap_or_default();
    let info = status.node_info.unwrap_or_default();
    let ready = status.conditions.iter().flatten().any(|it| it.type_ == "Ready" && it.status == "True");
    let memory = status.capacity.as_ref().and_then(|capacity| capacity.get("memory"));
    let addresses = status.addresses.iter().flatten();
    let name = api.metadata.name.unwrap_or_default();
    // An empty text means that the identity is unknown.
    let identity = |(path, text): (&str, &str)| {
        (!text.is_empty()).then(|| Identity::of(path, Observation::Seen(text.as_bytes().to_vec())))
    };
    Node {
        // kubernetes.io, `core/v1` "NodeSystemInfo"; most nodes have the name of their machine.
        identities: [
            ("/etc/machine-id", info.machine_id.as_str()),
            ("/sys/class/dmi/id/product_uuid", &info.system_uuid),
            ("/proc/sys/kernel/hostname", &name),
        ]
        .into_iter()
        .filter_map(identity)
        .collect(),
        name,
        pool: cluster::node::pool(&labels, pool_label),
        labels,
        taints: spec.taints.unwrap_or_default().into_iter().map(taint).collect(),
        schedulable: spec.unschedulable != Some(true),
        ready,
        architecture: info.architecture,
        boot_id: info.boot_id,
        os_image: info.os_image,
        kernel: info.kernel_version,
        container_runtime: info.container_runtime_version,
        memory: memory.and_then(|memory| cluster::bytes(&memory.0)),
        handlers: status.runtime_handlers.into_iter().flatten().filter_map(|handler| handler.name).collect(),
        addresses: addresses.filter_map(|address| address.address.parse().ok()).collect(),
    }
}

/// Returns a node's container runtime with its version, and its handlers with their features, which change where a handler's name leads
/// to another runtime.
pub(super) fn runtime(node: &ApiNode) -> String {
    let status = node.status.as_ref();
    let info = status.and_then(|status| status.node_info.as_ref());
    let runtime = info.map(|info| info.container_runtime_version.as_str()).unwrap_or_default();
    let handlers = status.and_then(|status| status.runtime_handlers.as_ref());
    let mut handlers: Vec<_> = handlers.into_iter().flatten().map(|it| json!(it).to_string()).collect();
    handlers.sort();
    format!("{runtime} {}", handlers.join(","))
}

fn taint(api: ApiTaint) -> Taint {
    Taint { key: api.key, value: api.value.unwrap_or_default(), effect: api.effect }
}
