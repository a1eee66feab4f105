//! The arguments that name a cluster, for commands that need little else.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(super) struct Place {
    /// The namespace that is judged
    #[arg(long, short, value_name = "NAME")]
    pub(super) namespace: String,
    /// The namespace of the control
    #[arg(long, value_name = "NAME")]
    pub(super) control_namespace: Option<String>,
    /// The kubeconfig [default: KUBECONFIG, ~/.kube/config, or the pod's service account]
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,
}
