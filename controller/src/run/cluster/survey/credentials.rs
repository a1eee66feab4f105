//! Credentials that a pod is given beside Secrets and service account tokens: literal values in its environment and its command,
//! entries of a `ConfigMap` with the name of a credential, and files of drivers and agents that fetch secrets. A value is looked
//! at here, and never kept.

use k8s_openapi::api::core::v1::{Container, EnvVar, EphemeralContainer, PodSpec, Volume};

use crate::{
    case::cluster::{Labels, annotations, is_of_credentials},
    support::credentials::{self, is_named_so},
};

/// Returns each credential as a fragment, such as "a credential in the variable `API_TOKEN` of the container app".
pub(super) fn given(spec: &PodSpec, all: &Labels) -> Vec<String> {
    let regular = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let regular = regular.map(|Container { name, env, command, args, .. }| (name, env, [command, args]));
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    let ephemeral =
        ephemeral.map(|EphemeralContainer { name, env, command, args, .. }| (name, env, [command, args]));
    let variables = regular.chain(ephemeral).flat_map(|(name, env, command)| {
        let named = env.iter().flatten().filter(|variable| is_credential(variable));
        let named = named.map(|variable| format!("the variable {}", variable.name));
        let words: Vec<_> = command.into_iter().flatten().flatten().map(String::as_str).collect();
        let found = named
            .chain(env.iter().flatten().filter_map(of_config_map))
            .chain(credentials::of_command(&words));
        found.map(|place| format!("a credential in {place} of the container {name}")).collect::<Vec<_>>()
    });
    let volumes = spec.volumes.iter().flatten().flat_map(of_volume);
    let agents = annotations::of_agents(all);
    let agents = agents.map(|key| format!("secrets of an agent by the annotation {key}"));
    variables.chain(volumes).chain(agents).collect()
}

fn of_volume(volume: &Volume) -> Vec<String> {
    let name = &volume.name;
    let driver = volume.csi.iter().map(|csi| csi.driver.as_str()).filter(|driver| is_of_credentials(driver));
    let driver = driver.map(|driver| format!("credentials of the driver {driver} in the volume {name}"));
    let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let keys = sources.clone().filter(|source| source.pod_certificate.is_some());
    let keys = keys.map(|_| format!("a private key in the volume {name}"));
    let whole = volume.config_map.iter().map(|it| (&it.name, &it.items));
    let maps =
        whole.chain(sources.filter_map(|source| source.config_map.as_ref()).map(|it| (&it.name, &it.items)));
    let entries = maps.flat_map(|(map, items)| items.iter().flatten().map(move |item| (map, &item.key)));
    let entries = entries.filter(|(_, key)| is_named_so(key));
    let entries = entries.map(|(map, key)| format!("a credential in the entry {key} of the ConfigMap {map}"));
    driver.chain(keys).chain(entries).collect()
}

/// Returns the place of a credential that a variable takes from a `ConfigMap`, known by the name of the variable or of the entry.
/// The value is not read.
fn of_config_map(variable: &EnvVar) -> Option<String> {
    let from = variable.value_from.as_ref()?.config_map_key_ref.as_ref()?;
    let named = is_named_so(&variable.name) || is_named_so(&from.key);
    named.then(|| format!("the variable {}, from the ConfigMap {},", variable.name, from.name))
}

fn is_credential(variable: &EnvVar) -> bool {
    credentials::is_credential(&variable.name, variable.value.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(spec: Value) -> Vec<String> {
        given(&serde_json::from_value(spec).unwrap(), &Labels::new())
    }

    fn holds(name: &str, value: &str) -> bool {
        let env = json!([{ "name": name, "value": value }]);
        let found = of(json!({ "containers": [{ "name": "app", "env": env }] }));
        assert!(found.iter().all(|it| it.contains(name) && !it.contains(value)), "{found:?}");
        !found.is_empty()
    }

    #[test]
    fn a_literal_credential_is_found_by_its_variables_name() {
        for name in [
            "AWS_SECRET_ACCESS_KEY",
            "API_TOKEN",
            "token",
            "DB_PASSWORD",
            "PGPASSWORD",
            "MYSQL_PWD",
            "OPENAI_API_KEY",
            "client-secret",
            "spring.datasource.password",
        ] {
            assert!(holds(name, "hunter2"), "{name}");
        }
    }

    #[test]
    fn a_literal_credential_is_found_by_its_form() {
        for value in ["postgres://app:hunter2@db/shop", "-----BEGIN EC PRIVATE KEY-----\nMHc"] {
            assert!(holds("SETTING", value), "{value}");
        }
        for value in ["https://example.com/a:b@c", "https://app@example.com", "postgres://app:$(PASS)@db"] {
            assert!(!holds("SETTING", value), "{value}");
        }
    }

    #[test]
    fn a_setting_beside_a_credential_is_none() {
        for (name, value) in [
            ("API_TOKEN_FILE", "/run/token"),
            ("MAX_TOKENS", "4096"),
            ("TOKEN_TTL", "1h"),
            ("PWD", "/srv"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/key.json"),
            ("REQUIRE_PASSWORD", "true"),
            ("ALLOW_EMPTY_PASSWORD", "yes"),
            ("PASSWORD", ""),
            ("PASSWORD", "$(OTHER)"),
            ("SECRET_NAME", "database"),
            ("KEY", "value"),
        ] {
            assert!(!holds(name, value), "{name}={value}");
        }
    }

    #[test]
    fn a_variable_from_a_config_map_is_known_by_its_name_or_by_the_entrys() {
        for (name, key, found) in [
            ("TOKEN", "value", 1),
            ("SETTING", "password", 1),
            ("SETTING", "level", 0),
            ("TOKEN_FILE", "path", 0),
        ] {
            let from = json!({ "configMapKeyRef": { "name": "settings", "key": key } });
            let env = json!([{ "name": name, "valueFrom": from }]);
            let credentials = of(json!({ "containers": [{ "name": "app", "env": env }] }));
            assert_eq!(credentials.len(), found, "{credentials:?}");
        }
        let from = json!({ "fieldRef": { "fieldPath": "metadata.annotations['token']" } });
        let env = json!([{ "name": "TOKEN", "valueFrom": from }]);
        assert!(of(json!({ "containers": [{ "name": "app", "env": env }] })).is_empty());
    }

    #[test]
    fn a_mounted_entry_of_a_config_map_is_known_by_its_name() {
        let item = |key: &str| json!([{ "key": key, "path": "x" }]);
        let of_key = |key: &str| {
            let mounted = json!({ "name": "a", "configMap": { "name": "settings", "items": item(key) } });
            let source = json!({ "configMap": { "name": "settings", "items": item(key) } });
            let projected = json!({ "name": "b", "projected": { "sources": [source] } });
            of(json!({ "containers": [], "volumes": [mounted, projected] }))
        };
        assert_eq!(
            of_key("db-password"),
            ["a credential in the entry db-password of the ConfigMap settings"; 2]
        );
        assert!(of_key("app.yaml").is_empty());
    }

    #[test]
    fn a_credential_among_arguments_is_named_with_its_container() {
        let spec = json!({ "containers": [{ "name": "app", "args": ["--password=hunter2"] }] });
        assert_eq!(of(spec), ["a credential in the argument --password of the container app"]);
    }

    #[test]
    fn files_of_drivers_and_agents_are_credentials() {
        let csi = |driver: &str| json!({ "name": "keys", "csi": { "driver": driver } });
        let signer =
            json!({ "podCertificate": { "signerName": "example.com/signer", "keyType": "ED25519" } });
        let certificate = json!({ "name": "keys", "projected": { "sources": [signer] } });
        for (volume, says) in [
            (csi("secrets-store.csi.k8s.io"), "credentials of the driver secrets-store.csi.k8s.io"),
            (csi("secrets-store-gke.csi.k8s.io"), "credentials of the driver secrets-store-gke.csi.k8s.io"),
            (
                csi("csi.sharedresource.openshift.io"),
                "credentials of the driver csi.sharedresource.openshift.io",
            ),
            (csi("csi.cert-manager.io"), "credentials of the driver csi.cert-manager.io"),
            (certificate, "a private key in the volume keys"),
        ] {
            let found = of(json!({ "containers": [], "volumes": [volume] }));
            assert!(found[0].starts_with(says), "{found:?}");
        }
        assert!(of(json!({ "containers": [], "volumes": [csi("ebs.csi.aws.com")] })).is_empty());
        let agent = Labels::from([("vault.hashicorp.com/agent-inject".to_owned(), "true".to_owned())]);
        assert_eq!(given(&PodSpec::default(), &agent).len(), 1);
    }
}
