//! Proof by a control, which tries the same targets at the same time from outside the sandbox. The control must reach the
//! run's own listener by TCP and by UDP, over each address family that the sandbox has. Only then does the sandbox's silence
//! show anything.
//!
//! In a cluster the control is the control pod on the same node, which no policy of the workload binds. On this machine the
//! control is the controller. The controller's listener shows only the way to the machine itself, which a filter for incoming
//! packets can close while all forwarded packets pass. So the controller must also reach a target beyond the machine that the
//! user named.

use proto::Protocol;

use super::{
    attempted::Attempted,
    declared::{self, Comparison},
    interfaces::{self, Family},
};
use crate::case::{
    Case, Citation, Control, InCluster,
    cluster::{ControlPods, Hindrance, LISTENER_PORT, OtherNetwork},
    destination::Purpose,
    policy::Gap,
    profile::Expectation,
    rounds::Rounds,
};
use crate::judge::{
    filesystem::devices_minimal::asked_for::{self, AskedFor},
    network::undecided::{Step, Undecided},
    policy::Policy,
};

/// Returns a reason with the step that would decide the case, by the state of the control.
pub(in crate::judge) fn would_decide(case: &Case, why: &str) -> Undecided {
    if let Err(left_out) = attempts_were_made(case, why) {
        return left_out;
    }
    match (&case.surroundings.control, &case.surroundings.in_cluster) {
        (Control::NotAsked, None) => Step::NoNetwork.because(why),
        (Control::NotAsked, Some(_)) => Step::NameControl.because(why),
        (Control::Failed(failure), _) => {
            Step::MendControl.because(format!("{why}; the control did not run: {failure}"))
        }
        (Control::Tried(_), _) => Step::Answer.because(format!(
            "{why}; the targets that would show it did not answer outside the sandbox either"
        )),
    }
}

/// Returns the reason of a run without attempts, beside what is known without them.
pub(in crate::judge) fn left_out(why: &str) -> Undecided {
    Step::Attempt.because(format!("`--no-network` left the attempts out; {why}"))
}

/// Checks that the run made attempts; `Err` carries what is known without them.
pub(in crate::judge) fn attempts_were_made(case: &Case, why: &str) -> Result<(), Undecided> {
    match case.surroundings.rounds {
        Rounds::None => Err(left_out(why)),
        Rounds::One | Rounds::Two(_) => Ok(()),
    }
}

/// Returns what shows that an answer was possible and none came; `Err` says why nothing shows it.
pub(super) fn shows(
    case: &Case,
    comparison: &Comparison<'_>,
    attempted: &[Attempted<'_>],
    otherwise: Undecided,
) -> Result<Vec<Citation>, Undecided> {
    let Control::Tried(_) = &case.surroundings.control else { return Err(otherwise) };
    let unhindered =
        case.surroundings.in_cluster.as_ref().map(|known| unhindered(case, known)).transpose()?;
    represents_its_network(case, comparison.policy())?;
    if let Some(it) = attempted.iter().find(|it| it.destination.purpose == Purpose::Listener && it.is_leak())
    {
        let name = it.destination.name();
        return Err(Step::Close.because(format!("the sandbox reached the run's own listener {name}")));
    }
    let mut shown: Vec<_> = unhindered.flatten().into_iter().collect();
    let families = interfaces::families(case)?;
    interfaces::each_was_tried(case, &families, attempted)?;
    for family in &families {
        if let Some(interface) = without_a_listener(case, attempted, family) {
            shown.push(beyond_the_node(attempted, family, interface)?);
            continue;
        }
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            shown.push(listener_reached(attempted, family, protocol)?);
        }
        if case.surroundings.in_cluster.is_none() {
            shown.push(beyond_the_machine(attempted, family)?);
        }
    }
    Ok(shown)
}

/// Returns the interface of a family that the node translates and the run's own listener lacks; `None` if only the listener can
/// show anything. Behind the node's address, no policy tells the probe from the control pod, so that any target shows as much.
fn without_a_listener<'a>(case: &Case, attempted: &[Attempted<'_>], family: &'a Family) -> Option<&'a str> {
    let is_listener = |it: &Attempted<'_>| {
        it.destination.purpose == Purpose::Listener && family.has(it.destination.target.address)
    };
    let lacks = case.surroundings.in_cluster.is_some() && !attempted.iter().any(is_listener);
    family.translated.as_deref().filter(|_| lacks)
}

fn beyond_the_node(
    attempted: &[Attempted<'_>],
    family: &Family,
    interface: &str,
) -> Result<Citation, Undecided> {
    let is_beyond = |it: &&Attempted<'_>| !interfaces::is_link_local(&it.destination.target.address);
    let reached = named(attempted, family).find(is_beyond).ok_or_else(|| {
        Step::NameTarget.because(format!(
            "the sandbox may reach {} hosts by its interface {interface}, whose address the node translates, and no forbidden \
             target shows that they are closed to it",
            family.name
        ))
    })?;
    let name = reached.destination.name();
    Ok(Citation { source: "control", text: format!("{name} answered outside the sandbox, and not inside") })
}

/// Returns the forbidden targets of a family that the user named, and that answered the control and not the sandbox.
fn named<'a, 'b>(attempted: &'b [Attempted<'a>], family: &Family) -> impl Iterator<Item = &'b Attempted<'a>> {
    attempted.iter().filter(move |it| {
        it.destination.named && family.has(it.destination.target.address) && it.control_shows()
    })
}

fn listener_reached(
    attempted: &[Attempted<'_>],
    family: &Family,
    protocol: Protocol,
) -> Result<Citation, Undecided> {
    let mut of_family = attempted.iter().filter(|it| {
        it.destination.purpose == Purpose::Listener
            && it.destination.target.protocol == protocol
            && family.has(it.destination.target.address)
    });
    let mut listeners = of_family.clone().filter(|it| it.expectation == Expectation::Forbidden);
    let first = listeners.clone().next().ok_or_else(|| {
        let step = if of_family.next().is_some() { Step::AllowLess } else { Step::GiveFamily };
        step.because(format!(
            "the sandbox has an {name} address, and the run had no {} listener on {name} that the profile forbids",
            protocol.id(),
            name = family.name
        ))
    })?;
    let reached = listeners.find(|it| it.control_shows());
    let name = reached.unwrap_or(first).destination.name();
    match reached {
        Some(_) => Ok(Citation {
            source: "control",
            text: format!("{name} answered outside the sandbox, and not inside"),
        }),
        None => Err(Step::OpenControl
            .because(format!("the run's own listener {name} was not reached from outside the sandbox"))),
    }
}

fn beyond_the_machine(attempted: &[Attempted<'_>], family: &Family) -> Result<Citation, Undecided> {
    let reached = named(attempted, family).next().ok_or_else(|| {
        Step::NameTarget.because(format!(
            "the sandbox reached nothing, and this machine's listener shows only the way to this machine: over {} no \
             forbidden host beyond it answered this machine",
            family.name
        ))
    })?;
    let name = reached.destination.name();
    Ok(Citation { source: "control", text: format!("{name} answered this machine, and not the sandbox") })
}

/// Refuses policies of the control namespace that keep the probe from the listener: they would do so although the sandbox's
/// egress is wide open. Cites the labels that others gave the control pods, if the labels decide that.
fn unhindered(case: &Case, known: &InCluster) -> Result<Option<Citation>, Undecided> {
    let control = known
        .cluster
        .control
        .as_ref()
        .ok_or_else(|| Step::NameControl.because("the run had no control namespace"))?;
    if known.control_pods.is_none() && !control.policies.is_empty() {
        let why =
            "the saved evidence does not tell the labels of the control pods, by which policies bind them";
        return Err(Step::RunAgain.because(why));
    }
    let (pods, probes) = (known.control_pods(), known.probes(&interfaces::addresses(case)));
    let hindrance = control.hindrance(&pods, &probes);
    let by_labels = by_added(&pods, control.hindrance(&pods.without_added(), &probes) != hindrance);
    match hindrance {
        None => Ok((!by_labels.is_empty()).then(|| Citation {
            source: "control",
            text: format!("the policies of the control namespace let the probe reach the listener{by_labels}"),
        })),
        Some(Hindrance::Shut(by)) => Err(Step::AdmitProbe.because(format!(
            "a policy of the control namespace shuts its listener off ({}){by_labels}; let pods of the namespace {} reach \
             port {} by TCP and UDP there, or",
            by.join(", "),
            known.cluster.namespace,
            LISTENER_PORT
        ))),
        Some(Hindrance::MayBeShut(gaps)) => {
            // A policy that the judged namespace has, too, is one of the whole cluster: no namespace is free of it.
            let everywhere = |gap: &Gap| known.cluster.policies.opaque.iter().any(|opaque| opaque.gap == *gap);
            let step = if gaps.iter().any(everywhere) { Step::Rewrite } else { Step::FreeControl };
            Err(step.because(format!(
                "policies of the control namespace may shut its listener off ({}){by_labels}",
                declared::in_words(gaps.iter())
            )))
        }
    }
}

/// Says that labels decide which policies bind the control pods, as a sentence's rest; empty if they do not.
fn by_added(pods: &ControlPods, decide: bool) -> String {
    if !decide {
        return String::new();
    }
    let added = declared::first(&pods.added());
    format!(", because `--probe-label` or admission gave the control pods other labels ({added})")
}

/// Refuses policies that may let more egress pass than the profile allows: the attempts cannot try every destination.
pub(super) fn closed(case: &Case, comparison: &Comparison<'_>) -> Result<(), Undecided> {
    let profile = case.surroundings.profile.kind.id();
    match comparison.excess() {
        Ok(None) => Ok(()),
        Ok(Some(excess)) => {
            Err(Step::Close.because(format!("the profile {profile} forbids egress that {excess}")))
        }
        Err(gaps) => {
            let known = case.surroundings.in_cluster.as_ref();
            let step = known.map_or(Step::NameAddresses, |known| doubtful(known, Step::NameAddresses));
            Err(step.because(format!(
                "the sandbox reached nothing, and it is not known if a policy lets more egress pass than the profile \
                 {profile} allows: {gaps}"
            )))
        }
    }
}

/// Checks that the probe's network represents that of its group. The probe has the cluster's network alone, bound alike for
/// the whole run; a pod of the group may have another network. The policy may accept a device that is no network interface.
pub(in crate::judge) fn represents_its_network(
    case: &Case,
    policy: Option<&Policy>,
) -> Result<(), Undecided> {
    let Some(known) = &case.surroundings.in_cluster else { return Ok(()) };
    settled(known)?;
    if let Some(unread) = known.cluster.policies.unread().next() {
        let why = format!("it is not known if the probe is bound as its pods are: {unread}");
        return Err(Step::Permit.because(why));
    }
    let endpoint = known.endpoint();
    let mut opaque = known.cluster.policies.opaque_on(&endpoint);
    if let Some((opaque, why)) = opaque.find_map(|it| Some((it, it.selects_besides.as_ref()?))) {
        let why = format!("it is not known if {} binds the probe as its pods: {why}", opaque.gap.place);
        return Err(Step::Rewrite.because(why));
    }
    let Some(other) = known.group.other_network() else { return claims_no_network(case, policy) };
    Err(match (&other, interfaces::names(case).as_slice()) {
        (OtherNetwork::Annotated(..), names @ [_, _, ..]) => Step::OneInterface.because(format!(
            "{other}, and the probe has several network interfaces, too ({})",
            names.join(", ")
        )),
        _ => Step::Separate.because(format!("{other}, and the probe does not")),
    })
}

/// Checks that no pod claims a device that may be a network interface: a driver of Dynamic Resource Allocation may move one into the
/// pod (such as <https://github.com/google/dranet>), and a probe claims none.
fn claims_no_network(case: &Case, policy: Option<&Policy>) -> Result<(), Undecided> {
    let devices = asked_for::read(case);
    let accepted = |device: &AskedFor| policy.is_some_and(|policy| device.accepted(policy).is_some());
    match devices.iter().find(|device| device.is_claimed && !accepted(device)) {
        Some(device) => Err(Step::AcceptDevice
            .because(format!("{}, which may be a network interface that the probe lacks", device.words))),
        None => Ok(()),
    }
}

/// Checks that the policies stayed as they were, and bind the probe as its pods.
pub(in crate::judge) fn settled(known: &InCluster) -> Result<(), Undecided> {
    if let Some(why) = known.changed() {
        return Err(Step::RunAgain.because(why));
    }
    if known.pod.as_ref().is_some_and(|pod| pod.labels.is_none()) {
        let why = "the evidence does not tell the labels of the probe pod, by which policies bind it";
        return Err(Step::RunAgain.because(why));
    }
    known.bound_otherwise().map_or(Ok(()), |why| Err(Step::SelectAlike.because(why)))
}

/// Returns the step where policies are doubtful: another one for policies that were not read, and for kinds that are not
/// evaluated.
pub(in crate::judge) fn doubtful(known: &InCluster, otherwise: Step) -> Step {
    let (policies, endpoint) = (&known.cluster.policies, known.endpoint());
    match (policies.unread().next(), policies.opaque_on(&endpoint).next()) {
        (Some(_), _) => Step::Permit,
        (None, Some(_)) => Step::Rewrite,
        (None, None) => otherwise,
    }
}

#[cfg(test)]
mod tests;
