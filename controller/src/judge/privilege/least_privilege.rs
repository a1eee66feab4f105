//! The process has no privilege that it does not need. Each value is read as the answering kernel means it: gVisor shows
//! programs inside no seccomp filter and no `NoNewPrivs` line, because the filter surrounds the sandbox.

mod capability;
mod processes;
mod workloads;

use crate::judge::{
    platforms::Platform,
    requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope},
};
use crate::{
    case::Case,
    judge::gvisor::{Assessment, Kernel},
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "least-privilege",
    title: "The process is not root, holds no capability, cannot gain any, and its system calls are filtered",
    area: Area::Privilege,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 10,
    protects: "Privileges inside a sandbox are the first step out of it.",
    remedy: "Run as a user other than root, drop all capabilities, set no_new_privs, and use the runtime's default \
             seccomp profile (on Kubernetes: the `restricted` Pod Security Standard).",
    explanation: Explanation {
        looks_at: &["credentials", "capabilities", "seccomp", "namespaces", "processes", "cluster"],
        met: "the process is an ordinary user without capabilities, can gain none, and runs behind a seccomp filter or gVisor's kernel; \
              so does each process of the workload that the probe sees",
        unmet: "the process is root, holds or can gain privileges, is not filtered on Linux, or shares namespaces with the machine; or a \
                process of the workload does",
        inconclusive: "one of these facts could not be observed",
        on_platforms: &[(
            Platform::Kubernetes,
            "label the namespace pod-security.kubernetes.io/enforce=restricted",
        )],
    },
    mappings: &[],
    judge: Judge::Kernel(judge),
};

/// A citation of a value without a gap, or the gap.
type Reading = Result<(&'static str, String), Gap>;

/// A reason for which the requirement is not met.
enum Gap {
    /// The source and the text that show a privilege.
    Unmet(&'static str, String),
    /// The reason for which nothing shows whether a privilege is there.
    Inconclusive(String),
}

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    let kernel = assessment.kernel;
    let of_workloads =
        workloads::readings(case, kernel).into_iter().chain(processes::readings(case, assessment));
    let own = [
        user(case),
        capabilities(case),
        no_new_privileges(case, kernel),
        filter(case, kernel),
        namespaces(case, kernel),
    ];
    let readings = of_workloads.chain(own);
    let mut citations = Vec::new();
    let mut unmet = None;
    let mut inconclusive = None;
    for reading in readings {
        match reading {
            Ok(seen) => citations.push(seen),
            Err(Gap::Unmet(source, text)) => {
                unmet = unmet.or_else(|| Some(text.clone()));
                citations.push((source, text));
            }
            Err(Gap::Inconclusive(why)) => inconclusive = inconclusive.or(Some(why)),
        }
    }
    let judgement = match (unmet, inconclusive) {
        (Some(gap), _) => Judgement::unmet(gap),
        (None, Some(why)) => Judgement::inconclusive(why),
        (None, None) => {
            Judgement::met("the process is an ordinary user without capabilities, and cannot gain any")
        }
    };
    citations.into_iter().fold(judgement, |judgement, (source, text)| judgement.citing(source, text))
}

fn user(case: &Case) -> Reading {
    let credentials = &case.evidence().credentials;
    let seen = credentials
        .seen()
        .ok_or_else(|| Gap::Inconclusive(format!("the user could not be read: {}", credentials.fared())))?;
    let users = [seen.real_user, seen.effective_user, seen.saved_user];
    if users.contains(&0) {
        return Err(Gap::Unmet("credentials", "the process runs as root".to_owned()));
    }
    Ok(("credentials", format!("user {}, group {}", seen.effective_user, seen.effective_group)))
}

fn capabilities(case: &Case) -> Reading {
    let capabilities = &case.evidence().capabilities;
    let seen = capabilities.seen().ok_or_else(|| {
        Gap::Inconclusive(format!("the capabilities could not be read: {}", capabilities.fared()))
    })?;
    let held = seen.held();
    if held != 0 {
        let held = capability::listed(held);
        return Err(Gap::Unmet("capabilities", format!("the process holds capabilities: {held}")));
    }
    Ok(("capabilities", "none".to_owned()))
}

fn no_new_privileges(case: &Case, kernel: Kernel) -> Reading {
    let seccomp = &case.evidence().seccomp;
    let seen = seccomp
        .seen()
        .ok_or_else(|| Gap::Inconclusive(format!("no_new_privs could not be read: {}", seccomp.fared())))?;
    match (seen.no_new_privs, kernel) {
        (Some(true), _) => Ok(("seccomp", "no_new_privs is set".to_owned())),
        (None, Kernel::Gvisor) if case.surroundings.no_new_privs == Some(true) => Ok((
            "bundle",
            "the bundle declares no_new_privs; this release of gVisor does not show it".to_owned(),
        )),
        (None, Kernel::Gvisor) if case.surroundings.no_new_privs == Some(false) => {
            Err(Gap::Unmet("bundle", "the bundle does not declare no_new_privs".to_owned()))
        }
        (Some(false), _) => Err(Gap::Unmet("seccomp", "no_new_privs is not set".to_owned())),
        (None, _) => Err(Gap::Inconclusive("the kernel does not show no_new_privs".to_owned())),
    }
}

fn filter(case: &Case, kernel: Kernel) -> Reading {
    let seccomp = &case.evidence().seccomp;
    let seen = seccomp.seen().ok_or_else(|| {
        Gap::Inconclusive(format!("the seccomp mode could not be read: {}", seccomp.fared()))
    })?;
    match (seen.mode, kernel) {
        (Some(1 | 2), _) => Ok(("seccomp", "system calls are filtered".to_owned())),
        (_, Kernel::Gvisor) => Ok((
            "seccomp",
            "gVisor answers system calls; its own calls are filtered outside the sandbox".to_owned(),
        )),
        (Some(_), Kernel::Other) => Err(Gap::Unmet("seccomp", "system calls are not filtered".to_owned())),
        (Some(_), Kernel::Unclear) => Err(Gap::Inconclusive(
            "no seccomp filter shows, and it is not known whose kernel answers".to_owned(),
        )),
        (None, _) => Err(Gap::Inconclusive("the kernel does not show the seccomp mode".to_owned())),
    }
}

/// Kinds of namespaces whose sharing opens the machine. Most runtimes share the machine's user namespace.
const TELLING: &[&str] = &["ipc", "mnt", "net", "pid", "uts"];

/// Reads the namespaces. gVisor numbers its namespaces itself, so that equality with the machine's would say nothing.
fn namespaces(case: &Case, kernel: Kernel) -> Reading {
    if kernel == Kernel::Gvisor {
        return Ok(("namespaces", "gVisor's own namespaces".to_owned()));
    }
    if case.surroundings.in_cluster.is_some() {
        return Ok(("cluster", "the pod's own namespaces, by its specification".to_owned()));
    }
    let (theirs, machine) = (&case.evidence().namespaces, &case.surroundings.machine.namespaces);
    let (Some(theirs), Some(machine)) = (theirs.seen(), machine.seen()) else {
        return Err(Gap::Inconclusive(format!("the namespaces could not be read: {}", theirs.fared())));
    };
    let own = theirs.namespaces.iter().filter(|namespace| TELLING.contains(&namespace.kind.as_str()));
    let shared: Vec<_> =
        own.filter(|it| machine.namespaces.contains(it)).map(|it| it.kind.as_str()).collect();
    match shared.as_slice() {
        [] => Ok(("namespaces", "none shared with the machine".to_owned())),
        shared => Err(Gap::Unmet(
            "namespaces",
            format!("the process shares namespaces with the machine: {}", shared.join(", ")),
        )),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proto::{Observation, Seccomp};

    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    pub(super) fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    #[test]
    fn seccomp_mode_0_is_a_gap_only_on_linux() {
        assert_eq!(judge(&fixture::gvisor()).outcome, Outcome::Met);
        let mut linux = fixture::runc();
        assert_eq!(judge(&linux).outcome, Outcome::Unmet);
        linux.collected.evidence.seccomp =
            Observation::Seen(Seccomp { mode: Some(2), no_new_privs: Some(true) });
        assert_eq!(judge(&linux).outcome, Outcome::Met);
        linux.collected.evidence.seccomp = Observation::Seen(Seccomp { mode: Some(2), no_new_privs: None });
        assert!(matches!(judge(&linux).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn no_new_privs_must_be_declared_where_gvisor_hides_it() {
        let mut case = fixture::gvisor();
        case.surroundings.no_new_privs = Some(false);
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        case.surroundings.no_new_privs = None;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn shared_namespaces_are_a_gap_only_on_linux() {
        let mut linux = fixture::runc();
        linux.collected.evidence.seccomp =
            Observation::Seen(Seccomp { mode: Some(2), no_new_privs: Some(true) });
        assert_eq!(judge(&linux).outcome, Outcome::Met);
        linux.collected.evidence.namespaces = linux.surroundings.machine.namespaces.clone();
        let judgement = judge(&linux);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert!(judgement.because.contains("pid"), "{}", judgement.because);
        linux.collected.evidence.namespaces = Observation::Denied { errno: 13 };
        assert!(matches!(judge(&linux).outcome, Outcome::Inconclusive(_)));
        let mut gvisor = fixture::gvisor();
        gvisor.surroundings.machine.namespaces = gvisor.collected.evidence.namespaces.clone();
        assert_eq!(judge(&gvisor).outcome, Outcome::Met);
    }

    #[test]
    fn root_and_capabilities_are_gaps_everywhere() {
        let mut case = fixture::gvisor();
        fixture::credentials(&mut case).saved_user = 0;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        let mut case = fixture::gvisor();
        fixture::capabilities(&mut case).ambient = Some(1 << 21);
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn a_gap_beats_a_missing_observation() {
        let mut case = fixture::gvisor();
        case.collected.evidence.capabilities = Observation::TimedOut;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
        fixture::credentials(&mut case).effective_user = 0;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }
}
