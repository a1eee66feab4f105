//! The cost of a run in a real cluster: against a bare pod of the same class, made, awaited and deleted by the same
//! client; in requests; and in the controller's memory. It prints ratios and sizes, and judges nothing.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on ends here"
)]

use std::{
    fs,
    io::{self, Write},
    process::{Child, Stdio},
    time::Instant,
};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
    runtime::wait::{await_condition, conditions},
};
use stage::{
    Cluster,
    cluster::{ONE, Options, Shop, pod},
};

const RUNS: usize = 7;
/// The argument by which this program becomes the client of a bare pod, which must run in the cluster's network.
const BARE: &str = "--bare-pod-in";
/// The controller's user agent in the audit log.
const AGENT: &str = "podproof/";

fn main() -> io::Result<()> {
    let words: Vec<_> = std::env::args().collect();
    if let Some(at) = words.iter().position(|word| word == BARE) {
        return bare(words.get(at + 1).unwrap(), words.get(at + 2).unwrap());
    }
    let mut out = io::stdout();
    let cluster = Cluster::start(Options::default());
    let (namespace, control) = (cluster.namespace("bench"), cluster.namespace("control"));
    Shop::default().open(&namespace);
    let image = cluster.probe_image();
    let verify = ["verify", "--quiet", "--namespace", namespace.name(), "--image", &image];
    let with_control = [&verify[..], &["--control-namespace", control.name()]].concat();
    let mut pairs = Vec::new();
    let mut peak = 0;
    // In pairs, so that changes of the machine's load affect both.
    for _ in 0..RUNS {
        let started = Instant::now();
        let mut command = cluster.controller_command(&with_control);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        peak = peak.max(peak_of(child));
        pairs.push((
            started.elapsed().as_secs_f64() * 1000.0,
            bare_beside(&cluster, namespace.name(), &image),
        ));
    }
    let ratio = median(pairs.iter().map(|(whole, bare)| whole / bare));
    let bare = median(pairs.iter().map(|(_, bare)| *bare));
    writeln!(out, "verify --namespace with a control takes {ratio:.2} times a bare pod ({bare:.0} ms)")?;
    let requests = cluster.requests(AGENT);
    let of = |verb: &str, resource: &str| {
        requests
            .iter()
            .filter(|event| event["verb"] == verb && event["objectRef"]["resource"] == resource)
            .count()
    };
    let for_pods = of("create", "pods") + of("delete", "pods") + of("get", "pods");
    writeln!(
        out,
        "requests: {} in a run, of which {} for each pod that it launches",
        requests.len() / RUNS,
        for_pods / RUNS / 2
    )?;
    writeln!(out, "peak memory of the controller: {peak} KB")?;
    drop((namespace, control));
    let left = cluster.stop();
    if left.is_empty() { Ok(()) } else { panic!("left behind: {left:?}") }
}

/// Waits for the controller to end. Returns its peak memory by the kernel's own account, in KB.
fn peak_of(mut child: Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::yield_now();
    }
    peak
}

/// Returns the time of a bare pod, in milliseconds.
fn bare_beside(cluster: &Cluster, namespace: &str, image: &str) -> f64 {
    let output =
        cluster.inside(std::env::current_exe().unwrap()).args([BARE, namespace, image]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn bare(namespace: &str, image: &str) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let took = runtime.block_on(async {
        let started = Instant::now();
        let client = Client::try_default().await.unwrap();
        let api = Api::<Pod>::namespaced(client, namespace);
        let mut object = pod("bare", "gvisor", ONE, None);
        let spec = &mut object["spec"];
        spec["terminationGracePeriodSeconds"] = 5.into();
        spec["securityContext"] = serde_json::json!({
            "runAsNonRoot": true, "runAsUser": 65_534, "seccompProfile": { "type": "RuntimeDefault" },
        });
        let container = &mut spec["containers"][0];
        container["image"] = image.into();
        container["command"] = serde_json::json!(["/probe", "hold", "60"]);
        container["securityContext"] =
            serde_json::json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } });
        let object: Pod = serde_json::from_value(object).unwrap();
        let made = api.create(&PostParams::default(), &object).await.unwrap();
        await_condition(api.clone(), "bare", conditions::is_pod_running()).await.unwrap();
        api.delete("bare", &DeleteParams::default()).await.unwrap();
        await_condition(api, "bare", conditions::is_deleted(&made.metadata.uid.unwrap())).await.unwrap();
        started.elapsed()
    });
    writeln!(io::stdout(), "{}", took.as_secs_f64() * 1000.0)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
