//! The probe changes nothing: a whole run is traced, and every system call of it is checked.

use stage::{
    Ground,
    trace::{self, Call},
};

use crate::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("a probe as nobody makes no forbidden call", || harmless("nobody", &[])),
        row("a probe as root makes no forbidden call", || harmless("root", &[])),
        row("a probe that measures processor time makes no forbidden call", || {
            harmless("nobody", &["--measure-cpu"]);
        }),
        row("each forbidden call would be found", found),
    ]
}

/// Calls that the probe must never make, whatever the arguments: each changes something for others, or ends the
/// machine or the sandbox.
const FORBIDDEN: &[&str] = &[
    // Files.
    "chmod",
    "chown",
    "creat",
    "fallocate",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "fchown",
    "fchownat",
    "fremovexattr",
    "fsetxattr",
    "ftruncate",
    "futimesat",
    "lchown",
    "link",
    "linkat",
    "lremovexattr",
    "lsetxattr",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "removexattr",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "setxattr",
    "symlink",
    "symlinkat",
    "truncate",
    "unlink",
    "unlinkat",
    "utime",
    "utimensat",
    "utimes",
    // The machine: modules, kernels, ports, keys, mounts, clocks, names, swap, accounting, quotas.
    "acct",
    "add_key",
    "clock_adjtime",
    "clock_settime",
    "delete_module",
    "finit_module",
    "init_module",
    "ioperm",
    "iopl",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "mount",
    "mount_setattr",
    "move_mount",
    "pivot_root",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "settimeofday",
    "swapoff",
    "swapon",
    "sync",
    "syncfs",
    "umount2",
    "vhangup",
    // Other processes.
    "migrate_pages",
    "move_pages",
    "pidfd_send_signal",
    "process_madvise",
    "process_vm_writev",
    "ptrace",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "tgkill",
    "tkill",
    // It makes gVisor's kernel panic if a test flag is set (gVisor, `pkg/sentry/syscalls/linux/sys_afs_syscall.go`).
    "afs_syscall",
    // uretprobe(2): since 6.11, Linux kills a process that calls it from outside its own trampoline.
    "syscall_0x14f",
    "uretprobe",
    // Waiting for others to connect.
    "accept",
    "accept4",
    "listen",
];

/// Calls that write to the descriptor in their first argument.
const WRITES: &[&str] =
    &["copy_file_range", "pwrite64", "pwritev", "pwritev2", "sendfile", "tee", "vmsplice", "write", "writev"];
/// Descriptors that may be written to: pipes, and the event counter of the probe's own runtime.
const WRITABLE: &[&str] = &["<pipe:[", "<anon_inode:[eventfd]>"];
/// Calls that open a file.
const OPENS: &[&str] = &["open", "openat", "openat2"];
/// Flags that open a file for a change.
const TO_CHANGE: &[&str] = &["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"];
/// Flags that may open a path under `/dev`. Neither opens the device itself: opening a watchdog would arm it.
const WITHOUT_DEVICE: &[&str] = &["O_DIRECTORY", "O_PATH"];
/// Calls that send to a socket. The probe sends to netlink, and otherwise only to the targets of the run.
const SENDS: &[&str] = &["sendmmsg", "sendmsg", "sendto"];
/// Requests for links, addresses and routes (include/uapi/linux/rtnetlink.h), by name or as numbers: strace knows the
/// protocol of a socket only in its own network namespace.
const REQUESTS: &[&str] = &["nlmsg_type=RTM_GET", "nlmsg_type=0x12 ", "nlmsg_type=0x16 ", "nlmsg_type=0x1a "];
/// Permitted actions of syslog(2): to read all, two sizes, and an action that does not exist. 4 and 5 clear the
/// machine's log, 6 to 8 mute its console, 2 blocks.
const LOG: &[&str] = &["0x3 ", "0x9 ", "0xa ", "0x63 ", "3 ", "9 ", "10 ", "99 "];

fn harmless(user: &str, words: &[&str]) {
    let ground = Ground::new();
    let (ended, calls) = trace::run(ground.path(), user, words);
    assert_eq!(ended.finding("probe-integrity")["outcome"], "met", "{ended:#?}");
    // The trace covers both processes, and the calls that matter.
    for name in ["clone", "execveat", "kill", "syslog", "write"] {
        assert!(calls.iter().any(|call| call.name == name), "no {name} in {calls:#?}");
    }
    assert_eq!(harmful(&calls), Vec::<&Call>::new());
    assert_eq!(ground.leftovers(&["trace"]), [""; 0]);
}

/// Returns the calls that a probe must not make.
fn harmful(calls: &[Call]) -> Vec<&Call> {
    let workers: Vec<_> = calls
        .iter()
        .map(|call| call.process)
        .filter(|&process| calls.first().is_some_and(|first| first.process != process))
        .map(|process| process.to_string())
        .collect();
    calls.iter().filter(|call| !is_harmless(call, &workers)).collect()
}

fn is_harmless(call: &Call, workers: &[String]) -> bool {
    let Call { name, rest, .. } = call;
    let among = |names: &[&str]| names.contains(&name.as_str());
    let has = |texts: &[&str]| texts.iter().any(|text| rest.contains(text));
    if among(FORBIDDEN) {
        false
    } else if among(WRITES) {
        call.first() == "-1" || WRITABLE.iter().any(|kind| call.first().contains(kind))
    } else if among(OPENS) {
        !has(TO_CHANGE) && (!rest.contains("\"/dev/") || has(WITHOUT_DEVICE))
    } else if among(SENDS) {
        call.first().contains("<NETLINK:[") && has(REQUESTS)
    } else {
        match name.as_str() {
            "adjtimex" => rest.contains("modes=0"),
            "kill" => workers.contains(&call.first().to_owned()),
            "syslog" => LOG.iter().any(|action| format!("{} ", call.first()).starts_with(action)),
            _ => true,
        }
    }
}

fn found() {
    let calls = |lines: &[&str]| lines.iter().filter_map(|line| Call::parse(line)).collect::<Vec<_>>();
    let harmless = calls(&[
        "7 execve(\"/probe\", [\"probe\"], 0x7f /* 2 vars */) = 0",
        "8 write(1<pipe:[47]>, \"x\", 1 <unfinished ...>",
        "8 <... write resumed>) = 1",
        "7 write(5<anon_inode:[eventfd]>, \"\\1\", 8) = 8",
        "8 open(\"/proc/version\", O_RDONLY|O_CLOEXEC) = 3</proc/version>",
        "8 open(\"/dev/net\", O_RDONLY|O_CLOEXEC|O_DIRECTORY) = 4</dev/net>",
        "8 vmsplice(-1, NULL, 0, 0) = -1 EBADF (Bad file descriptor)",
        "8 syslog(3 /* SYSLOG_ACTION_READ_ALL */, 0x7f, 65536) = -1 EPERM (Operation not permitted)",
        "8 sendto(7<NETLINK:[ROUTE:8]>, [{nlmsg_len=40, nlmsg_type=RTM_GETLINK}], 40, 0, NULL, 0) = 40",
        "7 kill(8, SIGKILL) = 0",
        "8 +++ killed by SIGKILL +++",
    ]);
    assert_eq!((harmless.len(), harmful(&harmless)), (9, Vec::new()));
    for line in [
        "8 write(3</etc/passwd>, \"x\", 1) = 1",
        "8 writev(3<TCP:[127.0.0.1:1->127.0.0.1:2]>, [], 0) = 0",
        "8 openat(AT_FDCWD, \"/tmp/x\", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3",
        "8 open(\"/dev/watchdog\", O_RDONLY) = 3",
        "8 unlink(\"/tmp/x\") = 0",
        "8 syslog(5 /* SYSLOG_ACTION_CLEAR */, NULL, 0) = 0",
        "8 syslog(8 /* SYSLOG_ACTION_CONSOLE_LEVEL */, NULL, 1) = 0",
        "8 kill(1, SIGTERM) = 0",
        "8 sendto(7<UDP:[0.0.0.0:1]>, \"x\", 1, 0, NULL, 0) = 1",
        "8 sendto(7<NETLINK:[ROUTE:8]>, [{nlmsg_len=40, nlmsg_type=RTM_DELLINK}], 40, 0, NULL, 0) = 40",
        "8 sendto(7<NETLINK:[47]>, [{nlmsg_len=40, nlmsg_type=0x11 /* NLMSG_??? */}], 40, 0, NULL, 0) = 40",
        "8 adjtimex({modes=ADJ_OFFSET, offset=0}) = 0",
        "8 syscall_0x14f(0, 0, 0, 0, 0, 0) = 0",
    ] {
        let calls = calls(&["7 execve(\"/probe\", [\"probe\"], 0x7f /* 2 vars */) = 0", line]);
        assert_eq!(harmful(&calls).len(), 1, "{line}");
    }
}
