//! Cases for tests, recorded from real sandboxes: runsc 0.0~20240729 of Debian trixie, and runc 1.1.5 on Linux 6.18.

pub(crate) mod arm;
pub(crate) mod beside;
mod files;
mod interfaces;
mod kernel;
mod pod;
pub(crate) mod run;
mod surroundings;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use proto::{
    AccountList, Answer, Attempt, AuxiliaryVector, BootId, Call, Capabilities, Credentials, Egress, Evidence,
    FaultFrame, Interface, Interfaces, KernelBanner, KernelLog, Markers, MemoryTotal, Mounts, Observation,
    Observed, Observer, Processes, Processors, Reach, RootFilesystem, Routes, Seccomp, SentryMeminfo,
    VdsoImage,
};

pub(crate) use files::{of_a_users_bundle, with_socket};
pub(crate) use interfaces::{also_by, routes, translated};
pub(crate) use pod::{
    allowed, also, bind, changed, coverage, default_deny, forbidden, in_cluster, network_policy, node, pod,
    pod_view, policies, tried,
};

use surroundings::case;

use crate::{
    case::{
        Case, Collected, Control,
        breach::Breach,
        environment::{Declared, Environment, Source},
        host_process::HostProcess,
        ingress::Ingress,
        rounds::Rounds,
    },
    evidence::record::Record,
    judge::{
        gvisor,
        network::Comparison,
        policy::Policy,
        requirement::{Judgement, Outcome, Requirement},
    },
    report::Report,
};

pub(crate) const MACHINE_MEMORY: u64 = 25_275_768_832;
const BOOT_ID: &str = "6c0f5f2e-5dd0-4c93-9a5b-0d3f3a2b1c4d";

/// Returns a sandbox of runsc without network, in a bundle of our own.
pub(crate) fn gvisor() -> Case {
    let answers = [
        (Call::ArchPrctlGetGs, Answer::Errno(22)),
        (Call::ClockGetresCoarse, Answer::Value(1)),
        (Call::ClockGettimeTai, Answer::Errno(22)),
        (Call::CopyFileRange, Answer::Errno(38)),
        (Call::MincoreUntouched, Answer::Value(1)),
        (Call::ModifyLdtRead, Answer::Errno(1)),
        (Call::MqGetsetattr, Answer::Errno(38)),
        (Call::NameToHandleAt, Answer::Errno(95)),
        (Call::Openat2, Answer::Errno(38)),
        (Call::PerfEventOpen, Answer::Errno(19)),
        (Call::PrctlGetTimerslack, Answer::Errno(22)),
        (Call::RemapFilePages, Answer::Errno(38)),
        (Call::SchedRrGetInterval, Answer::Errno(1)),
        (Call::SeccompGetActionAvail, Answer::Errno(22)),
        (Call::SetfsuidQuery, Answer::Errno(38)),
        (Call::Vmsplice, Answer::Errno(38)),
        (Call::IoUringSetup, Answer::Errno(38)),
    ];
    let exports = [
        "__kernel_rt_sigreturn",
        "__vdso_clock_gettime",
        "__vdso_getcpu",
        "__vdso_gettimeofday",
        "__vdso_time",
        "clock_gettime",
        "getcpu",
        "gettimeofday",
        "time",
    ];
    let evidence = Evidence {
        kernel_name: seen(kernel::kernel_name("4.4.0", "#1 SMP Sun Jan 10 15:06:54 PST 2016")),
        kernel_banner: seen(KernelBanner {
            text: "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016".into(),
        }),
        kernel_log: seen(KernelLog {
            read_all: Answer::Value(589),
            size_unread: Answer::Errno(38),
            size_buffer: Answer::Value(131_072),
            unknown_action: Answer::Errno(38),
            lines: 14,
            first_line: "<6>[   0.000000] Starting gVisor...".into(),
            last_line: "<6>[   4.023478] Ready!".into(),
        }),
        vdso_image: seen(VdsoImage {
            link_address: 0xffff_ffff_ff70_0000,
            segments: vec![1, 2, 0x6474_e550],
            exports: exports.map(str::to_owned).to_vec(),
            gnu_hash: false,
        }),
        auxiliary_vector: seen(AuxiliaryVector {
            tags: vec![3, 4, 5, 9, 7, 11, 12, 13, 14, 23, 17, 31, 25, 6, 33],
            hwcap: None,
            platform: None,
        }),
        fault_frame: seen(FaultFrame {
            trap_number: 0,
            error_code: 0,
            context_flags: 3,
            stack_flags: Some(2),
        }),
        sentry_meminfo: seen(SentryMeminfo {
            on_procfs: true,
            mallocs_first: 66_428,
            mallocs_second: 66_447,
        }),
        call_answers: seen(kernel::calls(&answers)),
        boot_id: Observation::Absent,
        time_page: seen(kernel::time_page()),
        gs_pointer: seen(kernel::gs_pointer()),
        call_site: seen(kernel::call_site([0xff, 0x24, 0x25, 0xe0, 0x11, 0x06, 0])),
        call_duration: seen(kernel::call_duration(3_600)),
        procfs_tree: seen(kernel::gvisors_procfs()),
        socket_defaults: seen(kernel::netstack()),
        namespaces: seen(kernel::namespaces(1)),
        memory_total: seen(MemoryTotal { bytes: 256 << 20 }),
        // Without a mount of control groups.
        quotas: Observation::Absent,
        mounts: seen(Mounts { mounts: vec![kernel::gofers_root()], truncated: false }),
        root_filesystem: seen(RootFilesystem {
            magic: 0x0102_1997,
            flags: 0,
            write_access: Answer::Errno(30),
        }),
        ..isolated()
    };
    case(evidence)
}

/// Returns a container of runc in the same bundle: without network, and on the machine's own kernel.
pub(crate) fn runc() -> Case {
    let answers = [
        (Call::ArchPrctlGetGs, Answer::Value(0)),
        (Call::ClockGetresCoarse, Answer::Value(4_000_000)),
        (Call::ClockGettimeTai, Answer::Value(0)),
        (Call::CopyFileRange, Answer::Errno(9)),
        (Call::MincoreUntouched, Answer::Value(0)),
        (Call::ModifyLdtRead, Answer::Value(0)),
        (Call::MqGetsetattr, Answer::Errno(9)),
        (Call::NameToHandleAt, Answer::Errno(14)),
        (Call::Openat2, Answer::Errno(22)),
        (Call::PerfEventOpen, Answer::Errno(14)),
        (Call::PrctlGetTimerslack, Answer::Value(50_000)),
        (Call::RemapFilePages, Answer::Errno(22)),
        (Call::SchedRrGetInterval, Answer::Value(0)),
        (Call::SeccompGetActionAvail, Answer::Value(0)),
        (Call::SetfsuidQuery, Answer::Value(65_534)),
        (Call::Vmsplice, Answer::Errno(9)),
        (Call::IoUringSetup, Answer::Errno(14)),
    ];
    let exports =
        ["__vdso_clock_getres", "__vdso_clock_gettime", "__vdso_getcpu", "__vdso_getrandom", "__vdso_time"];
    let evidence = Evidence {
        kernel_name: seen(kernel::kernel_name("6.18.44", "#1 SMP PREEMPT_DYNAMIC")),
        kernel_banner: seen(KernelBanner { text: "Linux version 6.18.44 #1 SMP PREEMPT_DYNAMIC".into() }),
        kernel_log: seen(KernelLog {
            read_all: Answer::Errno(1),
            size_unread: Answer::Errno(1),
            size_buffer: Answer::Errno(1),
            unknown_action: Answer::Errno(1),
            lines: 0,
            first_line: String::new(),
            last_line: String::new(),
        }),
        vdso_image: seen(VdsoImage {
            link_address: 0,
            segments: vec![1, 2, 4, 0x6474_e550],
            exports: exports.map(str::to_owned).to_vec(),
            gnu_hash: true,
        }),
        auxiliary_vector: seen(AuxiliaryVector {
            tags: vec![33, 51, 16, 6, 17, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 23, 25, 26, 27, 28, 31, 15],
            hwcap: Some(0x0f8b_fbff),
            platform: Some("x86_64".into()),
        }),
        fault_frame: seen(FaultFrame {
            trap_number: 14,
            error_code: 4,
            context_flags: 7,
            stack_flags: Some(0),
        }),
        sentry_meminfo: Observation::Absent,
        call_answers: seen(kernel::calls(&answers)),
        boot_id: seen(BootId { uuid: BOOT_ID.into() }),
        time_page: Observation::failed("the page before the vDSO cannot be read"),
        gs_pointer: Observation::Absent,
        call_site: seen(kernel::call_site([0xb8, 0x27, 0, 0, 0, 0x0f, 0x05])),
        call_duration: seen(kernel::call_duration(190)),
        procfs_tree: seen(kernel::linuxs_procfs()),
        socket_defaults: seen(kernel::linuxs_sockets()),
        namespaces: seen(kernel::namespaces(4_026_532_316)),
        memory_total: seen(MemoryTotal { bytes: MACHINE_MEMORY }),
        mounts: seen(Mounts {
            mounts: vec![files::mount("/", "ext4", "/dev/root", &["ro", "relatime"])],
            truncated: false,
        }),
        root_filesystem: seen(RootFilesystem { magic: 0xef53, flags: 0x21, write_access: Answer::Errno(30) }),
        ..isolated()
    };
    case(evidence)
}

/// Takes the attempts of probe and control from a case, as `--no-network` leaves them out.
pub(crate) fn without_attempts(case: &mut Case) {
    case.surroundings.rounds = Rounds::None;
    case.surroundings.destinations.clear();
    case.surroundings.control = Control::NotAsked;
    egress(case).attempts.clear();
    if let Some(known) = &mut case.surroundings.in_cluster {
        known.control_pods = None;
        Arc::make_mut(&mut known.cluster).control = None;
        case.surroundings.ingress = Some(Ingress::default());
    }
}

/// Returns the process of a sandbox on the machine, as runsc of 2024 makes it.
pub(crate) fn host_process() -> HostProcess {
    HostProcess {
        user: 0,
        effective: 0x8_001f,
        permitted: 0x8_001f,
        seccomp: Some(2),
        no_new_privs: Some(true),
        shared: vec!["pid".into()],
        has_the_machines_root: Some(false),
        descriptors: None,
    }
}

/// Returns a case whose probe sent nothing.
pub(crate) fn silent() -> Case {
    let mut case = gvisor();
    case.collected = Collected { breaches: vec![Breach::Silent], ..Collected::default() };
    case.surroundings.cgroup = Observation::Absent;
    case
}

/// Returns copies of a case, each with another failed observer.
pub(crate) fn each_blinded(case: &Case) -> Vec<Case> {
    let blinded = |&observer: &Observer| {
        let mut case = case.clone();
        let outcome = Observation::Failed { reason: "taken away".into() };
        case.collected.evidence.record(Observed { observer, outcome }).unwrap();
        case
    };
    Observer::ALL.iter().map(blinded).collect()
}

/// Returns a requirement's judgement of a case.
pub(crate) fn judged(requirement: &Requirement, case: &Case) -> Judgement {
    judged_under(&Policy::of(Environment::Production), requirement, case)
}

/// Returns a requirement's judgement of a case under a policy.
pub(crate) fn judged_under(policy: &Policy, requirement: &Requirement, case: &Case) -> Judgement {
    requirement.judge.of(case, &gvisor::assess(case), &Comparison::of(case).under(policy), policy)
}

/// Returns the report of a case, judged for production.
pub(crate) fn report(case: &Case) -> Report {
    Report::of(&record(vec![case.clone()]), &Policy::of(Environment::Production))
}

/// Returns the record of a run for production.
pub(crate) fn record(cases: Vec<Case>) -> Record {
    let environment = Declared {
        environment: Environment::Production,
        source: Source::Variable { name: "ENVIRONMENT", value: "production".into() },
        remarks: Vec::new(),
    };
    Record { environment, circumstances: None, only_production: false, remarks: Vec::new(), cases }
}

/// Returns the outcome in a word; "open" is inconclusive or not applicable.
pub(crate) fn told(judgement: &Judgement) -> &'static str {
    match judgement.outcome {
        Outcome::Met => "met",
        Outcome::Unmet => "unmet",
        Outcome::Inconclusive(_) | Outcome::NotApplicable(_) => "open",
    }
}

pub(crate) fn machine_accounts() -> AccountList {
    AccountList { size: 1234, sha256: [5; 32], accounts: 30, login_shells: 2 }
}

pub(crate) fn attempts(case: &mut Case) -> &mut Vec<Attempt> {
    &mut egress(case).attempts
}

pub(crate) fn egress(case: &mut Case) -> &mut Egress {
    fact(&mut case.collected.evidence.egress)
}

pub(crate) fn interfaces(case: &mut Case) -> &mut Vec<Interface> {
    &mut fact(&mut case.collected.evidence.interfaces).interfaces
}

pub(crate) fn mounts(case: &mut Case) -> &mut Mounts {
    fact(&mut case.collected.evidence.mounts)
}

pub(crate) fn credentials(case: &mut Case) -> &mut Credentials {
    fact(&mut case.collected.evidence.credentials)
}

pub(crate) fn capabilities(case: &mut Case) -> &mut Capabilities {
    fact(&mut case.collected.evidence.capabilities)
}

fn fact<T>(observation: &mut Observation<T>) -> &mut T {
    match observation {
        Observation::Seen(fact) => fact,
        _ => panic!("it was not seen"),
    }
}

fn seen<T>(fact: T) -> Observation<T> {
    Observation::Seen(fact)
}

/// Returns the common evidence of both sandboxes: the user `nobody`, no network, no account list.
fn isolated() -> Evidence {
    let loopback = Interface {
        name: "lo".into(),
        loopback: true,
        up: true,
        addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
    };
    let attempt = |target, reach, errno| Attempt { target, reach, errno, took_us: 40, again: None };
    let attempts = vec![attempt(1, Reach::Refused, 111), attempt(2, Reach::NoRoute, 101)];
    let nobody = Credentials {
        real_user: 65_534,
        effective_user: 65_534,
        saved_user: 65_534,
        real_group: 65_534,
        effective_group: 65_534,
        saved_group: 65_534,
        supplementary_groups: 0,
    };
    Evidence {
        segment_registers: seen(kernel::segment_registers()),
        processor_identity: seen(kernel::processor_identity()),
        markers: seen(Markers { paths: Vec::new() }),
        devices: seen(kernel::devices()),
        processes: seen(Processes::default()),
        processors: seen(Processors { schedulable: 2, online: 2 }),
        credentials: seen(nobody),
        capabilities: seen(Capabilities {
            inheritable: 0,
            permitted: 0,
            effective: 0,
            bounding: 0,
            ambient: None,
        }),
        seccomp: seen(Seccomp { mode: Some(0), no_new_privs: None }),
        interfaces: seen(Interfaces { interfaces: vec![loopback] }),
        routes: seen(Routes { routes: Vec::new() }),
        egress: seen(Egress {
            attempts,
            name_servers: Vec::new(),
            container_age_ms: Some(60),
            lookups: Vec::new(),
        }),
        ..files::none()
    }
}
