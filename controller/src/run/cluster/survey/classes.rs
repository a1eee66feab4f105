//! RuntimeClasses of the cluster.

use k8s_openapi::api::node::v1::RuntimeClass;
use kube::{Api, Client};

use super::{list, template};
use crate::case::cluster::{Access, Class, Read, bytes, millis};

pub(super) async fn read(client: &Client) -> Read<Vec<Class>> {
    list(Api::<RuntimeClass>::all(client.clone()), Access::list("runtimeclasses"), class).await
}

pub(super) fn class(api: RuntimeClass) -> Class {
    let overhead = api.overhead.and_then(|overhead| overhead.pod_fixed).unwrap_or_default();
    let scheduling = api.scheduling.unwrap_or_default();
    Class {
        name: api.metadata.name.unwrap_or_default(),
        created: api.metadata.creation_timestamp.map(|time| time.0.as_second()),
        handler: api.handler,
        overhead_memory: overhead.get("memory").and_then(|memory| bytes(&memory.0)).unwrap_or(0),
        overhead_cpu_millis: overhead.get("cpu").and_then(|cpu| millis(&cpu.0)).unwrap_or(0),
        node_selector: scheduling.node_selector.unwrap_or_default(),
        tolerations: template::tolerations(scheduling.tolerations.as_deref()),
    }
}
