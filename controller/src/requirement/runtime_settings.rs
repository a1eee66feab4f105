//! No pod weakens its own sandbox: annotations of a pod reach runsc as flags, where the node's runtime passes them on
//! (gVisor, `g3doc/user_guide/containerd/configuration.md`; `runsc/config/flags.go`).

use super::{Area, Class, Judgement, Requirement, Scope};
use crate::case::Case;

pub(super) const REQUIREMENT: Requirement = Requirement {
    id: "runtime-settings",
    title: "No pod asks for settings that weaken its sandbox",
    area: Area::Runtime,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 5,
    protects: "One annotation can open the host's sockets, or the host's network, to the code inside.",
    remedy: "Remove the annotation, and let admission refuse `dev.gvisor.` annotations that nobody needs.",
    mappings: &["GKE secure-sandbox-policy"],
    judge,
};

/// The flags that open the sandbox, each with the values that do not.
const WEAKENING: &[(&str, &[&str])] = &[
    ("allow-suid", &["false"]),
    ("file-access", &["exclusive"]),
    ("file-access-mounts", &["exclusive", "shared"]),
    ("host-fifo", &["none"]),
    ("host-uds", &["none"]),
    ("iouring", &["false"]),
    ("net-raw", &["false"]),
    ("network", &["sandbox", "none"]),
    ("nvproxy", &["false"]),
    ("oci-seccomp", &["true"]),
    ("overlay2", &["root:self", "all:self", "root:memory", "all:memory"]),
    ("tpuproxy", &["false"]),
];

fn judge(case: &Case) -> Judgement {
    let annotations = case.shapes().iter().flat_map(|shape| {
        shape.gvisor_annotations.iter().map(move |(key, value)| (shape.origin.title(), key, value))
    });
    let weakening: Vec<_> = annotations
        .filter(|(_, key, value)| weakens(key, value))
        .map(|(title, key, value)| format!("{title} sets {key}={value}"))
        .collect();
    let Some(first) = weakening.first() else {
        return Judgement::met("no pod asks for a setting that weakens its sandbox")
            .citing("cluster", format!("{} pods and templates", case.shapes().len()));
    };
    let judgement = Judgement::unmet(first.clone());
    weakening.iter().fold(judgement, |judgement, it| judgement.citing("cluster", it.clone()))
}

fn weakens(key: &str, value: &str) -> bool {
    let Some(flag) = key.rsplit_once("flag.").map(|(_, flag)| flag) else { return false };
    WEAKENING.iter().any(|(name, harmless)| flag == *name && !harmless.contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, requirement::Outcome};

    #[test]
    fn an_annotation_that_opens_the_sandbox_is_unmet_and_one_that_does_not_is_none() {
        for (key, value, outcome) in [
            ("dev.gvisor.flag.host-uds", "open", Outcome::Unmet),
            ("dev.gvisor.flag.host-uds", "none", Outcome::Met),
            ("dev.gvisor.flag.overlay2", "none", Outcome::Unmet),
            ("dev.gvisor.spec.mount.data.type", "bind", Outcome::Met),
            ("dev.gvisor.flag.debug", "true", Outcome::Met),
        ] {
            let mut case = fixture::pod();
            fixture::shape(&mut case).gvisor_annotations.insert(key.into(), value.into());
            assert_eq!(judge(&case).outcome, outcome, "{key}={value}");
        }
    }
}
