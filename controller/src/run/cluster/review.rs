//! Questions to the API server if the run's own account has a permission.

use k8s_openapi::{
    api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};

use super::permission::Permission;

/// Asks for one verb of a permission in a namespace, or in the whole cluster.
pub(super) async fn is_granted(
    client: &Client,
    permission: &Permission,
    verb: &str,
    namespace: Option<&str>,
) -> kube::Result<bool> {
    let (resource, subresource) = match permission.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (permission.resource, None),
    };
    let attributes = ResourceAttributes {
        group: Some(permission.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        verb: Some(verb.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    asked(client, attributes).await
}

/// Asks for one verb on one object of the core group.
pub(super) async fn is_granted_on(
    client: &Client,
    verb: &str,
    (resource, namespace, name): (&str, &str, &str),
) -> kube::Result<bool> {
    let [resource, verb, namespace, name] =
        [resource, verb, namespace, name].map(|text| Some(text.to_owned()));
    let group = Some(String::new());
    let attributes =
        ResourceAttributes { group, resource, verb, namespace, name, ..ResourceAttributes::default() };
    asked(client, attributes).await
}

async fn asked(client: &Client, attributes: ResourceAttributes) -> kube::Result<bool> {
    let review = SelfSubjectAccessReview {
        metadata: ObjectMeta::default(),
        spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
        status: None,
    };
    let api = Api::<SelfSubjectAccessReview>::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
