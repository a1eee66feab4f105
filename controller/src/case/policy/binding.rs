//! The policies that bind an endpoint, apart from their names: pods with equal bindings are bound alike.

use std::collections::BTreeSet;

use super::{
    Policies,
    endpoint::{Direction, Endpoint},
    matching::Match,
    rule::{Policy, Section},
    verdict::Gap,
};

/// The rules that bind an endpoint. Two endpoints with equal bindings are bound alike, whatever the policies' names are.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Binding {
    /// The sections that bind the endpoint, in a canonical form. It serves for comparisons alone.
    sections: BTreeSet<String>,
    /// The endpoint's labels by which a policy may select that is not evaluated and may bind the endpoint.
    labels: BTreeSet<(String, String)>,
    /// The policies of known pods that are not evaluated and may bind the endpoint, each by its title and its text.
    opaque: BTreeSet<(String, String)>,
    /// The endpoint's service account, if a policy may select by it which is not evaluated.
    account: Option<String>,
}

impl Policies {
    /// Returns the titles of the evaluated policies that bind an endpoint, or that may bind it.
    pub fn titles_on(&self, endpoint: &Endpoint) -> Vec<String> {
        let mut titles: Vec<_> = self.on(endpoint).map(|(policy, _)| policy.title.clone()).collect();
        // The parts of one object are policies of one title.
        titles.dedup();
        titles
    }

    /// Returns the titles of the policies that deny the traffic of a direction as far as no rule lets it pass, and the policies
    /// of which that is not known.
    pub fn closing(&self, endpoint: &Endpoint, direction: Direction) -> (Vec<String>, Vec<Gap>) {
        let mut closing = (Vec::new(), Vec::new());
        let leaves = |policy: &Policy| policy.section(direction).is_some_and(Section::leaves_the_tier);
        let left: BTreeSet<_> =
            self.on(endpoint).filter(|(policy, _)| leaves(policy)).map(|(policy, _)| &policy.tier).collect();
        for (policy, selects) in self.on(endpoint) {
            if !policy.section(direction).is_some_and(Section::closes) {
                continue;
            }
            match selects {
                Match::Yes if left.contains(&policy.tier) => {
                    let why = "a rule of its tier leaves the decision to the next tier".to_owned();
                    closing.1.push(Gap { place: policy.title.clone(), why });
                }
                Match::Yes => closing.0.push(policy.title.clone()),
                Match::Unknown(why) => closing.1.push(Gap { place: policy.title.clone(), why }),
                Match::No => (),
            }
        }
        closing
    }

    /// Returns the same where each implementation that the cluster may have closes the direction. Otherwise no policy is certain
    /// to close it: nothing tells which of the implementations enforces its kinds.
    pub fn closing_by_all(&self, endpoint: &Endpoint, direction: Direction) -> (Vec<String>, Vec<Gap>) {
        let (closing, mut gaps) = self.closing(endpoint, direction);
        let mut leaving_open = self.implementations();
        leaving_open.retain(|own| self.known_to(*own).closing(endpoint, direction).0.is_empty());
        let Some(own) = leaving_open.first() else { return (closing, gaps) };
        let why = format!("{own} does not know the kind, and nothing tells if {own} enforces the policies");
        gaps.extend(closing.into_iter().map(|place| Gap { place, why: why.clone() }));
        (Vec::new(), gaps)
    }

    /// Returns the names of the policies that bind an endpoint; the name of another kind than NetworkPolicy follows the kind.
    pub fn names_on(&self, endpoint: &Endpoint) -> Vec<String> {
        let titles = self.titles_on(endpoint).into_iter();
        let name = |title: String| title.strip_prefix("NetworkPolicy ").map(str::to_owned).unwrap_or(title);
        titles.map(name).collect()
    }

    /// Returns how the policies bind an endpoint.
    pub fn binding(&self, endpoint: &Endpoint) -> Binding {
        let sections = self.read.iter().flat_map(|policy| sections(policy, endpoint));
        let opaque: Vec<_> = self.opaque_on(endpoint).collect();
        let labels = endpoint.labels.iter().filter(|(key, _)| opaque.iter().any(|it| it.may_select_by(key)));
        let by_account = opaque.iter().any(|it| it.may_select_by_account());
        Binding {
            sections: sections.collect(),
            account: by_account.then(|| endpoint.service_account.clone()),
            labels: labels.map(|(key, value)| (key.clone(), value.clone())).collect(),
            opaque: opaque.iter().filter_map(|it| it.of_known_pods()).collect(),
        }
    }

    /// Returns the titles of the policies that bind two endpoints by different rules. A policy of which it is not known if it binds
    /// one of them is among them.
    pub fn titles_apart(&self, one: &Endpoint, other: &Endpoint) -> Vec<String> {
        let apart = |policy: &&Policy| sections(policy, one) != sections(policy, other);
        let mut titles: Vec<_> = self.read.iter().filter(apart).map(|policy| policy.title.clone()).collect();
        titles.dedup();
        titles
    }

    fn on<'a>(&'a self, endpoint: &'a Endpoint) -> impl Iterator<Item = (&'a Policy, Match)> {
        let selects = self.read.iter().map(|policy| (policy, policy.subject.selects(endpoint)));
        selects.filter(|(_, selects)| *selects != Match::No)
    }
}

/// Returns the sections of a policy that bind an endpoint, or that may bind it, in a canonical form.
fn sections(policy: &Policy, endpoint: &Endpoint) -> Vec<String> {
    let selects = policy.subject.selects(endpoint);
    if selects == Match::No {
        return Vec::new();
    }
    let of = |direction| {
        let section = policy.section(direction)?;
        Some(canonical(policy, (direction, section), &selects, endpoint))
    };
    [Direction::Ingress, Direction::Egress].into_iter().filter_map(of).collect()
}

/// Writes a section without the policy's name, as it is for one endpoint.
fn canonical(
    policy: &Policy,
    (direction, section): (Direction, &Section),
    selects: &Match,
    endpoint: &Endpoint,
) -> String {
    let rules = section.rules.iter().filter_map(|rule| rule.of(endpoint));
    let rules = rules.map(|rule| format!("{:?} {:?} {:?}", rule.action, rule.peers, rule.ports));
    let rules: Vec<_> = rules.collect();
    let Policy { family, tier, order, .. } = policy;
    format!("{direction:?} {family:?} {tier:?} {order:?} {selects:?} {} {rules:?}", section.denies_the_rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        case::policy::{Opaque, Unread},
        fixture,
    };

    fn endpoint(labels: &[(&str, &str)]) -> Endpoint {
        let labels = labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
        Endpoint { namespace: "shop".into(), labels: labels.collect(), ..Endpoint::default() }
    }

    fn of_sandbox(name: &str, port: u16) -> serde_json::Value {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": name, "namespace": "shop" },
            "spec": {
                "podSelector": { "matchLabels": { "sandbox": name } },
                "policyTypes": ["Egress"],
                "egress": [{ "ports": [{ "port": port }] }],
            },
        })
    }

    #[test]
    fn policies_of_another_name_bind_alike() {
        let policies = Policies::of(vec![of_sandbox("a", 443), of_sandbox("b", 443)], Vec::new());
        let [a, b, c] = ["a", "b", "c"].map(|name| policies.binding(&endpoint(&[("sandbox", name)])));
        assert_eq!(a, b);
        assert_ne!(a, c);
    }

    #[test]
    fn policies_with_other_rules_bind_otherwise() {
        let policies = Policies::of(vec![of_sandbox("a", 443), of_sandbox("b", 80)], Vec::new());
        let [a, b] = ["a", "b"].map(|name| policies.binding(&endpoint(&[("sandbox", name)])));
        assert_ne!(a, b);
    }

    #[test]
    fn a_policy_that_is_not_evaluated_tells_the_pods_that_it_selects_by_a_missing_label() {
        let without = json!({ "matchExpressions": [{ "key": "hash", "operator": "DoesNotExist" }] });
        let policy = json!({
            "apiVersion": "networking.gke.io/v1alpha1", "kind": "FQDNNetworkPolicy",
            "metadata": { "name": "x", "namespace": "shop" },
            "spec": { "podSelector": without },
        });
        let policies = Policies::of(vec![policy], Vec::new());
        let [with, without] = [&[("hash", "1")][..], &[]].map(|labels| policies.binding(&endpoint(labels)));
        assert_ne!(with, without);
    }

    #[test]
    fn only_labels_that_an_unread_policy_names_tell_pods_apart() {
        let antrea = json!({
            "apiVersion": "crd.antrea.io/v1beta1", "kind": "NetworkPolicy",
            "metadata": { "name": "x", "namespace": "shop" },
            "spec": { "appliedTo": [{ "podSelector": { "matchLabels": { "app": "web" } } }] },
        });
        let by_group = json!({
            "apiVersion": "crd.antrea.io/v1beta1", "kind": "NetworkPolicy",
            "metadata": { "name": "y", "namespace": "shop" },
            "spec": { "appliedTo": [{ "group": "front" }] },
        });
        let group = json!({
            "metadata": { "name": "front", "namespace": "shop" },
            "spec": { "podSelector": { "matchLabels": { "tier": "front" } } },
        });
        let groups = json!({ "apiVersion": "crd.antrea.io/v1beta1", "kind": "GroupList", "items": [group] });
        let policies = Policies::of(vec![antrea, by_group, groups], Vec::new());
        let binding = |labels| policies.binding(&endpoint(labels));
        assert_eq!(binding(&[("app", "web"), ("number", "1")]), binding(&[("app", "web"), ("number", "2")]));
        assert_ne!(binding(&[("app", "web")]), binding(&[("app", "api")]));
        assert_ne!(binding(&[("tier", "front")]), binding(&[("tier", "back")]));
        let unread =
            Policies::of(Vec::new(), vec![Opaque::unread(Unread::Others, fixture::forbidden("list x"))]);
        assert_ne!(
            unread.binding(&endpoint(&[("number", "1")])),
            unread.binding(&endpoint(&[("number", "2")]))
        );
    }
}
