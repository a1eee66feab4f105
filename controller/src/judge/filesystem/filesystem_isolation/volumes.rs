//! Whose files the volumes of the represented workloads hold: those of their node, the volume's own, or those of somebody unknown.

use super::drivers::{self, Files};
use crate::case::{
    Case, Citation,
    cluster::{Cluster, PodView, Volume, VolumeKind},
};

/// The workloads' volumes, by the owner of their files.
#[derive(Default)]
pub(in crate::judge) struct Volumes {
    /// Volumes that hold files of the node.
    pub(in crate::judge) of_node: Vec<NodeFiles>,
    /// Volumes that hold files of their own, each as a fragment.
    pub(in crate::judge) own: Vec<String>,
    /// Volumes that hold files of an unknown owner.
    pub(in crate::judge) unknown: Vec<Unknown>,
}

/// Files of the node that a workload mounts.
pub(in crate::judge) struct NodeFiles {
    /// The path on the node; `None` for a folder that a driver makes.
    pub(in crate::judge) path: Option<String>,
    /// The mount as a fragment.
    pub(in crate::judge) words: String,
}

/// A volume that holds files of an unknown owner.
pub(in crate::judge) struct Unknown {
    /// The driver, which a policy file can accept; `None` if no driver is known.
    pub(in crate::judge) driver: Option<String>,
    /// The volume as a fragment.
    pub(in crate::judge) words: String,
}

impl Unknown {
    /// Returns the volume as a citation.
    pub(in crate::judge) fn cited(self) -> Citation {
        Citation { source: "cluster", text: self.words }
    }
}

/// The owner of one volume's files, each with the volume as the end of a sentence "WORKLOAD mounts …".
#[derive(Clone)]
enum Owner {
    Node { path: Option<String>, what: String },
    Volume(String),
    Unknown { driver: Option<String>, what: String },
}

/// Reads every volume of the workloads.
pub(in crate::judge) fn read(case: &Case) -> Volumes {
    let mut volumes = Volumes::default();
    let Some(known) = &case.surroundings.in_cluster else { return volumes };
    for pod_view in case.pod_views() {
        let title = pod_view.origin.title();
        for owner in pod_view.volumes.iter().flat_map(|volume| owners(&known.cluster, pod_view, volume)) {
            match owner {
                Owner::Node { path, what } => {
                    volumes.of_node.push(NodeFiles { path, words: format!("{title} mounts {what}") });
                }
                Owner::Volume(what) => volumes.own.push(format!("{title} mounts {what}")),
                Owner::Unknown { driver, what } => {
                    volumes.unknown.push(Unknown { driver, words: format!("{title} mounts {what}") });
                }
            }
        }
    }
    volumes
}

/// Returns the owners of a volume's files. A template's claim has one for each claim that its pods have, on any node.
fn owners(cluster: &Cluster, pod_view: &PodView, volume: &Volume) -> Vec<Owner> {
    match volume.kind {
        VolumeKind::Claim if volume.source.is_empty() => {
            let theirs = cluster.made_by(pod_view).flat_map(|pod| &pod.volumes);
            let theirs: Vec<_> =
                theirs.filter(|it| it.name == volume.name && !it.source.is_empty()).collect();
            let mut owners: Vec<_> = theirs.iter().map(|it| behind_claim(cluster, it)).collect();
            let of_next = of_class(cluster, &volume.name, volume.class.as_deref());
            let is_of_node = volume.class.is_some() && matches!(of_next, Owner::Node { .. });
            if owners.is_empty() || is_of_node || has_another_class(cluster, volume, &theirs) {
                owners.push(of_next);
            }
            owners
        }
        VolumeKind::Claim => vec![behind_claim(cluster, volume)],
        _ => vec![owner(cluster, volume)],
    }
}

/// Returns true if a template's next claim has another class than the claims of its pods: those of an earlier revision, or of
/// another default class. Without a default class, a claim that names none is never bound.
fn has_another_class(cluster: &Cluster, next: &Volume, theirs: &[&Volume]) -> bool {
    let Ok(claims) = &cluster.claims else { return false };
    let classes = cluster.storage_classes.as_deref().unwrap_or_default();
    let default = || classes.iter().find(|class| class.default).map(|class| &class.name);
    let Some(next) = next.class.as_ref().or_else(default) else { return false };
    let claims = theirs.iter().filter_map(|it| claims.iter().find(|claim| claim.name == it.source));
    claims.filter_map(|claim| claim.class.as_ref()).any(|class| class != next)
}

/// Returns the owner of the files behind a claim, or of those that the claim's class will give it.
fn behind_claim(cluster: &Cluster, claim: &Volume) -> Owner {
    let unknown = |what| Owner::Unknown { driver: None, what };
    let claims = match &cluster.claims {
        Ok(claims) => claims,
        Err(unreadable) => return unknown(format!("a claim's volume ({unreadable})")),
    };
    match claims.iter().find(|volume| volume.name == claim.source) {
        Some(volume) if volume.kind == VolumeKind::Unbound => {
            of_class(cluster, &claim.source, volume.class.as_deref())
        }
        Some(volume) => owner(cluster, volume),
        // An ephemeral volume's claim, before it is made.
        None if claim.class.is_some() => of_class(cluster, &claim.source, claim.class.as_deref()),
        None => unknown(format!("the volume of the claim {}, which does not exist", claim.source)),
    }
}

/// Returns the owner of the files that a class will give a claim.
fn of_class(cluster: &Cluster, claim: &str, class: Option<&str>) -> Owner {
    let unknown = |driver: Option<&str>, why: String| Owner::Unknown {
        driver: driver.map(str::to_owned),
        what: format!("the volume of the claim {claim}, which is not bound: {why}"),
    };
    let classes = match &cluster.storage_classes {
        Ok(classes) => classes,
        Err(unreadable) => return unknown(None, unreadable.to_string()),
    };
    let found = match class {
        Some("") => return unknown(None, "it asks for a volume without a StorageClass".to_owned()),
        Some(name) => classes.iter().find(|class| class.name == name),
        None => classes.iter().find(|class| class.default),
    };
    let Some(class) = found else {
        return unknown(
            None,
            match class {
                Some(name) => format!("there is no StorageClass {name}"),
                None => "no StorageClass is the default".to_owned(),
            },
        );
    };
    let provisioner = &class.provisioner;
    let made = format!("a volume of the StorageClass {}, made by {provisioner}", class.name);
    match drivers::files(provisioner) {
        Some(Files::OfNode) => Owner::Node { path: None, what: format!("{made} as a folder of the node") },
        Some(Files::Own) => Owner::Volume(made),
        None => unknown(
            Some(provisioner),
            format!("the StorageClass {} has the driver {provisioner}, which is not known", class.name),
        ),
    }
}

/// Returns the owner of the files in a volume that exists.
fn owner(cluster: &Cluster, volume: &Volume) -> Owner {
    let source = &volume.source;
    match volume.kind {
        VolumeKind::HostPath | VolumeKind::Local => {
            Owner::Node { path: Some(source.clone()), what: source.clone() }
        }
        VolumeKind::Network => Owner::Volume(format!("network storage ({source}) as {}", volume.name)),
        VolumeKind::Csi => of_driver(cluster, volume),
        VolumeKind::Driver | VolumeKind::Claim | VolumeKind::Unbound => {
            Owner::Unknown { driver: Some(source.clone()), what: source.clone() }
        }
    }
}

/// Returns the owner of the files in a CSI driver's volume. A volume that the cluster attaches, and that any node of a zone can
/// mount, is no folder of a node, whichever driver makes it (kubernetes-csi.github.io, "Skip Kubernetes Attach and Detach",
/// "Topology").
fn of_driver(cluster: &Cluster, volume: &Volume) -> Owner {
    let driver = &volume.source;
    let what = format!("a volume of the driver {driver} as {}", volume.name);
    match drivers::files(driver) {
        Some(Files::OfNode) => {
            return Owner::Node { path: None, what: format!("{what}, a folder of the node") };
        }
        Some(Files::Own) => return Owner::Volume(what),
        None => (),
    }
    let unknown = |why: &str| Owner::Unknown {
        driver: Some(driver.clone()),
        what: format!("{what}, which is not known{why}"),
    };
    match &cluster.csi_drivers {
        Err(unreadable) => unknown(&format!(" ({unreadable})")),
        Ok(drivers) => {
            let attached = drivers.iter().any(|it| it.name == *driver && it.attached);
            if attached && volume.tied == Some(false) {
                return Owner::Volume(format!("{what}, which the cluster attaches to any node"));
            }
            unknown("")
        }
    }
}

#[cfg(test)]
mod tests;
