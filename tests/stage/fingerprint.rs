//! gVisor's answers to a set of system calls, as an imitation gives them (gVisor,
//! `pkg/sentry/syscalls/linux/linux64.go`, `sys_time.go`, `sys_mmap.go`, `sys_prctl.go`). An architecture without one of the
//! calls has a number below zero for it.

use std::sync::LazyLock;

use libseccomp::ScmpSyscall;
use nix::libc;
use serde_json::{Value, json};

/// One system call, possibly with a required argument value, and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The call's name.
    pub name: &'static str,
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

const fn errno(name: &'static str, argument: Option<(u32, u64)>, errno: i32) -> Answer {
    Answer { name, argument, reply: Reply::Errno(errno) }
}

/// Every call that the probe makes, and more of the kind.
pub const ANSWERS: &[Answer] = &[
    errno("add_key", None, libc::EACCES),
    errno("arch_prctl", Some((0, 0x1004)), libc::EINVAL),
    Answer {
        name: "clock_getres",
        argument: Some((0, libc::CLOCK_MONOTONIC_COARSE as u64)),
        reply: Reply::OneNanosecond,
    },
    errno("clock_gettime", Some((0, libc::CLOCK_TAI as u64)), libc::EINVAL),
    errno("copy_file_range", None, libc::ENOSYS),
    errno("fanotify_init", None, libc::ENOSYS),
    errno("fanotify_mark", None, libc::ENOSYS),
    errno("io_uring_register", None, libc::ENOSYS),
    errno("io_uring_setup", None, libc::ENOSYS),
    Answer { name: "mincore", argument: None, reply: Reply::Resident },
    errno("modify_ldt", None, libc::EPERM),
    errno("mq_getsetattr", None, libc::ENOSYS),
    errno("mq_notify", None, libc::ENOSYS),
    errno("name_to_handle_at", None, libc::EOPNOTSUPP),
    errno("open_by_handle_at", None, libc::EOPNOTSUPP),
    errno("openat2", None, libc::ENOSYS),
    errno("perf_event_open", None, libc::ENODEV),
    errno("pkey_alloc", None, libc::ENOSYS),
    errno("pkey_free", None, libc::ENOSYS),
    errno("pkey_mprotect", None, libc::ENOSYS),
    errno("prctl", Some((0, 25)), libc::EINVAL),
    errno("prctl", Some((0, 30)), libc::EINVAL),
    errno("prctl", Some((0, 42)), libc::EINVAL),
    errno("prctl", Some((0, 52)), libc::EINVAL),
    errno("remap_file_pages", None, libc::ENOSYS),
    errno("request_key", None, libc::EACCES),
    errno("sched_rr_get_interval", None, libc::EPERM),
    errno("seccomp", Some((0, 2)), libc::EINVAL),
    errno("setfsgid", None, libc::ENOSYS),
    errno("setfsuid", None, libc::ENOSYS),
    errno("sysfs", None, libc::ENOSYS),
    errno("userfaultfd", None, libc::ENOSYS),
    errno("ustat", None, libc::ENOSYS),
    errno("vmsplice", None, libc::ENOSYS),
];

/// The answers by the numbers of their calls.
static NUMBERED: LazyLock<Vec<(i64, Answer)>> = LazyLock::new(|| {
    let number = |answer: &Answer| i64::from(i32::from(ScmpSyscall::from_name(answer.name).unwrap()));
    ANSWERS.iter().map(|answer| (number(answer), *answer)).collect()
});

/// Returns the answer to a call with these arguments.
pub fn answer(number: i64, arguments: [u64; 6]) -> Option<Answer> {
    let fits = |answer: &&Answer| match answer.argument {
        Some((index, value)) => arguments.get(index as usize) == Some(&value),
        None => true,
    };
    let answers = NUMBERED.iter().filter(|(of_call, _)| *of_call == number);
    answers.map(|(_, answer)| answer).copied().find(|answer| fits(&answer))
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
