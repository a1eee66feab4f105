//! Control pods: two pods on each probe's node that no workload policy binds. One pod listens, and the other tries the
//! probe's targets. There are two, because a pod that reaches itself shows nothing of the network between pods.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use proto::{Attempt, BootId, Observer, Protocol, Reach, Target};
use tokio::{
    sync::{Mutex, OnceCell},
    time::{Instant, timeout_at},
};

use super::{
    asking::{assignment, budget},
    manifest::{self, Admission, Common},
    placing::StartBy,
    pods::{self, Exec, Failing, Fleet, Gathered, PodState, Stage, Staying},
};
use crate::{
    case::{
        Control,
        breach::PULLABLE,
        cluster::{ControlPods, OwnPod},
        leftover::Leftover,
        rounds::Rounds,
    },
    run::{RunError, collect::Event},
    support::digest,
};

/// A node's number among those with control pods, and its listener once that runs.
type Numbered = (usize, Arc<OnceCell<Listener>>);

/// All control pods of a run.
pub(super) struct Controls {
    fleet: Option<Fleet>,
    /// The control of a run without control pods.
    absent: Control,
    common: Common,
    /// The digests that the image of a probe may have on a node.
    digests: Vec<String>,
    rounds: Rounds,
    deadline: Instant,
    /// The time that each pod has to start.
    start_timeout: Duration,
    nodes: Mutex<BTreeMap<String, Numbered>>,
}

/// The listener on one node, and the control pod beside it.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    /// The addresses of the listener; empty without a listener.
    pub(super) addresses: Vec<IpAddr>,
    /// Both pods, or the reason why there are none.
    pods: Result<Pair, Control>,
    /// True if the node had no room for one of the two.
    pub(super) lacks_room: bool,
}

/// Why a control pod does not run.
#[derive(Clone, Debug)]
enum NotRun {
    /// The scheduler found no room on the node.
    NoRoom(String),
    Failed(String),
}

/// The listener's pod and the control pod, as they began to run.
#[derive(Clone, Debug)]
struct Pair {
    listener: Named,
    control: Named,
}

#[derive(Clone, Debug)]
struct Named {
    name: String,
    pod: OwnPod,
}

/// The attempts of one control pod.
pub(super) struct Tried {
    /// The attempts, or the reason why there are none.
    pub(super) control: Control,
    /// The node's boot id, because a control pod shares the node's kernel; `None` without an answer.
    pub(super) boot_id: Option<BootId>,
    /// The control pod's program, which waits for the question about one-way datagrams; `None` if it does not.
    staying: Option<Staying>,
}

impl Controls {
    pub(super) fn new(
        fleet: Result<Fleet, Control>,
        (common, digests): (&Common, Vec<String>),
        rounds: Rounds,
        (deadline, start_timeout): (Instant, Duration),
    ) -> Self {
        let (fleet, absent) = match fleet {
            Ok(fleet) => (Some(fleet), Control::NotAsked),
            Err(absent) => (None, absent),
        };
        Self {
            fleet,
            absent,
            common: common.clone(),
            digests,
            rounds,
            deadline,
            start_timeout,
            nodes: Mutex::default(),
        }
    }

    /// Returns a node's listener. The first call for a node creates both pods.
    pub(super) async fn on(&self, node: &str) -> Listener {
        let (index, cell) = {
            let mut nodes = self.nodes.lock().await;
            let index = nodes.len();
            // A node keeps its number, so that a start which nobody awaited to its end is made again with the same names.
            nodes.entry(node.to_owned()).or_insert_with(|| (index, Arc::default())).clone()
        };
        cell.get_or_init(|| Box::pin(self.begin(node, index))).await.clone()
    }

    /// Returns the absent listener of a probe whose node is not known.
    pub(super) fn nowhere(&self) -> Listener {
        let control = match &self.fleet {
            None => self.absent.clone(),
            Some(_) => Control::Failed("the probe's node is not known".to_owned()),
        };
        Listener::without(control)
    }

    /// Lets the control pod try the probe's targets, in the same rounds. The same program then waits for the question about the
    /// datagrams that the probe sends one way, so that a control costs one exec. `hear` is told every event.
    pub(super) async fn tries(
        &self,
        listener: &Listener,
        targets: &[Target],
        hear: impl FnMut(&Event),
    ) -> Result<Tried, RunError> {
        let (exec, fleet) = match self.asked_on(listener) {
            Ok(asked) => asked,
            Err(control) => return Ok(Tried::not(control)),
        };
        // The listener would take the control pod's datagrams for the probe's.
        let (one_way, others): (Vec<_>, Vec<_>) =
            targets.iter().cloned().partition(|it| it.protocol == Protocol::OneWay);
        let observers = [Observer::BootId, Observer::Egress];
        let draw = || assignment(others.clone(), observers.to_vec(), budget(self.rounds));
        let (gathered, staying) = if one_way.is_empty() {
            (pods::gather(&exec, fleet.watch(), self.deadline, draw, hear).await?, None)
        } else {
            pods::gather_and_stay(&exec, fleet.watch(), self.deadline, draw, hear).await?
        };
        Ok(Tried { staying, ..Tried::of(gathered) })
    }

    /// Lets the control pod ask the listener for the probe's datagrams that arrived one way. Without an answer, the attempts of
    /// the control pod do not count.
    pub(super) async fn heard(
        &self,
        listener: &Listener,
        targets: &[Target],
        tried: Tried,
    ) -> Result<(Control, Vec<u32>), RunError> {
        let one_way = targets.iter().filter(|it| it.protocol == Protocol::OneWay);
        let questions: Vec<_> =
            one_way.map(|it| Target { protocol: Protocol::Heard, ..it.clone() }).collect();
        let Tried { control, staying, .. } = tried;
        if questions.is_empty() || !matches!(control, Control::Tried(_)) {
            return Ok((control, Vec::new()));
        }
        let answers = match self.ask(listener, questions, staying).await?.control {
            Control::Tried(answers) => answers,
            unheard => return Ok((unheard, Vec::new())),
        };
        if answers.iter().any(|answer| !matches!(answer.reach, Reach::Reached | Reach::Another)) {
            let why = "the listener did not tell which datagrams arrived one way".to_owned();
            return Ok((Control::Failed(why), Vec::new()));
        }
        let arrived = answers.iter().filter(|answer| answer.reach == Reach::Reached);
        Ok((control, arrived.map(|answer| answer.target).collect()))
    }

    /// Asks the program that stayed; or another one in the same pod, if that program is gone.
    async fn ask(
        &self,
        listener: &Listener,
        questions: Vec<Target>,
        staying: Option<Staying>,
    ) -> Result<Tried, RunError> {
        let (exec, fleet) = match self.asked_on(listener) {
            Ok(asked) => asked,
            Err(control) => return Ok(Tried::not(control)),
        };
        let draw = || assignment(questions.clone(), vec![Observer::Egress], budget(Rounds::One));
        if let Some(staying) = staying {
            let gathered = staying.ask(&exec, fleet.watch(), self.deadline, draw()?).await;
            let asked = Tried::of(gathered);
            if matches!(asked.control, Control::Tried(_)) {
                return Ok(asked);
            }
        }
        Ok(Tried::of(pods::gather(&exec, fleet.watch(), self.deadline, draw, |_| ()).await?))
    }

    /// Returns the way into the control pod on a node, or the reason why there is none.
    fn asked_on(&self, listener: &Listener) -> Result<(Exec, &Fleet), Control> {
        match (&listener.pods, &self.fleet) {
            (Ok(Pair { control, .. }), Some(fleet)) => Ok((fleet.exec(&control.name), fleet)),
            (Err(control), _) => Err(control.clone()),
            (Ok(_), None) => Err(Control::NotAsked),
        }
    }

    /// Returns a listener's pod and its control pod, with the labels that they have by now; `None` if there are none.
    pub(super) fn pods(&self, listener: &Listener) -> Option<ControlPods> {
        let (Ok(Pair { listener, control }), Some(fleet)) = (&listener.pods, &self.fleet) else {
            return None;
        };
        let by_now = |Named { name, pod }: &Named| {
            let labels = fleet.watch().state(name).map(|state| state.labels);
            OwnPod { later_labels: labels.filter(|labels| *labels != pod.labels), ..pod.clone() }
        };
        Some(ControlPods { listener: by_now(listener), control: by_now(control) })
    }

    /// Returns the names of the pods that were created in a namespace.
    pub(super) fn made_in(&self, namespace: &str) -> BTreeSet<String> {
        let fleet = self.fleet.as_ref().filter(|fleet| fleet.namespace() == namespace);
        fleet.map(Fleet::made).unwrap_or_default()
    }

    /// Removes all control pods, and returns those that could not be removed.
    pub(super) async fn clean_up(&self) -> Vec<Leftover> {
        match &self.fleet {
            Some(fleet) => fleet.clean_up().await,
            None => Vec::new(),
        }
    }

    async fn begin(&self, node: &str, index: usize) -> Listener {
        let failed = |why: String| Listener::without(Control::Failed(why));
        let Some(fleet) = &self.fleet else { return self.nowhere() };
        let owner = match fleet.owner().await {
            Ok(owner) => owner,
            Err(refusal) => return failed(refusal.to_string()),
        };
        let listener = manifest::listener(&self.common, fleet.namespace(), owner, node, index);
        let control = manifest::control(&self.common, fleet.namespace(), owner, node, index);
        match tokio::try_join!(self.run(fleet, &listener, node), self.run(fleet, &control, node)) {
            Ok((listener, control)) => Listener {
                addresses: listener.pod.addresses.clone(),
                pods: Ok(Pair { listener, control }),
                lacks_room: false,
            },
            Err(NotRun::NoRoom(why)) => {
                Listener { lacks_room: true, ..failed(format!("on node {node}: {why}")) }
            }
            Err(NotRun::Failed(why)) => failed(format!("on node {node}: {why}")),
        }
    }

    async fn run(&self, fleet: &Fleet, pod: &Pod, node: &str) -> Result<Named, NotRun> {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let created = fleet.create_unlike(pod).await;
        let admission = created.map_err(|refusal| NotRun::Failed(refusal.to_string()))?;
        let by = StartBy::after(self.start_timeout, self.deadline);
        let decided = timeout_at(by.at(), fleet.watch().decided(&name, |_| ())).await;
        let watch = fleet.watch();
        let state = decided.map_err(|_| {
            let why = format!("{name} did not come up in time: {}", watch.waits_for(&name));
            let why = with_remedy(why, watch.failing(&name));
            let unscheduled = watch.state(&name).is_some_and(|state| state.unscheduled.is_some());
            if unscheduled { NotRun::NoRoom(why) } else { NotRun::Failed(why) }
        })?;
        match state.stage {
            Stage::Running => {
                let PodState { labels, service_account, addresses, container, node: ran, .. } = state;
                demand_node((&name, node), ran.as_deref(), &admission).map_err(NotRun::Failed)?;
                let image = container.map(|container| container.image_id).unwrap_or_default();
                self.demand(&name, &image).map_err(NotRun::Failed)?;
                let pod = OwnPod { labels, later_labels: None, service_account, addresses };
                Ok(Named { name, pod })
            }
            Stage::Failed(why) | Stage::Waiting(why) => Err(NotRun::Failed(with_remedy(why, state.failing))),
        }
    }
}

impl Controls {
    /// Refuses a pod with another image: any other program could claim that the network lets everything through.
    fn demand(&self, pod: &str, image: &str) -> Result<(), String> {
        if digest::is_one_of(image, &self.digests) {
            return Ok(());
        }
        Err(format!(
            "{pod} ran the image {image}, which is not this controller's probe; if you meant that image, give its digest by \
             `--image-digest SHA256`"
        ))
    }
}

/// Refuses a pod on another node: it would show the network of that node. Admission may change the affinity by which the pod asks for
/// its node.
fn demand_node((pod, node): (&str, &str), ran: Option<&str>, admission: &Admission) -> Result<(), String> {
    if ran == Some(node) {
        return Ok(());
    }
    let ran = ran.unwrap_or("a node that the cluster does not name");
    let changes = admission.changes().map(|changes| format!(" ({changes})")).unwrap_or_default();
    Err(format!(
        "{pod} runs on {ran}, not on {node}; exempt the control namespace from the admission that changes where its pods \
         run{changes}"
    ))
}

/// Returns why a pod does not run, with the remedy if the reason is its image.
fn with_remedy(why: String, failing: Option<Failing>) -> String {
    if failing == Some(Failing::Image) { format!("{why}; {PULLABLE}") } else { why }
}

// === impl Listener ===

impl Listener {
    /// Returns true if the listener and the control pod beside it run.
    pub(super) const fn is_there(&self) -> bool {
        self.pods.is_ok()
    }

    /// Returns the absent listener of a node.
    const fn without(control: Control) -> Self {
        Self { addresses: Vec::new(), pods: Err(control), lacks_room: false }
    }
}

// === impl Tried ===

impl Tried {
    /// Returns the result of a control pod that was not asked.
    pub(super) const fn not(control: Control) -> Self {
        Self { control, boot_id: None, staying: None }
    }

    /// Returns the control pod's attempts; none if it was not asked.
    pub(super) fn attempts(&self) -> &[Attempt] {
        if let Control::Tried(attempts) = &self.control { attempts } else { &[] }
    }

    pub(super) fn attempts_mut(&mut self) -> &mut [Attempt] {
        if let Control::Tried(attempts) = &mut self.control { attempts } else { &mut [] }
    }

    fn of(gathered: Gathered) -> Self {
        let collected = match gathered {
            Gathered::Refused(refusal) => return Self::not(Control::Failed(refusal.to_string())),
            Gathered::Heard { collected, .. } => collected,
        };
        match (collected.breaches.first(), collected.evidence.egress.seen()) {
            (None, Some(egress)) => Self {
                boot_id: collected.evidence.boot_id.seen().cloned(),
                ..Self::not(Control::Tried(egress.attempts.clone()))
            },
            (Some(breach), _) => Self::not(Control::Failed(breach.to_string())),
            (None, None) => Self::not(Control::Failed(collected.evidence.egress.fared())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demanded(ran: Option<&str>, remarks: &[&str]) -> Result<(), String> {
        let remarks = remarks.iter().map(ToString::to_string).collect();
        demand_node(("podproof-1-control-0", "one"), ran, &Admission { remarks, ..Admission::default() })
    }

    #[test]
    fn a_control_pod_on_the_probes_node_counts() {
        assert_eq!(demanded(Some("one"), &["spec.affinity was removed"]), Ok(()));
    }

    #[test]
    fn a_control_pod_on_another_node_is_refused_with_the_changes_of_admission() {
        let why = demanded(Some("two"), &["spec.affinity was removed"]).unwrap_err();
        assert!(why.starts_with("podproof-1-control-0 runs on two, not on one; exempt"), "{why}");
        assert!(why.ends_with("(spec.affinity was removed)"), "{why}");
    }

    #[test]
    fn a_control_pod_whose_node_is_not_told_is_refused() {
        assert!(demanded(None, &[]).is_err());
    }
}
