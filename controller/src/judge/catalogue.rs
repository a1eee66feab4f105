//! The list of every requirement. A new requirement is a file in the folder of its area, and a line here.

use super::{evidence, filesystem, limits, network, privilege, requirement::Requirement, runtime};

/// Every requirement, in the order of the report.
pub const ALL: &[&Requirement] = &[
    &runtime::runtime_isolation::REQUIREMENT,
    &network::network_isolation::REQUIREMENT,
    &filesystem::filesystem_isolation::REQUIREMENT,
    &limits::resource_limits::REQUIREMENT,
    &privilege::least_privilege::REQUIREMENT,
    &network::metadata_blocked::REQUIREMENT,
    &network::dns_contained::REQUIREMENT,
    &network::closed_from_the_start::REQUIREMENT,
    &network::api_server_blocked::REQUIREMENT,
    &network::neighbours_blocked::REQUIREMENT,
    &network::ingress_closed::REQUIREMENT,
    &filesystem::host_sockets_absent::REQUIREMENT,
    &filesystem::secrets_absent::REQUIREMENT,
    &filesystem::root_read_only::REQUIREMENT,
    &filesystem::devices_minimal::REQUIREMENT,
    &filesystem::system_information_hidden::REQUIREMENT,
    &evidence::environment_declared::REQUIREMENT,
    &runtime::runtime_class_exists::REQUIREMENT,
    &runtime::runtime_class_used::REQUIREMENT,
    &runtime::runtime_settings::REQUIREMENT,
    &runtime::runtime_hardening::REQUIREMENT,
    &network::network_policies_apply::REQUIREMENT,
    &network::policies_enforced::REQUIREMENT,
    &limits::limits_declared::REQUIREMENT,
    &limits::limits_enforced::REQUIREMENT,
    &filesystem::no_token::REQUIREMENT,
    &evidence::coverage::REQUIREMENT,
    &evidence::probe_integrity::REQUIREMENT,
];

/// The requirements whose finding is inconclusive because of the namespace, the cluster or the run, and never because of one sandbox.
const OF_THE_NAMESPACE: &[&Requirement] = &[
    &evidence::coverage::REQUIREMENT,
    &evidence::environment_declared::REQUIREMENT,
    &network::network_policies_apply::REQUIREMENT,
];

/// Returns true for the id of a requirement that an inconclusive finding leaves open for a whole namespace.
pub fn is_of_the_namespace(id: &str) -> bool {
    OF_THE_NAMESPACE.iter().any(|requirement| requirement.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::requirement::Explanation;

    #[test]
    fn ids_are_kebab_case_and_unique() {
        let mut ids: Vec<_> = ALL.iter().map(|requirement| requirement.id).collect();
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{ids:?}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
    }

    #[test]
    fn four_requirements_are_mandatory() {
        let mandatory: Vec<_> = ALL.iter().filter(|r| r.mandatory).map(|r| r.id).collect();
        assert_eq!(
            mandatory,
            ["runtime-isolation", "network-isolation", "filesystem-isolation", "resource-limits"]
        );
    }

    #[test]
    fn every_requirement_has_all_its_texts() {
        for requirement in ALL {
            assert!(!requirement.protects.is_empty() && !requirement.remedy.is_empty(), "{}", requirement.id);
            assert!(requirement.weight > 0, "{}", requirement.id);
            let Explanation { looks_at, met, unmet, inconclusive, .. } = requirement.explanation;
            assert!(!looks_at.is_empty(), "{}", requirement.id);
            for words in [met, unmet, inconclusive] {
                assert!(!words.is_empty() && !words.ends_with('.'), "{}: {words}", requirement.id);
            }
        }
    }
}
