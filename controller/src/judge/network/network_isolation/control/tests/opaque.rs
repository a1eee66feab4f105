//! Policies of kinds that are not evaluated, and the pods that they select.

use super::*;

/// Returns a policy that lets egress pass, of a kind that is not evaluated.
fn opening(api_version: &str, kind: &str, selector: (&str, &Value)) -> Value {
    let mut spec = json!({ "egress": [{ "action": "Accept" }] });
    spec[selector.0] = selector.1.clone();
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": { "name": "other", "namespace": "shop" }, "spec": spec,
    })
}

#[test]
fn an_opening_policy_that_certainly_selects_other_pods_stands_in_no_way() {
    let of_eks = |subject: &Value| {
        opening("networking.k8s.aws/v1alpha1", "ClusterNetworkPolicy", ("subject", subject))
    };
    let of_gke = |selector: &Value| {
        opening("networking.gke.io/v1alpha1", "FQDNNetworkPolicy", ("podSelector", selector))
    };
    let labels = |value: &str| json!({ "matchLabels": { "app": value } });
    let unknown = json!({ "matchExpressions": [{ "key": "app", "operator": "Like", "values": ["x"] }] });
    let pods = |value: &str| json!({ "pods": { "namespaceSelector": {}, "podSelector": labels(value) } });
    for (policy, expected) in [
        (of_eks(&json!({ "namespaces": { "matchLabels": { "team": "b" } } })), "met"),
        (of_eks(&json!({ "namespaces": {} })), "open"),
        (of_eks(&pods("api")), "met"),
        (of_eks(&pods("web")), "open"),
        (of_eks(&json!({ "accounts": labels("api") })), "open"),
        (of_gke(&labels("api")), "met"),
        (of_gke(&labels("web")), "open"),
        (of_gke(&json!({})), "open"),
        (of_gke(&json!(null)), "open"),
        (of_gke(&unknown), "open"),
        (
            opening("networking.k8s.aws/v1", "ApplicationNetworkPolicy", ("podSelector", &labels("api"))),
            "met",
        ),
        (opening("example.org/v1", "NetworkPolicy", ("podSelector", &labels("api"))), "open"),
    ] {
        let mut case = fixture::pod();
        fixture::bind(&mut case, &[fixture::default_deny(), policy.clone()]);
        assert_eq!(fixture::told(&judge(&case)), expected, "{policy}");
    }
}

#[test]
fn an_opening_policy_for_namespaces_of_unknown_labels_is_inconclusive() {
    let subject = json!({ "namespaces": { "matchLabels": { "team": "b" } } });
    let policy = opening("networking.k8s.aws/v1alpha1", "ClusterNetworkPolicy", ("subject", &subject));
    let mut case = fixture::pod();
    fixture::bind(&mut case, &[fixture::default_deny(), policy]);
    let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
    cluster.bonds.labels = Err(fixture::forbidden("get namespaces"));
    assert_eq!(fixture::told(&judge(&case)), "open");
}
