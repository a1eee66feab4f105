//! A namespace that cannot be judged as a whole: it neither removes a taint nor puts one back.

use serde_json::json;
use tokio::time::sleep;

use super::{beside, both_gone, has_taint, is_published, node, tainted, touch, until};
use crate::{
    cluster::Cluster,
    watch::{MINUTE, change},
};

/// Makes a run that cannot judge the whole namespace.
async fn hold_back(cluster: &Cluster) {
    change(cluster, &node("two"), |node| node["status"]["conditions"][0]["status"] = json!("False"));
    touch(cluster);
    until(cluster, |cluster| is_published(cluster, "undetermined")).await;
}

#[test]
fn a_node_that_is_not_ready_puts_no_taint_back() {
    let simulation = tainted();
    beside(&simulation, &[], async |cluster| {
        both_gone(cluster).await;
        hold_back(cluster).await;
        sleep(MINUTE * 5).await;
    });
    assert!(!has_taint(&simulation.cluster, "one") && !has_taint(&simulation.cluster, "two"));
}

#[test]
fn a_node_that_is_not_ready_lets_no_other_node_be_proven() {
    let simulation = tainted();
    change(&simulation.cluster, &node("two"), |node| {
        node["status"]["conditions"][0]["status"] = json!("False");
    });
    beside(&simulation, &[], async |cluster| {
        until(cluster, |cluster| is_published(cluster, "undetermined")).await;
        sleep(MINUTE * 5).await;
    });
    assert!(has_taint(&simulation.cluster, "one"));
}
