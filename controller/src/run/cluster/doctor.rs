//! The checks of `controller doctor`: everything that a run needs, each looked at by itself.

mod admission;
mod foresight;

use std::{error::Error, time::Duration};

use futures_util::future::join_all;
use k8s_openapi::api::node::v1::RuntimeClass;
use kube::{Api, Client, api::ListParams};
use tokio::time::timeout;

use foresight::Foresight;

use super::{
    connect::Connection,
    manifest::{Marks, PodImage},
    permission::{self, Permission, Place, Without},
    readiness::Readiness,
    review,
};
use crate::{
    case::cluster::{Class, Group},
    plan::{cluster::Probes, needs::Needs},
    run::lookup::{self, LookupError, LookupRequest},
    support::printable::line,
};

/// Time for one answer of the API server.
const PATIENCE: Duration = Duration::from_secs(10);
/// The resource of permissions for CRD groups. A cluster without the CRDs needs none of these permissions.
const OPTIONAL: &str = "*";

/// One thing that a run needs, and the result of the look at it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Check {
    what: String,
    result: Result<String, Trouble>,
}

/// The fault of one thing, and its remedy.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Trouble {
    /// True if no run would work.
    fatal: bool,
    why: String,
    remedy: String,
}

/// The run that is to be checked.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) namespace: &'a str,
    /// The control namespace; `None` for a run without control pods.
    pub(crate) control: Option<&'a str>,
    /// The reference of the probe's image; `None` if none was named.
    pub(crate) image: Option<&'a PodImage>,
    /// The architectures for which there is a probe.
    pub(crate) probes: Probes,
    pub(crate) marks: Marks,
    /// The profile and the lists of the run, and of single workloads.
    pub(crate) network: LookupRequest,
    /// True for a run with `--live`.
    pub(crate) live: bool,
    /// False for a run with `--no-network`.
    pub(crate) attempts: bool,
}

impl Asked<'_> {
    /// Returns the command that grants all permissions of the run.
    fn grant(&self) -> String {
        let control = self.control.map(|name| format!(" --control-namespace {name}")).unwrap_or_default();
        let live = if self.live { " --live" } else { "" };
        format!(
            "controller rbac --namespace {}{control} --cluster{live} --service-account NAMESPACE:NAME | kubectl apply -f -",
            self.namespace
        )
    }
}

/// Makes every check. An API server that does not answer ends the checks, because the others depend on it.
pub(crate) async fn examine(connection: &Connection, asked: &Asked<'_>) -> Vec<Check> {
    let Asked { namespace, control, image, ref marks, .. } = *asked;
    let client = &connection.client;
    let server = reachable(connection).await;
    let down = server.result.is_err();
    let mut checks = vec![server];
    if down {
        return checks;
    }
    checks.extend(permissions(client, asked).await);
    let (class, classes) = runtime_class(client, asked).await;
    checks.push(classes);
    let needs = match lookup::looked_up(&asked.network).await {
        Ok((needs, profiles)) => {
            checks.extend(profiles.into_iter().map(|profile| Check::fine("the network", profile)));
            needs
        }
        Err(error) => {
            checks.push(unresolved(&error));
            Needs::default()
        }
    };
    let foresight = foresight::foresee(client, asked, needs).await;
    match &foresight {
        Ok(foresight) => {
            checks.extend(foresight.checks(control));
            checks.extend(foresight.places(client).await);
        }
        Err(failed) => checks.push(Check::clone(failed)),
    }
    match image {
        Some(image) => {
            // Without a workload, a probe of the first RuntimeClass for gVisor is asked for.
            let fallback = Group { runtime_class: class, ..Group::default() };
            let planned = foresight.iter().flat_map(Foresight::launchable);
            let mut groups: Vec<_> = planned.collect();
            if groups.is_empty() {
                groups.push(&fallback);
            }
            checks.extend(
                admission::admission(client, (namespace, control), image, &groups, marks.clone()).await,
            );
        }
        None => checks.push(Check::trouble(
            "the probe's image",
            true,
            "no image was named",
            "push it by `controller image --push REF`, and name it by --image REF",
        )),
    }
    if !asked.attempts {
        checks.push(Check::trouble(
            "the attempts over the network",
            false,
            "`--no-network` leaves them out, so requirements that need attempts stay inconclusive",
            "run without `--no-network`",
        ));
    } else if control.is_none() {
        checks.push(Check::trouble(
            "the control namespace",
            false,
            "none was named, so network-isolation stays inconclusive",
            "name a namespace whose policies let the probes reach port 8790, by `--control-namespace NAME`",
        ));
    }
    checks
}

/// Returns the check of names that this machine cannot look up.
fn unresolved(error: &LookupError) -> Check {
    let why = error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    let remedy = "give an address in place of the name, or a name that this machine can look up";
    Check::trouble("the network", true, why, remedy)
}

/// Renders one line for each check, and the remedy below each fault.
pub(crate) fn render(checks: &[Check]) -> String {
    let told = |check: &Check| match &check.result {
        Ok(text) => format!("✔ {}: {}\n", line(&check.what), line(text)),
        Err(Trouble { fatal, why, remedy }) => {
            let sign = if *fatal { "✘" } else { "?" };
            format!("{sign} {}: {}\n  remedy: {}\n", line(&check.what), line(why), line(remedy))
        }
    };
    checks.iter().map(told).collect()
}

/// Returns the prospect of a run, which the worst check decides.
pub(crate) fn readiness(checks: &[Check]) -> Readiness {
    let troubles: Vec<_> = checks.iter().filter_map(|check| check.result.as_ref().err()).collect();
    match troubles.as_slice() {
        [] => Readiness::Ready,
        troubles if troubles.iter().any(|trouble| trouble.fatal) => Readiness::Unable,
        _ => Readiness::Incomplete,
    }
}

impl Check {
    fn fine(what: &str, text: impl Into<String>) -> Self {
        Self { what: what.to_owned(), result: Ok(text.into()) }
    }

    fn trouble(what: &str, fatal: bool, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        let trouble = Trouble { fatal, why: why.into(), remedy: remedy.into() };
        Self { what: what.to_owned(), result: Err(trouble) }
    }
}

async fn reachable(connection: &Connection) -> Check {
    let what = "the API server";
    let remedy =
        "check the cluster by `kubectl get --raw /readyz`; --context and --kubeconfig name another cluster";
    match timeout(PATIENCE, connection.client.apiserver_version()).await {
        Ok(Ok(version)) => {
            Check::fine(what, format!("{} answers, {}", connection.server, version.git_version))
        }
        Ok(Err(error)) => Check::trouble(what, true, error.to_string(), remedy),
        Err(_) => Check::trouble(what, true, format!("{} does not answer", connection.server), remedy),
    }
}

async fn permissions(client: &Client, asked: &Asked<'_>) -> Vec<Check> {
    let &Asked { namespace, control, live, .. } = asked;
    let grant = asked.grant();
    let mut reviews = Vec::new();
    for permission in permission::all(live).filter(|permission| permission.resource != OPTIONAL) {
        let places = match permission.place {
            Place::Namespace => vec![Some(namespace)],
            Place::Both => [Some(namespace), control].into_iter().flatten().map(Some).collect(),
            Place::Cluster => vec![None],
            Place::Of(other) => vec![Some(other)],
        };
        for place in places {
            reviews
                .extend(permission.verbs.iter().map(|verb| granted(client, permission, verb, place, &grant)));
        }
    }
    let count = reviews.len();
    let missing: Vec<_> = join_all(reviews).await.into_iter().flatten().collect();
    if missing.is_empty() {
        return vec![Check::fine("the permissions", format!("all {count} that a run uses are granted"))];
    }
    missing
}

/// Asks for one permission. Returns `None` if it is granted; a question without an answer is no fatal fault.
async fn granted(
    client: &Client,
    permission: &Permission,
    verb: &str,
    namespace: Option<&str>,
    grant: &str,
) -> Option<Check> {
    let place = namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
    let what = format!("the permission to {verb} {}{place}", permission.resource);
    let allowed = timeout(PATIENCE, review::is_granted(client, permission, verb, namespace)).await;
    match allowed {
        Ok(Ok(true)) => None,
        Ok(Ok(false)) => Some(Check::trouble(
            &what,
            permission.without == Without::NoRun,
            format!("it is missing; without it: {}", permission.without.words()),
            format!("grant it by `{grant}`"),
        )),
        Ok(Err(error)) => {
            Some(Check::trouble(&what, false, error.to_string(), "run `controller doctor` again"))
        }
        Err(_) => Some(Check::trouble(
            &what,
            false,
            "the API server did not answer",
            "run `controller doctor` again",
        )),
    }
}

/// Finds the first RuntimeClass with a handler of gVisor's name. The dry run uses it.
async fn runtime_class(client: &Client, asked: &Asked<'_>) -> (Option<String>, Check) {
    let what = "a RuntimeClass for gVisor";
    let api = Api::<RuntimeClass>::all(client.clone());
    let classes = match timeout(PATIENCE, api.list(&ListParams::default())).await {
        Ok(Ok(classes)) => classes.items,
        Ok(Err(error)) => {
            let remedy = format!("grant the permission by `{}`", asked.grant());
            return (None, Check::trouble(what, false, error.to_string(), remedy));
        }
        Err(_) => {
            return (
                None,
                Check::trouble(what, false, "the API server did not answer", "run `controller doctor` again"),
            );
        }
    };
    let gvisors = classes.into_iter().find_map(|class| {
        let name = class.metadata.name?;
        let class = Class { name, handler: class.handler, ..Class::default() };
        class.claims_gvisor().then_some(class)
    });
    let Some(class) = gvisors else {
        let why = "no RuntimeClass has a handler of gVisor's name";
        let remedy = "apply deploy/runtime-class.yaml, and install the handler on the nodes";
        return (None, Check::trouble(what, false, why, remedy));
    };
    let text = format!("{}, handler {}", class.name, class.handler);
    (Some(class.name), Check::fine(what, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> [Check; 3] {
        [
            Check::fine("one", "there"),
            Check::trouble("two", false, "incomplete", "do this"),
            Check::trouble("three", true, "broken", "do that"),
        ]
    }

    #[test]
    fn the_worst_check_decides() {
        let [fine, minor, fatal] = checks();
        assert_eq!(readiness(std::slice::from_ref(&fine)), Readiness::Ready);
        assert_eq!(readiness(&[fine.clone(), minor.clone()]), Readiness::Incomplete);
        assert_eq!(readiness(&[fatal, minor]), Readiness::Unable);
    }

    #[test]
    fn every_fault_has_a_remedy() {
        let [fine, minor, fatal] = checks();
        let text = render(&[fine, minor, fatal]);
        assert_eq!(text.matches("remedy").count(), 2);
        assert!(text.contains("✔ one") && text.contains("? two") && text.contains("✘ three"), "{text}");
    }
}
