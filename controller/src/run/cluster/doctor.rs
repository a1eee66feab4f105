//! The checks of `controller doctor`: everything that a run needs, each looked at by itself.

mod admission;
mod check;
mod foresight;
mod image;
mod permissions;
mod proof;

use std::{error::Error, time::Duration};

use k8s_openapi::api::node::v1::RuntimeClass;
use kube::{Api, Client, api::ListParams};
use tokio::time::timeout;

use check::Weight;
pub(crate) use check::{Check, readiness, render};
use foresight::Foresight;
use permissions::Permissions;

use super::{Target, connect::Connection, manifest::PodImage};
use crate::{
    case::cluster::{Class, Group},
    plan::needs::Needs,
    run::lookup::{self, LookupError, LookupRequest},
};

/// Time for one answer of the API server.
const PATIENCE: Duration = Duration::from_secs(10);

/// The run that is to be checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The namespace, and the probes that a run would make.
    pub(crate) target: &'a Target,
    /// The probe's image, which the target has, too; `None` if none was named.
    pub(crate) image: Option<&'a PodImage>,
    /// The profile and the lists of the run, and of single workloads.
    pub(crate) network: &'a LookupRequest,
    /// False for a run with `--no-network`.
    pub(crate) attempts: bool,
}

impl Asked<'_> {
    /// Returns the command that grants all permissions of the run.
    fn grant(&self) -> String {
        let Target { namespace, control_namespace, live, .. } = self.target;
        let control =
            control_namespace.as_ref().map(|name| format!(" --control-namespace {name}")).unwrap_or_default();
        let live = if live.is_some() { " --live" } else { "" };
        format!(
            "controller rbac --namespace {namespace}{control} --cluster{live} --service-account NAMESPACE:NAME | kubectl apply -f -"
        )
    }
}

/// Makes every check. An API server that does not answer ends the checks, because the others depend on it.
pub(crate) async fn examine(connection: &Connection, asked: &Asked<'_>) -> Vec<Check> {
    let Asked { target, image, network, attempts } = *asked;
    let client = &connection.client;
    let control = target.control_namespace.as_deref();
    let server = match reachable(connection).await {
        Ok(server) => server,
        Err(down) => return vec![down],
    };
    let permissions = Permissions::ask(client, asked).await;
    let (class, classes) = runtime_class(client, asked).await;
    let (needs, looked_up) = match lookup::looked_up(network).await {
        Ok((needs, profiles)) => {
            (needs, profiles.into_iter().map(|profile| Check::fine("the network", profile)).collect())
        }
        Err(error) => (Needs::default(), vec![unresolved(&error)]),
    };
    let foresight = foresight::foresee(connection, target, needs).await;
    let may_have_claims = foresight.as_ref().ok().is_none_or(Foresight::may_have_claims);
    let mut checks = vec![server];
    checks.extend(permissions.checks(may_have_claims, &asked.grant()));
    checks.push(classes);
    checks.extend(looked_up);
    match &foresight {
        Ok(foresight) => {
            checks.extend(foresight.checks(control));
            checks.extend(foresight.places(client).await);
        }
        Err(failed) => checks.push(Check::clone(failed)),
    }
    match image {
        Some(image) => {
            let architectures = foresight.as_ref().map(Foresight::architectures).unwrap_or_default();
            checks.extend(image::check(&image.reference, &target.probes, &architectures));
            // Without a workload, a probe of the first RuntimeClass for gVisor is asked for.
            let fallback = Group { runtime_class: class, ..Group::default() };
            let mut groups: Vec<_> = foresight.iter().flat_map(Foresight::created).collect();
            if groups.is_empty() {
                groups.push(&fallback);
            }
            checks.extend(admission::admission(client, target, image, &groups).await);
        }
        None => checks.push(Check::trouble(
            "the probe's image",
            Weight::Fatal,
            "no image was named",
            "push it by `controller image --push REF`, and name it by --image REF",
        )),
    }
    if let Some(keeper) = &target.keeper {
        checks.push(proof::check(client, keeper, &target.namespace).await);
    }
    if !attempts {
        checks.push(Check::trouble(
            "the attempts over the network",
            Weight::Inconclusive,
            "`--no-network` leaves them out, so requirements that need attempts stay inconclusive",
            "run without `--no-network`",
        ));
    } else if control.is_none() {
        checks.push(Check::trouble(
            "the control namespace",
            Weight::Inconclusive,
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
    Check::trouble("the network", Weight::Fatal, why, remedy)
}

/// Asks for the version of the API server. The error is the check of a server that does not answer.
async fn reachable(connection: &Connection) -> Result<Check, Check> {
    let what = "the API server";
    let remedy =
        "check the cluster by `kubectl get --raw /readyz`; --context and --kubeconfig name another cluster";
    match timeout(PATIENCE, connection.client.apiserver_version()).await {
        Ok(Ok(version)) => {
            Ok(Check::fine(what, format!("{} answers, {}", connection.server, version.git_version)))
        }
        Ok(Err(error)) => Err(Check::trouble(what, Weight::Fatal, error.to_string(), remedy)),
        Err(_) => {
            let why = format!("{} does not answer", connection.server);
            Err(Check::trouble(what, Weight::Fatal, why, remedy))
        }
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
            return (None, Check::trouble(what, Weight::Inconclusive, error.to_string(), remedy));
        }
        Err(_) => {
            let (why, remedy) = ("the API server did not answer", "run `controller doctor` again");
            return (None, Check::trouble(what, Weight::Inconclusive, why, remedy));
        }
    };
    let gvisors = classes.into_iter().find_map(|class| {
        let name = class.metadata.name?;
        let class = Class { name, handler: class.handler, ..Class::default() };
        class.claims_gvisor().then_some(class)
    });
    let Some(class) = gvisors else {
        // A name is only a claim: the probe decides, whatever the name.
        let why = "no RuntimeClass has a handler of gVisor's name; a probe shows if gVisor runs the pods all the same";
        let remedy = "apply deploy/runtime-class.yaml, and install the handler on the nodes";
        return (None, Check::trouble(what, Weight::Remark, why, remedy));
    };
    let text = format!("{}, handler {}", class.name, class.handler);
    (Some(class.name), Check::fine(what, text))
}
