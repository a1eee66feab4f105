use std::os::unix::fs::symlink;

use proto::{MOST_OTHER_MOUNTS, MountTable, MountsOf, command_digest};

use super::{status::tests::ROOT, *};

const OWN: &str = "16 15 0:18 / / ro - 9p none ro\n";
const OTHER: &str =
    "33 32 0:34 / / rw - overlay none rw,lowerdir=/secret\n38 33 0:38 / /data rw - 9p none rw\n";

/// A folder like `/proc`, with the probe's own mounts.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.process("self", OWN, "");
        tree
    }

    fn process(&self, pid: &str, mountinfo: &str, command_line: &str) {
        let folder = self.0.path().join("proc").join(pid);
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in [("status", ROOT), ("mountinfo", mountinfo), ("cmdline", command_line)] {
            fs::write(folder.join(name), content).unwrap();
        }
    }

    fn status(&self, pid: usize, status: &str) {
        fs::write(self.0.path().join(format!("proc/{pid}/status")), status).unwrap();
    }

    fn seen(&self) -> Processes {
        look(&Vantage::rooted(self.0.path()), &[5, 6]).unwrap()
    }
}

#[test]
fn the_probes_own_processes_are_left_out() {
    let tree = Tree::new();
    tree.process("5", OWN, "/probe\0report");
    tree.process("6", OWN, "/probe\0work");
    assert_eq!(tree.seen(), Processes::default());
}

#[test]
fn a_mount_table_is_listed_once_and_the_probes_own_never() {
    let tree = Tree::new();
    for (pid, mountinfo) in [("7", OWN), ("8", OTHER), ("9", OTHER), ("10", &OTHER.replace("33 32", "43 32"))]
    {
        tree.process(pid, mountinfo, "");
    }
    tree.status(9, &ROOT.replace("Uid:\t0", "Uid:\t9"));
    let seen = tree.seen();
    let mounts: Vec<_> =
        seen.processes.iter().map(|process| (process.pid, *process.mounts.seen().unwrap())).collect();
    let table = MountsOf::Table;
    assert_eq!(mounts, [(7, MountsOf::Probe), (8, table(0)), (9, table(0)), (10, table(1))]);
    let keys: Vec<_> = seen.mount_tables.iter().map(|table| table.root_mount).collect();
    assert_eq!(keys, [33, 43]);
}

#[test]
fn a_command_line_is_carried_as_the_digest_of_its_first_word() {
    let tree = Tree::new();
    tree.process("7", OTHER, "/bin/app\0--password=unheard-of");
    tree.process("8", OTHER, "/bin/app unheard-of");
    tree.process("9", OTHER, "");
    for user in 8..=9 {
        tree.status(user, &ROOT.replace("Uid:\t0", &format!("Uid:\t{user}")));
    }
    let seen = tree.seen();
    let commands: Vec<_> = seen.processes.iter().map(|process| process.command.clone()).collect();
    let digest = Observation::Seen(command_digest(b"/bin/app"));
    assert_eq!(commands, [digest.clone(), digest, Observation::Absent]);
}

#[test]
fn no_value_of_a_mount_is_carried() {
    let tree = Tree::new();
    let values = "44 33 0:50 / /share rw,uid=1 - cifs //user:unheard-of@host/share rw,password=unheard-of\n";
    tree.process("7", &format!("{OTHER}{values}"), "");
    let seen = format!("{:?}", tree.seen());
    assert!(!seen.contains("unheard-of") && !seen.contains("/secret"), "{seen}");
    assert!(seen.contains("lowerdir") && seen.contains("password"), "{seen}");
}

#[test]
fn mounts_beyond_the_bound_make_their_table_truncated() {
    let tree = Tree::new();
    for pid in ["7", "8", "9", "10"] {
        let line = |number: usize| format!("{pid}{number} 1 0:38 / /data{number} rw - 9p none rw\n");
        let lines: String = (0..MOST_OTHER_MOUNTS / 3).map(line).collect();
        tree.process(pid, &format!("{OTHER}{lines}"), "");
    }
    let tables = tree.seen().mount_tables;
    let truncated: Vec<_> = tables.iter().map(|table: &MountTable| table.mounts.truncated).collect();
    assert_eq!(truncated, [false, false, true, true]);
    assert_eq!(tables.iter().map(|table| table.mounts.mounts.len()).sum::<usize>(), MOST_OTHER_MOUNTS);
}

#[test]
fn processes_beyond_the_bound_make_the_list_truncated() {
    let tree = Tree::new();
    for pid in 100..=100 + MOST_PROCESSES {
        tree.process(&pid.to_string(), OTHER, "");
        tree.status(pid, &ROOT.replace("Uid:\t0", &format!("Uid:\t{pid}")));
    }
    let seen = tree.seen();
    assert_eq!((seen.processes.len(), seen.truncated), (MOST_PROCESSES, true));
}

#[test]
fn mount_tables_beyond_the_bound_make_the_list_truncated() {
    let tree = Tree::new();
    for pid in 100..=100 + MOST_PROCESSES {
        tree.process(&pid.to_string(), &OTHER.replace("33 32", &format!("{pid} 32")), "");
    }
    let seen = tree.seen();
    assert_eq!((seen.mount_tables.len(), seen.truncated), (MOST_PROCESSES, true));
}

#[test]
fn processes_of_one_kind_are_counted_and_need_no_room() {
    let tree = Tree::new();
    for pid in 100..=100 + 2 * MOST_PROCESSES {
        tree.process(&pid.to_string(), OTHER, &format!("/bin/app-{pid}"));
        tree.status(pid, &ROOT.replace("PPid:\t1", &format!("PPid:\t{pid}")));
    }
    tree.status(150, &ROOT.replace("NoNewPrivs:\t0", "NoNewPrivs:\t1"));
    let seen = tree.seen();
    let kinds: Vec<_> = seen.processes.iter().map(|process| (process.pid, process.further)).collect();
    assert_eq!(kinds, [(100, 127), (150, 0)]);
    assert!(!seen.truncated);
}

#[test]
fn devices_are_seen_through_the_first_root_that_lets_the_probe_in() {
    let tree = Tree::new();
    tree.process("7", OTHER, "");
    tree.process("8", OTHER, "");
    tree.status(8, &ROOT.replace("Uid:\t0", "Uid:\t9"));
    assert_eq!(tree.seen().mount_tables[0].devices, Observation::Absent);
    symlink("/", tree.0.path().join("proc/8/root")).unwrap();
    let tables = tree.seen().mount_tables;
    let devices = &tables[0].devices.seen().unwrap().devices;
    assert!(devices.iter().any(|device| device.name == "null"), "{devices:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_failed_look_of_its_own() {
    let tree = Tree::new();
    tree.process("7", OTHER, "");
    fs::remove_file(tree.0.path().join("proc/7/mountinfo")).unwrap();
    let seen = tree.seen();
    assert_eq!(seen.processes[0].mounts, Observation::Absent);
    assert!(seen.processes[0].status.seen().is_some());
}
