//! The defaults of gVisor's own network stack.

use proto::{Answer, SocketDefaults};

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::Case;

pub(super) const SIGNAL: Signal = Signal {
    id: "socket-defaults",
    // With `--network=host` the sockets are the machine's, under gVisor too.
    strength: Strength::Supporting,
    mechanism: "buffer sizes, congestion control and missing options of a new socket",
    platforms: "all, with gVisor's own network stack",
    architectures: EVERYWHERE,
    seen_in: "2022-12 to 2026-09",
    source: "pkg/tcpip/transport/tcp/protocol.go, pkg/sentry/socket/netstack/netstack.go",
    read,
};

const MIB: Answer = Answer::Value(1 << 20);
/// The length of gVisor's `TCPInfo` (`pkg/abi/linux/tcp.go`), in bytes.
const INFO: Answer = Answer::Value(224);
const CONGESTION: &str = "reno";
/// All congestion controls of gVisor's stack (`pkg/tcpip/transport/tcp/protocol.go`).
const CONGESTIONS: [&str; 2] = [CONGESTION, "cubic"];

/// The network stack that answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stack {
    /// The stack of gVisor.
    Own,
    /// The stack of Linux.
    Linux,
    /// A stack that could be either.
    Unclear,
}

/// Returns the stack that answers. gVisor's window clamp equals the receive buffer; a Linux socket that nobody changed has no
/// clamp. With the host's stack, gVisor still gives `TCP_INFO` its own length, and in 2022 does not know the clamp.
pub(super) fn stack(defaults: &SocketDefaults) -> Stack {
    let sizes = [defaults.receive_buffer, defaults.send_buffer, defaults.window_clamp];
    let own = sizes.iter().filter(|size| **size == MIB).count();
    let known = CONGESTIONS.contains(&defaults.congestion.as_str());
    let information = usize::from(defaults.info_length == INFO);
    match own {
        2.. if own + information >= 3 && defaults.congestion == CONGESTION => Stack::Own,
        0 if defaults.window_clamp == Answer::Value(0) => Stack::Linux,
        0 if !known && !defaults.congestion.is_empty() => Stack::Linux,
        _ => Stack::Unclear,
    }
}

pub(super) fn describe(defaults: &SocketDefaults) -> String {
    format!(
        "buffers {} and {}, clamp {}, {}",
        defaults.receive_buffer,
        defaults.send_buffer,
        defaults.window_clamp,
        if defaults.congestion.is_empty() { "no congestion control" } else { &defaults.congestion }
    )
}

fn read(case: &Case) -> Reading {
    Reading::of(&case.evidence().socket_defaults, |defaults| match stack(defaults) {
        Stack::Own => Reading::Gvisor(describe(defaults)),
        Stack::Linux | Stack::Unclear => Reading::Unknown(format!("not gVisor's: {}", describe(defaults))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_two_stacks_are_told_apart() {
        let of = |case: &Case| case.evidence().socket_defaults.seen().unwrap().clone();
        let (gvisor, linux) = (of(&fixture::gvisor()), of(&fixture::runc()));
        assert_eq!(stack(&gvisor), Stack::Own);
        assert_eq!(stack(&linux), Stack::Linux);
        assert_eq!(stack(&SocketDefaults { congestion: "cubic".into(), ..gvisor }), Stack::Unclear);
        let of_the_host = SocketDefaults { info_length: INFO, ..linux.clone() };
        assert_eq!(stack(&of_the_host), Stack::Linux);
        let in_2022 = SocketDefaults { window_clamp: Answer::Errno(92), ..of_the_host.clone() };
        assert_eq!(stack(&SocketDefaults { congestion: "bbr".into(), ..in_2022.clone() }), Stack::Linux);
        assert_eq!(stack(&SocketDefaults { congestion: "reno".into(), ..in_2022 }), Stack::Unclear);
    }
}
