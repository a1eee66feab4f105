//! The places where pods run or can run: pools, kinds of nodes in a pool, and single nodes that need a probe of their
//! own.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    Nodes, Represented, Request,
    kinds::Kinds,
    uncovered::{Gaps, Uncovered, not_yet},
    unfit,
};
use crate::case::cluster::{Cluster, Node, NodeKind, Part, Placement, PodView, Restriction, node::is_named};

/// The name of the pool if nodes may not be read.
const UNKNOWN_POOL: &str = "unknown";

/// The place of one probe.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) pool: String,
    /// The kind of node; `None` if the pool has a single kind.
    pub(super) kind: Option<NodeKind>,
    /// The node's name, if each node needs a probe; otherwise `None`.
    pub(super) node: Option<String>,
}

/// The places of a cluster, found once for all pods of a plan.
pub(super) struct Places<'a> {
    cluster: &'a Cluster,
    request: &'a Request,
    asked_for: &'a Nodes,
    kinds: Kinds<'a>,
    spots: BTreeMap<&'a str, Rc<Spot<'a>>>,
    /// The places for pods that have no node, by their RuntimeClass and their requirements.
    suited: RefCell<BTreeMap<Option<String>, ByPlacement<'a>>>,
    /// The nodes without a probe of their own, as far as they were asked for.
    represented: RefCell<Represented>,
}

/// The places of pods by their requirements.
type ByPlacement<'a> = BTreeMap<Placement, Rc<Suited<'a>>>;

/// A node, and its pool and kind.
struct Spot<'a> {
    node: &'a Node,
    place: Place,
}

/// The nodes on which pods run or can run.
struct Suited<'a> {
    spots: Vec<Rc<Spot<'a>>>,
    /// The pools and kinds of these nodes.
    pools: Vec<Place>,
    /// For each pool and kind, the first node that can run a probe now.
    open: BTreeMap<Place, Rc<Spot<'a>>>,
}

// === impl Places ===

impl<'a> Places<'a> {
    pub(super) fn new(cluster: &'a Cluster, request: &'a Request, asked_for: &'a Nodes) -> Self {
        let nodes = cluster.nodes.as_deref().unwrap_or_default();
        let kinds = Kinds::new(cluster, request);
        let mut of_pools = BTreeMap::<&str, BTreeSet<NodeKind>>::new();
        for node in nodes {
            of_pools.entry(&node.pool).or_default().insert(kinds.of(node));
        }
        let is_mixed = |node: &Node| of_pools.get(node.pool.as_str()).is_some_and(|kinds| kinds.len() > 1);
        let spot = |node: &'a Node| {
            let kind = is_mixed(node).then(|| kinds.of(node));
            let place = Place { pool: node.pool.clone(), kind, node: None };
            (node.name.as_str(), Rc::new(Spot { node, place }))
        };
        let spots = nodes.iter().map(spot).collect();
        let (suited, represented) = Default::default();
        Self { cluster, request, asked_for, kinds, spots, suited, represented }
    }

    /// Returns the requested places where a pod or a template's pods run or can run.
    pub(super) fn of(&self, pod_view: &PodView) -> Vec<Place> {
        if self.cluster.nodes.is_err() {
            return unknown(self.asked_for, pod_view);
        }
        let names = match self.asked_for {
            Nodes::PerPool => return self.pools(pod_view),
            Nodes::All => None,
            Nodes::Named(names) => Some(names),
        };
        let wanted = |spot: &&Rc<Spot<'_>>| names.is_none_or(|names| names.contains(&spot.node.name));
        let suited = self.suited(pod_view);
        // Named nodes were asked for themselves.
        let represents =
            |spot: &Rc<Spot<'a>>| names.is_none().then(|| self.representative(spot, pod_view)).flatten();
        let place = |spot: &Rc<Spot<'a>>| {
            let probed = represents(spot).unwrap_or_else(|| Rc::clone(spot));
            Place { node: Some(probed.node.name.clone()), ..probed.place.clone() }
        };
        let places: BTreeSet<_> = suited.spots.iter().filter(wanted).map(place).collect();
        places.into_iter().collect()
    }

    /// Returns the nodes without a probe of their own, as far as places were asked for.
    pub(super) fn represented(&self) -> Represented {
        self.represented.borrow().clone()
    }

    /// Returns another node of the same pool and kind, whose probe represents a pod on a node that can have no probe for a while;
    /// `None` for a node that can have one, for one that other reasons keep from it, and if no such node can run a probe now. Running
    /// pods are examined on their own nodes.
    fn representative(&self, spot: &Spot<'a>, pod_view: &PodView) -> Option<Rc<Spot<'a>>> {
        if spot.node.is_open() || self.request.live.is_some() {
            return None;
        }
        let class = pod_view.runtime_class.as_deref().and_then(|name| self.cluster.class(name));
        let placement = self.request.probes_placement(&pod_view.placement);
        let why = placement.temporary_hindrance(spot.node, class)?;
        let other = self.by_requirements(pod_view).open.get(&spot.place).cloned()?;
        self.represented.borrow_mut().add(&other.node.name, &spot.node.name, why);
        Some(other)
    }

    /// Returns the pools, and the kinds of their nodes, where a pod or a template's pods run or can run.
    pub(super) fn pools(&self, pod_view: &PodView) -> Vec<Place> {
        if self.cluster.nodes.is_err() {
            return unknown(&Nodes::PerPool, pod_view);
        }
        self.suited(pod_view).pools.clone()
    }

    /// Returns the pool and the kind of the node with a name; `None` if it is not among these.
    pub(super) fn at(&self, name: &str) -> Option<&Place> {
        self.spots.get(name).map(|spot| &spot.place)
    }

    /// Returns the pool and the kind of a node that is not among these; `None` if none of these is of the same pool and kind.
    pub(super) fn like(&self, node: &Node) -> Option<Place> {
        let kind = self.kinds.of(node);
        let is_alike = |spot: &&Rc<Spot<'_>>| spot.node.pool == node.pool && self.kinds.of(spot.node) == kind;
        self.spots.values().find(is_alike).map(|spot| spot.place.clone())
    }

    /// Returns true for a node that is among these by its name, and has another pool or kind here.
    pub(super) fn has_changed(&self, now: &Node) -> bool {
        let before = self.spots.get(now.name.as_str()).map(|spot| spot.node);
        before.is_some_and(|before| before.pool != now.pool || self.kinds.of(before) != self.kinds.of(now))
    }

    /// Returns the key of a label by which a pod chooses its node, if no pod of the plan does and nodes that share the probe of one of
    /// these places may differ by it. The labels of a node that is not among these are not known.
    pub(super) fn overlooked<'b>(
        &self,
        pod_view: &'b PodView,
        places: &[Place],
        node_now: Option<&Node>,
    ) -> Option<&'b str> {
        let before = pod_view.node.as_ref().map(|node| self.spots.get(node.as_str()));
        let is_new = |key: &str| match before {
            None => false,
            Some(None) => true,
            Some(Some(spot)) => node_now.is_some_and(|now| now.labels.get(key) != spot.node.labels.get(key)),
        };
        let differs = |place: &Place, key: &str| {
            let is_here =
                |spot: &&Rc<Spot<'_>>| spot.place.pool == place.pool && spot.place.kind == place.kind;
            let here = self.spots.values().filter(is_here);
            here.map(|spot| spot.node.labels.get(key)).collect::<BTreeSet<_>>().len() > 1
        };
        let is_own =
            |place: &Place| place.node.is_some() && (pod_view.node.is_none() || place.node == pod_view.node);
        let shared: Vec<_> = places.iter().filter(|it| !is_named(&it.pool) && !is_own(it)).collect();
        let mut keys = pod_view.placement.keys().filter(|key| self.kinds.overlook(key));
        keys.find(|&key| shared.iter().any(|place| is_new(key) || differs(place, key)))
    }

    fn suited(&self, pod_view: &PodView) -> Rc<Suited<'a>> {
        if let Some(name) = &pod_view.node {
            let spots = self.spots.get(name.as_str()).cloned().into_iter().collect();
            return Rc::new(Suited::of(spots, BTreeMap::new()));
        }
        self.by_requirements(pod_view)
    }

    /// Returns the nodes on which a pod of the same RuntimeClass and requirements can run.
    fn by_requirements(&self, pod_view: &PodView) -> Rc<Suited<'a>> {
        let class = pod_view.runtime_class.as_ref();
        let known = self
            .suited
            .borrow()
            .get(&class.cloned())
            .and_then(|of_class| of_class.get(&*pod_view.placement).cloned());
        if let Some(known) = known {
            return known;
        }
        let declared = class.and_then(|name| self.cluster.class(name));
        let placement = self.request.probes_placement(&pod_view.placement);
        let suits = |spot: &&Rc<Spot<'_>>| placement.suits(spot.node, declared);
        let spots: Vec<_> = self.spots.values().filter(suits).cloned().collect();
        let mut open = BTreeMap::new();
        for spot in &spots {
            let node = spot.node;
            if !open.contains_key(&spot.place)
                && placement.hindrance(node, declared).is_none()
                && unfit(node, &[node], declared, self.request).is_none()
            {
                open.insert(spot.place.clone(), Rc::clone(spot));
            }
        }
        let suited = Rc::new(Suited::of(spots, open));
        let mut all = self.suited.borrow_mut();
        all.entry(class.cloned())
            .or_default()
            .insert(Placement::clone(&pod_view.placement), Rc::clone(&suited));
        suited
    }
}

// === impl Suited ===

impl<'a> Suited<'a> {
    fn of(spots: Vec<Rc<Spot<'a>>>, open: BTreeMap<Place, Rc<Spot<'a>>>) -> Self {
        let pools: BTreeSet<_> = spots.iter().map(|spot| &spot.place).collect();
        Self { pools: pools.into_iter().cloned().collect(), spots, open }
    }
}

/// Returns the places if nodes may not be read: only the pods' own nodes are known.
fn unknown(asked_for: &Nodes, pod_view: &PodView) -> Vec<Place> {
    let at = |node| vec![Place { pool: UNKNOWN_POOL.to_owned(), node, kind: None }];
    match (asked_for, pod_view.node.clone()) {
        (Nodes::PerPool, _) => at(None),
        (Nodes::Named(names), Some(node)) if !names.contains(&node) => Vec::new(),
        (_, node) => at(node),
    }
}

/// Finds the places where a pod or a template's pods run or can run without a probe.
pub(super) fn left_out(known: &Places<'_>, pod_view: &PodView, places: &[Place], gaps: &mut Gaps) {
    let to_come = pod_view.origin.name.is_empty();
    // Pods that do not exist yet are only requested for the given nodes.
    if to_come && !places.is_empty() {
        return;
    }
    let class = pod_view.runtime_class.as_deref().unwrap_or_default();
    let title = if to_come { not_yet(class) } else { pod_view.origin.title() };
    let all = known.pools(pod_view);
    if all.is_empty() {
        let why = match &pod_view.node {
            Some(node) => format!("its node {node} does not exist"),
            None => {
                "no node can run this pod now; `--wait-for-nodes TIME` asks an autoscaler for one".to_owned()
            }
        };
        gaps.uncovered.push(Uncovered::new(title, why));
        return;
    }
    let probed =
        |place: &&Place| places.iter().any(|probed| probed.pool == place.pool && probed.kind == place.kind);
    for Place { pool, kind, .. } in all.iter().filter(|place| !probed(place)) {
        gaps.pools.insert(pool.clone());
        // A request for pods on nodes where they cannot be is not fulfilled.
        if to_come {
            let why = "--nodes names no node that can run these pods";
            gaps.uncovered.push(Uncovered::new(title.clone(), why));
            continue;
        }
        let name = match (&pod_view.node, kind) {
            (Some(node), _) => format!("node {node}"),
            (None, Some(kind)) => format!("the nodes of the kind {kind} in pool {pool}"),
            (None, None) => format!("pool {pool}"),
        };
        gaps.left_out.push(Part { by: Restriction::Nodes, name });
    }
}
