//! The peers of a rule (`pkg/policy/api/ingress.go`, `egress.go`; `mergeEndpointSelectors` of `parserules.go`).

use serde_json::Value;

use super::{
    entity::Entity,
    identity::{self, Identity, NAMESPACE},
};
use crate::case::{
    cluster::Selector,
    policy::{
        Block,
        endpoint::Direction,
        object,
        rule::{Action, Namespaces, PeerRule},
        selection::Selection,
        words,
    },
};

/// Members of which an empty list selects nothing. An empty list of another member means the same as none.
const SELECT_NOTHING: [&str; 5] = ["CIDR", "CIDRSet", "Endpoints", "Entities", "Nodes"];

/// Returns the fields of a rule that name peers.
pub(super) fn members(direction: Direction, action: Action) -> Vec<&'static str> {
    let mut members = match direction {
        Direction::Ingress => {
            vec![
                "fromCIDR",
                "fromCIDRSet",
                "fromEndpoints",
                "fromEntities",
                "fromNodes",
                "fromGroups",
                "fromRequires",
            ]
        }
        Direction::Egress => {
            vec![
                "toCIDR",
                "toCIDRSet",
                "toEndpoints",
                "toEntities",
                "toNodes",
                "toGroups",
                "toRequires",
                "toServices",
            ]
        }
    };
    if direction == Direction::Egress && action == Action::Allow {
        members.push("toFQDNs");
    }
    members
}

/// Reads the peers of a rule; `None` if it names none.
pub(super) fn of(
    rule: &Value,
    members: &[&str],
    namespace: Option<&str>,
) -> Result<Option<Vec<PeerRule>>, String> {
    let mut given: Option<(&str, Vec<PeerRule>)> = None;
    let mut selects_nothing = false;
    for member in members {
        let kind = member.trim_start_matches("from").trim_start_matches("to");
        match object::list(&rule[*member])? {
            None => (),
            Some(list) if list.is_empty() => selects_nothing |= SELECT_NOTHING.contains(&kind),
            Some(list) => {
                if let Some((other, _)) = given {
                    return Err(format!("Cilium refuses a rule with both `{other}` and `{member}`"));
                }
                let peers = if kind == "FQDNs" {
                    let names = list.iter().map(name).collect::<Result<_, _>>()?;
                    vec![PeerRule::Names(names)]
                } else {
                    list.iter().map(|value| peer(kind, value, namespace)).collect::<Result<_, _>>()?
                };
                given = Some((member, peers));
            }
        }
    }
    let peers = given.map(|(_, peers)| peers);
    // Cilium adds the pods of `toServices` to `toEndpoints`, so that an empty list of these does not hold.
    let is_unread = |peers: &Vec<PeerRule>| peers.iter().any(|peer| matches!(peer, PeerRule::Unread(_)));
    Ok(if selects_nothing && !peers.as_ref().is_some_and(is_unread) { Some(Vec::new()) } else { peers })
}

fn peer(kind: &str, value: &Value, namespace: Option<&str>) -> Result<PeerRule, String> {
    match kind {
        "CIDR" => {
            let text = object::text(value)?;
            let block = Block::parse(&text).or_else(|| Block::of_address(&text));
            let block = block.ok_or_else(|| format!("{text} is no block of addresses"))?;
            Ok(PeerRule::Outside { block, except: Vec::new() })
        }
        "CIDRSet" => set(value),
        "Endpoints" => Ok(endpoints(&object::selector(value)?, namespace)),
        "Entities" => {
            let name = object::text(value)?;
            let entity = Entity::parse(&name).ok_or_else(|| format!("the entity {name} is not known"))?;
            Ok(PeerRule::Entity(entity))
        }
        "Nodes" => Ok(PeerRule::Nodes(words::selector(&object::selector(value)?))),
        // Cilium resolves a group or a Service to addresses and selectors. A Service that it does not find leaves the rule
        // without peers, which opens the rule's ports to every peer.
        "Services" => Ok(PeerRule::Unread(format!("the Service {} is not evaluated", service(value)))),
        "Groups" => Ok(PeerRule::Unread("groups of a cloud's addresses are not evaluated".to_owned())),
        _ => Err("requirements of peers are not evaluated".to_owned()),
    }
}

fn name(value: &Value) -> Result<String, String> {
    object::only(value, &["matchName", "matchPattern"])?;
    match (&value["matchName"], &value["matchPattern"]) {
        (name, Value::Null) | (Value::Null, name) => object::text(name),
        _ => Err("Cilium refuses a name with both `matchName` and `matchPattern`".to_owned()),
    }
}

fn service(value: &Value) -> String {
    let named = &value["k8sService"];
    let text = |field: &str| named[field].as_str();
    match (text("namespace"), text("serviceName")) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (None, Some(name)) => name.to_owned(),
        _ => "with some labels".to_owned(),
    }
}

fn set(value: &Value) -> Result<PeerRule, String> {
    object::only(value, &["cidr", "except", "cidrGroupRef", "cidrGroupSelector"])?;
    let is_given = |field: &&str| !value[*field].is_null();
    let given: Vec<_> = ["cidr", "cidrGroupRef", "cidrGroupSelector"].into_iter().filter(is_given).collect();
    match given.as_slice() {
        ["cidr"] => {
            let block = object::block(&value["cidr"])?;
            let except = object::list(&value["except"])?.into_iter().flatten().map(object::block);
            let except: Vec<_> = except.collect::<Result<_, _>>()?;
            match except.iter().find(|except| !block.covers(except)) {
                None => Ok(PeerRule::Outside { block, except }),
                Some(except) => {
                    Err(format!("Cilium refuses the exception {except}, which {block} does not contain"))
                }
            }
        }
        ["cidrGroupRef"] => {
            let name = object::text(&value["cidrGroupRef"])?;
            Ok(PeerRule::Unread(format!("the CiliumCIDRGroup {name} is not evaluated")))
        }
        ["cidrGroupSelector"] => {
            let labels = words::selector(&object::selector(&value["cidrGroupSelector"])?);
            Ok(PeerRule::Unread(format!("CiliumCIDRGroups with {labels} are not evaluated")))
        }
        _ => Err("an item needs one of `cidr`, `cidrGroupRef` and `cidrGroupSelector`".to_owned()),
    }
}

/// Returns the endpoints that a selector selects. A selector without a namespace is limited to the policy's own namespace,
/// or to pods of any namespace in a policy of the cluster (`getEndpointSelector`).
fn endpoints(selector: &Selector, namespace: Option<&str>) -> PeerRule {
    let mut labels = identity::with_sources(selector);
    let keys = labels.equals.keys().chain(labels.requirements.iter().map(|requirement| &requirement.key));
    let keys: Vec<_> = keys.cloned().collect();
    if keys.iter().any(|key| key.starts_with("reserved:")) {
        return reserved(&labels);
    }
    let own = [format!("k8s:{NAMESPACE}"), format!("any:{NAMESPACE}")];
    let named: Vec<_> = own.iter().filter_map(|key| labels.equals.get(key).cloned()).collect();
    let has_namespace = keys.iter().any(|key| own.contains(key));
    let has_labels_of_namespace =
        namespace.is_some() && keys.iter().any(|key| identity::is_of_namespace(key));
    let every = || Namespaces::Labelled(Selector::default());
    let (namespaces, pods_alone) = match (named.as_slice(), namespace) {
        ([name], _) => {
            labels.equals.retain(|key, _| !own.contains(key));
            (Namespaces::Named(name.clone()), true)
        }
        _ if has_namespace || has_labels_of_namespace => (every(), false),
        (_, Some(namespace)) => (Namespaces::Named(namespace.to_owned()), true),
        (_, None) => (every(), true),
    };
    PeerRule::Pods { namespaces, pods: Selection::Identity(Identity { labels, pods_alone }) }
}

/// Returns the entity of a selector of reserved labels, such as `reserved:host`.
fn reserved(labels: &Selector) -> PeerRule {
    let mut equals = labels.equals.iter();
    let key = match (equals.next(), equals.next(), labels.requirements.as_slice()) {
        (Some((key, value)), None, []) if value.is_empty() => Some(key),
        (None, None, [only]) if only.operator == "Exists" => Some(&only.key),
        _ => None,
    };
    let entity = key.and_then(|key| key.strip_prefix("reserved:")).and_then(Entity::parse);
    // The labels of these entities are not their names, or depend on the address families.
    let named = ["all", "cluster", "cluster-mesh", "world", "world-ipv4", "world-ipv6"];
    match entity.filter(|entity| !named.contains(&entity.to_string().as_str())) {
        Some(entity) => PeerRule::Entity(entity),
        None => PeerRule::Unread(format!("the selector {} is not evaluated", words::selector(labels))),
    }
}
