//! gVisor settings that weaken the sandbox a little, and settings that nobody can see from inside.

use super::{
    host_process,
    runtime_settings::{cite, not_gvisor},
};
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};
use crate::{
    case::Case,
    judge::gvisor::{
        Assessment,
        settings::{SETTINGS, Shown},
    },
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "runtime-hardening",
    title: "gVisor runs with its safest settings",
    area: Area::Runtime,
    class: Class::Advisory,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 2,
    protects: "Each setting that trades a little safety for speed or convenience widens what code inside can try.",
    remedy: "Change the runtime's configuration (runsc.toml, or the handler's options in containerd's config.toml): \
             remove --host-uds, --host-fifo, --allow-suid and --iouring; set --directfs=false and --file-access=exclusive \
             where speed allows; use the platform systrap or kvm.",
    explanation: Explanation {
        looks_at: &[
            "mounts",
            "call-answers",
            "devices",
            "gs-pointer",
            "segment-registers",
            "call-duration",
            "machine",
        ],
        met: "every setting is seen at its safest value",
        unmet: "at least one setting weakens the sandbox a little, or its process on this machine is less confined than gVisor's",
        inconclusive: "some settings cannot be seen from inside; the finding names them",
        on_platforms: &[],
    },
    mappings: &[],
    judge: Judge::Kernel(judge),
};

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    if let Some(otherwise) = not_gvisor(assessment) {
        return otherwise;
    }
    let shown: Vec<_> =
        SETTINGS.iter().filter(|setting| !setting.blocks).map(|it| (*it, (it.shown)(case))).collect();
    let names = |wanted: fn(&Shown) -> bool| {
        let found = shown.iter().filter(|(_, shown)| wanted(shown)).map(|(setting, _)| setting.name);
        found.collect::<Vec<_>>().join(", ")
    };
    let weak = names(|shown| matches!(shown, Shown::Weak(_)));
    let weak: Vec<_> =
        Some(weak).filter(|it| !it.is_empty()).into_iter().chain(host_process::gaps(case)).collect();
    let weak = weak.join(", ");
    let unseen = names(|shown| matches!(shown, Shown::Unseen(_) | Shown::Unclear(_)));
    let judgement = match (weak.as_str(), unseen.as_str()) {
        ("", "") => Judgement::met("no setting weakens the sandbox"),
        ("", unseen) => Judgement::inconclusive(format!("not visible from inside: {unseen}")),
        (weak, _) => Judgement::unmet(format!("weakened by {weak}")),
    };
    let judgement = judgement.citing_all(host_process::cited(case));
    shown.iter().fold(judgement, |judgement, (setting, shown)| cite(judgement, setting, shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    #[test]
    fn settings_invisible_from_inside_are_named_and_never_met() {
        let judgement = judge(&fixture::gvisor());
        assert!(matches!(judgement.outcome, Outcome::Unmet | Outcome::Inconclusive(_)));
        assert!(judgement.citations.iter().any(|it| it.text.starts_with("host unix sockets: not visible")));
        let advised = SETTINGS.iter().filter(|setting| !setting.blocks).count();
        assert_eq!(judgement.citations.len(), advised);
    }

    #[test]
    fn gvisors_settings_do_not_apply_to_another_kernel() {
        assert!(matches!(judge(&fixture::runc()).outcome, Outcome::NotApplicable(_)));
    }
}
