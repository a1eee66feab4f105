//! The user's targets with their names looked up, alike for local runs and for clusters.

use std::net::{IpAddr, SocketAddr};

use proto::{Protocol, Target};

use super::defaults;
use crate::case::{
    cluster::Forward,
    destination::{Destination, Purpose},
    profile::Profile,
};

/// The user's wishes for the network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// Set unless `--no-default-targets` is given.
    pub defaults: bool,
    /// Targets of `--egress-target` and `--require-egress`, and those of `--allow` that name a port.
    pub named: Vec<Named>,
    /// The profile of `--profile`, `--allow` and `--require-egress`.
    pub profile: Profile,
    /// The addresses by which the controller reaches the cluster's API server; empty for a local run.
    pub api_server: Vec<SocketAddr>,
}

/// A target that the user named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named {
    /// The target's address.
    pub address: IpAddr,
    /// The target's port.
    pub port: u16,
    /// The protocol of the attempt.
    pub protocol: Protocol,
    /// The purpose: requested, allowed or required.
    pub purpose: Purpose,
    /// The name that the user gave in place of the address; `None` for an address, and for a target that is only attempted.
    pub name: Option<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { defaults: true, named: Vec::new(), profile: Profile::default(), api_server: Vec::new() }
    }
}

impl Wanted {
    /// Returns the same wishes in a cluster: an allowed Service allows the addresses behind it.
    #[must_use]
    pub fn behind(mut self, forwards: &[Forward]) -> Self {
        self.profile.allow_behind(forwards);
        self
    }

    /// Returns the user's destinations. A known address of a class gets the purpose of that class. With `by_name`, the names of
    /// allowed and required destinations are looked up in the sandbox.
    pub(super) fn named(&self, by_name: bool) -> impl Iterator<Item = Destination> {
        self.named.iter().map(move |named| {
            let name = named.name.clone().filter(|_| by_name).unwrap_or_default();
            let target = Target { name, ..Target::at(0, named.address, named.port, named.protocol) };
            let purpose = match named.purpose {
                Purpose::Required => Purpose::Required,
                otherwise => defaults::purpose(named.address, otherwise),
            };
            Destination { target: defaults::asking(target), purpose, named: true }
        })
    }
}

/// Removes duplicates and numbers the destinations from 1. The class of an equal default
/// stays, except for a destination that must be reached.
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
                if destination.purpose == Purpose::Required {
                    known.purpose = Purpose::Required;
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
    fn a_default_that_the_user_names_is_attempted_once() {
        let address = "1.1.1.1".parse().unwrap();
        let named = |purpose| Named { address, port: 443, protocol: Protocol::Tcp, purpose, name: None };
        let wanted = Wanted { named: vec![named(Purpose::Requested)], ..Wanted::default() };
        let all = distinct(defaults::destinations().chain(wanted.named(false)));
        assert_eq!(all.len(), defaults::destinations().count());
        assert_eq!((all[0].named, all[0].purpose), (true, Purpose::PublicInternet));
        assert!((1..).zip(&all).all(|(id, destination)| destination.target.id == id));
        for (purpose, expected) in
            [(Purpose::Allowed, Purpose::PublicInternet), (Purpose::Required, Purpose::Required)]
        {
            let wanted = Wanted { named: vec![named(purpose)], ..Wanted::default() };
            let all = distinct(defaults::destinations().chain(wanted.named(false)));
            assert_eq!(all[0].purpose, expected);
        }
    }
}
