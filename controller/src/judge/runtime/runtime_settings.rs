//! No gVisor setting opens the sandbox: none that is seen from inside, and none that a pod asks for by an annotation.
//! Annotations reach runsc as flags if the node's runtime passes them on (gVisor,
//! `g3doc/user_guide/containerd/configuration.md`; `runsc/config/flags.go`).

use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};
use crate::{
    case::Case,
    judge::gvisor::{
        Assessment, Kernel,
        settings::{self, SETTINGS, Setting, Shown},
    },
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "runtime-settings",
    title: "No gVisor setting opens the sandbox",
    area: Area::Runtime,
    class: Class::ProductionOnly,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 5,
    protects: "One flag or annotation can open the host's network, sockets or files to the code inside.",
    remedy: "Remove the flag from the runtime's configuration (runsc.toml), or the annotation from the pod. Let admission \
             refuse `dev.gvisor.` annotations that nobody needs.",
    explanation: Explanation {
        looks_at: &["socket-defaults", "capabilities", "mounts", "cluster"],
        met: "gVisor's own network stack answers, raw sockets are closed, no root folder of the host is writable, and no pod asks for less",
        unmet: "a setting that opens the sandbox was seen, or a pod asks for one by an annotation",
        inconclusive: "it is not known whose kernel answers, or a setting could not be observed",
        on_platforms: &[],
    },
    mappings: &["GKE secure-sandbox-policy"],
    judge: Judge::Kernel(judge),
};

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    asked_for(case).or_else(|| not_gvisor(assessment)).unwrap_or_else(|| seen(case))
}

/// Returns the judgement for a kernel that is not gVisor's, or is not known; `None` for gVisor's.
pub(super) fn not_gvisor(assessment: &Assessment) -> Option<Judgement> {
    match assessment.kernel {
        Kernel::Gvisor => None,
        Kernel::Other => {
            Some(Judgement::not_applicable("another kernel answers, to which gVisor's settings do not apply"))
        }
        Kernel::Unclear => Some(Judgement::inconclusive("it is not known whose kernel answers")),
    }
}

/// Adds the citation of one setting.
pub(super) fn cite(judgement: Judgement, setting: &Setting, shown: &Shown) -> Judgement {
    judgement.citing("settings", shown.text(setting))
}

fn seen(case: &Case) -> Judgement {
    let shown: Vec<_> =
        SETTINGS.iter().filter(|setting| setting.blocks).map(|it| (*it, (it.shown)(case))).collect();
    let weak = shown.iter().find(|(_, shown)| matches!(shown, Shown::Weak(_)));
    let unclear = shown.iter().find(|(_, shown)| matches!(shown, Shown::Unclear(_)));
    let judgement = match (weak, unclear) {
        (Some((setting, shown)), _) => Judgement::unmet(shown.text(setting)),
        (None, Some((setting, shown))) => Judgement::inconclusive(shown.text(setting)),
        (None, None) => Judgement::met("no setting that opens the sandbox was seen"),
    };
    shown.iter().fold(judgement, |judgement, (setting, shown)| cite(judgement, setting, shown))
}

/// Judges the annotations of pods, whether or not the node's runtime passes them on.
fn asked_for(case: &Case) -> Option<Judgement> {
    let annotations = case.pod_views().iter().flat_map(|pod_view| {
        pod_view.gvisor_annotations.iter().map(move |(key, value)| (pod_view.origin.title(), key, value))
    });
    let weakening: Vec<_> = annotations
        .filter(|(_, key, value)| settings::is_opened_by(key, value))
        .map(|(title, key, value)| format!("{title} sets {key}={value}"))
        .collect();
    let judgement = Judgement::unmet(weakening.first()?.clone());
    Some(weakening.iter().fold(judgement, |judgement, it| judgement.citing("cluster", it.clone())))
}

#[cfg(test)]
mod tests {
    use proto::Observation;

    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    #[test]
    fn a_setting_that_opens_the_sandbox_is_unmet() {
        assert_eq!(judge(&fixture::gvisor()).outcome, Outcome::Met);
        let mut case = fixture::gvisor();
        case.collected.evidence.socket_defaults = fixture::runc().collected.evidence.socket_defaults;
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert!(judgement.because.starts_with("host network"), "{}", judgement.because);
    }

    #[test]
    fn missing_observations_are_never_met() {
        let mut case = fixture::gvisor();
        case.collected.evidence.socket_defaults = Observation::Crashed { signal: 31 };
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
        assert!(matches!(judge(&fixture::silent()).outcome, Outcome::Inconclusive(_)));
        assert!(matches!(judge(&fixture::runc()).outcome, Outcome::NotApplicable(_)));
    }

    #[test]
    fn only_annotations_that_open_the_sandbox_are_unmet() {
        for (key, value, outcome) in [
            ("dev.gvisor.flag.host-uds", "open", Outcome::Unmet),
            ("dev.gvisor.flag.host-uds", "none", Outcome::Met),
            ("dev.gvisor.flag.overlay2", "none", Outcome::Unmet),
            ("dev.gvisor.spec.mount.data.type", "bind", Outcome::Met),
            ("dev.gvisor.flag.debug", "true", Outcome::Met),
        ] {
            let mut case = fixture::pod();
            fixture::pod_view(&mut case).gvisor_annotations.insert(key.into(), value.into());
            assert_eq!(judge(&case).outcome, outcome, "{key}={value}");
        }
    }
}
