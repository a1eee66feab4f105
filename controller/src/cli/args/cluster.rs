//! The arguments that name a cluster, its namespaces and the probe's image.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{object_name, target::TargetRefused};
use crate::{
    cli::verify::time,
    image,
    run::cluster::{connect::Login, manifest::PodImage},
};

/// The namespaces of a run.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Namespaces {
    /// The namespace whose pods are judged
    #[arg(long, short, value_name = "NAME", help_heading = "Target")]
    namespace: Option<String>,
    /// The namespace of the control pods, whose policies let the probes reach port 8790 [default: no control pods]
    #[arg(long, value_name = "NAME", requires = "namespace", help_heading = "In a cluster")]
    pub(in crate::cli) control_namespace: Option<String>,
}

/// The cluster, as kubectl names it.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Cluster {
    /// The kubeconfig file [default: KUBECONFIG, ~/.kube/config, or the pod's service account]
    #[arg(long, value_name = "FILE", requires = "namespace", help_heading = "In a cluster")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: the current context]
    #[arg(long, value_name = "NAME", requires = "namespace", help_heading = "In a cluster")]
    context: Option<String>,
    /// The user to act as, if the account may impersonate users [default: the kubeconfig's own]
    #[arg(long = "as", value_name = "USER", requires = "namespace", help_heading = "In a cluster")]
    user: Option<String>,
    /// A group of the user to act as; may be repeated
    #[arg(long = "as-group", value_name = "GROUP", requires = "namespace", help_heading = "In a cluster")]
    groups: Vec<String>,
}

/// The time of a command that asks a cluster and makes no run.
#[derive(Args, Clone, Copy, Debug)]
#[group(skip)]
pub(in crate::cli) struct Patience {
    /// Time for the credential plugin and for all answers of the API server, such as 30s or 2m
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "60s", help_heading = "In a cluster")]
    pub(in crate::cli) timeout: Duration,
}

/// The image of the probe.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Image {
    /// The reference of the probe's image, as the nodes pull it [default: the build's `PODPROOF_IMAGE`, if it was set]
    #[arg(long, value_name = "REF", requires = "namespace", help_heading = "In a cluster")]
    image: Option<String>,
    /// The name of a Secret by which nodes may pull the image from a private registry, in the namespace and in the control namespace;
    /// may be repeated [default: the pull secrets of the service account `default`]
    #[arg(
        long = "image-pull-secret",
        value_name = "NAME",
        value_parser = pull_secret,
        requires = "namespace",
        help_heading = "In a cluster"
    )]
    pull_secrets: Vec<String>,
}

// === impl Namespaces ===

impl Namespaces {
    /// Returns the namespace; `None` if the flag is missing.
    pub(in crate::cli) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Returns the namespace of a command that requires one.
    pub(in crate::cli) fn required(&self) -> Result<&str, TargetRefused> {
        self.namespace().ok_or(TargetRefused::NoNamespace)
    }
}

// === impl Cluster ===

impl Cluster {
    /// Returns how the command logs in.
    pub(in crate::cli) fn login(self) -> Login {
        let Self { kubeconfig, context, user, groups } = self;
        Login { kubeconfig, context, user, groups }
    }
}

// === impl Image ===

impl Image {
    /// Returns the image that the flag names, or the default image of this build; `None` without either.
    pub(in crate::cli) fn named(&self) -> Option<PodImage> {
        let reference = self.image.as_deref().or_else(|| image::default_reference())?.to_owned();
        let mut pull_secrets = Vec::new();
        for name in &self.pull_secrets {
            // The API server takes each name once.
            if !pull_secrets.contains(name) {
                pull_secrets.push(name.clone());
            }
        }
        Some(PodImage { reference, pull_secrets })
    }
}

/// Reads the name of a Secret. The API server would admit a pod with a name that no Secret can have.
fn pull_secret(text: &str) -> Result<String, String> {
    object_name::read(text, "Secret", "registry")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pull_secret_is_named_once() {
        let image = Image {
            image: Some("registry.example/probe:1".into()),
            pull_secrets: ["first", "second", "first"].map(str::to_owned).into(),
        };
        assert_eq!(image.named().unwrap().pull_secrets, ["first", "second"]);
    }

    #[test]
    fn a_name_that_no_secret_can_have_is_refused() {
        assert_eq!(pull_secret("registry"), Ok("registry".to_owned()));
        assert!(pull_secret("first,second").is_err() && pull_secret("").is_err());
    }
}
