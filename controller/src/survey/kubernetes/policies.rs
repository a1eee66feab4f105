//! NetworkPolicies, and policies of other kinds, which are found by discovery and not evaluated.

use k8s_openapi::{api::networking::v1::NetworkPolicy, apimachinery::pkg::apis::meta::v1::LabelSelector};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    discovery::Scope as ApiScope,
};

use serde_json::Value;

use super::{Scope, list, unreadable};
use crate::cluster::{Direction, OtherPolicy, Policy, Read, Requirement, Selector, Unreadable};

/// The groups whose kinds decide what a pod may reach, besides Kubernetes' own.
const GROUPS: &[&str] =
    &["cilium.io", "crd.projectcalico.org", "projectcalico.org", "policy.networking.k8s.io"];

pub(super) async fn read(client: &Client, scope: &Scope<'_>) -> (Read<Vec<Policy>>, Read<Vec<OtherPolicy>>) {
    tokio::join!(of_namespace(client, scope.namespace), others(client, scope.namespace))
}

pub(super) async fn of_namespace(client: &Client, namespace: &str) -> Read<Vec<Policy>> {
    let api = Api::<NetworkPolicy>::namespaced(client.clone(), namespace);
    list(api, &format!("list networkpolicies in {namespace}"), policy).await
}

fn policy(api: NetworkPolicy) -> Policy {
    let spec = api.spec.unwrap_or_default();
    // Without types, ingress is bound always, and egress where there are rules for it (NetworkPolicySpec.policyTypes).
    let binds = |kind: &str| match &spec.policy_types {
        Some(types) if !types.is_empty() => types.iter().any(|it| it == kind),
        _ => kind == "Ingress" || spec.egress.as_ref().is_some_and(|rules| !rules.is_empty()),
    };
    let direction = |kind: &str, rules: Option<usize>| match (binds(kind), rules) {
        (false, _) => Direction::Unbound,
        (true, None | Some(0)) => Direction::Denied,
        (true, Some(_)) => Direction::Allowed,
    };
    Policy {
        ingress: direction("Ingress", spec.ingress.as_ref().map(Vec::len)),
        egress: direction("Egress", spec.egress.as_ref().map(Vec::len)),
        name: api.metadata.name.unwrap_or_default(),
        selector: selector(spec.pod_selector.unwrap_or_default()),
    }
}

pub(super) fn selector(api: LabelSelector) -> Selector {
    let requirements = api.match_expressions.into_iter().flatten().map(|expression| Requirement {
        key: expression.key,
        operator: expression.operator,
        values: expression.values.unwrap_or_default(),
    });
    Selector { equals: api.match_labels.unwrap_or_default(), requirements: requirements.collect() }
}

/// Policies of other kinds that there are, in the namespace or for the whole cluster.
pub(super) async fn others(client: &Client, namespace: &str) -> Read<Vec<OtherPolicy>> {
    let groups = client.list_api_groups().await.map_err(unreadable("get /apis"))?;
    let present = groups.groups.into_iter().filter(|group| GROUPS.contains(&group.name.as_str()));
    let mut found = Vec::new();
    for group in present {
        let what = format!("get /apis/{}", group.name);
        let discovered = kube::discovery::group(client, &group.name).await.map_err(unreadable(&what))?;
        for (resource, capabilities) in discovered.recommended_resources() {
            if resource.kind.ends_with("Policy") && !resource.plural.contains('/') {
                let namespaced = capabilities.scope == ApiScope::Namespaced;
                found.extend(of_kind(client, &resource, namespaced.then_some(namespace)).await?);
            }
        }
    }
    Ok(found)
}

async fn of_kind(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<&str>,
) -> Result<Vec<OtherPolicy>, Unreadable> {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    };
    list(api, &format!("list {}.{}", resource.plural, resource.group), |object| OtherPolicy {
        title: format!("{} {}", resource.kind, object.metadata.name.unwrap_or_default()),
        opens_egress: opens_egress(&object.data),
    })
    .await
}

/// Cilium's, Calico's and the policy API's objects all list what may go out under `egress`; Cilium's may have several parts.
fn opens_egress(object: &Value) -> bool {
    let parts = object["specs"].as_array().into_iter().flatten();
    parts
        .chain([&object["spec"]])
        .any(|part| part["egress"].as_array().is_some_and(|rules| !rules.is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_of_another_kind_opens_egress_by_any_rule_for_it() {
        assert!(opens_egress(&json!({ "spec": { "egress": [{ "toEntities": ["all"] }] } })));
        assert!(opens_egress(&json!({ "specs": [{}, { "egress": [{}] }] })));
        assert!(!opens_egress(&json!({ "spec": { "egress": [], "egressDeny": [{}] } })));
        assert!(!opens_egress(&json!({ "spec": { "ingress": [{}] } })));
    }
}
