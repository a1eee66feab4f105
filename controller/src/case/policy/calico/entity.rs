//! The source or the destination of a rule (`EntityRule`). All of its criteria must match.

use serde_json::Value;

use super::{Scope, labels, selector::Expression, sets};
use crate::case::policy::{
    object,
    rule::{Namespaces, PeerRule},
    selection::Selection,
};

const FIELDS: &[&str] = &[
    "nets",
    "notNets",
    "selector",
    "notSelector",
    "namespaceSelector",
    "serviceAccounts",
    "services",
    "ports",
    "notPorts",
];

/// Reads the criteria apart from the ports.
pub(super) fn read(value: &Value, scope: &Scope<'_>) -> Vec<PeerRule> {
    let unread = |why| vec![PeerRule::Unread(why)];
    if let Err(why) = object::only(value, FIELDS) {
        return unread(why);
    }
    let mut parts = Vec::new();
    let listed = |field: &str| value[field].as_array().filter(|list| !list.is_empty());
    let block = |value: &Value| match sets::block(value) {
        Ok(block) => PeerRule::Block { block, except: Vec::new() },
        Err(why) => PeerRule::Unread(why),
    };
    if let Some(nets) = listed("nets") {
        parts.push(PeerRule::Any(nets.iter().map(block).collect()));
    }
    parts.extend(listed("notNets").into_iter().flatten().map(|net| PeerRule::Not(Box::new(block(net)))));
    match selector(value, scope) {
        Ok(Some(selector)) => parts.push(selected(selector, scope)),
        Ok(None) => (),
        Err(why) => parts.push(PeerRule::Unread(why)),
    }
    match text(&value["notSelector"]).map(Expression::parse) {
        Some(Ok(selector)) => parts.push(PeerRule::Not(Box::new(selected(selector, scope)))),
        Some(Err(why)) => parts.push(PeerRule::Unread(why)),
        None => (),
    }
    let service = &value["services"];
    if !service.is_null() {
        let name = service["name"].as_str().unwrap_or_default();
        parts.push(PeerRule::Unread(format!("the addresses of service {name} are not compared")));
    }
    parts
}

/// Returns the selector of the pods and sets; `None` if nothing selects. A policy of a namespace selects within its own
/// namespace, unless the rule has a selector of namespaces (projectcalico, `updateprocessors/rules.go`).
fn selector(value: &Value, scope: &Scope<'_>) -> Result<Option<Expression>, String> {
    let mut parts = Vec::new();
    let in_a_namespace = Expression::Has(labels::NAMESPACE.to_owned());
    let accounts = &value["serviceAccounts"];
    object::only(accounts, &["names", "selector"])?;
    if let Some(selector) = text(&accounts["selector"]) {
        parts.push(super::of_accounts(selector)?);
    }
    if let Some(names) = accounts["names"].as_array().filter(|names| !names.is_empty()) {
        let names = names.iter().map(object::text).collect::<Result<_, _>>()?;
        parts.push(Expression::Label(labels::SERVICE_ACCOUNT.to_owned(), super::selector::Test::In(names)));
    }
    if let Some(selector) = text(&value["selector"]) {
        parts.push(Expression::parse(selector)?);
    }
    match (text(&value["namespaceSelector"]), scope.namespace) {
        (Some(selector), _) => {
            let outside = Expression::Not(Box::new(in_a_namespace.clone()));
            let selector = Expression::parse(selector)?;
            parts.push(selector.about(labels::OF_NAMESPACE, &in_a_namespace, &Ok(outside))?);
        }
        (None, Some(namespace)) if !parts.is_empty() || text(&value["notSelector"]).is_some() => {
            parts.push(super::within(namespace));
        }
        (None, _) => (),
    }
    Ok((!parts.is_empty()).then(|| Expression::and(parts)))
}

/// Returns the pods and the sets of addresses that a selector selects.
fn selected(selector: Expression, scope: &Scope<'_>) -> PeerRule {
    let sets = scope.sets.selected(&selector);
    let required = labels::NAMES_OF_NAMESPACE.iter().find_map(|key| selector.required(key));
    let namespaces = required.map_or_else(Namespaces::every, |name| Namespaces::Named(name.to_owned()));
    let pods = PeerRule::Pods { namespaces, pods: Selection::Calico(selector) };
    if sets.is_empty() { pods } else { PeerRule::Any([pods].into_iter().chain(sets).collect()) }
}

/// Returns a selector's text; an empty one is the same as none.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}
