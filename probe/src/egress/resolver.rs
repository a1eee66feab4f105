//! The sandbox's own name servers, as resolv.conf(5) lists them.

use std::net::{IpAddr, SocketAddr};

use crate::vantage::Vantage;

const PORT: u16 = 53;
/// The number of servers that the C libraries use (resolv.conf(5), `MAXNS`).
const MOST: usize = 3;

/// Returns the sandbox's name servers; none if the file does not exist or names none.
pub(super) fn name_servers(vantage: &Vantage) -> Vec<IpAddr> {
    let configuration = vantage.text("/etc/resolv.conf");
    configuration.seen().map(|text| parse(text)).unwrap_or_default()
}

pub(super) fn places(servers: &[IpAddr]) -> Vec<SocketAddr> {
    servers.iter().map(|&server| SocketAddr::new(server, PORT)).collect()
}

fn parse(configuration: &str) -> Vec<IpAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        // The zone of a link-local address is an interface's name.
        (words.next() == Some("nameserver")).then(|| words.next()?.split('%').next()?.parse().ok())?
    };
    configuration.lines().filter_map(server).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_three_servers_are_taken() {
        let text = "search svc.cluster.local\n#nameserver 192.0.2.9\nnameserver 10.96.0.10\nnameserver fe80::1%eth0\n\
                    options ndots:5\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n";
        let servers = parse(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(servers, ["10.96.0.10", "fe80::1", "192.0.2.1"]);
        assert!(parse("nameserver\nnameserver localhost\n").is_empty());
    }
}
