//! The checks of what the survey and the plan of a run already know, in the words of the run's own report.

use kube::{Api, Client};
use tokio::time::timeout;

use super::{Asked, Check, PATIENCE};
use crate::{
    case::cluster::{Cluster, ControlPods, Group, Hindrance, Labels, own_labels},
    plan::{
        cluster::{self as plan, Live, Plan, Request},
        needs::Needs,
    },
    run::cluster::{manifest, placing, survey},
    support::names::DEFAULT_ACCOUNT,
};

/// A namespace as a run would find it.
pub(super) struct Foresight {
    pub(super) cluster: Cluster,
    pub(super) plan: Plan,
    /// The labels that the user gives the run's pods.
    pub(super) marks: Labels,
}

/// Surveys the namespace, and plans a run of it; the check says why that failed.
pub(super) async fn foresee(
    client: &Client,
    &Asked { namespace, control, ref marks, live, ref probes, .. }: &Asked<'_>,
    needs: Needs,
) -> Result<Foresight, Box<Check>> {
    let what = "the survey of the namespace";
    let failed = |why: String| {
        Box::new(Check::trouble(
            what,
            true,
            why,
            "`kubectl get namespaces` lists the namespaces; check the cluster",
        ))
    };
    let scope = survey::Scope { namespace, control, pool_label: None };
    let surveyed = timeout(PATIENCE * 2, Box::pin(survey::cluster(client, &scope))).await;
    let surveyed = surveyed
        .map_err(|_| failed("the API server did not answer in time".to_owned()))?
        .map_err(|error| failed(error.to_string()))?;
    let live = live.then(|| Live { most_earlier: usize::MAX, ..Live::default() });
    let entries = needs.within(namespace, &surveyed.forwards).entries();
    let request =
        Request { probes: probes.clone(), live, running: surveyed.running, entries, ..Request::default() };
    let plan = planned(&surveyed.cluster, &request)?;
    Ok(Foresight { cluster: surveyed.cluster, plan, marks: marks.labels.clone() })
}

/// Plans a run, of which the entries of the policy file alone may be refused.
fn planned(cluster: &Cluster, request: &Request) -> Result<Plan, Box<Check>> {
    let refused = |error: plan::Error| {
        let remedy = "correct the entry, remove it, or give it the `namespace` that has the workload";
        Box::new(Check::trouble("the entries of the policy file", true, error.to_string(), remedy))
    };
    plan::namespace(cluster, request).map_err(refused)
}

impl Foresight {
    /// Returns the checks of the plan and of the control namespace.
    pub(super) fn checks(&self, control: Option<&str>) -> Vec<Check> {
        let Self { cluster, plan, .. } = self;
        let mut checks: Vec<_> = plan
            .coverage
            .uncovered
            .iter()
            .map(|it| {
                Check::trouble(
                    "the plan of the probes",
                    false,
                    format!("no probe represents {it}"),
                    "remove what keeps the probe away, or leave these pods out by `--like KIND/NAME`",
                )
            })
            .collect();
        checks.extend(plan.beyond().map(|beyond| {
            Check::trouble(
                "the number of the probes",
                false,
                beyond,
                "give `verify` this `--max-probes`, or judge the workloads one by one by `--like KIND/NAME`",
            )
        }));
        if plan.groups.is_empty() {
            checks.push(Check::trouble(
                "the plan of the probes",
                false,
                "the namespace has no workload",
                "`--runtime-class NAME` probes for pods that do not exist yet",
            ));
        } else if checks.is_empty() {
            let probes = plan.groups.len();
            checks.push(Check::fine(
                "the plan of the probes",
                format!("probes: {probes}, one for each group of pods"),
            ));
        }
        let remarks = plan::remarks_on_labels(&plan.groups).into_iter();
        checks.extend(remarks.map(|remark| Check::fine("the labels of a probe", remark)));
        checks.extend(plan.groups.iter().filter_map(Group::other_network).map(|other| {
            Check::trouble(
                "the network of the pods",
                false,
                format!("{other}, and a probe may lack it"),
                "keep such pods in a namespace of their own, and judge the others",
            )
        }));
        checks.extend(control.map(|control| self.of_control(control, &cluster.namespace)));
        checks
    }

    fn of_control(&self, control: &str, judged: &str) -> Check {
        let what = "the control namespace";
        let why = if control == judged {
            Some(manifest::CONTROL_IN_JUDGED.to_owned())
        } else {
            self.launchable().find_map(|group| self.shut_off(group))
        };
        match why {
            Some(why) => Check::trouble(
                what,
                false,
                why,
                "let the probes reach port 8790 there, or name another namespace by `--control-namespace NAME`",
            ),
            None => Check::fine(what, format!("no policy shuts off the listener in namespace {control}")),
        }
    }

    /// Returns why a group's probe may not reach the listener in the control namespace; `None` if nothing speaks for it.
    fn shut_off(&self, group: &Group) -> Option<String> {
        let control = self.cluster.control.as_ref()?;
        let mut labels = own_labels("probe", &self.marks);
        labels.extend(group.probes_labels());
        let probe = self.cluster.endpoint(&labels, DEFAULT_ACCOUNT);
        Some(match control.hindrance(&ControlPods::planned(&self.marks), &[probe])? {
            Hindrance::Shut(by) => {
                format!("a policy of the control namespace shuts its listener off ({})", by.join(", "))
            }
            Hindrance::MayBeShut(gaps) => {
                let gaps: Vec<_> = gaps.iter().map(|gap| format!("{}: {}", gap.place, gap.why)).collect();
                format!("policies of the control namespace may shut its listener off ({})", gaps.join("; "))
            }
        })
    }

    /// Returns the groups for which a run would create a probe.
    pub(super) fn launchable(&self) -> impl Iterator<Item = &Group> {
        self.plan.groups.iter().filter(|group| group.refused.is_none())
    }

    /// Returns a check for each group whose pods keep its probe away from the scheduler's choice.
    pub(super) async fn places(&self, client: &Client) -> Vec<Check> {
        let api = Api::namespaced(client.clone(), &self.cluster.namespace);
        let mut checks = Vec::new();
        for group in self.launchable().filter(|group| group.in_place.is_none()) {
            if let Some(node) = placing::kept_away(&api, group, &group.probes_labels()).await {
                checks.push(Check::fine("the place of a probe", placing::beside(&node)));
            }
        }
        checks
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::{
        case::{Architecture, policy::Opaque},
        fixture,
        plan::{
            cluster::{Maker, Probes},
            needs::{Entry, Selects},
        },
        run::cluster::doctor::render,
    };

    fn request() -> Request {
        let digests = BTreeMap::from([(Architecture::X86, Vec::new())]);
        Request { probes: Probes::of(digests, Maker::Controller), ..Request::default() }
    }

    fn foresight(change: impl FnOnce(&mut Cluster)) -> Foresight {
        let mut case = fixture::pod();
        let mut cluster = (*fixture::in_cluster(&mut case).cluster).clone();
        change(&mut cluster);
        let plan = plan::namespace(&cluster, &request()).unwrap();
        Foresight { cluster, plan, marks: Labels::new() }
    }

    fn told(foresight: &Foresight, control: &str) -> String {
        render(&foresight.checks(Some(control)))
    }

    #[test]
    fn a_namespace_without_fault_has_no_trouble() {
        let told = told(&foresight(|_| ()), "podproof");
        assert!(!told.contains("remedy"), "{told}");
    }

    #[test]
    fn each_fault_of_a_namespace_is_foreseen() {
        type Change = fn(&mut Cluster);
        let changes: [(&str, Change); 4] = [
            ("policies of the control namespace may shut its listener off (Policy closed", |cluster| {
                let control = cluster.control.as_mut().unwrap();
                control.policies.opaque.push(Opaque::titled("Policy closed".into(), false));
            }),
            ("has a network of its own by the annotation k8s.v1.cni.cncf.io/networks", |cluster| {
                for pod_view in &mut cluster.pod_views {
                    pod_view.network_annotations.insert("k8s.v1.cni.cncf.io/networks".into(), "other".into());
                }
            }),
            ("no probe represents pod/web-1: no node of the pool sandbox is ready", |cluster| {
                for node in cluster.nodes.as_mut().unwrap() {
                    node.schedulable = false;
                }
            }),
            ("the namespace has no workload", |cluster| cluster.pod_views.clear()),
        ];
        for (words, change) in changes {
            let told = told(&foresight(change), "podproof");
            assert!(told.contains(words) && told.contains("remedy"), "{words}: {told}");
        }
    }

    #[test]
    fn an_entry_of_the_policy_file_that_selects_nothing_is_foreseen() {
        let entry = |name: &str| Entry {
            selects: Selects::Workload("deployment".into(), name.into()),
            namespace: None,
            place: "podproof.toml, line 3".into(),
        };
        let Foresight { cluster, .. } = foresight(|_| ());
        let planned = |entry| {
            let request = Request { entries: vec![entry], ..request() };
            planned(&cluster, &request)
        };
        assert_eq!(planned(entry("web")).unwrap().groups.len(), 1);
        let refused = planned(entry("wbe")).unwrap_err();
        let told = render(&[*refused]);
        assert!(told.contains("has no deployment/wbe, which podproof.toml, line 3, names"), "{told}");
    }

    #[test]
    fn a_label_of_the_user_that_a_policy_of_the_control_namespace_selects_is_foreseen() {
        let closed = json!({
            "podSelector": { "matchLabels": { "team": "red" } }, "policyTypes": ["Ingress"],
        });
        let mut foresight = foresight(|cluster| {
            let mut policy = fixture::network_policy("closed", &closed);
            policy["metadata"]["namespace"] = json!("podproof");
            cluster.control.as_mut().unwrap().policies = fixture::policies(&[policy]);
        });
        assert!(told(&foresight, "podproof").contains("no policy shuts off the listener"));
        foresight.marks.insert("team".into(), "red".into());
        let told = told(&foresight, "podproof");
        assert!(told.contains("shuts its listener off (NetworkPolicy closed)"), "{told}");
    }

    #[test]
    fn the_judged_namespace_is_no_control_namespace() {
        let told = told(&foresight(|_| ()), "shop");
        assert!(told.contains(manifest::CONTROL_IN_JUDGED), "{told}");
    }
}
