//! The permissions of a run, asked one by one, and the loss without each.

use futures_util::future::join_all;
use kube::Client;
use tokio::time::timeout;

use super::{Asked, Check, PATIENCE, Weight};
use crate::{
    case::cluster::Access,
    run::cluster::{
        Target,
        permission::{self, Permission, Place, Without},
        review,
    },
};

/// The answers to the questions for the permissions of a run.
pub(super) struct Permissions {
    /// The number of the questions.
    asked: usize,
    missing: Vec<Missing>,
}

/// A permission that is missing, or about which there is no answer.
struct Missing {
    what: String,
    without: Without,
    /// Why there is no answer; `None` for a refusal.
    unanswered: Option<String>,
}

// === impl Permissions ===

impl Permissions {
    /// Asks for each permission, in each of its places.
    pub(super) async fn ask(client: &Client, asked: &Asked<'_>) -> Self {
        let Target { namespace, control_namespace, live, .. } = asked.target;
        let (namespace, control) = (namespace.as_str(), control_namespace.as_deref());
        let mut reviews = Vec::new();
        for permission in permission::all(live.is_some()).filter(|it| !permission::is_optional(it)) {
            let places = match permission.place {
                Place::Namespace => vec![Some(namespace)],
                Place::Both => [Some(namespace), control].into_iter().flatten().map(Some).collect(),
                Place::Cluster => vec![None],
                Place::Of(other) => vec![Some(other)],
            };
            for place in places {
                reviews.extend(permission.verbs.iter().map(|verb| missing(client, permission, verb, place)));
            }
        }
        Self { asked: reviews.len(), missing: join_all(reviews).await.into_iter().flatten().collect() }
    }

    /// Returns the checks. `may_have_claims` is false if no pod of the run has a claim for a volume, and `grant` is the command that
    /// grants all permissions.
    pub(super) fn checks(&self, may_have_claims: bool, grant: &str) -> Vec<Check> {
        if self.missing.is_empty() {
            let text = format!("all {} that a run uses are granted", self.asked);
            return vec![Check::fine("the permissions", text)];
        }
        self.missing.iter().map(|missing| missing.check(may_have_claims, grant)).collect()
    }
}

// === impl Missing ===

impl Missing {
    fn check(&self, may_have_claims: bool, grant: &str) -> Check {
        let without_claims = matches!(self.without, Without::InconclusiveWithClaims(_)) && !may_have_claims;
        let weight = match (self.without, &self.unanswered) {
            (Without::Words(_), _) => Weight::Remark,
            _ if without_claims => Weight::Remark,
            (Without::NoRun, None) => Weight::Fatal,
            (Without::NoRun | Without::Inconclusive(_) | Without::InconclusiveWithClaims(_), _) => {
                Weight::Inconclusive
            }
        };
        if let Some(why) = &self.unanswered {
            return Check::trouble(&self.what, weight, why, "run `controller doctor` again");
        }
        let none = if without_claims { "; no pod has one now" } else { "" };
        let why = format!("it is missing; without it: {}{none}", self.without.words());
        Check::trouble(&self.what, weight, why, format!("grant it by `{grant}`"))
    }
}

/// Returns true if a permission for a request is asked for by itself.
pub(super) fn are_asked(request: &Access) -> bool {
    let Access::Resource { resource, .. } = request else { return false };
    let (name, group) = resource.split_once('.').map_or((&**resource, None), |(name, it)| (name, Some(it)));
    let is_it = |it: &&Permission| it.resource == name && group.is_none_or(|group| it.group == group);
    permission::ALL.iter().any(|it| is_it(&it) && !permission::is_optional(it))
}

/// Asks for one permission. Returns `None` if it is granted.
async fn missing(
    client: &Client,
    permission: &Permission,
    verb: &str,
    namespace: Option<&str>,
) -> Option<Missing> {
    let unanswered = match timeout(PATIENCE, review::is_granted(client, permission, verb, namespace)).await {
        Ok(Ok(true)) => return None,
        Ok(Ok(false)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("the API server did not answer".to_owned()),
    };
    let place = namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
    let what = format!("the permission to {verb} {}{place}", permission.resource);
    Some(Missing { what, without: permission.without, unanswered })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::cluster::{doctor::readiness, readiness::Readiness};

    const CLAIMS: Without = Without::InconclusiveWithClaims(&["filesystem-isolation"]);

    fn prospect(without: Without, unanswered: Option<&str>, may_have_claims: bool) -> Readiness {
        let what = "the permission to list things".to_owned();
        let missing = Missing { what, without, unanswered: unanswered.map(str::to_owned) };
        readiness(&[missing.check(may_have_claims, "controller rbac")])
    }

    #[test]
    fn a_missing_permission_weighs_as_much_as_the_run_loses_without_it() {
        for (without, claims, expected) in [
            (Without::NoRun, false, Readiness::Unable),
            (Without::Inconclusive(&["coverage"]), false, Readiness::Incomplete),
            (Without::Words("a word is missing"), true, Readiness::Ready),
            (CLAIMS, true, Readiness::Incomplete),
            (CLAIMS, false, Readiness::Ready),
        ] {
            assert_eq!(prospect(without, None, claims), expected, "{without:?}, claims: {claims}");
        }
    }

    #[test]
    fn the_permission_for_a_kind_of_a_group_that_not_every_cluster_has_is_not_asked_for() {
        for (resource, asked) in [
            ("pods", true),
            ("networkpolicies.networking.k8s.io", true),
            ("ciliumnetworkpolicies.cilium.io", false),
            ("jobs.example.org", false),
            ("tiers.projectcalico.org", false),
        ] {
            assert_eq!(are_asked(&Access::list(resource)), asked, "{resource}");
        }
        assert!(!are_asked(&Access::PodsOf("workflow/build".into())));
    }

    #[test]
    fn a_question_without_an_answer_weighs_no_more_than_the_loss() {
        for (without, expected) in [
            (Without::NoRun, Readiness::Incomplete),
            (Without::Inconclusive(&["coverage"]), Readiness::Incomplete),
            (Without::Words("a word is missing"), Readiness::Ready),
        ] {
            assert_eq!(prospect(without, Some("no answer"), false), expected, "{without:?}");
        }
    }
}
