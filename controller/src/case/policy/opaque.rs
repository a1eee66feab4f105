//! Policies that the model does not evaluate. Nothing is known of their effect but the directions in which they could
//! change a verdict.

use serde_json::Value;

use super::{kinds, verdict::Gap};

/// A policy that is not evaluated, or a failed read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opaque {
    /// The policy's title, and the reason why it is not evaluated.
    pub gap: Gap,
    /// True if the policy may let egress pass that another policy closes.
    pub opens_egress: bool,
}

/// Actions of a rule that closes. Every other action, also one of another name, may let traffic pass.
const CLOSING: [&str; 3] = ["Deny", "Drop", "Reject"];

/// The names of the lists that hold a policy's egress rules: of most kinds, of Kube-OVN's and of NSX's.
const EGRESS: [&str; 3] = ["egress", "egressRules", "rules"];

impl Opaque {
    /// Describes an object that is not evaluated.
    pub(super) fn of(object: &Value, group: &str, kind: &str) -> Self {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let why = "policies of this kind are not evaluated".to_owned();
        Self {
            gap: Gap { place: format!("{kind} {name}"), why },
            opens_egress: kinds::may_open(group, kind) && opens_egress(object),
        }
    }

    /// Describes a failed read, for this reason. The objects that were not read may have any effect.
    pub fn unread(what: &str, why: String) -> Self {
        Self { gap: Gap { place: what.to_owned(), why }, opens_egress: true }
    }
}

/// Returns true if a policy has an egress rule that lets traffic pass. Cilium's policies may have several parts, and the
/// rules of other kinds name their action. A list of rules for both directions counts, if one of them lets traffic pass.
pub fn opens_egress(object: &Value) -> bool {
    let parts = object["specs"].as_array().into_iter().flatten().chain([&object["spec"]]);
    let lists = parts.flat_map(|part| EGRESS.iter().filter_map(|name| part[*name].as_array()));
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
            opens_egress(&json!({ "spec": { "rules": [{ "direction": "out", "action": action }] } }))
        };
        let ovn = |policy| opens_egress(&json!({ "spec": { "egressRules": [{ "policy": policy }] } }));
        assert!(nsx("allow") && ovn("allow"));
        assert!(!nsx("drop") && !ovn("drop"));
    }

    #[test]
    fn any_permitting_rule_opens_egress() {
        assert!(opens_egress(&json!({ "spec": { "egress": [{ "toEntities": ["all"] }] } })));
        assert!(opens_egress(&json!({ "specs": [{}, { "egress": [{}] }] })));
        assert!(!opens_egress(&json!({ "spec": { "egress": [], "egressDeny": [{}] } })));
        assert!(!opens_egress(&json!({ "spec": { "ingress": [{}] } })));
        let acting = |key: &str, does: &str| opens_egress(&json!({ "spec": { "egress": [{ key: does }] } }));
        assert!(acting("action", "Allow") && acting("action", "Pass") && acting("type", "Allow"));
        assert!(acting("action", "ALLOW") && !acting("action", "DROP"));
        assert!(!acting("action", "Deny") && !acting("action", "Drop") && !acting("type", "Deny"));
    }
}
