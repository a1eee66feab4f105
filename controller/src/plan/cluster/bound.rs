//! The bound of a run's probes. Pods that every policy treats alike share a probe, but a namespace may have a policy for each
//! of a thousand sandboxes.

use std::collections::BTreeSet;

use crate::case::cluster::Group;

/// The most probes of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MostProbes(pub usize);

impl Default for MostProbes {
    /// Returns the default: eight at once, each for about 8 s, are done after a fifth of the default timeout of 5 minutes.
    fn default() -> Self {
        Self(64)
    }
}

/// Refuses the probes beyond the bound; each workload has one before another has its second. Returns the positions of the
/// groups that lack a probe for that reason.
pub(super) fn apply(groups: &mut [Group], MostProbes(most): MostProbes) -> BTreeSet<usize> {
    let launchable = || groups.iter().enumerate().filter(|(_, group)| group.refused.is_none());
    let mut met = BTreeSet::new();
    let (firsts, others): (Vec<_>, Vec<_>) = launchable().partition(|(_, group)| {
        let workloads = workloads(group);
        let is_first = workloads.iter().any(|workload| !met.contains(workload));
        met.extend(workloads);
        is_first
    });
    let order: Vec<_> = firsts.into_iter().chain(others).map(|(position, _)| position).collect();
    let wanted = order.len();
    let beyond: BTreeSet<_> = order.into_iter().skip(most).collect();
    for (_, group) in groups.iter_mut().enumerate().filter(|(position, _)| beyond.contains(position)) {
        group.refused = Some(format!(
            "the run makes at most {most} probes, and {wanted} groups of pods need one; `--max-probes {wanted}` makes them all"
        ));
    }
    beyond
}

/// Returns the workloads of a group. Pods that do not exist yet are a workload of their own.
fn workloads(group: &Group) -> BTreeSet<String> {
    let to_come = group.pod_views.is_empty().then(|| group.runtime_class.clone().unwrap_or_default());
    group.pod_views.iter().map(|pod_view| pod_view.origin.workload()).chain(to_come).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture,
        plan::cluster::{Plan, namespace, tests},
    };

    /// Returns the plan of a namespace with this many sandboxes of each workload, which each need a probe.
    fn plan(sandboxes: &[(&str, usize)], most: usize) -> Plan {
        let mut cluster = tests::cluster();
        let template = cluster.pod_views[0].clone();
        let all =
            sandboxes.iter().flat_map(|&(workload, count)| (0..count).map(move |number| (workload, number)));
        let pod = |(workload, number): (&str, usize)| {
            let mut pod = template.clone();
            pod.origin.name = workload.to_owned();
            pod.origin.pod = Some(format!("{workload}-{number}"));
            pod.gvisor_annotations = [(format!("dev.gvisor.flag.{workload}"), number.to_string())].into();
            pod
        };
        cluster.pod_views = all.map(pod).collect();
        namespace(
            &cluster,
            &crate::plan::cluster::Request { most_probes: MostProbes(most), ..tests::request() },
        )
        .unwrap()
    }

    fn probed(plan: &Plan) -> Vec<String> {
        plan.groups.iter().filter(|group| group.refused.is_none()).flat_map(Group::represents).collect()
    }

    #[test]
    fn a_run_within_its_bound_probes_every_group() {
        let plan = plan(&[("api", 3), ("web", 1)], 4);
        assert_eq!((probed(&plan).len(), plan.beyond.len()), (4, 0));
    }

    #[test]
    fn each_workload_has_a_probe_before_another_has_its_second() {
        let plan = plan(&[("api", 9), ("batch", 9), ("web", 1)], 4);
        assert_eq!(probed(&plan), ["pod/api-0", "pod/api-1", "pod/batch-0", "pod/web-0"]);
    }

    #[test]
    fn a_group_beyond_the_bound_is_uncovered_and_named_with_what_raises_the_bound() {
        let plan = plan(&[("api", 3)], 2);
        assert_eq!((plan.groups.len(), plan.beyond), (3, [2].into()));
        let uncovered = &plan.coverage.uncovered;
        assert!(uncovered[0].starts_with("pod/api-2: the run makes at most 2 probes"), "{uncovered:?}");
        assert!(uncovered[0].contains("`--max-probes 3`"), "{uncovered:?}");
    }

    #[test]
    fn a_group_that_no_probe_can_represent_takes_no_place() {
        let mut groups =
            vec![Group { refused: Some("no node".into()), ..Group::default() }, Group::default()];
        assert!(apply(&mut groups, MostProbes(1)).is_empty());
        assert_eq!(groups[0].refused.as_deref(), Some("no node"));
    }

    #[test]
    fn a_group_beyond_the_bound_is_never_ready() {
        let mut case = fixture::pod();
        fixture::coverage(&mut case).uncovered.push("pod/api-2: the run makes at most 2 probes".into());
        assert_eq!(fixture::report(&case).verdict, crate::report::Verdict::Undetermined);
    }
}
