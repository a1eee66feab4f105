//! A network profile: the destinations that sandboxes may reach.

use schemars::JsonSchema;
use serde::Serialize;

use crate::case::profile;

/// A network profile of a run.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Profile {
    /// The value of `--profile`, such as "deny-all". New values are no new version.
    pub kind: &'static str,
    /// The destinations of `--allow` and `--require-egress`, each as in the flag; empty where the profile names none.
    pub allowed: Vec<String>,
}

// === impl Profile ===

impl Profile {
    /// Returns true if the sandboxes may reach nothing.
    pub(in crate::report) fn is_closed(&self) -> bool {
        self.kind == profile::Kind::DenyAll.id() && self.allowed.is_empty()
    }
}

impl From<&profile::Profile> for Profile {
    fn from(profile: &profile::Profile) -> Self {
        let mut allowed = Vec::new();
        // The addresses behind an allowed Service follow from the Service.
        for text in profile.allowed.iter().filter(|it| !it.behind).map(ToString::to_string) {
            if !allowed.contains(&text) {
                allowed.push(text);
            }
        }
        Self { kind: profile.kind.id(), allowed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn destinations_are_named_once_as_the_flag_names_them() {
        let address = "10.96.0.1".parse().unwrap();
        let plain = fixture::allowed(address, None);
        let named = |address| profile::Allowed {
            port: Some(443),
            protocol: Some(proto::Protocol::Tcp),
            name: Some("db.example".into()),
            ..fixture::allowed(address, None)
        };
        let ipv6 =
            profile::Allowed { prefix: 128, ..fixture::allowed("2001:db8::1".parse().unwrap(), Some(53)) };
        let network = profile::Allowed { prefix: 16, ..plain.clone() };
        let behind =
            profile::Allowed { behind: true, ..fixture::allowed("10.0.0.9".parse().unwrap(), Some(6443)) };
        let allowed = vec![plain, named(address), named("10.0.0.2".parse().unwrap()), ipv6, network, behind];
        let profile = Profile::from(&profile::Profile { kind: profile::Kind::AllowList, allowed });
        assert_eq!(profile.kind, "allow-list");
        assert_eq!(profile.allowed, ["10.96.0.1", "db.example:443/tcp", "[2001:db8::1]:53", "10.96.0.1/16"]);
    }
}
