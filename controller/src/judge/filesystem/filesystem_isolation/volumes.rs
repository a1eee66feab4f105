//! The paths of their node that the represented workloads mount, directly or through a claim.

use crate::case::{
    Case,
    cluster::{PodView, Unreadable, Volume},
};

/// The workloads' volumes that are not their own.
pub(in crate::judge) struct Volumes {
    /// Paths of the node that workloads mount.
    pub(in crate::judge) of_node: Vec<NodePath>,
    /// Volumes that hold files of an unknown owner, each as a fragment.
    pub(in crate::judge) unknown: Vec<String>,
}

/// A path of the node that a workload mounts.
pub(in crate::judge) struct NodePath {
    /// The title of the pod or pod template.
    title: String,
    /// The path on the node.
    pub(in crate::judge) source: String,
}

/// Reads every volume of the workloads.
pub(in crate::judge) fn read(case: &Case) -> Volumes {
    let claims = behind_claims(case);
    let behind = claims.as_ref().map(Vec::as_slice).unwrap_or_default();
    let of = |kinds: &[&str]| {
        let direct = case.pod_views().iter().flat_map(|pod_view| {
            pod_view.volumes.iter().map(move |volume| (pod_view.origin.title(), volume))
        });
        let all = direct.chain(behind.iter().cloned());
        let paths = all
            .filter(|(_, volume)| kinds.contains(&volume.kind.as_str()))
            .map(|(title, volume)| NodePath { title, source: volume.source.clone() });
        paths.collect::<Vec<_>>()
    };
    let unknown = match &claims {
        Err(unreadable) => vec![format!("a claim's volume ({unreadable})")],
        Ok(_) => of(&["driver"]).iter().map(NodePath::words).chain(unbound(case)).collect(),
    };
    Volumes { of_node: of(&["hostPath", "local"]), unknown }
}

impl NodePath {
    /// Returns the mount as a fragment.
    pub(in crate::judge) fn words(&self) -> String {
        format!("{} mounts {}", self.title, self.source)
    }
}

/// Returns the workloads' claims, each with its pod or pod template.
fn claimed(case: &Case) -> Vec<(&PodView, &Volume)> {
    let claims = case
        .pod_views()
        .iter()
        .flat_map(|pod_view| pod_view.volumes.iter().map(move |volume| (pod_view, volume)));
    claims.filter(|(_, volume)| volume.kind == "claim").collect()
}

/// Returns the volumes behind the workloads' claims, as far as the claims are bound.
fn behind_claims(case: &Case) -> Result<Vec<(String, &Volume)>, &Unreadable> {
    let claimed = claimed(case);
    let Some(known) = case.surroundings.in_cluster.as_ref().filter(|_| !claimed.is_empty()) else {
        return Ok(Vec::new());
    };
    let volumes = known.cluster.claims.as_ref()?;
    let behind = |(pod_view, claim): (&PodView, &Volume)| {
        volumes
            .iter()
            .find(|volume| volume.name == claim.source)
            .map(|volume| (pod_view.origin.title(), volume))
    };
    Ok(claimed.into_iter().filter_map(behind).collect())
}

/// Returns the claims without a volume, whose later volume is not known. A template's claims are known by its pods.
fn unbound(case: &Case) -> Vec<String> {
    let Some(Ok(volumes)) = case.surroundings.in_cluster.as_ref().map(|known| &known.cluster.claims) else {
        return Vec::new();
    };
    let made = |template: &PodView| {
        let own = |pod_view: &PodView| {
            pod_view.origin.kind == template.origin.kind
                && pod_view.origin.name == template.origin.name
                && !pod_view.origin.is_template()
        };
        case.pod_views().iter().any(own)
    };
    let unbound = claimed(case).into_iter().filter(|(pod_view, claim)| {
        let shown_by_pods = claim.source.is_empty() && made(pod_view);
        !shown_by_pods && !volumes.iter().any(|volume| volume.name == claim.source)
    });
    unbound
        .map(|(pod_view, claim)| {
            format!("{} claims {}, which is not bound", pod_view.origin.title(), claim.name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{fixture, judge::filesystem::filesystem_isolation::tests::judge};

    #[test]
    fn a_claim_is_judged_by_the_volume_behind_it() {
        let volume = |name: &str, kind: &str, source: &str| Volume {
            name: name.into(),
            kind: kind.into(),
            source: source.into(),
        };
        for (claims, outcome) in [
            (Ok(vec![volume("data", "hostPath", "/srv")]), "unmet"),
            (Ok(vec![volume("data", "local", "/mnt/disk")]), "unmet"),
            (Ok(vec![volume("data", "csi", "pd.csi.storage.gke.io")]), "met"),
            (Ok(vec![volume("data", "driver", "vendor/thing")]), "open"),
            (Ok(Vec::new()), "open"),
            (Err(fixture::forbidden("list persistentvolumes")), "open"),
        ] {
            let mut case = fixture::pod();
            fixture::pod_view(&mut case).volumes.push(volume("disk", "claim", "data"));
            Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster).claims = claims;
            assert_eq!(fixture::told(&judge(&case)), outcome);
        }
    }
}
