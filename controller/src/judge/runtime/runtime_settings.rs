//! No gVisor setting opens the sandbox: none that is seen from inside, and none that a pod or a bundle asks for by an annotation.
//! Annotations reach runsc as flags if the node's runtime passes them on (gVisor,
//! `g3doc/user_guide/containerd/configuration.md`; `runsc/config/flags.go`).

mod proxies;

use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Outcome, Requirement, Scope};
use crate::{
    case::{Case, cluster::Labels},
    judge::gvisor::{
        Assessment, Kernel,
        settings::{self, Effect, SETTINGS, Setting, Shown},
    },
    judge::policy::Policy,
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
             refuse `dev.gvisor.` annotations that nobody needs. Accept a device that the workload needs under \
             `accepted-devices` in the policy file.",
    explanation: Explanation {
        looks_at: &["socket-defaults", "capabilities", "mounts", "bundle", "cluster"],
        met: "gVisor's own network stack answers, raw sockets are closed, no root folder of the host is writable, and no pod or bundle asks for less",
        unmet: "a setting that opens the sandbox was seen, or a pod or bundle asks for one by an annotation, or for a device that gVisor passes on to a driver of the node",
        inconclusive: "it is not known whose kernel answers, a setting could not be observed, or a pod or bundle has an annotation of gVisor's \
                       whose effect is not known",
        on_platforms: &[],
    },
    mappings: &["GKE secure-sandbox-policy"],
    judge: Judge::Both(judge),
};

fn judge(case: &Case, assessment: &Assessment, policy: &Policy) -> Judgement {
    if let Some(judgement) = asked_for(case).or_else(|| not_gvisor(assessment)) {
        return judgement;
    }
    let seen = seen(case);
    match seen.outcome {
        Outcome::Unmet => seen,
        _ => proxied(case, policy, seen),
    }
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

/// Returns the judgement of devices that gVisor passes on, if it is worse than the judgement of the settings and annotations. An
/// accepted device excuses no gap beside it.
fn proxied(case: &Case, policy: &Policy, seen: Judgement) -> Judgement {
    let rest = match seen.outcome {
        Outcome::Met => unknown(case).or_else(|| unkept(case)).unwrap_or(seen),
        _ => seen,
    };
    match proxies::read(case, policy) {
        Some(proxied) if !proxied.accepted || rest.outcome == Outcome::Met => proxied,
        _ => rest,
    }
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
    let weakening = annotations(case).into_iter().filter_map(|(annotation, effect)| match effect {
        Effect::Weakens(how) => Some(format!("{annotation}: {how}")),
        Effect::Harmless | Effect::Unknown => None,
    });
    let weakening: Vec<_> = weakening.collect();
    Some(citing(case, Judgement::unmet(weakening.first()?.clone()), &weakening))
}

/// Returns the judgement for annotations of an unknown effect; `None` without such annotations.
fn unknown(case: &Case) -> Option<Judgement> {
    let unknown = annotations(case).into_iter().filter(|(_, effect)| *effect == Effect::Unknown);
    let unknown: Vec<_> = unknown.map(|(annotation, _)| annotation).collect();
    let first = unknown.first()?;
    let why = format!("{first}, which is not known to be harmless; remove the annotation if nobody needs it");
    Some(citing(case, Judgement::inconclusive(why), &unknown))
}

/// Returns each annotation of gVisor's as a fragment, with its effect: of the pods, and of a local sandbox's configuration.
fn annotations(case: &Case) -> Vec<(String, Effect)> {
    let of = |title: String, annotations: &Labels| {
        let told = |(key, value): (&String, &String)| {
            (format!("{title} sets {key}={value}"), settings::effect(key, value))
        };
        annotations.iter().map(told).collect::<Vec<_>>()
    };
    let of_pods = case.pod_views().iter().map(|it| (it.origin.title(), &it.gvisor_annotations));
    let own = case.surroundings.annotations.iter().map(|it| ("the configuration".to_owned(), it));
    of_pods.chain(own).flat_map(|(title, annotations)| of(title, annotations)).collect()
}

/// Returns the judgement for a user's own configuration whose annotations a saved file lacks; `None` for any other sandbox.
fn unkept(case: &Case) -> Option<Judgement> {
    (case.surroundings.subject.has_a_users_configuration() && case.surroundings.annotations.is_none()).then(
        || {
            Judgement::inconclusive(
                "the annotations of the configuration are not known: the file does not hold them",
            )
        },
    )
}

fn citing(case: &Case, judgement: Judgement, annotations: &[String]) -> Judgement {
    let source = if case.surroundings.in_cluster.is_some() { "cluster" } else { "bundle" };
    annotations.iter().fold(judgement, |judgement, it| judgement.citing(source, it.clone()))
}

#[cfg(test)]
mod tests {
    use proto::Observation;

    use super::*;
    use crate::{
        case::{Subject, cluster::Device, environment::Environment},
        fixture,
        judge::policy::{Acceptance, Accepted},
    };

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

    fn with_device(name: &str) -> Case {
        let mut case = fixture::pod();
        let device = Device { name: name.into(), ..Device::default() };
        fixture::pod_view(&mut case).devices = Some(vec![device]);
        case
    }

    #[test]
    fn a_device_that_gvisor_passes_on_is_unmet_by_the_name_of_its_proxy() {
        let judgement = judge(&with_device("nvidia.com/gpu"));
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert!(judgement.because.contains("pod/web-1 asks for nvidia.com/gpu"), "{}", judgement.because);
        assert!(judgement.because.contains("nvproxy"), "{}", judgement.because);
        assert_eq!(judge(&with_device("smarter-devices/fuse")).outcome, Outcome::Met);
    }

    #[test]
    fn an_accepted_device_excuses_nothing_else() {
        let acceptance = Acceptance {
            of: Accepted::Device,
            name: "nvidia.com/gpu".into(),
            owner: "ml".into(),
            reason: "inference".into(),
            line: 2,
        };
        let policy = Policy { accepted: vec![acceptance], ..Policy::of(Environment::Production) };
        let accepted = |case: &Case| {
            let judgement = fixture::judged_under(&policy, &REQUIREMENT, case);
            (judgement.accepted, judgement.because)
        };
        let mut case = with_device("nvidia.com/gpu");
        let (is_accepted, because) = accepted(&case);
        assert!(is_accepted && because.contains("(ml: inference)"), "{because}");
        fixture::pod_view(&mut case).gvisor_annotations.insert("dev.gvisor.of-tomorrow".into(), "1".into());
        assert!(!accepted(&case).0);
        case.collected.evidence.socket_defaults = fixture::runc().collected.evidence.socket_defaults;
        assert!(!accepted(&case).0);
    }

    #[test]
    fn missing_observations_are_never_met() {
        let mut case = fixture::gvisor();
        case.collected.evidence.socket_defaults = Observation::Crashed { signal: 31 };
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
        assert!(matches!(judge(&fixture::silent()).outcome, Outcome::Inconclusive(_)));
        assert!(matches!(judge(&fixture::runc()).outcome, Outcome::NotApplicable(_)));
    }

    fn annotated(key: &str, value: &str) -> Judgement {
        let mut case = fixture::pod();
        fixture::pod_view(&mut case).gvisor_annotations.insert(key.into(), value.into());
        judge(&case)
    }

    #[test]
    fn only_annotations_that_open_the_sandbox_are_unmet() {
        for (key, value, outcome) in [
            ("dev.gvisor.flag.host-uds", "open", Outcome::Unmet),
            ("dev.gvisor.flag.host-uds", "none", Outcome::Met),
            ("dev.gvisor.flag.overlay2", "none", Outcome::Unmet),
            ("dev.gvisor.flag.rdmaproxy", "true", Outcome::Unmet),
            ("dev.gvisor.flag.debug", "true", Outcome::Met),
            ("dev.gvisor.spec.mount.data.type", "bind", Outcome::Met),
            ("dev.gvisor.spec.rootfs.source", "/srv/image", Outcome::Unmet),
            ("dev.gvisor.internal.nvproxy", "true", Outcome::Unmet),
            ("dev.gvisor.bundle.experimental-high-performance", "true", Outcome::Unmet),
        ] {
            assert_eq!(annotated(key, value).outcome, outcome, "{key}={value}");
        }
    }

    /// Returns a sandbox of a user's own bundle.
    fn of_a_bundle() -> Case {
        let mut case = fixture::gvisor();
        let runtime = vec!["runsc".into()];
        case.surroundings.subject = Subject::Sandbox { runtime, bundle: Some("/srv/bundle".into()) };
        case
    }

    #[test]
    fn an_annotation_of_a_bundle_or_a_running_container_is_judged_as_a_pods() {
        let mut container = fixture::gvisor();
        container.surroundings.subject =
            Subject::Container { runtime: vec!["runsc".into()], id: "web".into() };
        for case in [of_a_bundle(), container] {
            let judged = |key: &str| {
                let mut case = case.clone();
                case.surroundings.annotations = Some(Labels::from([(key.into(), "all".into())]));
                judge(&case)
            };
            assert_eq!(judge(&case).outcome, Outcome::Met);
            for key in ["flag.host-uds", "internal.nvproxy", "spec.rootfs.source", "spec.cgroup-parent"] {
                let judgement = judged(&format!("dev.gvisor.{key}"));
                assert_eq!(judgement.outcome, Outcome::Unmet, "{key}");
                assert!(
                    judgement.because.starts_with(&format!("the configuration sets dev.gvisor.{key}=all"))
                );
                assert_eq!(judgement.citations[0].source, "bundle");
            }
            assert!(matches!(judged("dev.gvisor.of-tomorrow").outcome, Outcome::Inconclusive(_)));
            assert_eq!(judged("dev.gvisor.flag.debug").outcome, Outcome::Met);
        }
    }

    #[test]
    fn a_file_that_lacks_the_annotations_of_a_bundle_is_inconclusive() {
        for (mut case, is_met) in [(of_a_bundle(), false), (fixture::gvisor(), true), (fixture::pod(), true)]
        {
            case.surroundings.annotations = None;
            assert_eq!(judge(&case).outcome == Outcome::Met, is_met, "{:?}", case.surroundings.subject);
        }
    }

    #[test]
    fn an_annotation_of_an_unknown_effect_is_inconclusive_by_name() {
        let judgement = annotated("dev.gvisor.flag.of-tomorrow", "true");
        assert!(matches!(judgement.outcome, Outcome::Inconclusive(_)), "{judgement:?}");
        assert!(judgement.because.starts_with("pod/web-1 sets dev.gvisor.flag.of-tomorrow=true"));
    }

    #[test]
    fn a_weakness_that_was_seen_outweighs_an_unknown_annotation() {
        let mut case = fixture::pod();
        let annotations = &mut fixture::pod_view(&mut case).gvisor_annotations;
        annotations.insert("dev.gvisor.of-tomorrow".into(), "true".into());
        case.collected.evidence.socket_defaults = fixture::runc().collected.evidence.socket_defaults;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }
}
