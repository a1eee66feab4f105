//! The arguments for labels and annotations that the pods of a run bear besides.

use clap::Args;

use super::{
    policy::{PolicyRefused, Sources},
    settings::{Names, Setting, listed},
};
use crate::{
    judge::policy::file::Read,
    run::cluster::manifest::{Marks, is_harmless},
    support::names::DOMAIN,
};

/// A label or an annotation, as key and value.
type Mark = (String, String);

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// A label of the run's pods, for a policy or webhook that demands or reads it; a workload's label stays as it is. May be
    /// repeated
    #[arg(
        long = "probe-label",
        value_name = "KEY=VALUE",
        value_parser = label,
        help_heading = "In a cluster"
    )]
    probe_labels: Vec<Mark>,
    /// An annotation of the run's pods, such as one that keeps a webhook from changing them; may be repeated
    #[arg(
        long = "probe-annotation",
        value_name = "KEY=VALUE",
        value_parser = annotation,
        help_heading = "In a cluster"
    )]
    probe_annotations: Vec<Mark>,
}

/// The labels and annotations by flag, variable, policy file or default.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Settings {
    pub(in crate::cli) labels: Setting<Vec<Mark>>,
    pub(in crate::cli) annotations: Setting<Vec<Mark>>,
}

// === impl Arguments ===

impl Arguments {
    pub(in crate::cli) fn settings(&self, sources: &Sources) -> Result<Settings, PolicyRefused> {
        let some = |named: &Vec<Mark>| (!named.is_empty()).then(|| named.clone());
        Ok(Settings {
            labels: sources.setting(
                Names { flag: "--probe-label", variable: "PODPROOF_PROBE_LABELS" },
                some(&self.probe_labels),
                |text| listed(text, label),
                |read: &Read| Some(read.all_parsed(read.file.probe_labels.as_ref()?, label)),
                Vec::new(),
            )?,
            annotations: sources.setting(
                Names { flag: "--probe-annotation", variable: "PODPROOF_PROBE_ANNOTATIONS" },
                some(&self.probe_annotations),
                |text| listed(text, annotation),
                |read: &Read| Some(read.all_parsed(read.file.probe_annotations.as_ref()?, annotation)),
                Vec::new(),
            )?,
        })
    }
}

// === impl Settings ===

impl Settings {
    pub(in crate::cli) fn marks(&self) -> Marks {
        marks(&self.labels.value, &self.annotations.value)
    }
}

fn marks(labels: &[Mark], annotations: &[Mark]) -> Marks {
    Marks { labels: labels.iter().cloned().collect(), annotations: annotations.iter().cloned().collect() }
}

fn label(text: &str) -> Result<Mark, String> {
    pair(text)
}

/// Parses an annotation. Refuses one that would give the probe another network or sandbox than the workload has.
fn annotation(text: &str) -> Result<Mark, String> {
    let (key, value) = pair(text)?;
    if is_harmless(&key, &value) {
        Ok((key, value))
    } else {
        Err(format!(
            "{key} changes the pod's network or sandbox, so that the probe would not represent its pods"
        ))
    }
}

fn pair(text: &str) -> Result<Mark, String> {
    let split = text.split_once('=').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
    match split {
        Some((key, _)) if key.split('/').next() == Some(DOMAIN) => {
            Err(format!("keys of the domain {DOMAIN} belong to the product"))
        }
        Some((key, value)) if !key.is_empty() => Ok((key, value)),
        _ => Err("give KEY=VALUE, such as team=red".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_would_make_the_probe_another_pod_is_refused() {
        assert_eq!(label("team=red"), Ok(("team".into(), "red".into())));
        assert_eq!(label("empty="), Ok(("empty".into(), String::new())));
        for wrong in ["team", "=red", "podproof.dev/run=1"] {
            assert!(label(wrong).is_err(), "{wrong}");
        }
        assert!(annotation("sidecar.istio.io/inject=false").is_ok());
        for wrong in
            ["dev.gvisor.flag.net-raw=false", "k8s.v1.cni.cncf.io/networks=other", "podproof.dev/note=x"]
        {
            assert!(annotation(wrong).is_err(), "{wrong}");
        }
    }
}
