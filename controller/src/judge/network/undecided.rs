//! Inconclusive findings of the network. Each has the step that changes it, so that no advice leads back to itself.

use crate::case::cluster::Unreadable;

/// Why nothing is shown, and the step that changes that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::judge) struct Undecided {
    /// The reason, as a part of a sentence.
    pub(in crate::judge) why: String,
    /// The user's next step.
    pub(in crate::judge) step: Step,
}

/// A step of the user that changes an inconclusive finding.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Step {
    /// Run it with attempts.
    Attempt,
    /// Run it again: something failed or changed meanwhile.
    RunAgain,
    /// Grant a missing permission.
    Permit,
    /// Name a control namespace.
    NameControl,
    /// Mend what kept the control from running.
    MendControl,
    /// Let the control reach its own listener.
    OpenControl,
    /// Let the probe reach the listener, or choose another control namespace.
    AdmitProbe,
    /// Choose a control namespace that no policy binds.
    FreeControl,
    /// Write a policy in a kind that is evaluated.
    Rewrite,
    /// Let a policy name addresses in place of pods.
    NameAddresses,
    /// Close what the sandbox reached.
    Close,
    /// Select pods by labels that probe and workload share.
    SelectAlike,
    /// Keep pods with another network apart.
    Separate,
    /// Accept a device that is no network interface.
    AcceptDevice,
    /// Give the sandbox a single network interface.
    OneInterface,
    /// Use a sandbox without a network.
    NoNetwork,
    /// Name a target that answers.
    NameTarget,
    /// Give the Service of the API server an address.
    ServeApi,
    /// Try a metadata service.
    TryMetadata,
    /// Name a name server.
    NameServer,
    /// Let a destination answer the control.
    Answer,
    /// Give the control an address of the sandbox's family.
    GiveFamily,
    /// Allow less, so that the run's own listener is forbidden.
    AllowLess,
    /// Mount less of the machine.
    MountLess,
    /// Take the pods out of a mesh or proxy.
    Unintercept,
    /// Close TCP to a name server.
    CloseTcp,
    /// Let the sandbox's kernel tell the age of its processes.
    ShowAge,
    /// Name the RuntimeClass of pods that do not exist yet.
    NameClass,
}

// === impl Step ===

impl Step {
    /// Returns a reason that this step changes.
    pub(in crate::judge) fn because(self, why: impl Into<String>) -> Undecided {
        Undecided { why: why.into(), step: self }
    }

    /// Returns the step after a read that failed.
    pub(in crate::judge) const fn after(unreadable: &Unreadable) -> Self {
        if unreadable.forbidden { Self::Permit } else { Self::RunAgain }
    }

    /// Returns the step as a fragment of a sentence.
    const fn words(self) -> &'static str {
        match self {
            Self::Attempt => "run it without `--no-network`",
            Self::RunAgain => "run it again",
            Self::Permit => {
                "grant what `controller rbac` prints, and for other kinds the permission to list them"
            }
            Self::NameControl => "name a namespace that no policy binds by `--control-namespace NAME`",
            Self::MendControl => "mend that, and run it again",
            Self::OpenControl => {
                "let the control reach its own listener, which a policy or a firewall may close"
            }
            Self::AdmitProbe | Self::FreeControl => {
                "give `--control-namespace` a namespace that no policy binds"
            }
            Self::Rewrite => "write such policies in a kind that is evaluated, such as NetworkPolicy",
            Self::NameAddresses => "let the policies name addresses and ports in place of pods",
            Self::Close => "close it by a policy",
            Self::SelectAlike => {
                "select pods by labels that the workload's pods have, by no service account, and by no label of the domain `podproof.dev`"
            }
            Self::Separate => "keep such pods in a namespace of their own",
            Self::AcceptDevice => {
                "if it is none, accept its DeviceClass under `accepted-devices` in the policy file; otherwise keep such pods in a \
                 namespace of their own"
            }
            Self::OneInterface => {
                "leave one interface to the sandbox, by the configuration of the cluster's CNI plugin (`defaultNetworks` of Multus, \
                 `ENABLE_V4_EGRESS=false` of Amazon's) or of the sandbox"
            }
            Self::NoNetwork => {
                "use a sandbox with no interface but loopback (`--runtime 'runsc --network=none'`)"
            }
            Self::NameTarget => {
                "name a host that answers outside the sandbox, and that the profile forbids, by `--egress-target HOST:PORT`"
            }
            Self::ServeApi => {
                "let the Service `kubernetes` of the namespace `default` have an address, and run it again"
            }
            Self::TryMetadata => {
                "leave out `--no-default-targets`, or name one by `--egress-target 169.254.169.254:80`"
            }
            Self::NameServer => "name one by `--egress-target HOST:53/dns`",
            Self::Answer => "correct the destination, or let it answer outside the sandbox",
            Self::GiveFamily => "give the control an address of that family",
            Self::AllowLess => {
                "let `--allow` name single addresses, or a port of their network (`ADDRESS/BITS:PORT`)"
            }
            Self::MountLess => "mount only what the workload needs",
            Self::Unintercept => "take the pods out of the mesh, or out of the proxy's redirection",
            Self::CloseTcp => "close TCP to it, or let it give no outside name",
            Self::ShowAge => "let the sandbox's `/proc` tell when its processes began",
            Self::NameClass => "name the class of pods that do not exist yet by `--runtime-class NAME`",
        }
    }
}

// === impl Undecided ===

impl Undecided {
    /// Returns the whole sentence, and the step at its end.
    pub(in crate::judge) fn into_parts(self) -> (String, Step) {
        let Self { why, step } = self;
        (why + "; " + step.words(), step)
    }
}

#[cfg(test)]
mod tests;
