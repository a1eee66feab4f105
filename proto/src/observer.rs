//! The single list of everything that can be observed, from which observers, facts and the evidence are made.

use serde::{Deserialize, Serialize};

use crate::{Observation, Observed, Refused, generated, limits};

/// Makes [`Observer`], [`Fact`] and [`Evidence`] from one list, so that they always have the same entries.
macro_rules! observers {
    ($($(#[$doc:meta])* $fact:ident, $field:ident, $id:literal;)+) => {
        /// The name of a fact that the probe can look for.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Observer { $($(#[$doc])* $fact,)+ }

        /// One fact that was seen.
        #[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Fact { $($(#[$doc])* $fact(crate::$fact),)+ }

        /// All observations of one probe. A file that was saved before an observer existed lacks its field; the file reads
        /// as evidence to which the observer did not report.
        #[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Evidence { $($(#[$doc])* pub $field: Observation<crate::$fact>,)+ }

        impl Observer {
            /// All observers in the order in which they run by default.
            pub const ALL: &'static [Self] = &[$(Self::$fact,)+];

            /// Returns the observer's name for reports and logs.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$fact => $id,)+ }
            }
        }

        impl Fact {
            /// Returns the observer that the fact belongs to.
            pub const fn observer(&self) -> Observer {
                match self { $(Self::$fact(_) => Observer::$fact,)+ }
            }
        }

        impl Default for Evidence {
            /// Returns evidence to which no observer has reported.
            fn default() -> Self {
                Self { $($field: Observation::failed("the probe did not report it"),)+ }
            }
        }

        impl Evidence {
            /// Records one result. Refuses a fact that belongs to another observer.
            pub fn record(&mut self, Observed { observer, outcome }: Observed) -> Result<(), Refused> {
                match observer { $(
                    Observer::$fact => self.$field = outcome.map(|fact| match fact {
                        Fact::$fact(fact) => Ok(fact),
                        other => Err(Refused::ForeignFact { observer, fact: other.observer() }),
                    }).transpose()?,
                )+ }
                Ok(())
            }

            /// Returns the results of all observers in the list's order.
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
    /// The names by uname(2).
    KernelName, kernel_name, "kernel-name";
    /// The text of `/proc/version`.
    KernelBanner, kernel_banner, "kernel-banner";
    /// The kernel log by syslog(2).
    KernelLog, kernel_log, "kernel-log";
    /// The vDSO image.
    VdsoImage, vdso_image, "vdso-image";
    /// The auxiliary vector.
    AuxiliaryVector, auxiliary_vector, "auxiliary-vector";
    /// The signal frame of a page fault.
    FaultFrame, fault_frame, "fault-frame";
    /// The word at gs:0.
    GsPointer, gs_pointer, "gs-pointer";
    /// The bytes of a call site before and after its use.
    CallSite, call_site, "call-site";
    /// The segment registers.
    SegmentRegisters, segment_registers, "segment-registers";
    /// The duration of a system call.
    CallDuration, call_duration, "call-duration";
    /// The processor's statements about a hypervisor.
    ProcessorIdentity, processor_identity, "processor-identity";
    /// The counts of `/proc/sentry-meminfo`.
    SentryMeminfo, sentry_meminfo, "sentry-meminfo";
    /// The structure of `/proc`.
    ProcfsTree, procfs_tree, "procfs-tree";
    /// Signs of a gVisor sandbox that anybody can make.
    Markers, markers, "markers";
    /// The answers of a set of harmless system calls.
    CallAnswers, call_answers, "call-answers";
    /// The kernel's boot id.
    BootId, boot_id, "boot-id";
    /// The memory that the kernel claims to have.
    MemoryTotal, memory_total, "memory-total";
    /// The processors that the kernel shows.
    Processors, processors, "processors";
    /// The files of the probe's control groups.
    Quotas, quotas, "quotas";
    /// Users and groups of the probe's process.
    Credentials, credentials, "credentials";
    /// Capability sets of the probe's process.
    Capabilities, capabilities, "capabilities";
    /// Seccomp mode and `no_new_privs`.
    Seccomp, seccomp, "seccomp";
    /// The probe's own namespaces.
    Namespaces, namespaces, "namespaces";
    /// All mounts of the probe's mount namespace.
    Mounts, mounts, "mounts";
    /// The root directory's file system.
    RootFilesystem, root_filesystem, "root-filesystem";
    /// The accounts of `/etc/passwd`, counted.
    AccountList, account_list, "account-list";
    /// The passwords of `/etc/shadow`, counted.
    Shadow, shadow, "shadow";
    /// Device nodes below `/dev`.
    Devices, devices, "devices";
    /// Sockets of programs that govern the machine.
    HostSockets, host_sockets, "host-sockets";
    /// Credentials that are put into a sandbox, counted.
    Secrets, secrets, "secrets";
    /// The kernel's files that let a program read or change the whole machine.
    KernelFiles, kernel_files, "kernel-files";
    /// Signs that a machine has and an image seldom has.
    HostSentinels, host_sentinels, "host-sentinels";
    /// Identifiers that distinguish one machine from another, as digests.
    Identifiers, identifiers, "identifiers";
    /// The other processes of the probe's process namespace.
    Processes, processes, "processes";
    /// Network interfaces and their addresses.
    Interfaces, interfaces, "interfaces";
    /// Routes through interfaces other than loopback.
    Routes, routes, "routes";
    /// The defaults of the network stack.
    SocketDefaults, socket_defaults, "socket-defaults";
    /// The page in which gVisor keeps its clock, which becomes ready last.
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
    fn each_observer_has_a_name_of_its_own() {
        let mut names: Vec<_> = Observer::ALL.iter().map(|observer| observer.id()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Observer::ALL.len());
    }

    #[test]
    fn each_observer_survives_the_wire() {
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
    fn a_refused_foreign_fact_changes_nothing() {
        let mut evidence = Evidence::default();
        let outcome = Observation::Seen(Fact::MemoryTotal(MemoryTotal { bytes: 1 }));
        let refused = evidence.record(Observed { observer: Observer::BootId, outcome }).unwrap_err();
        assert_eq!(refused, Refused::ForeignFact { observer: Observer::BootId, fact: Observer::MemoryTotal });
        assert_eq!(evidence, Evidence::default());
    }

    #[test]
    fn a_recorded_result_is_listed_in_its_place() {
        let mut evidence = Evidence::default();
        let boot_id = BootId { uuid: "6c0f5f2e-0000-4000-8000-000000000000".into() };
        let observed =
            Observed { observer: Observer::BootId, outcome: Observation::Seen(Fact::BootId(boot_id)) };
        evidence.record(observed.clone()).unwrap();
        assert!(evidence.outcomes().contains(&observed));
        assert_eq!(evidence.outcomes().len(), Observer::ALL.len());
    }
}
