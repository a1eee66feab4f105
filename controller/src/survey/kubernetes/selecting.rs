//! Services and budgets that would select a probe by its labels.

use k8s_openapi::api::{core::v1::Service, policy::v1::PodDisruptionBudget};
use kube::{Api, Client};

use super::{list, policies};
use crate::cluster::{Read, Selecting, SelectingKind, Selector};

pub(super) async fn read(client: &Client, namespace: &str) -> Vec<Read<Vec<Selecting>>> {
    let services = Api::<Service>::namespaced(client.clone(), namespace);
    let budgets = Api::<PodDisruptionBudget>::namespaced(client.clone(), namespace);
    let (services, budgets) = tokio::join!(
        list(services, "list services", service),
        list(budgets, "list poddisruptionbudgets", budget)
    );
    let flat = |read: Read<Vec<Option<Selecting>>>| read.map(|list| list.into_iter().flatten().collect());
    vec![flat(services), flat(budgets)]
}

/// A Service without a selector selects nothing.
fn service(api: Service) -> Option<Selecting> {
    let spec = api.spec?;
    let equals = spec.selector.filter(|selector| !selector.is_empty())?;
    let eager = spec.publish_not_ready_addresses == Some(true);
    Some(Selecting {
        kind: if eager { SelectingKind::EagerService } else { SelectingKind::Service },
        name: api.metadata.name.unwrap_or_default(),
        selector: Selector { equals, requirements: Vec::new() },
    })
}

fn budget(api: PodDisruptionBudget) -> Option<Selecting> {
    Some(Selecting {
        kind: SelectingKind::DisruptionBudget,
        name: api.metadata.name.unwrap_or_default(),
        selector: policies::selector(api.spec?.selector?),
    })
}
