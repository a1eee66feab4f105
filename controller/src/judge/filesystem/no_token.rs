//! No pod has a service account token with which code could ask the API server. A token for another audience is a credential that
//! `secrets-absent` judges.

use crate::case::{Case, cluster::PodView};
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "no-token",
    title: "No pod mounts a token for the API server",
    area: Area::Filesystem,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 5,
    protects: "A token lets untrusted code act as the service account.",
    remedy: "Set automountServiceAccountToken: false in the pod template, and project no token that the API server accepts.",
    explanation: Explanation {
        looks_at: &["cluster", "mounts"],
        met: "no pod and no pod template mounts a service account token that the API server accepts",
        unmet: "a pod or pod template mounts a service account token that the API server accepts",
        inconclusive: "a token's audience is an address that may be the issuer of the cluster, and so be accepted by the API server",
        on_platforms: &[],
    },
    mappings: &["CIS Kubernetes 5.1.6", "GKE secure-sandbox-policy"],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    let with = case.pod_views().iter().filter(|pod_view| pod_view.token && !excused(case, pod_view));
    let with: Vec<_> = with.collect();
    let Some(first) = with.first() else {
        if let Some((title, token)) = unclear(case) {
            return Judgement::inconclusive(format!(
                "{title} is given {token}, and it is not known whether the API server accepts this audience (its `--api-audiences`)"
            ));
        }
        return Judgement::met("no pod or pod template mounts a token for the API server")
            .citing("cluster", format!("{} pods and pod templates", case.pod_views().len()));
    };
    let title = first.origin.title();
    let is_left_open = first.origin.is_template() && first.deciding_account.is_some();
    let judgement = Judgement::unmet(if is_left_open {
        format!(
            "{title} leaves it to its service account whether its pods mount a token for the API server, and no pod shows that \
             the account forbids it"
        )
    } else {
        format!("a service account token for the API server is mounted in {title}")
    });
    with.iter().fold(judgement, |judgement, pod_view| judgement.citing("cluster", pod_view.origin.title()))
}

/// Returns the first token that the API server perhaps accepts, after the title of its pod.
fn unclear(case: &Case) -> Option<(String, &String)> {
    let mut unclear =
        case.pod_views().iter().filter_map(|it| Some((it.origin.title(), it.unclear_tokens.first()?)));
    unclear.next()
}

/// True for a template that leaves the token to its service account, if pods that do so have none. A pod that refuses a token itself
/// may be of an earlier revision, and tells nothing of the account.
fn excused(case: &Case, template: &PodView) -> bool {
    let account = template.deciding_account.as_ref().filter(|_| template.origin.is_template());
    let Some((known, account)) = case.surroundings.in_cluster.as_ref().zip(account) else { return false };
    let of_account = |pod: &&PodView| pod.deciding_account.as_ref() == Some(account);
    let mut of_account = known.cluster.pods().filter(of_account).peekable();
    of_account.peek().is_some() && of_account.all(|pod| !pod.token)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    #[test]
    fn a_mounted_token_is_unmet() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::pod_view(&mut case).token = true;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn a_token_for_an_unknown_address_is_inconclusive_by_its_audience() {
        let mut case = fixture::pod();
        let token = "a token for https://issuer.example in the volume keys";
        fixture::pod_view(&mut case).unclear_tokens = vec![token.into()];
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains(token), "{why}");
        fixture::pod_view(&mut case).token = true;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn pods_with_the_same_account_show_that_it_gives_no_token() {
        let told = |account: Option<&str>, token: bool| {
            let mut case = fixture::pod();
            let known = fixture::in_cluster(&mut case);
            let account = account.map(str::to_owned);
            let pod = &mut Arc::make_mut(&mut known.cluster).pod_views[0];
            pod.origin.name = "other".into();
            (pod.deciding_account, pod.token) = (account, token);
            known.group.pod_views.remove(0);
            let template = &mut known.group.pod_views[0];
            (template.token, template.deciding_account) = (true, Some("runner".into()));
            judge(&case).outcome
        };
        assert_eq!(told(Some("runner"), false), Outcome::Met);
        assert_eq!(told(Some("runner"), true), Outcome::Unmet);
        assert_eq!(told(Some("another"), false), Outcome::Unmet);
        assert_eq!(told(None, false), Outcome::Unmet);
    }

    #[test]
    fn only_pods_without_a_token_excuse_their_template() {
        let mut case = fixture::pod();
        let known = fixture::in_cluster(&mut case);
        let template = &mut known.group.pod_views[1];
        assert!(template.origin.is_template());
        (template.token, template.deciding_account) = (true, Some("runner".into()));
        // The pods may be in another pool than the template.
        known.group.pod_views.remove(0);
        // The pod refuses the token itself, as one of an earlier revision may.
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        let known = fixture::in_cluster(&mut case);
        Arc::make_mut(&mut known.cluster).pod_views[0].deciding_account = Some("runner".into());
        assert_eq!(judge(&case).outcome, Outcome::Met);
        Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster).pod_views.remove(0);
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }
}
