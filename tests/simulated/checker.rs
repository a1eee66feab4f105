//! The checker: it reads the history of a command and names every promise that was broken.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use crate::{
    cluster::{Cluster, NAMESPACE, PLACES},
    fault::Fault,
    history::History,
    live::open_visits,
    publication, services,
    simulation::Ended,
    store::text,
};

/// The time that removing the run's objects may take beyond the timeout, as the help of `--timeout` states it.
const REMOVAL: Duration = Duration::from_secs(20);

/// A command that has ended, with everything that its promises are about.
pub(crate) struct Trial<'a> {
    pub(crate) ended: &'a Ended,
    /// The report that the command wrote.
    pub(crate) report: Option<Value>,
    pub(crate) history: &'a History,
    pub(crate) cluster: &'a Cluster,
    pub(crate) faults: &'a [(usize, Fault)],
    /// The time limit of the command, without the removal of its objects.
    pub(crate) timeout: Duration,
    /// The keys of the published proof before the run; `None` where nobody publishes.
    pub(crate) before: Option<Value>,
    /// True if the command names a control namespace, so that its verdict without faults is *ready*.
    pub(crate) has_control: bool,
}

impl Trial<'_> {
    /// Returns a sentence for each broken promise of a run.
    pub(crate) fn violations(&self) -> Vec<String> {
        let checks = [
            self.unearned(),
            self.blamed(),
            self.left(),
            self.foreign(),
            self.imagined(),
            self.exposed(),
            self.late(),
            self.interrupted(),
            self.unreported(),
            self.undeserved(),
            self.stayed(),
            self.published(),
        ];
        checks.into_iter().flatten().collect()
    }

    fn passed(&self) -> bool {
        matches!(self.ended.code, Some(0 | 6)) || self.verdict().is_some_and(|it| it.starts_with("ready"))
    }

    fn verdict(&self) -> Option<String> {
        self.report.as_ref().map(|report| text(report, "/verdict"))
    }

    /// A verdict "ready" needs the whole evidence of a probe in each place, and of the control pod beside it.
    fn unearned(&self) -> Option<String> {
        let (made, visited) = (self.history.made(), self.history.visited());
        let is_probe = |pod: &&str| {
            made.iter().any(|(_, key)| key.1 == NAMESPACE && key.2 == *pod)
                || visited.iter().any(|(visited, _)| visited == pod)
        };
        let whole: BTreeSet<_> = self.history.whole().into_iter().filter(is_probe).collect();
        let requests = self.history.requests();
        let listed = requests.iter().position(|request| request.contains("/api/v1/nodes?"));
        // A node that was lost before the run read the nodes is no place.
        let is_lost = |(number, fault): &(usize, Fault)| *fault == Fault::NodeGone && Some(*number) <= listed;
        let places = PLACES - usize::from(self.faults.iter().any(is_lost));
        let of_control: BTreeSet<_> =
            self.history.whole().into_iter().filter(|pod| pod.contains("-control-")).collect();
        let unearned = whole.len() < places || (self.has_control && of_control.len() < places);
        (self.passed() && unearned).then(|| {
            format!("ready with the whole evidence of {whole:?} and of the control pods {of_control:?} alone")
        })
    }

    /// No fault of the cluster makes a hardened workload unready, and none is a wrong usage.
    fn blamed(&self) -> Option<String> {
        match self.ended.code {
            Some(1) => Some(format!("not ready, though nothing is wrong: {}", self.unmet())),
            Some(2) => Some(format!("wrong usage, though the command line is right: {}", self.ended.errors)),
            _ => None,
        }
    }

    fn unmet(&self) -> String {
        let sandboxes = self.report.as_ref().and_then(|report| report["sandboxes"].as_array());
        let findings = sandboxes.into_iter().flatten();
        let findings = findings.flat_map(|sandbox| sandbox["findings"].as_array().into_iter().flatten());
        let unmet = findings.filter(|finding| finding["outcome"] == "unmet");
        unmet.map(|finding| text(finding, "/id")).collect::<Vec<_>>().join(", ")
    }

    /// A visit ends with the run, or is named.
    fn stayed(&self) -> Option<String> {
        let said = format!("{}{}", self.ended.output, self.ended.errors);
        let is_named =
            |(pod, container): &(String, String)| said.contains(&format!("{container} in pod {pod}"));
        let stayed = open_visits(self.cluster, self.history);
        let unnamed: Vec<_> = stayed.iter().filter(|visit| !is_named(visit)).collect();
        match self.ended.code? {
            0 if !stayed.is_empty() => Some(format!("ready, and {stayed:?} run on")),
            _ => (!unnamed.is_empty()).then(|| format!("{unnamed:?} run on and are not named")),
        }
    }

    fn published(&self) -> Option<String> {
        let verdict = self.verdict().unwrap_or_default();
        publication::broken(self.before.as_ref()?, &self.cluster.proof()?, self.ended.code, &verdict)
    }

    /// Every object that was made is deleted, or named with the command that removes it.
    fn left(&self) -> Option<String> {
        let left = left(self.cluster, self.history);
        let said = format!("{}{}", self.ended.output, self.ended.errors);
        let named = said.contains("controller cleanup --namespace");
        match self.ended.code? {
            _ if left.is_empty() => None,
            0 => Some(format!("ready, and {left:?} is left")),
            _ => (!named).then(|| format!("{left:?} is left and not named")),
        }
    }

    /// Nothing is deleted that the controller did not make.
    fn foreign(&self) -> Option<String> {
        foreign(self.history, &self.history.made().iter().map(|(uid, _)| *uid).collect())
    }

    /// An event that a watch misses keeps no object from its removal, and what is removed is not named.
    fn imagined(&self) -> Option<String> {
        let is_missed = matches!(self.faults, [(_, Fault::Missed(_))]);
        let is_imagined =
            is_missed && self.ended.code == Some(6) && left(self.cluster, self.history).is_empty();
        is_imagined.then(|| format!("names what is not there: {}", self.ended.output))
    }

    /// No Service leads to a probe, or the report says so. One that comes after the second reading finds probes that are being removed.
    fn exposed(&self) -> Option<String> {
        let (service, pod) = services::exposed(self.cluster)?;
        let said = &self.ended.output;
        let is_said =
            said.contains(&format!("the Service {service} ")) || said.contains("may have led to a probe");
        let requests = self.history.requests();
        let read = requests.iter().rposition(|request| request.contains("/services?"));
        let came = |(number, fault): &(usize, Fault)| *fault == Fault::ServiceCame && Some(*number) > read;
        let is_excused = matches!(self.ended.code, None | Some(130)) || self.faults.iter().any(came);
        (!is_said && !is_excused).then(|| format!("{service} led to {pod}, and nothing says so: {said}"))
    }

    fn late(&self) -> Option<String> {
        let took = self.ended.took;
        let is_late = took > self.timeout + REMOVAL;
        is_late.then(|| format!("ended after {took:?}, with a timeout of {:?}", self.timeout))
    }

    /// A signal ends a run with its own exit code, and nothing else does.
    fn interrupted(&self) -> Option<String> {
        let told = self
            .faults
            .iter()
            .any(|(number, fault)| *fault == Fault::Interrupt && *number < self.history.requests().len());
        let code = self.ended.code?;
        (told != (code == 130)).then(|| format!("exit code {code}, with a signal: {told}"))
    }

    /// A creation, a deletion, an exec or a watch of pods that fails once is made again, and costs no verdict.
    fn undeserved(&self) -> Option<String> {
        let requests = self.history.requests();
        let &[(number, fault)] = self.faults else { return None };
        let acts = |request: &&String| {
            !request.starts_with("GET") || request.contains("/exec?") || fault == Fault::Forbidden
        };
        if matches!(fault, Fault::CutStream(_) | Fault::Stall(_)) && self.ended.took >= self.timeout {
            return Some("a stream that broke once cost the whole time".to_owned());
        }
        let fails_once = passes(fault) && self.has_control;
        let act = requests.get(number).filter(acts).filter(|act| fails_once && fault.meets(act))?;
        let code = self.ended.code?;
        (code != 0).then(|| format!("exit code {code} after a fault that passed, at {act}"))
    }

    /// A verdict has a report that agrees with it.
    fn unreported(&self) -> Option<String> {
        let code = self.ended.code?;
        let verdict = self.verdict();
        let agrees = match code {
            0 | 6 => matches!(verdict.as_deref(), Some("ready" | "ready-with-warnings")),
            1 => verdict.as_deref() == Some("not-ready"),
            3 => verdict.as_deref() == Some("undetermined"),
            5 => verdict.is_some(),
            _ => true,
        };
        (!agrees).then(|| format!("exit code {code} with the verdict {verdict:?}"))
    }
}

/// Returns true for a fault that passes: the same request succeeds a moment later.
const fn passes(fault: Fault) -> bool {
    matches!(fault, Fault::CutBefore | Fault::CutAfter | Fault::Status(429 | 500 | 503) | Fault::Forbidden)
}

/// Returns what a command deleted besides the objects that were made.
pub(crate) fn foreign(history: &History, made: &BTreeSet<&str>) -> Option<String> {
    let foreign: Vec<_> = history.deleted().into_iter().filter(|(uid, _)| !made.contains(uid)).collect();
    (!foreign.is_empty()).then(|| format!("deleted {foreign:?}, which it did not make"))
}

/// Returns the objects that a command made and that are still there.
pub(crate) fn left(cluster: &Cluster, history: &History) -> Vec<String> {
    let there = |uid: &str, object: Option<Value>| object.is_some_and(|it| text(&it, "/metadata/uid") == uid);
    let left = history.made().into_iter().filter(|(uid, key)| there(uid, cluster.get(key)));
    left.map(|(_, key)| format!("{}/{}", key.0, key.2)).collect()
}
