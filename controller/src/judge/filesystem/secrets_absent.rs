//! No credential lies at the usual places, in the probe's sandbox or in the workloads that the probe represents. `no-token`
//! judges a workload's token for the API server, and has a waiver of its own. Values of `ConfigMaps` and files of images are
//! not read, and the citation says so.

use proto::{Secrets, Token};

use crate::case::{Case, Citation};
use crate::judge::{
    platforms::Platform,
    requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope},
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "secrets-absent",
    title: "The sandbox is given no credential",
    area: Area::Filesystem,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 4,
    protects: "Untrusted code can carry off every credential that it can read: a token, a key, a password.",
    remedy: "Mount no secret and no token, and put none into the environment. Let a trusted process outside of the sandbox \
             make the calls that need a credential.",
    explanation: Explanation {
        looks_at: &["secrets", "bundle", "cluster"],
        met: "no file lies below /run/secrets and /var/run/secrets, and no workload is given a Secret or another credential that its manifest shows (no-token judges tokens for the API server)",
        unmet: "a token or another file lies there, or a workload or the bundle is given a Secret, a credential in a variable, an argument or an entry of a ConfigMap, \
                a token for another audience than the API server, or files of a driver that fetches secrets",
        inconclusive: "a folder could not be read, or the credentials of the workloads or of the bundle are not known",
        on_platforms: &[(
            Platform::Kubernetes,
            "set automountServiceAccountToken: false, name no Secret in volumes, env and envFrom, and write no credential into env, args or a ConfigMap",
        )],
    },
    mappings: &["CIS Kubernetes 5.4.1"],
    judge: Judge::Case(judge),
};

/// The scope of a look at manifests.
const NONE_GIVEN: &str = "no workload is given a Secret, and no variable or argument holds a literal credential; values of \
                          ConfigMaps and files of images were not read";

fn judge(case: &Case) -> Judgement {
    let observed = &case.evidence().secrets;
    let given = of_workloads(case);
    let lying = observed.seen().and_then(lying).into_iter();
    let found: Vec<_> = lying.chain(of_bundle(case)).chain(given.iter().flatten().cloned()).collect();
    if let Some(first) = found.first() {
        return Judgement::unmet(first.text.clone()).citing_all(found);
    }
    let Some(seen) = observed.seen() else {
        return Judgement::inconclusive(format!("secrets could not be observed: {}", observed.fared()));
    };
    if let Some(folder) = seen.unseen.first() {
        return Judgement::inconclusive(format!("{folder} could not be read"));
    }
    if case.surroundings.credentials.is_none() && case.surroundings.subject.has_a_users_configuration() {
        return Judgement::inconclusive("the saved evidence does not tell of credentials in the bundle");
    }
    let none = Judgement::met("no credential lies in the sandbox").citing("secrets", "no file");
    match given {
        None => Judgement::inconclusive("the credentials that the workloads are given are not known"),
        Some(_) if case.pod_views().is_empty() => none,
        Some(_) => none.citing("cluster", NONE_GIVEN),
    }
}

/// Returns the credentials in the probe's own sandbox.
fn lying(secrets: &Secrets) -> Option<Citation> {
    let text = match secrets {
        Secrets { token: Some(token), .. } => {
            format!("a service account token can be read: {}", describe(token))
        }
        Secrets { files: 0, truncated: false, .. } => return None,
        Secrets { files, bytes, truncated, .. } => {
            let more = if *truncated { "more than " } else { "" };
            format!("the sandbox has {more}{files} files of secrets, of {bytes} bytes in total")
        }
    };
    Some(Citation { source: "secrets", text })
}

fn describe(token: &Token) -> String {
    let audiences = if token.audiences.is_empty() {
        String::new()
    } else {
        format!(" for {}", token.audiences.join(", "))
    };
    let until =
        match token.expires.and_then(|seconds| jiff::Timestamp::from_second(seconds.try_into().ok()?).ok()) {
            Some(time) => format!("valid until {time}"),
            None => "without an expiry time".to_owned(),
        };
    format!("{} bytes{audiences}, {until}", token.size)
}

/// Returns the literal credentials in the configuration of a local sandbox.
fn of_bundle(case: &Case) -> impl Iterator<Item = Citation> {
    let cited = |place: &String| Citation {
        source: "bundle",
        text: format!("the bundle has a credential in {place}"),
    };
    case.surroundings.credentials.iter().flatten().map(cited)
}

/// Returns the credentials that the workloads are given; `None` if the saved evidence does not tell of each kind.
fn of_workloads(case: &Case) -> Option<Vec<Citation>> {
    let cited = |text| Citation { source: "cluster", text };
    let mut given = Vec::new();
    let mut unknown = false;
    for pod_view in case.pod_views() {
        match &pod_view.secrets {
            Some(names) => given.extend(
                names
                    .iter()
                    .map(|name| cited(format!("{} is given the Secret {name}", pod_view.origin.title()))),
            ),
            None => unknown = true,
        }
        unknown |= pod_view.credentials.is_none();
        let others = pod_view.credentials.iter().flatten();
        given.extend(others.map(|what| cited(format!("{} is given {what}", pod_view.origin.title()))));
    }
    (!unknown || !given.is_empty()).then_some(given)
}

#[cfg(test)]
mod tests {
    use proto::Observation;

    use super::*;
    use crate::{case::Subject, fixture, judge::requirement::Outcome};

    fn told(case: &Case) -> &'static str {
        fixture::told(&judge(case))
    }

    #[test]
    fn a_credential_of_the_bundle_is_unmet_by_its_place() {
        let mut case = fixture::gvisor();
        assert_eq!(told(&case), "met");
        case.surroundings.credentials = Some(vec!["the variable API_TOKEN".into()]);
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert_eq!(judgement.because, "the bundle has a credential in the variable API_TOKEN");
    }

    #[test]
    fn a_bundle_of_which_the_evidence_tells_no_credentials_is_inconclusive() {
        let container = Subject::Container { runtime: vec!["runsc".into()], id: "web".into() };
        for (subject, expected) in [
            (fixture::of_a_users_bundle(fixture::gvisor()).surroundings.subject, "open"),
            (container, "open"),
            // The controller wrote this bundle.
            (fixture::gvisor().surroundings.subject, "met"),
        ] {
            let mut case = fixture::gvisor();
            case.surroundings.subject = subject;
            assert_eq!(told(&case), "met");
            case.surroundings.credentials = None;
            assert_eq!(told(&case), expected, "{:?}", case.surroundings.subject);
        }
    }

    #[test]
    fn any_file_of_secrets_is_unmet() {
        let none = Secrets { token: None, files: 0, bytes: 0, unseen: Vec::new(), truncated: false };
        let token = Token { size: 900, audiences: vec!["api".into()], expires: Some(1_800_000_000) };
        for (secrets, expected) in [
            (none.clone(), "met"),
            (Secrets { token: Some(token), files: 3, ..none.clone() }, "unmet"),
            (Secrets { files: 1, bytes: 8, ..none.clone() }, "unmet"),
            (Secrets { truncated: true, ..none.clone() }, "unmet"),
            (Secrets { unseen: vec!["/run/secrets".into()], ..none }, "open"),
        ] {
            let mut case = fixture::gvisor();
            case.collected.evidence.secrets = Observation::Seen(secrets.clone());
            assert_eq!(told(&case), expected, "{secrets:?}");
        }
        assert_eq!(told(&fixture::silent()), "open");
    }

    #[test]
    fn a_token_is_described_by_audience_and_expiry() {
        let token = Token { size: 900, audiences: vec!["api".into()], expires: Some(1_800_000_000) };
        assert_eq!(describe(&token), "900 bytes for api, valid until 2027-01-15T08:00:00Z");
        let silent = Token { audiences: Vec::new(), expires: None, ..token };
        assert_eq!(describe(&silent), "900 bytes, without an expiry time");
    }

    #[test]
    fn a_clean_probe_excuses_no_secret_of_a_workload() {
        let mut case = fixture::pod();
        assert_eq!(told(&case), "met");
        fixture::pod_view(&mut case).secrets = None;
        assert_eq!(told(&case), "open");
        let mut case = fixture::pod();
        fixture::pod_view(&mut case).secrets = Some(vec!["database".into()]);
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert_eq!(judgement.because, "pod/web-1 is given the Secret database");
    }

    #[test]
    fn a_credential_beside_secrets_is_unmet_by_name() {
        let mut case = fixture::pod();
        let what = "a credential in the variable API_TOKEN of the container app";
        fixture::pod_view(&mut case).credentials = Some(vec![what.into()]);
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert_eq!(judgement.because, format!("pod/web-1 is given {what}"));
        fixture::pod_view(&mut case).credentials = None;
        assert_eq!(
            judge(&case).outcome,
            Outcome::Inconclusive("the credentials that the workloads are given are not known".into())
        );
    }
}
