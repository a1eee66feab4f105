//! Network interfaces and their addresses, by getifaddrs(3). Hardware addresses are left out.

use std::{collections::BTreeMap, net::IpAddr};

use nix::{
    ifaddrs::{InterfaceAddress, getifaddrs},
    net::if_::InterfaceFlags,
    sys::socket::SockaddrStorage,
};
use proto::{Interface, Interfaces, Observation};

use crate::text::printable;

/// The largest number of reported interfaces, and of reported addresses of each.
const MOST: usize = 256;

pub(crate) fn observe() -> Observation<Interfaces> {
    match getifaddrs() {
        Ok(entries) => Observation::Seen(gathered(entries)),
        Err(errno) => Observation::failed(errno.desc()),
    }
}

/// Merges the entries by interface: getifaddrs gives one for each address, and one without an address for each interface.
fn gathered(entries: impl Iterator<Item = InterfaceAddress>) -> Interfaces {
    let mut interfaces: BTreeMap<String, Interface> = BTreeMap::new();
    for entry in entries {
        let name = printable(&entry.interface_name);
        let interface = interfaces.entry(name.clone()).or_insert(Interface {
            name,
            loopback: entry.flags.contains(InterfaceFlags::IFF_LOOPBACK),
            up: entry.flags.contains(InterfaceFlags::IFF_UP),
            addresses: Vec::new(),
        });
        interface.addresses.extend(entry.address.as_ref().and_then(address));
    }
    let sorted = |mut interface: Interface| {
        interface.addresses.sort_unstable();
        interface.addresses.dedup();
        interface.addresses.truncate(MOST);
        interface
    };
    Interfaces { interfaces: interfaces.into_values().take(MOST).map(sorted).collect() }
}

fn address(storage: &SockaddrStorage) -> Option<IpAddr> {
    let version_4 = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    version_4.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn entry(name: &str, flags: InterfaceFlags, address: Option<SockaddrStorage>) -> InterfaceAddress {
        InterfaceAddress {
            interface_name: name.into(),
            flags,
            address,
            netmask: None,
            broadcast: None,
            destination: None,
        }
    }

    #[test]
    fn entries_of_one_interface_are_merged() {
        let up = InterfaceFlags::IFF_LOOPBACK | InterfaceFlags::IFF_UP;
        let loopback = SockaddrStorage::from(std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        let entries = [
            entry("lo", up, None),
            entry("eth0", InterfaceFlags::IFF_UP, None),
            entry("lo", up, Some(loopback)),
        ];
        let interfaces = gathered(entries.into_iter()).interfaces;
        assert_eq!(
            interfaces.iter().map(|i| (i.name.as_str(), i.loopback)).collect::<Vec<_>>(),
            [("eth0", false), ("lo", true)]
        );
        assert_eq!(interfaces[1].addresses, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    }
}
