//! Annotations by which a workload asks admission to add containers, or not to. The probe carries them: it gets a proxy where
//! the workload's pods get one, and is left alone where they are.

use crate::case::cluster::Labels;

/// The values of an annotation that the probe carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Carried {
    /// Every value: the added proxy takes part in the pod's network.
    Always,
    /// A refusal alone. An injection on request serves the workload's program: an agent, a library or a secret.
    AsRefusal,
}

/// Annotations that request or refuse an injection. The labels of a workload are carried anyway.
const KEYS: &[(&str, Carried)] = &[
    // Istio, "Resource Annotations" and "Resource Labels".
    ("sidecar.istio.io/inject", Carried::Always),
    ("istio.io/rev", Carried::Always),
    ("istio.io/dataplane-mode", Carried::Always),
    // Linkerd, "Automatic Proxy Injection".
    ("linkerd.io/inject", Carried::Always),
    // Kuma, "Kubernetes annotations and labels".
    ("kuma.io/sidecar-injection", Carried::Always),
    ("kuma.io/mesh", Carried::Always),
    // Open Service Mesh, "Sidecar Injection".
    ("openservicemesh.io/sidecar-injection", Carried::Always),
    // Consul, "Annotations and labels": on request, the pod becomes an instance of a service.
    ("consul.hashicorp.com/connect-inject", Carried::AsRefusal),
    // Dapr, "Dapr arguments and annotations": on request, the pod takes part in an application's messages.
    ("dapr.io/enabled", Carried::AsRefusal),
    // Datadog, "Admission Controller".
    ("admission.datadoghq.com/enabled", Carried::AsRefusal),
    // Vault, "Agent Injector annotations"; Bank-Vaults, "Annotations".
    ("vault.hashicorp.com/agent-inject", Carried::AsRefusal),
    ("vault.security.banzaicloud.io/mutate", Carried::AsRefusal),
    // OpenTelemetry Operator, "Sidecar injection" and "auto-instrumentation injection".
    ("sidecar.opentelemetry.io/inject", Carried::AsRefusal),
    ("instrumentation.opentelemetry.io/inject-", Carried::AsRefusal),
    // New Relic, "Kubernetes agents operator"; Dynatrace, "Annotations".
    ("newrelic.com/inject", Carried::AsRefusal),
    ("oneagent.dynatrace.com/inject", Carried::AsRefusal),
    ("metadata-enrichment.dynatrace.com/inject", Carried::AsRefusal),
    // Azure Workload Identity, "Annotations".
    ("azure.workload.identity/inject-proxy-sidecar", Carried::AsRefusal),
];
/// Values that refuse an injection.
const REFUSALS: &[&str] = &["false", "disabled", "no", "off", "0", "n", "skip"];

/// Returns the annotations that the probe carries. A key that ends with a hyphen is the beginning of several keys.
pub(crate) fn carried(annotations: &Labels) -> Labels {
    let is_carried = |(key, value): &(&String, &String)| {
        let mut known = KEYS
            .iter()
            .filter(|(known, _)| *known == key.as_str() || known.ends_with('-') && key.starts_with(known));
        let refuses = || REFUSALS.iter().any(|refusal| value.eq_ignore_ascii_case(refusal));
        known.any(|&(_, carried)| carried == Carried::Always || refuses())
    };
    annotations.iter().filter(is_carried).map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_for_a_proxy_and_every_refusal_are_carried() {
        for (key, value, expected) in [
            ("sidecar.istio.io/inject", "false", true),
            ("sidecar.istio.io/inject", "true", true),
            ("linkerd.io/inject", "enabled", true),
            ("vault.hashicorp.com/agent-inject", "false", true),
            ("vault.hashicorp.com/agent-inject", "true", false),
            ("dapr.io/enabled", "False", true),
            ("vault.security.banzaicloud.io/mutate", "skip", true),
            ("instrumentation.opentelemetry.io/inject-java", "false", true),
            ("instrumentation.opentelemetry.io/inject-java", "true", false),
            ("sidecar.istio.io/status", "{}", false),
            ("team.example/inject", "false", false),
        ] {
            let annotations = Labels::from([(key.to_owned(), value.to_owned())]);
            assert_eq!(!carried(&annotations).is_empty(), expected, "{key}: {value}");
        }
    }
}
