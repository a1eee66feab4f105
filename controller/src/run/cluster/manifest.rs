//! Manifests of the objects in the cluster: the owner, the probe pods, the control pods and the listeners. Each pod
//! passes the `restricted` Pod Security Standard and GKE's secure-sandbox-policy. Pods carry no task: a probe receives
//! its assignment later.

mod admission;
mod confined;
mod elsewhere;
mod image;
mod limits;
mod sizes;
mod visitor;

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{
    api::core::v1::{
        Affinity as ApiAffinity, ConfigMap, Container, NodeAffinity, NodeSelector, NodeSelectorRequirement,
        NodeSelectorTerm, Pod, PodReadinessGate, PodSecurityContext, PodSpec, ResourceRequirements,
        Toleration as ApiToleration,
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{ObjectMeta, OwnerReference},
    },
};
use proto::{Nonce, listener::Port};

pub use admission::{Admission, Alteration, admission, is_harmless};
use confined::{confined, runtime_default};
pub use elsewhere::{Elsewhere, repels};
pub use image::PodImage;
pub use sizes::{Fitted, like, small, within, without_user};
pub use visitor::{admitted, own_user, visitor};

use crate::{
    case::{
        cluster::{Affinity, Group, Labels, Requirement, Toleration},
        limits::Limits,
    },
    plan::cluster::Reception,
    run::local::bundle::PROBE,
    support::names::{self, NOBODY},
};

/// The limits of a probe pod, sufficient for every release of runsc.
pub const LIMITS: Limits = Limits { memory: Some(128 << 20), cpu_millis: Some(500), pids: None };

/// Why control pods cannot run in the judged namespace.
pub const CONTROL_IN_JUDGED: &str =
    "the control namespace is the judged namespace, whose policies bind the control pods, too";

/// Mount points that a kubelet and its container runtime add to every container, besides the kernel's own file systems.
pub const KUBELETS_MOUNTS: &[&str] =
    &["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log", "/dev/shm"];

/// Properties that all pods of a run share.
#[derive(Clone, Debug)]
pub struct Common {
    /// The run's name, "podproof-" and eight digits.
    pub run: String,
    /// The image that the nodes pull.
    pub image: PodImage,
    /// The time after which a pod ends by itself.
    pub lifetime: Duration,
    /// The token in the listener's answers.
    pub token: Nonce,
    /// The token in the answers of the probes, which are reached in their sandboxes.
    pub reception: Nonce,
    /// The ports of the listener besides its own.
    pub listens: Vec<Port>,
    /// Labels and annotations that the user gives the pods.
    pub marks: Marks,
}

/// Labels and annotations of a run's pods besides those of the product and of the workload.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// The labels by their keys.
    pub labels: Labels,
    /// The annotations by their keys.
    pub annotations: Labels,
}

/// Returns the object that owns a run's pods in one namespace.
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

/// Returns the probe pod of a group; `index` distinguishes it from the run's other probe pods.
pub fn probe(common: &Common, namespace: &str, owner: &ConfigMap, group: &Group, index: usize) -> Pod {
    let mut metadata = metadata(common, namespace, owner, "probe", &names::probe_pod(&common.run, index));
    let labels = metadata.labels.get_or_insert_default();
    labels.extend(group.probes_labels());
    labels.retain(|key, _| !group.withheld.contains(key));
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.extend(group.gvisor_annotations.clone());
    // The pods of a group have these annotations in common.
    annotations
        .extend(group.pod_views.first().map(|first| first.injection_annotations.clone()).unwrap_or_default());
    let mut spec = spec(common, group.node.as_deref(), holding(common, group));
    spec.runtime_class_name.clone_from(&group.runtime_class);
    spec.tolerations = Some(group.placement.tolerations.iter().map(toleration).collect());
    spec.node_selector = Some(group.placement.node_selector.clone());
    if group.node.is_none() {
        spec.affinity = required(&group.placement.affinity);
    }
    // The readiness gate keeps the workload's traffic away from the probe.
    let gate = PodReadinessGate { condition_type: names::READINESS_GATE.to_owned() };
    spec.readiness_gates = Some(vec![gate]);
    Pod { metadata, spec: Some(spec), ..Pod::default() }
}

/// Returns the listener's pod on one node.
pub fn listener(common: &Common, namespace: &str, owner: &ConfigMap, node: &str, index: usize) -> Pod {
    let further = common.listens.iter().map(ToString::to_string);
    let ports: Vec<_> = [names::LISTENER_PORT.to_string()].into_iter().chain(further).collect();
    let words = vec!["listen".to_owned(), ports.join(","), common.token.to_string()];
    unbound(common, namespace, owner, node, (names::LISTENER_ROLE, index), words)
}

/// Returns the control pod on one node, which makes the same attempts as the probes.
pub fn control(common: &Common, namespace: &str, owner: &ConfigMap, node: &str, index: usize) -> Pod {
    unbound(common, namespace, owner, node, (names::CONTROL_ROLE, index), vec!["hold".to_owned()])
}

/// Returns the words of a probe that waits, and answers on the ports of its group.
fn holding(common: &Common, group: &Group) -> Vec<String> {
    let ports: Vec<_> =
        Reception::of(group, common.reception).ports.iter().map(ToString::to_string).collect();
    vec!["hold".to_owned(), ports.join(","), common.reception.to_string()]
}

/// Returns the command of a container of the run, which ends by itself.
fn command(common: &Common, words: Vec<String>) -> Vec<String> {
    let lifetime = common.lifetime.as_secs().to_string();
    [PROBE.to_owned()].into_iter().chain(words).chain([lifetime]).collect()
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
        // No ReplicaSet adopts a pod that has a controller, even if its selector matches the pod's labels.
        controller: Some(true),
        block_owner_deletion: None,
    };
    let own = [(names::RUN_LABEL, common.run.as_str()), (names::ROLE_LABEL, role)];
    let mut labels = common.marks.labels.clone();
    labels.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let mut annotations = common.marks.annotations.clone();
    annotations.extend(note());
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels),
        annotations: Some(annotations),
        owner_references: Some(vec![reference]),
        ..ObjectMeta::default()
    }
}

fn note() -> Labels {
    let text = "created by `controller verify`, which only observes; `controller cleanup` removes the remains of a run";
    Labels::from([(names::NOTE_ANNOTATION.to_owned(), text.to_owned())])
}

fn spec(common: &Common, node: Option<&str>, words: Vec<String>) -> PodSpec {
    PodSpec {
        affinity: node.map(|node| on(&[node.to_owned()])),
        active_deadline_seconds: i64::try_from(common.lifetime.as_secs()).ok(),
        automount_service_account_token: Some(false),
        containers: vec![container(common, words)],
        enable_service_links: Some(false),
        image_pull_secrets: common.image.secrets(),
        restart_policy: Some("Never".to_owned()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(NOBODY.into()),
            run_as_group: Some(NOBODY.into()),
            seccomp_profile: Some(runtime_default()),
            ..PodSecurityContext::default()
        }),
        termination_grace_period_seconds: Some(5),
        ..PodSpec::default()
    }
}

fn container(common: &Common, words: Vec<String>) -> Container {
    Container {
        name: names::CONTAINER.to_owned(),
        image: Some(common.image.reference.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(command(common, words)),
        resources: Some(ResourceRequirements {
            limits: Some(quantities(LIMITS.memory, LIMITS.cpu_millis)),
            requests: Some(quantities(Some(32 << 20), Some(10))),
            ..ResourceRequirements::default()
        }),
        security_context: Some(confined()),
        ..Container::default()
    }
}

fn quantities(memory: Option<u64>, cpu_millis: Option<u64>) -> BTreeMap<String, Quantity> {
    let memory = memory.map(|bytes| ("memory".to_owned(), Quantity(format!("{}Mi", bytes >> 20))));
    let cpu = cpu_millis.map(|millis| ("cpu".to_owned(), Quantity(format!("{millis}m"))));
    memory.into_iter().chain(cpu).collect()
}

/// Requires one of these nodes by affinity, so that the scheduler respects taints and free resources; `nodeName` would bypass
/// it. A field takes a single value, and each term is a choice (kubernetes, `pkg/apis/core/validation/validation.go`).
fn on(nodes: &[String]) -> ApiAffinity {
    let term = |node: &String| {
        let field = NodeSelectorRequirement {
            key: "metadata.name".to_owned(),
            operator: "In".to_owned(),
            values: Some(vec![node.clone()]),
        };
        NodeSelectorTerm { match_fields: Some(vec![field]), match_expressions: None }
    };
    of_terms(nodes.iter().map(term).collect())
}

/// Requires the nodes that the workload requires; `None` if it requires none.
fn required(terms: &[Affinity]) -> Option<ApiAffinity> {
    let requirement = |it: &Requirement| NodeSelectorRequirement {
        key: it.key.clone(),
        operator: it.operator.clone(),
        values: (!it.values.is_empty()).then(|| it.values.clone()),
    };
    let all = |list: &[Requirement]| (!list.is_empty()).then(|| list.iter().map(requirement).collect());
    let term = |term: &Affinity| NodeSelectorTerm {
        match_expressions: all(&term.labels),
        match_fields: all(&term.fields),
    };
    (!terms.is_empty()).then(|| of_terms(terms.iter().map(term).collect()))
}

fn of_terms(node_selector_terms: Vec<NodeSelectorTerm>) -> ApiAffinity {
    ApiAffinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector { node_selector_terms }),
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
    use crate::case::cluster::{Placement, PodView};

    fn common() -> Common {
        Common {
            run: "podproof-1".into(),
            image: PodImage { reference: "example.invalid/probe:1".into(), ..PodImage::default() },
            lifetime: Duration::from_secs(90),
            token: Nonce([7; 16]),
            reception: Nonce([8; 16]),
            listens: vec!["53/udp".parse().unwrap()],
            marks: Marks {
                labels: Labels::from([("team".into(), "red".into()), ("app".into(), "api".into())]),
                annotations: Labels::from([("policy.example/exempt".into(), "yes".into())]),
            },
        }
    }

    fn group() -> Group {
        Group {
            node: Some("one".into()),
            runtime_class: Some("gvisor".into()),
            labels: Labels::from([("app".into(), "web".into())]),
            gvisor_annotations: Labels::from([("dev.gvisor.flag.debug".into(), "true".into())]),
            pod_views: vec![
                PodView {
                    injection_annotations: Labels::from([("linkerd.io/inject".into(), "disabled".into())]),
                    ..PodView::default()
                }
                .into(),
            ],
            ..Group::default()
        }
    }

    #[test]
    fn a_probe_carries_the_labels_and_annotations_of_its_group() {
        let owner = owner("podproof-1", "shop");
        let mut group = group();
        group.labels.insert(names::RUN_LABEL.into(), "of-the-workload".into());
        let pod = probe(&common(), "shop", &owner, &group, 0);
        let labels = pod.metadata.labels.unwrap();
        assert_eq!((labels["app"].as_str(), labels[names::RUN_LABEL].as_str()), ("web", "podproof-1"));
        let annotations = pod.metadata.annotations.unwrap();
        assert_eq!(annotations["dev.gvisor.flag.debug"], "true");
        assert_eq!(annotations["linkerd.io/inject"], "disabled");
        assert_eq!(pod.metadata.owner_references.unwrap()[0].controller, Some(true));
        let spec = pod.spec.unwrap();
        assert_eq!(spec.readiness_gates.unwrap()[0].condition_type, names::READINESS_GATE);
        assert_eq!(spec.runtime_class_name.as_deref(), Some("gvisor"));
        let token = "08".repeat(16);
        let command = spec.containers[0].command.as_ref().unwrap();
        assert_eq!(command, &["/probe", "hold", "8790/tcp", &token, "90"]);
    }

    #[test]
    fn every_pod_bears_the_users_marks_and_no_mark_replaces_a_label_of_the_workload() {
        let owner = owner("podproof-1", "shop");
        let [probe, control] =
            [probe(&common(), "shop", &owner, &group(), 0), control(&common(), "shop", &owner, "one", 0)]
                .map(|pod| pod.metadata);
        let labels = probe.labels.unwrap();
        assert_eq!((labels["app"].as_str(), labels["team"].as_str()), ("web", "red"));
        assert_eq!(control.labels.unwrap()["team"], "red");
        for annotations in [probe.annotations, control.annotations] {
            assert_eq!(annotations.unwrap()["policy.example/exempt"], "yes");
        }
    }

    #[test]
    fn the_listener_listens_on_its_own_port_and_on_those_of_policies() {
        let owner = owner("podproof-1", "podproof");
        let spec = listener(&common(), "podproof", &owner, "one", 0).spec.unwrap();
        assert_eq!(spec.containers[0].command.as_ref().unwrap()[..3], ["/probe", "listen", "8790,53/udp"]);
    }

    #[test]
    fn a_probe_without_a_planned_node_asks_for_what_its_workload_asks() {
        let requirement =
            |key: &str| Requirement { key: key.into(), operator: "Exists".into(), values: Vec::new() };
        let affinity = Affinity { labels: vec![requirement("gpu")], fields: Vec::new() };
        let placement = Placement { affinity: vec![affinity], ..Placement::default() };
        let group = Group { node: None, placement, ..group() };
        let pod = probe(&common(), "shop", &owner("podproof-1", "shop"), &group, 0);
        let affinity = pod.spec.unwrap().affinity.unwrap().node_affinity.unwrap();
        let terms = affinity.required_during_scheduling_ignored_during_execution.unwrap().node_selector_terms;
        assert_eq!(terms[0].match_expressions.as_ref().unwrap()[0].key, "gpu");
        assert_eq!(terms[0].match_expressions.as_ref().unwrap()[0].values, None);
    }

    #[test]
    fn every_pod_is_restricted_and_has_a_deadline() {
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
