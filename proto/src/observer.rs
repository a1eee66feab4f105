//! The one list of everything that can be observed; observers, facts and the evidence are made from it.

use serde::{Deserialize, Serialize};

use crate::{Observation, Observed, Refused, generated, limits};

/// Makes [`Observer`], [`Fact`] and [`Evidence`] from one list, so that none of them can lack what another has.
macro_rules! observers {
    ($($(#[$doc:meta])* $fact:ident, $field:ident, $id:literal;)+) => {
        /// Names a fact that the probe can look for.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Observer { $($(#[$doc])* $fact,)+ }

        /// One thing that was seen.
        #[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Fact { $($(#[$doc])* $fact(crate::$fact),)+ }

        /// Everything that one probe observed. A file that was saved before there was an observer lacks it, and reads as
        /// evidence in which it did not report.
        #[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
        #[serde(default)]
        pub struct Evidence { $($(#[$doc])* pub $field: Observation<crate::$fact>,)+ }

        impl Observer {
            /// Every observer, in the order in which they run by default.
            pub const ALL: &'static [Self] = &[$(Self::$fact,)+];

            /// The observer's name in reports and logs.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$fact => $id,)+ }
            }
        }

        impl Fact {
            /// Whose fact it is.
            pub const fn observer(&self) -> Observer {
                match self { $(Self::$fact(_) => Observer::$fact,)+ }
            }
        }

        impl Default for Evidence {
            /// Evidence before anything was observed.
            fn default() -> Self {
                Self { $($field: Observation::failed("the probe did not report it"),)+ }
            }
        }

        impl Evidence {
            /// Puts one result in its place. A fact of another observer is no result of this one.
            pub fn record(&mut self, Observed { observer, outcome }: Observed) -> Result<(), Refused> {
                match observer { $(
                    Observer::$fact => self.$field = outcome.map(|fact| match fact {
                        Fact::$fact(fact) => Ok(fact),
                        other => Err(Refused::ForeignFact { observer, fact: other.observer() }),
                    }).transpose()?,
                )+ }
                Ok(())
            }

            /// What each observer gave, in the list's order.
            pub fn outcomes(&self) -> Vec<Observed> {
                vec![$(Observed {
                    observer: Observer::$fact,
                    outcome: self.$field.clone().map(Fact::$fact),
                },)+]
            }
        }

        impl From<Observer> for generated::Observer {
            fn from(observer: Observer) -> Self {
                match observer { $(Observer::$fact => Self::$fact,)+ }
            }
        }

        impl TryFrom<i32> for Observer {
            type Error = Refused;

            fn try_from(value: i32) -> Result<Self, Refused> {
                match generated::Observer::try_from(value) {
                    $(Ok(generated::Observer::$fact) => Ok(Self::$fact),)+
                    Ok(generated::Observer::Unspecified) | Err(_) => {
                        Err(Refused::UnknownValue { field: "observer", value })
                    }
                }
            }
        }

        impl From<Fact> for generated::Fact {
            fn from(fact: Fact) -> Self {
                let fact = match fact { $(Fact::$fact(fact) => generated::fact::Fact::$fact(fact.into()),)+ };
                Self { fact: Some(fact) }
            }
        }

        impl TryFrom<generated::Fact> for Fact {
            type Error = Refused;

            fn try_from(generated::Fact { fact }: generated::Fact) -> Result<Self, Refused> {
                Ok(match limits::present("fact", fact)? {
                    $(generated::fact::Fact::$fact(fact) => Self::$fact(fact.try_into()?),)+
                })
            }
        }
    };
}

observers! {
    /// uname(2).
    KernelName, kernel_name, "kernel-name";
    /// `/proc/version`.
    KernelBanner, kernel_banner, "kernel-banner";
    /// syslog(2).
    KernelLog, kernel_log, "kernel-log";
    /// The vDSO image.
    VdsoImage, vdso_image, "vdso-image";
    /// The auxiliary vector.
    AuxiliaryVector, auxiliary_vector, "auxiliary-vector";
    /// The signal frame of a page fault.
    FaultFrame, fault_frame, "fault-frame";
    /// The word at gs:0.
    GsPointer, gs_pointer, "gs-pointer";
    /// The bytes of a call site that was used.
    CallSite, call_site, "call-site";
    /// The segment registers.
    SegmentRegisters, segment_registers, "segment-registers";
    /// How long a system call takes.
    CallDuration, call_duration, "call-duration";
    /// What the processor says of a hypervisor.
    ProcessorIdentity, processor_identity, "processor-identity";
    /// `/proc/sentry-meminfo`.
    SentryMeminfo, sentry_meminfo, "sentry-meminfo";
    /// The shape of `/proc`.
    ProcfsTree, procfs_tree, "procfs-tree";
    /// Signs that anybody can make.
    Markers, markers, "markers";
    /// How a set of harmless system calls answers.
    CallAnswers, call_answers, "call-answers";
    /// The kernel's boot id.
    BootId, boot_id, "boot-id";
    /// The memory that the kernel claims to have.
    MemoryTotal, memory_total, "memory-total";
    /// The processors that the kernel shows.
    Processors, processors, "processors";
    /// The files of the probe's control groups.
    Quotas, quotas, "quotas";
    /// User and group.
    Credentials, credentials, "credentials";
    /// Capability sets.
    Capabilities, capabilities, "capabilities";
    /// Seccomp mode and `no_new_privs`.
    Seccomp, seccomp, "seccomp";
    /// The probe's own namespaces.
    Namespaces, namespaces, "namespaces";
    /// Everything that is mounted.
    Mounts, mounts, "mounts";
    /// The root directory.
    RootFilesystem, root_filesystem, "root-filesystem";
    /// `/etc/passwd`, counted.
    AccountList, account_list, "account-list";
    /// `/etc/shadow`, counted.
    Shadow, shadow, "shadow";
    /// Device nodes.
    Devices, devices, "devices";
    /// Sockets of programs that govern the machine.
    HostSockets, host_sockets, "host-sockets";
    /// Credentials that are put into a sandbox, counted.
    Secrets, secrets, "secrets";
    /// Files of the kernel's by which the whole machine is read or changed.
    KernelFiles, kernel_files, "kernel-files";
    /// What a machine has and an image seldom has.
    HostSentinels, host_sentinels, "host-sentinels";
    /// What tells one machine from another, as digests.
    Identifiers, identifiers, "identifiers";
    /// Network interfaces.
    Interfaces, interfaces, "interfaces";
    /// Routes.
    Routes, routes, "routes";
    /// The defaults of the network stack.
    SocketDefaults, socket_defaults, "socket-defaults";
    /// The page in which gVisor keeps its clock, which is ready last.
    TimePage, time_page, "time-page";
    /// Attempts to reach targets.
    Egress, egress, "egress";
    /// The processor time that the probe gets.
    ProcessorShare, processor_share, "processor-share";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BootId, MemoryTotal};

    #[test]
    fn each_observer_survives_the_wire_and_has_a_name_of_its_own() {
        let mut names: Vec<_> = Observer::ALL.iter().map(|observer| observer.id()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Observer::ALL.len());
        for &observer in Observer::ALL {
            let number = generated::Observer::from(observer) as i32;
            assert_eq!(Observer::try_from(number), Ok(observer));
        }
    }

    #[test]
    fn the_unspecified_observer_is_refused() {
        assert_eq!(Observer::try_from(0), Err(Refused::UnknownValue { field: "observer", value: 0 }));
    }

    #[test]
    fn a_foreign_fact_is_refused_and_changes_nothing() {
        let mut evidence = Evidence::default();
        let outcome = Observation::Seen(Fact::MemoryTotal(MemoryTotal { bytes: 1 }));
        let refused = evidence.record(Observed { observer: Observer::BootId, outcome }).unwrap_err();
        assert_eq!(refused, Refused::ForeignFact { observer: Observer::BootId, fact: Observer::MemoryTotal });
        assert_eq!(evidence, Evidence::default());
    }

    #[test]
    fn what_was_recorded_is_listed_in_its_place() {
        let mut evidence = Evidence::default();
        let boot_id = BootId { uuid: "6c0f5f2e-0000-4000-8000-000000000000".into() };
        let observed =
            Observed { observer: Observer::BootId, outcome: Observation::Seen(Fact::BootId(boot_id)) };
        evidence.record(observed.clone()).unwrap();
        assert!(evidence.outcomes().contains(&observed));
        assert_eq!(evidence.outcomes().len(), Observer::ALL.len());
    }
}
