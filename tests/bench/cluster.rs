//! The cost of a run in a real cluster: against a bare pod of the same class, made, awaited and deleted by the same
//! client; in requests by their kind; in the controller's memory; and for each running pod that is examined in place. It prints
//! ratios and sizes, and judges nothing.
//!
//! A kubelet looks at its pods once a second, so that the time of a start or of an end depends on the moment within that second.
//! Both programs begin at the same moments, which are spread over the second.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on ends here"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
    runtime::wait::{await_condition, conditions},
};
use stage::{
    Cluster,
    cluster::{Namespace, ONE, Options, Shop, pod},
};

const RUNS: usize = 8;
/// The time from the first round of attempts to the second, which is the default of `--settle`.
const SETTLE: Duration = Duration::from_secs(5);
/// The running pods of one run, and those that are visited at once.
const PODS: u32 = 20;
const AT_ONCE: &str = "8";
const SECOND: Duration = Duration::from_secs(1);
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
    let one_round = [&with_control[..], &["--settle", "0"]].concat();
    let settle = format!("{}s", SETTLE.as_secs());
    let two_rounds = [&with_control[..], &["--settle", &settle]].concat();
    let (mut one, mut two, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let mut peak = 0;
    // In turns, so that changes of the machine's load affect all.
    for run in 0..RUNS {
        let part = SECOND / u32::try_from(RUNS).unwrap() * u32::try_from(run).unwrap();
        for (words, times) in [(&one_round, &mut one), (&two_rounds, &mut two)] {
            let started = begin(part);
            let mut command = cluster.controller_command(words);
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            peak = peak.max(peak_of(child));
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        begin(part);
        bare.push(bare_beside(&cluster, namespace.name(), &image));
    }
    let (bare, settle) = (mean(bare), SETTLE.as_secs_f64() * 1000.0);
    for (rounds, whole) in
        [("one round", mean(one)), ("two rounds, without the time between them,", mean(two) - settle)]
    {
        writeln!(
            out,
            "verify --namespace with a control and {rounds} takes {:.2} times a bare pod ({whole:.0} ms, {bare:.0} ms)",
            whole / bare
        )?;
    }
    let requests = requests(&cluster);
    writeln!(out, "requests of a run: {}", per_run(requests.values().sum()))?;
    for (kind, count) in &requests {
        writeln!(out, "  {} {kind}", per_run(*count))?;
    }
    writeln!(out, "peak memory of the controller: {peak} KB")?;
    let seconds = in_place(&cluster, &control);
    writeln!(
        out,
        "verify --live=all --parallel {AT_ONCE} of {PODS} pods with a control and one round takes {:.2} s a pod ({seconds:.1} s)",
        seconds / f64::from(PODS)
    )?;
    drop((namespace, control));
    let left = cluster.stop();
    if left.is_empty() { Ok(()) } else { panic!("left behind: {left:?}") }
}

/// Returns the time of a run that examines each pod of a workload in place, in seconds.
fn in_place(cluster: &Cluster, control: &Namespace<'_>) -> f64 {
    let namespace = cluster.namespace("running");
    let mut shop = Shop::default();
    shop.deployments[0]["spec"]["replicas"] = PODS.into();
    shop.open(&namespace);
    // A deployment counts as available before its last pods run.
    let whole = namespace.kubectl(&["rollout", "status", "deployment/web", "--timeout=180s"]);
    assert!(whole.status.success(), "{whole:#?}");
    let started = Instant::now();
    let ended = cluster.verify(&namespace, control, &["--settle", "0", "--live=all", "--parallel", AT_ONCE]);
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(
        ended.report()["sandboxes"].as_array().map(Vec::len),
        usize::try_from(PODS).ok(),
        "{ended:#?}"
    );
    seconds
}

/// Waits until so much of a second of the clock has passed, and returns the moment.
fn begin(part: Duration) -> Instant {
    let now =
        Duration::from_nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into());
    let pause = (part + SECOND).saturating_sub(now);
    thread::sleep(pause.checked_sub(SECOND).unwrap_or(pause));
    Instant::now()
}

/// Returns the number of the controller's requests of each kind. A stream has several events of one id.
fn requests(cluster: &Cluster) -> BTreeMap<String, usize> {
    let mut ids = BTreeSet::new();
    let mut kinds = BTreeMap::new();
    for event in cluster.requests(AGENT) {
        if ids.insert(event["auditID"].to_string()) {
            let of = |path: &str| event.pointer(path).and_then(serde_json::Value::as_str).unwrap_or_default();
            let subresource = Some(of("/objectRef/subresource")).filter(|it| !it.is_empty());
            let resource = Some(of("/objectRef/resource")).filter(|it| !it.is_empty());
            let object =
                [resource.unwrap_or(of("/requestURI"))].into_iter().chain(subresource).collect::<Vec<_>>();
            *kinds.entry(format!("{} {}", of("/verb"), object.join("/"))).or_default() += 1;
        }
    }
    kinds
}

/// Returns a number of all runs for one of them. Each turn has two.
fn per_run(count: usize) -> String {
    let runs = 2 * RUNS;
    if count.is_multiple_of(runs) {
        return (count / runs).to_string();
    }
    format!("{:.1}", f64::from(u32::try_from(count).unwrap()) / f64::from(u32::try_from(runs).unwrap()))
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
        // A loop without a pause would take a processor from the nodes.
        thread::sleep(Duration::from_millis(2));
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

fn mean(values: Vec<f64>) -> f64 {
    let count = f64::from(u32::try_from(values.len()).unwrap());
    values.into_iter().sum::<f64>() / count
}
