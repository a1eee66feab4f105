//! The observations from outside of the sandbox.

use std::{collections::BTreeMap, time::Duration};

use proto::Observation;
use serde::{Deserialize, Serialize};

use super::{
    Shared,
    destination::{Control, Destination, Ingress},
    form::{each, observed, optional, saved_struct},
    group::Group,
    group_pod::Numbers,
    machine::{Doubt, Limits, Machine},
    profile::Profile,
    subject::{ControlPods, RanPod, Subject},
};
use crate::{
    case::{self, cluster::Group as Internal, host_process, rounds::Rounds, visitor},
    evidence::saved::Error,
};

/// All observations from outside of the sandbox.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Surroundings {
    subject: Subject,
    declared: Option<Limits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limits_doubt: Option<Doubt>,
    #[serde(default)]
    cgroup_path: Option<String>,
    host_paths: Vec<HostPath>,
    own_mounts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    foreign_root: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    credentials: Option<Vec<String>>,
    no_new_privs: Option<bool>,
    machine: Machine,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    visitor: Option<Visitor>,
    #[serde(default)]
    measures_cpu: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host_process: Option<HostProcess>,
    cgroup: Observation<Limits>,
    destinations: Vec<Destination>,
    #[serde(default)]
    untried_sockets: Option<Vec<String>>,
    #[serde(default)]
    profile: Profile,
    /// The start of the second round of attempts in milliseconds; no key if there was one round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settle_ms: Option<u64>,
    /// True if `--no-network` left the attempts out; no key if there were any.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    no_network: bool,
    control: Control,
    arrived: Vec<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ingress: Option<Ingress>,
    in_cluster: Option<InCluster>,
}

saved_struct! {
    /// A path of the machine inside the sandbox.
    HostPath for case::HostPath {
        source: String,
        destination: String,
    }
}

saved_struct! {
    /// The user of a probe in a running pod or container.
    Visitor for visitor::Visitor {
        user: u32,
        is_the_containers: bool,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        configured: Vec<String>,
    }
}

saved_struct! {
    /// A sandbox's process on the machine.
    HostProcess for host_process::HostProcess {
        user: u32,
        effective: u64,
        permitted: u64,
        seccomp: Option<u32>,
        no_new_privs: Option<bool>,
        shared: Vec<String>,
        has_the_machines_root: Option<bool>,
        descriptors: Option<Descriptors> => optional,
    }
}

saved_struct! {
    /// The open descriptors of a sandbox's process.
    Descriptors for host_process::Descriptors {
        files: u64,
        sockets: u64,
        devices: u64,
        others: u64,
    }
}

/// The statements of a cluster about one probe. The cluster and the coverage stand in the file once for all cases.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct InCluster {
    group: Group,
    environment: Option<String>,
    pod: Option<RanPod>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    control_pods: Option<ControlPods>,
}

// === impl Surroundings ===

impl Surroundings {
    /// Returns the internal surroundings. Refuses those in a cluster if the file lacks the cluster.
    pub(super) fn restore(self, shared: Option<&Shared>) -> Result<case::Surroundings, Error> {
        Ok(case::Surroundings {
            subject: self.subject.into(),
            declared: optional(self.declared),
            limits_doubt: optional(self.limits_doubt),
            cgroup_path: self.cgroup_path,
            host_paths: each(self.host_paths),
            own_mounts: self.own_mounts,
            foreign_root: self.foreign_root,
            annotations: self.annotations,
            credentials: self.credentials,
            no_new_privs: self.no_new_privs,
            machine: Box::new(self.machine.into()),
            visitor: optional(self.visitor),
            measures_cpu: self.measures_cpu,
            host_process: self.host_process.map(|process| Box::new(process.into())),
            cgroup: observed(self.cgroup),
            destinations: each(self.destinations),
            untried_sockets: self.untried_sockets,
            profile: self.profile.into(),
            rounds: match self.settle_ms {
                _ if self.no_network => Rounds::None,
                None => Rounds::One,
                Some(settle) => Rounds::of(Duration::from_millis(settle)),
            },
            control: self.control.into(),
            arrived: self.arrived,
            ingress: optional(self.ingress),
            in_cluster: self.in_cluster.map(|known| known.restore(shared)).transpose()?,
        })
    }
}

impl Surroundings {
    /// Returns the saved surroundings, with the numbers of pods that the file keeps apart.
    pub(super) fn of(surroundings: case::Surroundings, numbers: &Numbers) -> Self {
        let case::Surroundings {
            subject,
            declared,
            limits_doubt,
            cgroup_path,
            host_paths,
            own_mounts,
            foreign_root,
            annotations,
            credentials,
            no_new_privs,
            machine,
            visitor,
            measures_cpu,
            host_process,
            cgroup,
            destinations,
            untried_sockets,
            profile,
            rounds,
            control,
            arrived,
            ingress,
            in_cluster,
        } = surroundings;
        Self {
            subject: subject.into(),
            declared: optional(declared),
            limits_doubt: optional(limits_doubt),
            cgroup_path,
            host_paths: each(host_paths),
            own_mounts,
            foreign_root,
            annotations,
            credentials,
            no_new_privs,
            machine: (*machine).into(),
            visitor: optional(visitor),
            measures_cpu,
            host_process: host_process.map(|process| (*process).into()),
            cgroup: observed(cgroup),
            destinations: each(destinations),
            untried_sockets,
            profile: profile.into(),
            settle_ms: rounds.again().and_then(|settle| u64::try_from(settle.as_millis()).ok()),
            no_network: rounds == Rounds::None,
            control: control.into(),
            arrived,
            ingress: optional(ingress),
            in_cluster: in_cluster.map(|known| InCluster::of(known, numbers)),
        }
    }
}

// === impl InCluster ===

impl InCluster {
    fn restore(self, shared: Option<&Shared>) -> Result<case::InCluster, Error> {
        let Self { mut group, environment, pod, control_pods } = self;
        let Shared { cluster, coverage } = shared.cloned().ok_or(Error::NoCluster)?;
        let pods = group.take_pods().into_iter();
        let pod_views = pods.map(|pod| pod.restore(&cluster)).collect::<Result<_, _>>()?;
        Ok(case::InCluster {
            group: Internal { pod_views, ..group.into() },
            cluster,
            coverage,
            environment,
            pod: optional(pod),
            control_pods: optional(control_pods),
        })
    }

    fn of(known: case::InCluster, numbers: &Numbers) -> Self {
        let case::InCluster { cluster: _, coverage: _, mut group, environment, pod, control_pods } = known;
        let pods = std::mem::take(&mut group.pod_views).into_iter();
        let pod_views = pods.map(|pod| numbers.saved(pod)).collect();
        let group = Group::from(group).with(pod_views);
        Self { group, environment, pod: optional(pod), control_pods: optional(control_pods) }
    }
}
