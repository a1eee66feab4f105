//! What is created in the cluster: the owner, the probes, the control. Each pod passes the `restricted` Pod Security
//! Standard and GKE's secure-sandbox-policy, and is the same for everybody: what a probe is to do it is told later.

mod altered;

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{
    api::core::v1::{
        Affinity as ApiAffinity, Capabilities, ConfigMap, Container, NodeAffinity, NodeSelector,
        NodeSelectorRequirement, NodeSelectorTerm, Pod, PodReadinessGate, PodSecurityContext, PodSpec,
        ResourceRequirements, SeccompProfile, SecurityContext, Toleration as ApiToleration,
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{ObjectMeta, OwnerReference},
    },
};
use proto::Nonce;

pub use altered::altered;

use crate::{
    case::{
        cluster::{Group, Labels, Toleration},
        limits::Limits,
    },
    support::names::{self, NOBODY},
};

/// The limits of a probe's pod: enough for every release of runsc.
pub const LIMITS: Limits = Limits { memory: Some(128 << 20), cpu_millis: Some(500), pids: None };

/// What a kubelet and its container runtime mount into every container, beside the kernel's own file systems.
pub const KUBELETS_MOUNTS: &[&str] =
    &["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log", "/dev/shm"];

/// What all pods of a run share.
#[derive(Clone, Debug)]
pub struct Common {
    /// The run's name, "podproof-" and eight digits.
    pub run: String,
    /// The image that the nodes pull.
    pub image: String,
    /// How long a pod lives if nobody ends it.
    pub lifetime: Duration,
    /// By which the witness's answers are known.
    pub token: Nonce,
}

/// The object that owns a run's pods in one namespace.
pub fn owner(run: &str, namespace: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(run.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(Labels::from([(names::RUN_LABEL.to_owned(), run.to_owned())])),
            annotations: Some(note()),
            ..ObjectMeta::default()
        },
        immutable: Some(true),
        ..ConfigMap::default()
    }
}

/// The probe of a group; `index` tells it from the run's others.
pub fn probe(common: &Common, namespace: &str, owner: &ConfigMap, group: &Group, index: usize) -> Pod {
    let mut metadata = metadata(common, namespace, owner, "probe", &format!("{}-{index}", common.run));
    metadata.labels.get_or_insert_default().extend(group.labels.clone());
    metadata.annotations.get_or_insert_default().extend(group.gvisor_annotations.clone());
    let mut spec = spec(common, group.node.as_deref(), vec!["hold".to_owned()]);
    spec.runtime_class_name.clone_from(&group.runtime_class);
    spec.tolerations = Some(group.placement.tolerations.iter().map(toleration).collect());
    if group.node.is_none() {
        spec.node_selector = Some(group.placement.node_selector.clone());
    }
    // The readiness gate is what keeps the workload's traffic away.
    let gate = PodReadinessGate { condition_type: names::READINESS_GATE.to_owned() };
    spec.readiness_gates = Some(vec![gate]);
    Pod { metadata, spec: Some(spec), ..Pod::default() }
}

/// The witness on one node: it listens.
pub fn listener(common: &Common, namespace: &str, owner: &ConfigMap, node: &str, index: usize) -> Pod {
    let words = vec!["witness".to_owned(), names::LISTENER_PORT.to_string(), common.token.to_string()];
    unbound(common, namespace, owner, node, ("witness", index), words)
}

/// The control on one node: it tries what the probes try.
pub fn control(common: &Common, namespace: &str, owner: &ConfigMap, node: &str, index: usize) -> Pod {
    unbound(common, namespace, owner, node, ("control", index), vec!["hold".to_owned()])
}

fn unbound(
    common: &Common,
    namespace: &str,
    owner: &ConfigMap,
    node: &str,
    (role, index): (&str, usize),
    words: Vec<String>,
) -> Pod {
    let metadata = metadata(common, namespace, owner, role, &format!("{}-{role}-{index}", common.run));
    let mut spec = spec(common, Some(node), words);
    let everywhere = ApiToleration { operator: Some("Exists".to_owned()), ..ApiToleration::default() };
    spec.tolerations = Some(vec![everywhere]);
    Pod { metadata, spec: Some(spec), ..Pod::default() }
}

fn metadata(common: &Common, namespace: &str, owner: &ConfigMap, role: &str, name: &str) -> ObjectMeta {
    let reference = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        name: owner.metadata.name.clone().unwrap_or_default(),
        uid: owner.metadata.uid.clone().unwrap_or_default(),
        // A pod with a controller is adopted by no ReplicaSet whose selector fits its labels.
        controller: Some(true),
        block_owner_deletion: None,
    };
    let labels = [(names::RUN_LABEL, common.run.as_str()), (names::ROLE_LABEL, role)];
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        annotations: Some(note()),
        owner_references: Some(vec![reference]),
        ..ObjectMeta::default()
    }
}

fn note() -> Labels {
    let text = "made by `controller verify` to look and not to change anything; `controller cleanup` removes what a run left";
    Labels::from([(names::NOTE_ANNOTATION.to_owned(), text.to_owned())])
}

fn spec(common: &Common, node: Option<&str>, mut words: Vec<String>) -> PodSpec {
    let lifetime = common.lifetime.as_secs();
    words.push(lifetime.to_string());
    PodSpec {
        affinity: node.map(on),
        active_deadline_seconds: i64::try_from(lifetime).ok(),
        automount_service_account_token: Some(false),
        containers: vec![container(common, words)],
        enable_service_links: Some(false),
        restart_policy: Some("Never".to_owned()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(NOBODY.into()),
            run_as_group: Some(NOBODY.into()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        termination_grace_period_seconds: Some(5),
        ..PodSpec::default()
    }
}

fn container(common: &Common, words: Vec<String>) -> Container {
    Container {
        name: names::CONTAINER.to_owned(),
        image: Some(common.image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some([crate::run::local::bundle::PROBE.to_owned()].into_iter().chain(words).collect()),
        resources: Some(ResourceRequirements {
            limits: Some(quantities(LIMITS.memory, LIMITS.cpu_millis)),
            requests: Some(quantities(Some(32 << 20), Some(10))),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            privileged: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

fn quantities(memory: Option<u64>, cpu_millis: Option<u64>) -> BTreeMap<String, Quantity> {
    let memory = memory.map(|bytes| ("memory".to_owned(), Quantity(format!("{}Mi", bytes >> 20))));
    let cpu = cpu_millis.map(|millis| ("cpu".to_owned(), Quantity(format!("{millis}m"))));
    memory.into_iter().chain(cpu).collect()
}

/// By affinity and not by `nodeName`: the scheduler is asked, so that taints and what is used up count.
fn on(node: &str) -> ApiAffinity {
    let field = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let term = NodeSelectorTerm { match_fields: Some(vec![field]), match_expressions: None };
    ApiAffinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                node_selector_terms: vec![term],
            }),
            ..NodeAffinity::default()
        }),
        ..ApiAffinity::default()
    }
}

fn toleration(toleration: &Toleration) -> ApiToleration {
    ApiToleration {
        key: toleration.key.clone(),
        operator: toleration.operator.clone(),
        value: toleration.value.clone(),
        effect: toleration.effect.clone(),
        toleration_seconds: toleration.seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common() -> Common {
        Common {
            run: "podproof-1".into(),
            image: "example.invalid/probe:1".into(),
            lifetime: Duration::from_secs(90),
            token: Nonce([7; 16]),
        }
    }

    fn group() -> Group {
        Group {
            node: Some("one".into()),
            runtime_class: Some("gvisor".into()),
            labels: Labels::from([("app".into(), "web".into())]),
            gvisor_annotations: Labels::from([("dev.gvisor.flag.debug".into(), "true".into())]),
            ..Group::default()
        }
    }

    #[test]
    fn a_probe_carries_what_binds_its_group_and_is_never_ready_nor_adopted() {
        let owner = owner("podproof-1", "shop");
        let pod = probe(&common(), "shop", &owner, &group(), 0);
        let labels = pod.metadata.labels.unwrap();
        assert_eq!((labels["app"].as_str(), labels[names::RUN_LABEL].as_str()), ("web", "podproof-1"));
        assert_eq!(pod.metadata.annotations.unwrap()["dev.gvisor.flag.debug"], "true");
        assert_eq!(pod.metadata.owner_references.unwrap()[0].controller, Some(true));
        let spec = pod.spec.unwrap();
        assert_eq!(spec.readiness_gates.unwrap()[0].condition_type, names::READINESS_GATE);
        assert_eq!(spec.runtime_class_name.as_deref(), Some("gvisor"));
        assert_eq!(spec.containers[0].command.as_ref().unwrap(), &["/probe", "hold", "90"]);
    }

    #[test]
    fn every_pod_is_restricted_and_ends_by_itself() {
        let owner = owner("podproof-1", "shop");
        for pod in
            [probe(&common(), "shop", &owner, &group(), 0), control(&common(), "shop", &owner, "one", 0)]
        {
            let spec = pod.spec.unwrap();
            let context = spec.containers[0].security_context.as_ref().unwrap();
            assert_eq!(context.allow_privilege_escalation, Some(false));
            assert_eq!(context.capabilities.as_ref().unwrap().drop.as_deref(), Some(&["ALL".to_owned()][..]));
            assert_eq!(spec.security_context.unwrap().run_as_non_root, Some(true));
            assert_eq!(spec.automount_service_account_token, Some(false));
            assert_eq!(
                (spec.active_deadline_seconds, spec.volumes, spec.host_network),
                (Some(90), None, None)
            );
        }
    }
}
