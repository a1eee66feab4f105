//! The network profile of the run.

use std::net::IpAddr;

use proto::Protocol;

use super::form::{each, saved_enum, saved_struct};
use crate::case::profile;

saved_struct! {
    /// The network profile with its exceptions.
    #[derive(Default)]
    Profile for profile::Profile {
        kind: Kind => Into::into,
        allowed: Vec<Allowed> => each,
    }
}

saved_enum! {
    /// The kind of a network profile.
    #[derive(Default)]
    Kind for profile::Kind {
        #[default]
        DenyAll, "deny-all";
        NoPrivate, "no-private";
        AllowList, "allow-list";
    }
}

saved_struct! {
    /// A network that the sandbox may reach.
    Allowed for profile::Allowed {
        address: IpAddr,
        prefix: u8,
        port: Option<u16>,
        protocol: Option<Protocol>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        behind: bool,
    }
}
