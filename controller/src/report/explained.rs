//! The explanation of policies: the traffic that may leave and enter each workload, and the rule that lets it pass.

mod text;

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::case::{
    cluster::Origin,
    policy::{Action, Direction, Flow, Gap, Pass, Peer, Reading, Side, Summary, Transport, Verdict},
};
use crate::support::printable;

/// The version of the JSON document.
const VERSION: u32 = 1;

/// An address that the user asks about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) transport: Transport,
}

/// The explanation for a namespace.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    version: u32,
    namespace: String,
    /// Workloads, those with the same explanation together.
    groups: Vec<Group>,
    /// Failed reads of workloads, which may hide more workloads.
    unread: Vec<String>,
}

/// Workloads that policies bind alike.
#[derive(Debug, Serialize)]
struct Group {
    workloads: Vec<Workload>,
    egress: ExplainedSide,
    ingress: ExplainedSide,
    /// The answers to the questions, in their order.
    answers: Vec<Answer>,
}

/// A workload with its pods.
#[derive(Debug, Serialize)]
struct Workload {
    /// The kind and the name, such as `deployment/web`.
    name: String,
    /// True if the explanation holds for pods that the template will make.
    template: bool,
    /// The names of the workload's pods in this group.
    pods: Vec<String>,
}

/// The traffic of one direction.
#[derive(Debug, Serialize)]
struct ExplainedSide {
    /// True if no policy binds the direction, so that everything passes.
    open: bool,
    bound_by: Vec<String>,
    passes: Vec<ExplainedPass>,
    not_evaluated: Vec<ExplainedGap>,
}

/// The traffic that one rule names.
#[derive(Debug, Serialize)]
struct ExplainedPass {
    rule: String,
    effect: Effect,
    /// The peers in words; empty for every peer.
    peers: Vec<String>,
    /// The ports in words; empty for every port.
    ports: Vec<String>,
}

/// The effect of a rule on the traffic that it names.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Effect {
    /// The traffic passes.
    Allow,
    /// The traffic is dropped.
    Deny,
    /// The next tier decides.
    Pass,
    /// The next rule decides.
    Log,
}

/// A part of a policy that is not evaluated.
#[derive(Debug, Serialize)]
struct ExplainedGap {
    place: String,
    why: String,
}

/// The answer to one question.
#[derive(Debug, PartialEq, Serialize)]
struct Answer {
    to: String,
    verdict: AnswerVerdict,
    /// The rule that allows the traffic, or the policies that deny it.
    by: Vec<String>,
    /// The reasons why the question is not evaluated.
    why: Vec<String>,
}

/// The verdict on the traffic of a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum AnswerVerdict {
    /// No policy binds the direction.
    Open,
    /// A rule lets the traffic pass.
    Allowed,
    /// No rule lets the traffic pass.
    Denied,
    /// Only rules of kinds that not every network knows deny the traffic.
    DeniedIfKnown,
    /// A part that matters cannot be evaluated.
    NotEvaluated,
}

impl Explained {
    /// Explains the workloads that were asked for; all of them if none was.
    pub(crate) fn of(reading: &Reading, asked: &[(String, String)], questions: &[Question]) -> Self {
        let mut groups: Vec<(Summary, Group)> = Vec::new();
        for (origin, endpoint) in &reading.endpoints {
            if !asked.is_empty() && !asked.iter().any(|asked| origin.is(asked)) {
                continue;
            }
            let summary = reading.policies.summary(endpoint);
            let answers: Vec<_> = questions
                .iter()
                .map(|question| question.answer(&reading.policies.verdict(endpoint, &question.flow())))
                .collect();
            let same = |(other, group): &&mut (Summary, Group)| *other == summary && group.answers == answers;
            if let Some((_, group)) = groups.iter_mut().find(same) {
                group.add(origin);
            } else {
                let (egress, ingress) = ((&summary.egress).into(), (&summary.ingress).into());
                let mut group = Group { workloads: Vec::new(), egress, ingress, answers };
                group.add(origin);
                groups.push((summary, group));
            }
        }
        Self {
            version: VERSION,
            namespace: reading.namespace.clone(),
            groups: groups.into_iter().map(|(_, group)| group).collect(),
            unread: reading.unread.clone(),
        }
    }

    /// Renders the document for programs.
    pub(crate) fn json(&self) -> Result<String, serde_json::Error> {
        Ok(printable::json(&serde_json::to_string_pretty(self)?) + "\n")
    }
}

impl Group {
    fn add(&mut self, origin: &Origin) {
        let name = format!("{}/{}", origin.kind, origin.name);
        let index = self.workloads.iter().position(|workload| workload.name == name).unwrap_or_else(|| {
            self.workloads.push(Workload { name, template: false, pods: Vec::new() });
            self.workloads.len() - 1
        });
        let Some(workload) = self.workloads.get_mut(index) else { return };
        match &origin.pod {
            Some(pod) => workload.pods.push(pod.clone()),
            None => workload.template = true,
        }
    }
}

impl Question {
    fn flow(&self) -> Flow<'static> {
        let Self { address, port, transport } = *self;
        Flow { direction: Direction::Egress, peer: Peer::Address(address), port, transport }
    }

    fn answer(&self, verdict: &Verdict) -> Answer {
        let to = format!("{}/{}", SocketAddr::new(self.address, self.port), self.transport);
        let (verdict, by, why) = match verdict {
            Verdict::Open => (AnswerVerdict::Open, Vec::new(), Vec::new()),
            Verdict::Allowed(rule) => (AnswerVerdict::Allowed, vec![rule.clone()], Vec::new()),
            Verdict::Denied(policies) => (AnswerVerdict::Denied, policies.clone(), Vec::new()),
            Verdict::DeniedIfKnown(rules) => (AnswerVerdict::DeniedIfKnown, rules.clone(), Vec::new()),
            Verdict::NotEvaluated(gaps) => {
                let why = gaps.iter().map(|Gap { place, why }| format!("{place}: {why}"));
                (AnswerVerdict::NotEvaluated, Vec::new(), why.collect())
            }
        };
        Answer { to, verdict, by, why }
    }
}

impl From<Action> for Effect {
    fn from(action: Action) -> Self {
        match action {
            Action::Allow => Self::Allow,
            Action::Deny => Self::Deny,
            Action::Pass => Self::Pass,
            Action::Log => Self::Log,
        }
    }
}

impl From<&Side> for ExplainedSide {
    fn from(side: &Side) -> Self {
        let pass = |pass: &Pass| ExplainedPass {
            rule: pass.by.clone(),
            effect: pass.action.into(),
            peers: pass.peers.clone(),
            ports: pass.ports.clone(),
        };
        let gap = |gap: &Gap| ExplainedGap { place: gap.place.clone(), why: gap.why.clone() };
        Self {
            open: side.is_open(),
            bound_by: side.bound_by.clone(),
            passes: side.passes.iter().map(pass).collect(),
            not_evaluated: side.gaps.iter().map(gap).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
