//! The sandbox's process on the machine beside the statement of the probe. A sandbox of gVisor confines its own process: measured
//! in releases of 2022, 2024 and 2026 on their platforms, it runs behind a seccomp filter, can gain no privileges, and has another
//! root directory than the machine and namespaces of its own. It shares the machine's user namespace only with `--network=host`
//! and with the flags for gVisor's own tests (gVisor, `runsc/sandbox/sandbox.go`, `createSandboxProcess`).

use crate::case::{Case, Citation, host_process::HostProcess};

/// The seccomp mode of a process behind a filter (`proc_pid_status(5)`).
const FILTERED: u32 = 2;
/// Namespaces that each release gives its sandbox. Releases before 2025 share the machine's processes.
const OWN: &[&str] = &["ipc", "mnt", "net", "user", "uts"];

/// Returns each way in which the process is less confined than gVisor's, as a part of a sentence.
pub(super) fn gaps(case: &Case) -> Vec<String> {
    let Some(process) = &case.surroundings.host_process else { return Vec::new() };
    let mut gaps = Vec::new();
    if process.seccomp.is_some_and(|mode| mode != FILTERED) {
        gaps.push("its process on the machine has no seccomp filter".to_owned());
    }
    if process.no_new_privs == Some(false) {
        gaps.push("its process on the machine can gain privileges".to_owned());
    }
    if process.has_the_machines_root == Some(true) {
        gaps.push("its process on the machine has the machine's root directory".to_owned());
    }
    let shared = shared(process, OWN);
    if !shared.is_empty() {
        gaps.push(format!("its process on the machine shares namespaces with it ({})", shared.join(", ")));
    }
    gaps
}

/// Returns why the process contradicts a kernel that answers like gVisor's, or opens the machine to a hole in it; `None` if it does
/// neither.
pub(super) fn doubt(case: &Case) -> Option<String> {
    let process = case.surroundings.host_process.as_ref()?;
    if shared(process, &["user"]).is_empty() {
        return None;
    }
    Some(match (process.effective | process.permitted, process.seccomp) {
        (0, _) => {
            "gVisor's kernel answers, and the sandbox's process on the machine is confined otherwise than gVisor's: it has no \
             capability, and no user namespace of its own"
                .to_owned()
        }
        (_, Some(0)) => {
            "gVisor's kernel answers, and the sandbox's process on the machine is not gVisor's, or not confined: it has neither \
             a seccomp filter nor a user namespace of its own"
                .to_owned()
        }
        _ => {
            let user = process.user;
            format!(
                "gVisor's kernel answers, and the sandbox's process on the machine has capabilities in the machine's user \
                 namespace, as user {user}: a hole in that kernel reaches the machine (`--network=host` does that)"
            )
        }
    })
}

/// Returns the process as a citation; `None` if it was not seen.
pub(super) fn cited(case: &Case) -> Option<Citation> {
    let process = case.surroundings.host_process.as_ref()?;
    let filter = match process.seccomp {
        Some(FILTERED) => "behind a seccomp filter",
        Some(_) => "without a seccomp filter",
        None => "with an unknown seccomp mode",
    };
    let (held, shared) = (process.effective.count_ones(), process.shared.join(", "));
    let shared =
        if shared.is_empty() { "no namespace shared".to_owned() } else { format!("shared: {shared}") };
    let open = process
        .descriptors
        .map(|it| format!("; open: {} files, {} sockets, {} devices", it.files, it.sockets, it.devices));
    let text = format!(
        "the sandbox's process: user {}, {held} capabilities, {filter}; {shared}{}",
        process.user,
        open.unwrap_or_default()
    );
    Some(Citation { source: "machine", text })
}

fn shared<'a>(process: &'a HostProcess, kinds: &[&str]) -> Vec<&'a str> {
    process.shared.iter().map(String::as_str).filter(|kind| kinds.contains(kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture,
        judge::{
            requirement::Outcome,
            runtime::{runtime_hardening, runtime_isolation},
        },
    };

    /// Returns a sandbox of gVisor beside its process of 2024, changed.
    fn beside(change: impl FnOnce(&mut HostProcess)) -> Case {
        let mut process = fixture::host_process();
        change(&mut process);
        let mut case = fixture::gvisor();
        case.surroundings.host_process = Some(Box::new(process));
        case
    }

    fn isolation(case: &Case) -> Outcome {
        fixture::judged(&runtime_isolation::REQUIREMENT, case).outcome
    }

    fn hardening(case: &Case) -> String {
        fixture::judged(&runtime_hardening::REQUIREMENT, case).because
    }

    #[test]
    fn the_process_of_each_release_leaves_the_findings_as_they_are() {
        let plain = fixture::gvisor();
        for case in [
            beside(|_| ()),
            beside(|of_2022| (of_2022.user, of_2022.effective) = (65_534, 0x24_0000)),
            beside(|of_2026| of_2026.shared.clear()),
            beside(|without_directfs| (without_directfs.user, without_directfs.effective) = (65_534, 0)),
        ] {
            assert_eq!(isolation(&case), Outcome::Met);
            assert_eq!(hardening(&case), hardening(&plain));
        }
    }

    #[test]
    fn a_process_that_is_not_confined_is_a_weakness() {
        for (words, case) in [
            ("no seccomp filter", beside(|it| it.seccomp = Some(0))),
            ("can gain privileges", beside(|it| it.no_new_privs = Some(false))),
            ("root directory", beside(|it| it.has_the_machines_root = Some(true))),
            ("(mnt)", beside(|it| it.shared.push("mnt".into()))),
        ] {
            let judgement = fixture::judged(&runtime_hardening::REQUIREMENT, &case);
            assert_eq!(judgement.outcome, Outcome::Unmet, "{words}");
            assert!(judgement.because.contains(words), "{words}: {}", judgement.because);
        }
    }

    #[test]
    fn capabilities_in_the_machines_user_namespace_are_inconclusive() {
        let Outcome::Inconclusive(why) = isolation(&beside(|it| it.shared.push("user".into()))) else {
            panic!("decided")
        };
        assert!(why.contains("--network=host"), "{why}");
    }

    #[test]
    fn a_process_of_another_runtime_denies_the_answers_of_gvisor() {
        let another = |it: &mut HostProcess| {
            (it.user, it.effective, it.permitted, it.seccomp) = (65_534, 0, 0, Some(0));
            it.shared.push("user".into());
        };
        assert!(matches!(isolation(&beside(another)), Outcome::Inconclusive(_)));
        let root = |it: &mut HostProcess| {
            it.seccomp = Some(0);
            it.shared.push("user".into());
        };
        assert!(matches!(isolation(&beside(root)), Outcome::Inconclusive(_)));
    }
}
