//! A namespace's default limits for containers, and its remaining quotas.

use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use kube::{Api, Client};

use super::list;
use crate::case::{
    cluster::{Access, Read, bytes, millis},
    limits::Limits,
};

/// Returns the default limits of the namespace's LimitRanges for containers; `None` if there are none.
pub(super) async fn default_limits(client: &Client, namespace: &str) -> Read<Option<Limits>> {
    let api = Api::<LimitRange>::namespaced(client.clone(), namespace);
    let ranges =
        list(api, Access::list("limitranges"), |range| range.spec.unwrap_or_default().limits).await?;
    let items = ranges.into_iter().flatten().filter(|item| item.type_ == "Container");
    let defaults = items.filter_map(|item| item.default).map(|default| Limits {
        memory: default.get("memory").and_then(|memory| bytes(&memory.0)).filter(|&bytes| bytes > 0),
        cpu_millis: default.get("cpu").and_then(|cpu| millis(&cpu.0)).filter(|&millis| millis > 0),
        pids: None,
    });
    Ok(defaults.reduce(|first, next| Limits {
        memory: first.memory.or(next.memory),
        cpu_millis: first.cpu_millis.or(next.cpu_millis),
        pids: None,
    }))
}

/// Returns every quota as "NAME: USED of HARD RESOURCE, …".
pub(super) async fn quotas(client: &Client, namespace: &str) -> Read<Vec<String>> {
    let api = Api::<ResourceQuota>::namespaced(client.clone(), namespace);
    list(api, Access::list("resourcequotas"), |quota| {
        let status = quota.status.unwrap_or_default();
        let used = status.used.unwrap_or_default();
        let parts: Vec<_> = status
            .hard
            .unwrap_or_default()
            .into_iter()
            .map(|(resource, hard)| {
                let used = used.get(&resource).map_or("0", |used| used.0.as_str());
                format!("{used} of {} {resource}", hard.0)
            })
            .collect();
        format!("{}: {}", quota.metadata.name.unwrap_or_default(), parts.join(", "))
    })
    .await
}
