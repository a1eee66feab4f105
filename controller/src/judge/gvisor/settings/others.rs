//! Settings of set-user-id files, sockets of the host, `io_uring`, devices, and the platform.

use proto::{Answer, Call};

use super::{
    Setting, Shown, argument,
    flags::{self, Flag},
};
use crate::{
    case::{
        Case,
        destination::{Destination, Purpose},
    },
    judge::gvisor::platform::{Platform, platform},
};

pub(super) const HOST_UNIX_SOCKETS: Setting = Setting {
    name: "host unix sockets",
    flags: &[&flags::HOST_UDS],
    blocks: false,
    source: "sockets of the host can be connected to; runsc/config/flags.go",
    shown: host_unix_sockets,
};

pub(super) const SET_USER_ID: Setting = Setting {
    name: "set-user-id",
    flags: &[&flags::ALLOW_SUID],
    blocks: false,
    source: "programs can gain privileges; runsc/config/flags.go",
    shown: |case| by_argument(case, &[&flags::ALLOW_SUID]),
};

pub(super) const IO_URING: Setting = Setting {
    name: "io_uring",
    flags: &[&flags::IOURING],
    blocks: false,
    source: "experimental; runsc/config/flags.go",
    shown: io_uring,
};

pub(super) const DEVICES: Setting = Setting {
    name: "devices",
    flags: &[&flags::NVPROXY, &flags::TPUPROXY],
    blocks: false,
    source: "calls reach the host's drivers; g3doc/user_guide/gpu.md",
    shown: devices,
};

pub(super) const PLATFORM: Setting = Setting {
    name: "platform",
    flags: &[&flags::PLATFORM],
    blocks: false,
    source: "no longer supported; g3doc/architecture_guide/platforms.md",
    shown: |case| match platform(case) {
        Platform::Ptrace => Shown::Weak("ptrace".to_owned()),
        Platform::Unknown => Shown::Unclear("no trace of a known platform was observed".to_owned()),
        known => Shown::Safe(known.to_string()),
    },
};

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
/// Prefixes of names under `/dev` of devices whose calls gVisor passes to the host's driver.
const PROXIED: &[&str] = &["accel", "dri/", "infiniband/", "kfd", "nvidia", "vfio/"];

/// Reads the setting of host sockets. A connection that was made outweighs every argument.
fn host_unix_sockets(case: &Case) -> Shown {
    let is_socket = |id| {
        let asked = |it: &Destination| it.target.id == id && it.purpose == Purpose::HostSocket;
        case.surroundings.destinations.iter().any(asked)
    };
    let mut attempts = case.evidence().egress.seen().into_iter().flat_map(|egress| &egress.attempts);
    if attempts.any(|attempt| attempt.made_contact() && is_socket(attempt.target)) {
        return Shown::Weak("the probe connected to a host socket".to_owned());
    }
    by_argument(case, &[&flags::HOST_UDS, &flags::FSGOFER_HOST_UDS])
}

fn by_argument(case: &Case, flags: &[&Flag]) -> Shown {
    match argument(case, flags) {
        Some(value) if !flags.iter().any(|flag| flag.is_harmless(value)) => {
            Shown::Weak(format!("the runtime's arguments say {value}"))
        }
        _ => Shown::Unseen("only the runtime's configuration shows it"),
    }
}

fn io_uring(case: &Case) -> Shown {
    let answers = &case.evidence().call_answers;
    let answer = answers.seen().and_then(|answers| answers.of(Call::IoUringSetup));
    // Releases before 2023-08 check the call's arguments first, whatever the flag says.
    let early = case.evidence().procfs_tree.seen();
    let early = early.is_some_and(|tree| tree.missing.iter().any(|entry| entry == "sysrq-trigger"));
    match answer {
        Some(Answer::Errno(ENOSYS)) => Shown::Safe("off".to_owned()),
        Some(_) if early => Shown::Unseen("this release does not show the setting"),
        Some(Answer::Errno(EPERM)) => Shown::Unclear("a seccomp profile refuses the call".to_owned()),
        Some(answer) => Shown::Weak(format!("the call answers {answer}")),
        None if answers.seen().is_some() => Shown::Unclear("the probe did not make the call".to_owned()),
        None => Shown::Unclear(answers.fared()),
    }
}

fn devices(case: &Case) -> Shown {
    let evidence = case.evidence();
    let Some(devices) = evidence.devices.seen() else { return Shown::Unclear(evidence.devices.fared()) };
    let proxied = |name: &&str| PROXIED.iter().any(|prefix| name.starts_with(prefix));
    let mut names = devices.devices.iter().map(|device| device.name.as_str());
    let driver =
        evidence.procfs_tree.seen().is_some_and(|tree| tree.present.iter().any(|it| it == "driver/nvidia"));
    match names.find(proxied) {
        Some(name) => Shown::Weak(format!("the sandbox has /dev/{name}")),
        None if driver => Shown::Weak("the sandbox has /proc/driver/nvidia".to_owned()),
        None if devices.truncated => {
            Shown::Unclear("/dev holds more devices than the probe lists".to_owned())
        }
        None => Shown::Safe("no device of a host driver".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proto::{Device, Observation, Reach};

    use super::*;
    use crate::{case::Subject, fixture};

    #[test]
    fn an_invisible_setting_is_weak_if_the_arguments_say_so() {
        let mut case = fixture::gvisor();
        assert!(matches!((HOST_UNIX_SOCKETS.shown)(&case), Shown::Unseen(_)));
        if let Subject::Sandbox { runtime, .. } = &mut case.surroundings.subject {
            runtime.extend(["--host-uds=open".into(), "--allow-suid".into()]);
        }
        assert!(matches!((HOST_UNIX_SOCKETS.shown)(&case), Shown::Weak(_)));
        assert!(matches!((SET_USER_ID.shown)(&case), Shown::Weak(_)));
    }

    #[test]
    fn a_connection_to_a_host_socket_outweighs_the_arguments() {
        for (reach, expected) in [
            (Reach::Reached, Shown::Weak("the probe connected to a host socket".into())),
            (Reach::Refused, Shown::Unseen("only the runtime's configuration shows it")),
        ] {
            let mut case = fixture::with_socket(fixture::gvisor(), reach);
            if let Subject::Sandbox { runtime, .. } = &mut case.surroundings.subject {
                runtime.push("--host-uds=none".into());
            }
            assert_eq!((HOST_UNIX_SOCKETS.shown)(&case), expected);
        }
    }

    #[test]
    fn a_device_of_a_host_driver_is_weak() {
        let mut case = fixture::gvisor();
        assert!(matches!(devices(&case), Shown::Safe(_)));
        if let Observation::Seen(found) = &mut case.collected.evidence.devices {
            found.devices.push(Device { name: "nvidia0".into(), block: false, major: 195, minor: 0 });
        }
        assert!(matches!(devices(&case), Shown::Weak(_)));
    }

    #[test]
    fn the_ptrace_platform_is_weak_and_systrap_is_not() {
        let mut case = fixture::gvisor();
        assert_eq!((PLATFORM.shown)(&case), Shown::Safe("systrap".into()));
        case.collected.evidence.gs_pointer = Observation::Absent;
        let slow = proto::CallDuration { calls: 24, shortest_ns: 70_000 };
        case.collected.evidence.call_duration = Observation::Seen(slow);
        assert_eq!((PLATFORM.shown)(&case), Shown::Weak("ptrace".into()));
    }

    #[test]
    fn io_uring_is_weak_if_the_call_exists() {
        let mut case = fixture::gvisor();
        let answers = |answer| {
            let call = Call::IoUringSetup;
            Observation::Seen(proto::CallAnswers { answers: vec![proto::CallAnswer { call, answer }] })
        };
        for (answer, expected) in [
            (Answer::Errno(38), "off"),
            (Answer::Errno(14), "weakened, the call answers errno 14"),
            (Answer::Errno(1), "not observed, a seccomp profile"),
        ] {
            case.collected.evidence.call_answers = answers(answer);
            let shown = io_uring(&case);
            assert!(shown.text(&IO_URING).contains(expected), "{shown:?}");
        }
    }
}
