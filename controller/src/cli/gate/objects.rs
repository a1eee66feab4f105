//! The objects of a gate. CEL has no clock; the API server has set a pod's `creationTimestamp` when policies see the pod, whatever
//! its creator sent (kubernetes.io, "Validating Admission Policy"; apiserver, `pkg/registry/rest/create.go`), and that time is
//! compared with the proof's.

use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::{
    case::environment::Environment,
    cli::args::sign::LIFE,
    run::cluster::permission::Subject,
    support::{names::PRODUCT, proof},
};

/// The form of a proof's times: CEL's `timestamp` ends the rules without a message for other texts.
const TIME: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$";

/// The settings of a gate.
pub(super) struct Gate<'a> {
    /// The namespace whose pods need a proof.
    pub(super) namespace: &'a str,
    /// The RuntimeClasses whose pods need the proof.
    pub(super) classes: &'a [String],
    /// True if pods of other classes are refused.
    pub(super) sandboxed_only: bool,
    /// The namespace that keeps the proof.
    pub(super) keeper: &'a str,
    /// The service account that publishes the proof.
    pub(super) account: &'a Subject,
    /// The greatest age of a proof.
    pub(super) max_age: Duration,
    /// The weakest environment that the proof may be for.
    pub(super) environment: Environment,
    /// The policy's actions.
    pub(super) actions: &'a [&'static str],
}

impl Gate<'_> {
    /// Returns all objects as YAML documents.
    pub(super) fn text(&self) -> Result<String, serde_saphyr::SerializeError> {
        let objects = [self.proof(), self.role(), self.binding_of_role(), self.policy(), self.binding()];
        let documents: Result<Vec<_>, _> = objects.iter().map(serde_saphyr::to_string).collect();
        Ok(documents?.join("---\n"))
    }

    fn name(&self) -> String {
        format!("podproof-gate-{}", self.namespace)
    }

    /// Returns the proof's empty place. With the place, a pod without a proof is refused in the gate's own words; and only who may
    /// change this one object can write the proof.
    fn proof(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": proof::name(self.namespace),
                "namespace": self.keeper,
                "annotations": {
                    "podproof.dev/note": format!("`controller verify --publish` writes the proof of namespace {}", self.namespace),
                },
            },
        })
    }

    fn role(&self) -> Value {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": { "name": self.name(), "namespace": self.keeper },
            "rules": [{
                "apiGroups": [""],
                "resources": ["configmaps"],
                "resourceNames": [proof::name(self.namespace)],
                "verbs": ["get", "patch"],
            }],
        })
    }

    fn binding_of_role(&self) -> Value {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": { "name": self.name(), "namespace": self.keeper },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": self.name() },
            "subjects": [
                { "kind": "ServiceAccount", "namespace": self.account.namespace, "name": self.account.name },
            ],
        })
    }

    fn policy(&self) -> Value {
        let user = literal(&self.user());
        let mut conditions = vec![json!({
            "name": "not-a-run-of-the-gate",
            "expression": format!("request.userInfo.username != {user}"),
        })];
        if !self.sandboxed_only {
            conditions.push(json!({ "name": "sandboxed", "expression": self.is_of_the_classes() }));
        }
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": { "name": self.name(), "labels": { "app.kubernetes.io/name": PRODUCT } },
            "spec": {
                "failurePolicy": "Fail",
                "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
                "matchConstraints": {
                    "resourceRules": [
                        { "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] },
                    ],
                },
                "matchConditions": conditions,
                "variables": variables(),
                "validations": self.validations(),
            },
        })
    }

    /// Returns the rules. The first that fails gives the message, so that the order is that of the questions of a reader.
    fn validations(&self) -> Vec<Value> {
        let life = self.life().map(|life| format!(" --valid-for {life}")).unwrap_or_default();
        let command = format!(
            "run: controller verify --namespace {} --image REF --control-namespace NAME --environment {} --publish {}{life} --as {}",
            self.namespace,
            self.environment,
            self.keeper,
            self.user()
        );
        let rule = |expression: String, message: &str| {
            let message = format!("'podproof: ' + {message} + '; ' + {}", literal(&command));
            json!({ "expression": expression, "messageExpression": message, "reason": "Forbidden" })
        };
        // A difference of two times overflows after 292 years, which ends the rules without a message; a sum of these does not.
        let (created, verified) =
            ("timestamp(object.metadata.creationTimestamp)", "timestamp(variables.verifiedAt)");
        let (most, time) = (self.max_age.as_secs(), literal(TIME));
        let mut rules = Vec::new();
        if self.sandboxed_only {
            rules.push(rule(
                self.is_of_the_classes(),
                &literal(&format!(
                    "the namespace takes only pods of the RuntimeClasses {}",
                    self.classes.join(", ")
                )),
            ));
        }
        rules.extend([
            rule("variables.verdict != ''".into(), "'there is no proof for this namespace yet'"),
            rule(
                "variables.judged == request.namespace".into(),
                "'the proof is for namespace ' + variables.judged",
            ),
            rule(
                format!("variables.verdict in ['{}']", proof::PASSING.join("', '")),
                "'the namespace is ' + variables.verdict + ' by the check of ' + variables.verifiedAt",
            ),
            rule(
                format!("variables.environment in [{}]", self.environments()),
                "'the proof is for environment ' + variables.environment",
            ),
            rule("variables.whole == 'true'".into(), "'the proof is for a part of the namespace'"),
            rule(
                "has(object.spec.runtimeClassName) && object.spec.runtimeClassName in variables.runtimeClasses.split(',')".into(),
                "'the proof is for pods of RuntimeClass ' + variables.runtimeClasses",
            ),
            rule(
                format!("variables.verifiedAt.matches({time}) && variables.expiresAt.matches({time})"),
                "'the proof has no time'",
            ),
            rule(
                format!("{created} <= {verified} + duration('{most}s') && {created} <= timestamp(variables.expiresAt)"),
                &format!("'the proof of ' + variables.verifiedAt + ' is older than {most} s or has expired'"),
            ),
            // The API server declares this time as a timestamp and hands over its text (apiserver, `pkg/admission/plugin/cel/compile.go`,
            // `activation.go`), so that only a conversion at run time takes both.
            rule(
                format!("timestamp(dyn(namespaceObject.metadata.creationTimestamp)) <= {verified}"),
                "'the namespace is younger than the proof of ' + variables.verifiedAt",
            ),
            rule(
                format!("{verified} <= {created} + duration('{}s')", proof::SKEW.as_secs()),
                "'the proof is of a later time than the pod: ' + variables.verifiedAt",
            ),
        ]);
        rules
    }

    fn binding(&self) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": { "name": self.name(), "labels": { "app.kubernetes.io/name": PRODUCT } },
            "spec": {
                "policyName": self.name(),
                "paramRef": {
                    "name": proof::name(self.namespace),
                    "namespace": self.keeper,
                    "parameterNotFoundAction": "Deny",
                },
                "validationActions": self.actions,
                "matchResources": {
                    "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": self.namespace } },
                },
            },
        })
    }

    /// Returns the expression that is true for pods of the gate's classes.
    fn is_of_the_classes(&self) -> String {
        let classes = self.classes.iter().map(|class| literal(class));
        let classes = classes.collect::<Vec<_>>().join(", ");
        format!("has(object.spec.runtimeClassName) && object.spec.runtimeClassName in [{classes}]")
    }

    /// Returns the names of the environments that are at least as strong as the gate's.
    fn environments(&self) -> String {
        let all = Environment::value_variants().iter().filter(|it| **it >= self.environment);
        all.map(|it| literal(&it.to_string())).collect::<Vec<_>>().join(", ")
    }

    /// Returns the life that the runs must give a proof, as `--valid-for` takes it: a run keeps an equal proof until the half of its
    /// life. `None` if a proof without the flag is young enough.
    pub(super) fn life(&self) -> Option<String> {
        let age = Duration::from_secs(self.max_age.as_secs());
        let is_long = humantime::parse_duration(LIFE).is_ok_and(|life| life <= age);
        (!is_long).then(|| humantime::format_duration(age).to_string().replace(' ', ""))
    }

    /// Returns the name by which the API server knows the account.
    fn user(&self) -> String {
        let Subject { namespace, name } = self.account;
        format!("system:serviceaccount:{namespace}:{name}")
    }
}

/// Returns a variable for each key of the proof, empty where the proof lacks the key.
fn variables() -> Vec<Value> {
    // CEL reserves the word of the namespace's key.
    let judged = ("judged", proof::NAMESPACE);
    let same = |key| (key, key);
    let others = [
        proof::VERDICT,
        proof::ENVIRONMENT,
        proof::WHOLE,
        proof::CLASSES,
        proof::VERIFIED_AT,
        proof::EXPIRES_AT,
    ];
    let all = [judged].into_iter().chain(others.map(same));
    all.map(|(name, key)| {
        let expression = format!("has(params.data) && '{key}' in params.data ? params.data['{key}'] : ''");
        json!({ "name": name, "expression": expression })
    })
    .collect()
}

/// Returns a text as a string of CEL (google/cel-spec, `doc/langdef.md`, "String and Bytes Values").
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate<'a>(account: &'a Subject, classes: &'a [String]) -> Gate<'a> {
        Gate {
            namespace: "shop",
            classes,
            sandboxed_only: false,
            keeper: "podproof",
            account,
            max_age: Duration::from_hours(24),
            environment: Environment::Production,
            actions: &["Deny"],
        }
    }

    #[test]
    fn a_gate_fails_closed() {
        let (account, classes) =
            (Subject { namespace: "podproof".into(), name: "gate".into() }, ["gvisor".to_owned()]);
        let gate = gate(&account, &classes);
        assert_eq!(gate.policy()["spec"]["failurePolicy"], "Fail");
        assert_eq!(gate.binding()["spec"]["paramRef"]["parameterNotFoundAction"], "Deny");
    }

    #[test]
    fn a_gate_accepts_proofs_for_a_stronger_environment() {
        let (account, classes) =
            (Subject { namespace: "podproof".into(), name: "gate".into() }, ["gvisor".to_owned()]);
        for (environment, accepted) in [
            (Environment::Production, "'production'"),
            (Environment::Staging, "'staging', 'production'"),
            (Environment::Development, "'development', 'staging', 'production'"),
        ] {
            let gate = Gate { environment, ..gate(&account, &classes) };
            let rule = json!(format!("variables.environment in [{accepted}]"));
            assert!(gate.validations().iter().any(|it| it["expression"] == rule), "{environment}");
        }
    }

    /// Returns the commands that the refusals of a gate with this greatest age name.
    fn commands(max_age: Duration) -> Vec<String> {
        let (account, classes) =
            (Subject { namespace: "podproof".into(), name: "gate".into() }, ["gvisor".to_owned()]);
        let rules = Gate { max_age, ..gate(&account, &classes) }.validations();
        let command = |rule: &Value| {
            let message = rule["messageExpression"].as_str().unwrap_or_default();
            message.split_once("run: ").map(|(_, command)| command.to_owned())
        };
        rules.iter().map(|rule| command(rule).unwrap_or_default()).collect()
    }

    #[test]
    fn a_refusal_names_the_life_that_makes_the_proof_young_enough() {
        for (age, named) in [
            (Duration::from_hours(6), " --publish podproof --valid-for 6h --as "),
            (Duration::from_mins(90), " --publish podproof --valid-for 1h30m --as "),
            (Duration::from_hours(24), " --publish podproof --as "),
        ] {
            let commands = commands(age);
            assert!(commands.iter().all(|command| command.contains(named)), "{age:?}: {commands:#?}");
        }
    }

    #[test]
    fn a_proof_that_is_older_than_its_namespace_is_refused() {
        let (account, classes) =
            (Subject { namespace: "podproof".into(), name: "gate".into() }, ["gvisor".to_owned()]);
        let rules = gate(&account, &classes).validations();
        let has =
            |rule: &&Value, key: &str, part: &str| rule[key].as_str().is_some_and(|it| it.contains(part));
        let rule = rules.iter().find(|rule| has(rule, "expression", "namespaceObject")).unwrap();
        assert!(has(&rule, "messageExpression", "the namespace is younger than the proof"), "{rule}");
    }

    #[test]
    fn only_the_writer_of_one_object_is_granted_anything() {
        let (account, classes) =
            (Subject { namespace: "podproof".into(), name: "gate".into() }, ["gvisor".to_owned()]);
        let rules = gate(&account, &classes).role()["rules"].clone();
        assert_eq!(rules[0]["resourceNames"], json!(["podproof-proof-shop"]));
        assert_eq!(rules.as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn a_text_ends_no_string_of_cel() {
        assert_eq!(literal("a'b\\c\nd"), "'a\\'b\\\\c\\nd'");
    }

    #[test]
    fn every_key_of_the_rules_is_a_variable() {
        let (account, classes) =
            (Subject { namespace: "podproof".into(), name: "gate".into() }, ["gvisor".to_owned()]);
        let rules = json!(gate(&account, &classes).validations()).to_string();
        let variables = variables();
        let names: Vec<_> = variables.iter().filter_map(|it| it["name"].as_str()).collect();
        for used in rules.split("variables.").skip(1) {
            let name: String = used.chars().take_while(char::is_ascii_alphanumeric).collect();
            assert!(names.contains(&name.as_str()), "{name}");
        }
    }
}
