//! Labels that a probe does without. A Service with `publishNotReadyAddresses` takes every pod that it selects for an endpoint, ready
//! or not, and would send the workload's traffic to a probe with the workload's labels; some operators take it for a pod of their own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::claims::Claim;
use crate::case::{
    cluster::{Cluster, Group, SelectingKind},
    policy::Policies,
};

/// Returns the keys of the labels without which no such Service selects the group's probe, and no such operator takes it. The probe
/// keeps each label by which a policy selects pods or peers, because without the label the probe would not be bound as its pods are.
pub(super) fn withheld(group: &Group, cluster: &Cluster) -> Result<Vec<String>, String> {
    let mut withheld = unclaimed(group, cluster)?;
    let selecting = cluster.selecting.iter().flatten().flatten();
    let eager = selecting.filter(|it| it.kind == SelectingKind::EagerService && it.takes(group));
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

/// Returns the keys of the labels without which no operator takes the group's probe for a pod of its own.
fn unclaimed(group: &Group, cluster: &Cluster) -> Result<Vec<String>, String> {
    let mut withheld = Vec::new();
    for claim in Claim::on(&group.labels) {
        let ways = claim.ways_out(&group.labels);
        match ways.iter().find(|keys| keys.iter().all(|key| is_free(cluster, key))) {
            Some(keys) => withheld.extend(keys.iter().map(|&key| key.to_owned())),
            // The cluster refuses or deletes such a probe by itself.
            None if !claim.harms => (),
            None => {
                return Err(format!(
                    "{} takes each pod with the label {} for its own, and would take the probe; policies select by the label, or \
                     may, so that the probe cannot do without; examine the running pods by `--live`",
                    claim.by,
                    ways.concat().join(" or ")
                ));
            }
        }
    }
    Ok(withheld)
}

/// Returns a remark for each group whose probe does without labels, and for each reason.
pub fn remarks(groups: &[Group]) -> Vec<String> {
    let without = groups.iter().filter(|group| !group.withheld.is_empty() && group.refused.is_none());
    let mut remarks: Vec<_> = without.flat_map(remarks_on).collect();
    remarks.dedup();
    remarks
}

fn remarks_on(group: &Group) -> Vec<String> {
    let mut keys_by_claimant = BTreeMap::<_, Vec<_>>::new();
    for key in &group.withheld {
        let claimant = Claim::by_key(key, &group.labels).map(|claim| claim.by);
        keys_by_claimant.entry(claimant).or_default().push(key.as_str());
    }
    let represented = group.represents();
    let these = represented.first().map_or("these pods", String::as_str);
    let remark = |(claimant, keys): (Option<&str>, Vec<_>)| {
        let purpose = match claimant {
            Some(name) => format!("{name} does not take it for a pod of its own"),
            None => "no Service with publishNotReadyAddresses sends it traffic".to_owned(),
        };
        format!(
            "the probe of {these} does without the label {}, so that {purpose}; no policy that was read selects by the label, and \
             policies of other namespaces were not asked",
            keys.join(" and ")
        )
    };
    keys_by_claimant.into_iter().map(remark).collect()
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
        case::cluster::{Labels, Selecting, Selector},
        fixture,
    };

    /// Returns the labels that a probe of pods with these labels does without.
    fn withheld_of(labels: &[(&str, &str)], policies: &[Value]) -> Result<Vec<String>, String> {
        let mut case = fixture::pod();
        let group = fixture::in_cluster(&mut case).group.clone();
        let labels =
            labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect::<Labels>();
        let mut cluster = (*fixture::in_cluster(&mut case).cluster).clone();
        cluster.policies = fixture::policies(policies);
        withheld(&Group { labels, ..group }, &cluster)
    }

    #[test]
    fn no_operator_takes_a_probe_for_a_pod_of_its_own() {
        let deny = [fixture::default_deny()];
        for (labels, without) in [
            (
                &[("app", "web"), ("ray.io/cluster", "a"), ("ray.io/node-type", "worker")][..],
                &["ray.io/cluster"][..],
            ),
            (
                &[("kueue.x-k8s.io/managed", "true"), ("kueue.x-k8s.io/queue-name", "q")],
                &["kueue.x-k8s.io/managed", "kueue.x-k8s.io/queue-name"],
            ),
            (&[("type", "flink-native-kubernetes")], &["type"]),
            (&[("type", "web"), ("kubernetes_executors", "x")], &[]),
        ] {
            let expected: Vec<_> = without.iter().map(|&key| key.to_owned()).collect();
            assert_eq!(withheld_of(labels, &deny), Ok(expected), "{labels:?}");
        }
    }

    #[test]
    fn a_policy_by_a_claimed_label_keeps_a_probe_away_that_would_cost_the_workload_a_pod() {
        let labels = [("ray.io/cluster", "a"), ("strimzi.io/kind", "Kafka"), ("strimzi.io/name", "a-kafka")];
        let refused = withheld_of(&labels, &[selecting("ray.io/cluster")]).unwrap_err();
        assert!(refused.contains("KubeRay takes each pod with the label ray.io/cluster"), "{refused}");
        assert!(refused.contains("--live"), "{refused}");
        // Another of the labels by which an operator selects will do, and a probe that it deletes harms nobody.
        let without = withheld_of(&labels[1..], &[selecting("strimzi.io/name")]);
        assert_eq!(without, Ok(vec!["strimzi.io/kind".to_owned()]));
        let both = [selecting("strimzi.io/name"), selecting("strimzi.io/kind")];
        assert_eq!(withheld_of(&labels[1..], &both), Ok(Vec::new()));
    }

    #[test]
    fn a_remark_names_the_reason_for_each_label() {
        let mut case = fixture::pod();
        let group = fixture::in_cluster(&mut case).group.clone();
        let labels = ["app", "ray.io/cluster"].map(|key| (key.to_owned(), "web".to_owned()));
        let withheld = vec!["app".to_owned(), "ray.io/cluster".to_owned()];
        let told = remarks(&[Group { labels: labels.into(), withheld, ..group }]);
        let [service, operator] = told.as_slice() else { panic!("{told:?}") };
        assert!(service.contains("without the label app, so that no Service"), "{service}");
        assert!(operator.contains("ray.io/cluster, so that KubeRay does not take it"), "{operator}");
    }

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
