use proto::Namespaces;

use super::*;
use crate::{
    fixture::{self, beside},
    judge::gvisor,
};

fn gap(case: &Case) -> Option<String> {
    seen(case, &gvisor::assess(case)).unwrap().gap()
}

fn is_seen(case: &Case) -> bool {
    seen(case, &gvisor::assess(case)).is_some()
}

#[test]
fn a_probe_alone_sees_nobody() {
    for case in [fixture::gvisor(), fixture::runc(), fixture::pod()] {
        assert!(!is_seen(&case));
    }
    let mut case = beside::running();
    beside::processes(&mut case).processes.retain(|process| [1, 9].contains(&process.pid));
    assert!(!is_seen(&case));
}

#[test]
fn a_running_pod_that_shows_no_process_is_a_gap() {
    let told = |change: fn(&mut Case)| {
        let mut case = beside::examined();
        assert_eq!(gap(&case), None);
        change(&mut case);
        gap(&case).unwrap()
    };
    let alone = |case: &mut Case| {
        beside::processes(case).processes.retain(|process| [1, 9].contains(&process.pid));
    };
    assert_eq!(told(alone), "the probe saw no process of the running pod's containers");
    let blind = |case: &mut Case| case.collected.evidence.processes = Observation::TimedOut;
    assert!(told(blind).ends_with("could not be observed: looking took too long"));
    let among = |case: &mut Case| {
        case.collected.evidence = beside::on_linux(case);
        beside::status(case, 8).kind = ProcessKind::KernelThread;
    };
    assert!(told(among).starts_with("the probe sees the node's processes"));
}

#[test]
fn only_the_examined_pod_explains_its_processes() {
    let mut case = beside::running();
    let mut other = case.pod_views()[0].clone();
    other.origin.pod = Some("web-2".into());
    other.containers[0].mount_paths = Some(vec!["/other".into()]);
    let group = &mut fixture::in_cluster(&mut case).group;
    group.pod_views.push(other);
    let expected = |case: &Case| seen(case, &gvisor::assess(case)).unwrap().is_expected("/other");
    assert_eq!(expected(&case), Some(true));
    fixture::in_cluster(&mut case).group.in_place = Some("web-1".into());
    assert_eq!(expected(&case), Some(false));
}

#[test]
fn a_first_process_with_a_containers_mounts_is_the_workloads() {
    let mut case = beside::running();
    beside::processes(&mut case).processes.retain(|process| process.pid == 7);
    beside::processes(&mut case).processes[0].pid = 1;
    assert!(is_seen(&case));
}

#[test]
fn processes_of_a_machine_are_nobodys() {
    let on_linux = |change: fn(&mut Case)| {
        let mut case = beside::running();
        case.collected.evidence = beside::on_linux(&case);
        change(&mut case);
        is_seen(&case)
    };
    assert!(on_linux(|_| ()));
    assert!(!on_linux(|case| beside::status(case, 8).kind = ProcessKind::KernelThread));
    assert!(!on_linux(|case| fixture::pod_view(case).host_namespaces = vec!["pid".into()]));
    assert!(!on_linux(|case| case.surroundings.subject = Subject::Unsandboxed));
    let shared = |case: &mut Case| {
        let Observation::Seen(Namespaces { namespaces }) = case.surroundings.machine.namespaces.clone()
        else {
            panic!("{case:#?}")
        };
        case.collected.evidence.namespaces = Observation::Seen(Namespaces { namespaces });
    };
    assert!(!on_linux(shared));
}

#[test]
fn a_kernel_thread_in_gvisor_is_a_process_like_all() {
    let mut case = beside::running();
    beside::status(&mut case, 8).kind = ProcessKind::KernelThread;
    assert!(is_seen(&case));
}

#[test]
fn each_gap_is_named() {
    assert_eq!(gap(&beside::running()), None);
    let told = |change: fn(&mut Case)| {
        let mut case = beside::examined();
        change(&mut case);
        gap(&case).unwrap()
    };
    assert!(
        told(|case| beside::processes(case).truncated = true)
            .contains("more processes than the probe reports: 4096, of 64 kinds")
    );
    let unread = told(|case| {
        beside::status(case, 8).credentials.effective_user = 1000;
        beside::processes(case).processes[2].mounts = Observation::Denied { errno: 13 };
    });
    assert!(unread.starts_with("the mounts of process 8 (command 08080808) could not be read"), "{unread}");
    assert!(unread.contains("`--live-uid`"), "{unread}");
    assert!(
        told(|case| beside::processes(case).mount_tables[1].mounts.truncated = true).contains("more mounts")
    );
    let hidden = told(|case| {
        beside::processes(case).processes.remove(2);
    });
    assert!(hidden.starts_with("the probe saw no process of the container proxy of pod/web-1"), "{hidden}");
    let unknown = told(|case| fixture::in_cluster(case).group.pod_views.clear());
    assert_eq!(unknown, "the specification of the running pod web-1 is not known");
}

/// Returns the gap of an examined pod whose container `proxy` ended, with mounts of another container in its place.
fn without_the_proxy(change: impl FnOnce(&mut Case)) -> String {
    let mut case = beside::examined();
    change(&mut case);
    gap(&case).unwrap()
}

fn of_another_container(case: &mut Case) {
    let groups = beside::mounts_of(case, 2).pop().unwrap();
    beside::mounts_of(case, 2).push(proto::Mount { root: format!("/{}", beside::id_of(9)), ..groups });
}

#[test]
fn the_mounts_of_another_container_show_no_declared_one() {
    let hidden = without_the_proxy(of_another_container);
    assert!(hidden.contains("the container proxy of pod/web-1"), "{hidden}");
}

#[test]
fn a_process_with_mounts_of_its_own_shows_its_own_container_alone() {
    let hidden = without_the_proxy(|case| {
        let own = beside::mounts_of(case, 1).clone();
        *beside::mounts_of(case, 2) = own;
    });
    assert!(hidden.contains("the container proxy of pod/web-1"), "{hidden}");
}

#[test]
fn mounts_that_tell_no_container_are_counted() {
    let hidden = without_the_proxy(|case| {
        for table in [1, 2] {
            beside::mounts_of(case, table).pop();
        }
    });
    assert!(hidden.contains("the containers app, proxy of pod/web-1"), "{hidden}");
    assert!(hidden.ends_with("The mounts of 2 others do not tell their container"), "{hidden}");
}

#[test]
fn a_sidecar_is_a_container_that_must_be_seen() {
    let of_kind = |kind| {
        let mut case = beside::examined();
        of_another_container(&mut case);
        fixture::pod_view(&mut case).containers[1].kind = kind;
        gap(&case)
    };
    assert!(of_kind(ContainerKind::Sidecar).unwrap().contains("the container proxy"));
    assert_eq!(of_kind(ContainerKind::Init), None);
    assert_eq!(of_kind(ContainerKind::Ephemeral), None);
}

#[test]
fn a_container_of_linux_is_seen_by_the_kubelets_path() {
    let mut case = beside::examined();
    let folder = "/var/lib/kubelet/pods/6c0f5f2e-5dd0-4c93-9a5b-0d3f3a2b1c4d/containers";
    for (table, name) in [(1, "app"), (2, "proxy")] {
        beside::mounts_of(&mut case, table).pop();
        beside::mounts_of(&mut case, table)[2].root = format!("{folder}/{name}/0a1b");
    }
    assert_eq!(gap(&case), None);
}

#[test]
fn a_probe_pod_lacks_the_containers_of_the_pods_that_it_represents() {
    let mut case = beside::running();
    beside::processes(&mut case).processes.remove(2);
    assert_eq!(gap(&case), None);
}

#[test]
fn no_advice_asks_for_the_user_that_the_probe_has() {
    let mut case = beside::running();
    beside::processes(&mut case).processes[2].mounts = Observation::Denied { errno: 13 };
    assert!(!gap(&case).unwrap().contains("--live-uid"));
}

#[test]
fn a_zombie_has_no_mounts_to_read() {
    let mut case = beside::running();
    let mut ended = beside::processes(&mut case).processes[2].clone();
    ended.pid = 20;
    ended.mounts = Observation::Absent;
    beside::processes(&mut case).processes.push(ended);
    assert!(gap(&case).is_some());
    beside::status(&mut case, 20).kind = ProcessKind::Zombie;
    assert_eq!(gap(&case), None);
}

#[test]
fn processes_that_are_alike_are_counted() {
    let mut case = beside::running();
    beside::processes(&mut case).processes[2].further = 90;
    let others = seen(&case, &gvisor::assess(&case)).unwrap();
    assert_eq!((others.count(), others.processes().len(), others.gap()), (94, 4, None));
    assert_eq!(others.name(&others.processes()[2]), "process 8 (command 08080808; 90 more like it)");
}

#[test]
fn a_process_like_the_sandboxs_own_is_no_containers() {
    let mut case = beside::running();
    beside::processes(&mut case).processes.retain(|process| [1, 9].contains(&process.pid));
    assert!(!is_seen(&case));
    beside::processes(&mut case).processes[0].further = 1;
    assert!(is_seen(&case));
}

#[test]
fn a_container_is_named_by_its_folder_on_the_node() {
    let mut case = beside::running();
    let uid = "6c0f5f2e-5dd0-4c93-9a5b-0d3f3a2b1c4d";
    beside::mounts_of(&mut case, 2)[2].root = format!("/var/lib/kubelet/pods/{uid}/containers/proxy/0a1b");
    let others = seen(&case, &gvisor::assess(&case)).unwrap();
    assert_eq!(others.name(&others.processes()[2]), "container proxy, process 8 (command 08080808)");
    assert_eq!(others.name(&others.processes()[1]), "process 7 (command 07070707)");
    assert_eq!(of_kubelet("/srv/pods/shop/containers/proxy/0a1b"), None);
}

#[test]
fn a_container_of_gvisor_is_named_by_its_id() {
    let mut case = beside::running();
    let group = |part: &str, root: &str| proto::Mount {
        mount_point: format!("/sys/fs/cgroup/{part}"),
        root: root.into(),
        filesystem: "cgroup".into(),
        ..case.evidence().mounts.seen().unwrap().mounts[0].clone()
    };
    let id = format!("/{}", "0a1b2c3d".repeat(8));
    let (groups, other) = ([group("cpu", &id), group("job", &id)], group("pids", &id.replace('a', "b")));
    beside::mounts_of(&mut case, 2).extend(groups.clone());
    beside::mounts_of(&mut case, 1).extend(groups);
    beside::mounts_of(&mut case, 1).push(other);
    let others = seen(&case, &gvisor::assess(&case)).unwrap();
    assert_eq!(others.name(&others.processes()[2]), "container 0a1b2c3d0a1b, process 8 (command 08080808)");
    assert_eq!(others.name(&others.processes()[1]), "process 7 (command 07070707)");
    // The pod's status tells which container has the id.
    let known = fixture::in_cluster(&mut case).pod.as_mut().unwrap();
    known.containers = [("0a1b2c3d".repeat(8), "proxy".to_owned())].into();
    let others = seen(&case, &gvisor::assess(&case)).unwrap();
    assert_eq!(others.name(&others.processes()[2]), "container proxy, process 8 (command 08080808)");
}

#[test]
fn a_path_is_expected_if_the_runtime_or_the_specification_mounts_it() {
    let mut case = beside::running();
    let token = "/var/run/secrets/kubernetes.io/serviceaccount".to_owned();
    fixture::pod_view(&mut case).containers[1].mount_paths = Some(vec![token]);
    let others = seen(&case, &gvisor::assess(&case)).unwrap();
    for path in ["/etc/hosts", "/data", "/run/secrets/kubernetes.io/serviceaccount"] {
        assert_eq!(others.is_expected(path), Some(true), "{path}");
    }
    assert_eq!(others.is_expected("/data/deeper"), Some(false));
    fixture::pod_view(&mut case).containers[1].mount_paths = None;
    let others = seen(&case, &gvisor::assess(&case)).unwrap();
    assert_eq!((others.is_expected("/data"), others.is_expected("/other")), (Some(true), None));
}

/// Returns a running container of gVisor with one process of its own beside the probe, in the same mounts.
pub(in crate::judge) fn container() -> Case {
    let mut case = beside::running();
    case.surroundings.in_cluster = None;
    case.surroundings.subject = Subject::Container { runtime: vec!["runsc".into()], id: "web".into() };
    let processes = beside::processes(&mut case);
    processes.mount_tables.clear();
    processes.processes.truncate(1);
    processes.processes[0].mounts = Observation::Seen(MountsOf::Probe);
    case
}

#[test]
fn a_running_container_shows_its_processes_in_the_probes_mounts() {
    assert_eq!(gap(&container()), None);
    assert_eq!(seen(&container(), &gvisor::assess(&container())).unwrap().processes().len(), 1);
}

#[test]
fn a_running_container_that_shows_no_process_is_a_gap() {
    let mut case = container();
    beside::processes(&mut case).processes.clear();
    assert_eq!(gap(&case).unwrap(), "the probe saw no process of the running container");
    case.collected.evidence.processes = Observation::TimedOut;
    assert!(gap(&case).unwrap().starts_with("the processes of the running container could not be observed"));
}

#[test]
fn a_process_of_root_in_a_running_container_is_unmet_beside_a_probe_without_privileges() {
    let requirement = &crate::judge::privilege::least_privilege::REQUIREMENT;
    let mut case = container();
    let pid = beside::processes(&mut case).processes[0].pid;
    let status = beside::status(&mut case, pid);
    status.credentials.effective_user = 1000;
    status.credentials.real_user = 1000;
    status.credentials.saved_user = 1000;
    status.filesystem_user = 1000;
    (status.capabilities.effective, status.capabilities.permitted) = (0, 0);
    status.seccomp.no_new_privs = None;
    assert_eq!(fixture::told(&fixture::judged(requirement, &case)), "met");
    let mut gaining = case.clone();
    gaining.surroundings.no_new_privs = Some(false);
    assert_eq!(fixture::told(&fixture::judged(requirement, &gaining)), "unmet");
    beside::status(&mut case, pid).credentials.effective_user = 0;
    assert_eq!(fixture::told(&fixture::judged(requirement, &case)), "unmet");
}
