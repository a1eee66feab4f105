//! Running pods that are examined in place of a probe pod. A group with a running pod is examined in that pod; pod templates
//! without a pod are represented by a probe pod.

use std::collections::BTreeMap;

use super::Error;
use crate::case::cluster::{Group, Labels, PodView, Running, Shared};

/// The request to examine running pods.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Live {
    /// The pods to examine.
    pub chosen: Chosen,
    /// Labels that an examined pod has.
    pub selector: Labels,
    /// The most ended probes of earlier runs in a pod that is examined again.
    pub most_earlier: usize,
    /// True if pods are examined of which nobody tells how much memory is left.
    pub unmeasured: bool,
}

/// The pods to examine.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Chosen {
    /// One pod of each group.
    #[default]
    One,
    /// Every running pod of the namespace.
    All,
    /// The pods with these names.
    Named(Vec<String>),
}

impl Live {
    /// Returns true if this pod itself is to be examined, and no other one represents it.
    pub(super) fn asks_for(&self, pod: &PodView) -> bool {
        self.chosen != Chosen::One && self.may_ask_for(pod)
    }

    fn may_ask_for(&self, pod_view: &PodView) -> bool {
        let is_named = match (&self.chosen, &pod_view.origin.pod) {
            (_, None) => false,
            (Chosen::One | Chosen::All, Some(_)) => true,
            (Chosen::Named(names), Some(name)) => names.contains(name),
        };
        is_named && self.selector.iter().all(|(key, value)| pod_view.labels.get(key) == Some(value))
    }
}

/// Says which groups are examined in place. Returns for each group the groups that take its place, in the same order.
pub(super) fn apply(
    groups: Vec<Group>,
    running: &BTreeMap<String, Running>,
    live: &Live,
) -> Result<Vec<Vec<Group>>, Error> {
    if let Chosen::Named(names) = &live.chosen {
        let is_here = |name: &&String| groups.iter().flat_map(pods).all(|(pod, _)| pod != *name);
        if let Some(missing) = names.iter().find(is_here) {
            return Err(Error::NothingAlike(format!("pod/{missing}")));
        }
    }
    Ok(groups.into_iter().map(|group| in_place(group, running, live)).collect())
}

fn pods(group: &Group) -> impl Iterator<Item = (&String, &PodView)> {
    group.pod_views.iter().filter_map(|pod_view| Some((pod_view.origin.pod.as_ref()?, &**pod_view)))
}

/// Returns one group for each pod of a group that is examined, whatever keeps a probe pod away. The first one also has the pods that are not examined, which it
/// represents.
fn in_place(group: Group, running: &BTreeMap<String, Running>, live: &Live) -> Vec<Group> {
    let asked_for: Vec<_> = pods(&group)
        .filter(|(_, pod_view)| live.may_ask_for(pod_view))
        .map(|(name, _)| name.clone())
        .collect();
    if asked_for.is_empty() {
        return vec![group];
    }
    let mut states: Vec<_> = asked_for.into_iter().map(|pod| (hindrance(&pod, running, live), pod)).collect();
    if live.chosen == Chosen::One {
        // A pod without a hindrance comes first, and of those the pod with the fewest traces.
        states.sort_by_key(|(hindrance, pod)| {
            (hindrance.is_some(), running.get(pod).map_or(0, |it| it.earlier_probes))
        });
        states.truncate(1);
    }
    let mut rest = group.clone();
    let mut split: Vec<_> = states
        .into_iter()
        .map(|(refused, pod)| {
            let (own, others) = rest.pod_views.drain(..).partition(|it| it.origin.pod.as_ref() == Some(&pod));
            rest.pod_views = others;
            of_pod(&group, own, pod, refused)
        })
        .collect();
    if let Some(first) = split.first_mut() {
        first.pod_views.append(&mut rest.pod_views);
    }
    split
}

fn of_pod(group: &Group, own: Vec<Shared<PodView>>, pod: String, refused: Option<String>) -> Group {
    let labels = own.first().map_or(&group.labels, |pod_view| &pod_view.labels).clone();
    let service_account = own.first().map_or(&group.service_account, |it| &it.service_account).clone();
    Group {
        node: own.first().and_then(|pod_view| pod_view.node.clone()),
        labels,
        service_account,
        withheld: Vec::new(),
        pod_views: own,
        in_place: Some(pod),
        refused,
        ..group.clone()
    }
}

/// Returns why a pod is not examined; `None` if it is.
fn hindrance(pod: &str, running: &BTreeMap<String, Running>, live: &Live) -> Option<String> {
    let why = match running.get(pod) {
        None => "it is gone".to_owned(),
        Some(Running { unfit: Some(unfit), .. }) => unfit.to_string(),
        Some(Running { earlier_probes, .. }) if *earlier_probes >= live.most_earlier => format!(
            "{earlier_probes} ended probes stay in its status until the pod goes; `--live-max {}` examines it once more",
            earlier_probes + 1
        ),
        Some(Running { unmeasured: Some(why), .. }) if !live.unmeasured => format!(
            "a visit could bring it to its memory limit, and how much is left is not known ({why}); an account that may get \
             nodes/proxy is told, and `--live-unmeasured` examines the pod all the same"
        ),
        Some(_) => return None,
    };
    Some(format!("pod/{pod} was not examined in place: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::cluster::{Origin, Unfit};

    /// Returns a group with a pod template and these pods.
    fn group(pods: &[&str]) -> Group {
        let pod_view = |pod: Option<&str>| PodView {
            origin: Origin { kind: "deployment".into(), name: "web".into(), pod: pod.map(str::to_owned) },
            labels: Labels::from([("name".into(), pod.unwrap_or_default().into())]).into(),
            node: pod.map(|pod| format!("node-of-{pod}")),
            ..PodView::default()
        };
        let pods = pods.iter().map(|pod| pod_view(Some(pod)));
        Group {
            pod_views: [pod_view(None)].into_iter().chain(pods).map(Shared::from).collect(),
            ..Group::default()
        }
    }

    /// Returns the state of these pods, each with its number of earlier probes.
    fn running(pods: &[(&str, usize)]) -> BTreeMap<String, Running> {
        let state = |&(pod, earlier_probes): &(&str, usize)| {
            (pod.to_owned(), Running { earlier_probes, ..Running::default() })
        };
        pods.iter().map(state).collect()
    }

    fn live(chosen: Chosen) -> Live {
        Live { chosen, most_earlier: 3, ..Live::default() }
    }

    /// Returns the examined pods, each with its represented pods and the reason for a refusal.
    fn told(split: &[Group]) -> Vec<(Option<&str>, Vec<String>, bool)> {
        let told = |group: &'_ Group| (group.represents(), group.refused.is_some());
        split
            .iter()
            .map(|group| {
                let (represents, refused) = told(group);
                (group.in_place.as_deref(), represents, refused)
            })
            .collect()
    }

    #[test]
    fn one_pod_is_examined_and_represents_the_others() {
        let split = in_place(group(&["a", "b"]), &running(&[("a", 1), ("b", 0)]), &live(Chosen::One));
        assert_eq!(told(&split), [(Some("b"), vec!["pod/b".to_owned(), "pod/a".to_owned()], false)]);
        assert_eq!(split[0].node.as_deref(), Some("node-of-b"));
        assert_eq!(split[0].labels["name"], "b");
    }

    #[test]
    fn each_of_all_pods_is_examined() {
        let split = in_place(group(&["a", "b"]), &running(&[("a", 0), ("b", 0)]), &live(Chosen::All));
        let [a, b] = ["pod/a", "pod/b"].map(|title| vec![title.to_owned()]);
        assert_eq!(told(&split), [(Some("a"), a, false), (Some("b"), b, false)]);
    }

    #[test]
    fn a_template_without_a_pod_has_a_probe_pod() {
        let split = in_place(group(&[]), &running(&[]), &live(Chosen::All));
        assert_eq!(told(&split), [(None, vec!["deployment/web".to_owned()], false)]);
    }

    #[test]
    fn a_group_without_a_named_pod_has_a_probe_pod() {
        let named = live(Chosen::Named(vec!["other".into()]));
        assert_eq!(in_place(group(&["a"]), &running(&[("a", 0)]), &named)[0].in_place, None);
    }

    #[test]
    fn a_selector_restricts_the_examined_pods() {
        let selector = Labels::from([("name".into(), "b".into())]);
        let all = Live { selector, ..live(Chosen::All) };
        let split = in_place(group(&["a", "b"]), &running(&[("a", 0), ("b", 0)]), &all);
        assert_eq!(told(&split), [(Some("b"), vec!["pod/b".to_owned(), "pod/a".to_owned()], false)]);
    }

    #[test]
    fn a_pod_that_may_not_be_touched_is_refused_by_name() {
        for (state, why) in [
            (Running { unfit: Some(Unfit::Terminating), ..Running::default() }, "deleted"),
            (Running { unfit: Some(Unfit::Static), ..Running::default() }, "static pod"),
            (Running { earlier_probes: 3, ..Running::default() }, "--live-max 4"),
            (Running { unmeasured: Some("why".into()), ..Running::default() }, "`--live-unmeasured`"),
        ] {
            let split = in_place(group(&["a"]), &[("a".to_owned(), state)].into(), &live(Chosen::One));
            let refused = split[0].refused.clone().unwrap();
            assert!(refused.starts_with("pod/a was not examined") && refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn a_pod_of_unknown_memory_is_examined_if_the_user_says_so() {
        let state = Running { unmeasured: Some("why".into()), ..Running::default() };
        let live = Live { unmeasured: true, ..live(Chosen::One) };
        let split = in_place(group(&["a"]), &[("a".to_owned(), state)].into(), &live);
        assert_eq!((split[0].in_place.as_deref(), &split[0].refused), (Some("a"), &None));
    }

    #[test]
    fn a_missing_pod_is_an_error() {
        let named = live(Chosen::Named(vec!["c".into()]));
        let applied = apply(vec![group(&["a"])], &running(&[("a", 0)]), &named);
        assert_eq!(applied.map(|_| ()), Err(Error::NothingAlike("pod/c".into())));
    }
}
