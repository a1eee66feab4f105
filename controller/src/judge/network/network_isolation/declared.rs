//! The declaration beside the profile: the egress that policies let pass, and that the profile forbids.

mod behind;

use std::{cell::OnceCell, net::IpAddr};

use behind::{Led, are_behind, leads};

use crate::case::{
    Case, InCluster,
    abridged::abridged,
    cluster::{Cluster, LISTENER_PORT, Selector},
    policy::{
        Block, Direction, Entity, Flow, Gap, Peer, PeerRule, PodPort, Transport, Verdict,
        reach::{Excesses, Limit},
    },
    profile::{Kind, Profile},
};
use crate::judge::policy::Policy;

/// The namespace and the label of the cluster's name servers (kubernetes.io, "Customizing DNS Service").
const DNS: (&str, (&str, &str)) = ("kube-system", ("k8s-app", "kube-dns"));
/// The most policies that a reason names.
const NAMED: usize = 3;

/// The profile as a limit for the policies of a cluster.
struct OfProfile<'a> {
    profile: &'a Profile,
    cluster: &'a Cluster,
}

/// The policies of a case beside its profile. The comparison is costly and several judges need it, so that it is made once,
/// when the first of them asks.
#[derive(Debug)]
pub struct Comparison<'a> {
    case: &'a Case,
    /// The policy that accepts devices by name; `None` for one that accepts none.
    policy: Option<&'a Policy>,
    excess: OnceCell<Excess>,
}

/// The egress that policies let pass and the profile forbids, as a fragment of a sentence; `Ok(None)` if there is none, `Err`
/// if parts of the policies cannot be evaluated.
type Excess = Result<Option<String>, String>;

// === impl Comparison ===

impl<'a> Comparison<'a> {
    /// Returns the comparison for a case, not made yet.
    pub const fn of(case: &'a Case) -> Self {
        Self { case, policy: None, excess: OnceCell::new() }
    }

    /// Returns the comparison with the devices that a policy accepts.
    pub fn under(self, policy: &'a Policy) -> Self {
        Self { policy: Some(policy), ..self }
    }

    /// Returns the policy that accepts devices by name; `None` for one that accepts none.
    pub(in crate::judge) const fn policy(&self) -> Option<&'a Policy> {
        self.policy
    }

    /// Returns the excess of the policies. There is none without a cluster.
    pub(super) fn excess(&self) -> &Excess {
        self.excess.get_or_init(|| match &self.case.surroundings.in_cluster {
            Some(known) => excess(known, &self.case.surroundings.profile),
            None => Ok(None),
        })
    }
}

fn excess(known: &InCluster, profile: &Profile) -> Excess {
    #[cfg(test)]
    tests::COMPARED.set(tests::COMPARED.get() + 1);
    let limit = OfProfile { profile, cluster: &known.cluster };
    let (policies, endpoint) = (&known.cluster.policies, known.endpoint());
    let Excesses { mut found, mut gaps } = policies.excess(&endpoint, &limit);
    let left_open = policies.left_open(&endpoint, &limit, (&known.listeners(), LISTENER_PORT));
    found.extend(left_open.found);
    gaps.extend(left_open.gaps);
    let told: Vec<_> = found.iter().map(|it| format!("{} lets {} pass", it.by, it.traffic)).collect();
    match (told.as_slice(), gaps.is_empty()) {
        ([], true) => Ok(None),
        ([], false) => Err(in_words(gaps.iter())),
        _ => Ok(Some(first(&told))),
    }
}

/// Returns parts that cannot be evaluated, as a fragment of a sentence.
pub(in crate::judge) fn in_words<'a>(gaps: impl Iterator<Item = &'a Gap>) -> String {
    let gaps: Vec<_> = gaps.map(|gap| format!("{}: {}", gap.place, gap.why)).collect();
    first(&gaps)
}

/// Joins the first few texts, and counts the rest.
pub(super) fn first(all: &[String]) -> String {
    abridged(all, NAMED, "; ")
}

/// Returns the part of the declaration that explains why a destination was reached, as a sentence's rest.
pub(in crate::judge) fn explains(
    known: &InCluster,
    address: IpAddr,
    port: u16,
    transport: Transport,
) -> String {
    if let Some(why) = known.bound_otherwise() {
        return why;
    }
    let policies = &known.cluster.policies;
    let endpoint = known.endpoint();
    let listeners = known.listeners_at(address);
    let peer = listeners.first().map_or(Peer::Address(address), Peer::Pod);
    let flow = Flow { direction: Direction::Egress, peer, port, transport };
    match policies.verdict(&endpoint, &flow) {
        Verdict::Allowed(by) => format!("{by}, lets it pass"),
        Verdict::Open => "no policy binds the pods' egress".to_owned(),
        Verdict::NotEvaluated(gaps) => {
            format!("not every policy could be evaluated ({})", in_words(gaps.iter()))
        }
        Verdict::Denied(by) | Verdict::DeniedIfKnown(by) => {
            match policies.into_the_cluster(&endpoint, port, transport).filter(|_| listeners.is_empty()) {
                Some(rule) => format!("{rule}, lets such traffic in the cluster pass"),
                None => format!("{} denies it, and the network does not enforce that", by.join(", ")),
            }
        }
    }
}

/// Returns the policies that deny traffic to an address, joined; `None` if they let it pass, cannot be evaluated, or have a rule for
/// pods or nodes that may lead there.
pub(in crate::judge) fn denies(
    known: &InCluster,
    address: IpAddr,
    port: u16,
    transport: Transport,
) -> Option<String> {
    let (policies, endpoint) = (&known.cluster.policies, known.endpoint());
    let flow = Flow { direction: Direction::Egress, peer: Peer::Address(address), port, transport };
    match policies.verdict(&endpoint, &flow) {
        Verdict::Denied(by) | Verdict::DeniedIfKnown(by)
            if policies.into_the_cluster(&endpoint, port, transport).is_none() =>
        {
            Some(by.join(", "))
        }
        _ => None,
    }
}

impl Limit for OfProfile<'_> {
    fn blocks(&self) -> Vec<Block> {
        self.profile.edges().map(|(address, prefix)| Block::of(address, prefix)).collect()
    }

    fn ports(&self) -> Vec<u16> {
        self.profile.allowed.iter().filter_map(|allowed| allowed.port).collect()
    }

    fn is_none(&self) -> bool {
        self.profile.kind != Kind::NoPrivate && self.profile.allowed.is_empty()
    }

    fn permits(&self, address: IpAddr, port: u16, transport: Transport) -> bool {
        self.profile.permits(address, port, transport)
    }

    fn permits_unknown(&self, peer: &PeerRule, port: u16, transport: Transport) -> Option<bool> {
        match peer {
            PeerRule::Names(names)
                if names.iter().all(|name| self.profile.lists_name(name, port, transport)) =>
            {
                Some(true)
            }
            // Cilium takes the entity's addresses from the same objects (`addKubeAPIServerServiceEndpoints` in `pkg/k8s/watchers`).
            PeerRule::Entity(Entity::KubeApiserver) if self.api_server().next().is_some() => {
                Some(self.api_server().all(|address| self.profile.lists(address, port, transport)))
            }
            _ if self.profile.permits_port(port, transport) => None,
            _ => Some(false),
        }
    }

    fn permits_pods(&self, pods: &PeerRule, port: &PodPort, transport: Transport) -> Result<bool, String> {
        if let Some(known) = self.knows_pods(pods, port, transport) {
            return known;
        }
        let selecting = self.cluster.selecting.iter().flatten().flatten();
        let own = selecting.filter(|service| !service.addresses.is_empty()).map(|service| {
            (self.cluster.namespace.as_str(), &service.selector, &service.addresses, &service.ports)
        });
        let (namespace, (key, value)) = DNS;
        let labels = Selector { equals: [(key.to_owned(), value.to_owned())].into(), ..Selector::default() };
        let servers = self.cluster.addresses.as_ref().map(|it| it.dns.clone()).unwrap_or_default();
        let (ports, mut known) = (self.dns_ports(), servers.clone());
        let mut led = Led::Elsewhere;
        for (namespace, selector, addresses, ports) in own.chain([(namespace, &labels, &servers, &ports)]) {
            known.extend(addresses);
            if are_behind(pods, namespace, selector) {
                led = led.or(self.led_by(addresses, ports, transport, &|target| leads(target, port)));
            }
        }
        if led != Led::Elsewhere {
            return led.permits();
        }
        let strange = self.profile.allowed.iter().filter(|allowed| !allowed.behind).find(|allowed| {
            let block = Block::of(allowed.address, allowed.prefix);
            crate::case::profile::is_private(allowed.address) && !known.iter().any(|&it| block.contains(it))
        });
        match strange {
            Some(allowed) => Err(format!(
                "it is not known if these pods are behind {}, which `--allow` names; let the policy name the address",
                Block::of(allowed.address, allowed.prefix)
            )),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod blocks;
#[cfg(test)]
mod denying;
#[cfg(test)]
mod simulation;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::json;

    use crate::{
        case::{Case, environment::Environment, policy::Transport},
        fixture,
        judge::{finding, policy::Policy},
    };

    thread_local! {
        /// The number of comparisons that this thread has made.
        pub(super) static COMPARED: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn the_judges_of_a_case_share_one_comparison() {
        let case = fixture::pod();
        let before = COMPARED.get();
        finding::judge(&case, &Policy::of(Environment::Production));
        assert_eq!(COMPARED.get() - before, 1);
    }

    #[test]
    fn a_probe_that_is_bound_otherwise_explains_what_it_reached() {
        let mut case = fixture::pod();
        let known = fixture::in_cluster(&mut case);
        let mut labels = known.group.labels.clone();
        labels.insert("added".into(), "by-admission".into());
        known.pod.as_mut().unwrap().labels = Some(labels);
        let said = |case: &mut Case| {
            let known = fixture::in_cluster(case);
            super::explains(known, [192, 0, 2, 1].into(), 443, Transport::Tcp)
        };
        assert!(said(&mut case).contains("does not enforce that"), "{}", said(&mut case));
        let selector = json!({ "matchLabels": { "added": "by-admission" } });
        let team = fixture::network_policy("team", &json!({ "podSelector": selector, "egress": [{}] }));
        fixture::bind(&mut case, &[fixture::default_deny(), team]);
        assert!(said(&mut case).contains("team binds the probe pod alone"), "{}", said(&mut case));
    }
}
