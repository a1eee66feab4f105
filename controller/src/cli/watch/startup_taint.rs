//! The flag `--remove-taint`, and the sandboxes of a run as the startup taint of nodes goes by them.

use tokio::sync::watch::Sender;

use crate::{
    cli::ending::Ended,
    plan::startup_taint::Judged,
    report::{Report, Subject, proof::Pools},
    run::cluster::startup_taint::Proofs,
};

/// The characters of a taint's name, without its prefix (kubernetes.io, "Labels and Selectors", "Syntax and character set").
const MOST_OF_NAME: usize = 63;
/// The characters of the prefix.
const MOST_OF_PREFIX: usize = 253;
/// The domains of Kubernetes' own taints, which its components set and remove.
const RESERVED: &[&str] = &["kubernetes.io", "k8s.io"];

/// Reads the key of a taint.
pub(super) fn key(text: &str) -> Result<String, String> {
    let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let is_name = |text: &str, most, others: &[char]| {
        text.len() <= most
            && text.chars().all(|it| it.is_ascii_alphanumeric() || others.contains(&it))
            && text.starts_with(|it: char| it.is_ascii_alphanumeric())
            && text.ends_with(|it: char| it.is_ascii_alphanumeric())
    };
    let is_reserved = |prefix: &str| {
        RESERVED
            .iter()
            .any(|own| prefix.strip_suffix(own).is_some_and(|it| it.is_empty() || it.ends_with('.')))
    };
    if prefix.is_some_and(is_reserved) {
        return Err(
            "give a key of your own: taints of kubernetes.io and k8s.io belong to Kubernetes".to_owned()
        );
    }
    let is_key = is_name(name, MOST_OF_NAME, &['-', '_', '.'])
        && prefix.is_none_or(|prefix| is_name(prefix, MOST_OF_PREFIX, &['-', '.']));
    is_key
        .then(|| text.to_owned())
        .ok_or_else(|| "give the key of a taint, such as podproof.dev/unproven".to_owned())
}

/// Takes the sandboxes of a run whose proof is published: the taint follows that proof.
pub(super) fn take(Ended { report, pools, published, .. }: &Ended, proofs: &Sender<Proofs>) {
    let Some((published, pools)) = published.as_ref().zip(pools.as_ref()) else { return };
    let run = judged(report, pools);
    proofs.send_modify(|Proofs { standings, since }| standings.take(run, since.elapsed() + published.left));
}

fn judged(report: &Report, pools: &Pools) -> Vec<Judged> {
    let of_pods = report.sandboxes.iter().filter_map(|sandbox| {
        let Subject::Pods { pool, node, .. } = &sandbox.subject else { return None };
        let ran = sandbox.pod.as_ref().and_then(|pod| pod.node.clone());
        let node = ran.or_else(|| node.clone());
        let boot_id = node.as_deref().and_then(|node| pools.boot_id(pool, node)).unwrap_or_default();
        Some(Judged {
            pool: pool.clone(),
            boot_id: boot_id.to_owned(),
            node,
            passes: sandbox.verdict.passes(),
        })
    });
    of_pods.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_form_of_a_label() {
        for right in ["unproven", "podproof.dev/unproven", "a.b/C_d-e.f"] {
            assert_eq!(key(right), Ok(right.to_owned()));
        }
        for wrong in ["", "/a", "a/", "-a", "a b", "a=b", "a:NoSchedule", "a/b/c", &"a".repeat(64)] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_taint_of_kubernetes_is_refused() {
        for wrong in ["node.kubernetes.io/not-ready", "kubernetes.io/a", "a.k8s.io/b"] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
        assert!(key("notkubernetes.io/a").is_ok());
    }
}
