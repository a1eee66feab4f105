//! The volumes behind the namespace's claims, and the objects that tell whose files a volume holds (kubernetes.io, "Persistent
//! Volumes", "Storage Classes"; kubernetes-csi.github.io, "CSIDriver Object").

use std::collections::BTreeMap;

use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, Volume as ApiVolume},
    storage::v1::{CSIDriver as ApiDriver, StorageClass as ApiClass},
};
use kube::{Api, Client};

use super::list;
use crate::case::cluster::{Access, CsiDriver, PodView, Read, Shared, StorageClass, Volume, VolumeKind};

/// Annotations that mark the class of claims that name none (kubernetes, `pkg/volume/util/storageclass.go`).
const DEFAULT: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

/// The older form of a claim's StorageClass.
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// Returns the volume of each claim, by the claim's name. Without claims the volumes are not requested.
pub(super) async fn claims(client: &Client, namespace: &str) -> Read<Vec<Volume>> {
    let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), namespace);
    let claims = list(claims, Access::list("persistentvolumeclaims"), |claim| claim).await?;
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let volumes = Api::<PersistentVolume>::all(client.clone());
    let volumes = list(volumes, Access::list("persistentvolumes"), |volume| {
        (volume.metadata.name.unwrap_or_default(), behind(&volume.spec.unwrap_or_default()))
    })
    .await?;
    let volumes: BTreeMap<_, _> = volumes.into_iter().collect();
    Ok(claims.into_iter().map(|claim| of_claim(claim, &volumes)).collect())
}

/// Returns the class of a claim or of its template. The annotation counts before the field (kubernetes,
/// `pkg/apis/core/v1/helper/helpers.go`).
pub(super) fn class(annotations: Option<&BTreeMap<String, String>>, field: Option<String>) -> Option<String> {
    annotations.and_then(|annotations| annotations.get(CLASS).cloned()).or(field)
}

/// Returns the volume of a claim, or the claim without one.
fn of_claim(claim: PersistentVolumeClaim, volumes: &BTreeMap<String, Volume>) -> Volume {
    let spec = claim.spec.unwrap_or_default();
    let class = class(claim.metadata.annotations.as_ref(), spec.storage_class_name);
    let bound = spec.volume_name.and_then(|volume| volumes.get(&volume)).cloned();
    let unbound = Volume { kind: VolumeKind::Unbound, ..Volume::default() };
    Volume { name: claim.metadata.name.unwrap_or_default(), class, ..bound.unwrap_or(unbound) }
}

/// Reads the StorageClasses if a pod has a claim without a volume, and the CSI drivers if a pod has a volume of one.
pub(super) async fn makers(
    client: &Client,
    pod_views: &[Shared<PodView>],
    claims: &Read<Vec<Volume>>,
) -> (Read<Vec<StorageClass>>, Read<Vec<CsiDriver>>) {
    let claims = claims.as_ref().map(Vec::as_slice).unwrap_or_default();
    let volumes = || pod_views.iter().flat_map(|pod_view| &pod_view.volumes);
    let of_claim = |volume: &Volume| claims.iter().find(|claim| claim.name == volume.source);
    let waits = |volume: &Volume| {
        volume.kind == VolumeKind::Claim
            && of_claim(volume).is_none_or(|claim| claim.kind == VolumeKind::Unbound)
    };
    let is_csi = |volume: &Volume| {
        let behind = if volume.kind == VolumeKind::Claim { of_claim(volume) } else { Some(volume) };
        behind.is_some_and(|it| it.kind == VolumeKind::Csi)
    };
    tokio::join!(async { if volumes().any(waits) { classes(client).await } else { Ok(Vec::new()) } }, async {
        if volumes().any(is_csi) { drivers(client).await } else { Ok(Vec::new()) }
    },)
}

/// Reads the StorageClasses. Of several default classes, the newest counts.
async fn classes(client: &Client) -> Read<Vec<StorageClass>> {
    let mut classes =
        list(Api::all(client.clone()), Access::list("storageclasses"), |class: ApiClass| class).await?;
    classes.sort_by(|a, b| b.metadata.creation_timestamp.cmp(&a.metadata.creation_timestamp));
    let is_default = |class: &ApiClass| {
        let annotations = class.metadata.annotations.as_ref();
        DEFAULT.iter().any(|key| {
            annotations.and_then(|annotations| annotations.get(*key)).is_some_and(|it| it == "true")
        })
    };
    let default = classes.iter().position(is_default);
    let class = |(index, class): (usize, ApiClass)| StorageClass {
        name: class.metadata.name.unwrap_or_default(),
        provisioner: class.provisioner,
        default: default == Some(index),
    };
    Ok(classes.into_iter().enumerate().map(class).collect())
}

async fn drivers(client: &Client) -> Read<Vec<CsiDriver>> {
    list(Api::all(client.clone()), Access::list("csidrivers"), |driver: ApiDriver| CsiDriver {
        name: driver.metadata.name.unwrap_or_default(),
        attached: driver.spec.attach_required != Some(false),
    })
    .await
}

/// Returns the volume that a PersistentVolume is, without a name.
fn behind(spec: &PersistentVolumeSpec) -> Volume {
    let (kind, source) = match (&spec.host_path, &spec.local, &spec.flex_volume, &spec.csi) {
        (Some(path), ..) => (VolumeKind::HostPath, path.path.clone()),
        (_, Some(local), ..) => (VolumeKind::Local, local.path.clone()),
        (_, _, Some(flex), _) => (VolumeKind::Driver, flex.driver.clone()),
        (.., Some(csi)) => (VolumeKind::Csi, csi.driver.clone()),
        _ => match network(spec) {
            // A source that this version does not know.
            "" => (VolumeKind::Driver, "unknown".to_owned()),
            field => (VolumeKind::Network, field.to_owned()),
        },
    };
    Volume { kind, source, tied: Some(is_tied(spec)), ..Volume::default() }
}

/// Returns true unless every node of a zone or a region can mount the volume.
fn is_tied(spec: &PersistentVolumeSpec) -> bool {
    let required = spec.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
    let terms = required.map(|selector| selector.node_selector_terms.as_slice()).unwrap_or_default();
    let wide = |key: &str| key.ends_with("zone") || key.ends_with("region");
    terms.iter().any(|term| {
        let labels = term.match_expressions.iter().flatten().any(|expression| !wide(&expression.key));
        labels || term.match_fields.iter().flatten().next().is_some()
    })
}

/// Returns the field of a PersistentVolume on network storage.
fn network(spec: &PersistentVolumeSpec) -> &'static str {
    let fields = [
        ("awsElasticBlockStore", spec.aws_elastic_block_store.is_some()),
        ("azureDisk", spec.azure_disk.is_some()),
        ("azureFile", spec.azure_file.is_some()),
        ("cephfs", spec.cephfs.is_some()),
        ("cinder", spec.cinder.is_some()),
        ("fc", spec.fc.is_some()),
        ("flocker", spec.flocker.is_some()),
        ("gcePersistentDisk", spec.gce_persistent_disk.is_some()),
        ("glusterfs", spec.glusterfs.is_some()),
        ("iscsi", spec.iscsi.is_some()),
        ("nfs", spec.nfs.is_some()),
        ("photonPersistentDisk", spec.photon_persistent_disk.is_some()),
        ("portworxVolume", spec.portworx_volume.is_some()),
        ("quobyte", spec.quobyte.is_some()),
        ("rbd", spec.rbd.is_some()),
        ("scaleIO", spec.scale_io.is_some()),
        ("storageos", spec.storageos.is_some()),
        ("vsphereVolume", spec.vsphere_volume.is_some()),
    ];
    given(&fields)
}

/// Returns the field of a pod's volume on network storage; `None` for another volume.
pub(super) fn network_of_pod(volume: &ApiVolume) -> Option<&'static str> {
    let fields = [
        ("awsElasticBlockStore", volume.aws_elastic_block_store.is_some()),
        ("azureDisk", volume.azure_disk.is_some()),
        ("azureFile", volume.azure_file.is_some()),
        ("cephfs", volume.cephfs.is_some()),
        ("cinder", volume.cinder.is_some()),
        ("fc", volume.fc.is_some()),
        ("flocker", volume.flocker.is_some()),
        ("gcePersistentDisk", volume.gce_persistent_disk.is_some()),
        ("glusterfs", volume.glusterfs.is_some()),
        ("iscsi", volume.iscsi.is_some()),
        ("nfs", volume.nfs.is_some()),
        ("photonPersistentDisk", volume.photon_persistent_disk.is_some()),
        ("portworxVolume", volume.portworx_volume.is_some()),
        ("quobyte", volume.quobyte.is_some()),
        ("rbd", volume.rbd.is_some()),
        ("scaleIO", volume.scale_io.is_some()),
        ("storageos", volume.storageos.is_some()),
        ("vsphereVolume", volume.vsphere_volume.is_some()),
    ];
    Some(given(&fields)).filter(|field| !field.is_empty())
}

fn given(fields: &[(&'static str, bool)]) -> &'static str {
    fields.iter().find(|(_, given)| *given).map_or("", |(field, _)| *field)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn volume(spec: Value) -> (VolumeKind, String, Option<bool>) {
        let Volume { kind, source, tied, .. } = behind(&serde_json::from_value(spec).unwrap());
        (kind, source, tied)
    }

    #[test]
    fn a_volume_is_read_by_its_source() {
        for (spec, kind, source) in [
            (json!({ "hostPath": { "path": "/srv" } }), VolumeKind::HostPath, "/srv"),
            (json!({ "local": { "path": "/mnt/disk" } }), VolumeKind::Local, "/mnt/disk"),
            (json!({ "flexVolume": { "driver": "vendor/thing" } }), VolumeKind::Driver, "vendor/thing"),
            (json!({ "csi": { "driver": "d", "volumeHandle": "1" } }), VolumeKind::Csi, "d"),
            (json!({ "nfs": { "server": "nas", "path": "/" } }), VolumeKind::Network, "nfs"),
            (json!({}), VolumeKind::Driver, "unknown"),
        ] {
            let (found, from, _) = volume(spec);
            assert_eq!((found, from.as_str()), (kind, source));
        }
    }

    #[test]
    fn a_volume_for_a_whole_zone_is_tied_to_no_node() {
        for (key, tied) in [
            ("topology.kubernetes.io/zone", false),
            ("topology.ebs.csi.aws.com/zone", false),
            ("kubernetes.io/hostname", true),
            ("topology.hostpath.csi/node", true),
        ] {
            let expression = json!({ "key": key, "operator": "In", "values": ["a"] });
            let affinity =
                json!({ "required": { "nodeSelectorTerms": [{ "matchExpressions": [expression] }] } });
            let spec = json!({ "csi": { "driver": "d", "volumeHandle": "1" }, "nodeAffinity": affinity });
            assert_eq!(volume(spec).2, Some(tied), "{key}");
        }
        assert_eq!(volume(json!({ "csi": { "driver": "d", "volumeHandle": "1" } })).2, Some(false));
    }
}
