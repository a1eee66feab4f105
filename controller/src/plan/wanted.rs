//! What the user wants to be attempted, with names looked up; the same on this machine and in a cluster.

use std::net::IpAddr;

use proto::{Protocol, Target};

use super::defaults;
use crate::case::{
    destination::{Destination, Purpose},
    profile::Profile,
};

/// Everything that the user said of the network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// Without `--no-default-targets`.
    pub defaults: bool,
    /// `--egress-target`, and those of `--allow` that can be attempted.
    pub named: Vec<Named>,
    /// `--profile` and `--allow`.
    pub profile: Profile,
}

/// A place that the user named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Named {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// By which way.
    pub protocol: Protocol,
    /// Requested or allowed.
    pub purpose: Purpose,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { defaults: true, named: Vec::new(), profile: Profile::default() }
    }
}

impl Wanted {
    /// Those that were named. An address that is known to be of a class belongs to it.
    pub(super) fn named(&self) -> impl Iterator<Item = Destination> {
        self.named.iter().map(|named| {
            let target = Target::at(0, named.address, named.port, named.protocol);
            let purpose = match named.purpose {
                Purpose::Allowed => Purpose::Allowed,
                otherwise => defaults::purpose(named.address, otherwise),
            };
            Destination { target: defaults::asking(target), purpose, named: true }
        })
    }
}

/// Each once, with numbers from 1 on. What the user named takes the place of what would be attempted anyway.
pub(super) fn distinct(destinations: impl IntoIterator<Item = Destination>) -> Vec<Destination> {
    let mut all: Vec<Destination> = Vec::new();
    for destination in destinations {
        let same = |other: &&mut Destination| {
            let (one, other) = (&destination.target, &other.target);
            (one.address, one.port, one.protocol) == (other.address, other.port, other.protocol)
                && one.name == other.name
        };
        match all.iter_mut().find(same) {
            Some(known) => {
                known.named |= destination.named;
                if destination.purpose == Purpose::Allowed {
                    known.purpose = Purpose::Allowed;
                }
            }
            None => all.push(destination),
        }
    }
    (1..).zip(&mut all).for_each(|(id, destination)| destination.target.id = id);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_twice_is_attempted_once_and_stays_named() {
        let address = "1.1.1.1".parse().unwrap();
        let named = |purpose| Named { address, port: 443, protocol: Protocol::Tcp, purpose };
        let wanted = Wanted { named: vec![named(Purpose::Requested)], ..Wanted::default() };
        let all = distinct(defaults::destinations().chain(wanted.named()));
        assert_eq!(all.len(), defaults::destinations().count());
        assert_eq!((all[0].named, all[0].purpose), (true, Purpose::PublicInternet));
        assert!((1..).zip(&all).all(|(id, destination)| destination.target.id == id));
        let wanted = Wanted { named: vec![named(Purpose::Allowed)], ..Wanted::default() };
        let all = distinct(defaults::destinations().chain(wanted.named()));
        assert_eq!(all[0].purpose, Purpose::Allowed);
    }
}
