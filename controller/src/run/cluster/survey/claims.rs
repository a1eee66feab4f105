//! Volumes behind the namespace's claims (kubernetes.io, "Persistent Volumes").

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec};
use kube::{Api, Client};

use super::list;
use crate::case::cluster::{Access, Read, Volume};

/// Returns the volume of each bound claim, by the claim's name. Without claims the volumes are not requested.
pub(super) async fn read(client: &Client, namespace: &str) -> Read<Vec<Volume>> {
    let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), namespace);
    let claims = list(claims, Access::list("persistentvolumeclaims"), |claim| {
        (claim.metadata.name.unwrap_or_default(), claim.spec.and_then(|spec| spec.volume_name))
    })
    .await?;
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let volumes = Api::<PersistentVolume>::all(client.clone());
    let volumes = list(volumes, Access::list("persistentvolumes"), |volume| {
        (volume.metadata.name.unwrap_or_default(), source(&volume.spec.unwrap_or_default()))
    })
    .await?;
    let volumes: BTreeMap<_, _> = volumes.into_iter().collect();
    let behind = |(name, volume): (String, Option<String>)| {
        let (kind, source) = volumes.get(&volume?)?.clone();
        Some(Volume { name, kind, source })
    };
    Ok(claims.into_iter().filter_map(behind).collect())
}

/// Returns the volume's kind, and its path or driver.
fn source(spec: &PersistentVolumeSpec) -> (String, String) {
    let (kind, source) = match (&spec.host_path, &spec.local, &spec.flex_volume, &spec.csi) {
        (Some(path), ..) => ("hostPath", path.path.clone()),
        (_, Some(local), ..) => ("local", local.path.clone()),
        (_, _, Some(flex), _) => ("driver", flex.driver.clone()),
        (.., Some(csi)) => ("csi", csi.driver.clone()),
        _ => ("network", String::new()),
    };
    (kind.to_owned(), source)
}
