use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::case::policy::{Endpoint, Opaque, Policies, network_policy};

fn reading(policies: &[serde_json::Value]) -> Reading {
    let of = |kind: &str, name: &str, pod: Option<&str>, app: &str| {
        let origin = Origin { kind: kind.into(), name: name.into(), pod: pod.map(str::to_owned) };
        let labels = BTreeMap::from([("app".to_owned(), app.to_owned())]);
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
        policies: Policies {
            read: policies.iter().map(network_policy::read).collect(),
            ..Policies::default()
        },
        unread: Vec::new(),
    }
}

fn policy() -> serde_json::Value {
    json!({
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
