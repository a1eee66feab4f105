//! The arguments that name a cluster, for commands that need little else.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Place {
    /// The namespace that is judged
    #[arg(long, short, value_name = "NAME")]
    pub(in crate::cli) namespace: String,
    /// The namespace of the control
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) control_namespace: Option<String>,
    /// The kubeconfig [default: KUBECONFIG, ~/.kube/config, or the pod's service account]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) context: Option<String>,
}
