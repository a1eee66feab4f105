//! Policies that the model does not evaluate. Nothing is known of their effect but the directions in which they could
//! change a verdict.

use serde_json::Value;

use super::{
    Policies, admin, antrea,
    endpoint::{Direction, Endpoint},
    kinds::{self, SelectsBy},
    matching::Match,
    object,
    rule::{Namespaces, Subject},
    selection::Selection,
    verdict::Gap,
};
use crate::case::cluster::Unreadable;

/// A policy that is not evaluated, or a failed read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opaque {
    /// The policy's title, and the reason why it is not evaluated.
    pub gap: Gap,
    /// True if the policy may let egress pass that another policy closes.
    pub opens_egress: bool,
    /// True if the policy may let ingress pass that another policy closes.
    opens_ingress: bool,
    /// True if the policy may keep a pod from other pods.
    pub(super) may_silence_pods: bool,
    /// The object as text, with all that selects pods for it; `None` if it was not read.
    text: Option<String>,
    /// The reason why labels do not tell which pods the object selects; `None` if they do.
    pub selects_besides: Option<String>,
    /// The pods that the policy binds; `None` if they are not known.
    subject: Option<Subject>,
    /// The failed read; `None` for an object.
    unreadable: Option<Unreadable>,
}

/// The objects of a failed read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unread {
    /// The NetworkPolicies of the namespace.
    NetworkPolicies,
    /// Policies of another kind.
    Others,
}

impl Unread {
    /// Returns the objects in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NetworkPolicies => "NetworkPolicies",
            Self::Others => "policies of another kind",
        }
    }
}

/// Actions of a rule that closes. Every other action, also one of another name, may let traffic pass.
const CLOSING: [&str; 3] = ["Deny", "Drop", "Reject"];

/// The names of the lists that hold a policy's egress rules: of most kinds, of Kube-OVN's and of NSX's.
const EGRESS: [&str; 3] = ["egress", "egressRules", "rules"];
/// The names of the lists that hold a policy's ingress rules.
const INGRESS: [&str; 3] = ["ingress", "ingressRules", "rules"];

/// The domain of the labels that a run's own pods have.
const OWN_DOMAIN: &str = "podproof.dev/";
/// Labels that Kubernetes' own controllers give pods beside their template's, and that distinguish pods of one workload
/// (kubernetes.io, "Well-Known Labels, Annotations and Taints"). No known policy selects by them.
pub const OF_ONE_POD: &[&str] = &[
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
];

impl Opaque {
    /// Describes an object that is not evaluated. `objects` are all that were read.
    pub(super) fn of(object: &Value, group: &str, kind: &str, objects: &[Value]) -> Self {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let why = "policies of this kind are not evaluated".to_owned();
        let opens =
            |lists| kinds::may_open(group, kind) && (!kinds::lists_egress(group) || lets_pass(object, lists));
        let of_groups =
            if group == antrea::GROUP { antrea::selectors(object, objects) } else { Ok(String::new()) };
        let besides = kinds::selects_besides(group, kind, &object["spec"]).map(str::to_owned);
        let selectors = of_groups.as_deref().unwrap_or_default();
        Self {
            gap: Gap { place: format!("{kind} {name}"), why },
            opens_egress: opens(&EGRESS),
            opens_ingress: opens(&INGRESS),
            may_silence_pods: kinds::may_close_pods(group, kind),
            text: Some(format!("{}{}{selectors}", object["spec"], object["specs"])),
            selects_besides: besides.or(of_groups.err()),
            subject: subject(object, group, kind),
            unreadable: None,
        }
    }

    /// Describes a failed read. The objects that were not read may have any effect.
    pub fn unread(what: Unread, unreadable: Unreadable) -> Self {
        let gap = Gap { place: what.words().to_owned(), why: unreadable.to_string() };
        Self { unreadable: Some(unreadable), ..Self::without_text(gap) }
    }

    /// Describes a policy of which evidence keeps the title alone.
    pub fn titled(title: String, opens_egress: bool) -> Self {
        let why = "policies of this kind are not evaluated".to_owned();
        let gap = Gap { place: title, why };
        Self { opens_egress, ..Self::without_text(gap) }
    }

    /// Describes what may have any effect, because nothing of it was kept.
    const fn without_text(gap: Gap) -> Self {
        Self {
            gap,
            opens_egress: true,
            opens_ingress: true,
            may_silence_pods: true,
            text: None,
            selects_besides: None,
            subject: None,
            unreadable: None,
        }
    }

    /// Returns true if the policy may let traffic of this direction pass that another policy closes.
    pub const fn opens(&self, direction: Direction) -> bool {
        match direction {
            Direction::Egress => self.opens_egress,
            Direction::Ingress => self.opens_ingress,
        }
    }

    /// Returns false if the policy certainly binds another pod than this.
    fn may_bind(&self, endpoint: &Endpoint) -> bool {
        self.subject.as_ref().is_none_or(|subject| subject.selects(endpoint) != Match::No)
    }

    /// Returns the title and the text of a policy whose pods are known; `None` for another policy, which may bind every pod.
    pub(super) fn of_known_pods(&self) -> Option<(String, String)> {
        self.subject.as_ref()?;
        Some((self.gap.place.clone(), self.text.clone()?))
    }

    /// Returns the failed read; `None` for an object.
    pub const fn unreadable(&self) -> Option<&Unreadable> {
        self.unreadable.as_ref()
    }

    /// Returns true if the policy may select pods by a label with this key. A selector that does not name a key treats
    /// all values of the label alike.
    pub(super) fn may_select_by(&self, key: &str) -> bool {
        match &self.text {
            Some(text) => text.contains(key),
            None => !OF_ONE_POD.contains(&key) && !key.starts_with(OWN_DOMAIN),
        }
    }

    /// Returns true if the policy may select pods by their service account. A failed read makes the findings of the network
    /// inconclusive by itself.
    pub(super) fn may_select_by_account(&self) -> bool {
        self.text.as_ref().is_some_and(|text| text.to_ascii_lowercase().contains("serviceaccount"))
    }
}

impl Policies {
    /// Returns the policies that are not evaluated and may bind an endpoint.
    pub fn opaque_on(&self, endpoint: &Endpoint) -> impl Iterator<Item = &Opaque> {
        self.opaque.iter().filter(|opaque| opaque.may_bind(endpoint))
    }
}

/// Returns the pods that a policy binds; `None` for a kind of which that is not known, and for selectors that cannot be
/// evaluated.
fn subject(policy: &Value, group: &str, kind: &str) -> Option<Subject> {
    let spec = &policy["spec"];
    match kinds::selects_by(group, kind)? {
        SelectsBy::Subject => admin::subject(&spec["subject"]).ok(),
        SelectsBy::PodSelector => {
            let namespaces = Namespaces::Named(object::text(policy.pointer("/metadata/namespace")?).ok()?);
            let pods = object::selector(spec.get("podSelector")?).ok()?;
            Some(Subject { namespaces, pods: Ok(Selection::Labels(pods)) })
        }
    }
}

/// Returns true if a policy has a rule in one of these lists that lets traffic pass. Cilium's policies may have several parts, and the
/// rules of other kinds name their action. A list of rules for both directions counts, if one of them lets traffic pass.
fn lets_pass(object: &Value, lists: &[&str]) -> bool {
    let parts = object["specs"].as_array().into_iter().flatten().chain([&object["spec"]]);
    let lists = parts.flat_map(|part| lists.iter().filter_map(|name| part[*name].as_array()));
    let mut rules = lists.flatten();
    rules.any(|rule| {
        let does = ["action", "type", "policy"].iter().find_map(|key| rule[*key].as_str());
        does.is_none_or(|does| !CLOSING.iter().any(|closing| does.eq_ignore_ascii_case(closing)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_of_nsx_and_of_kube_ovn_open_egress() {
        let nsx = |action| {
            lets_pass(&json!({ "spec": { "rules": [{ "direction": "out", "action": action }] } }), &EGRESS)
        };
        let ovn = |policy| lets_pass(&json!({ "spec": { "egressRules": [{ "policy": policy }] } }), &EGRESS);
        assert!(nsx("allow") && ovn("allow"));
        assert!(!nsx("drop") && !ovn("drop"));
    }

    #[test]
    fn a_policy_of_an_unknown_structure_may_open_egress() {
        let opens = |group, kind, spec| Opaque::of(&json!({ "spec": spec }), group, kind, &[]).opens_egress;
        assert!(opens("example.org", "NetworkPolicy", json!({ "outbound": [] })));
        assert!(opens("kubeovn.io", "Subnet", json!({ "acls": [] })));
        assert!(!opens("networking.k8s.aws", "ApplicationNetworkPolicy", json!({ "ingress": [{}] })));
        assert!(!opens("k8s.ovn.org", "EgressFirewall", json!({ "egress": [{ "type": "Allow" }] })));
    }

    #[test]
    fn any_permitting_rule_opens_egress() {
        assert!(lets_pass(&json!({ "spec": { "egress": [{ "toEntities": ["all"] }] } }), &EGRESS));
        assert!(lets_pass(&json!({ "specs": [{}, { "egress": [{}] }] }), &EGRESS));
        assert!(!lets_pass(&json!({ "spec": { "egress": [], "egressDeny": [{}] } }), &EGRESS));
        assert!(!lets_pass(&json!({ "spec": { "ingress": [{}] } }), &EGRESS));
        let acting =
            |key: &str, does: &str| lets_pass(&json!({ "spec": { "egress": [{ key: does }] } }), &EGRESS);
        assert!(acting("action", "Allow") && acting("action", "Pass") && acting("type", "Allow"));
        assert!(acting("action", "ALLOW") && !acting("action", "DROP"));
        assert!(!acting("action", "Deny") && !acting("action", "Drop") && !acting("type", "Deny"));
    }

    #[test]
    fn a_kind_that_can_only_close_opens_no_direction() {
        let spec = json!({ "spec": { "egress": [{ "type": "Allow" }], "ingress": [{}] } });
        for (group, kind) in
            [("k8s.ovn.org", "EgressFirewall"), ("metal-stack.io", "ClusterwideNetworkPolicy")]
        {
            let opaque = Opaque::of(&spec, group, kind, &[]);
            assert!(!opaque.opens(Direction::Egress) && !opaque.opens(Direction::Ingress), "{kind}");
        }
    }

    #[test]
    fn a_list_of_one_direction_opens_that_direction_alone() {
        let of = |spec| Opaque::of(&json!({ "spec": spec }), "crd.antrea.io", "NetworkPolicy", &[]);
        let inward = of(json!({ "ingress": [{ "action": "Allow" }] }));
        assert_eq!((inward.opens_egress, inward.opens_ingress), (false, true));
        let outward = of(json!({ "egress": [{ "action": "Allow" }] }));
        assert_eq!((outward.opens_egress, outward.opens_ingress), (true, false));
    }
}
