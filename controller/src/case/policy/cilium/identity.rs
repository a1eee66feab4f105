//! Selectors of Cilium, which compare the labels of a pod's identity: the pod's labels, and labels that Cilium adds for the
//! namespace, the service account and the cluster (`pkg/k8s/utils/utils.go`, `SanitizePodLabels`).

use crate::case::{
    cluster::{Labels, Requirement, Selector},
    policy::{OF_ONE_POD, endpoint::Endpoint, matching::Match},
};

/// The label of a pod's namespace.
pub(super) const NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// The beginning of a label of a pod's namespace.
const NAMESPACE_LABELS: &str = "io.cilium.k8s.namespace.labels.";
const SERVICE_ACCOUNT: &str = "io.cilium.k8s.policy.serviceaccount";
const CLUSTER: &str = "io.cilium.k8s.policy.cluster";
/// The beginning of labels that Cilium alone sets.
const OWN: &str = "io.cilium.k8s";

/// Beginnings of labels that Cilium leaves out of identities unless it is configured otherwise
/// (`pkg/labelsfilter/filter.go`, `defaultLabelPrefixCfg`).
const LEFT_OUT: [&str; 14] = [
    "annotation",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "controller-revision-hash",
    "controller-uid",
    "etcd_node",
    "io.kubernetes",
    "k8s.io",
    "kubernetes.io",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
    "topology.kubernetes.io",
];

/// A selector of identities.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The selector, with the source of each label before the key: `k8s:app`, or `any:app` for every source.
    pub labels: Selector,
    /// True if Cilium limits the selector to pods by a label of their namespace.
    pub pods_alone: bool,
}

/// The value of a label in an identity.
enum Value {
    Absent,
    Text(String),
    /// The label is there, and its value is not known, for this reason.
    Hidden(String),
    /// Nothing is known of the label, for this reason.
    Unknown(String),
}

impl Identity {
    /// Returns the selector of the pods that a policy binds. In a namespace, Cilium overwrites the namespace that the
    /// selector names (`ParseToCiliumRule`).
    pub(super) fn of_subject(selector: &Selector, is_in_a_namespace: bool) -> Self {
        let mut labels = with_sources(selector);
        if is_in_a_namespace {
            labels.equals.remove(&format!("k8s:{NAMESPACE}"));
        }
        Self { labels, pods_alone: true }
    }

    /// Returns the selector without the sources of the labels.
    pub(in crate::case::policy) fn without_sources(&self) -> Selector {
        keys(&self.labels, |key| key.split_once(':').map_or(key, |(_, name)| name).to_owned())
    }

    /// Returns if the selector matches a pod. A pod in the node's network has the node's identity.
    pub(in crate::case::policy) fn selects(&self, endpoint: &Endpoint) -> Match {
        if endpoint.in_the_nodes_network { Match::No } else { self.holds(|key| value(endpoint, key)) }
    }

    /// Returns if the selector matches peers without labels of pods. Cilium limits selectors to the own cluster unless its
    /// setting `policy-default-local-cluster` says otherwise.
    pub(in crate::case::policy) fn selects_peers_without_labels(&self) -> Match {
        if self.pods_alone {
            return Match::No;
        }
        self.holds(|_| Value::Absent).and(|| {
            Match::Unknown(
                "Cilium's setting `policy-default-local-cluster` decides if it selects more than pods"
                    .to_owned(),
            )
        })
    }

    fn holds(&self, value: impl Fn(&str) -> Value) -> Match {
        let equals = self.labels.equals.iter().map(|(key, value)| Requirement {
            key: key.clone(),
            operator: "In".to_owned(),
            values: vec![value.clone()],
        });
        let requirements = equals.chain(self.labels.requirements.iter().cloned());
        requirements
            .fold(Match::Yes, |all, requirement| all.and(|| holds(&requirement, value(&requirement.key))))
    }
}

fn holds(requirement: &Requirement, value: Value) -> Match {
    match (value, requirement.operator.as_str()) {
        (Value::Hidden(_), "Exists") => Match::Yes,
        (Value::Hidden(_), "DoesNotExist") => Match::No,
        (Value::Hidden(why) | Value::Unknown(why), _) => Match::Unknown(why),
        (Value::Absent, _) => requirement.holds(&Labels::new()).into(),
        (Value::Text(text), _) => requirement.holds(&Labels::from([(requirement.key.clone(), text)])).into(),
    }
}

/// Returns a label of a pod's identity.
fn value(endpoint: &Endpoint, key: &str) -> Value {
    let Some(name) = key.strip_prefix("any:").or_else(|| key.strip_prefix("k8s:")) else {
        return Value::Absent;
    };
    let text = |value: Option<&String>| value.map_or(Value::Absent, |value| Value::Text(value.clone()));
    match name {
        NAMESPACE => Value::Text(endpoint.namespace.clone()),
        SERVICE_ACCOUNT if endpoint.service_account.is_empty() => {
            Value::Unknown("the service account of the pod is not known".to_owned())
        }
        SERVICE_ACCOUNT => Value::Text(endpoint.service_account.clone()),
        CLUSTER => Value::Hidden("the cluster's name in Cilium is not known".to_owned()),
        _ => match (name.strip_prefix(NAMESPACE_LABELS), &endpoint.namespace_labels) {
            (Some(_), _) if name.contains("beta.kubernetes.io") => Value::Unknown(left_out(name)),
            (Some(label), Some(labels)) => text(labels.get(label)),
            (Some(_), None) => {
                Value::Unknown(format!("the labels of namespace {} could not be read", endpoint.namespace))
            }
            (None, _) if name.starts_with(OWN) => {
                Value::Unknown(format!("the label {name} is not evaluated"))
            }
            (None, _) if endpoint.labels.contains_key(name) && is_left_out(name) => {
                Value::Unknown(left_out(name))
            }
            (None, _) => text(endpoint.labels.get(name)),
        },
    }
}

fn is_left_out(name: &str) -> bool {
    LEFT_OUT.iter().any(|beginning| name.starts_with(beginning)) || name.contains("beta.kubernetes.io")
}

/// Returns true for a label in the domains of Kubernetes, which Cilium leaves out of the identities of pods by default. Those that
/// Kubernetes itself gives single pods are not among them.
pub(in crate::case::policy) fn is_reserved(name: &str) -> bool {
    is_left_out(name) && !OF_ONE_POD.contains(&name)
}

/// Returns the reason for which a label of a pod is not evaluated.
pub(in crate::case::policy) fn left_out(name: &str) -> String {
    format!("Cilium leaves the label {name} out of identities unless it is configured otherwise")
}

/// Returns a selector whose keys name their sources (`labels.NewSourceEncodedLabelKey`).
pub(super) fn with_sources(selector: &Selector) -> Selector {
    keys(selector, |key| match (key.strip_prefix('$'), key.split_once(':')) {
        (Some(name), _) => format!("reserved:{name}"),
        (None, Some(("", name))) => format!("any:{name}"),
        (None, Some(_)) => key.to_owned(),
        (None, None) => format!("any:{key}"),
    })
}

/// Returns true if a key with its source is a label of a pod's namespace.
pub(super) fn is_of_namespace(key: &str) -> bool {
    ["k8s:", "any:"]
        .iter()
        .any(|source| key.strip_prefix(source).is_some_and(|key| key.starts_with(NAMESPACE_LABELS)))
}

fn keys(selector: &Selector, change: impl Fn(&str) -> String) -> Selector {
    let requirement = |it: &Requirement| Requirement { key: change(&it.key), ..it.clone() };
    Selector {
        equals: selector.equals.iter().map(|(key, value)| (change(key), value.clone())).collect(),
        requirements: selector.requirements.iter().map(requirement).collect(),
    }
}
