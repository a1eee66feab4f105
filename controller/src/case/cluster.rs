//! Declarations of a namespace in a cluster, without a client. A failed read is a value that names the missing
//! permission; it is never an empty list.

mod access;
pub(crate) mod annotations;
mod bonds;
mod class;
mod control_namespace;
mod control_pods;
mod device;
mod forward;
mod group;
pub(crate) mod node;
mod part;
mod peers;
mod placement;
mod pod_view;
mod privilege;
mod quantity;
mod running;
mod selecting;
mod selector;
mod shared;
mod storage;
mod workload_name;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

pub use access::{Access, Verb};
pub use bonds::{Bonds, Change, Later, MadeBy, SecondReading};
pub use class::Class;
pub use control_namespace::{ControlNamespace, Hindrance, LISTENER_PORT};
pub use control_pods::{ControlPods, OwnPod, own_labels};
pub use device::{Device, DeviceClaim, DeviceRequest};
pub use forward::Forward;
pub use group::{Coverage, CoveredArchitecture, Group, OtherNetwork};
pub use node::{Node, NodeKind, Taint};
pub use part::{Part, Restriction};
pub use peers::Peers;
pub use placement::{Affinity, DaemonSets, Placement, Toleration, is_of_a_component};
pub use pod_view::{Container, ContainerKind, Image, Origin, PodView, SeccompProfile};
pub use privilege::Loosened;
pub use quantity::{bytes, millis};
pub use running::{Running, Unfit};
pub use selecting::{Selecting, SelectingKind, ServicePort};
pub use selector::{Labels, Requirement, Selector};
pub use shared::Shared;
pub use storage::{CsiDriver, StorageClass, Volume, VolumeKind, is_of_credentials};
pub use workload_name::kind_and_name;

use super::policy::{Binding, Endpoint, Policies};

/// The result of a read from the API server.
pub type Read<T> = Result<T, Unreadable>;

/// A read that failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable {
    /// The request that failed.
    pub what: Access,
    /// True if a permission is missing; otherwise the message gives the reason.
    pub forbidden: bool,
    /// The API server's message.
    pub message: String,
}

/// All declarations of a namespace.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The judged namespace's name.
    pub namespace: String,
    /// The namespace's label `pod-security.kubernetes.io/enforce`; `None` if it is missing or unreadable.
    pub pod_security: Option<String>,
    /// The API server's version.
    pub version: Read<String>,
    /// Pods, and pod templates of workloads.
    pub pod_views: Vec<Shared<PodView>>,
    /// Failed reads of workloads and pods.
    pub unread_pod_views: Vec<Unreadable>,
    /// Every RuntimeClass of the cluster.
    pub classes: Read<Vec<Class>>,
    /// Every node of the cluster.
    pub nodes: Read<Vec<Node>>,
    /// The policies that may bind the namespace's pods.
    pub policies: Policies,
    /// The labels and policies that bind the pods at the start, for a comparison with the end of the run.
    pub bonds: Bonds,
    /// Parts whose state at the end of the run is not known.
    pub changed: Vec<String>,
    /// The labels and policies at the end of the run; `None` if they are the same as at the start.
    pub later: Option<Later>,
    /// The limits of a LimitRange for containers without limits.
    pub default_limits: Read<Option<crate::case::limits::Limits>>,
    /// The volumes behind the namespace's claims, and the claims without one.
    pub claims: Read<Vec<Volume>>,
    /// The StorageClasses; read only if a pod has a claim without a volume.
    pub storage_classes: Read<Vec<StorageClass>>,
    /// The CSI drivers; read only if a pod has a volume of one.
    pub csi_drivers: Read<Vec<CsiDriver>>,
    /// Claims for devices; read only if a pod has one.
    pub device_claims: Read<Vec<DeviceClaim>>,
    /// ResourceQuotas, each with its used amounts.
    pub quotas: Read<Vec<String>>,
    /// Services, disruption budgets and autoscalers that select pods.
    pub selecting: Vec<Read<Vec<Selecting>>>,
    /// The control namespace; `None` for a run without one.
    pub control: Option<ControlNamespace>,
    /// The addresses of the cluster's own Services.
    pub addresses: Read<Addresses>,
    /// Addresses of the name servers behind the DNS Service, with their UDP ports.
    pub dns_endpoints: Read<Vec<SocketAddr>>,
    /// Addresses of the API servers, with their ports.
    pub api_endpoints: Read<Vec<SocketAddr>>,
    /// Pods and Services of the namespaces that rules name as peers; read for an allow-list alone.
    pub peers: Vec<Peers>,
    /// TCP addresses where a few pods of the namespace listen.
    pub neighbours: Vec<SocketAddr>,
}

/// The addresses of services that every cluster has.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// The addresses of the DNS Service; none if no Service has the known label.
    pub dns: Vec<IpAddr>,
    /// The addresses of the API server's Service.
    pub api_server: Vec<IpAddr>,
}

// === impl Cluster ===

impl Cluster {
    /// Returns the pods that exist.
    pub fn pods(&self) -> impl Iterator<Item = &PodView> {
        self.pod_views.iter().map(|pod_view| &**pod_view).filter(|pod_view| !pod_view.origin.is_template())
    }

    /// Returns the RuntimeClass with a name.
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes.as_ref().ok()?.iter().find(|class| class.name == name)
    }

    /// Returns the node with a name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.as_ref().ok()?.iter().find(|node| node.name == name)
    }

    /// Returns the pods that a template's workload has made, on any node.
    pub fn made_by<'a>(&'a self, template: &'a PodView) -> impl Iterator<Item = &'a PodView> {
        self.pods().filter(|pod| {
            template.origin.is_template()
                && pod.origin.kind == template.origin.kind
                && pod.origin.name == template.origin.name
        })
    }

    /// Returns pods of the namespace with these labels and this service account, as policies select them. The account is empty if
    /// it is not known.
    pub fn endpoint(&self, labels: &Labels, service_account: &str) -> Endpoint {
        Endpoint {
            namespace: self.namespace.clone(),
            namespace_labels: self.bonds.labels.as_ref().ok().cloned(),
            labels: labels.clone().into(),
            service_account: service_account.to_owned(),
            ..Endpoint::default()
        }
    }

    /// Returns how the policies bind pods with these labels and this service account.
    pub fn binding(&self, labels: &Labels, service_account: &str) -> Binding {
        self.policies.binding(&self.endpoint(labels, service_account))
    }
}

// === impl Unreadable ===

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.forbidden {
            write!(formatter, "the permission to {} is missing", self.what)
        } else {
            write!(formatter, "to {} failed: {}", self.what, self.message)
        }
    }
}
