//! The ports of pods to which the Services lead that `--allow` names.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use super::OfProfile;
use crate::case::{
    cluster::{Selector, ServicePort},
    policy::{PeerRule, PodPort, Transport},
    profile::DNS_PORT,
};

/// The Services that `--allow` lists, beside one port of pods.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Led {
    /// A Service leads to the port.
    Here,
    /// It is not known if this port of a Service leads to the port.
    Unknown(ServicePort),
    /// No Service leads to the port.
    Elsewhere,
}

impl Led {
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Here, _) | (_, Self::Here) => Self::Here,
            (Self::Elsewhere, other) => other,
            (unknown @ Self::Unknown(_), _) => unknown,
        }
    }

    /// Returns true if the traffic to the port may pass; `Err` says why that is not known.
    pub(super) fn permits(self) -> Result<bool, String> {
        match self {
            Self::Here => Ok(true),
            Self::Elsewhere => Ok(false),
            Self::Unknown(ServicePort { number, target: Some(PodPort::Named(name)) }) => Err(format!(
                "the Service's port {number} leads to the pods' port {name}, and no pod tells its number; let the policy name \
                 the port {name}"
            )),
            Self::Unknown(ServicePort { number, .. }) => {
                Err(format!("it is not known if the Service's port {number} leads to this port of the pods"))
            }
        }
    }
}

/// Returns true if a Service's target is this port of the pods; `None` if only the pods could tell.
pub(super) fn leads(target: &PodPort, port: &PodPort) -> Option<bool> {
    match (target, port) {
        (PodPort::Number(target), PodPort::Number(port)) => Some(target == port),
        (PodPort::Named(target), PodPort::Named(port)) if target == port => Some(true),
        (PodPort::Named(_), _) | (_, PodPort::Named(_)) => None,
    }
}

impl OfProfile<'_> {
    /// Returns the addresses of the API server.
    pub(super) fn api_server(&self) -> impl Iterator<Item = IpAddr> {
        self.cluster.api_endpoints.iter().flatten().map(SocketAddr::ip)
    }

    /// Returns the ports of the cluster's DNS Services, with their targets by the servers behind them. Without such servers only
    /// a target of the same number is known.
    pub(super) fn dns_ports(&self) -> Vec<ServicePort> {
        let behind = self.cluster.dns_endpoints.iter().flatten();
        let mut targets: BTreeSet<_> = behind.map(|endpoint| Some(endpoint.port())).collect();
        if targets.is_empty() {
            targets.extend([Some(DNS_PORT), None]);
        }
        let of = |target: Option<u16>| ServicePort { number: DNS_PORT, target: target.map(PodPort::Number) };
        targets.into_iter().map(of).collect()
    }

    /// Returns how the ports of a Service, as far as `--allow` lists them at one of its addresses, lead to a port of the pods.
    pub(super) fn led_by(
        &self,
        addresses: &[IpAddr],
        ports: &[ServicePort],
        transport: Transport,
        leads: &dyn Fn(&PodPort) -> Option<bool>,
    ) -> Led {
        let lists =
            |it: &&ServicePort| addresses.iter().any(|&at| self.profile.lists(at, it.number, transport));
        ports.iter().filter(lists).fold(Led::Elsewhere, |led, it| {
            led.or(match it.target.as_ref().and_then(leads) {
                Some(true) => Led::Here,
                Some(false) => Led::Elsewhere,
                None => Led::Unknown(it.clone()),
            })
        })
    }

    /// Returns true if the profile permits every pod that a rule selects now, by its own address or by a Service's, and `Err` if
    /// that is not known; `None` if the pods were not read, or if the rule leads to none.
    pub(super) fn knows_pods(
        &self,
        rule: &PeerRule,
        port: &PodPort,
        transport: Transport,
    ) -> Option<Result<bool, String>> {
        let namespace = rule.namespace()?;
        let peers = self.cluster.peers.iter().find(|peers| peers.namespace == namespace)?;
        let (pods, services) = (peers.pods.as_ref().ok()?, peers.services.as_ref().ok()?);
        let mut all = None;
        for pod in pods {
            if !rule.selects(pod)? {
                continue;
            }
            // A rule for a named port does not lead to a pod without the name.
            let Some(number) = pod.number_of(port, transport) else { continue };
            let own = pod.addresses.iter().any(|&it| self.profile.lists(it, number, transport));
            let leads = |target: &PodPort| Some(pod.number_of(target, transport) == Some(number));
            let selecting = services.iter().filter(|service| service.selector.selects(&pod.labels));
            let led = selecting.fold(if own { Led::Here } else { Led::Elsewhere }, |led, it| {
                led.or(self.led_by(&it.addresses, &it.ports, transport, &leads))
            });
            match led.permits() {
                Ok(false) => return Some(Ok(false)),
                permits => all = all.filter(Result::is_err).or(Some(permits)),
            }
        }
        all
    }
}

/// Returns true if all pods of a rule are behind a Service of this namespace with this selector.
pub(super) fn are_behind(pods: &PeerRule, namespace: &str, selector: &Selector) -> bool {
    let PeerRule::Pods { pods: selection, .. } = pods else { return false };
    pods.namespace() == Some(namespace)
        && selector.equals.iter().all(|(key, value)| selection.requires(key, value))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        case::{
            Case,
            cluster::{Peers, Selecting, SelectingKind},
            policy::{Endpoint, NamedPort},
            profile::{Kind, Profile},
        },
        fixture,
        judge::network::network_isolation::REQUIREMENT,
    };

    const SERVICE: [u8; 4] = [10, 96, 1, 5];

    fn http() -> PodPort {
        PodPort::Named("http".to_owned())
    }

    fn service(target: Option<PodPort>) -> Selecting {
        Selecting {
            kind: SelectingKind::Service,
            name: "api".into(),
            selector: Selector { equals: [("app".into(), "api".into())].into(), requirements: Vec::new() },
            target: None,
            addresses: vec![SERVICE.into()],
            ports: vec![ServicePort { number: 80, target }],
        }
    }

    /// Returns a pod of the Service with these ports.
    fn pod(ports: &[(&str, u16)]) -> Endpoint {
        let port = |&(name, number): &(&str, u16)| NamedPort {
            name: name.to_owned(),
            number,
            transport: Transport::Tcp,
        };
        Endpoint {
            namespace: "shop".into(),
            labels: [("app".to_owned(), "api".to_owned())].into_iter().collect(),
            ports: ports.iter().map(port).collect(),
            ..Endpoint::default()
        }
    }

    /// Returns the outcome with a rule for the pods behind port 80 of a Service, which `--allow` names; `None` for pods that
    /// were not read.
    fn told(target: Option<PodPort>, ports: &Value, pods: Option<Vec<Endpoint>>) -> &'static str {
        let mut case: Case = fixture::pod();
        let rule = json!({ "to": [{ "podSelector": { "matchLabels": { "app": "api" } } }], "ports": ports });
        let spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": [rule] });
        fixture::bind(&mut case, &[fixture::default_deny(), fixture::network_policy("api", &spec)]);
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        let services = vec![service(target)];
        cluster.selecting = vec![Ok(services.clone())];
        cluster.peers = vec![Peers {
            namespace: "shop".into(),
            pods: pods.ok_or_else(|| fixture::forbidden("list pods")),
            services: Ok(services),
        }];
        let allowed = vec![fixture::allowed(SERVICE.into(), Some(80))];
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed };
        fixture::told(&fixture::judged(&REQUIREMENT, &case))
    }

    #[test]
    fn a_service_with_a_named_target_permits_the_pods_port_of_this_name_alone() {
        let declares = || Some(vec![pod(&[("http", 8080), ("debug", 9090)])]);
        for (ports, expected) in [
            (Value::Null, "unmet"),
            (json!([{ "port": 8080 }]), "met"),
            (json!([{ "port": "http" }]), "met"),
            (json!([{ "port": 9090 }]), "unmet"),
            (json!([{ "port": "debug" }]), "unmet"),
        ] {
            assert_eq!(told(Some(http()), &ports, declares()), expected, "{ports}");
        }
    }

    #[test]
    fn each_pod_gives_the_name_its_own_number() {
        let pods = || Some(vec![pod(&[("http", 8080)]), pod(&[("http", 9090)])]);
        assert_eq!(told(Some(http()), &json!([{ "port": "http" }]), pods()), "met");
        assert_eq!(told(Some(http()), &json!([{ "port": 8080 }]), pods()), "unmet");
    }

    #[test]
    fn a_named_target_without_known_pods_permits_the_same_name_alone() {
        for pods in [None, Some(Vec::new())] {
            for (ports, expected) in [
                (Value::Null, "open"),
                (json!([{ "port": 8080 }]), "open"),
                (json!([{ "port": "http" }]), "met"),
                (json!([{ "port": "debug" }]), "open"),
            ] {
                assert_eq!(told(Some(http()), &ports, pods.clone()), expected, "{ports} {pods:?}");
            }
        }
    }

    #[test]
    fn a_named_port_of_a_rule_is_compared_with_a_numbered_target() {
        let declares = || Some(vec![pod(&[("http", 8080), ("debug", 9090)])]);
        let target = || Some(PodPort::Number(8080));
        assert_eq!(told(target(), &json!([{ "port": "http" }]), declares()), "met");
        assert_eq!(told(target(), &json!([{ "port": "debug" }]), declares()), "unmet");
        assert_eq!(told(target(), &json!([{ "port": "http" }]), None), "open");
    }

    #[test]
    fn a_target_that_the_evidence_lacks_permits_no_port() {
        assert_eq!(told(None, &Value::Null, Some(vec![pod(&[("http", 8080)])])), "open");
        assert_eq!(told(None, &json!([{ "port": 8080 }]), None), "open");
    }

    /// Returns the outcome with a rule for the pods of the cluster's DNS, which `--allow` names, on these ports.
    fn told_of_dns(ports: &Value, behind: &[&str]) -> &'static str {
        let mut case = fixture::pod();
        let to = json!({
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } },
            "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } },
        });
        let rule = json!({ "to": [to], "ports": ports });
        let spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": [rule] });
        fixture::bind(&mut case, &[fixture::default_deny(), fixture::network_policy("dns", &spec)]);
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.addresses.as_mut().unwrap().dns.push([10, 96, 0, 10].into());
        cluster.dns_endpoints = Ok(behind.iter().map(|it| it.parse().unwrap()).collect());
        let allowed = vec![fixture::allowed([10, 96, 0, 10].into(), Some(53))];
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed };
        fixture::told(&fixture::judged(&REQUIREMENT, &case))
    }

    #[test]
    fn the_clusters_dns_permits_the_ports_of_its_servers_alone() {
        let udp = |port: u16| json!([{ "port": port, "protocol": "UDP" }]);
        assert_eq!(told_of_dns(&udp(5353), &["10.244.0.2:5353"]), "met");
        assert_eq!(told_of_dns(&udp(9153), &["10.244.0.2:5353"]), "unmet");
        assert_eq!(told_of_dns(&Value::Null, &["10.244.0.2:5353"]), "unmet");
        assert_eq!(told_of_dns(&udp(53), &[]), "met");
        assert_eq!(told_of_dns(&udp(5353), &[]), "open");
    }
}
