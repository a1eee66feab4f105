//! Tokens of a service account that a pod mounts, by the audience that may accept them. A token for the API server is judged by
//! `no-token`. A token for another audience is a credential of another kind.

use k8s_openapi::api::core::v1::{PodSpec, ServiceAccountTokenProjection, Volume};

use crate::case::cluster::Origin;

/// Audiences of API servers: that of kubeadm and its forms, and the defaults of distributions (kubernetes.io, "kube-apiserver",
/// `--api-audiences`; k3s and RKE2, `pkg/daemons/control/server.go`).
const API_SERVERS: &[&str] = &["api", "k3s", "k8s", "kube-apiserver", "kubernetes", "rke2"];
/// The beginnings of an API server's own address as an audience.
const API_SERVER_ADDRESSES: &[&str] = &[
    "https://kubernetes.default",
    "kubernetes.default",
    // The issuers of EKS, GKE and AKS, which are the default audience of an API server.
    "https://oidc.eks.",
    "https://container.googleapis.com/",
    "https://oidc.prod-aks.azure.com/",
];
/// The beginnings of addresses that belong to another service (cloud.google.com, "Workload Identity Federation"; sigstore.dev, "OIDC
/// in Fulcio").
const OTHER_ADDRESSES: &[&str] = &["https://iam.googleapis.com/", "https://sts.amazonaws.com"];

/// The tokens of a pod, or of the pods that a template makes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Tokens {
    /// True if the API server accepts one.
    pub(super) for_api_server: bool,
    /// Tokens that the API server perhaps accepts, each as a fragment: "a token for `https://example` in the volume keys".
    pub(super) unclear: Vec<String>,
    /// Tokens for another audience than the API server, each as a fragment; the unclear ones too.
    pub(super) others: Vec<String>,
}

/// The audience of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Audience {
    ApiServer,
    /// An address that may be the issuer of the cluster, and so the audience of its API server.
    Unclear,
    Other,
}

impl Audience {
    /// Returns the kind of an audience. A token without one is for the API server. An issuer is an address of HTTPS, so that a word
    /// without a scheme is an audience that somebody chose (kubernetes.io, "kube-apiserver", `--service-account-issuer`).
    fn of(audience: &str) -> Self {
        let begins = |starts: &[&str]| starts.iter().any(|start| audience.starts_with(start));
        if audience.is_empty() || API_SERVERS.contains(&audience) || begins(API_SERVER_ADDRESSES) {
            Self::ApiServer
        } else if audience.starts_with("https://") && !begins(OTHER_ADDRESSES) {
            Self::Unclear
        } else {
            Self::Other
        }
    }
}

/// Reads the tokens. An existing pod shows each as a projected volume. A template's pods will have one for the API server unless the
/// template refuses it.
pub(super) fn of(origin: &Origin, spec: &PodSpec) -> Tokens {
    let to_come = origin.is_template() && spec.automount_service_account_token != Some(false);
    let mut tokens = Tokens { for_api_server: to_come, ..Tokens::default() };
    for (volume, token) in spec.volumes.iter().flatten().flat_map(projected) {
        let audience = token.audience.as_deref().unwrap_or_default();
        let fragment = format!("a token for {audience} in the volume {volume}");
        match Audience::of(audience) {
            Audience::ApiServer => tokens.for_api_server = true,
            Audience::Unclear => {
                tokens.unclear.push(fragment.clone());
                tokens.others.push(fragment);
            }
            Audience::Other => tokens.others.push(fragment),
        }
    }
    tokens
}

fn projected(volume: &Volume) -> impl Iterator<Item = (&str, &ServiceAccountTokenProjection)> {
    let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let tokens = sources.filter_map(|source| source.service_account_token.as_ref());
    tokens.map(|token| (volume.name.as_str(), token))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of_volume(source: &Value) -> Tokens {
        let volume =
            json!({ "name": "keys", "projected": { "sources": [{ "serviceAccountToken": source }] } });
        let spec = json!({ "containers": [], "volumes": [volume] });
        let origin = Origin { pod: Some("web-1".into()), ..Origin::default() };
        of(&origin, &serde_json::from_value(spec).unwrap())
    }

    fn kind(audience: &str) -> (bool, usize, usize) {
        let Tokens { for_api_server, unclear, others } =
            of_volume(&json!({ "path": "token", "audience": audience }));
        (for_api_server, unclear.len(), others.len())
    }

    #[test]
    fn a_token_without_an_audience_is_for_the_api_server() {
        assert!(of_volume(&json!({ "path": "token" })).for_api_server);
    }

    #[test]
    fn audiences_of_api_servers_are_known() {
        for audience in [
            "https://kubernetes.default.svc",
            "https://kubernetes.default.svc.cluster.local",
            "kubernetes.default.svc",
            "https://oidc.eks.eu-west-1.amazonaws.com/id/07",
            "k3s",
            "api",
        ] {
            assert_eq!(kind(audience), (true, 0, 0), "{audience}");
        }
    }

    #[test]
    fn a_token_for_another_audience_is_another_credential() {
        for audience in [
            "sts.amazonaws.com",
            "shop.svc.id.goog",
            "api://AzureADTokenExchange",
            "istio-ca",
            "vault",
            "openshift",
            "//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/a/providers/b",
        ] {
            assert_eq!(kind(audience), (false, 0, 1), "{audience}");
        }
        let named = of_volume(&json!({ "path": "token", "audience": "sts.amazonaws.com" })).others;
        assert_eq!(named, ["a token for sts.amazonaws.com in the volume keys"]);
    }

    #[test]
    fn an_unknown_address_may_be_the_issuer_of_the_cluster() {
        assert_eq!(kind("https://issuer.example"), (false, 1, 1));
    }
}
