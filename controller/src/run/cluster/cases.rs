//! The results of the groups, as cases.

use std::sync::Arc;

use proto::{BootId, Observation};

use super::{
    manifest::{self, Admission},
    probing::Probed,
};
use crate::{
    case::{
        Case, InCluster, Machine, Subject, Surroundings,
        cluster::{Cluster, Coverage, Group},
        limits::Doubt,
        profile::Profile,
    },
    plan::{cluster::Plan, needs::Needs},
    run::RunRequest,
};

/// Returns one case for each group. A namespace without a workload has one case too, which says so.
pub(super) fn cases(
    request: &RunRequest,
    needs: &Needs,
    cluster: &Arc<Cluster>,
    plan: Plan,
    probed: Vec<Probed>,
) -> Vec<Case> {
    let coverage = Arc::new(plan.coverage);
    let case = |(group, probed): (Group, Probed)| {
        let profile = needs.of(&group).profile.clone();
        case(request, cluster, &coverage, profile, group, probed)
    };
    if plan.groups.is_empty() {
        let why =
            "the namespace has no workload; `--runtime-class NAME` probes for pods that do not exist yet";
        let nothing = Group { refused: Some(why.to_owned()), ..Group::default() };
        let probed = Probed::refused(&nothing);
        return vec![case((nothing, probed))];
    }
    plan.groups.into_iter().zip(probed).map(case).collect()
}

fn case(
    request: &RunRequest,
    cluster: &Arc<Cluster>,
    coverage: &Arc<Coverage>,
    profile: Profile,
    group: Group,
    probed: Probed,
) -> Case {
    let Probed {
        collected,
        control,
        control_boot,
        control_pods,
        destinations,
        ingress,
        arrived,
        pod,
        admission,
        visitor,
        ..
    } = probed;
    let subject = Subject::Pods {
        namespace: cluster.namespace.clone(),
        pool: group.pool.clone(),
        node_kind: group.kind.as_ref().map(ToString::to_string),
        node: pod.as_ref().and_then(|pod| pod.node.clone()).or_else(|| group.node.clone()),
        runtime_class: group.runtime_class.clone(),
        policies: group.policies.clone(),
        represents: group.represents(),
        in_place: group.in_place.clone(),
    };
    let source = &request.declared.source;
    let surroundings = Surroundings {
        subject,
        declared: Some(admission.as_ref().map_or(manifest::LIMITS, |admission| admission.of_sandbox)),
        limits_doubt: admission.as_ref().and_then(|it| it.is_resized.then_some(Doubt::Resized)),
        cgroup_path: None,
        host_paths: Vec::new(),
        own_mounts: own_mounts(admission),
        foreign_root: None,
        annotations: None,
        credentials: Some(Vec::new()),
        no_new_privs: Some(true),
        machine: Box::new(machine(cluster, pod.as_ref().and_then(|pod| pod.node.as_deref()), control_boot)),
        visitor,
        measures_cpu: request.measures_cpu,
        host_process: None,
        cgroup: Observation::failed("a node's control groups cannot be read over the API"),
        destinations,
        untried_sockets: Some(Vec::new()),
        profile,
        rounds: request.rounds,
        control,
        arrived,
        ingress: Some(ingress),
        in_cluster: Some(InCluster {
            cluster: Arc::clone(cluster),
            coverage: Arc::clone(coverage),
            environment: (!source.is_default()).then(|| source.to_string()),
            pod,
            group,
            control_pods,
        }),
    };
    Case { collected, surroundings }
}

/// Returns the mount points of the kubelet, and of the volumes that admission gave the probe.
fn own_mounts(admission: Option<Admission>) -> Vec<String> {
    let kubelets = manifest::KUBELETS_MOUNTS.iter().map(|&path| path.to_owned());
    kubelets.chain(admission.into_iter().flat_map(|admission| admission.mounts)).collect()
}

/// Returns the node as the control plane describes it. A control pod shares the node's kernel and can tell the boot id too.
fn machine(cluster: &Cluster, node: Option<&str>, control_boot: Option<BootId>) -> Machine {
    let unknown = || "the node could not be read".to_owned();
    let known = node.and_then(|name| cluster.node(name));
    let boot_id = known.map(|node| BootId { uuid: node.boot_id.clone() }).filter(|id| !id.uuid.is_empty());
    Machine {
        boot_id: boot_id.or(control_boot).map_or_else(|| Observation::failed(unknown()), Observation::Seen),
        kernel_release: known
            .map(|node| node.kernel.clone())
            .filter(|kernel| !kernel.is_empty())
            .map_or_else(|| Observation::failed(unknown()), Observation::Seen),
        namespaces: Observation::failed("a node's namespaces cannot be read over the API"),
        runs_the_probe: Observation::failed("a node's processes cannot be read over the API"),
        memory_total: known
            .and_then(|node| node.memory)
            .map_or_else(|| Observation::failed(unknown()), Observation::Seen),
        account_list: Observation::failed("a node's files cannot be read over the API"),
        shadow: Observation::failed("a node's files cannot be read over the API"),
        shadow_size: None,
        identities: known.map(|node| node.identities.clone()).unwrap_or_default(),
    }
}
