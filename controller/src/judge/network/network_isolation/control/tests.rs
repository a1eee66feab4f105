mod accounts;
mod claims;
mod interfaces;
mod labels;
mod opaque;
mod untried;

use std::sync::Arc;

use proto::Reach;
use serde_json::{Value, json};

use super::*;
use crate::{
    case::{
        cluster::ControlNamespace,
        policy::{Opaque, Unread},
        profile::{Allowed, Kind, Profile},
    },
    fixture,
    judge::{network::network_isolation::tests::judge, requirement::Outcome},
};

#[test]
fn silence_is_met_if_the_control_was_answered() {
    let judgement = judge(&fixture::pod());
    assert_eq!(judgement.outcome, Outcome::Met, "{}", judgement.because);
    assert!(judgement.citations.iter().any(|citation| citation.source == "control"));
}

#[test]
fn a_listener_that_the_control_did_not_reach_is_inconclusive() {
    for position in 0..2 {
        let mut case = fixture::pod();
        for reach in [Reach::TimedOut, Reach::Another] {
            fixture::tried(&mut case)[position].reach = reach;
            assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{position} {reach:?}");
        }
    }
}

fn control(case: &mut Case) -> &mut ControlNamespace {
    Arc::make_mut(&mut fixture::in_cluster(case).cluster).control.as_mut().unwrap()
}

fn of_control(spec: &Value) -> Value {
    let mut policy = fixture::network_policy("gate", spec);
    policy["metadata"]["namespace"] = json!("podproof");
    policy
}

#[test]
fn a_policy_that_shuts_the_listener_off_is_inconclusive() {
    let mut case = fixture::pod();
    let closed = json!({ "podSelector": {}, "policyTypes": ["Ingress"] });
    control(&mut case).policies = fixture::policies(&[of_control(&closed)]);
    let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
    assert!(why.contains("NetworkPolicy gate"), "{why}");
    let mut case = fixture::pod();
    control(&mut case).later = Some(fixture::policies(&[of_control(&closed)]));
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "closed during the run");
    let mut case = fixture::pod();
    let unread = Opaque::unread(Unread::NetworkPolicies, fixture::forbidden("list networkpolicies"));
    control(&mut case).policies.opaque.push(unread);
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster).control = None;
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
}

#[test]
fn a_policy_of_the_control_namespace_that_lets_the_probe_in_is_met() {
    for spec in [
        json!({ "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}] }),
        json!({ "podSelector": {}, "policyTypes": ["Egress"] }),
        json!({ "podSelector": { "matchLabels": { "app": "other" } }, "policyTypes": ["Ingress"] }),
    ] {
        let mut case = fixture::pod();
        control(&mut case).policies = fixture::policies(&[of_control(&spec)]);
        assert_eq!(judge(&case).outcome, Outcome::Met, "{spec}");
    }
}

/// Returns the outcome with an admin policy of which nothing tells if it selects the listener.
fn gated(ingress: &Value) -> &'static str {
    let admin = json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": { "name": "gate" },
        "spec": {
            "priority": 5,
            "subject": { "namespaces": { "matchLabels": { "closed": "yes" } } },
            "ingress": ingress,
        },
    });
    let mut case = fixture::pod();
    let control = control(&mut case);
    control.labels = Err(fixture::forbidden("get namespaces"));
    control.policies = fixture::policies(&[admin]);
    fixture::told(&judge(&case))
}

#[test]
fn a_policy_that_cannot_tell_the_probe_from_the_control_pod_is_measured() {
    assert_eq!(gated(&json!([{ "action": "Deny", "from": [{ "namespaces": {} }] }])), "met");
}

#[test]
fn a_policy_that_may_tell_the_probe_from_the_control_pod_is_inconclusive() {
    let own = json!({ "action": "Allow", "from": [{ "namespaces": { "matchLabels": { "a": "b" } } }] });
    assert_eq!(gated(&json!([own, { "action": "Deny", "from": [{ "namespaces": {} }] }])), "open");
}

/// Returns the policies with one that lets egress pass by a rule.
fn with_egress(case: &mut Case, rule: &Value) {
    let spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": [rule] });
    fixture::bind(case, &[fixture::default_deny(), fixture::network_policy("open", &spec)]);
}

#[test]
fn a_policy_that_lets_more_pass_than_the_profile_is_unmet() {
    for rule in [
        json!({}),
        json!({ "ports": [{ "port": 53, "protocol": "UDP" }] }),
        json!({ "to": [{ "ipBlock": { "cidr": "0.0.0.0/0" } }], "ports": [{ "port": 5432 }] }),
        json!({ "to": [{ "podSelector": {} }] }),
    ] {
        let mut case = fixture::pod();
        with_egress(&mut case, &rule);
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet, "{rule}");
        assert!(judgement.because.contains("NetworkPolicy open, egress[0] lets "), "{}", judgement.because);
        assert_eq!(judgement.because.matches(" lets ").count(), 1, "{}", judgement.because);
    }
}

#[test]
fn a_rule_that_leaves_the_decision_to_nobody_is_inconclusive() {
    let admin = json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": { "name": "skip" },
        "spec": {
            "priority": 10,
            "subject": { "namespaces": {} },
            "egress": [{ "action": "Pass", "to": [{ "networks": ["0.0.0.0/0"] }] }],
        },
    });
    for (policies, expected) in [(vec![admin.clone()], "open"), (vec![admin, fixture::default_deny()], "met")]
    {
        let mut case = fixture::pod();
        fixture::bind(&mut case, &policies);
        assert_eq!(fixture::told(&judge(&case)), expected, "{policies:?}");
    }
}

#[test]
fn a_policy_that_was_not_read_is_inconclusive() {
    let mut case = fixture::pod();
    let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
    let unread = fixture::forbidden("list ciliumnetworkpolicies.cilium.io");
    cluster.policies.opaque.push(Opaque::unread(Unread::Others, unread));
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
}

#[test]
fn a_policy_whose_pods_no_label_tells_is_inconclusive() {
    let by_group = json!({
        "apiVersion": "crd.antrea.io/v1beta1",
        "kind": "ClusterNetworkPolicy",
        "metadata": { "name": "drop" },
        "spec": { "appliedTo": [{ "group": "web" }], "egress": [{ "action": "Drop" }] },
    });
    let group = json!({ "metadata": { "name": "web" }, "spec": { "podSelector": {} } });
    let groups =
        json!({ "apiVersion": "crd.antrea.io/v1beta1", "kind": "ClusterGroupList", "items": [group] });
    let by_account = json!({
        "apiVersion": "vpcresources.k8s.aws/v1beta1",
        "kind": "SecurityGroupPolicy",
        "metadata": { "name": "closed", "namespace": "shop" },
        "spec": { "serviceAccountSelector": { "matchLabels": { "closed": "yes" } } },
    });
    for (policies, expected) in [
        (vec![by_group.clone(), fixture::default_deny()], "open"),
        (vec![by_account, fixture::default_deny()], "open"),
        (vec![by_group, groups, fixture::default_deny()], "met"),
    ] {
        let mut case = fixture::pod();
        fixture::bind(&mut case, &policies);
        assert_eq!(fixture::told(&judge(&case)), expected, "{policies:?}");
    }
}

#[test]
fn policies_that_changed_during_the_run_are_inconclusive() {
    let mut case = fixture::pod();
    fixture::changed(&mut case, "NetworkPolicy default-deny", "removed");
    let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
    assert!(why.contains("changed during the run"), "{why}");
}

#[test]
fn a_change_of_policies_of_other_pods_changes_nothing() {
    let mut case = fixture::pod();
    fixture::changed(&mut case, "NetworkPolicy other", "added");
    let other = json!({ "podSelector": { "matchLabels": { "app": "other" } }, "egress": [{}] });
    let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
    let objects = [fixture::default_deny(), fixture::network_policy("other", &other)];
    cluster.later.as_mut().unwrap().policies = fixture::policies(&objects);
    assert_eq!(judge(&case).outcome, Outcome::Met);
}

#[test]
fn a_network_that_the_probe_lacks_is_inconclusive() {
    let mut case = fixture::pod();
    let annotations = &mut fixture::pod_view(&mut case).network_annotations;
    annotations.insert("k8s.v1.cni.cncf.io/networks".into(), "lan".into());
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
}

#[test]
fn a_pod_in_the_nodes_network_is_unmet() {
    let mut case = fixture::pod();
    fixture::pod_view(&mut case).host_namespaces.push("network".into());
    assert_eq!(judge(&case).outcome, Outcome::Unmet);
}

#[test]
fn an_address_family_without_a_listener_is_inconclusive() {
    let mut case = fixture::pod();
    let address = "2001:db8::7".parse().unwrap();
    fixture::interfaces(&mut case).last_mut().unwrap().addresses.push(address);
    let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
    assert!(why.contains("IPv6"), "{why}");
}

#[test]
fn any_contact_is_unmet_beside_any_control() {
    for position in 0..3 {
        let mut case = fixture::pod();
        fixture::attempts(&mut case)[position].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }
}

#[test]
fn without_a_control_the_flag_that_decides_is_named() {
    let mut case = fixture::pod();
    case.surroundings.control = Control::NotAsked;
    let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
    assert!(why.contains("--control-namespace"), "{why}");
}

/// Returns the same sandbox on this machine, beside the controller.
fn local() -> Case {
    let mut case = fixture::pod();
    case.surroundings.in_cluster = None;
    case.surroundings.destinations[2].purpose = Purpose::Requested;
    case.surroundings.destinations[2].named = true;
    case
}

#[test]
fn on_this_machine_the_listener_and_a_target_beyond_decide_together() {
    let judgement = judge(&local());
    assert_eq!(judgement.outcome, Outcome::Met, "{}", judgement.because);
    let mut case = local();
    case.surroundings.destinations[2].named = false;
    let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
    assert!(why.contains("--egress-target"), "{why}");
    for position in 0..3 {
        let mut case = local();
        fixture::tried(&mut case)[position].reach = Reach::TimedOut;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{position}");
    }
}

#[test]
fn the_profile_no_private_allows_policies_for_the_internet_alone() {
    let private = [
        "10.0.0.0/8",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "240.0.0.0/4",
    ];
    let judged = |except: &[&str]| {
        let mut case = fixture::pod();
        let block = json!({ "ipBlock": { "cidr": "0.0.0.0/0", "except": except } });
        with_egress(&mut case, &json!({ "to": [block] }));
        case.surroundings.profile.kind = Kind::NoPrivate;
        fixture::told(&judge(&case))
    };
    assert_eq!(judged(&private), "met");
    for position in 0..private.len() {
        let mut except = private.to_vec();
        except.remove(position);
        assert_eq!(judged(&except), "unmet", "without {}", private[position]);
    }
}

#[test]
fn a_policy_for_addresses_that_clouds_give_to_hosts_is_more_than_nothing() {
    for (block, expected) in [
        ("198.19.0.0/16", "unmet"),
        ("240.10.0.0/16", "unmet"),
        ("fd00::/64", "unmet"),
        ("224.0.0.0/4", "met"),
        ("ff02::/16", "met"),
    ] {
        let mut case = fixture::pod();
        with_egress(&mut case, &json!({ "to": [{ "ipBlock": { "cidr": block } }] }));
        assert_eq!(fixture::told(&judge(&case)), expected, "{block}");
    }
}

#[test]
fn an_allow_list_allows_policies_for_its_destinations_alone() {
    let address = "192.0.2.1".parse().unwrap();
    let allowed = fixture::allowed(address, Some(443));
    let to = |block: &str, port: u16| json!({ "to": [{ "ipBlock": { "cidr": block } }], "ports": [{ "port": port }] });
    for (rule, expected) in [
        (to("192.0.2.1/32", 443), "met"),
        (to("192.0.2.0/31", 443), "unmet"),
        (to("192.0.2.1/32", 5432), "unmet"),
        (json!({ "ports": [{ "port": 443 }] }), "unmet"),
    ] {
        let mut case = fixture::pod();
        with_egress(&mut case, &rule);
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed.clone()] };
        assert_eq!(fixture::told(&judge(&case)), expected, "{rule}");
    }
}

#[test]
fn an_allowed_name_allows_policies_of_cilium_for_the_name() {
    for (name, expected) in [("api.example.com", "met"), ("example.com", "open")] {
        let mut case = fixture::pod();
        let egress = json!([{
            "toFQDNs": [{ "matchName": name }],
            "toPorts": [{ "ports": [{ "port": "443", "protocol": "TCP" }] }],
        }]);
        let policy = json!({
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumNetworkPolicy",
            "metadata": { "name": "by-name", "namespace": "shop" },
            "spec": { "endpointSelector": {}, "egress": egress },
        });
        fixture::bind(&mut case, &[fixture::default_deny(), policy]);
        let address = "192.0.2.1".parse().unwrap();
        let allowed = Allowed {
            address,
            prefix: 32,
            port: Some(443),
            protocol: None,
            name: Some("api.example.com".into()),
            behind: false,
        };
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
        assert_eq!(fixture::told(&judge(&case)), expected, "{name}");
    }
}

#[test]
fn an_allowed_service_allows_policies_for_its_pods() {
    let address = "10.96.0.10".parse().unwrap();
    let allowed = fixture::allowed(address, Some(53));
    let namespace = json!({ "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } });
    for (app, expected) in [("kube-dns", "met"), ("metrics", "open")] {
        let mut case = fixture::pod();
        let pods = json!({ "matchLabels": { "k8s-app": app } });
        let to = json!({ "namespaceSelector": namespace, "podSelector": pods });
        with_egress(&mut case, &json!({ "to": [to], "ports": [{ "port": 53, "protocol": "UDP" }] }));
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.addresses.as_mut().unwrap().dns.push(address);
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed.clone()] };
        let expected = if app == "kube-dns" { expected } else { "unmet" };
        assert_eq!(fixture::told(&judge(&case)), expected, "{app}");
    }
}
