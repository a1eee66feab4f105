//! No pod can reach the sandbox from outside. The probe listens in the sandbox on the ports that its pods declare, and a
//! control pod of the same node attempts them. Silence counts where the probe reached its own listener at the same address,
//! and the control pod reached another pod. A control pod is one peer of many, so that the policies must let nobody in.

mod declared;
mod tried;

use super::{
    network_isolation::{
        control::{doubtful, represents_its_network},
        interfaces,
    },
    undecided::Step,
};
use crate::case::{Case, InCluster, cluster::Origin, ingress::Ingress};
use crate::judge::platforms;
use crate::judge::policy::Policy;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};
use declared::Declared;
use tried::Tried;

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "ingress-closed",
    title: "No other pod can reach the sandbox",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 3,
    protects: "A sandbox that other pods reach takes orders from outside, and a compromised pod attacks it over the network.",
    remedy: "Apply a default-deny NetworkPolicy with Ingress in policyTypes (`deploy/default-deny.yaml`), and remove the rules \
             that let pods in. If others are meant to reach a workload, name it in the policy file: `ingress = \
             [\"deployment/web\"]`.",
    explanation: Explanation {
        looks_at: &["cluster", "egress", "control"],
        met: "no policy lets a pod in, and the control pod did not reach the probe, which listened in the sandbox",
        unmet: "the control pod reached the probe in the sandbox, or a policy lets others in",
        inconclusive: "nothing shows that the control pod could have reached the sandbox",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Policy(judge),
};

/// The most workloads that the advice names.
const NAMED: usize = 3;

fn judge(case: &Case, policy: &Policy) -> Judgement {
    let Some(known) = &case.surroundings.in_cluster else {
        return Judgement::not_applicable("there is no cluster");
    };
    let unmeant = unmeant(known, policy);
    if unmeant.is_empty() && !known.group.pod_views.is_empty() {
        return Judgement::not_applicable(
            "the policy file says that others are meant to reach these pods, by `ingress`",
        );
    }
    if known.is_of_nothing() {
        return Judgement::inconclusive("the namespace has no workload");
    }
    if let Some(pod_view) = known.group.in_the_nodes_network() {
        let title = pod_view.origin.title();
        return Judgement::unmet(format!("{title} runs in the node's own network, where no policy binds it"));
    }
    let none = Ingress::default();
    let ingress = case.surroundings.ingress.as_ref();
    let tried = Tried::of(case, ingress.unwrap_or(&none));
    let cited = |judgement: Judgement| judgement.citing_all(tried.cited());
    if let Some(reached) = tried.reached() {
        return cited(Judgement::unmet(format!(
            "a pod of another namespace reached the sandbox at {}{}; {}{}",
            reached.name(),
            if reached.only_at_first() { " at first, and not later" } else { "" },
            declared::explains(known, reached),
            advice(&unmeant)
        )));
    }
    if tried::has_no_network(case) {
        return cited(Judgement::not_applicable("the sandbox has no interface but loopback"));
    }
    if let Err(why) = represents_its_network(case, Some(policy)) {
        return cited(Judgement::undecided(why));
    }
    let closing = match Declared::of(known) {
        Declared::Open(because) => return cited(Judgement::unmet(format!("{because}{}", advice(&unmeant)))),
        Declared::Unknown(why) => {
            let step = doubtful(known, Step::Rewrite);
            return cited(Judgement::undecided(step.because(why)));
        }
        Declared::Closed(by) => by,
    };
    if ingress.is_none() {
        let why = "the saved evidence does not tell of attempts to reach the sandbox";
        return cited(Judgement::undecided(Step::RunAgain.because(why)));
    }
    if let Err(why) = interfaces::each_was_tried_from_outside(case) {
        return cited(Judgement::undecided(why));
    }
    match tried.silent(known) {
        Err(why) => cited(Judgement::inconclusive(why)),
        Ok(()) => cited(Judgement::met(
            "the policies let nobody in, and the control pod did not reach the probe, which listened in the sandbox",
        ))
        .citing("cluster", closing.join(", ")),
    }
}

/// Returns the group's workloads that the policy file does not name as meant to be reached. A workload counts by itself or by
/// each of its pods.
fn unmeant(known: &InCluster, policy: &Policy) -> Vec<String> {
    let origins = known.group.pod_views.iter().map(|pod_view| &pod_view.origin);
    let unnamed = origins.filter(|origin| !policy.ingress.iter().any(|meant| origin.is(meant)));
    let mut workloads: Vec<_> = unnamed.map(Origin::workload).collect();
    workloads.sort_unstable();
    workloads.dedup();
    workloads
}

/// Returns the entry of the policy file that states an intention, as a sentence's rest.
fn advice(unmeant: &[String]) -> String {
    let named: Vec<_> = unmeant.iter().take(NAMED).map(|workload| format!("\"{workload}\"")).collect();
    if named.is_empty() {
        return String::new();
    }
    format!(
        "; if others are meant to reach the pods, the policy file says `ingress = [{}]`",
        named.join(", ")
    )
}

#[cfg(test)]
mod tests;
