//! Devices of the node that pods ask for: extended resources, claims of Dynamic Resource Allocation, and block volumes.

use k8s_openapi::api::{
    core::v1::{PodSpec, ResourceRequirements},
    resource::v1::{DeviceClaim as ApiClaim, ResourceClaim, ResourceClaimTemplate},
};
use kube::{Api, Client};

use super::list;
use crate::case::cluster::{Access, Device, DeviceClaim, DeviceRequest, PodView, Read};

/// Extended resources that hand out no device.
const WITHOUT_DEVICE: &[&str] = &[
    // Network interfaces and addresses of the pod (github.com/aws/amazon-vpc-resource-controller-k8s).
    "vpc.amazonaws.com/pod-eni",
    "vpc.amazonaws.com/PrivateIPv4Address",
];

/// Returns the devices that a pod asks for.
pub(super) fn asked_for(spec: &PodSpec) -> Vec<Device> {
    let device = |by: DeviceRequest, name: &str| Device { by, name: name.to_owned() };
    let containers = || spec.containers.iter().chain(spec.init_containers.iter().flatten());
    // The name of an extended resource has a domain, and that of another resource has none.
    let resources = containers().filter_map(|it| it.resources.as_ref()).flat_map(named);
    let extended = resources.filter(|name| name.contains('/') && !WITHOUT_DEVICE.contains(name));
    let blocks = containers().flat_map(|it| it.volume_devices.iter().flatten());
    let claims = spec.resource_claims.iter().flatten().map(|claim| {
        match (&claim.resource_claim_name, &claim.resource_claim_template_name) {
            (Some(name), _) => device(DeviceRequest::Claim, name),
            (None, Some(template)) => device(DeviceRequest::ClaimTemplate, template),
            (None, None) => device(DeviceRequest::Claim, &claim.name),
        }
    });
    let mut all: Vec<_> = extended.map(|name| device(DeviceRequest::Resource, name)).chain(claims).collect();
    all.extend(blocks.map(|block| device(DeviceRequest::Volume, &block.name)));
    let mut once = Vec::new();
    for device in all {
        if !once.contains(&device) {
            once.push(device);
        }
    }
    once
}

fn named(resources: &ResourceRequirements) -> impl Iterator<Item = &str> {
    let lists = [&resources.limits, &resources.requests];
    lists.into_iter().flatten().flat_map(|list| list.keys()).map(String::as_str)
}

/// Reads the claims for devices and their templates, if a pod has a claim.
pub(super) async fn claims(
    client: &Client,
    namespace: &str,
    pod_views: &[PodView],
) -> Read<Vec<DeviceClaim>> {
    let by = |by: DeviceRequest| pod_views.iter().flat_map(|it| &it.devices).any(|device| device.by == by);
    let own = async {
        if !by(DeviceRequest::Claim) {
            return Ok(Vec::new());
        }
        let api = Api::<ResourceClaim>::namespaced(client.clone(), namespace);
        list(api, Access::list("resourceclaims"), |claim| {
            self::claim(DeviceRequest::Claim, claim.metadata.name, claim.spec.devices)
        })
        .await
    };
    let templates = async {
        if !by(DeviceRequest::ClaimTemplate) {
            return Ok(Vec::new());
        }
        let api = Api::<ResourceClaimTemplate>::namespaced(client.clone(), namespace);
        list(api, Access::list("resourceclaimtemplates"), |template| {
            let devices = template.spec.spec.devices;
            claim(DeviceRequest::ClaimTemplate, template.metadata.name, devices)
        })
        .await
    };
    let (own, templates) = tokio::join!(own, templates);
    Ok([own?, templates?].concat())
}

fn claim(by: DeviceRequest, name: Option<String>, devices: Option<ApiClaim>) -> DeviceClaim {
    let requests = devices.and_then(|devices| devices.requests).unwrap_or_default();
    let classes = requests.into_iter().flat_map(|request| {
        let choices = request.first_available.into_iter().flatten().map(|it| it.device_class_name);
        request.exactly.map(|it| it.device_class_name).into_iter().chain(choices).collect::<Vec<_>>()
    });
    DeviceClaim { by, name: name.unwrap_or_default(), classes: classes.collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_ask_for_a_device_is_found() {
        let limits = json!({ "cpu": "1", "hugepages-2Mi": "2Mi", "nvidia.com/gpu": "1", "vpc.amazonaws.com/pod-eni": "1" });
        let block = json!({ "name": "disk", "devicePath": "/dev/xvda" });
        let spec = json!({
            "containers": [{ "name": "app", "resources": { "limits": limits }, "volumeDevices": [block] }],
            "initContainers": [{ "name": "first", "resources": { "limits": { "smarter-devices/kvm": "1" } } }],
            "resourceClaims": [
                { "name": "a", "resourceClaimName": "own" }, { "name": "b", "resourceClaimTemplateName": "gpu" },
            ],
        });
        let found: Vec<_> = asked_for(&serde_json::from_value(spec).unwrap())
            .into_iter()
            .map(|device| (device.by, device.name))
            .collect();
        let expected = [
            (DeviceRequest::Resource, "nvidia.com/gpu"),
            (DeviceRequest::Resource, "smarter-devices/kvm"),
            (DeviceRequest::Claim, "own"),
            (DeviceRequest::ClaimTemplate, "gpu"),
            (DeviceRequest::Volume, "disk"),
        ];
        assert_eq!(found, expected.map(|(by, name)| (by, name.to_owned())));
    }

    #[test]
    fn a_claim_names_the_class_of_each_device_and_of_each_choice() {
        let devices = json!({ "requests": [
            { "name": "one", "exactly": { "deviceClassName": "gpu.nvidia.com" } },
            { "name": "two", "firstAvailable": [{ "name": "x", "deviceClassName": "tpu.google.com" }] },
        ] });
        let claim = claim(DeviceRequest::Claim, None, Some(serde_json::from_value(devices).unwrap()));
        assert_eq!(claim.classes, ["gpu.nvidia.com", "tpu.google.com"]);
    }
}
