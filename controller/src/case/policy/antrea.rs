//! The pods to which Antrea's policies apply. A policy may name groups, whose selectors are in other objects (antrea.io,
//! `docs/antrea-network-policy.md`, `ClusterGroup` and `Group`).

use serde_json::Value;

use super::object;

/// The group of Antrea's kinds.
pub(super) const GROUP: &str = "crd.antrea.io";
/// The list of groups for policies of a namespace, and the list for policies of the cluster.
const LISTS: [&str; 2] = ["GroupList", "ClusterGroupList"];
/// The most levels of groups in groups; Antrea has one.
const DEPTH: u8 = 4;
/// Fields of `appliedTo` that select by labels alone, or that select no pod.
const BY_LABELS: [&str; 6] =
    ["podSelector", "namespaceSelector", "group", "externalEntitySelector", "nodeSelector", "service"];
/// Fields of a group that say all about its pods.
const OF_GROUP: [&str; 6] =
    ["podSelector", "namespaceSelector", "childGroups", "externalEntitySelector", "ipBlock", "ipBlocks"];

/// Returns true for a list of groups.
pub(super) fn is_list(group: &str, kind: &str) -> bool {
    group == GROUP && LISTS.contains(&kind)
}

/// Returns the selectors of the groups to which a policy applies, as text; `Err` names what selects pods besides labels, or a
/// group that was not read.
pub(super) fn selectors(policy: &Value, objects: &[Value]) -> Result<String, String> {
    let namespace = policy.pointer("/metadata/namespace").and_then(Value::as_str);
    let spec = &policy["spec"];
    let rules = ["ingress", "egress"].into_iter().filter_map(|field| spec[field].as_array()).flatten();
    let parts = rules.chain([spec]).filter_map(|part| part["appliedTo"].as_array()).flatten();
    let mut text = String::new();
    for part in parts {
        object::only(part, &BY_LABELS)?;
        if let Some(name) = part["group"].as_str() {
            text += &of_group(name, namespace, objects, DEPTH)?;
        }
    }
    Ok(text)
}

fn of_group(name: &str, namespace: Option<&str>, objects: &[Value], depth: u8) -> Result<String, String> {
    let kind = if namespace.is_some() { LISTS[0] } else { LISTS[1] };
    let is_list = |object: &&Value| {
        let version = object["apiVersion"].as_str().and_then(|version| version.split_once('/'));
        object["kind"] == kind && version.is_some_and(|(group, _)| group == GROUP)
    };
    let groups = objects.iter().filter(is_list).filter_map(|list| list["items"].as_array()).flatten();
    let is_it = |group: &&Value| {
        let of = |field| group.pointer(field).and_then(Value::as_str);
        of("/metadata/name") == Some(name) && of("/metadata/namespace") == namespace
    };
    let spec =
        &groups.into_iter().find(is_it).ok_or_else(|| format!("the group {name} was not read"))?["spec"];
    object::only(spec, &OF_GROUP).map_err(|why| format!("of the group {name}, {why}"))?;
    let mut text = spec.to_string();
    for child in spec["childGroups"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let depth = depth.checked_sub(1).ok_or_else(|| format!("the group {name} has too many levels"))?;
        text += &of_group(child, namespace, objects, depth)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(applied_to: &Value) -> Value {
        json!({ "metadata": { "name": "drop" }, "spec": { "appliedTo": [applied_to] } })
    }

    fn groups(items: &Value) -> Vec<Value> {
        vec![json!({ "apiVersion": "crd.antrea.io/v1beta1", "kind": "ClusterGroupList", "items": items })]
    }

    fn group(name: &str, spec: &Value) -> Value {
        json!({ "metadata": { "name": name }, "spec": spec })
    }

    #[test]
    fn the_selectors_of_a_group_and_of_its_groups_are_found() {
        let items = json!([
            group("web", &json!({ "childGroups": ["front"] })),
            group("front", &json!({ "podSelector": { "matchLabels": { "tier": "front" } } })),
            group("other", &json!({ "podSelector": { "matchLabels": { "other": "yes" } } })),
        ]);
        let text = selectors(&policy(&json!({ "group": "web" })), &groups(&items)).unwrap();
        assert!(text.contains("\"tier\"") && !text.contains("\"other\""), "{text}");
    }

    #[test]
    fn a_group_of_a_rule_counts() {
        let policy =
            json!({ "spec": { "egress": [{ "action": "Drop", "appliedTo": [{ "group": "web" }] }] } });
        assert!(selectors(&policy, &[]).unwrap_err().contains("the group web was not read"));
    }

    #[test]
    fn a_group_that_is_selected_by_no_label_is_named() {
        let service = json!({ "serviceReference": { "name": "web", "namespace": "shop" } });
        let items = json!([group("web", &service), group("round", &json!({ "childGroups": ["round"] }))]);
        for name in ["web", "round", "missing"] {
            let found = selectors(&policy(&json!({ "group": name })), &groups(&items));
            assert!(found.unwrap_err().contains(name), "{name}");
        }
        let account = json!({ "serviceAccount": { "name": "a", "namespace": "shop" } });
        assert!(selectors(&policy(&account), &[]).unwrap_err().contains("serviceAccount"));
    }

    #[test]
    fn a_group_of_another_namespace_is_another_group() {
        let of = |namespace: &str| {
            let mut group = group("web", &json!({ "podSelector": {} }));
            group["metadata"]["namespace"] = namespace.into();
            let list =
                json!({ "apiVersion": "crd.antrea.io/v1beta1", "kind": "GroupList", "items": [group] });
            let mut policy = policy(&json!({ "group": "web" }));
            policy["metadata"]["namespace"] = "shop".into();
            selectors(&policy, &[list])
        };
        assert!(of("shop").is_ok() && of("other").is_err());
    }

    #[test]
    fn a_policy_without_a_group_needs_none() {
        let by_labels = json!({ "podSelector": { "matchLabels": { "app": "web" } } });
        assert_eq!(selectors(&policy(&by_labels), &[]), Ok(String::new()));
    }
}
