//! The lookup of a name before the attempts on its targets, as an ordinary program makes it. A network that knows names learns
//! a name's addresses from the answers (docs.cilium.io, "DNS based"). Each of the sandbox's own name servers gets one question
//! for each address family.
//!
//! The answers are foreign input, and attempts follow them. So a name leads to few addresses only, and never to this host, its
//! link, a group of hosts or a metadata service.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags},
    sys::socket::{MsgFlags, recv, send},
};
use proto::{Protocol, Target};

use super::{
    dns::{self, Addresses},
    socket,
};

/// The most addresses that a name leads to.
const ADDRESSES: usize = 8;
/// The number of datagrams for one question, because any of them may be lost.
const DATAGRAMS: u32 = 3;
/// The longest answer that is read. A server has no leave to send a longer one by UDP (RFC 1035, section 4.2.1).
const ANSWER: usize = 512;
/// Metadata services whose addresses are no link-local ones (alibabacloud.com, "View instance metadata"; learn.microsoft.com,
/// "What is IP address 168.63.129.16?"; docs.oracle.com, "Getting Instance Metadata").
const METADATA: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
/// The blocks of 32 bits that hold the metadata services of EC2 and of Compute Engine (docs.aws.amazon.com, "Use the Instance
/// Metadata Service"; cloud.google.com, "About VM metadata").
const METADATA_V6: [[u16; 2]; 2] = [[0xfd00, 0x0ec2], [0xfd20, 0x00ce]];

/// The lookup of one name, while it is under way.
#[derive(Debug)]
pub(super) struct Lookup {
    name: String,
    /// The addresses that the controller found for the name.
    listed: Vec<IpAddr>,
    /// The addresses of other targets, which have attempts of their own.
    others: Vec<IpAddr>,
    questions: Vec<Question>,
    found: Vec<IpAddr>,
}

/// A question to one server for one address family, without an answer so far.
#[derive(Debug)]
struct Question {
    socket: OwnedFd,
    datagram: Vec<u8>,
    is_v4: bool,
    sent: u32,
}

// === impl Lookup ===

impl Lookup {
    /// Asks for the name of a target, which has a number among the names of the assignment.
    pub(super) fn begin(number: u16, name: &str, targets: &[Target], servers: &[SocketAddr]) -> Self {
        let (own, others): (Vec<_>, Vec<_>) =
            targets.iter().partition(|target| target.looked_up() == Some(name));
        let addresses = |targets: Vec<&Target>| targets.into_iter().map(|target| target.address).collect();
        let questions = servers.iter().flat_map(|&server| {
            [true, false]
                .into_iter()
                .filter_map(move |is_v4| Question::begin(number, name, is_v4, server).ok())
        });
        Self {
            name: name.to_owned(),
            listed: addresses(own),
            others: addresses(others),
            questions: questions.collect(),
            found: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn found(&self) -> &[IpAddr] {
        &self.found
    }

    /// Returns true if no further answer is waited for.
    pub(super) const fn is_over(&self) -> bool {
        self.questions.is_empty()
    }

    /// Waits no longer.
    pub(super) fn end(&mut self) {
        self.questions.clear();
    }

    /// Returns the address for the target of the name with this number: its own if the answers hold it, otherwise one of the
    /// answers, of the same family if possible. Without an answer the target keeps its own.
    pub(super) fn address(&self, target: &Target, number: usize) -> IpAddr {
        if self.found.contains(&target.address) {
            return target.address;
        }
        let of_family = self.found.iter().filter(|found| found.is_ipv4() == target.address.is_ipv4());
        let of_family: Vec<_> = of_family.collect();
        let any: Vec<_> = self.found.iter().collect();
        let candidates = if of_family.is_empty() { any } else { of_family };
        let chosen = number.checked_rem(candidates.len()).and_then(|index| candidates.get(index));
        chosen.map_or(target.address, |chosen| **chosen)
    }

    pub(super) fn pollables(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.questions.iter().map(|question| PollFd::new(question.socket.as_fd(), PollFlags::POLLIN))
    }

    /// Reads the answers of the servers whose descriptors are ready. The first server that knows the addresses of a family ends
    /// its questions.
    pub(super) fn advance(&mut self, ready: &[RawFd]) {
        let mut answered = Vec::new();
        let mut answers = Vec::new();
        self.questions.retain(|question| {
            if !ready.contains(&question.socket.as_raw_fd()) {
                return true;
            }
            match question.answer() {
                Ok(Some(Addresses::Known(addresses))) => {
                    answered.push(question.is_v4);
                    answers.extend(addresses);
                    false
                }
                Ok(None) => true,
                Ok(Some(Addresses::Failed)) | Err(_) => false,
            }
        });
        self.questions.retain(|question| !answered.contains(&question.is_v4));
        for address in answers.into_iter().map(|address| address.to_canonical()) {
            if self.found.len() < ADDRESSES && !self.found.contains(&address) && self.may_lead_to(address) {
                self.found.push(address);
            }
        }
    }

    /// Returns the time at which a question must be sent again, counted from the start of the round.
    pub(super) fn due(&self, patience: Duration) -> Option<Duration> {
        self.questions.iter().filter_map(|question| question.due(patience)).min()
    }

    pub(super) fn repeat(&mut self, patience: Duration, started: Instant) {
        self.questions.retain_mut(|question| {
            let is_due = question.due(patience).is_some_and(|due| due <= started.elapsed());
            !is_due || question.send().is_ok()
        });
    }

    /// Returns true if an attempt may follow an answer with this address. An address that the controller found for the name is
    /// listed by the user and attempted in any case. An address of another target has an attempt of its own, with an expectation
    /// of its own: under this name, the same contact would pass as an allowed one.
    fn may_lead_to(&self, address: IpAddr) -> bool {
        let listed = |list: &[IpAddr]| list.iter().any(|it| it.to_canonical() == address);
        listed(&self.listed) || (is_of_another_host(address) && !listed(&self.others))
    }
}

// === impl Question ===

impl Question {
    fn begin(number: u16, name: &str, is_v4: bool, server: SocketAddr) -> nix::Result<Self> {
        let socket = socket::connected(server, Protocol::Dns)?;
        let datagram = dns::address_query(number, name, is_v4);
        let mut question = Self { socket, datagram, is_v4, sent: 0 };
        question.send()?;
        Ok(question)
    }

    fn send(&mut self) -> nix::Result<()> {
        self.sent += 1;
        match send(self.socket.as_raw_fd(), &self.datagram, MsgFlags::empty()) {
            Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Returns the answer; `None` for a datagram that answers another question.
    fn answer(&self) -> nix::Result<Option<Addresses>> {
        let mut answer = [0; ANSWER];
        match recv(self.socket.as_raw_fd(), &mut answer, MsgFlags::empty()) {
            Ok(length) => Ok(dns::addresses(&self.datagram, answer.get(..length).unwrap_or_default())),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    fn due(&self, patience: Duration) -> Option<Duration> {
        (self.sent < DATAGRAMS).then(|| patience * self.sent / (DATAGRAMS + 1))
    }
}

/// Returns true for an address of a single host that is neither this one nor on its link, and no known metadata service.
fn is_of_another_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            first != 0
                && !(address.is_loopback() || address.is_link_local() || address.is_multicast())
                && first < 240
                && !METADATA.contains(&address)
        }
        IpAddr::V6(address) => {
            let of_metadata = METADATA_V6.iter().any(|block| address.segments().starts_with(block));
            let not_one =
                address.is_multicast() || address.is_unicast_link_local() || address.is_unspecified();
            let leads_to = embedded(address).is_none_or(|inner| is_of_another_host(inner.into()));
            !(of_metadata || not_one || address.is_loopback()) && leads_to
        }
    }
}

/// Returns the IPv4 address to which an IPv6 address leads by NAT64 (RFC 6052), by 6to4 (RFC 3056) or by itself (RFC 4291).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] | [0, 0, 0, 0, 0, 0, high, low] => {
            Some(of(high, low))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
