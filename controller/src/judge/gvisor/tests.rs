use proto::{BootId, GsPointer, Markers, Observed};

use super::*;
use crate::fixture::{self, arm, arm::Release};

#[test]
fn gvisor_and_linux_are_told_apart() {
    assert_eq!(assess(&fixture::gvisor()).kernel, Kernel::Gvisor);
    let runc = assess(&fixture::runc());
    assert_eq!((runc.kernel, runc.disguise), (Kernel::Other, false));
    assert_eq!(assess(&fixture::silent()).kernel, Kernel::Unclear);
}

#[test]
fn a_lost_signal_never_turns_one_kernel_into_the_other() {
    for (case, opposite) in [(fixture::gvisor(), Kernel::Other), (fixture::runc(), Kernel::Gvisor)] {
        for blinded in fixture::each_blinded(&case) {
            assert_ne!(assess(&blinded).kernel, opposite, "{:?}", blinded.collected.evidence);
        }
    }
}

#[test]
fn gvisor_is_told_without_any_one_strong_signal() {
    let strong = SIGNALS.iter().filter(|signal| signal.strength <= Strength::LiveProcfs);
    let ids: Vec<_> = strong.map(|signal| signal.id).collect();
    let mut taken = 0;
    for observer in proto::Observer::ALL.iter().filter(|observer| ids.contains(&observer.id())) {
        let mut case = fixture::gvisor();
        let outcome = Observation::TimedOut;
        case.collected.evidence.record(Observed { observer: *observer, outcome }).unwrap();
        assert_eq!(assess(&case).kernel, Kernel::Gvisor, "{}", observer.id());
        taken += 1;
    }
    assert_eq!(taken, ids.len());
}

#[test]
fn on_arm_gvisor_of_every_year_and_linux_are_told_apart() {
    for release in [Release::Of2022, Release::Of2024, Release::Of2026] {
        assert_eq!(assess(&arm::gvisor(release)).kernel, Kernel::Gvisor, "{release:?}");
    }
    let mut runc = arm::runc();
    runc.surroundings.machine.boot_id = Observation::Absent;
    let runc = assess(&runc);
    assert_eq!((runc.kernel, runc.disguise), (Kernel::Other, false));
}

#[test]
fn on_arm_no_single_observation_is_needed_but_the_fingerprint() {
    let needed = assess(&arm::gvisor(Release::Of2026));
    assert_eq!(needed.kernel, Kernel::Gvisor);
    let blinded = fixture::each_blinded(&arm::gvisor(Release::Of2026));
    let lost = blinded.iter().filter(|case| assess(case).kernel != Kernel::Gvisor);
    for case in lost {
        assert!(case.evidence().call_answers.seen().is_none(), "{:?}", case.collected.evidence);
    }
}

#[test]
fn on_arm_linux_is_told_without_any_one_signal() {
    let mut runc = arm::runc();
    runc.surroundings.machine.boot_id = Observation::Absent;
    for blinded in fixture::each_blinded(&runc) {
        assert_eq!(assess(&blinded).kernel, Kernel::Other, "{:?}", blinded.collected.evidence);
    }
}

#[test]
fn on_arm_gvisors_values_beside_linuxs_are_a_contradiction() {
    let linux = arm::runc().collected.evidence;
    let mut case = arm::gvisor(Release::Of2026);
    case.collected.evidence.fault_frame = linux.fault_frame;
    let assessment = assess(&case);
    assert_eq!((assessment.kernel, assessment.disguise), (Kernel::Unclear, true));
}

#[test]
fn signals_that_contradict_each_other_are_unclear() {
    let linux = fixture::runc().collected.evidence;
    let mut vdso = fixture::gvisor();
    vdso.collected.evidence.vdso_image = linux.vdso_image;
    let mut procfs = fixture::gvisor();
    procfs.collected.evidence.procfs_tree = linux.procfs_tree;
    let mut calls = fixture::gvisor();
    calls.collected.evidence.call_answers = linux.call_answers;
    let mut boot = fixture::gvisor();
    let uuid = "6c0f5f2e-5dd0-4c93-9a5b-0d3f3a2b1c4d".to_owned();
    boot.collected.evidence.boot_id = Observation::Seen(BootId { uuid: uuid.clone() });
    boot.surroundings.machine.boot_id = Observation::Seen(BootId { uuid });
    for case in [vdso, procfs, calls, boot] {
        let assessment = assess(&case);
        assert_eq!(assessment.kernel, Kernel::Unclear);
        assert!(assessment.because.contains("contradict"), "{}", assessment.because);
    }
}

#[test]
fn a_probe_among_the_machines_processes_shares_its_kernel() {
    let mut case = fixture::gvisor();
    case.surroundings.machine.runs_the_probe = Observation::Seen(true);
    let assessment = assess(&case);
    assert_eq!((assessment.kernel, assessment.disguise), (Kernel::Other, true));
}

#[test]
fn the_machines_release_counts_only_beside_a_signal_of_linux() {
    let mut case = fixture::runc();
    case.surroundings.machine.boot_id = Observation::Absent;
    case.collected.evidence.vdso_image = Observation::TimedOut;
    case.collected.evidence.fault_frame = Observation::TimedOut;
    case.surroundings.machine.kernel_release = Observation::Seen("6.18.44".into());
    assert_eq!(assess(&case).kernel, Kernel::Other);
    case.collected.evidence.auxiliary_vector = Observation::TimedOut;
    assert_eq!(assess(&case).kernel, Kernel::Unclear);
}

#[test]
fn gvisors_texts_or_answers_on_linux_are_a_disguise() {
    let mut banner = fixture::runc();
    banner.collected.evidence.kernel_banner = Observation::Seen(proto::KernelBanner {
        text: "Linux version 4.19.0-gvisor #1 SMP Sun Jan 10 15:06:54 PST 2016".into(),
    });
    let mut marker = fixture::runc();
    let paths = vec!["/__runsc_containers__".to_owned()];
    marker.collected.evidence.markers = Observation::Seen(Markers { paths });
    let mut calls = fixture::runc();
    calls.collected.evidence.call_answers = fixture::gvisor().collected.evidence.call_answers;
    for case in [banner, marker, calls] {
        let assessment = assess(&case);
        assert_eq!((assessment.kernel, assessment.disguise), (Kernel::Other, true));
    }
}

#[test]
fn a_program_that_points_gs_at_its_own_memory_is_no_systrap() {
    let mut case = fixture::runc();
    let own = GsPointer {
        own_address: true,
        write: proto::Answer::Value(8),
        mincore: proto::Answer::Value(0),
        listed: Some(true),
    };
    case.collected.evidence.gs_pointer = Observation::Seen(own);
    assert_eq!(assess(&case).kernel, Kernel::Other);
}

#[test]
fn a_foreign_architecture_is_unclear() {
    let mut case = fixture::runc();
    case.surroundings.machine.boot_id = Observation::Absent;
    if let Some(introduction) = &mut case.collected.introduction {
        introduction.architecture = "riscv64".into();
    }
    assert_eq!(assess(&case).kernel, Kernel::Unclear);
}

#[test]
fn the_platform_the_releases_and_the_imitation_are_cited() {
    let cited = |case: &Case, source: &str| {
        let citations = assess(case).citations.into_iter();
        citations.filter(|citation| citation.source == source).map(|citation| citation.text).next()
    };
    assert_eq!(cited(&fixture::gvisor(), "platform").as_deref(), Some("systrap"));
    assert!(cited(&fixture::gvisor(), "releases").unwrap().starts_with("from 2023"));
    assert_eq!(cited(&fixture::gvisor(), "imitated-by").as_deref(), Some(Strength::InMemory.imitated_by()));
    assert_eq!(cited(&fixture::runc(), "platform"), None);
}

#[test]
fn each_signal_has_its_texts_and_a_unique_id() {
    let mut ids: Vec<_> = SIGNALS.iter().map(|signal| signal.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), SIGNALS.len());
    for signal in SIGNALS {
        assert!(!signal.source.is_empty() && !signal.seen_in.is_empty(), "{}", signal.id);
        assert!(!signal.mechanism.is_empty() && !signal.platforms.is_empty(), "{}", signal.id);
    }
    assert!(SIGNALS.is_sorted_by_key(|signal| signal.strength));
}
