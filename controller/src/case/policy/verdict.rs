//! The verdict of policies on traffic.
//!
//! NetworkPolicies add up: a pod is open in a direction until a policy binds it, and then only the union of the rules may
//! pass. A policy that cannot be evaluated may open or close anything, so that no verdict holds beside it.

use super::{
    Policies,
    endpoint::{Endpoint, Flow},
    matching::Match,
};

/// The verdict of policies on traffic of one endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// No policy binds the direction.
    Open,
    /// The rule with this policy and place lets the traffic pass.
    Allowed(String),
    /// These policies bind the direction, and no rule lets the traffic pass.
    Denied(Vec<String>),
    /// The verdict hangs on parts that cannot be evaluated.
    NotEvaluated(Vec<Gap>),
}

/// A part of a policy that cannot be evaluated.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Gap {
    /// The policy, and the place in it if a single rule is meant.
    pub place: String,
    /// The reason in words.
    pub why: String,
}

impl Policies {
    /// Returns the verdict on traffic of an endpoint.
    pub fn verdict(&self, subject: &Endpoint, flow: &Flow<'_>) -> Verdict {
        if subject.in_the_nodes_network {
            return Verdict::NotEvaluated(vec![Gap::of_the_nodes_network()]);
        }
        if !self.opaque.is_empty() {
            return Verdict::NotEvaluated(self.opaque.clone());
        }
        let (mut bound_by, mut unknown_subjects, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
        for policy in &self.read {
            let Some(rules) = policy.rules(flow.direction) else { continue };
            let selects = policy.subject.selects(subject);
            for rule in rules {
                let place = || format!("{}, {}", policy.title, rule.place);
                match selects.clone().and(|| rule.matches(subject, flow)) {
                    Match::Yes => return Verdict::Allowed(place()),
                    Match::Unknown(why) => gaps.push(Gap { place: place(), why }),
                    Match::No => (),
                }
            }
            match selects {
                Match::Yes => bound_by.push(policy.title.clone()),
                Match::Unknown(why) => unknown_subjects.push(Gap { place: policy.title.clone(), why }),
                Match::No => (),
            }
        }
        match (gaps.is_empty(), bound_by.is_empty(), unknown_subjects.is_empty()) {
            (false, ..) => Verdict::NotEvaluated(gaps),
            (true, false, _) => Verdict::Denied(bound_by),
            (true, true, false) => Verdict::NotEvaluated(unknown_subjects),
            (true, true, true) => Verdict::Open,
        }
    }
}

impl Gap {
    /// Returns the gap of a pod in its node's network (kubernetes.io, "Network Policies", "hostNetwork Pods").
    pub(super) fn of_the_nodes_network() -> Self {
        Self {
            place: "the node's network".to_owned(),
            why: "the pod shares the network of its node, where the effect of policies is undefined"
                .to_owned(),
        }
    }
}
