//! Entities: Cilium's names for kinds of peers (docs.cilium.io, "Entities based"; `pkg/policy/api/entity.go`).

use std::{fmt, net::IpAddr};

use crate::case::policy::{
    endpoint::{Endpoint, Host, Node, Peer},
    matching::Match,
};

/// A kind of peers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Entity {
    /// Every peer there is.
    All,
    /// Addresses outside of the cluster.
    World,
    /// IPv4 addresses outside of the cluster.
    WorldIpv4,
    /// IPv6 addresses outside of the cluster.
    WorldIpv6,
    /// Everything in the cluster, with its nodes and its API server.
    Cluster,
    /// Everything in the connected clusters.
    ClusterMesh,
    /// The pod's own node.
    Host,
    /// The other nodes.
    RemoteNode,
    /// The API server.
    KubeApiserver,
    /// Pods that have no identity yet.
    Init,
    /// Cilium's proxy for Ingress objects.
    Ingress,
    /// Cilium's own endpoints that test the connections between nodes.
    Health,
    /// Pods that Cilium does not manage.
    Unmanaged,
    /// No peer at all.
    None,
}

const NAMES: [(&str, Entity); 14] = [
    ("all", Entity::All),
    ("world", Entity::World),
    ("world-ipv4", Entity::WorldIpv4),
    ("world-ipv6", Entity::WorldIpv6),
    ("cluster", Entity::Cluster),
    ("cluster-mesh", Entity::ClusterMesh),
    ("host", Entity::Host),
    ("remote-node", Entity::RemoteNode),
    ("kube-apiserver", Entity::KubeApiserver),
    ("init", Entity::Init),
    ("ingress", Entity::Ingress),
    ("health", Entity::Health),
    ("unmanaged", Entity::Unmanaged),
    ("none", Entity::None),
];

impl Entity {
    /// Parses an entity's name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        NAMES.iter().find(|(name, _)| *name == text).map(|(_, entity)| *entity)
    }

    /// Returns true if the entity has addresses outside of the cluster.
    pub(in crate::case::policy) const fn may_be_outside(self) -> bool {
        matches!(self, Self::All | Self::World | Self::WorldIpv4 | Self::WorldIpv6)
    }

    /// Returns true if the entity has pods, nodes or the API server.
    pub(in crate::case::policy) const fn may_be_in_the_cluster(self) -> bool {
        !matches!(self, Self::None | Self::World | Self::WorldIpv4 | Self::WorldIpv6)
    }

    /// Returns true if the entity has every pod of the cluster.
    pub(in crate::case::policy) const fn has_every_pod(self) -> bool {
        matches!(self, Self::All | Self::Cluster | Self::ClusterMesh)
    }

    /// Returns if a peer belongs to the entity.
    pub(in crate::case::policy) fn matches(self, peer: Peer<'_>) -> Match {
        match (self, peer) {
            (Self::All, _) => Match::Yes,
            (Self::None, _) => Match::No,
            (_, Peer::Pod(pod)) => self.has_pod(pod),
            (_, Peer::Address(address)) => self.has_outside(address),
            (_, Peer::Host(host)) => self.has_host(host),
        }
    }

    fn has_pod(self, pod: &Endpoint) -> Match {
        let unknown = |why: &str| Match::Unknown(why.to_owned());
        match self {
            Self::Cluster | Self::ClusterMesh => Match::Yes,
            Self::Host | Self::RemoteNode | Self::KubeApiserver if pod.in_the_nodes_network => {
                unknown("the peer shares the network of a node that is not known")
            }
            Self::Unmanaged if !pod.in_the_nodes_network => {
                unknown("nothing tells if Cilium manages the peer")
            }
            _ => Match::No,
        }
    }

    /// The entities of one address family exist where Cilium knows both families (`labels.AddWorldLabel`).
    fn has_outside(self, address: IpAddr) -> Match {
        match self {
            Self::World => Match::Yes,
            Self::WorldIpv4 if address.is_ipv4() => self.of_one_family(),
            Self::WorldIpv6 if address.is_ipv6() => self.of_one_family(),
            _ => Match::No,
        }
    }

    fn of_one_family(self) -> Match {
        Match::Unknown(format!("Cilium has the entity {self} only where it knows both address families"))
    }

    /// An API server outside of the cluster is in the world and in the cluster (`pkg/ipcache/metadata.go`, `resolveLabels`;
    /// `clusterSelectors`).
    fn has_host(self, host: Host) -> Match {
        let is = |place| match host.node {
            Some(Node::Unknown) => Match::Unknown("nothing tells if the node runs the pod".to_owned()),
            node => (node == Some(place)).into(),
        };
        match self {
            Self::Cluster | Self::ClusterMesh => (host.node.is_some() || host.is_api_server).into(),
            Self::KubeApiserver => host.is_api_server.into(),
            Self::Host => is(Node::OfThePod),
            Self::RemoteNode => is(Node::Another),
            Self::World | Self::WorldIpv4 | Self::WorldIpv6 if host.node.is_none() => {
                self.has_outside(host.address)
            }
            _ => Match::No,
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, entity)| entity == self).map_or("", |(name, _)| name);
        formatter.write_str(name)
    }
}
