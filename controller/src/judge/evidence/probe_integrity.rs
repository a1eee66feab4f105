//! The probe reported every observation that it was asked for, and nothing else.

mod neighbours;

use crate::case::{Architecture, Case, cluster::Node};
use crate::judge::gvisor::Assessment;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "probe-integrity",
    title: "The probe's evidence is complete and bound to this run",
    area: Area::Evidence,
    class: Class::Regular,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 10,
    protects: "A probe that was killed, replaced or cut off could leave a failure out.",
    remedy: "If no probe was started, mend the reason that the finding names. Otherwise run again. If the finding stays, read the \
             runtime's last lines, and find out who can reach the probe.",
    explanation: Explanation {
        looks_at: &["introduction", "stream", "processes", "bundle", "cluster"],
        met: "the evidence is complete and bound to this run, pod and image, and of the node's architecture",
        unmet: "this requirement is never unmet",
        inconclusive: "a part of the evidence is missing, or does not belong to this run; or a process of the running pod or container \
                       in which the probe ran can write evidence in the probe's name",
        on_platforms: &[],
    },
    mappings: &[],
    judge: Judge::Kernel(judge),
};

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    let collected = &case.collected;
    let Some(first) = collected.breaches.first() else {
        return match &collected.introduction {
            Some(_) if saw_nothing(case) => {
                Judgement::inconclusive("the probe answered, and not one of its observations succeeded")
            }
            Some(_) if is_of_an_unknown_pod(case) => {
                Judgement::inconclusive("nothing tells the pod and the image in which the probe ran")
            }
            Some(_) if another_image(case).is_some() => {
                Judgement::inconclusive(another_image(case).unwrap_or_default())
            }
            Some(introduction) if another_architecture(case, &introduction.architecture).is_some() => {
                let why = another_architecture(case, &introduction.architecture);
                Judgement::inconclusive(why.unwrap_or_default())
            }
            Some(introduction) => match neighbours::named(case, assessment) {
                Some(who) => Judgement::inconclusive(who),
                None => Judgement::met("the evidence is complete: every observer answered").citing(
                    "introduction",
                    format!("probe {} for {}", introduction.probe_version, introduction.architecture),
                ),
            },
            None => Judgement::inconclusive("the probe never spoke"),
        };
    };
    let judgement = Judgement::inconclusive(first.to_string());
    collected
        .breaches
        .iter()
        .fold(judgement, |judgement, breach| judgement.citing("stream", breach.to_string()))
}

/// True in a cluster whose API did not tell the probe's container.
fn is_of_an_unknown_pod(case: &Case) -> bool {
    case.surroundings.in_cluster.as_ref().is_some_and(|known| known.pod.is_none())
}

/// Says that the pod ran another image than the probe's, if it did. A container runtime names a pulled image by its
/// manifest, and an imported image by its configuration.
fn another_image(case: &Case) -> Option<String> {
    let pod = case.surroundings.in_cluster.as_ref()?.pod.as_ref()?;
    if pod.has_a_known_image() {
        return None;
    }
    let (of_node, option) = match node(case).map(|node| node.architecture.as_str()) {
        None | Some("") => (String::new(), "SHA256".to_owned()),
        Some(name) => (format!(" for {name}"), format!("{name}=SHA256")),
    };
    Some(format!(
        "the pod ran the image {}, which is not this controller's probe{of_node}; if you meant that image, give its digest by \
         `--image-digest {option}`",
        pod.image_id
    ))
}

/// Says that the evidence is of another architecture than the pod's node, if it is: no probe of such a node answers so.
fn another_architecture(case: &Case, of_probe: &str) -> Option<String> {
    let node = node(case)?;
    let machine = Architecture::named(&node.architecture).map_or(&*node.architecture, |it| it.machine());
    let of_kernel = case.evidence().kernel_name.seen().map(|name| ("the sandbox's kernel", &*name.machine));
    let told = [("the probe", of_probe)].into_iter().chain(of_kernel).find(|(_, told)| *told != machine);
    let (who, told) = told.filter(|_| !node.architecture.is_empty())?;
    Some(format!("the node {} has the architecture {machine}, and {who} says {told}", node.name))
}

/// Returns the node of the probe's pod, if it is known.
fn node(case: &Case) -> Option<&Node> {
    let known = case.surroundings.in_cluster.as_ref()?;
    known.cluster.node(known.pod.as_ref()?.node.as_deref()?)
}

/// True if no observation succeeded. No sandbox hides everything; a probe that cannot look, or will not, reports that.
fn saw_nothing(case: &Case) -> bool {
    case.evidence().outcomes().iter().all(|observed| observed.outcome.seen().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{case::breach::Breach, fixture, judge::requirement::Outcome};

    fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    #[test]
    fn complete_evidence_is_met_and_any_breach_is_inconclusive() {
        let mut case = fixture::gvisor();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        case.collected.breaches.push(Breach::WrongNonce);
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn a_probe_without_any_observation_is_inconclusive() {
        let mut case = fixture::gvisor();
        case.collected.evidence = proto::Evidence::default();
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn the_probes_image_is_known_without_the_name_of_the_algorithm() {
        let judged = |before: &str| {
            let mut case = fixture::pod();
            let pod = fixture::in_cluster(&mut case).pod.as_mut().unwrap();
            pod.image_id = format!("{before}{}", pod.known_digests[0].trim_start_matches("sha256:"));
            judge(&case).outcome
        };
        assert_eq!(judged(""), Outcome::Met);
        assert!(matches!(judged("ab"), Outcome::Inconclusive(why) if why.contains("which is not this")));
    }

    #[test]
    fn evidence_of_an_unknown_pod_is_inconclusive() {
        let mut case = fixture::pod();
        fixture::in_cluster(&mut case).pod = None;
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert_eq!(why, "nothing tells the pod and the image in which the probe ran");
    }

    fn on_a_node_of(architecture: &str) -> Case {
        let mut case = fixture::pod();
        let cluster = std::sync::Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        for node in cluster.nodes.as_mut().unwrap() {
            node.architecture = architecture.into();
        }
        case
    }

    #[test]
    fn evidence_of_the_nodes_architecture_is_met() {
        assert_eq!(judge(&on_a_node_of("amd64")).outcome, Outcome::Met);
    }

    #[test]
    fn a_probe_of_another_architecture_than_the_node_is_inconclusive() {
        let Outcome::Inconclusive(why) = judge(&on_a_node_of("arm64")).outcome else { panic!("decided") };
        assert_eq!(why, "the node one has the architecture aarch64, and the probe says x86_64");
    }

    #[test]
    fn a_kernel_of_another_architecture_than_the_node_is_inconclusive() {
        let mut case = on_a_node_of("amd64");
        let mut name = case.evidence().kernel_name.seen().unwrap().clone();
        name.machine = "aarch64".into();
        case.collected.evidence.kernel_name = proto::Observation::Seen(name);
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("the sandbox's kernel says aarch64"), "{why}");
    }

    #[test]
    fn a_probe_that_never_spoke_is_inconclusive_without_a_breach() {
        let mut case = fixture::gvisor();
        case.collected.introduction = None;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
