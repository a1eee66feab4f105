//! The arguments that name a namespace of a cluster, and select the probes for it.

use std::{collections::BTreeMap, time::Duration};

use clap::Args;

use super::{
    cluster::{Cluster, Image, Namespaces},
    live, marks,
};

use crate::cli::{console::tell, verify};
use crate::{
    case::cluster::{Labels, kind_and_name},
    image::embedded,
    judge::exit::Exit,
    plan::cluster::{Maker, MostProbes, Nodes, Probes},
    run::cluster::{
        Target,
        manifest::{Marks, PodImage},
    },
    support::architecture::Architecture,
};

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    namespaces: Namespaces,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    image: Image,
    /// The digest of a probe image that this controller did not make, of this controller's architecture or of a named one, such as
    /// arm64=SHA256; may be repeated [default: the digests of its own images]
    #[arg(long = "image-digest", value_name = "SHA256", value_parser = digest, requires = "namespace", help_heading = "In a cluster")]
    digests: Vec<(Architecture, String)>,
    /// The nodes that get a probe: all, per-pool (one node of each pool), or names separated by commas
    #[arg(long, value_name = "NODES", default_value = "per-pool", value_parser = nodes, help_heading = "In a cluster")]
    nodes: Nodes,
    /// The only workload to probe for, such as deployment/web [default: every workload]
    #[arg(long, value_name = "KIND/NAME", value_parser = kind_and_name, requires = "namespace", help_heading = "In a cluster")]
    like: Option<(String, String)>,
    /// The RuntimeClass of pods that do not exist yet, to probe for them too
    #[arg(long, value_name = "NAME", requires = "namespace", help_heading = "In a cluster")]
    runtime_class: Option<String>,
    /// Labels of the pods that do not exist yet, so that the same policies select the probe [default: no labels]
    #[arg(long, value_name = "KEY=VALUE,…", value_parser = labels, requires = "runtime_class", help_heading = "In a cluster")]
    labels: Option<Labels>,
    #[command(flatten)]
    live: live::Arguments,
    #[command(flatten)]
    pub(in crate::cli) marks: marks::Arguments,
    /// The node label that names a node's pool [default: the labels of known providers]
    #[arg(long, value_name = "KEY", requires = "namespace", help_heading = "In a cluster")]
    pool_label: Option<String>,
    /// A node pool that must be probed, even if it has no node now; may be repeated
    #[arg(long = "expect-pool", value_name = "NAME", requires = "namespace", help_heading = "In a cluster")]
    expected_pools: Vec<String>,
    /// The most probes that run at once, from 1 to 256 [default: 8, and up to 64 for many probes]
    #[arg(long, value_name = "NUMBER", value_parser = parallel, help_heading = "In a cluster")]
    parallel: Option<usize>,
    /// The most probes that a run makes, from 1 to 4096; pods beyond have no verdict, and are named
    #[arg(long, value_name = "NUMBER", default_value_t = MostProbes::default().0, value_parser = most_probes, help_heading = "In a cluster")]
    max_probes: usize,
    /// The time that each pod of the run has to start, its image's pull included
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = verify::time, help_heading = "In a cluster")]
    start_timeout: Duration,
    /// The time to wait for a node where none can run a workload's pods, so that an autoscaler adds one [default: no wait]
    #[arg(long, value_name = "TIME", value_parser = verify::time, requires = "namespace", help_heading = "In a cluster")]
    wait_for_nodes: Option<Duration>,
}

/// The commands that push an image and verify with it.
const IMAGE: &str = "put the probe's image where the nodes can pull it, and name it:\n  controller image --push REF\n  \
                     controller verify --namespace NAME --image REF";

/// A missing argument of a run in a cluster.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum TargetRefused {
    #[error("no image of the probe was named")]
    NoImage,
    #[error("no namespace was named")]
    NoNamespace,
}

impl TargetRefused {
    pub(in crate::cli) fn tell(&self) -> Exit {
        let help = match self {
            Self::NoNamespace => "name the namespace with --namespace NAME",
            Self::NoImage => IMAGE,
        };
        tell(self, Some(help));
        Exit::Usage
    }
}

impl Arguments {
    /// Returns the target of a run in a cluster; `None` if no namespace was named.
    pub(in crate::cli) fn target(self, marks: Marks) -> Result<Option<Target>, TargetRefused> {
        let Some(namespace) = self.namespaces.namespace().map(str::to_owned) else { return Ok(None) };
        let image = self.image.named().ok_or(TargetRefused::NoImage)?;
        Ok(Some(self.complete(namespace, image, marks)))
    }

    /// Returns the target of a run that is only asked about, and the probe's image. Without an image, which is `None` then, the image
    /// of the target is empty.
    pub(in crate::cli) fn foreseen(self, marks: Marks) -> Result<(Target, Option<PodImage>), TargetRefused> {
        let namespace = self.namespaces.required()?.to_owned();
        let image = self.image.named();
        Ok((self.complete(namespace, image.clone().unwrap_or_default(), marks), image))
    }

    fn complete(self, namespace: String, image: PodImage, marks: Marks) -> Target {
        let mut named = BTreeMap::<_, Vec<_>>::new();
        for (architecture, digest) in self.digests {
            named.entry(architecture).or_default().push(digest);
        }
        let own = || Probes::of(embedded::digests(), Maker::Controller);
        let probes = if named.is_empty() { own() } else { Probes::of(named, Maker::Other) };
        Target {
            login: self.cluster.login(),
            namespace,
            control_namespace: self.namespaces.control_namespace,
            pool_label: self.pool_label,
            expected_pools: self.expected_pools,
            nodes: self.nodes,
            like: self.like,
            to_come: self.runtime_class.map(|class| (class, self.labels.unwrap_or_default())),
            image,
            probes,
            marks,
            start_timeout: self.start_timeout,
            parallel: self.parallel,
            most_probes: MostProbes(self.max_probes),
            wait_for_nodes: self.wait_for_nodes,
            live: self.live.live(),
            visitors_user: self.live.user(),
            startup_taint: None,
            keeper: None,
        }
    }
}

fn nodes(text: &str) -> Result<Nodes, String> {
    let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
    match text {
        "all" => Ok(Nodes::All),
        "per-pool" => Ok(Nodes::PerPool),
        _ if names.iter().all(|name| !name.is_empty()) => Ok(Nodes::Named(names)),
        _ => Err("give all, per-pool, or names of nodes separated by commas".to_owned()),
    }
}

pub(super) fn labels(text: &str) -> Result<Labels, String> {
    let label = |pair: &str| {
        let (key, value) = pair.split_once('=').filter(|(key, _)| !key.is_empty())?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    let labels: Option<Labels> = text.split(',').map(label).collect();
    labels.ok_or_else(|| "give labels as KEY=VALUE, separated by commas".to_owned())
}

fn digest(text: &str) -> Result<(Architecture, String), String> {
    let (architecture, digest) = match text.split_once('=') {
        Some((name, digest)) => {
            (Architecture::named(name).ok_or("the architecture of a digest is amd64 or arm64")?, digest)
        }
        None => (Architecture::OWN, text),
    };
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok((architecture, format!("sha256:{}", hex.to_lowercase())))
    } else {
        Err("give a digest such as sha256:0123…, 64 hexadecimal digits".to_owned())
    }
}

fn parallel(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=256) => Ok(number),
        _ => Err("give a number from 1 to 256".to_owned()),
    }
}

fn most_probes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=4096) => Ok(number),
        _ => Err("give a number from 1 to 4096".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_all_or_per_pool_or_named() {
        assert_eq!(nodes("all"), Ok(Nodes::All));
        assert_eq!(nodes("per-pool"), Ok(Nodes::PerPool));
        assert_eq!(nodes("one,two"), Ok(Nodes::Named(vec!["one".into(), "two".into()])));
        assert!(nodes("one,,two").is_err() && nodes("").is_err());
    }

    #[test]
    fn a_digest_may_name_its_architecture() {
        let hex = "ab".repeat(32);
        let named = |name: &str| digest(&format!("{name}={hex}"));
        assert_eq!(named("arm64"), Ok((Architecture::Arm, format!("sha256:{hex}"))));
        assert_eq!(named("amd64"), Ok((Architecture::X86, format!("sha256:{hex}"))));
        assert!(named("s390x").is_err() && digest("arm64=").is_err());
    }

    #[test]
    fn malformed_labels_and_digests_are_refused() {
        assert_eq!(
            labels("app=web,tier="),
            Ok([("app", "web"), ("tier", "")].map(|(k, v)| (k.into(), v.into())).into())
        );
        assert!(labels("app").is_err() && labels("=web").is_err());
        assert!(digest("sha256:12").is_err());
        assert_eq!(digest(&"AB".repeat(32)), Ok((Architecture::OWN, format!("sha256:{}", "ab".repeat(32)))));
    }
}
