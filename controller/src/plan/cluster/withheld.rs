//! Labels that a probe does without. A Service with `publishNotReadyAddresses` takes every pod that it selects for an endpoint, ready
//! or not, and would send the workload's traffic to a probe with the workload's labels.

use serde_json::Value;

use crate::case::{
    cluster::{Cluster, Group, SelectingKind},
    policy::Policies,
};

/// Returns the keys of the labels without which no such Service selects the group's probe. The probe keeps each label by which a
/// policy selects pods or peers, because without the label the probe would not be bound as its pods are.
pub(super) fn withheld(group: &Group, cluster: &Cluster) -> Result<Vec<String>, String> {
    let selecting = cluster.selecting.iter().flatten().flatten();
    let eager = selecting.filter(|it| it.kind == SelectingKind::EagerService && it.takes(group));
    let mut withheld: Vec<String> = Vec::new();
    for service in eager {
        let keys = || service.selector.equals.keys();
        if keys().any(|key| withheld.contains(key)) {
            continue;
        }
        match keys().find(|key| is_free(cluster, key)) {
            Some(key) => withheld.push(key.clone()),
            None => {
                return Err(format!(
                    "the Service {} has publishNotReadyAddresses and would send the workload's traffic to the probe; policies \
                     select by {}, or may, so that the probe cannot do without; let the Service select by one more label, which \
                     no policy names",
                    service.name,
                    keys().map(String::as_str).collect::<Vec<_>>().join(" and ")
                ));
            }
        }
    }
    Ok(withheld)
}

/// Returns a remark for each group whose probe does without labels.
pub fn remarks(groups: &[Group]) -> Vec<String> {
    let without = groups.iter().filter(|group| !group.withheld.is_empty() && group.refused.is_none());
    let mut remarks: Vec<_> = without
        .map(|group| {
            format!(
                "the probe of {} does without the label {}, so that no Service with publishNotReadyAddresses sends it traffic; no \
                 policy that was read selects by the label, and policies of other namespaces were not asked",
                group.represents().first().map_or("these pods", String::as_str),
                group.withheld.join(" and ")
            )
        })
        .collect();
    remarks.dedup();
    remarks
}

/// Returns true if no policy of the namespace, of the cluster or of the control namespace names the label's key.
fn is_free(cluster: &Cluster, key: &str) -> bool {
    let control = cluster.control.iter().map(|control| &control.policies);
    [&cluster.policies].into_iter().chain(control).all(|policies| leaves_free(policies, key))
}

fn leaves_free(policies: &Policies, key: &str) -> bool {
    policies.opaque.is_empty()
        && !policies.objects.iter().any(|object| names(&object["spec"], key))
        && !policies.objects.iter().any(|object| names(&object["specs"], key))
}

/// Returns true if a key or a text holds the key. Some kinds write labels with a prefix, and others in an expression.
fn names(value: &Value, key: &str) -> bool {
    match value {
        Value::String(text) => is_named_in(text, key),
        Value::Array(values) => values.iter().any(|value| names(value, key)),
        Value::Object(fields) => {
            fields.iter().any(|(field, value)| is_named_in(field, key) || names(value, key))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Returns true if a word is the key, perhaps after the prefix of a source, such as "k8s:" or "any.".
fn is_named_in(text: &str, key: &str) -> bool {
    let mut words =
        text.split(|character: char| !character.is_ascii_alphanumeric() && !"-_./".contains(character));
    words.any(|word| word.strip_suffix(key).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        case::cluster::{Selecting, Selector},
        fixture,
    };

    fn withheld_beside(policies: &[Value], selector: &[&str]) -> Result<Vec<String>, String> {
        let mut case = fixture::pod();
        let group = fixture::in_cluster(&mut case).group.clone();
        let labels = ["app", "role"].map(|key| (key.to_owned(), "web".to_owned()));
        let group = Group { labels: labels.into(), ..group };
        let mut cluster = (*fixture::in_cluster(&mut case).cluster).clone();
        cluster.policies = fixture::policies(policies);
        let equals = selector.iter().map(|&key| (key.to_owned(), "web".to_owned())).collect();
        cluster.selecting = vec![Ok(vec![Selecting {
            kind: SelectingKind::EagerService,
            name: "kafka".into(),
            selector: Selector { equals, requirements: Vec::new() },
            target: None,
            addresses: Vec::new(),
            ports: Vec::new(),
        }])];
        withheld(&group, &cluster)
    }

    fn selecting(key: &str) -> Value {
        let selector = json!({ "matchLabels": { key: "web" } });
        fixture::network_policy("own", &json!({ "podSelector": selector, "policyTypes": ["Egress"] }))
    }

    #[test]
    fn a_label_that_no_policy_names_is_withheld() {
        assert_eq!(withheld_beside(&[fixture::default_deny()], &["app"]), Ok(vec!["app".to_owned()]));
        assert_eq!(withheld_beside(&[selecting("app")], &["app", "role"]), Ok(vec!["role".to_owned()]));
        assert_eq!(withheld_beside(&[selecting("app")], &["other"]), Ok(Vec::new()));
    }

    #[test]
    fn a_label_by_which_a_policy_selects_pods_or_peers_is_kept() {
        let peer = json!({ "podSelector": { "matchExpressions": [{ "key": "app", "operator": "Exists" }] } });
        let peers = fixture::network_policy(
            "database",
            &json!({ "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{ "from": [peer] }] }),
        );
        for policy in [selecting("app"), peers] {
            let refused = withheld_beside(&[policy], &["app"]).unwrap_err();
            assert!(refused.contains("the Service kafka has publishNotReadyAddresses"), "{refused}");
        }
    }

    #[test]
    fn a_prefix_and_an_expression_name_a_label() {
        for (spec, named) in [
            (json!({ "endpointSelector": { "matchLabels": { "k8s:app": "web" } } }), true),
            (json!({ "selector": "app == 'web'" }), true),
            (json!({ "podSelector": { "matchLabels": { "role": "web" } } }), false),
            (json!({ "podSelector": { "matchLabels": { "myapp": "my-app" } } }), false),
        ] {
            assert_eq!(names(&spec, "app"), named, "{spec}");
        }
    }
}
