//! The RuntimeClasses of a cluster.

use super::{
    form::{each, saved_struct},
    placement::Toleration,
    selector::Labels,
};
use crate::case::cluster;

saved_struct! {
    /// A RuntimeClass of the cluster.
    Class for cluster::Class {
        name: String,
        created: Option<i64>,
        handler: String,
        overhead_memory: u64,
        #[serde(default)]
        overhead_cpu_millis: u64,
        node_selector: Labels,
        tolerations: Vec<Toleration> => each,
    }
}
