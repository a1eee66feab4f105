//! Admission of probes: they pass the strictest policies, and the report names a policy that refuses or changes them.

mod changes;
mod exemptions;
mod platforms;
mod rules;
mod sizes;
mod webhooks;

use std::fs;

use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{Loan, Namespace, Shop, deployment},
};

use crate::Test;
pub(super) use changes::batch as changes;
pub(super) use platforms::batch as platforms;
use rules::{CONTAINERS, RULES};

pub(super) const TESTS: &[Test] = &[
    ("a probe passes restricted Pod Security and the policy for sandboxed pods", admitted),
    ("a policy that refuses the probe is reported in its own words", refused),
    ("a probe takes the resources that a LimitRange admits", sizes::of_a_limit_range),
    ("a probe takes the workload's resources where a policy demands them", sizes::of_the_workload),
    ("a probe leaves its user to a namespace that chooses one", sizes::of_the_namespace),
    ("a probe has the exemptions of its workload", exemptions::of_the_workload),
    ("a probe has the exemptions that the user names", exemptions::of_the_user),
    ("a probe without an exemption is changed, and the change is named", exemptions::of_nobody),
    ("a control pod that a policy sends to another node counts for nothing", changes::of_control),
    ("a policy that forbids exec is reported in its own words", unheard),
];

/// Tests of webhooks, which have one port.
pub(super) const OF_WEBHOOKS: &[Test] = &[
    ("a webhook that is out of reach is reported at once in the API server's words", webhooks::out_of_reach),
    ("a webhook that answers 500 is reported at once in the API server's words", webhooks::broken),
];

const PRODUCTION: &[&str] = &["--environment", "production"];
const RUN: &str = "podproof.dev/run";

fn admitted(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("strict"), cluster.namespace("control"));
    let validations =
        RULES.iter().map(|rule| json!({ "expression": rule.expression, "message": rule.message }));
    let _loans = lend(
        cluster,
        &shop,
        "Validating",
        &json!({
            "matchConstraints": on("CREATE", "pods"),
            "variables": [{ "name": "containers", "expression": CONTAINERS }],
            "validations": validations.collect::<Vec<_>>(),
        }),
    );
    for rule in RULES {
        cluster.until(rule.message, || {
            let mut pod = pod();
            (rule.breaks)(&mut pod["spec"]);
            let ended = rehearsed(&shop, &pod);
            assert!(ended.status.success() || ended.err.contains("denied request"), "{ended:#?}");
            ended.err.contains(&format!("denied request: {}", rule.message))
        });
    }
    assert!(rehearsed(&shop, &pod()).status.success());
    Shop::default().open(&shop);
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert_eq!(ended.report()["verdict"], "ready-with-warnings");
}

fn refused(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("closed"), cluster.namespace("control"));
    Shop::default().open(&shop);
    let message = "this shop takes nothing that nobody ordered";
    let expression = format!("!('{RUN}' in object.metadata.?labels.orValue({{}}))");
    let _loans = lend(
        cluster,
        &shop,
        "Validating",
        &json!({
            "matchConstraints": on("CREATE", "pods"),
            "validations": [{ "expression": expression, "message": message }],
        }),
    );
    let mut ours = pod();
    ours["metadata"]["labels"][RUN] = json!("podproof-1");
    cluster.until("the policy", || rehearsed(&shop, &ours).err.contains(message));
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    told(&ended, message);
    let made = cluster.requests("podproof").into_iter().filter(|event| {
        event["verb"] == "create"
            && event["objectRef"]["resource"] == "pods"
            && event["objectRef"]["namespace"] == shop.name()
    });
    let made: Vec<_> = made.filter(|event| !event["requestURI"].to_string().contains("dryRun=")).collect();
    assert!(made.is_empty(), "{made:#?}");
    nothing_left(&[&shop, &control]);
}

fn unheard(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("silent"), cluster.namespace("control"));
    Shop::default().open(&shop);
    let message = "nobody talks to the pods of this shop";
    let _loans = lend(
        cluster,
        &shop,
        "Validating",
        &json!({
            "matchConstraints": on("CONNECT", "pods/exec"),
            "validations": [{ "expression": "false", "message": message }],
        }),
    );
    let web = shop.get(&["pods"])["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    cluster.until("the policy", || shop.exec(&web, &["true"]).err.contains(message));
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    told(&ended, message);
    nothing_left(&[&shop, &control]);
}

fn told(ended: &Ended, message: &str) {
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(ended.err.contains(message), "{ended:#?}");
    assert!(ended.report()["sandboxes"].to_string().contains(message), "{ended:#?}");
}

fn nothing_left(namespaces: &[&Namespace<'_>]) {
    for namespace in namespaces {
        assert_eq!(namespace.get(&["pods,configmaps", "--selector", RUN])["items"], json!([]));
    }
}

/// Lends a policy and its binding to the namespace.
pub(super) fn lend<'a>(
    cluster: &'a Cluster,
    namespace: &Namespace<'_>,
    sort: &str,
    specification: &Value,
) -> Vec<Loan<'a>> {
    let name = namespace.name();
    let version = if sort == "Mutating" { "v1beta1" } else { "v1" };
    let object = |kind: &str, specification: Value| {
        json!({
            "apiVersion": format!("admissionregistration.k8s.io/{version}"),
            "kind": format!("{sort}AdmissionPolicy{kind}"),
            "metadata": { "name": name },
            "spec": specification,
        })
    };
    let selector = json!({ "matchLabels": { "kubernetes.io/metadata.name": name } });
    let mut binding = json!({ "policyName": name, "matchResources": { "namespaceSelector": selector } });
    if sort == "Validating" {
        binding["validationActions"] = json!(["Deny"]);
    }
    [object("", specification.clone()), object("Binding", binding)].map(|it| cluster.lend(it)).into()
}

pub(super) fn on(operation: &str, resource: &str) -> Value {
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": [resource],
    });
    json!({ "resourceRules": [rule] })
}

/// Returns a pod that every policy here admits.
pub(super) fn pod() -> Value {
    let mut template = deployment("web")["spec"]["template"].clone();
    let own = json!({ "apiVersion": "v1", "kind": "Pod" });
    template.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    template["metadata"]["name"] = json!("rehearsal");
    template
}

/// Returns the cluster's answer to a pod that is not made.
pub(super) fn rehearsed(namespace: &Namespace<'_>, pod: &Value) -> Ended {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, pod.to_string()).unwrap();
    let file = file.path().display().to_string();
    namespace.kubectl(&["create", "--dry-run=server", "--output=json", "--filename", &file])
}
