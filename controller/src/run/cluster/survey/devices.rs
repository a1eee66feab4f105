//! Devices of the node that pods ask for: extended resources, claims of Dynamic Resource Allocation, and block volumes.

use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    core::GroupVersion,
};
use serde_json::Value;

use super::{discovery::ApiGroup, list};
use crate::case::cluster::{Access, Device, DeviceClaim, DeviceRequest, PodView, Read, Shared};

/// The group of Dynamic Resource Allocation.
const GROUP: &str = "resource.k8s.io";
/// Its version where discovery tells of none.
const STABLE: &str = "v1";

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
    (pod_views, groups): (&[Shared<PodView>], &Read<Vec<ApiGroup>>),
) -> Read<Vec<DeviceClaim>> {
    let by = |by: DeviceRequest| {
        pod_views.iter().flat_map(|it| it.devices.iter().flatten()).any(|device| device.by == by)
    };
    let version = version(groups);
    let read = async |kind: DeviceRequest, name: &str, plural: &'static str, devices: &'static str| {
        if !by(kind) {
            return Ok(Vec::new());
        }
        let resource =
            ApiResource::from_gvk_with_plural(&GroupVersion::gv(GROUP, version).with_kind(name), plural);
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &resource);
        let claim = |object: DynamicObject| DeviceClaim {
            by: kind,
            name: object.metadata.name.unwrap_or_default(),
            classes: object.data.pointer(devices).map(classes).unwrap_or_default(),
        };
        list(api, Access::list(plural), claim).await
    };
    let (own, templates) = tokio::join!(
        read(DeviceRequest::Claim, "ResourceClaim", "resourceclaims", "/spec/devices"),
        read(
            DeviceRequest::ClaimTemplate,
            "ResourceClaimTemplate",
            "resourceclaimtemplates",
            "/spec/spec/devices"
        ),
    );
    Ok([own?, templates?].concat())
}

/// Returns the version of the group that the cluster prefers. Kubernetes 1.32 and 1.33 serve v1beta1 and v1beta2 alone.
fn version(groups: &Read<Vec<ApiGroup>>) -> &str {
    let group = groups.iter().flatten().find(|group| group.name == GROUP);
    let preferred = group.and_then(|group| group.versions.first());
    preferred.map_or(STABLE, |preferred| &preferred.name)
}

/// Returns the class of each device and of each choice. They are not known unless every request names one: v1beta1 names a class in
/// the request, and later versions below `exactly` (kubernetes.io, "Dynamic Resource Allocation").
fn classes(devices: &Value) -> Vec<String> {
    let requests = devices.get("requests").and_then(Value::as_array);
    let each = requests.into_iter().flatten().map(|request| {
        let choices = request.get("firstAvailable").and_then(Value::as_array).into_iter().flatten();
        let sole = [request.get("exactly").unwrap_or(request)];
        let class = |it: &Value| it.get("deviceClassName")?.as_str().map(str::to_owned);
        let mut choices = choices.map(class).peekable();
        if choices.peek().is_some() { choices.collect() } else { sole.into_iter().map(class).collect() }
    });
    let each: Option<Vec<Vec<_>>> = each.collect();
    each.unwrap_or_default().concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::discovery::ApiVersion;

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
    fn a_claim_names_the_class_of_each_device_and_of_each_choice_in_every_version() {
        let choices = json!({ "name": "two", "firstAvailable": [{ "name": "x", "deviceClassName": "tpu.google.com" }] });
        let class = json!({ "deviceClassName": "gpu.nvidia.com" });
        let stable = json!({ "name": "one", "exactly": class });
        let beta = json!({ "name": "one", "deviceClassName": "gpu.nvidia.com" });
        for request in [stable, beta] {
            let devices = json!({ "requests": [request, choices] });
            assert_eq!(classes(&devices), ["gpu.nvidia.com", "tpu.google.com"], "{request}");
        }
    }

    #[test]
    fn a_request_without_a_known_class_leaves_all_classes_unknown() {
        let known = json!({ "name": "one", "exactly": { "deviceClassName": "gpu.nvidia.com" } });
        let devices = json!({ "requests": [known, { "name": "two", "somehow": {} }] });
        assert!(classes(&devices).is_empty());
    }

    #[test]
    fn the_version_is_that_which_the_cluster_prefers() {
        let group = |versions: &[&str]| ApiGroup {
            name: GROUP.to_owned(),
            versions: versions.iter().map(|name| ApiVersion::named(name)).collect(),
        };
        assert_eq!(version(&Ok(vec![group(&["v1beta1"])])), "v1beta1");
        assert_eq!(version(&Ok(vec![group(&["v1beta2", "v1beta1"])])), "v1beta2");
        assert_eq!(version(&Ok(Vec::new())), STABLE);
        assert_eq!(version(&Err(crate::fixture::forbidden("list groups"))), STABLE);
    }
}
