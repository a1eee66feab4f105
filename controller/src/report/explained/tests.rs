use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::case::policy::{Endpoint, Opaque, Policies};

fn reading(policies: &[serde_json::Value]) -> Reading {
    let of = |kind: &str, name: &str, pod: Option<&str>, app: &str| {
        let origin = Origin { kind: kind.into(), name: name.into(), pod: pod.map(str::to_owned) };
        let labels = BTreeMap::from([("app".to_owned(), app.to_owned())]).into();
        (origin, Endpoint { namespace: "shop".into(), labels, ..Endpoint::default() })
    };
    Reading {
        namespace: "shop".into(),
        endpoints: vec![
            of("deployment", "web", None, "web"),
            of("deployment", "web", Some("web-1"), "web"),
            of("deployment", "web", Some("web-2"), "web"),
            of("pod", "tool", Some("tool"), "tool"),
        ],
        policies: Policies::of(policies.to_vec(), Vec::new()),
        unread: Vec::new(),
    }
}

fn policy() -> serde_json::Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "namespace": "shop", "name": "web" },
        "spec": {
            "podSelector": { "matchLabels": { "app": "web" } },
            "policyTypes": ["Egress"],
            "egress": [{ "to": [{ "ipBlock": { "cidr": "10.0.0.0/8" } }], "ports": [{ "port": 443 }] }],
        },
    })
}

fn question(address: &str) -> Question {
    Question { address: address.parse().unwrap(), port: 443, transport: Transport::Tcp }
}

#[test]
fn workloads_that_are_bound_alike_are_said_once() {
    let explained = Explained::of(&reading(&[policy()]), &[], &[question("10.0.0.7"), question("192.0.2.1")]);
    insta::assert_snapshot!(explained.text(100), @"
    deployment/web (template; pods web-1, web-2)
     DIRECTION  PEER             PORT     BY
     egress     10.0.0.0/8       443/TCP  NetworkPolicy web, egress[0]
     egress     everything else  any      denied: NetworkPolicy web
     ingress    any              any      open: no policy binds it
    to 10.0.0.7:443/TCP: allowed by NetworkPolicy web, egress[0]
    to 192.0.2.1:443/TCP: denied by NetworkPolicy web

    pod/tool
     DIRECTION  PEER  PORT  BY
     egress     any   any   open: no policy binds it
     ingress    any   any   open: no policy binds it
    to 10.0.0.7:443/TCP: open: no policy binds egress
    to 192.0.2.1:443/TCP: open: no policy binds egress
    ");
}

#[test]
fn only_the_named_workloads_are_explained() {
    let asked = [("pod".to_owned(), "web-2".to_owned())];
    let explained = Explained::of(&reading(&[policy()]), &asked, &[]);
    assert_eq!(explained.groups.len(), 1);
    assert_eq!(explained.groups[0].workloads[0].pods, ["web-2"]);
}

#[test]
fn the_document_for_programs_has_rules_and_verdicts() {
    let explained = Explained::of(&reading(&[policy()]), &[], &[question("192.0.2.1")]);
    let document: serde_json::Value = serde_json::from_str(&explained.json().unwrap()).unwrap();
    let group = &document["groups"][0];
    assert_eq!(group["workloads"][0]["name"], "deployment/web");
    assert_eq!(group["egress"]["passes"][0]["rule"], "NetworkPolicy web, egress[0]");
    assert_eq!(group["ingress"]["open"], true);
    assert_eq!(group["answers"][0]["verdict"], "denied");
    assert_eq!(document["groups"][1]["answers"][0]["verdict"], "open");
}

/// A policy that closes nothing but what it names.
fn denying() -> serde_json::Value {
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumClusterwideNetworkPolicy",
        "metadata": { "name": "metadata" },
        "spec": {
            "endpointSelector": {},
            "enableDefaultDeny": { "egress": false },
            "egressDeny": [{ "toCIDR": ["169.254.169.254/32"] }],
        },
    })
}

#[test]
fn rules_that_deny_are_named_as_such() {
    let names = json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": { "namespace": "shop", "name": "names" },
        "spec": {
            "endpointSelector": { "matchLabels": { "app": "web" } },
            "egress": [
                { "toFQDNs": [{ "matchName": "example.org" }, { "matchPattern": "*.example.com" }] },
                {
                    "toEndpoints": [{ "matchLabels": { "k8s:io.kubernetes.pod.namespace": "kube-system", "k8s-app": "kube-dns" } }],
                    "toPorts": [{ "ports": [{ "port": "53" }], "rules": { "dns": [{ "matchPattern": "*" }] } }],
                },
                { "toEntities": ["kube-apiserver"] },
            ],
        },
    });
    let explained = Explained::of(
        &reading(&[denying(), names]),
        &[],
        &[question("169.254.169.254"), question("192.0.2.1")],
    );
    insta::assert_snapshot!(explained.text(140), @"
    deployment/web (template; pods web-1, web-2)
     DIRECTION  PEER                                                 PORT     BY
     egress     169.254.169.254/32 outside of the cluster            any      denied: CiliumClusterwideNetworkPolicy metadata, egressDeny[0]
     egress     example.org, *.example.com                           any      CiliumNetworkPolicy names, egress[0]
     egress     pods with k8s-app=kube-dns in namespace kube-system  53/TCP   CiliumNetworkPolicy names, egress[1]
                                                                     53/UDP
                                                                     53/SCTP
     egress     entity kube-apiserver                                any      CiliumNetworkPolicy names, egress[2]
     egress     everything else                                      any      denied: CiliumNetworkPolicy names
     ingress    any                                                  any      open: no policy binds it
    to 169.254.169.254:443/TCP: denied by CiliumClusterwideNetworkPolicy metadata, egressDeny[0]
    to 192.0.2.1:443/TCP: not evaluated: CiliumNetworkPolicy names, egress[0]: the addresses of example.org, *.example.com are not known

    pod/tool
     DIRECTION  PEER                                       PORT  BY
     egress     169.254.169.254/32 outside of the cluster  any   denied: CiliumClusterwideNetworkPolicy metadata, egressDeny[0]
     egress     everything else                            any   open: no policy binds it
     ingress    any                                        any   open: no policy binds it
    to 169.254.169.254:443/TCP: denied by CiliumClusterwideNetworkPolicy metadata, egressDeny[0]
    to 192.0.2.1:443/TCP: open: no policy binds egress
    ");
}

#[test]
fn the_document_for_programs_has_the_effect_of_each_rule() {
    let explained = Explained::of(&reading(&[denying()]), &[], &[question("192.0.2.1")]);
    let document: serde_json::Value = serde_json::from_str(&explained.json().unwrap()).unwrap();
    let egress = &document["groups"][0]["egress"];
    assert_eq!((&egress["open"], &egress["bound_by"]), (&json!(false), &json!([])));
    assert_eq!(egress["passes"][0]["effect"], "deny");
    assert_eq!(document["groups"][0]["answers"][0]["verdict"], "open");
}

#[test]
fn a_policy_of_another_kind_leaves_every_question_open() {
    let mut reading = reading(&[policy()]);
    reading.policies.opaque = vec![Opaque::titled("CiliumNetworkPolicy x".into(), true)];
    let explained = Explained::of(&reading, &[], &[question("10.0.0.7")]);
    assert!(explained.groups.iter().all(|group| !group.egress.open && !group.ingress.open));
    assert!(explained.groups.iter().all(|group| group.answers[0].verdict == AnswerVerdict::NotEvaluated));
}

#[test]
fn names_cannot_move_the_cursor() {
    let mut reading = reading(&[]);
    reading.endpoints[0].0.name = "web\u{1b}[2J".into();
    assert!(!Explained::of(&reading, &[], &[]).text(100).contains('\u{1b}'));
}
