//! Devices of the node that the represented workloads ask for. The probe never asks for one.

use crate::case::{
    Case,
    cluster::{Device, DeviceRequest, PodView},
};
use crate::judge::policy::{Acceptance, Accepted, Policy};

/// A device that a workload asks for.
pub(in crate::judge) struct AskedFor {
    /// The request as a fragment, such as "pod/web-1 asks for nvidia.com/gpu".
    pub(in crate::judge) words: String,
    /// The names by which a policy file accepts the device: the extended resource, or each `DeviceClass`.
    pub(in crate::judge) names: Vec<String>,
    /// True for a claim of Dynamic Resource Allocation, which need not lead to a file in `/dev`.
    pub(in crate::judge) is_claimed: bool,
}

/// Returns every device that the workloads ask for.
pub(in crate::judge) fn read(case: &Case) -> Vec<AskedFor> {
    let all = case
        .pod_views()
        .iter()
        .flat_map(|pod_view| pod_view.devices.iter().flatten().map(move |device| (pod_view, device)));
    all.map(|(pod_view, device)| asked_for(case, pod_view, device)).collect()
}

fn asked_for(case: &Case, pod_view: &PodView, device: &Device) -> AskedFor {
    let (title, name) = (pod_view.origin.title(), &device.name);
    match device.by {
        DeviceRequest::Resource => {
            let words = format!("{title} asks for {name}");
            AskedFor { words, names: vec![name.clone()], is_claimed: false }
        }
        DeviceRequest::Volume => AskedFor {
            words: format!("{title} has the volume {name} as a block device"),
            names: vec![name.clone()],
            is_claimed: false,
        },
        DeviceRequest::Claim | DeviceRequest::ClaimTemplate => {
            let (classes, why) = classes(case, device);
            let of =
                if classes.is_empty() { why } else { format!("of the DeviceClass {}", classes.join(", ")) };
            let words = format!("{title} claims the device {name} {of}");
            AskedFor { words, names: classes, is_claimed: true }
        }
    }
}

/// Returns the classes of a claim's devices, or why they are not known.
fn classes(case: &Case, device: &Device) -> (Vec<String>, String) {
    let Some(known) = &case.surroundings.in_cluster else { return (Vec::new(), String::new()) };
    match &known.cluster.device_claims {
        Err(unreadable) => (Vec::new(), format!("of an unknown DeviceClass ({unreadable})")),
        Ok(claims) => {
            let found = claims.iter().find(|claim| claim.by == device.by && claim.name == device.name);
            (
                found.map(|claim| claim.classes.clone()).unwrap_or_default(),
                "of an unknown DeviceClass".to_owned(),
            )
        }
    }
}

// === impl AskedFor ===

impl AskedFor {
    /// Returns an entry of the policy file that accepts the device; `None` unless each of its names is accepted.
    pub(in crate::judge) fn accepted<'a>(&self, policy: &'a Policy) -> Option<&'a Acceptance> {
        let accepted = self.names.iter().map(|name| policy.accepts(Accepted::Device, name));
        accepted.collect::<Option<Vec<_>>>()?.first().copied()
    }
}
