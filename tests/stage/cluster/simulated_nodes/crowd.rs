//! The nodes, workloads, pods and policies of a simulated cluster, as gVisor's users have them on GKE.

mod objects;

use std::{cell::RefCell, fmt::Debug, time::Duration};

use futures_util::future::join_all;
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{Node, Pod},
    networking::v1::NetworkPolicy,
    node::v1::RuntimeClass,
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::JUDGED;

/// The most requests at once.
const LANES: usize = 32;
const PAUSE: Duration = Duration::from_millis(200);
/// The most time for anything that comes up, and for each further pod: far longer than they take on a busy machine.
const BOUND: Duration = Duration::from_mins(3);
const BOUND_A_POD: Duration = Duration::from_millis(150);

/// The numbers of a simulated cluster. Numbers of nodes and workloads never shrink.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Crowd {
    /// The number of nodes.
    pub nodes: usize,
    /// The number of pods on each node.
    pub pods_a_node: usize,
    /// The number of Deployments that the pods belong to, in turn.
    pub workloads: usize,
    /// The number of policies: one denies everything for all pods, and several bind a workload each, each in another way.
    pub policies: usize,
}

impl Crowd {
    /// Returns a crowd of ten pods a node, which belong to a hundred workloads.
    pub fn of(nodes: usize, policies: usize) -> Self {
        Self { nodes, pods_a_node: 10, workloads: 100, policies }
    }
}

/// Adds to a crowd until it is as large as another one.
pub(super) async fn grow(client: &Client, before: Crowd, after: Crowd) {
    if before.nodes == 0 {
        create::<RuntimeClass>(&Api::all(client.clone()), [objects::runtime_class()]).await;
    }
    let nodes = Api::<Node>::all(client.clone());
    create(&nodes, (before.nodes..after.nodes).map(objects::node)).await;
    // kwok takes pods only of nodes that it knows.
    let bound = BOUND + BOUND_A_POD * u32::try_from(after.nodes * after.pods_a_node).unwrap();
    until("ready nodes", bound, async || {
        nodes.list(&ListParams::default()).await.unwrap().items.iter().all(is_ready)
    })
    .await;

    let sets = workloads(client, before, after).await;
    let pods = Api::<Pod>::namespaced(client.clone(), JUDGED);
    let numbers = before.nodes * before.pods_a_node..after.nodes * after.pods_a_node;
    create(&pods, numbers.map(|number| objects::pod(number, after, &sets))).await;

    let policies = Api::<NetworkPolicy>::namespaced(client.clone(), JUDGED);
    if before.policies != after.policies {
        policies.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
        create(&policies, objects::policies(after.policies)).await;
    }
    let waiting = ListParams::default().fields("status.phase!=Running").limit(1);
    until("running pods", bound, async || pods.list_metadata(&waiting).await.unwrap().items.is_empty()).await;
}

/// Creates the workloads, or gives them more replicas. Returns the uids of their ReplicaSets.
async fn workloads(client: &Client, before: Crowd, after: Crowd) -> Vec<String> {
    let deployments = Api::<Deployment>::namespaced(client.clone(), JUDGED);
    let sets = Api::<ReplicaSet>::namespaced(client.clone(), JUDGED);
    let mut uids = Vec::new();
    for number in 0..after.workloads {
        let replicas = (after.nodes * after.pods_a_node).div_ceil(after.workloads);
        let deployment = objects::deployment(number, replicas);
        if number >= before.workloads {
            let deployment: Deployment = serde_json::from_value(deployment).unwrap();
            let deployment = deployments.create(&PostParams::default(), &deployment).await.unwrap();
            let uid = deployment.metadata.uid.unwrap();
            let set = serde_json::from_value(objects::replica_set(number, replicas, &uid)).unwrap();
            uids.push(sets.create(&PostParams::default(), &set).await.unwrap().metadata.uid.unwrap());
        } else {
            let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
            let name = objects::workload(number);
            deployments.patch(&name, &PatchParams::default(), &patch).await.unwrap();
            let set = sets.patch(&objects::set(number), &PatchParams::default(), &patch).await.unwrap();
            uids.push(set.metadata.uid.unwrap());
        }
    }
    uids
}

/// Creates objects, several at once.
async fn create<K>(api: &Api<K>, objects: impl IntoIterator<Item = Value>)
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let objects = RefCell::new(objects.into_iter());
    let lane = async || {
        loop {
            let Some(object) = objects.borrow_mut().next() else { return };
            api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
        }
    };
    join_all((0..LANES).map(|_| lane())).await;
}

async fn until(what: &str, bound: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < bound, "{what} did not come in {bound:?}");
        sleep(PAUSE).await;
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|it| it.type_ == "Ready" && it.status == "True"))
}
