//! The readers of objects of all kinds, for the fuzz targets.

use k8s_openapi::{
    api::{
        core::v1::{Node, Pod, Service},
        node::v1::RuntimeClass,
    },
    serde::de::DeserializeOwned,
};
use serde_json::Value;

use super::{classes, custom, endpoint, neighbours, nodes, selecting, services, template};
use crate::case::{cluster::Origin, policy::Endpoint};

/// Reads an object as each kind that it can be, and returns the pod if it can be one.
pub(crate) fn read(object: &Value) -> Option<Endpoint> {
    for found in custom::of_any(object) {
        let origin = Origin { kind: "deployment".to_owned(), name: "web".to_owned(), pod: None };
        _ = endpoint::of_template(&found);
        _ = template::pod_view(origin, found.metadata.unwrap_or_default(), &found.spec.unwrap_or_default());
    }
    _ = typed::<Node>(object).map(|node| nodes::node(node, None));
    _ = typed::<RuntimeClass>(object).map(classes::class);
    if let Some(service) = typed::<Service>(object) {
        _ = services::of_namespace(std::slice::from_ref(&service), &[Endpoint::default()]);
        _ = selecting::service(service);
    }
    let pod = typed::<Pod>(object)?;
    _ = neighbours::listening(&pod);
    let origin = Origin { kind: "pod".to_owned(), name: "web".to_owned(), pod: Some("web".to_owned()) };
    _ = template::pod_view(origin, pod.metadata.clone(), &pod.spec.clone().unwrap_or_default());
    Some(endpoint::of_pod(&pod))
}

fn typed<T: DeserializeOwned>(object: &Value) -> Option<T> {
    serde_json::from_value(object.clone()).ok()
}
