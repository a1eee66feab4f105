//! `CiliumNetworkPolicy` and `CiliumClusterwideNetworkPolicy` of `cilium.io/v2`, by the source of Cilium 1.20: `pkg/policy/api`,
//! `pkg/k8s/apis/cilium.io/utils` and `pkg/policy/utils/parserules.go` of github.com/cilium/cilium.
//!
//! An object has one or several parts, and each is a policy of its own. Cilium refuses an object as a whole if it refuses a
//! part. A refused object has no effect, but a later version of Cilium may accept it: nothing is then known of its effect.

mod entity;
mod identity;
mod peers;
mod ports;

pub use entity::Entity;
pub use identity::Identity;
pub(super) use identity::{is_reserved, left_out};

use serde_json::Value;

use super::{
    endpoint::Direction,
    matching::Match,
    object,
    order::{Family, Order, Tier},
    rule::{Action, Namespaces, Policy, Rule, Section, Subject},
    selection::Selection,
};
use crate::case::cluster::Selector;

/// The fields of a part (`pkg/policy/api/rule.go`).
const FIELDS: [&str; 10] = [
    "description",
    "egress",
    "egressDeny",
    "enableDefaultDeny",
    "endpointSelector",
    "ingress",
    "ingressDeny",
    "labels",
    "log",
    "nodeSelector",
];

/// Reads an object as the policies of its parts that may bind pods.
pub(super) fn read(object: &Value) -> Vec<Policy> {
    let metadata = &object["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reader = Reader {
        title: format!("{} {}", text(&object["kind"]), text(&metadata["name"])),
        namespace: metadata["namespace"].as_str(),
    };
    let read = accepted(object).and_then(|()| {
        let specs = object::list(&object["specs"])?.into_iter().flatten().enumerate();
        let specs = specs.map(|(index, part)| (format!("specs[{index}]."), part));
        let spec = Some(&object["spec"]).filter(|spec| !spec.is_null()).map(|spec| (String::new(), spec));
        let parts: Vec<_> = spec.into_iter().chain(specs).collect();
        // Without a rule, a single part binds nothing, whether Cilium refuses it or not.
        match parts.as_slice() {
            [(_, part)] if !has_rules(part) => Ok(Vec::new()),
            parts => {
                parts.iter().filter_map(|(prefix, part)| reader.part(prefix, part).transpose()).collect()
            }
        }
    });
    read.unwrap_or_else(|why| vec![reader.unread(why)])
}

/// Cilium's operator says in the status if Cilium refuses an object (`operator/pkg/networkpolicy/validator.go`).
fn accepted(object: &Value) -> Result<(), String> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let refused = conditions.into_iter().flatten().any(|it| it["type"] == "Valid" && it["status"] == "False");
    if refused { Err("its status says that Cilium refuses it".to_owned()) } else { Ok(()) }
}

fn has_rules(part: &Value) -> bool {
    let lists = ["ingress", "ingressDeny", "egress", "egressDeny"];
    lists
        .iter()
        .any(|list| part[*list].as_array().is_none_or(|rules| !rules.is_empty()) && !part[*list].is_null())
}

/// The place of a policy's parts.
struct Reader<'a> {
    title: String,
    /// The namespace; `None` for a policy of the cluster.
    namespace: Option<&'a str>,
}

impl Reader<'_> {
    fn namespaces(&self) -> Namespaces {
        self.namespace.map_or_else(
            || Namespaces::Labelled(Selector::default()),
            |namespace| Namespaces::Named(namespace.to_owned()),
        )
    }

    /// Reads a part; `None` for a part that binds nodes (`Rule.NodeSelector`).
    fn part(&self, prefix: &str, part: &Value) -> Result<Option<Policy>, String> {
        object::only(part, &FIELDS)?;
        if !has_rules(part) {
            return Err("Cilium refuses a part without a rule".to_owned());
        }
        let pods = match (&part["endpointSelector"], &part["nodeSelector"]) {
            (Value::Null, Value::Null) => return Err("Cilium refuses a part without a selector".to_owned()),
            (pods, Value::Null) => pods,
            (Value::Null, _) if self.namespace.is_none() => return Ok(None),
            _ => return Err("Cilium refuses the part's `nodeSelector`".to_owned()),
        };
        let pods = Identity::of_subject(&object::selector(pods)?, self.namespace.is_some());
        Ok(Some(Policy {
            title: self.title.clone(),
            family: Family::Cilium,
            tier: Tier::default_tier(),
            order: Order::default(),
            subject: Subject { namespaces: self.namespaces(), pods: Ok(Selection::Identity(pods)) },
            ingress: self.section(prefix, part, Direction::Ingress)?,
            egress: self.section(prefix, part, Direction::Egress)?,
        }))
    }

    /// Reads the rules of a direction. A part binds a direction if it has rules for it, denying ones included, and closes
    /// it for the rest unless `enableDefaultDeny` says otherwise (`Rule.Sanitize`, `RulesToPolicyEntries`).
    fn section(&self, prefix: &str, part: &Value, direction: Direction) -> Result<Option<Section>, String> {
        let field = direction.field();
        let mut rules = Vec::new();
        for (field, action) in [(field.to_owned(), Action::Allow), (format!("{field}Deny"), Action::Deny)] {
            for (index, value) in object::list(&part[&field])?.into_iter().flatten().enumerate() {
                let place = format!("{prefix}{field}[{index}]");
                rules.push(self.rule(value, direction, action, place)?);
            }
        }
        let denies_the_rest = match part["enableDefaultDeny"].get(field) {
            None | Some(Value::Null) => true,
            Some(Value::Bool(denies)) => *denies,
            Some(other) => return Err(format!("{other} is neither true nor false")),
        };
        Ok((!rules.is_empty()).then_some(Section { rules, denies_the_rest }))
    }

    /// Reads a rule. Peers without ports mean every port, and ports without peers mean every peer; a rule without both
    /// matches nothing (`rule.mergeL4Filter`, `createL4Filter`).
    fn rule(
        &self,
        value: &Value,
        direction: Direction,
        action: Action,
        place: String,
    ) -> Result<Rule, String> {
        let members = peers::members(direction, action);
        let further = ["toPorts", "icmps", "authentication"];
        let known: Vec<_> = members.iter().copied().chain(further).collect();
        object::only(value, &known)?;
        let ports = ports::of(value)?;
        let peers = match peers::of(value, &members, self.namespace)? {
            None if ports.is_none() => Some(Vec::new()),
            peers => peers,
        };
        Ok(Rule { place, action, peers, ports })
    }

    /// Returns a policy that may have any effect on the pods that it may bind.
    fn unread(&self, why: String) -> Policy {
        let any = |direction: Direction| {
            let rule =
                |action| Rule { place: direction.field().to_owned(), action, peers: None, ports: None };
            Section { rules: vec![rule(Action::Deny), rule(Action::Allow)], denies_the_rest: true }
        };
        Policy {
            title: self.title.clone(),
            family: Family::Cilium,
            tier: Tier::default_tier(),
            order: Order::default(),
            subject: Subject { namespaces: self.namespaces(), pods: Err(why) },
            ingress: Some(any(Direction::Ingress)),
            egress: Some(any(Direction::Egress)),
        }
    }
}

/// Returns if a block of addresses outside of the cluster applies to a pod or a node with such an address. Cilium's setting
/// `policy-cidr-match-mode` decides (docs.cilium.io, "CIDR based"); by default it does not apply.
pub(super) fn inside(has_the_address: bool) -> Match {
    if has_the_address {
        Match::Unknown(
            "Cilium's setting `policy-cidr-match-mode` decides if blocks apply to pods and nodes".to_owned(),
        )
    } else {
        Match::No
    }
}

#[cfg(test)]
pub(super) mod simulation;
#[cfg(test)]
mod tests;
