//! Services, disruption budgets and autoscalers that would select a probe by its labels.

use k8s_openapi::{
    api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::Service, policy::v1::PodDisruptionBudget},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{Api, Client};

use super::{list, policies};
use crate::case::{
    cluster::{Access, Read, Selecting, SelectingKind, Selector, ServicePort},
    policy::PodPort,
};

/// Reads the Services of a namespace that select pods.
pub(super) async fn services(client: &Client, namespace: &str) -> Read<Vec<Selecting>> {
    let services = Api::<Service>::namespaced(client.clone(), namespace);
    let what = Access::list("services").within(namespace);
    list(services, what, service).await.map(|list| list.into_iter().flatten().collect())
}

/// Returns the objects that select pods, the Services first, and the Services as the API server wrote them.
pub(super) async fn read(client: &Client, namespace: &str) -> (Vec<Read<Vec<Selecting>>>, Vec<Service>) {
    let services = Api::<Service>::namespaced(client.clone(), namespace);
    let budgets = Api::<PodDisruptionBudget>::namespaced(client.clone(), namespace);
    let autoscalers = Api::<HorizontalPodAutoscaler>::namespaced(client.clone(), namespace);
    let (services, budgets, autoscalers) = tokio::join!(
        list(services, Access::list("services"), |service| service),
        list(budgets, Access::list("poddisruptionbudgets"), budget),
        list(autoscalers, Access::list("horizontalpodautoscalers"), autoscaler)
    );
    let flat = |read: Read<Vec<Option<Selecting>>>| read.map(|list| list.into_iter().flatten().collect());
    let written = services.as_ref().cloned().unwrap_or_default();
    let services = services.map(|list| list.into_iter().map(service).collect());
    (vec![flat(services), flat(budgets), flat(autoscalers)], written)
}

/// Converts a Service; `None` without a selector, which selects no pod.
pub(super) fn service(api: Service) -> Option<Selecting> {
    let spec = api.spec?;
    let equals = spec.selector.filter(|selector| !selector.is_empty())?;
    let eager = spec.publish_not_ready_addresses == Some(true);
    let number = |port: i32| u16::try_from(port).ok();
    // A port without a target is the pods' port too (`ServicePort.targetPort`).
    let ports = spec.ports.iter().flatten().filter_map(|port| {
        let target = match &port.target_port {
            None => number(port.port).map(PodPort::Number),
            Some(IntOrString::Int(target)) => number(*target).map(PodPort::Number),
            Some(IntOrString::String(name)) => Some(PodPort::Named(name.clone())),
        };
        Some(ServicePort { number: number(port.port)?, target })
    });
    let ports = ports.collect();
    let addresses = spec.cluster_ips.iter().flatten().filter_map(|address| address.parse().ok()).collect();
    Some(Selecting {
        kind: if eager { SelectingKind::EagerService } else { SelectingKind::Service },
        name: api.metadata.name.unwrap_or_default(),
        selector: Selector { equals, requirements: Vec::new() },
        target: None,
        addresses,
        ports,
    })
}

fn budget(api: PodDisruptionBudget) -> Option<Selecting> {
    Some(Selecting {
        kind: SelectingKind::DisruptionBudget,
        name: api.metadata.name.unwrap_or_default(),
        selector: policies::selector(api.spec?.selector?),
        target: None,
        addresses: Vec::new(),
        ports: Vec::new(),
    })
}

fn autoscaler(api: HorizontalPodAutoscaler) -> Option<Selecting> {
    let target = api.spec?.scale_target_ref;
    Some(Selecting {
        kind: SelectingKind::Autoscaler,
        name: api.metadata.name.unwrap_or_default(),
        selector: Selector::default(),
        target: Some((target.kind.to_lowercase(), target.name)),
        addresses: Vec::new(),
        ports: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_port_of_a_service_leads_to_a_number_or_to_a_name() {
        let api = serde_json::from_value(json!({
            "spec": { "clusterIPs": ["10.96.1.5"], "selector": { "app": "api" }, "ports": [
                { "port": 80, "targetPort": "http" }, { "port": 81, "targetPort": 8081 }, { "port": 82 },
            ] },
        }));
        let targets = service(api.unwrap()).unwrap().ports.into_iter().map(|port| port.target.unwrap());
        let expected = [PodPort::Named("http".to_owned()), PodPort::Number(8081), PodPort::Number(82)];
        assert_eq!(targets.collect::<Vec<_>>(), expected);
    }
}
