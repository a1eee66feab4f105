//! The pods and directions that a policy binds.

use super::*;

fn sides(object: &Value, subject: &Endpoint) -> [Is; 2] {
    [Direction::Egress, Direction::Ingress]
        .map(|direction| is(&verdict(std::slice::from_ref(object), subject, direction, outside(), 443)))
}

/// `Rule.Sanitize`, `RulesToPolicyEntries` and `rule.mergeL4Filter`: a direction is bound by its rules, and by none of an
/// empty list.
#[test]
fn a_direction_is_bound_by_a_rule_and_by_no_empty_list() {
    for (spec, expected) in [
        (json!({ "endpointSelector": {} }), [Passing, Passing]),
        (json!({ "endpointSelector": {}, "egress": [] }), [Passing, Passing]),
        (json!({ "endpointSelector": {}, "egress": null, "ingress": [{}] }), [Passing, Closed]),
        (json!({ "endpointSelector": {}, "egress": [{}] }), [Closed, Passing]),
        (json!({ "endpointSelector": {}, "egress": [{}], "ingress": [] }), [Closed, Passing]),
        (json!({ "endpointSelector": {}, "egress": [{}], "ingress": [{}] }), [Closed, Closed]),
        (json!({ "endpointSelector": {}, "egressDeny": [{}] }), [Closed, Passing]),
        (json!({ "endpointSelector": {}, "egress": [{ "toEntities": ["all"] }] }), [Passing, Passing]),
    ] {
        assert_eq!(sides(&namespaced(&spec), &web()), expected, "{spec}");
    }
}

/// `Rule.EnableDefaultDeny`; `RulesToPolicyEntries` applies it to directions with rules alone.
#[test]
fn default_deny_can_be_switched_off_for_a_direction_with_rules() {
    let rules = |deny: Value, egress: Value| json!({ "endpointSelector": {}, "enableDefaultDeny": deny, "egress": egress, "ingress": [{}] });
    for (deny, egress, expected) in [
        (json!({}), json!([{}]), [Closed, Closed]),
        (json!({ "egress": true }), json!([{}]), [Closed, Closed]),
        (json!({ "egress": true }), json!([]), [Passing, Closed]),
        (json!({ "egress": false }), json!([{}]), [Passing, Closed]),
        (json!({ "egress": false, "ingress": false }), json!([{}]), [Passing, Passing]),
        (json!({ "egress": null, "ingress": false }), json!([{}]), [Closed, Passing]),
    ] {
        let spec = rules(deny, egress);
        assert_eq!(sides(&namespaced(&spec), &web()), expected, "{spec}");
    }
}

/// `getSelector` and `rule.matchesSubject`: a policy for nodes binds no pod.
#[test]
fn a_node_selector_binds_no_pod() {
    let spec = json!({ "nodeSelector": {}, "egress": [{}], "ingress": [{}] });
    assert_eq!(sides(&clusterwide(&spec), &web()), [Passing, Passing]);
}

/// `CiliumNetworkPolicy.Parse`: `spec` and `specs` hold together.
#[test]
fn each_part_of_specs_is_a_policy() {
    let part = |direction: &str| json!({ "endpointSelector": {}, direction: [{}] });
    let mut object = namespaced(&part("egress"));
    object["specs"] = json!([part("ingress")]);
    assert_eq!(sides(&object, &web()), [Closed, Closed]);
    object["spec"] = Value::Null;
    object["specs"] =
        json!([part("egress"), { "endpointSelector": {}, "egress": [{ "toEntities": ["world"] }] }]);
    let verdict = verdict(&[object], &web(), Direction::Egress, outside(), 443);
    assert_eq!(verdict, Verdict::Allowed("CiliumNetworkPolicy cnp, specs[1].egress[0]".to_owned()));
}

/// `ParseToCiliumRule`: a namespaced policy binds pods of its namespace, whatever namespace its selector names.
#[test]
fn a_namespaced_policy_binds_pods_of_its_namespace_alone() {
    let spec = |selector: Value| json!({ "endpointSelector": selector, "egress": [{}] });
    let other = pod("tools", &[("app", "web")], [10, 0, 0, 2]);
    for (selector, bound) in [
        (json!({}), true),
        (json!({ "matchLabels": { "app": "web" } }), true),
        (json!({ "matchLabels": { "any:app": "web" } }), true),
        (json!({ "matchLabels": { "k8s:app": "web" } }), true),
        (json!({ "matchLabels": { "container:app": "web" } }), false),
        (json!({ "matchLabels": { "app": "api" } }), false),
        (json!({ "matchLabels": { "k8s:io.kubernetes.pod.namespace": "tools" } }), true),
        (json!({ "matchLabels": { "io.kubernetes.pod.namespace": "tools" } }), false),
        (json!({ "matchLabels": { "reserved:init": "" } }), false),
    ] {
        let own = sides(&namespaced(&spec(selector.clone())), &web())[0];
        assert_eq!(own == Closed, bound, "{selector}");
        assert_eq!(sides(&namespaced(&spec(selector.clone())), &other)[0], Passing, "{selector}");
    }
}

/// `SanitizePodLabels`: Cilium's own labels of the namespace, its labels and the service account.
#[test]
fn a_policy_of_the_cluster_selects_by_the_labels_that_cilium_adds() {
    let any = |key: &str, value: &str| json!({ "matchLabels": { key: value } });
    let expression = |key: &str, operator: &str, values: Value| json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] });
    for (selector, expected) in [
        (json!({}), Closed),
        (any("io.kubernetes.pod.namespace", "shop"), Closed),
        (any("k8s:io.kubernetes.pod.namespace", "tools"), Passing),
        (expression("k8s:io.kubernetes.pod.namespace", "NotIn", json!(["kube-system"])), Closed),
        (expression("io.kubernetes.pod.namespace", "NotIn", json!(["shop"])), Passing),
        (any("io.cilium.k8s.namespace.labels.team", "shop"), Closed),
        (any("k8s:io.cilium.k8s.namespace.labels.team", "tools"), Passing),
        (expression("io.cilium.k8s.namespace.labels.other", "DoesNotExist", Value::Null), Closed),
        (any("io.cilium.k8s.policy.serviceaccount", "robot"), Closed),
        (any("io.cilium.k8s.policy.serviceaccount", "other"), Passing),
        (any("io.cilium.k8s.policy.cluster", "default"), NotEvaluated),
        (expression("io.cilium.k8s.policy.cluster", "Exists", Value::Null), Closed),
        (any("io.cilium.k8s.named-ports", "x"), NotEvaluated),
    ] {
        let spec = json!({ "endpointSelector": selector, "egress": [{}] });
        assert_eq!(sides(&clusterwide(&spec), &web())[0], expected, "{selector}");
    }
}

/// `defaultLabelPrefixCfg`: a pod's label that identities lack by default.
#[test]
fn a_label_that_cilium_leaves_out_is_not_evaluated() {
    let named = pod(
        "shop",
        &[("statefulset.kubernetes.io/pod-name", "db-0"), ("app.kubernetes.io/name", "db")],
        [10, 0, 0, 3],
    );
    for (key, value, expected) in [
        ("statefulset.kubernetes.io/pod-name", "db-0", NotEvaluated),
        ("statefulset.kubernetes.io/pod-name", "db-1", NotEvaluated),
        ("app.kubernetes.io/name", "db", Closed),
        ("pod-template-hash", "x", Passing),
    ] {
        let spec = json!({ "endpointSelector": { "matchLabels": { key: value } }, "egress": [{}] });
        assert_eq!(sides(&namespaced(&spec), &named)[0], expected, "{key}={value}");
    }
}

#[test]
fn unread_labels_of_the_namespace_and_an_unknown_account_are_not_evaluated() {
    let hidden = Endpoint { namespace_labels: None, service_account: String::new(), ..web() };
    for key in ["io.cilium.k8s.namespace.labels.team", "io.cilium.k8s.policy.serviceaccount"] {
        let spec = json!({ "endpointSelector": { "matchLabels": { key: "shop" } }, "egress": [{}] });
        assert_eq!(sides(&namespaced(&spec), &hidden)[0], NotEvaluated, "{key}");
    }
}

/// `pkg/policy/mapstate.go`: at one priority, a denying entry takes precedence over an allowing one.
#[test]
fn a_rule_that_denies_comes_before_every_rule_that_allows() {
    let open = namespaced(&json!({ "endpointSelector": {}, "egress": [{ "toEntities": ["all"] }] }));
    let deny =
        clusterwide(&json!({ "endpointSelector": {}, "egressDeny": [{ "toCIDR": ["192.0.2.0/24"] }] }));
    let network_policy = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "namespace": "shop", "name": "open" },
        "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": [{}] },
    });
    for allowing in [open, network_policy] {
        let to = |address: [u8; 4]| {
            let peer = Peer::Address(address.into());
            verdict(&[allowing.clone(), deny.clone()], &web(), Direction::Egress, peer, 443)
        };
        let by = "CiliumClusterwideNetworkPolicy ccnp, egressDeny[0]".to_owned();
        assert_eq!(to([192, 0, 2, 1]), Verdict::Denied(vec![by]));
        assert_eq!(is(&to([198, 51, 100, 1])), Passing);
    }
}

/// The documented policy that denies the metadata address and closes nothing else.
#[test]
fn a_policy_that_denies_and_does_not_isolate_leaves_the_rest_open() {
    let deny = clusterwide(&json!({
        "endpointSelector": {},
        "enableDefaultDeny": { "egress": false },
        "egressDeny": [{ "toCIDR": ["169.254.169.254/32"] }],
    }));
    let to = |peer| verdict(std::slice::from_ref(&deny), &web(), Direction::Egress, peer, 80);
    assert_eq!(is(&to(Peer::Address([169, 254, 169, 254].into()))), Closed);
    assert_eq!(to(outside()), Verdict::Open);
}
