//! The images of a pod's containers, with the digests that the API server knows.

use k8s_openapi::api::core::v1::{ContainerStatus, PodSpec, PodStatus};

use crate::{
    case::cluster::{Image, Shared},
    support::digest,
};

/// Returns the image of each container that is not ephemeral. The kubelet reports an image's id once the container was created; a
/// name may have a digest itself.
pub(super) fn of(spec: &PodSpec, status: Option<&PodStatus>) -> Vec<Shared<Image>> {
    let told = |name: &str| {
        let statuses = status
            .into_iter()
            .flat_map(|status| [&status.init_container_statuses, &status.container_statuses])
            .flat_map(|statuses| statuses.iter().flatten());
        statuses.into_iter().find(|status| status.name == name)
    };
    let image = |(container, name): (&String, &Option<String>)| {
        let name = name.clone().unwrap_or_default();
        let id =
            told(container).and_then(reported).or_else(|| Some(name.clone()).filter(|it| has_digest(it)));
        Shared::from(Image { name, id })
    };
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    containers.map(|container| image((&container.name, &container.image))).collect()
}

/// Returns the id of an image if it has a digest.
fn reported(status: &ContainerStatus) -> Option<String> {
    Some(status.image_id.clone()).filter(|id| has_digest(id))
}

fn has_digest(name: &str) -> bool {
    digest::of_image(name).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn ids(image: &str, status: &Value) -> Vec<Option<String>> {
        let spec = json!({
            "containers": [{ "name": "web", "image": image }],
            "ephemeralContainers": [{ "name": "debug", "image": image }],
        });
        let status = json!({ "containerStatuses": [status] });
        let (spec, status) = (serde_json::from_value(spec).unwrap(), serde_json::from_value(status).unwrap());
        of(&spec, Some(&status)).into_iter().map(|image| image.into_inner().id).collect()
    }

    fn status(name: &str, id: &str) -> Value {
        json!({ "name": name, "image": "", "imageID": id, "ready": true, "restartCount": 0 })
    }

    #[test]
    fn the_digest_is_the_one_that_the_node_reports() {
        let id = format!("registry.example/web@sha256:{}", "ab".repeat(32));
        assert_eq!(ids("registry.example/web:1", &status("web", &id)), [Some(id)]);
    }

    #[test]
    fn an_image_without_a_report_has_no_digest() {
        for (name, id) in [("web", ""), ("web", "registry.example/web:1"), ("other", "sha256:00")] {
            assert_eq!(ids("registry.example/web:1", &status(name, id)), [None], "{name} {id}");
        }
    }

    #[test]
    fn the_digest_of_a_name_counts_until_a_node_reports_one() {
        let name = format!("registry.example/web@sha256:{}", "ab".repeat(32));
        assert_eq!(ids(&name, &status("web", "")), [Some(name)]);
    }
}
