//! The way of one group from its probe pod to its evidence.

mod asked;
mod ran;
mod replacing;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::future::{Either, select};
use tokio::time::{Instant, timeout_at};

use super::{
    Target,
    controls::{Controls, Listener},
    manifest::{self, Admission, Common},
    placing::{Created, Placed, Unplaced},
    pods::{Exec, Fleet, Gathered, PodState, Refusal, Visits, Watch},
};
use crate::{
    case::{
        Collected, Control, RanPod,
        breach::Breach,
        cluster::{Cluster, ControlPods, Group},
        destination::Destination,
        ingress::Ingress,
        rounds::Rounds,
        visitor::Visitor,
    },
    plan::{self, needs::Needs},
    run::{RunError, collect::Event, nonce, progress::Progress},
};
use asked::Asked;
use replacing::Replacement;

/// The objects that all groups share.
pub(super) struct Probing<'a> {
    pub(super) fleet: &'a Fleet,
    /// The visits of running pods.
    pub(super) visits: &'a Visits,
    pub(super) controls: &'a Controls,
    pub(super) common: &'a Common,
    pub(super) cluster: &'a Cluster,
    pub(super) target: &'a Target,
    pub(super) needs: &'a Needs,
    pub(super) rounds: Rounds,
    pub(super) measures_cpu: bool,
    pub(super) deadline: Instant,
    pub(super) progress: &'a Progress,
    /// The number of groups whose turn has not come.
    pub(super) waiting: AtomicUsize,
}

/// A place where a probe runs.
pub(super) struct Seat<'a> {
    pub(super) exec: Exec,
    /// The watch that shows the pod.
    pub(super) watch: &'a Watch,
}

/// The result of one group.
#[derive(Debug)]
pub(super) struct Probed {
    /// The evidence, and its breaches.
    pub(super) collected: Collected,
    /// The attempts of the control pod.
    pub(super) control: Control,
    /// The node's boot id as the control pod tells it; `None` without an answer.
    pub(super) control_boot: Option<proto::BootId>,
    /// The control pods on the probe's node; `None` if there are none.
    pub(super) control_pods: Option<ControlPods>,
    /// The destinations that the probe tried.
    pub(super) destinations: Vec<Destination>,
    /// The attempts to reach the probe in its sandbox.
    pub(super) ingress: Ingress,
    /// The targets whose one-way datagrams arrived.
    pub(super) arrived: Vec<u32>,
    /// The pod in which the probe ran; `None` if it did not run.
    pub(super) pod: Option<RanPod>,
    /// The effect of admission on the pod; `None` if the probe did not run.
    pub(super) admission: Option<Admission>,
    /// The probe's user in a running pod; `None` for a probe pod, and if the probe did not run.
    pub(super) visitor: Option<Visitor>,
    /// Why the probe is not where the scheduler was first asked to place it; `None` if it is.
    pub(super) moved: Option<String>,
    /// True if the probe's pod took the place of one that was too old to show its first seconds.
    pub(super) replaces: bool,
    /// The reason why the probe did not start; `None` if it started, or if neither cluster nor permissions are the reason.
    pub(super) failure: Option<Refusal>,
    /// True if the deadline ended the probe.
    pub(super) timed_out: bool,
}

impl Probed {
    /// Returns the result of a group for which the plan allows no probe.
    pub(super) fn refused(group: &Group) -> Self {
        Self::without(Breach::NotLaunched(group.refused.clone().unwrap_or_default()), None)
    }

    fn without(breach: Breach, failure: Option<Refusal>) -> Self {
        let collected = Collected { breaches: vec![breach], ..Collected::default() };
        Self {
            collected,
            control: Control::NotAsked,
            control_boot: None,
            control_pods: None,
            destinations: Vec::new(),
            ingress: Ingress::default(),
            arrived: Vec::new(),
            pod: None,
            admission: None,
            visitor: None,
            moved: None,
            replaces: false,
            failure,
            timed_out: false,
        }
    }

    pub(super) fn late(why: String) -> Self {
        Self { timed_out: true, ..Self::without(Breach::NotLaunched(why), None) }
    }

    fn unplaced(unplaced: Unplaced) -> Self {
        match unplaced {
            Unplaced::Refused(refusal) => Self::failed(&refusal),
            Unplaced::Failed(why) => {
                Self::without(Breach::NotLaunched(why.clone()), Some(Refusal::NotStarted(why)))
            }
            Unplaced::Late(why) => Self::late(why),
        }
    }

    pub(super) fn failed(refusal: &Refusal) -> Self {
        // Admission that changes the probe's pod is a finding rather than a failure to launch.
        let failure = (!matches!(refusal, Refusal::Altered(_))).then(|| refusal.clone());
        let timed_out = *refusal == Refusal::TimeOver;
        let breach = match refusal {
            Refusal::NotPulled(why) => Breach::NotPulled(why.clone()),
            other => Breach::NotLaunched(other.to_string()),
        };
        Self { timed_out, ..Self::without(breach, failure) }
    }
}

impl Probing<'_> {
    /// Creates a group's probe pod, and asks it for its evidence. A pod that is no longer needed is removed at once while other
    /// groups wait for their turn, so that a run has few pods at a time.
    pub(super) async fn probe(&self, index: usize, group: &Group) -> Result<Probed, RunError> {
        let others = self.waiting.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
        let probed = self.evidence(index, group).await;
        if others > 0 {
            self.fleet.remove_of(index).await;
        }
        probed
    }

    async fn evidence(&self, index: usize, group: &Group) -> Result<Probed, RunError> {
        if group.refused.is_some() {
            return Ok(Probed::refused(group));
        }
        if Instant::now() >= self.deadline {
            return Ok(Probed::late("the run's time was over before the turn of this probe".to_owned()));
        }
        if let Some(pod) = &group.in_place {
            return Box::pin(self.examine(self.visits, group, pod)).await;
        }
        let first = match self.pod_of(index, group, None).await {
            Ok(placed) => placed,
            Err(unplaced) => return Ok(Probed::unplaced(unplaced)),
        };
        let (placed, replacement) = self.settled(index, group, first).await;
        let probed = self.ask_in(group, placed).await?;
        Ok(Probed { replaces: replacement == Some(Replacement::Younger), ..probed })
    }

    /// Creates a group's probe pod, or its replacement, and waits until it runs and the control pods of its node do.
    async fn pod_of(
        &self,
        index: usize,
        group: &Group,
        replacement: Option<&Replacement>,
    ) -> Result<Placed, Unplaced> {
        let owner = self.fleet.owner().await.map_err(Unplaced::Refused)?;
        let pod = manifest::probe(self.common, &self.target.namespace, owner, group, index);
        let (group, mut pod) = match replacement {
            Some(replacement) => replacement.applied(group, pod),
            None => (group.clone(), pod),
        };
        self.fleet.label(&mut pod, index);
        self.say(&group, "creating the probe");
        let admission = self.fleet.create(&pod, &group.pod_views).await.map_err(Unplaced::Refused)?;
        let placed = self.placed_beside_controls(&group, Created { pod, admission }).await?;
        if let Some(node) = &placed.state.node {
            self.controls.on(node).await;
        }
        let moved = replacement.and_then(|it| it.remark(&placed.state));
        Ok(Placed { moved: moved.or(placed.moved), ..placed })
    }

    async fn ask_in(&self, group: &Group, placed: Placed) -> Result<Probed, RunError> {
        let Placed { name, state, since, admission, moved } = placed;
        // A probe that was moved ran on a node of the same pool and kind, as it was asked to.
        let node = if moved.is_some() { state.node.clone() } else { group.node.clone() };
        let group = Group { node, ..group.clone() };
        let seat = Seat { exec: self.fleet.exec(&name), watch: self.fleet.watch() };
        let mut probed = self.converse(&group, &seat, &state, since).await?;
        if let Some(pod) = &mut probed.pod {
            pod.limits = Some(admission.of_container);
        }
        Ok(Probed { admission: Some(admission), moved, ..probed })
    }

    /// Waits for the probe's pod and for the control pods of its node. Those of the planned node start beside the probe, so
    /// that the probe is asked as soon as it runs.
    async fn placed_beside_controls(&self, group: &Group, created: Created) -> Result<Placed, Unplaced> {
        let control = Box::pin(async {
            if let Some(node) = &group.node {
                self.controls.on(node).await;
            }
        });
        match select(Box::pin(self.placed(group, created)), control).await {
            Either::Right(((), placed)) => placed.await,
            Either::Left((Ok(placed), control)) if placed.state.node == group.node => {
                let late = "its control pods did not come up in time".to_owned();
                timeout_at(self.deadline, control).await.map_err(|_| Unplaced::Late(late))?;
                Ok(placed)
            }
            Either::Left((placed, _)) => placed,
        }
    }

    pub(super) async fn converse(
        &self,
        group: &Group,
        seat: &Seat<'_>,
        state: &PodState,
        since: Instant,
    ) -> Result<Probed, RunError> {
        let node = state.node.clone().or_else(|| group.node.clone());
        let control = match &node {
            Some(node) => self.controls.on(node).await,
            None => self.controls.nowhere(),
        };
        let (destinations, ingress) = self.attempts(group, node.as_deref(), &control, state)?;
        let targets = destinations.iter().map(|destination| &destination.target);
        let targets: Vec<_> = targets.chain(&ingress.targets).cloned().collect();
        let begun = Instant::now();
        let asked = Box::pin(self.asked(group, seat, &control, (&targets, &ingress.targets))).await?;
        let asked_after = asked.at().unwrap_or(begun).duration_since(since);
        let Asked { gathered, tried, .. } = asked;
        let control_boot = tried.boot_id.clone();
        let (mut collected, failure, timed_out) = match gathered {
            Gathered::Heard { collected, timed_out } => (*collected, None, timed_out),
            Gathered::Refused(refusal) => {
                let breaches = vec![Breach::NotLaunched(refusal.to_string())];
                let timed_out = refusal == Refusal::TimeOver;
                (Collected { breaches, ..Collected::default() }, Some(refusal), timed_out)
            }
        };
        // Nobody asks for the datagrams of a probe that did not run.
        let (of_control, arrived) = match &failure {
            None => self.controls.heard(&control, &targets, tried).await?,
            Some(_) => (tried.control, Vec::new()),
        };
        let after = seat.watch.state(seat.exec.pod());
        let has_run = failure.is_none();
        collected.breaches.extend(ran::breaches(group.node.as_deref(), state, after.as_ref(), has_run));
        let architecture = node.as_deref().and_then(|name| self.cluster.node(name));
        let architecture = architecture.map(|node| node.architecture.as_str());
        let (labels, earlier_labels) = ran::labels(state, after);
        let pod = state.container.clone().map(|container| RanPod {
            name: seat.exec.pod().to_owned(),
            node,
            container_id: container.id,
            image_id: container.image_id,
            known_digests: self.target.probes.digests(architecture),
            asked_after_ms: u64::try_from(asked_after.as_millis()).ok(),
            labels,
            earlier_labels,
            service_account: state.service_account.clone(),
            limits: None,
            containers: BTreeMap::new(),
        });
        Ok(Probed {
            collected,
            control: of_control,
            control_boot,
            control_pods: self.controls.pods(&control),
            destinations,
            ingress,
            arrived,
            pod,
            admission: None,
            visitor: None,
            moved: None,
            replaces: false,
            failure,
            timed_out,
        })
    }

    /// Returns the attempts of the probe, and those on the probe; none for a run without attempts.
    fn attempts(
        &self,
        group: &Group,
        node: Option<&str>,
        control: &Listener,
        state: &PodState,
    ) -> Result<(Vec<Destination>, Ingress), RunError> {
        if self.rounds == Rounds::None {
            return Ok((Vec::new(), Ingress::default()));
        }
        let listener = plan::cluster::ListenerAt {
            addresses: &control.addresses,
            ports: &self.common.listens,
            token: self.common.token,
            one_way: nonce()?,
        };
        let wanted = self.needs.of(group);
        let place = (node, state.addresses.as_slice());
        let destinations = plan::cluster::destinations(self.cluster, group, place, &listener, wanted);
        let reception = plan::cluster::Reception::of(group, self.common.reception);
        let ingress = reception.attempts(&state.addresses, self.common.reception, &destinations);
        Ok((destinations, ingress))
    }

    /// Adds the cluster's own warnings to a reason.
    pub(super) async fn explained(&self, name: &str, why: &str) -> String {
        self.fleet.watch().warned().await;
        let warnings = self.fleet.watch().warnings(name);
        let others: Vec<_> = warnings.iter().filter(|warning| !warning.contains(why)).cloned().collect();
        if others.is_empty() { why.to_owned() } else { format!("{why}; {}", others.join("; ")) }
    }

    pub(super) fn say(&self, group: &Group, what: &str) {
        self.progress.change(&format!("pool {}: {what}", group.pool));
    }

    fn hear(&self, group: &Group, event: &Event) {
        match event {
            Event::Introduced(introduction) => {
                self.say(group, &format!("probe {} looks", introduction.probe_version));
            }
            Event::Observed { observer, received, expected } => self.progress.tick(&format!(
                "pool {}: {received} of {expected}: {}",
                group.pool,
                observer.id()
            )),
            Event::Closed => self.say(group, "the evidence is whole"),
            Event::Refused | Event::Ended => (),
        }
    }
}
