//! The verdict of policies on traffic.
//!
//! A pod is open in a direction until a policy binds it. The tiers then decide in their order (see [`super::order`]). A policy
//! that cannot be evaluated may open or close anything, so that only a denial holds beside a policy that provably opens nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Policies,
    endpoint::{Endpoint, Flow},
    matching::Match,
    order::{Family, Tier},
    rule::{Action, Policy, Rule, Section},
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
    /// These rules deny the traffic if the network knows their kinds; otherwise the traffic passes. Only a measurement can
    /// tell.
    DeniedIfKnown(Vec<String>),
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
        let opaque: Vec<_> = self.opaque_on(subject).collect();
        if opaque.is_empty() {
            return self.verdict_of_read(subject, flow);
        }
        let opens = opaque.iter().any(|opaque| opaque.opens(flow.direction));
        match self.verdict_of_read(subject, flow) {
            Verdict::Denied(by) if !opens => Verdict::Denied(by),
            _ => Verdict::NotEvaluated(opaque.into_iter().map(|opaque| opaque.gap.clone()).collect()),
        }
    }

    /// Returns the verdict of the evaluated policies alone.
    fn verdict_of_read(&self, subject: &Endpoint, flow: &Flow<'_>) -> Verdict {
        let verdicts = self.verdicts_of_read(subject, flow).into_iter();
        verdicts.min_by_key(Verdict::strictness).unwrap_or(Verdict::Open)
    }

    /// Returns the verdict of the evaluated policies by each implementation that the cluster may have.
    pub(super) fn verdicts_of_read(&self, subject: &Endpoint, flow: &Flow<'_>) -> Vec<Verdict> {
        let present: BTreeSet<_> = self.read.iter().map(|policy| policy.family).collect();
        let of_admins: Vec<_> = present.into_iter().filter(|family| family.is_of_admins()).collect();
        self.implementations().into_iter().map(|own| self.by(own, &of_admins, subject, flow)).collect()
    }

    /// Returns the implementations that the cluster may have, each by the family of its own kinds.
    pub(super) fn implementations(&self) -> Vec<Family> {
        let is_present = |family: &Family| self.read.iter().any(|policy| policy.family == *family);
        let own: Vec<_> = [Family::Cilium, Family::Calico].into_iter().filter(is_present).collect();
        if own.is_empty() { vec![Family::Kubernetes] } else { own }
    }

    /// Returns the policies without the kinds that belong to another implementation.
    pub(super) fn known_to(&self, own: Family) -> Self {
        let foreign = |family| family != own && matches!(family, Family::Cilium | Family::Calico);
        let read = self.read.iter().filter(|policy| !foreign(policy.family)).cloned().collect();
        Self { read, ..Self::default() }
    }

    /// Returns the verdict of one implementation, which may know all, some or none of the admins' kinds. A policy of these
    /// kinds that opens counts. A policy that closes is certain only where the traffic is closed without it, too.
    fn by(&self, own: Family, of_admins: &[Family], subject: &Endpoint, flow: &Flow<'_>) -> Verdict {
        let known = |families: &[Family]| {
            let known = |family| family == Family::Kubernetes || family == own || families.contains(&family);
            self.by_known(own, known, subject, flow)
        };
        let with_all = known(of_admins);
        let Verdict::Denied(by) = with_all else { return with_all };
        if of_admins.is_empty() {
            return Verdict::Denied(by);
        }
        let with_one = of_admins.iter().filter(|_| of_admins.len() > 1).map(|family| known(&[*family]));
        let weakest = [known(&[])].into_iter().chain(with_one).min_by_key(Verdict::strictness);
        match weakest {
            Some(Verdict::Open | Verdict::Allowed(_)) => Verdict::DeniedIfKnown(by),
            Some(verdict) => verdict,
            None => Verdict::Denied(by),
        }
    }

    /// Returns the verdict of an implementation that knows these families alone.
    fn by_known(
        &self,
        own: Family,
        known: impl Fn(Family) -> bool,
        subject: &Endpoint,
        flow: &Flow<'_>,
    ) -> Verdict {
        let mut tiers: BTreeMap<&Tier, Vec<&Policy>> = BTreeMap::new();
        for policy in self.read.iter().filter(|policy| known(policy.family)) {
            tiers.entry(&policy.tier).or_default().push(policy);
        }
        let mut doubts = Vec::new();
        for (_, mut policies) in tiers {
            policies.sort_by(|one, other| (one.order, &one.title).cmp(&(other.order, &other.title)));
            if let Some(verdict) = of_tier(&policies, own, subject, flow, &mut doubts) {
                return certain(verdict, doubts);
            }
        }
        certain(Verdict::Open, doubts)
    }
}

impl Verdict {
    /// Returns the place among verdicts, from those that let the traffic pass to those that deny it.
    pub const fn strictness(&self) -> u8 {
        match self {
            Self::Open | Self::Allowed(_) => 0,
            Self::NotEvaluated(_) => 1,
            Self::DeniedIfKnown(_) => 2,
            Self::Denied(_) => 3,
        }
    }
}

/// A policy that binds an endpoint in one direction, or that may bind it.
struct Bound<'a> {
    policy: &'a Policy,
    section: &'a Section,
    selects: Match,
}

/// Returns the verdict of a tier; `None` if the next tier decides.
fn of_tier(
    policies: &[&Policy],
    own: Family,
    subject: &Endpoint,
    flow: &Flow<'_>,
    doubts: &mut Vec<Doubt>,
) -> Option<Verdict> {
    let bound = policies.iter().filter_map(|policy| {
        let section = policy.section(flow.direction)?;
        Some(Bound { policy, section, selects: policy.subject.selects(subject) })
    });
    let bound: Vec<_> = bound.filter(|bound| bound.selects != Match::No).collect();
    for sequences in sequences(&bound, own) {
        let mut decisions = BTreeMap::new();
        for sequence in sequences {
            if let Some((action, place)) = first(&sequence, subject, flow, doubts) {
                decisions.entry(action).or_insert(place);
            }
        }
        if decisions.len() > 1 {
            let why = "another policy of the same order decides otherwise";
            let gap = |place| Gap { place, why: why.to_owned() };
            return Some(Verdict::NotEvaluated(decisions.into_values().map(gap).collect()));
        }
        match decisions.pop_first() {
            Some((Action::Allow, place)) => return Some(Verdict::Allowed(place)),
            Some((Action::Deny, place)) => return Some(Verdict::Denied(vec![place])),
            Some((Action::Pass, _)) => return None,
            Some((Action::Log, _)) | None => (),
        }
    }
    let mut denied_by = Vec::new();
    for bound in bound.iter().filter(|bound| bound.section.denies_the_rest) {
        match &bound.selects {
            Match::Yes => denied_by.push(bound.policy.title.clone()),
            Match::Unknown(why) => {
                let gap = Gap { place: bound.policy.title.clone(), why: why.clone() };
                doubts.push(Doubt { gap, action: Action::Deny });
            }
            Match::No => (),
        }
    }
    (!denied_by.is_empty()).then_some(Verdict::Denied(denied_by))
}

/// Rules, each with its policy, in the order in which they decide.
type Sequence<'a> = Vec<(&'a Bound<'a>, &'a Rule)>;

/// Returns the rules of a tier in the order in which they decide. Nothing defines the order among the sequences of one item.
fn sequences<'a>(bound: &'a [Bound<'a>], own: Family) -> Vec<Vec<Sequence<'a>>> {
    let rules = |bound: &'a Bound<'a>| bound.section.rules.iter().map(move |rule| (bound, rule));
    if own == Family::Cilium && !bound.iter().any(|bound| bound.policy.family.is_of_admins()) {
        let mut all: Sequence<'_> = bound.iter().flat_map(rules).collect();
        all.sort_by_key(|(_, rule)| rule.action != Action::Deny);
        return vec![vec![all]];
    }
    let equal = bound.chunk_by(|one, other| one.policy.order == other.policy.order);
    equal
        .map(|equal| {
            let mut apart: BTreeMap<_, Sequence<'_>> = BTreeMap::new();
            for bound in equal {
                apart.entry(bound.policy.rank()).or_default().extend(rules(bound));
            }
            apart.into_values().collect()
        })
        .collect()
}

/// Returns the effect and the place of the first rule that matches for certain.
fn first(
    rules: &Sequence<'_>,
    subject: &Endpoint,
    flow: &Flow<'_>,
    doubts: &mut Vec<Doubt>,
) -> Option<(Action, String)> {
    for (bound, rule) in rules.iter().filter(|(_, rule)| rule.action != Action::Log) {
        let place = || format!("{}, {}", bound.policy.title, rule.place);
        match bound.selects.clone().and(|| rule.matches(subject, flow)) {
            Match::No => (),
            Match::Yes => return Some((rule.action, place())),
            Match::Unknown(why) => {
                doubts.push(Doubt { gap: Gap { place: place(), why }, action: rule.action });
            }
        }
    }
    None
}

/// Returns the verdict if it holds however the doubts end.
fn certain(verdict: Verdict, doubts: Vec<Doubt>) -> Verdict {
    let same = match verdict {
        Verdict::Open | Verdict::Allowed(_) => Action::Allow,
        Verdict::Denied(_) => Action::Deny,
        Verdict::NotEvaluated(_) | Verdict::DeniedIfKnown(_) => return verdict,
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
