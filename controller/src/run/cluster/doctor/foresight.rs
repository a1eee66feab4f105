//! The checks of what the survey and the plan of a run already know, in the words of the run's own report.

use std::{collections::BTreeSet, error::Error};

use kube::{Api, Client};
use tokio::time::timeout;

use super::{Check, PATIENCE, Weight, permissions};
use crate::{
    case::{
        cluster::{
            Cluster, ControlPods, Group, Hindrance, Labels, PodView, Shared, Unreadable, VolumeKind,
            own_labels,
        },
        policy::Endpoint,
    },
    plan::{
        cluster::{self as plan, Plan, Request},
        needs::Needs,
    },
    run::cluster::{Target, connect::Connection, manifest, placing, plan_request, survey, survey::Surveyed},
    support::names::DEFAULT_ACCOUNT,
};

/// The reading of everything that a run judges.
const SURVEY: &str = "the survey of the namespace";

/// A namespace as a run would find it.
pub(super) struct Foresight {
    cluster: Cluster,
    plan: Plan,
    /// The groups for whose pods the run would first wait for a node.
    homeless: Vec<Group>,
    /// The labels that the user gives the run's pods.
    marks: Labels,
}

/// Surveys the namespace, and plans a run of it; the check says why that failed.
pub(super) async fn foresee(
    connection: &Connection,
    target: &Target,
    needs: Needs,
) -> Result<Foresight, Box<Check>> {
    let failed = |why: String| {
        Box::new(Check::trouble(
            SURVEY,
            Weight::Fatal,
            why,
            "`kubectl get namespaces` lists the namespaces; check the cluster",
        ))
    };
    // The kubelet has no statistics of a new pod for some seconds.
    let patience = if target.live.is_some() { PATIENCE * 4 } else { PATIENCE * 2 };
    let surveyed = timeout(patience, Box::pin(survey(target, connection))).await;
    let surveyed = surveyed.map_err(|_| failed("the API server did not answer in time".to_owned()))?;
    let surveyed = surveyed
        .map_err(|error| failed(error.source().map_or_else(|| error.to_string(), ToString::to_string)))?;
    let Surveyed { cluster, running, forwards, .. } = surveyed;
    let entries = needs.within(&target.namespace, &forwards).entries();
    let request = Request { running, ..plan_request(target, entries) };
    let plan = planned(&cluster, &request)?;
    let waits = target.wait_for_nodes.is_some();
    let homeless = if waits { plan::homeless(&cluster, &request) } else { Vec::new() };
    Ok(Foresight { cluster, plan, homeless, marks: target.marks.labels.clone() })
}

/// Plans a run. The flags and the entries of the policy file may be refused.
fn planned(cluster: &Cluster, request: &Request) -> Result<Plan, Box<Check>> {
    let refused = |error: plan::Error| {
        let what = match &error {
            plan::Error::NothingSelected { .. } => "the entries of the policy file",
            plan::Error::NoSuchNode(_) | plan::Error::NothingAlike(_) => "the flags of the run",
        };
        Box::new(Check::trouble(what, Weight::Fatal, error.to_string(), error.remedy()))
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
                    Weight::Inconclusive,
                    format!("no probe represents {it}"),
                    "remove what keeps the probe away, or leave these pods out by `--like KIND/NAME`",
                )
            })
            .collect();
        checks.extend(plan.beyond().map(|beyond| {
            Check::trouble(
                "the number of the probes",
                Weight::Inconclusive,
                beyond,
                "give this `--max-probes`, or judge the workloads one by one by `--like KIND/NAME`",
            )
        }));
        if plan.groups.is_empty() && (checks.is_empty() || cluster.pod_views.is_empty()) {
            checks.push(Check::trouble(
                "the plan of the probes",
                Weight::Inconclusive,
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
        checks.extend(self.unread().map(|unread| {
            let remedy = if unread.forbidden {
                "`controller rbac --cluster` prints the permissions for all known kinds; permit to list another kind by a Role of your own"
            } else {
                "run `controller doctor` again; pods that cannot be read from an object have no verdict"
            };
            Check::trouble(SURVEY, Weight::Inconclusive, unread.to_string(), remedy)
        }));
        checks.extend(self.homeless.iter().map(|group| {
            let pods = group.represents().join(", ");
            Check::fine("the nodes", format!("no node can run {pods} now, and the run waits for one"))
        }));
        let remarks = plan::remarks_on_labels(&plan.groups).into_iter();
        checks.extend(remarks.map(|remark| Check::fine("the labels of a probe", remark)));
        checks.extend(plan.groups.iter().filter_map(Group::other_network).map(|other| {
            Check::trouble(
                "the network of the pods",
                Weight::Inconclusive,
                format!("{other}, and a probe may lack it"),
                "keep such pods in a namespace of their own, and judge the others",
            )
        }));
        let probes = self.launchable().filter(|group| group.in_place.is_none());
        checks.extend(probes.filter_map(|group| self.bound_otherwise(group)).map(|why| {
            Check::trouble(
                "the policies of a probe",
                Weight::Inconclusive,
                why,
                "select pods by labels that the workload's pods have, and by no service account",
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
                Weight::Inconclusive,
                why,
                "let the probes reach port 8790 there, or name another namespace by `--control-namespace NAME`",
            ),
            None => Check::fine(what, format!("no policy shuts off the listener in namespace {control}")),
        }
    }

    /// Returns why a group's probe may not reach the listener in the control namespace; `None` if nothing speaks for it.
    fn shut_off(&self, group: &Group) -> Option<String> {
        let control = self.cluster.control.as_ref()?;
        let probe = self.probe(group);
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

    /// Returns a group's probe, as policies select it.
    fn probe(&self, group: &Group) -> Endpoint {
        let mut labels = own_labels("probe", &self.marks);
        labels.extend(group.probes_labels());
        let account = if group.in_place.is_some() { group.service_account.as_str() } else { DEFAULT_ACCOUNT };
        self.cluster.endpoint(&labels, account)
    }

    /// Returns why a group's probe would not be bound as its pods are; `None` if nothing speaks for it.
    fn bound_otherwise(&self, group: &Group) -> Option<String> {
        let pods = self.cluster.endpoint(&group.labels, &group.service_account);
        self.cluster.policies.bound_otherwise(&self.probe(group), &pods)
    }

    /// Returns the reads that failed and leave requirements inconclusive, apart from missing permissions that have a check of their own.
    fn unread(&self) -> impl Iterator<Item = &Unreadable> {
        let Cluster { unread_pod_views, policies, nodes, classes, addresses, .. } = &self.cluster;
        let coverage = &self.plan.coverage;
        let unread_pod_views = unread_pod_views.iter().filter(|unread| !coverage.leaves_out_unread(unread));
        let Cluster { dns_endpoints, api_endpoints, .. } = &self.cluster;
        let of_cluster = nodes.as_ref().err().into_iter().chain(classes.as_ref().err());
        let of_services = addresses.as_ref().err().into_iter().chain(dns_endpoints.as_ref().err());
        let of_services = of_services.chain(api_endpoints.as_ref().err());
        let all = unread_pod_views.chain(policies.unread()).chain(of_cluster).chain(of_services);
        all.filter(|unread| !(unread.forbidden && permissions::are_asked(&unread.what)))
    }

    /// Returns false if no pod of the run has a claim for a volume. Workloads that could not be read may have claims.
    pub(super) fn may_have_claims(&self) -> bool {
        let mut pod_views = self.plan.groups.iter().flat_map(|group| &group.pod_views);
        let claims = |pod_view: &Shared<PodView>| {
            pod_view.volumes.iter().any(|volume| volume.kind == VolumeKind::Claim)
        };
        !self.cluster.unread_pod_views.is_empty() || pod_views.any(claims)
    }

    /// Returns the groups for which a run would create a probe.
    fn launchable(&self) -> impl Iterator<Item = &Group> {
        self.plan.groups.iter().filter(|group| group.refused.is_none())
    }

    /// Returns the architectures of the nodes on which a run would look, as Go names them; `None` for a node that is not known.
    pub(super) fn architectures(&self) -> BTreeSet<Option<&str>> {
        let of_node = |group: &Group| Some(&*self.cluster.node(group.node.as_deref()?)?.architecture);
        self.launchable().map(of_node).collect()
    }

    /// Returns the groups for which a run would create a pod, or a container in a pod.
    pub(super) fn created(&self) -> impl Iterator<Item = &Group> {
        self.homeless.iter().chain(self.launchable())
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
mod tests;
