//! The verdict of policies on traffic.
//!
//! A pod is open in a direction until a policy binds it. The tiers then decide in their order (see [`super::order`]). A policy
//! that cannot be evaluated may open or close anything, so that no verdict holds beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Policies,
    endpoint::{Endpoint, Flow},
    matching::Match,
    order::{Family, Tier},
    rule::{Action, Policy},
};

/// The verdict of policies on traffic of one endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// No policy binds the direction.
    Open,
    /// The rule with this policy and place lets the traffic pass.
    Allowed(String),
    /// These policies bind the direction and no rule lets the traffic pass, or the rule with this policy and place denies it.
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

/// A rule that may match, with its effect if it does.
struct Doubt {
    gap: Gap,
    action: Action,
}

impl Policies {
    /// Returns the verdict on traffic of an endpoint. With the kinds of several implementations in a cluster, nothing tells
    /// which of them are enforced: traffic passes if one of the implementations lets it pass.
    pub fn verdict(&self, subject: &Endpoint, flow: &Flow<'_>) -> Verdict {
        if subject.in_the_nodes_network {
            return Verdict::NotEvaluated(vec![Gap::of_the_nodes_network()]);
        }
        if !self.opaque.is_empty() {
            return Verdict::NotEvaluated(self.opaque.iter().map(|opaque| opaque.gap.clone()).collect());
        }
        self.verdict_of_read(subject, flow)
    }

    /// Returns the verdict of the evaluated policies alone.
    pub(super) fn verdict_of_read(&self, subject: &Endpoint, flow: &Flow<'_>) -> Verdict {
        let families: BTreeSet<_> = self.read.iter().map(|policy| policy.family).collect();
        let own = families.into_iter().filter(|family| *family != Family::Kubernetes);
        let mut verdicts: Vec<_> = own.map(|family| self.by(family, subject, flow)).collect();
        if verdicts.is_empty() {
            verdicts.push(self.by(Family::Kubernetes, subject, flow));
        }
        let strictness = |verdict: &Verdict| match verdict {
            Verdict::Open | Verdict::Allowed(_) => 0,
            Verdict::NotEvaluated(_) => 1,
            Verdict::Denied(_) => 2,
        };
        verdicts.into_iter().min_by_key(strictness).unwrap_or(Verdict::Open)
    }

    /// Returns the verdict of one implementation.
    fn by(&self, family: Family, subject: &Endpoint, flow: &Flow<'_>) -> Verdict {
        let mut tiers: BTreeMap<&Tier, Vec<&Policy>> = BTreeMap::new();
        let known = |policy: &&Policy| policy.family == Family::Kubernetes || policy.family == family;
        for policy in self.read.iter().filter(known) {
            tiers.entry(&policy.tier).or_default().push(policy);
        }
        let mut doubts = Vec::new();
        for (_, mut policies) in tiers {
            policies.sort_by(|one, other| (one.order, &one.title).cmp(&(other.order, &other.title)));
            if let Some(verdict) = of_tier(&policies, family, subject, flow, &mut doubts) {
                return certain(verdict, doubts);
            }
        }
        certain(Verdict::Open, doubts)
    }
}

/// Returns the verdict of a tier; `None` if the next tier decides.
fn of_tier(
    policies: &[&Policy],
    family: Family,
    subject: &Endpoint,
    flow: &Flow<'_>,
    doubts: &mut Vec<Doubt>,
) -> Option<Verdict> {
    let bound = policies.iter().filter_map(|policy| {
        let section = policy.section(flow.direction)?;
        Some((*policy, section, policy.subject.selects(subject)))
    });
    let bound: Vec<_> = bound.filter(|(_, _, selects)| *selects != Match::No).collect();
    let mut rules: Vec<_> = bound
        .iter()
        .flat_map(|(policy, section, selects)| section.rules.iter().map(move |rule| (policy, rule, selects)))
        .collect();
    if family == Family::Cilium {
        rules.sort_by_key(|(_, rule, _)| rule.action != Action::Deny);
    }
    for (policy, rule, selects) in rules {
        let place = || format!("{}, {}", policy.title, rule.place);
        match (selects.clone().and(|| rule.matches(subject, flow)), rule.action) {
            (Match::No, _) | (_, Action::Log) => (),
            (Match::Yes, Action::Allow) => return Some(Verdict::Allowed(place())),
            (Match::Yes, Action::Deny) => return Some(Verdict::Denied(vec![place()])),
            (Match::Yes, Action::Pass) => return None,
            (Match::Unknown(why), action) => doubts.push(Doubt { gap: Gap { place: place(), why }, action }),
        }
    }
    let mut denied_by = Vec::new();
    for (policy, _, selects) in bound.iter().filter(|(_, section, _)| section.denies_the_rest) {
        match selects {
            Match::Yes => denied_by.push(policy.title.clone()),
            Match::Unknown(why) => {
                let gap = Gap { place: policy.title.clone(), why: why.clone() };
                doubts.push(Doubt { gap, action: Action::Deny });
            }
            Match::No => (),
        }
    }
    (!denied_by.is_empty()).then_some(Verdict::Denied(denied_by))
}

/// Returns the verdict if it holds however the doubts end.
fn certain(verdict: Verdict, doubts: Vec<Doubt>) -> Verdict {
    let same = match verdict {
        Verdict::Open | Verdict::Allowed(_) => Action::Allow,
        Verdict::Denied(_) => Action::Deny,
        Verdict::NotEvaluated(_) => return verdict,
    };
    let other = doubts.into_iter().filter(|doubt| doubt.action != same);
    let gaps: Vec<_> = other.map(|doubt| doubt.gap).collect();
    if gaps.is_empty() { verdict } else { Verdict::NotEvaluated(gaps) }
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
