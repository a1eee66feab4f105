//! Errors of the commands that make a run or ask a cluster: each with its remedy and its exit code.

use super::{console::tell, signing::NotSigned};
use crate::{
    judge::exit::Exit,
    report::deliver::Undelivered,
    run::{
        RunError,
        cluster::{connect::ConnectError, lease::LeaseError, pods::Refusal, publish::PublishError, survey},
        local::{
            container::ContainerError,
            launch::LaunchError,
            survey::{UserNamespaces, user_namespaces},
        },
    },
    support::file,
};

/// An error of a command that makes a run or asks a cluster.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("failed to encode the evidence")]
    Encode(#[from] serde_json::Error),
    #[error("failed to save the evidence")]
    Save(#[from] file::Error),
    #[error("failed to write the report")]
    Deliver(#[from] Undelivered),
    #[error("failed to sign the verdict")]
    Sign(#[from] NotSigned),
    #[error("failed to publish the proof")]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error("failed to listen on the address of --listen")]
    Listen(#[source] std::io::Error),
    #[error("the API server did not take the proof in time")]
    PublishedLate,
    #[error("no proof was published: the run judged no pods of a namespace")]
    NothingToPublish,
}

/// The command that grants the permissions for launching probes.
const LAUNCHING: &str = "`controller rbac --namespace NAME | kubectl apply -f -` creates the Role of a run (add `--live` for running pods); then bind it to your account";

/// The command that grants the permissions for reading policies.
const READING: &str = "`controller rbac --namespace NAME --cluster | kubectl apply -f -` creates the roles that read workloads and policies; then bind them to your account";

/// The steps that let nodes pull the probe's image.
const PULLING: &str = "push the image where the nodes can pull it, by `controller image --push REF`; for a private registry, give `--image-pull-secret NAME`, a Secret that `kubectl create secret docker-registry NAME` makes in the namespace and in the control namespace; a pod that is examined in place pulls with its own pull secrets";

/// The command that shows if a cluster answers.
const REACHING: &str =
    "check the cluster by `kubectl get --raw /readyz`; --context and --kubeconfig name another cluster";

impl CommandError {
    /// Prints the error with its remedy. An interruption needs no words.
    pub(super) fn tell(&self) {
        if !matches!(self, Self::Run(RunError::Interrupted)) {
            tell(self, self.help());
        }
    }

    /// Returns the exit code of a command that ends with this error.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Run(RunError::Interrupted) => Exit::Interrupted,
            Self::Run(
                RunError::LocalPlan(_)
                | RunError::ClusterPlan(_)
                | RunError::Lookup(_)
                | RunError::Launch(
                    LaunchError::Bundle(_)
                    | LaunchError::Container(
                        ContainerError::NotFound { .. }
                        | ContainerError::Several { .. }
                        | ContainerError::NotRunning { .. },
                    ),
                )
                | RunError::NoProbe
                | RunError::ReadProbe { .. },
            ) => Exit::Usage,
            _ => Exit::CouldNotRun,
        }
    }

    fn help(&self) -> Option<&'static str> {
        match self {
            Self::Run(error) => of_run(error),
            Self::Encode(_) => Some("run the command again"),
            Self::Save(_) => Some("--save-evidence takes a file in an existing, writable folder"),
            Self::Sign(error) => Some(error.help()),
            Self::Publish(error) => Some(of_publication(error)),
            Self::Lease(error) if error.is_refused() => Some(
                "`controller rbac --namespace NAME --cluster --watch PROOFS | kubectl apply -f -` creates the roles of a watch; then \
                 bind them to its account",
            ),
            Self::Lease(_) => Some(REACHING),
            Self::Listen(_) => {
                Some("--listen takes a free address of this machine or this pod, such as 127.0.0.1:8791")
            }
            Self::PublishedLate => {
                Some("check the cluster by `kubectl get --raw /readyz`; the former proof ends by itself")
            }
            Self::NothingToPublish => Some("the report says why; the former proof ends by itself"),
            Self::Deliver(_) => Some(
                "--output takes FORMAT=FILE, a file in an existing, writable folder; the exit code is 4 whatever the verdict",
            ),
        }
    }
}

/// Returns the remedy for an error of a run.
fn of_run(error: &RunError) -> Option<&'static str> {
    match error {
        RunError::NoProbe => {
            Some("build the probe in with `make build`, or name a static probe with --probe PATH")
        }
        RunError::ReadProbe { .. } => {
            Some("--probe takes the path of a static probe; `make probe` builds one")
        }
        RunError::LocalPlan(_) => Some("install runsc, or name a runtime with --runtime"),
        RunError::Launch(LaunchError::Bundle(_)) => {
            Some("--bundle takes a folder with config.json and its root file system, as `runc spec` makes it")
        }
        RunError::Launch(LaunchError::Container(error)) => Some(of_container(error)),
        RunError::NotEntered { .. } => Some(
            "the container needs a mounted /proc for runc and crun; `--bundle DIR` judges a new sandbox of its bundle instead",
        ),
        RunError::Launch(LaunchError::Start { .. }) => Some(
            "--runtime takes the path of an OCI runtime; without a runtime, programs must be allowed to run in TMPDIR",
        ),
        RunError::Launch(LaunchError::Scratch { .. }) => Some("set TMPDIR to an existing, writable folder"),
        RunError::NotStarted { .. } if !nix::unistd::geteuid().is_root() => Some(without_root()),
        RunError::NotStarted { .. } => {
            Some("run the runtime by hand to see its own error, or name another runtime with --runtime")
        }
        RunError::Lookup(_) => {
            Some("give an address in place of the name, or a name that this machine can look up")
        }
        RunError::ClusterPlan(error) => Some(error.remedy()),
        RunError::Survey(survey::Error::NoSuchNamespace { .. }) => {
            Some("`kubectl get namespaces` lists the namespaces; --context names another cluster")
        }
        RunError::Survey(survey::Error::Reach(_)) | RunError::NoAnswer => Some(REACHING),
        RunError::Unpublishable(error) => Some(of_publication(error)),
        RunError::Blind(_) => Some(LAUNCHING),
        RunError::Unexplained(_) => Some(READING),
        RunError::Find { .. } => Some("`kubectl auth can-i list pods --namespace NAME` must say yes"),
        RunError::Connect(error) => Some(of_connection(error)),
        RunError::NoneLaunched { reasons }
            if reasons.iter().any(|reason| matches!(reason, Refusal::Permission(_))) =>
        {
            Some(LAUNCHING)
        }
        RunError::NoneLaunched { reasons }
            if reasons.iter().any(|reason| matches!(reason, Refusal::NotPulled(_))) =>
        {
            Some(PULLING)
        }
        RunError::NoneLaunched { .. } => Some(
            "the report has the findings of the cluster; `controller plan` shows the pods that a run creates",
        ),
        RunError::Manifest(_) => Some("run the command again"),
        RunError::Interrupted | RunError::Random(_) | RunError::Signals(_) | RunError::Listen(_) => None,
    }
}

/// Returns the remedy for a container that cannot be examined.
const fn of_container(error: &ContainerError) -> &'static str {
    match error {
        ContainerError::NotFound { .. } => {
            "name its runtime by --runtime, and the folder with the runtime's state by --root; `RUNTIME --root DIR list` lists the \
             containers of a folder"
        }
        ContainerError::Several { .. } => "name one of them by --runtime and --root",
        ContainerError::NotRunning { .. } => {
            "start the container, or judge a new sandbox of its bundle by --bundle DIR"
        }
        ContainerError::NoWay { .. } => {
            "use a newer release of the runtime, or judge a new sandbox of the same bundle by --bundle DIR"
        }
        ContainerError::Bundle(_) => {
            "run the command as the user who may read the container's bundle, usually root"
        }
        ContainerError::Prepare { .. } => "set TMPDIR to an existing, writable folder",
    }
}

/// Returns the remedy for a proof that was not published.
const fn of_publication(error: &PublishError) -> &'static str {
    match error {
        PublishError::Connect(error) => of_connection(error),
        PublishError::NoPlace { .. } | PublishError::Read { .. } | PublishError::Write { .. } => {
            "`controller gate --namespace NAME --runtime-class CLASS | kubectl apply -f -` makes the proof's place and the role of \
             its writer"
        }
        PublishError::Younger { .. } => "the younger proof stays; make a new run to renew it",
        PublishError::NoTime => {
            "the answers of the API server must have a Date; a proxy before it may drop the header"
        }
    }
}

/// Returns the remedy for a connection that cannot be made.
const fn of_connection(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Kubeconfig(_) | ConnectError::Nowhere(_) | ConnectError::Client(_) => {
            "set KUBECONFIG, or give --kubeconfig FILE and --context NAME"
        }
        ConnectError::Missing { .. } => {
            "correct KUBECONFIG, or give --kubeconfig FILE; without the variable, ~/.kube/config or the pod's service account counts"
        }
        ConnectError::Content => {
            "KUBECONFIG and --kubeconfig take the path of a file, never its content: in a pipeline, write the secret into a file first"
        }
        ConnectError::Credential(_) => {
            "log in as for kubectl until `kubectl get --raw /readyz` answers, or name another account by --context NAME"
        }
        ConnectError::Proxy(_) => {
            "give a URL such as http://proxy.example:3128; NO_PROXY excepts the API server from HTTPS_PROXY"
        }
        ConnectError::NoUser { .. } => "name the user by --as USER, or by `as` in the kubeconfig",
    }
}

/// Returns the remedy for an ordinary user's sandbox that did not start. The machine's settings are explained in
/// namespaces(7); Debian's kernel, `kernel/sysctl.c`; AppArmor, "unprivileged user namespaces".
fn without_root() -> &'static str {
    match user_namespaces() {
        UserNamespaces::None => {
            "runsc without root needs a user namespace, and this machine allows none (`sysctl user.max_user_namespaces` is 0): \
             raise the setting, or run the command again with sudo"
        }
        UserNamespaces::OfRoot => {
            "runsc without root needs a user namespace, and this machine allows only root to make one (`sysctl \
             kernel.unprivileged_userns_clone` is 0): set it to 1, or run the command again with sudo"
        }
        UserNamespaces::OfProfiles => {
            "runsc without root needs a user namespace, and this machine allows one only to programs with their own AppArmor \
             profile (`sysctl kernel.apparmor_restrict_unprivileged_userns` is 1): give runsc a profile, or run the command \
             again with sudo"
        }
        UserNamespaces::Allowed => {
            "OCI runtimes usually need root, and runsc without root needs a bundle without network (`--network=none`): run the \
             command again with sudo"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn helps_to_pull(reason: Refusal) -> bool {
        let error = CommandError::Run(RunError::NoneLaunched { reasons: vec![reason] });
        error.help().is_some_and(|help| help.contains("--image-pull-secret NAME"))
    }

    #[test]
    fn an_image_that_no_node_can_pull_has_its_own_remedy() {
        assert!(helps_to_pull(Refusal::NotPulled("ImagePullBackOff: 401 Unauthorized".into())));
        assert!(!helps_to_pull(Refusal::NotStarted("ImagePullBackOff: 401 Unauthorized".into())));
    }
}
