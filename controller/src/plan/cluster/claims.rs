//! Programs that take every pod with a label for one of their own, whoever made it. A probe with such a label would be counted, queued,
//! refused or deleted, and `KubeRay` may delete a pod of the workload in its place.

use crate::case::cluster::Labels;

/// A program, and the labels by which it knows its pods.
#[derive(Debug)]
pub(super) struct Claim {
    /// The program's name.
    pub(super) by: &'static str,
    /// True if the program may end or miscount the workload's own pods because of one more pod.
    pub(super) harms: bool,
    /// Keys of labels: a pod without one of them is none of the program's. A key that ends with a slash means every label of a domain.
    keys: &'static [&'static str],
    /// The value of the label; `None` for any.
    value: Option<&'static str>,
}

const CLAIMS: &[Claim] = &[
    // kuberay, `ray-operator/controllers/ray/raycluster_controller.go`, `reconcilePods`: deletes pods of a group that has too many.
    Claim::harming("KubeRay", &["ray.io/cluster"]),
    // spark, `resource-managers/kubernetes`, `ExecutorPodsSnapshot.scala`: the last pod with an executor's number is the executor.
    Claim::harming("Apache Spark", &["spark-app-selector"]),
    // kueue, `pkg/controller/jobs/pod/pod_webhook.go`: queues a pod, or refuses one of a group without its annotations.
    Claim::of("Kueue", &["kueue.x-k8s.io/"]),
    // strimzi-kafka-operator, `StrimziPodSetController.java`, `removeDeletedPods`: deletes a pod that no set names.
    Claim::of("Strimzi", &["strimzi.io/name", "strimzi.io/kind", "strimzi.io/cluster"]),
    // lws, `pkg/webhooks/pod_webhook.go`: refuses a pod without the group's annotations.
    Claim::of("LeaderWorkerSet", &["leaderworkerset.sigs.k8s.io/name"]),
    // flink, `flink-kubernetes`, `KubernetesWorkerNode.java`, `getAttempt`: fails at a pod of another name.
    Claim { value: Some("flink-native-kubernetes"), ..Claim::harming("Apache Flink", &["type"]) },
    // airflow, `providers/cncf/kubernetes`, `kubernetes_executor_utils.py` and `operators/pod.py`: takes the end of a pod for a task's.
    Claim::harming("Apache Airflow", &["airflow-worker"]),
    Claim::harming("Apache Airflow", &["kubernetes_executor"]),
    Claim::harming("Apache Airflow", &["kubernetes_pod_operator"]),
    // dask-kubernetes, `dask_kubernetes/operator/controller/controller.py`: takes the end of a pod for that of the work.
    Claim::harming("Dask", &["dask.org/"]),
    // mpi-operator, `pkg/controller/mpi_job_controller.go`; training-operator, `GetPodsForJob` of older releases.
    Claim::harming("Kubeflow", &["training.kubeflow.org/job-name"]),
    // cloud-on-k8s, `pkg/controller/common/statefulset/pod.go`: waits for the end of a pod that no set names.
    Claim::of("Elastic Cloud on Kubernetes", &["elasticsearch.k8s.elastic.co/statefulset-name"]),
    Claim::of("Elastic Cloud on Kubernetes", &["elasticsearch.k8s.elastic.co/cluster-name"]),
    // argo-workflows, `workflow/controller/exec_control.go`: deletes a pending pod at the end of its workflow.
    Claim::of("Argo Workflows", &["workflows.argoproj.io/workflow"]),
    // devworkspace-operator, `webhook/workspace/handler`: refuses a pod of somebody else.
    Claim::of("DevWorkspace", &["controller.devfile.io/devworkspace_id"]),
];

// === impl Claim ===

impl Claim {
    const fn of(by: &'static str, keys: &'static [&'static str]) -> Self {
        Self { by, harms: false, keys, value: None }
    }

    const fn harming(by: &'static str, keys: &'static [&'static str]) -> Self {
        Self { harms: true, ..Self::of(by, keys) }
    }

    /// Returns the claims on pods with these labels.
    pub(super) fn on(labels: &Labels) -> impl Iterator<Item = &'static Self> {
        CLAIMS.iter().filter(|claim| claim.keys.iter().any(|key| !claim.covered(key, labels).is_empty()))
    }

    /// Returns the claim by one of these labels; `None` if nobody claims pods by it.
    pub(super) fn by_key(key: &str, labels: &Labels) -> Option<&'static Self> {
        Self::on(labels).find(|claim| claim.ways_out(labels).concat().contains(&key))
    }

    /// Returns for each way out of the claim the keys of the labels to leave out.
    pub(super) fn ways_out<'a>(&self, labels: &'a Labels) -> Vec<Vec<&'a str>> {
        let ways = self.keys.iter().map(|key| self.covered(key, labels));
        ways.filter(|keys| !keys.is_empty()).collect()
    }

    fn covered<'a>(&self, key: &str, labels: &'a Labels) -> Vec<&'a str> {
        let its = labels.iter().filter(|(name, value)| {
            covers(key, name) && self.value.is_none_or(|wanted| wanted == value.as_str())
        });
        its.map(|(name, _)| name.as_str()).collect()
    }
}

/// Returns true if a key, or the domain of all keys below it, covers a label.
fn covers(key: &str, label: &str) -> bool {
    if key.ends_with('/') { label.starts_with(key) } else { label == key }
}
