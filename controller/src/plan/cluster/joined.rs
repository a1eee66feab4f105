//! Nodes that joined during the run, or were made anew with another pool or kind. The plan has no place for such a node, and no probe
//! was planned there.

use std::collections::BTreeMap;

use super::{
    Nodes,
    places::{Place, Places},
};
use crate::case::cluster::{Node, Read};

/// The nodes of the second reading by their names.
pub(super) type NodesNow = BTreeMap<String, Node>;

/// Returns the place whose probe represents the pods of a new node: that of its pool and kind, if the run was to probe one node of
/// each. Otherwise returns the reason why no probe represents them. `nodes` are those of the second reading.
pub(super) fn place(
    places: &Places<'_>,
    asked_for: &Nodes,
    nodes: Option<&Read<NodesNow>>,
    name: &str,
) -> Result<Place, String> {
    let joined = match nodes {
        Some(Err(unreadable)) => return Err(format!("its node {name} is not known: {unreadable}")),
        Some(Ok(nodes)) => nodes.get(name),
        None => None,
    };
    let joined = joined.ok_or_else(|| format!("its node {name} does not exist"))?;
    match asked_for {
        Nodes::PerPool => places.like(joined).ok_or_else(|| {
            format!(
                "its node {name} joined or changed during the run, and no probe ran on a node of the same pool and kind"
            )
        }),
        Nodes::All | Nodes::Named(_) => Err(format!("its node {name} joined or changed during the run")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::cluster::SecondReading,
        fixture,
        plan::cluster::{Plan, Request, apply_second_reading, namespace, tests},
    };

    /// Returns the plan of a run, after a second reading with these nodes and with the pod web-9 on the node nine.
    fn after(request: &Request, nodes: Read<Vec<Node>>) -> Plan {
        after_on("nine", request, nodes)
    }

    /// Does the same with the pod on another node.
    fn after_on(node: &str, request: &Request, nodes: Read<Vec<Node>>) -> Plan {
        let mut cluster = tests::cluster();
        let mut plan = namespace(&cluster, request).unwrap();
        let mut pod = cluster.pods().next().unwrap().clone();
        pod.origin.pod = Some("web-9".into());
        pod.node = Some(node.into());
        let later = SecondReading { nodes: Some(nodes), ..tests::later(&cluster, vec![pod.into()]) };
        apply_second_reading(&mut cluster, &mut plan, request, later);
        plan
    }

    /// Returns the nodes with one more, which is the first one but for a change.
    fn joined(change: impl FnOnce(&mut Node)) -> Vec<Node> {
        let mut nodes = tests::cluster().nodes.unwrap();
        let mut node = Node { name: "nine".into(), ..nodes[0].clone() };
        change(&mut node);
        nodes.push(node);
        nodes
    }

    fn why(plan: &Plan) -> &str {
        assert_eq!(plan.groups[0].represents(), ["pod/web-1"]);
        &plan.coverage.uncovered[0]
    }

    #[test]
    fn the_probe_of_the_pool_represents_a_pod_on_a_new_node() {
        let plan = after(&tests::request(), Ok(joined(|_| ())));
        assert_eq!(plan.groups[0].represents(), ["pod/web-1", "pod/web-9"]);
        assert_eq!(plan.coverage.uncovered, [""; 0]);
    }

    #[test]
    fn no_probe_represents_a_pod_on_a_new_node_of_another_pool_or_kind() {
        let changes: [fn(&mut Node); 4] = [
            |node| node.pool = "other".into(),
            |node| node.kernel = "6.99".into(),
            |node| node.container_runtime = "containerd://9".into(),
            |node| node.handlers = vec!["runc".into()],
        ];
        for change in changes {
            let plan = after(&tests::request(), Ok(joined(change)));
            let said = "pod/web-9: its node nine joined or changed during the run, and no probe ran on a node of the same pool and kind";
            assert_eq!(why(&plan), said);
        }
    }

    /// Returns the nodes, of which the first one is not as it was when the run began.
    fn remade(change: fn(&mut Node)) -> Vec<Node> {
        let mut nodes = tests::cluster().nodes.unwrap();
        change(&mut nodes[0]);
        nodes
    }

    #[test]
    fn no_probe_represents_a_pod_on_a_node_that_was_made_anew_as_another_kind() {
        let changes: [fn(&mut Node); 2] =
            [|node| node.pool = "other".into(), |node| node.kernel = "6.99".into()];
        for change in changes {
            let plan = after_on("one", &tests::request(), Ok(remade(change)));
            assert!(why(&plan).starts_with("pod/web-9: its node one joined or changed"), "{plan:?}");
        }
        let plan = after_on("one", &tests::request(), Ok(remade(|node| node.boot_id = "other".into())));
        assert_eq!(plan.groups[0].represents(), ["pod/web-1", "pod/web-9"]);
    }

    #[test]
    fn a_node_that_cannot_be_read_again_is_not_known() {
        let plan = after_on("one", &tests::request(), Err(fixture::forbidden("list nodes")));
        assert!(why(&plan).starts_with("pod/web-9: its node one is not known"), "{plan:?}");
    }

    #[test]
    fn a_refused_probe_represents_no_pod_on_a_new_node() {
        let request = Request { most_probes: crate::plan::cluster::MostProbes(0), ..tests::request() };
        let plan = after(&request, Ok(joined(|_| ())));
        let uncovered = plan.coverage.uncovered.join("\n");
        assert!(
            uncovered.contains("pod/web-9: the pod was created or changed during the run"),
            "{uncovered}"
        );
    }

    #[test]
    fn a_run_for_certain_nodes_has_no_probe_for_a_new_one() {
        for nodes in [Nodes::All, Nodes::Named(vec!["one".into()])] {
            let plan = after(&Request { nodes, ..tests::request() }, Ok(joined(|_| ())));
            assert_eq!(why(&plan), "pod/web-9: its node nine joined or changed during the run");
        }
    }

    #[test]
    fn a_node_that_is_in_neither_reading_does_not_exist() {
        let plan = after(&tests::request(), tests::cluster().nodes);
        assert_eq!(why(&plan), "pod/web-9: its node nine does not exist");
    }

    #[test]
    fn a_new_node_that_cannot_be_read_is_not_known() {
        let plan = after(&tests::request(), Err(fixture::forbidden("list nodes")));
        assert!(why(&plan).starts_with("pod/web-9: its node nine is not known: "), "{}", why(&plan));
    }
}
