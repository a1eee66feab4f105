//! Names of the Secrets that a pod's specification mounts or puts into the environment.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, PodSpec, Volume};

/// Returns the names of the Secrets, without repetition. The content of a Secret is never read.
pub(super) fn named(spec: &PodSpec) -> Vec<String> {
    let mounted = spec.volumes.iter().flatten().flat_map(of_volume);
    let regular = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let regular = regular.map(|it| (it.env.as_deref(), it.env_from.as_deref()));
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    let ephemeral = ephemeral.map(|it| (it.env.as_deref(), it.env_from.as_deref()));
    let taken = regular.chain(ephemeral).flat_map(|(env, env_from)| {
        let single = env.unwrap_or_default().iter().filter_map(of_variable);
        single.chain(env_from.unwrap_or_default().iter().filter_map(of_source))
    });
    mounted.chain(taken).collect::<BTreeSet<_>>().into_iter().collect()
}

fn of_volume(volume: &Volume) -> Vec<String> {
    let whole = volume.secret.iter().filter_map(|secret| secret.secret_name.clone());
    let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let projected = sources.filter_map(|source| source.secret.as_ref()).map(|secret| secret.name.clone());
    whole.chain(projected).collect()
}

fn of_variable(variable: &EnvVar) -> Option<String> {
    Some(variable.value_from.as_ref()?.secret_key_ref.as_ref()?.name.clone())
}

fn of_source(source: &EnvFromSource) -> Option<String> {
    Some(source.secret_ref.as_ref()?.name.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_reference_to_a_secret_is_found() {
        let reference = |name: &str| json!({ "secretRef": { "name": name } });
        let key = json!({ "secretKeyRef": { "name": "key", "key": "k" } });
        let spec = json!({
            "containers": [{ "name": "app", "env": [{ "name": "A", "valueFrom": key }, { "name": "B", "value": "b" }] }],
            "initContainers": [{ "name": "first", "envFrom": [reference("whole")] }],
            "ephemeralContainers": [{ "name": "debug", "envFrom": [reference("late"), reference("whole")] }],
            "volumes": [
                { "name": "a", "secret": { "secretName": "mounted" } },
                { "name": "b", "projected": { "sources": [{ "secret": { "name": "projected" } }] } },
                { "name": "c", "configMap": { "name": "public" } },
            ],
        });
        let spec = serde_json::from_value(spec).unwrap();
        assert_eq!(named(&spec), ["key", "late", "mounted", "projected", "whole"]);
        assert_eq!(named(&PodSpec::default()), [""; 0]);
    }
}
