//! Settings of the network stack and of raw sockets.

use proto::Answer;

use super::{Setting, Shown, flags};
use crate::{
    case::Case,
    judge::gvisor::socket_defaults::{Stack, describe, stack},
};

pub(super) const HOST_NETWORK: Setting = Setting {
    name: "host network",
    flags: &[&flags::NETWORK],
    blocks: true,
    source: "sockets are the host kernel's; g3doc/user_guide/networking.md",
    shown: host_network,
};

pub(super) const RAW_SOCKETS: Setting = Setting {
    name: "raw sockets",
    flags: &[&flags::NET_RAW],
    blocks: true,
    source: "packets can be forged; runsc/specutils/specutils.go",
    shown: raw_sockets,
};

/// The bit of `CAP_NET_RAW` (include/uapi/linux/capability.h).
const NET_RAW: u64 = 1 << 13;

fn host_network(case: &Case) -> Shown {
    let defaults = &case.evidence().socket_defaults;
    let Some(defaults) = defaults.seen() else { return Shown::Unclear(defaults.fared()) };
    match stack(defaults) {
        Stack::Own => Shown::Safe(format!("gVisor's own stack answers: {}", describe(defaults))),
        Stack::Linux => Shown::Weak(format!("the sockets are Linux's: {}", describe(defaults))),
        Stack::Unclear => {
            Shown::Unclear(format!("the sockets are neither gVisor's nor Linux's: {}", describe(defaults)))
        }
    }
}

/// Reads the setting of raw sockets. Unless `net-raw` is given, gVisor takes the capability from every container, whatever
/// the container's specification says.
fn raw_sockets(case: &Case) -> Shown {
    let evidence = case.evidence();
    if let Some(defaults) = evidence.socket_defaults.seen()
        && [defaults.raw, defaults.packet].iter().any(|answer| matches!(answer, Answer::Value(_)))
    {
        return Shown::Weak("the probe opened a raw socket".to_owned());
    }
    match evidence.capabilities.seen() {
        Some(sets) if sets.bounding & NET_RAW != 0 => {
            Shown::Weak("CAP_NET_RAW is in the bounding set".to_owned())
        }
        Some(_) => Shown::Unseen("the probe asks for no capability, and is given none"),
        None => Shown::Unclear(evidence.capabilities.fared()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn linuxs_sockets_and_raw_sockets_are_weak() {
        let mut case = fixture::gvisor();
        case.collected.evidence.socket_defaults = fixture::runc().collected.evidence.socket_defaults;
        assert!(matches!(host_network(&case), Shown::Weak(_)));
        let mut case = fixture::gvisor();
        fixture::capabilities(&mut case).bounding = NET_RAW;
        assert!(matches!(raw_sockets(&case), Shown::Weak(_)));
        assert!(matches!(raw_sockets(&fixture::gvisor()), Shown::Unseen(_)));
        assert!(matches!(raw_sockets(&fixture::silent()), Shown::Unclear(_)));
    }
}
