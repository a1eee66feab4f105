//! Network profiles, each against a policy that fits it and a policy that does not. Every other row uses `deny-all`.

use std::{fs, process};

use serde_json::{Value, json};
use stage::{Cluster, cluster::deployment};

use super::{CLEAN, Lacks, Row, SYSTEM, listener, network};

const PORT: u16 = 8443;

/// The probe reaches everything at all times. The internet is allowed, and with it every name.
const OPEN_BEYOND_THE_INTERNET: Lacks = &[
    ("api-server-blocked", "unmet"),
    ("closed-from-the-start", "not-applicable"),
    ("dns-contained", "not-applicable"),
    ("metadata-blocked", "unmet"),
    ("neighbours-blocked", "unmet"),
    ("network-isolation", "unmet"),
    ("policies-enforced", "not-applicable"),
];
/// Nothing is wrong, and the profile allows public name servers.
const FITS_THE_INTERNET: Lacks = &[("dns-contained", "not-applicable")];
/// A policy lets more pass than the profile, and nothing answers there.
const WIDER_THAN_THE_INTERNET: Lacks = &[("dns-contained", "not-applicable"), ("network-isolation", "unmet")];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "no-private, and a policy for the internet alone",
        spoil: |shop| {
            let except = json!([
                "10.0.0.0/8",
                "100.64.0.0/10",
                "169.254.0.0/16",
                "172.16.0.0/12",
                "192.168.0.0/16",
                "198.18.0.0/15",
                "240.0.0.0/4",
            ]);
            let internet = json!([{ "ipBlock": { "cidr": "0.0.0.0/0", "except": except } }]);
            shop.policy("internet", &network::egress(&json!({}), &json!([{ "to": internet }])));
        },
        words: |_| said(&["--profile", "no-private"]),
        lacks: &[("pod/web", FITS_THE_INTERNET)],
        ..CLEAN
    },
    Row {
        name: "no-private, and a policy for everything",
        spoil: |shop| shop.policy("all", &network::egress(&json!({}), &json!([{}]))),
        words: |_| said(&["--profile", "no-private"]),
        lacks: &[("pod/web", OPEN_BEYOND_THE_INTERNET)],
        code: 1,
        says: "egress is open",
        ..CLEAN
    },
    Row {
        name: "an allow-list, and a policy for what is on it",
        spoil: |shop| shop.policy("list", &network::egress(&json!({}), &listened("fits"))),
        lend: |cluster| vec![listener(cluster, &name("fits"), PORT)],
        words: |cluster| allowed(cluster, "--require-egress", "fits"),
        ..CLEAN
    },
    Row {
        name: "two workloads, each with a list of its own",
        spoil: |shop| {
            shop.deployments.push(deployment("idle"));
            let web = json!({ "app": "web" });
            shop.policy("list", &network::egress(&web, &listened("own")));
        },
        lend: |cluster| vec![listener(cluster, &name("own"), PORT)],
        words: |cluster| listed_for(cluster, "deployment/web", &address(cluster, "own")),
        lacks: &[("pod/web", &[]), ("pod/idle", &[])],
        ..CLEAN
    },
    Row {
        name: "an allow-list, and a policy for nothing",
        lend: |cluster| vec![listener(cluster, &name("idle"), PORT)],
        words: |cluster| allowed(cluster, "--allow", "idle"),
        ..CLEAN
    },
    Row {
        name: "a required destination, and a policy for nothing",
        lend: |cluster| vec![listener(cluster, &name("shut"), PORT)],
        words: |cluster| allowed(cluster, "--require-egress", "shut"),
        lacks: &[("pod/web", &[("network-isolation", "unmet")])],
        code: 1,
        says: "the sandbox must reach",
        ..CLEAN
    },
    Row {
        name: "an allow-list, and a policy for everything",
        spoil: |shop| shop.policy("all", &network::egress(&json!({}), &json!([{}]))),
        lend: |cluster| vec![listener(cluster, &name("wide"), PORT)],
        words: |cluster| allowed(cluster, "--allow", "wide"),
        lacks: &[("pod/web", network::OPENED)],
        code: 1,
        says: "egress is open",
        ..CLEAN
    },
    Row {
        name: "an allow-list, and a policy for a port of everywhere",
        spoil: |shop| {
            shop.policy("list", &network::egress(&json!({}), &listened("port")));
            shop.policy("port", &network::egress(&json!({}), &network::port("TCP", 5432)));
        },
        lend: |cluster| vec![listener(cluster, &name("port"), PORT)],
        words: |cluster| allowed(cluster, "--allow", "port"),
        lacks: &[("pod/web", network::OPENED_TO_A_POLICYS_PORT)],
        code: 1,
        says: "NetworkPolicy port",
        ..CLEAN
    },
    Row {
        name: "no-private, and a policy for a private block on a port that nobody tries",
        spoil: |shop| {
            let to = json!([{ "ipBlock": { "cidr": "10.200.0.0/16" } }]);
            let rules = json!([{ "to": to, "ports": [{ "protocol": "TCP", "port": 6432 }] }]);
            shop.policy("private", &network::egress(&json!({}), &rules));
        },
        words: |_| said(&["--profile", "no-private"]),
        lacks: &[("pod/web", WIDER_THAN_THE_INTERNET)],
        code: 1,
        says: "NetworkPolicy private",
        ..CLEAN
    },
];

fn said(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn name(row: &str) -> String {
    format!("listener-{row}-{}", process::id())
}

/// Returns the rules of a policy that allows that listener, and nothing else.
fn listened(row: &str) -> Value {
    let to = json!([{
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": SYSTEM } },
        "podSelector": { "matchLabels": { "app": name(row) } },
    }]);
    json!([{ "to": to, "ports": [{ "protocol": "TCP", "port": PORT }] }])
}

fn allowed(cluster: &Cluster, flag: &str, row: &str) -> Vec<String> {
    said(&["--profile", "allow-list", flag, &address(cluster, row)])
}

fn address(cluster: &Cluster, row: &str) -> String {
    let pod = cluster.get(&["pod", &name(row), "--namespace", SYSTEM]);
    format!("{}:{PORT}", pod["status"]["podIP"].as_str().unwrap())
}

/// Returns the arguments that name a policy file, in which one workload must reach an address.
fn listed_for(cluster: &Cluster, workload: &str, address: &str) -> Vec<String> {
    let file = cluster.state().join(format!("lists-{}.toml", process::id()));
    let text = format!("[[workloads]]\nworkload = {workload:?}\nrequire-egress = [{address:?}]\n");
    fs::write(&file, text).unwrap();
    said(&["--policy", &file.display().to_string()])
}
