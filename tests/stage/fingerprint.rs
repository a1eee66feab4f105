//! gVisor's answers to a set of system calls, as an imitation gives them (gVisor,
//! `pkg/sentry/syscalls/linux/linux64.go`, `sys_time.go`, `sys_mmap.go`, `sys_prctl.go`), with the call numbers of
//! x86-64.

use nix::libc;
use serde_json::{Value, json};

/// One system call, possibly with a required argument value, and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The call's name.
    pub name: &'static str,
    /// The call's number.
    pub number: i64,
    /// Index and required value of an argument; `None` for any arguments.
    pub argument: Option<(u32, u64)>,
    /// The answer to the call.
    pub reply: Reply,
}

/// An answer to a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reply {
    /// An error, as a filter can give it.
    Errno(i32),
    /// Success, and a clock resolution of one nanosecond at the second argument's address.
    OneNanosecond,
    /// Success, and a page in memory at the third argument's address.
    Resident,
}

const fn errno(name: &'static str, number: i64, argument: Option<(u32, u64)>, errno: i32) -> Answer {
    Answer { name, number, argument, reply: Reply::Errno(errno) }
}

/// Every call that the probe makes, and more of the kind.
pub const ANSWERS: &[Answer] = &[
    errno("add_key", libc::SYS_add_key, None, libc::EACCES),
    errno("arch_prctl", libc::SYS_arch_prctl, Some((0, 0x1004)), libc::EINVAL),
    Answer {
        name: "clock_getres",
        number: libc::SYS_clock_getres,
        argument: Some((0, libc::CLOCK_MONOTONIC_COARSE as u64)),
        reply: Reply::OneNanosecond,
    },
    errno("clock_gettime", libc::SYS_clock_gettime, Some((0, libc::CLOCK_TAI as u64)), libc::EINVAL),
    errno("copy_file_range", libc::SYS_copy_file_range, None, libc::ENOSYS),
    errno("fanotify_init", libc::SYS_fanotify_init, None, libc::ENOSYS),
    errno("fanotify_mark", libc::SYS_fanotify_mark, None, libc::ENOSYS),
    errno("io_uring_register", libc::SYS_io_uring_register, None, libc::ENOSYS),
    errno("io_uring_setup", libc::SYS_io_uring_setup, None, libc::ENOSYS),
    Answer { name: "mincore", number: libc::SYS_mincore, argument: None, reply: Reply::Resident },
    errno("modify_ldt", libc::SYS_modify_ldt, None, libc::EPERM),
    errno("mq_getsetattr", libc::SYS_mq_getsetattr, None, libc::ENOSYS),
    errno("mq_notify", libc::SYS_mq_notify, None, libc::ENOSYS),
    errno("name_to_handle_at", libc::SYS_name_to_handle_at, None, libc::EOPNOTSUPP),
    errno("open_by_handle_at", libc::SYS_open_by_handle_at, None, libc::EOPNOTSUPP),
    errno("openat2", libc::SYS_openat2, None, libc::ENOSYS),
    errno("perf_event_open", libc::SYS_perf_event_open, None, libc::ENODEV),
    errno("pkey_alloc", libc::SYS_pkey_alloc, None, libc::ENOSYS),
    errno("pkey_free", libc::SYS_pkey_free, None, libc::ENOSYS),
    errno("pkey_mprotect", libc::SYS_pkey_mprotect, None, libc::ENOSYS),
    errno("prctl", libc::SYS_prctl, Some((0, 25)), libc::EINVAL),
    errno("prctl", libc::SYS_prctl, Some((0, 30)), libc::EINVAL),
    errno("prctl", libc::SYS_prctl, Some((0, 42)), libc::EINVAL),
    errno("prctl", libc::SYS_prctl, Some((0, 52)), libc::EINVAL),
    errno("remap_file_pages", libc::SYS_remap_file_pages, None, libc::ENOSYS),
    errno("request_key", libc::SYS_request_key, None, libc::EACCES),
    errno("sched_rr_get_interval", libc::SYS_sched_rr_get_interval, None, libc::EPERM),
    errno("seccomp", libc::SYS_seccomp, Some((0, 2)), libc::EINVAL),
    errno("setfsgid", libc::SYS_setfsgid, None, libc::ENOSYS),
    errno("setfsuid", libc::SYS_setfsuid, None, libc::ENOSYS),
    errno("sysfs", libc::SYS_sysfs, None, libc::ENOSYS),
    errno("userfaultfd", libc::SYS_userfaultfd, None, libc::ENOSYS),
    errno("ustat", libc::SYS_ustat, None, libc::ENOSYS),
    errno("vmsplice", libc::SYS_vmsplice, None, libc::ENOSYS),
];

/// Returns the answer to a call with these arguments.
pub fn answer(number: i64, arguments: [u64; 6]) -> Option<Answer> {
    let fits = |answer: &&Answer| match answer.argument {
        Some((index, value)) => arguments.get(index as usize) == Some(&value),
        None => true,
    };
    ANSWERS.iter().filter(|answer| answer.number == number).find(fits).copied()
}

/// Returns `linux.seccomp` of an OCI configuration with every error of the set. A filter cannot give values, so calls
/// that succeed with a value get the nearest error that a filter can give.
pub fn profile() -> Value {
    let rule = |answer: &Answer| {
        let errno = match answer.reply {
            Reply::Errno(errno) => errno,
            Reply::OneNanosecond | Reply::Resident => libc::ENOSYS,
        };
        rule(answer, "SCMP_ACT_ERRNO", Some(errno))
    };
    let syslog = json!({ "names": ["syslog"], "action": "SCMP_ACT_ERRNO", "errnoRet": libc::ENOSYS });
    let rules: Vec<_> = ANSWERS.iter().map(rule).chain([syslog]).collect();
    json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules })
}

/// Returns the rule for one call.
pub fn rule(answer: &Answer, action: &str, errno: Option<i32>) -> Value {
    let mut rule = json!({ "names": [answer.name], "action": action });
    if let Some(errno) = errno {
        rule["errnoRet"] = json!(errno);
    }
    if let Some((index, value)) = answer.argument {
        rule["args"] = json!([{ "index": index, "value": value, "op": "SCMP_CMP_EQ" }]);
    }
    rule
}
