//! Policies that bind a probe otherwise than the pods that it represents. The probe has labels of its own, and its own service
//! account.

use super::{Policies, endpoint::Endpoint};
use crate::support::names::DEFAULT_ACCOUNT;

impl Policies {
    /// Names the policies that bind a probe and not its pods, the pods and not the probe, or both by different rules, as a
    /// sentence; `None` if both are bound alike.
    pub fn bound_otherwise(&self, probe: &Endpoint, pods: &Endpoint) -> Option<String> {
        let otherwise = if self.binding(probe) == self.binding(pods) {
            self.by_unknown_account(probe, pods)
        } else {
            self.by_binding(probe, pods)
        };
        (!otherwise.is_empty())
            .then(|| format!("the probe is not bound as its pods are: {}", otherwise.join(", ")))
    }

    /// Names the policies by which a probe and its pods are certainly bound otherwise, or else those that may be the cause.
    fn by_binding(&self, probe: &Endpoint, pods: &Endpoint) -> Vec<String> {
        let (on_probe, on_pods) = (self.titles_on(probe), self.titles_on(pods));
        let alone = |one: &[String], other: &[String], words: &str| {
            let alone = one.iter().filter(|title| !other.contains(title));
            alone.map(|title| format!("{title} {words}")).collect::<Vec<_>>()
        };
        let mut otherwise = alone(&on_probe, &on_pods, "binds the probe pod alone");
        otherwise.extend(alone(&on_pods, &on_probe, "binds the pods and not the probe pod"));
        let both = |title: &String| on_probe.contains(title) && on_pods.contains(title);
        let apart = self.titles_apart(probe, pods).into_iter().filter(both);
        otherwise.extend(apart.map(|title| format!("{title} tells the probe pod and the pods apart")));
        if otherwise.is_empty() {
            let opaque = self.opaque.iter().map(|opaque| opaque.gap.place.clone());
            otherwise = opaque.map(|title| format!("{title} may tell them apart")).collect();
        }
        otherwise
    }

    /// Names the policies that tell service accounts apart, if the account of the probe or of the pods is not known: both may have
    /// different ones.
    fn by_unknown_account(&self, probe: &Endpoint, pods: &Endpoint) -> Vec<String> {
        if ![probe, pods].iter().any(|it| it.service_account.is_empty()) {
            return Vec::new();
        }
        let known = Endpoint { service_account: DEFAULT_ACCOUNT.to_owned(), ..pods.clone() };
        let unknown = Endpoint { service_account: String::new(), ..pods.clone() };
        if self.binding(&known) == self.binding(&unknown) {
            return Vec::new();
        }
        let apart = self.titles_apart(&known, &unknown).into_iter();
        let opaque = self.opaque.iter().filter(|it| it.may_select_by_account());
        let titles = apart.chain(opaque.map(|opaque| opaque.gap.place.clone()));
        titles
            .map(|title| {
                format!("{title} may tell them apart by their service accounts, which are not known")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{
        case::policy::{Endpoint, Policies},
        fixture,
    };

    fn endpoint(account: &str) -> Endpoint {
        Endpoint {
            namespace: "shop".into(),
            labels: [("app".to_owned(), "web".to_owned())].into_iter().collect(),
            service_account: account.to_owned(),
            ..Endpoint::default()
        }
    }

    fn of_cilium(selector: &Value) -> Value {
        json!({
            "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
            "metadata": { "name": "by-account", "namespace": "shop" },
            "spec": { "endpointSelector": selector, "egress": [{}] },
        })
    }

    fn of_calico(fields: &Value) -> Value {
        let mut spec = json!({ "types": ["Egress"] });
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({
            "apiVersion": "crd.projectcalico.org/v1", "kind": "NetworkPolicy",
            "metadata": { "name": "default.by-account", "namespace": "shop" }, "spec": spec,
        })
    }

    /// Policies that tell the accounts `default` and `web` apart.
    fn by_account() -> Vec<Value> {
        vec![
            of_cilium(&json!({ "matchLabels": { "io.cilium.k8s.policy.serviceaccount": "default" } })),
            of_cilium(&json!({ "matchLabels": { "k8s:io.cilium.k8s.policy.serviceaccount": "web" } })),
            of_calico(&json!({ "serviceAccountSelector": "projectcalico.org/name == 'default'" })),
            // Labels of accounts are not read.
            of_calico(&json!({ "serviceAccountSelector": "team == 'red'" })),
            of_calico(&json!({ "selector": "projectcalico.org/serviceaccount == 'web'" })),
            of_calico(
                &json!({ "egress": [{ "action": "Allow", "source": { "serviceAccounts": { "names": ["web"] } } }] }),
            ),
        ]
    }

    fn said(policies: &[Value], probe: &str, pods: &str) -> Option<String> {
        Policies::of(policies.to_vec(), Vec::new()).bound_otherwise(&endpoint(probe), &endpoint(pods))
    }

    #[test]
    fn a_policy_that_tells_the_accounts_apart_is_named() {
        for policy in by_account() {
            let said = said(std::slice::from_ref(&policy), "default", "web").unwrap_or_default();
            assert!(said.contains("NetworkPolicy by-account "), "{policy}: {said:?}");
        }
    }

    #[test]
    fn pods_of_the_probes_account_are_bound_alike() {
        for policy in by_account() {
            assert_eq!(said(std::slice::from_ref(&policy), "default", "default"), None, "{policy}");
        }
    }

    #[test]
    fn a_policy_that_concerns_no_account_binds_pods_of_every_account_alike() {
        let alike = [
            fixture::default_deny(),
            of_cilium(&json!({})),
            of_calico(&json!({ "selector": "app == 'web'" })),
        ];
        for (probe, pods) in [("default", "web"), ("", ""), ("default", "")] {
            assert_eq!(said(&alike, probe, pods), None, "{probe:?} {pods:?}");
        }
    }

    #[test]
    fn an_account_that_is_not_known_may_be_another_one() {
        for policy in by_account() {
            for (probe, pods) in [("", ""), ("default", "")] {
                assert!(
                    said(std::slice::from_ref(&policy), probe, pods).is_some(),
                    "{policy} {probe:?} {pods:?}"
                );
            }
        }
    }

    #[test]
    fn a_kind_that_is_not_evaluated_may_select_by_accounts_if_it_names_one() {
        let antrea = |applied: &Value| {
            json!({
                "apiVersion": "crd.antrea.io/v1beta1", "kind": "NetworkPolicy",
                "metadata": { "name": "x", "namespace": "shop" }, "spec": { "appliedTo": [applied] },
            })
        };
        let account = json!({ "serviceAccount": { "name": "default", "namespace": "shop" } });
        let pods = json!({ "podSelector": {} });
        assert!(
            said(&[antrea(&account)], "default", "web")
                .unwrap()
                .contains("NetworkPolicy x may tell them apart")
        );
        assert_eq!(said(&[antrea(&pods)], "default", "web"), None);
    }
}
