//! A simulated cluster with what the real cluster has when its requests are recorded: one pod of a Deployment, and the custom
//! kinds of Cilium.

use serde_json::json;

use crate::{
    cluster::{Cluster, NAMESPACE},
    store::key,
};

/// The only pod of the workload.
pub(super) const POD: &str = "web-1";
/// The pod's node.
pub(super) const NODE: &str = "one";
/// The label of the node's pool, and its value.
const POOL: (&str, &str) = ("cloud.google.com/gke-nodepool", "sandbox");
/// The plural, the name and the scope of each of Cilium's kinds of policies.
const POLICIES: [[&str; 3]; 3] = [
    ["ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy", "Cluster"],
    ["ciliumlocalredirectpolicies", "CiliumLocalRedirectPolicy", "Namespaced"],
    ["ciliumnetworkpolicies", "CiliumNetworkPolicy", "Namespaced"],
];

pub(super) fn prepare(cluster: &Cluster) {
    let owner = json!([{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-0", "uid": "s", "controller": true,
    }]);
    cluster.change(|store| {
        store.remove(&key("pods", NAMESPACE, "web-2"));
        store.remove(&key("configmaps", NAMESPACE, "settings"));
        let web = key("deployments", NAMESPACE, "web");
        let pool = json!({ POOL.0: POOL.1 });
        let changed =
            store.modify(&web, |web| web["spec"]["template"]["spec"]["nodeSelector"] = pool.clone());
        let mut set = json!({ "metadata": {}, "spec": changed.unwrap()["spec"] });
        set["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "w", "controller": true,
        }]);
        store.add(key("replicasets", NAMESPACE, "web-0"), set);
        store.modify(&key("pods", NAMESPACE, POD), |pod| {
            pod["metadata"]["ownerReferences"] = owner;
            pod["spec"]["nodeSelector"] = pool;
        });
        for [plural, kind, scope] in POLICIES {
            let names = json!({ "plural": plural, "kind": kind });
            let versions = json!([{ "name": "v2" }]);
            let spec = json!({ "group": "cilium.io", "names": names, "scope": scope, "versions": versions });
            store.add(key("customresourcedefinitions", "", plural), json!({ "metadata": {}, "spec": spec }));
        }
    });
}
