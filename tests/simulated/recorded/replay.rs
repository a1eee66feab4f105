//! Recorded requests, sent to the simulated API server one after the other. Their bodies have no more than the API server needs.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use http::{Request, header};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::{Service, ServiceExt};

use super::{NAMES, exchange::Exchange, modes::Mode};
use crate::{api, cluster::Cluster, simulation::Simulation};

/// The run of requests that begin one.
const NEW: &str = "podproof-00000000";
/// The time after which every new pod runs.
const STARTED: Duration = Duration::from_secs(10);
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// Returns a line for each recorded request whose answer has another status or another kind in a simulated cluster.
pub(super) fn differences(simulation: &Rc<Simulation>, mode: &Mode, recorded: &[Exchange]) -> Vec<String> {
    let cluster = &simulation.cluster;
    let killed = cluster.of_kind("configmaps", super::NAMESPACE).pop();
    let run = killed.map_or_else(|| NEW.to_owned(), |((_, _, name), _)| name);
    cluster.begin(&[]);
    simulation.act(send_all(cluster, recorded, &run));
    let answered = cluster.exchanges();
    assert_eq!(answered.len(), recorded.len());
    let differs = |(real, here): (&Exchange, &Exchange)| {
        let kind = |it: &Exchange| it.kind.split(',').next().unwrap_or_default().to_owned();
        let is_other = (real.code, kind(real)) != (here.code, kind(here));
        is_other.then(|| format!("{}: {real}, and here {} {}", mode.name, here.code, here.kind))
    };
    recorded.iter().zip(&answered).filter_map(differs).collect()
}

async fn send_all(cluster: &Cluster, recorded: &[Exchange], run: &str) {
    let mut server = api::server(cluster);
    // A stream ends when nobody reads it any more.
    let mut streams = Vec::new();
    let mut pods: Vec<_> = named_pods(recorded).into_iter().collect();
    for exchange in recorded {
        let uri = concrete(&exchange.uri, cluster, run);
        let name = pods.iter().position(|(namespace, _)| namespace == exchange.namespace());
        let name = name.filter(|_| makes_a_pod(exchange)).map(|place| pods.remove(place).1);
        let body = body(exchange, &name.unwrap_or_else(|| "{run}".to_owned()).replace("{run}", run), run);
        let mut request = Request::builder().method(exchange.method.as_str()).uri(uri);
        if exchange.kind.starts_with("PartialObjectMetadata") {
            request = request.header(header::ACCEPT, METADATA);
        }
        if exchange.is_exec() {
            sleep(STARTED).await;
            request = request
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "websocket")
                .header(header::SEC_WEBSOCKET_VERSION, "13")
                .header(header::SEC_WEBSOCKET_KEY, "AAAAAAAAAAAAAAAAAAAAAA==");
        }
        let request = request.body(Body::from(body.to_string().into_bytes())).unwrap();
        let answer = server.ready().await.unwrap().call(request).await.unwrap();
        if exchange.is_exec() || exchange.uri.contains("watch=true") {
            streams.push(answer);
        } else {
            answer.into_body().collect().await.unwrap();
        }
    }
}

/// Returns the pods of the run by namespace, as later requests name them.
fn named_pods(recorded: &[Exchange]) -> BTreeSet<(String, String)> {
    let named = recorded.iter().filter_map(|it| {
        let rest = it.uri.split_once("/pods/{run}")?.1;
        let rest = rest.split(['/', '?']).next()?;
        Some((it.namespace().to_owned(), format!("{{run}}{rest}")))
    });
    named.collect()
}

fn makes_a_pod(exchange: &Exchange) -> bool {
    let path = exchange.uri.split('?').next().unwrap_or_default();
    exchange.method == "POST" && path.ends_with("/pods") && !exchange.uri.contains("dryRun")
}

/// Gives everything with a general name the name that it has in the simulated cluster.
fn concrete(uri: &str, cluster: &Cluster, run: &str) -> String {
    let mut concrete = uri.replace("{run}", run).replace("{token}", &"0".repeat(32));
    for (name, general) in NAMES {
        concrete = concrete.replace(general, name);
    }
    concrete.replace("{version}", &cluster.store().version().to_string())
}

fn body(exchange: &Exchange, name: &str, run: &str) -> Value {
    let container = json!({ "name": "probe", "image": "registry.example/probe" });
    let resource = exchange.uri.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    match (exchange.method.as_str(), resource) {
        ("POST", "selfsubjectaccessreviews") => {
            json!({ "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": {} })
        }
        ("PATCH", "ephemeralcontainers") => {
            json!({ "spec": { "ephemeralContainers": [{ "name": run, "image": "registry.example/probe" }] } })
        }
        ("POST", _) => {
            let labels = json!({ "podproof.dev/run": run });
            json!({ "metadata": { "name": name, "labels": labels }, "spec": { "containers": [container] } })
        }
        _ => json!({}),
    }
}
