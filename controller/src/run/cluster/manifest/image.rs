//! The image of a run's pods, and the Secrets by which nodes may pull the image.

use k8s_openapi::api::core::v1::LocalObjectReference;

/// The image of a run's pods.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PodImage {
    /// The reference that the nodes pull.
    pub reference: String,
    /// The names of Secrets with the registry's credentials. Each namespace of the run has Secrets of its own; podproof reads none.
    pub pull_secrets: Vec<String>,
}

impl PodImage {
    /// Returns the pods' list of Secrets; `None` without Secrets. A pod without a list gets that of its service account (kubernetes.io,
    /// "Configure Service Accounts for Pods").
    pub(super) fn secrets(&self) -> Option<Vec<LocalObjectReference>> {
        let named = self.pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
        let named: Vec<_> = named.collect();
        (!named.is_empty()).then_some(named)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::api::core::v1::{LocalObjectReference, Pod};
    use proto::Nonce;

    use super::PodImage;
    use crate::{
        case::cluster::Group,
        run::cluster::manifest::{self, Common, Marks},
    };

    fn pods(secrets: &[&str]) -> [Pod; 3] {
        let pull_secrets = secrets.iter().map(|&name| name.to_owned()).collect();
        let common = Common {
            run: "podproof-1".into(),
            image: PodImage { reference: "registry.example/probe:1".into(), pull_secrets },
            lifetime: Duration::from_secs(90),
            token: Nonce([7; 16]),
            reception: Nonce([8; 16]),
            listens: Vec::new(),
            marks: Marks::default(),
        };
        let owner = manifest::owner("podproof-1", "shop");
        [
            manifest::probe(&common, "shop", &owner, &Group::default(), 0),
            manifest::listener(&common, "podproof", &owner, "one", 0),
            manifest::control(&common, "podproof", &owner, "one", 0),
        ]
    }

    #[test]
    fn every_pod_names_the_pull_secrets_in_their_order() {
        let named = ["first", "second"].map(|name| LocalObjectReference { name: name.into() });
        for pod in pods(&["first", "second"]) {
            assert_eq!(pod.spec.unwrap().image_pull_secrets.unwrap(), named);
        }
    }

    #[test]
    fn without_pull_secrets_a_pod_gets_those_of_its_service_account() {
        for pod in pods(&[]) {
            assert_eq!(pod.spec.unwrap().image_pull_secrets, None);
        }
    }
}
