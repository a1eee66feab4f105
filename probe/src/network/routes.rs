//! Routes through interfaces other than loopback: `/proc/net/route` and `/proc/net/ipv6_route`.

use std::net::Ipv6Addr;

use procfs::{FromRead, net::RouteEntries};
use proto::{Observation, Route, Routes};

use crate::{
    text::printable,
    vantage::{Vantage, understood},
};

const LOOPBACK: &str = "lo";
/// The largest number of reported routes of one family.
const MOST: usize = 256;

pub(crate) fn observe(vantage: &Vantage) -> Observation<Routes> {
    understood(vantage.bytes("/proc/net/route"), |version_4| {
        let mut routes = parse_version_4(&version_4)?;
        match vantage.text("/proc/net/ipv6_route") {
            Observation::Seen(version_6) => routes.extend(parse_version_6(&version_6)?),
            // A kernel without IPv6 has no such file.
            Observation::Absent => (),
            _ => return Err("the IPv6 routes could not be read".to_owned()),
        }
        Ok(Routes { routes })
    })
}

fn parse_version_4(table: &[u8]) -> Result<Vec<Route>, String> {
    let entries = RouteEntries::from_read(table).map_err(|error| error.to_string())?;
    let routes = entries.0.into_iter().filter(|entry| entry.iface != LOOPBACK).map(|entry| Route {
        destination: format!("{}/{}", entry.destination, u32::from(entry.mask).count_ones()),
        interface: printable(&entry.iface),
    });
    Ok(routes.take(MOST).collect())
}

/// Parses lines of ten columns: destination, its prefix length, source, its prefix length, gateway, metric, two counters,
/// flags, interface (`net/ipv6/route.c`, `rt6_info_route`; since Linux 4.18 `net/ipv6/ip6_fib.c`,
/// `ipv6_route_native_seq_show`).
fn parse_version_6(table: &str) -> Result<Vec<Route>, String> {
    let unclear = |line: &str| format!("no IPv6 route: {}", line.trim());
    let mut routes = Vec::new();
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let columns: Vec<_> = line.split_whitespace().collect();
        let &[destination, length, _, _, _, _, _, _, _, interface] = columns.as_slice() else {
            return Err(unclear(line));
        };
        if interface == LOOPBACK {
            continue;
        }
        let destination = u128::from_str_radix(destination, 16).map_err(|_| unclear(line))?;
        let length = u8::from_str_radix(length, 16).map_err(|_| unclear(line))?;
        let destination = format!("{}/{length}", Ipv6Addr::from_bits(destination));
        routes.push(Route { destination, interface: printable(interface) });
    }
    routes.truncate(MOST);
    Ok(routes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The IPv4 table of Linux 6.18.
    const VERSION_4: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
    /// The IPv6 table of Linux 6.18, shortened.
    const VERSION_6: &str = "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 \
        00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n\
        00000000000000000000000000000001 80 00000000000000000000000000000000 00 \
        00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo\n";

    #[test]
    fn routes_of_both_families_are_read_without_those_of_loopback() {
        let routes = parse_version_4(VERSION_4.as_bytes()).unwrap();
        let destinations: Vec<_> = routes.iter().map(|route| route.destination.as_str()).collect();
        assert_eq!(destinations, ["0.0.0.0/0", "192.168.2.0/24"]);
        let routes = parse_version_6(VERSION_6).unwrap();
        assert_eq!(routes, [Route { destination: "fd00::/64".into(), interface: "eth0".into() }]);
    }

    #[test]
    fn gvisors_tables_without_a_network_hold_no_routes() {
        let header = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT   \n";
        assert_eq!(parse_version_4(header.as_bytes()), Ok(Vec::new()));
        assert_eq!(parse_version_6(""), Ok(Vec::new()));
    }

    #[test]
    fn a_damaged_route_is_refused() {
        assert!(parse_version_6("zz 40 eth0\n").is_err());
        assert!(parse_version_6(&VERSION_6.replace("fd00", "zz00")).is_err());
    }
}
