//! Webhooks that do not work: the report gives the API server's words at once, long before a run's deadline.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::json;
use stage::{
    Cluster,
    cluster::{Loan, Namespace, Shop},
};

use super::{PRODUCTION, nothing_left, on, pod, rehearsed, told};

/// A URL on the reserved port 1, where nothing listens.
const NOWHERE: &str = "https://127.0.0.1:1/";
const PORT: u16 = 9_443;

/// A server that answers every request with 500.
struct Broken {
    openssl: Child,
    /// Certificate of the authority that signed the server's certificate, which is the same one.
    bundle: String,
}

impl Broken {
    fn start(cluster: &Cluster) -> Self {
        let [key, certificate] = ["webhook.key", "webhook.crt"].map(|name| cluster.state().join(name));
        let mut made = Command::new("openssl");
        made.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=webhook", "-addext"]);
        made.arg("subjectAltName=IP:127.0.0.1").arg("-keyout").arg(&key).arg("-out").arg(&certificate);
        assert!(made.output().unwrap().status.success());
        let mut openssl = cluster.inside("openssl");
        openssl.args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{PORT}")]);
        openssl.arg("-key").arg(&key).arg("-cert").arg(&certificate);
        let mut openssl = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut answers, requests) = (openssl.stdin.take().unwrap(), openssl.stdout.take().unwrap());
        thread::spawn(move || {
            let lines = BufReader::new(requests).split(b'\n').map_while(Result::ok);
            for _ in lines.filter(|line| line.starts_with(b"POST ")) {
                let answer =
                    "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                if answers.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        });
        let bundle = Command::new("openssl").args(["base64", "-A", "-in"]).arg(certificate).output().unwrap();
        Self { openssl, bundle: String::from_utf8(bundle.stdout).unwrap() }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        _ = self.openssl.kill();
        _ = self.openssl.wait();
    }
}

pub(super) fn out_of_reach(cluster: &Cluster) {
    fails(cluster, NOWHERE, "connection refused");
}

pub(super) fn broken(cluster: &Cluster) {
    fails(cluster, &format!("https://127.0.0.1:{PORT}/"), "an error on the server");
}

fn fails(cluster: &Cluster, url: &str, words: &str) {
    let broken = Broken::start(cluster);
    let (shop, control) = (cluster.namespace("guarded"), cluster.namespace("control"));
    Shop::default().open(&shop);
    let _webhook = lend(cluster, &shop, url, &broken.bundle);
    cluster.until("the webhook", || rehearsed(&shop, &pod()).err.contains(words));
    let ended = cluster.verify(&shop, &control, &[PRODUCTION, &["--timeout", "5m"]].concat());
    told(&ended, "failed calling webhook");
    assert!(ended.err.contains(words), "{words}: {}", ended.err);
    let asked = cluster.requests("podproof").into_iter().filter(|event| {
        event["verb"] == "create"
            && event["objectRef"]["resource"] == "pods"
            && event["objectRef"]["namespace"] == shop.name()
    });
    assert_eq!(asked.count(), 1, "the API server was asked again");
    nothing_left(&[&shop, &control]);
}

fn lend<'a>(cluster: &'a Cluster, namespace: &Namespace<'_>, url: &str, bundle: &str) -> Loan<'a> {
    let selector = json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace.name() } });
    let webhook = json!({
        "name": "guard.podproof.test",
        "clientConfig": { "url": url, "caBundle": bundle },
        "rules": on("CREATE", "pods")["resourceRules"],
        "namespaceSelector": selector,
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    });
    cluster.lend(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": namespace.name() },
        "webhooks": [webhook],
    }))
}
