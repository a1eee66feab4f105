//! A probe that replays recorded evidence, and attempts its targets in a network of its own making.

use std::{io, net::IpAddr, sync::LazyLock, time::Duration};

use hyper_util::rt::TokioIo;
use prost::Message;
use proto::{
    Assignment, Attempt, Delivery, Egress, Evidence, Fact, Introduction, MountTable, MountsOf, Observation,
    Observed, Observer, Process, ProcessKind, ProcessStatus, Processes, Protocol, Reach, SCHEMA_VERSION,
    Target, delivery::Content, generated, generated::collector_client::CollectorClient,
};
use serde_json::Value;
use tokio::{io::DuplexStream, time::sleep};
use tokio_stream::StreamExt;
use tonic::transport::{Channel, Endpoint};

use crate::{
    cluster::{ADDRESSES, Cluster, OPEN_AT_FIRST},
    store::text,
};

/// Evidence of a gVisor sandbox on x86-64 that meets every requirement.
static EVIDENCE: LazyLock<Evidence> = LazyLock::new(|| evidence(false));
/// The same evidence, with the observations of the kernel on `AArch64`.
static ON_ARM: LazyLock<Evidence> = LazyLock::new(|| evidence(true));
/// The observations of the kernel that answers, which differ between the architectures.
const OF_THE_KERNEL: &[&str] = &[
    "kernel_name",
    "kernel_banner",
    "kernel_log",
    "vdso_image",
    "auxiliary_vector",
    "fault_frame",
    "gs_pointer",
    "call_site",
    "segment_registers",
    "call_duration",
    "processor_identity",
    "sentry_meminfo",
    "procfs_tree",
    "call_answers",
    "time_page",
];
/// The time for the observers of a probe.
const LOOKING: Duration = Duration::from_millis(150);

/// The time between two messages of a probe.
const SENDING: Duration = Duration::from_millis(1);

/// The pod in which a probe runs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    name: String,
    address: Option<IpAddr>,
    /// True for a probe that visits a running pod.
    visits: bool,
    /// The id of the pod's first container.
    container: String,
    /// True on a node of arm64.
    on_arm: bool,
    /// True if the network is open until the pod has given its evidence.
    is_open: bool,
}

impl Place {
    pub(crate) fn of(cluster: &Cluster, pod: &Value, container: &str) -> Self {
        Self {
            name: text(pod, "/metadata/name"),
            address: text(pod, "/status/podIPs/0/ip").parse().ok(),
            visits: pod["spec"]["containers"][0]["name"] != *container,
            container: text(pod, "/status/containerStatuses/0/containerID").replace("containerd://", ""),
            on_arm: cluster.architecture(pod) == "arm64",
            is_open: cluster.annotation(&text(pod, "/metadata/namespace"), OPEN_AT_FIRST).is_some()
                && !cluster.history().whole().contains(&text(pod, "/metadata/name").as_str()),
        }
    }
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Reports to the controller at the other end of the stream, as `probe report` does.
pub(crate) async fn report(cluster: Cluster, place: Place, assignments: u8, stream: DuplexStream) {
    // The controller may end the conversation at any time.
    _ = told(&cluster, &place, assignments, stream).await;
}

async fn told(cluster: &Cluster, place: &Place, assignments: u8, stream: DuplexStream) -> Result<()> {
    let mut stream = Some(stream);
    let connector = tower::service_fn(move |_| {
        let stream = stream.take().map(TokioIo::new).ok_or(io::ErrorKind::NotConnected);
        async move { stream.map_err(io::Error::from) }
    });
    let channel = Endpoint::from_static("http://controller").connect_with_connector(connector).await?;
    let mut collector = CollectorClient::new(channel);
    for _ in 0..assignments {
        fulfil(cluster, place, &mut collector).await?;
    }
    Ok(())
}

async fn fulfil(cluster: &Cluster, place: &Place, collector: &mut CollectorClient<Channel>) -> Result<()> {
    let introduction = Introduction {
        probe_version: env!("CARGO_PKG_VERSION").into(),
        schema_version: SCHEMA_VERSION,
        architecture: if place.on_arm { "aarch64" } else { "x86_64" }.into(),
        observers: Observer::ALL.to_vec(),
    };
    let assigned = collector.introduce(generated::Introduction::from(introduction)).await?.into_inner();
    let assignment = Assignment::try_from(assigned)?;
    sleep(LOOKING + assignment.budget.egress + assignment.budget.again.unwrap_or_default()).await;
    let deliveries = deliveries(place, &assignment);
    if let Some(closing) = deliveries.last() {
        cluster.expect(&place.name, closing.encode_to_vec());
    }
    let deliveries = tokio_stream::iter(deliveries).then(|delivery| async {
        sleep(SENDING).await;
        delivery
    });
    collector.deliver(deliveries).await?;
    Ok(())
}

fn deliveries(place: &Place, assignment: &Assignment) -> Vec<generated::Delivery> {
    let mut evidence = if place.on_arm { ON_ARM.clone() } else { EVIDENCE.clone() };
    let attempt = |target: &Target| {
        let reach = reach(place, target);
        let again = assignment.budget.again.map(|_| reach);
        Attempt { target: target.id, reach, errno: 0, took_us: 9, again }
    };
    evidence.egress = Observation::Seen(Egress {
        attempts: assignment.targets.iter().map(attempt).collect(),
        name_servers: Vec::new(),
        container_age_ms: Some(900),
        lookups: Vec::new(),
    });
    if place.visits {
        evidence.processes = processes(&evidence, &place.container);
    }
    let asked = evidence.outcomes().into_iter().filter(|it| assignment.observers.contains(&it.observer));
    let observed: Vec<_> = asked.map(|observed| with_address(place, observed)).collect();
    let observations = u32::try_from(observed.len()).unwrap();
    let contents = observed.into_iter().map(Content::Observed).chain([Content::Closing { observations }]);
    contents.map(|content| Delivery { nonce: assignment.nonce, content }.into()).collect()
}

/// Reads the evidence of a node of either architecture.
fn evidence(on_arm: bool) -> Evidence {
    let mut evidence: Value = serde_json::from_str(include_str!("evidence.json")).unwrap();
    if on_arm {
        let cases = include_str!("../corpus/2-arm-ready.json").lines().nth(1).unwrap();
        let saved: Value = serde_json::from_str(cases).unwrap();
        for name in OF_THE_KERNEL {
            evidence[name] = saved["case"]["collected"]["evidence"][name].clone();
        }
    }
    serde_json::from_value(evidence).unwrap()
}

/// Returns the processes of a pod whose container is like the probe's: the sandbox's own process, and the workload's in the
/// container with this id.
fn processes(evidence: &Evidence, container: &str) -> Observation<Processes> {
    let (Some(credentials), Some(capabilities), Some(seccomp), Some(mounts)) = (
        evidence.credentials.seen(),
        evidence.capabilities.seen(),
        evidence.seccomp.seen(),
        evidence.mounts.seen(),
    ) else {
        return Observation::failed("the replayed evidence lacks a part");
    };
    let status = ProcessStatus {
        kind: ProcessKind::Program,
        parent: 0,
        credentials: *credentials,
        filesystem_user: credentials.effective_user,
        filesystem_group: credentials.effective_group,
        capabilities: *capabilities,
        seccomp: *seccomp,
    };
    let process = |(pid, table)| Process {
        pid,
        status: Observation::Seen(status),
        mounts: Observation::Seen(MountsOf::Table(table)),
        command: Observation::Seen([9; 32]),
        further: 0,
    };
    let table = |(root_mount, container): (u64, &str)| {
        let mut mounts = mounts.clone();
        for group in mounts.mounts.iter_mut().filter(|mount| mount.filesystem == "cgroup") {
            group.root = format!("/{container}");
        }
        MountTable { root_mount, mounts, devices: evidence.devices.clone() }
    };
    Observation::Seen(Processes {
        processes: [(1, 0), (7, 1)].map(process).to_vec(),
        mount_tables: [(16, ""), (33, container)].map(table).to_vec(),
        truncated: false,
    })
}

/// Gives the interface the address of the pod.
fn with_address(place: &Place, mut observed: Observed) -> Observed {
    if let Observation::Seen(Fact::Interfaces(found)) = &mut observed.outcome {
        let outside = found.interfaces.iter_mut().filter(|interface| !interface.loopback);
        outside.for_each(|interface| interface.addresses = place.address.into_iter().collect());
    }
    observed
}

/// Returns the end of an attempt: nothing passes from or to the pods of the judged namespace, and everything between all others.
fn reach(place: &Place, target: &Target) -> Reach {
    let to_itself = Some(target.address) == place.address;
    let is_bound = |address: &IpAddr| address.to_string().starts_with(ADDRESSES);
    let is_between_others = !is_bound(&target.address) && !place.address.is_some_and(|own| is_bound(&own));
    match target.protocol {
        Protocol::OneWay => Reach::Sent,
        Protocol::Heard => Reach::Another,
        Protocol::Socket => Reach::NoSocket,
        _ if to_itself || is_between_others || place.is_open => Reach::Reached,
        _ => Reach::TimedOut,
    }
}
