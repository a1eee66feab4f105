//! A pod or a pod template.

use std::net::IpAddr;

use super::{
    container::Container,
    form::{each, each_optional, saved_struct},
    machine::Limits,
    placement::Placement,
    selector::Labels,
    storage::{Device, Volume},
};
use crate::case::cluster;

saved_struct! {
    /// A pod or a pod template.
    PodView for cluster::PodView {
        origin: Origin => Into::into,
        created: Option<i64>,
        labels: Labels => each,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        service_account: String,
        gvisor_annotations: Labels,
        network_annotations: Labels,
        #[serde(default, skip_serializing_if = "Labels::is_empty")]
        injection_annotations: Labels,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by_admission: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fields_by_admission: Vec<String>,
        runtime_class: Option<String>,
        node: Option<String>,
        placement: Placement => Into::into,
        containers: Vec<Container> => each,
        #[serde(default)]
        limits: Limits => Into::into,
        volumes: Vec<Volume> => each,
        #[serde(default)]
        devices: Option<Vec<Device>> => each_optional,
        host_namespaces: Vec<String>,
        sysctls: Vec<String>,
        root_allowed: Option<String>,
        token: bool,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unclear_tokens: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deciding_account: Option<String>,
        #[serde(default)]
        name_servers: Vec<IpAddr>,
        #[serde(default)]
        secrets: Option<Vec<String>>,
        #[serde(default)]
        credentials: Option<Vec<String>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        images: Option<Vec<Image>> => each_optional,
    }
}

saved_struct! {
    /// The image of a container.
    Image for cluster::Image {
        name: String,
        id: Option<String>,
    }
}

impl From<cluster::Shared<cluster::Image>> for Image {
    fn from(shared: cluster::Shared<cluster::Image>) -> Self {
        shared.into_inner().into()
    }
}

impl From<Image> for cluster::Shared<cluster::Image> {
    fn from(image: Image) -> Self {
        cluster::Image::from(image).into()
    }
}

impl From<cluster::Shared<cluster::PodView>> for PodView {
    fn from(shared: cluster::Shared<cluster::PodView>) -> Self {
        shared.into_inner().into()
    }
}

impl From<cluster::Shared<cluster::Placement>> for Placement {
    fn from(shared: cluster::Shared<cluster::Placement>) -> Self {
        shared.into_inner().into()
    }
}

impl From<Placement> for cluster::Shared<cluster::Placement> {
    fn from(placement: Placement) -> Self {
        cluster::Placement::from(placement).into()
    }
}

impl From<PodView> for cluster::Shared<cluster::PodView> {
    fn from(pod_view: PodView) -> Self {
        cluster::PodView::from(pod_view).into()
    }
}

saved_struct! {
    /// The workload and the name of a pod.
    Origin for cluster::Origin {
        kind: String,
        name: String,
        pod: Option<String>,
    }
}
