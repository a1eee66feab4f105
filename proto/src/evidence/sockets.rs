//! The defaults of the kernel's network stack.

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::{
    Refused, generated,
    limits::{present, text},
};

/// The defaults of the network stack, read from unconnected sockets.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SocketDefaults {
    /// `SO_RCVBUF` of a TCP socket, in bytes.
    pub receive_buffer: Answer,
    /// `SO_SNDBUF` of a TCP socket, in bytes.
    pub send_buffer: Answer,
    /// `TCP_CONGESTION` of a TCP socket; empty if it could not be read.
    pub congestion: String,
    /// `TCP_WINDOW_CLAMP` of a TCP socket, in bytes.
    pub window_clamp: Answer,
    /// The length of `TCP_INFO` in bytes.
    pub info_length: Answer,
    /// The answer for `SO_INCOMING_CPU`.
    pub incoming_cpu: Answer,
    /// The answer to opening a raw ICMP socket.
    pub raw: Answer,
    /// The answer to opening a packet socket.
    pub packet: Answer,
    /// The answer to opening a generic netlink socket.
    pub generic_netlink: Answer,
}

impl From<SocketDefaults> for generated::SocketDefaults {
    fn from(defaults: SocketDefaults) -> Self {
        let SocketDefaults {
            receive_buffer,
            send_buffer,
            congestion,
            window_clamp,
            info_length,
            incoming_cpu,
            raw,
            packet,
            generic_netlink,
        } = defaults;
        Self {
            receive_buffer: Some(receive_buffer.into()),
            send_buffer: Some(send_buffer.into()),
            congestion,
            window_clamp: Some(window_clamp.into()),
            info_length: Some(info_length.into()),
            incoming_cpu: Some(incoming_cpu.into()),
            raw: Some(raw.into()),
            packet: Some(packet.into()),
            generic_netlink: Some(generic_netlink.into()),
        }
    }
}

impl TryFrom<generated::SocketDefaults> for SocketDefaults {
    type Error = Refused;

    fn try_from(message: generated::SocketDefaults) -> Result<Self, Refused> {
        let generated::SocketDefaults {
            receive_buffer,
            send_buffer,
            congestion,
            window_clamp,
            info_length,
            incoming_cpu,
            raw,
            packet,
            generic_netlink,
        } = message;
        let answer = |field, answer: Option<generated::Answer>| present(field, answer)?.try_into();
        Ok(Self {
            receive_buffer: answer("receive_buffer", receive_buffer)?,
            send_buffer: answer("send_buffer", send_buffer)?,
            congestion: text("congestion", congestion)?,
            window_clamp: answer("window_clamp", window_clamp)?,
            info_length: answer("info_length", info_length)?,
            incoming_cpu: answer("incoming_cpu", incoming_cpu)?,
            raw: answer("raw", raw)?,
            packet: answer("packet", packet)?,
            generic_netlink: answer("generic_netlink", generic_netlink)?,
        })
    }
}
