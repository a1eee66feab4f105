//! No pod carries a service account's token, with which code could ask the API server.

use super::{Area, Class, Judgement, Requirement, Scope};
use crate::case::Case;

pub(super) const REQUIREMENT: Requirement = Requirement {
    id: "no-token",
    title: "No service account token is mounted",
    area: Area::Filesystem,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 5,
    protects: "A token lets untrusted code act as the service account.",
    remedy: "Set automountServiceAccountToken: false in the pod's template.",
    mappings: &["CIS Kubernetes 5.1.6", "GKE secure-sandbox-policy"],
    judge,
};

fn judge(case: &Case) -> Judgement {
    let with: Vec<_> =
        case.shapes().iter().filter(|shape| shape.token).map(|shape| shape.origin.title()).collect();
    let Some(first) = with.first() else {
        return Judgement::met("no pod or template mounts a service account's token")
            .citing("cluster", format!("{} pods and templates", case.shapes().len()));
    };
    let judgement = Judgement::unmet(format!("a service account's token is mounted in {first}"));
    with.iter().fold(judgement, |judgement, title| judgement.citing("cluster", title.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, requirement::Outcome};

    #[test]
    fn a_mounted_token_is_unmet() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::shape(&mut case).token = true;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }
}
