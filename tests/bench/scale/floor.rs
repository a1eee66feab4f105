//! The floor: a bare client that makes the same pods, watches them, runs a program in each by exec, and deletes them.

use std::{
    collections::BTreeSet,
    env, io,
    process::{Command, ExitCode},
};

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{AttachParams, DeleteParams, ListParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use stage::cluster::SimulatedNodes;
use tokio::{io::AsyncReadExt, sync::watch};

/// The argument by which this program becomes the bare client, which must run in the cluster's network.
pub(super) const WORD: &str = "--bare-client";
const LABEL: &str = "bench.test/bare";
/// Pods at once, as many as the measured runs have.
const PARALLEL: usize = 64;

/// Returns the bare client's command.
pub(super) fn command(cluster: &SimulatedNodes, nodes: usize, controls: bool) -> Command {
    let mut command = cluster.inside(env::current_exe().unwrap());
    let control = if controls { cluster.control() } else { "" };
    command.args([WORD, cluster.judged(), control, &nodes.to_string()]);
    command
}

/// Runs the bare client with its arguments: the judged namespace, the namespace of control pods or nothing, and the number of
/// nodes.
pub(super) fn run(words: &[String]) -> io::Result<ExitCode> {
    let [judged, control, nodes] = words else { panic!("{words:?}") };
    let nodes: usize = nodes.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::try_default().await.unwrap();
        let probes = (0..nodes).map(|node| (judged, format!("bare-{node}"), node, true));
        let mut pods: Vec<_> = probes.collect();
        if !control.is_empty() {
            for role in ["listener", "control"] {
                let of_role = |node: usize| (control, format!("bare-{role}-{node}"), node, role == "control");
                pods.extend((0..nodes).map(of_role));
            }
        }
        let namespaces: BTreeSet<_> = [judged, control].into_iter().filter(|it| !it.is_empty()).collect();
        let watches: Vec<_> =
            namespaces.iter().map(|it| ((*it).clone(), running(&client, it.as_str()))).collect();
        stream::iter(pods)
            .for_each_concurrent(PARALLEL, |(namespace, name, node, is_asked)| {
                let api = Api::<Pod>::namespaced(client.clone(), namespace);
                let mut seen = watches.iter().find(|(of, _)| of == namespace).unwrap().1.clone();
                async move {
                    let pod = serde_json::from_value(pod(&name, node)).unwrap();
                    api.create(&PostParams::default(), &pod).await.unwrap();
                    seen.wait_for(|names| names.contains(&name)).await.unwrap();
                    if is_asked {
                        ask(&api, &name).await;
                    }
                }
            })
            .await;
        for (namespace, mut seen) in watches {
            let api = Api::<Pod>::namespaced(client.clone(), &namespace);
            let own = ListParams::default().labels(LABEL);
            api.delete_collection(&DeleteParams::default(), &own).await.unwrap();
            seen.wait_for(BTreeSet::is_empty).await.unwrap();
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// Runs the probe's shortest command, and reads its output.
async fn ask(api: &Api<Pod>, name: &str) {
    let params = AttachParams::default().stdout(true).stderr(false);
    let mut process = api.exec(name, ["/probe", "--version"], &params).await.unwrap();
    let mut output = Vec::new();
    process.stdout().unwrap().read_to_end(&mut output).await.unwrap();
    assert!(!output.is_empty(), "{name} does not answer");
    process.join().await.unwrap();
}

/// Watches the bare client's pods of a namespace. Returns the names of those that run.
fn running(client: &Client, namespace: &str) -> watch::Receiver<BTreeSet<String>> {
    let api = Api::<Pod>::namespaced(client.clone(), namespace);
    let (sender, seen) = watch::channel(BTreeSet::new());
    tokio::spawn(async move {
        let own = watcher::Config::default().labels(LABEL);
        let mut events = Box::pin(watcher(api, own).default_backoff());
        while let Some(event) = events.next().await {
            let (pod, is_there) = match event {
                Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) => (pod, true),
                Ok(watcher::Event::Delete(pod)) => (pod, false),
                _ => continue,
            };
            let runs = pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running");
            sender.send_if_modified(|names| {
                if is_there && runs { names.insert(pod.name_any()) } else { names.remove(&pod.name_any()) }
            });
        }
    });
    seen
}

/// Returns a pod as small as a probe's, on a node.
fn pod(name: &str, node: usize) -> Value {
    let on = json!({ "key": "metadata.name", "operator": "In", "values": [format!("node-{node:04}")] });
    let terms = json!({ "nodeSelectorTerms": [{ "matchFields": [on] }] });
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "labels": { LABEL: "" } },
        "spec": {
            "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": terms } },
            "automountServiceAccountToken": false,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 5,
            "tolerations": [{ "operator": "Exists" }],
            "containers": [{ "name": "probe", "image": "registry.example/probe:1", "command": ["/probe", "hold", "60"] }],
        },
    })
}
