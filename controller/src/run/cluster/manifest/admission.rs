//! The effect of admission on a pod of a run. The admitted pod is compared with the pod that was sent, and each difference is
//! judged by its effect. A difference that may bind the probe otherwise, or change what it sees, refuses the pod. Every
//! other difference becomes a remark.

mod additions;
mod annotations;
mod comparison;
mod effect;

use std::fmt;

use k8s_openapi::api::core::v1::Pod;

use super::limits;
use crate::{
    case::{
        abridged::abridged,
        cluster::{PodView, Shared},
        limits::Limits,
    },
    support::names,
};
use comparison::differences;
use effect::Effect;

/// The most differences that one text names; it counts the rest.
const NAMED: usize = 4;

/// An admitted pod, as far as its evidence depends on it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Admission {
    /// The limits of the probe's own container.
    pub of_container: Limits,
    /// The limits of the pod's sandbox: of all containers together, with the overhead that the API server gave the pod.
    pub of_sandbox: Limits,
    /// True if the pod's resources were changed after its start.
    pub is_resized: bool,
    /// Mount points of volumes that admission gave the probe's container.
    pub mounts: Vec<String>,
    /// Why the pod has other resources or another user than usual; `None` for the usual pod.
    pub fitted: Option<String>,
    /// The differences that affect neither policies nor evidence, each by its path.
    pub remarks: Vec<String>,
}

/// The differences for which an admitted pod is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alteration {
    binding: Vec<String>,
    seeing: Vec<String>,
    escaping: Vec<String>,
}

/// Returns true if an annotation leaves a pod its network and its sandbox.
pub fn is_harmless(key: &str, value: &str) -> bool {
    matches!(annotations::effect(key, Some(value)), Effect::Neither | Effect::Usual)
}

/// Compares an admitted pod with the pod that was sent; `like` are the pods that it represents.
pub fn admission(sent: &Pod, admitted: &Pod, like: &[Shared<PodView>]) -> Result<Admission, Alteration> {
    let Some(differences) = differences(sent, admitted) else {
        return Err(Alteration::of("the admitted pod cannot be read"));
    };
    let mut alteration = Alteration { binding: Vec::new(), seeing: Vec::new(), escaping: Vec::new() };
    let mut remarks = Vec::new();
    let mut mounts = Vec::new();
    for difference in &differences {
        match Effect::of(difference, like) {
            Effect::Usual => (),
            Effect::Neither => {
                mounts.extend(additions::mount_points(difference));
                remarks.push(difference.named());
            }
            Effect::Binds => alteration.binding.push(difference.to_string()),
            Effect::Sees => alteration.seeing.push(difference.to_string()),
            Effect::Escapes => alteration.escaping.push(difference.to_string()),
        }
    }
    if !alteration.is_empty() {
        return Err(alteration);
    }
    remarks.sort();
    remarks.dedup();
    let of_container = limits::of_container(admitted, names::CONTAINER);
    let of_sandbox = limits::of_sandbox(admitted);
    Ok(Admission { of_container, of_sandbox, is_resized: false, mounts, fitted: None, remarks })
}

// === impl Admission ===

impl Admission {
    /// Returns the remarks on other resources or users, and on harmless differences.
    pub fn told(&self) -> Vec<String> {
        let fitted = self.fitted.as_ref().map(|why| {
            format!("the probe pod differs from the usual one, because the namespace refuses that: {why}")
        });
        let changed = self.changes().map(|changes| {
            format!("admission changed the probe pod, which affects neither its policies nor its evidence: {changes}")
        });
        fitted.into_iter().chain(changed).collect()
    }

    /// Returns the harmless differences as one text; `None` without one.
    pub fn changes(&self) -> Option<String> {
        (!self.remarks.is_empty()).then(|| listed(&self.remarks))
    }
}

// === impl Alteration ===

impl Alteration {
    pub(super) fn of(why: &str) -> Self {
        Self { binding: Vec::new(), seeing: vec![why.to_owned()], escaping: Vec::new() }
    }

    const fn is_empty(&self) -> bool {
        self.binding.is_empty() && self.seeing.is_empty() && self.escaping.is_empty()
    }
}

impl fmt::Display for Alteration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            ("other policies may bind it than bind the workload's pods", &self.binding),
            ("it may see another sandbox than the workload's pods have", &self.seeing),
            ("the run does not control it any more", &self.escaping),
        ];
        let told = kinds.iter().filter(|(_, changes)| !changes.is_empty());
        let told: Vec<_> = told.map(|(effect, changes)| format!("{effect} ({})", listed(changes))).collect();
        formatter.write_str(&told.join("; "))
    }
}

/// Joins the first few texts and counts the rest.
fn listed(all: &[String]) -> String {
    abridged(all, NAMED, "; ")
}

#[cfg(test)]
mod tests;
