//! The machine's files are out of reach. A file counts by its owner: an account list of the image's own is no leak, the
//! machine's account list is.

mod drivers;
mod host_sentinels;
mod kernel_files;
mod processes;
mod shadow;
pub(super) mod volumes;

use proto::{Mount, Observation};

use crate::case::{Case, Citation, HostPath, Subject, identity::FileDigest};
use crate::judge::gvisor::Assessment;
use crate::judge::policy::{Accepted, Policy, file};
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Outcome, Requirement, Scope};
use volumes::{Unknown, Volumes};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "filesystem-isolation",
    title: "The sandbox can read nothing of the machine's file system",
    area: Area::Filesystem,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: true,
    weight: 25,
    protects: "Files of the machine tell who may log in, and hold credentials; a writable file is a way out.",
    remedy: "Give the sandbox a root file system of its own, and mount no path of the machine (no bind mount, no hostPath). \
             Leave the runtime's masked and read-only paths of /proc and /sys as they are.",
    explanation: Explanation {
        looks_at: &[
            "account-list",
            "shadow",
            "host-sentinels",
            "mounts",
            "processes",
            "root-filesystem",
            "kernel-files",
            "namespaces",
            "machine",
            "bundle",
            "cluster",
        ],
        met: "the sandbox's files do not include the machine's account list or passwords, and no path of the machine is \
              mounted",
        unmet: "the sandbox can read a file of the machine, a path of the machine is mounted (also in a workload), a process \
                leads to the machine's root directory, or a writable file of the machine's kernel starts a program on \
                the machine or resets the machine",
        inconclusive: "mounts or files could not be observed, or it is not known whose they are",
        on_platforms: &[],
    },
    mappings: &["KAR-0020"],
    judge: Judge::Both(judge),
};

/// File systems that the kernel makes itself, and that hold no file of a machine.
const KERNELS_OWN: &[&str] =
    &["proc", "sysfs", "tmpfs", "dev", "devtmpfs", "devpts", "mqueue", "cgroup", "cgroup2"];

fn judge(case: &Case, assessment: &Assessment, policy: &Policy) -> Judgement {
    let (mut citations, mut against) = (Vec::new(), Vec::new());
    // A file that is shared comes before a file that could not be observed, and a path before the files to which it leads.
    let parts = [
        workloads_volumes(case, policy),
        shared_files(case),
        root(case),
        shadow::read(case),
        host_sentinels::read(case, assessment),
        kernel_files::read(case, assessment),
        own_files(case),
        processes::read(case, assessment),
    ];
    for part in parts {
        match part {
            Ok(shown) => citations.extend(shown),
            Err(judgement) => against.push(judgement),
        }
    }
    let unmet = against.iter().find(|judgement| judgement.outcome == Outcome::Unmet);
    // An accepted gap speaks only where there is no other.
    let unaccepted = against.iter().find(|judgement| !judgement.accepted);
    match unmet.or(unaccepted).or(against.first()) {
        Some(judgement) => judgement.clone(),
        None => {
            Judgement::met("the sandbox's files are its own: the machine's account list is not among them")
                .citing_all(citations)
        }
    }
}

/// Judges the workloads' volumes. A clean probe excuses no path of the node in a workload, because the probe does not
/// mount that path.
fn workloads_volumes(case: &Case, policy: &Policy) -> Result<Vec<Citation>, Judgement> {
    let Volumes { of_node, own, unknown } = volumes::read(case);
    let cited = |text: String| Citation { source: "cluster", text };
    if let Some(first) = of_node.first() {
        let because = format!("a path of the node is mounted: {}", first.words);
        return Err(Judgement::unmet(because).citing_all(of_node.into_iter().map(|it| cited(it.words))));
    }
    let accepted = |it: &Unknown| policy.accepts(Accepted::Volumes, it.driver.as_deref()?);
    let Some(first) = unknown.iter().find(|it| accepted(it).is_none()).or(unknown.first()) else {
        return Ok(own.into_iter().map(cited).collect());
    };
    let whose = format!("it is not known whose files a volume holds: {}", first.words);
    let judgement = match (accepted(first), &first.driver) {
        (Some(acceptance), _) => {
            Judgement::inconclusive(format!("{whose}; {}", acceptance.words())).accepted()
        }
        (None, Some(driver)) => Judgement::inconclusive(format!(
            "{whose}; if no file is the node's, accept the driver {driver} under `accepted-volumes` in {}",
            file::NAME
        )),
        (None, None) => Judgement::inconclusive(whose),
    };
    Err(judgement.citing_all(unknown.into_iter().map(Unknown::cited)))
}

/// Judges files that are seen to be shared, whatever else was observed.
fn shared_files(case: &Case) -> Result<Vec<Citation>, Judgement> {
    let evidence = case.evidence();
    if let (Some(theirs), Some(machine)) =
        (evidence.account_list.seen(), case.surroundings.machine.account_list.seen())
        && theirs.size > 0
        && *machine == (FileDigest { size: theirs.size, sha256: theirs.sha256 })
    {
        let text = format!(
            "{} bytes, {} accounts, {} of them can log in",
            theirs.size, theirs.accounts, theirs.login_shells
        );
        return Err(Judgement::unmet("limited isolation: the host's account list is readable")
            .citing("account-list", text)
            .citing("machine", "the machine's /etc/passwd has the same digest"));
    }
    if let Some(path) = case.surroundings.host_paths.first() {
        let because = format!("a path of the machine is mounted: {} at {}", path.source, path.destination);
        let cited = |judgement: Judgement, path: &HostPath| {
            judgement.citing("bundle", format!("{} at {}", path.source, path.destination))
        };
        return Err(case.surroundings.host_paths.iter().fold(Judgement::unmet(because), cited));
    }
    match evidence.root_filesystem.seen() {
        Some(root) if case.surroundings.subject == Subject::Unsandboxed => Err(Judgement::unmet(
            "limited isolation: there is no sandbox, and the process has the machine's root directory",
        )
        .citing("root-filesystem", format!("type {:#x}", root.magic))),
        _ => Ok(Vec::new()),
    }
}

/// Judges the place of the root file system on the machine.
fn root(case: &Case) -> Result<Vec<Citation>, Judgement> {
    let Some(path) = &case.surroundings.foreign_root else { return Ok(Vec::new()) };
    let because = format!(
        "the root file system {path} lies neither in the bundle nor in an engine's folder for one container, so that its files may be the \
         machine's"
    );
    Err(Judgement::inconclusive(because).citing("bundle", format!("root.path is {path}")))
}

/// Judges the account list and the mounts, which must show no file of the machine.
fn own_files(case: &Case) -> Result<Vec<Citation>, Judgement> {
    let cited = |source, text| Citation { source, text };
    let accounts = own_accounts(case).map_err(Judgement::inconclusive)?;
    let mounts = own_mounts(case).map_err(Judgement::inconclusive)?;
    Ok(vec![cited("account-list", accounts), cited("mounts", mounts)])
}

fn own_accounts(case: &Case) -> Result<String, String> {
    match (&case.evidence().account_list, &case.surroundings.machine.account_list) {
        (Observation::Absent, _) => Ok("the sandbox has no /etc/passwd".to_owned()),
        // The probe's image is known to have none.
        (Observation::Seen(_), _) if case.surroundings.in_cluster.is_some() => {
            Err("the sandbox has an /etc/passwd that the probe's image does not have".to_owned())
        }
        (Observation::Seen(theirs), Observation::Seen(_) | Observation::Absent) => {
            Ok(format!("{} bytes, not the machine's", theirs.size))
        }
        (Observation::Seen(_), machine) => Err(format!(
            "the sandbox has an /etc/passwd, and the machine's could not be compared with it: {}",
            machine.fared()
        )),
        (blind, _) => Err(format!("/etc/passwd could not be read: {}", blind.fared())),
    }
}

fn own_mounts(case: &Case) -> Result<String, String> {
    let evidence = case.evidence();
    let mounts = evidence
        .mounts
        .seen()
        .ok_or_else(|| format!("the mounts could not be read: {}", evidence.mounts.fared()))?;
    if mounts.truncated {
        return Err("the sandbox has more mounts than the probe reports".to_owned());
    }
    let root = mounts.mounts.iter().rfind(|mount| mount.mount_point == "/");
    let root = root.ok_or("the mounts do not show the root directory")?;
    let undeclared = |mount: &&Mount| {
        mount.mount_point != "/"
            && !KERNELS_OWN.contains(&mount.filesystem.as_str())
            && !case.surroundings.own_mounts.contains(&mount.mount_point)
    };
    if let Some(mount) = mounts.mounts.iter().find(undeclared) {
        return Err(format!(
            "the sandbox has a mount that nobody declared: {} at {}",
            mount.filesystem, mount.mount_point
        ));
    }
    if evidence.root_filesystem.seen().is_none() {
        return Err(format!("the root directory could not be read: {}", evidence.root_filesystem.fared()));
    }
    let access = if root.read_only() { "read-only" } else { "writable" };
    let count = mounts.mounts.len();
    Ok(format!("/ is {} of {}, {access}; {count} mounts", root.filesystem, root.source))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        case::{
            cluster::{Volume, VolumeKind},
            environment::Environment,
        },
        fixture,
        judge::policy::Acceptance,
    };

    pub(super) fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    #[test]
    fn a_root_of_its_own_is_met() {
        let mut case = fixture::gvisor();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let mut own = fixture::machine_accounts();
        own.sha256[0] ^= 1;
        case.collected.evidence.account_list = Observation::Seen(own);
        assert_eq!(judge(&case).outcome, Outcome::Met);
        case.surroundings.machine.account_list = Observation::Denied { errno: 13 };
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn the_machines_account_list_is_unmet() {
        let mut case = fixture::gvisor();
        case.collected.evidence.account_list = Observation::Seen(fixture::machine_accounts());
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert!(judgement.because.contains("the host's account list is readable"));
    }

    #[test]
    fn a_clean_probe_excuses_no_path_of_the_machine() {
        let mut case = fixture::gvisor();
        case.surroundings.host_paths.push(HostPath { source: "/srv".into(), destination: "/data".into() });
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn a_root_of_nobody_known_is_inconclusive_by_its_path() {
        let mut case = fixture::gvisor();
        case.surroundings.foreign_root = Some("/home/u".into());
        let judgement = judge(&case);
        assert!(matches!(judgement.outcome, Outcome::Inconclusive(_)));
        assert!(judgement.because.starts_with("the root file system /home/u lies neither"), "{judgement:?}");
    }

    #[test]
    fn a_shared_file_outweighs_an_unknown_volume() {
        let mut case = with_driver("vendor/thing");
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
        case.collected.evidence.account_list = Observation::Seen(fixture::machine_accounts());
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    fn with_driver(driver: &str) -> Case {
        let mut case = fixture::pod();
        let kind = VolumeKind::Csi;
        let volume = Volume { name: "data".into(), kind, source: driver.into(), ..Volume::default() };
        fixture::pod_view(&mut case).volumes.push(volume);
        case
    }

    /// Judges under a policy file that accepts volumes of the driver "vendor/thing".
    fn accepting(case: &Case) -> Judgement {
        let acceptance = Acceptance {
            of: Accepted::Volumes,
            name: "vendor/thing".into(),
            owner: "storage".into(),
            reason: "an object store".into(),
            line: 3,
        };
        let policy = Policy { accepted: vec![acceptance], ..Policy::of(Environment::Production) };
        fixture::judged_under(&policy, &REQUIREMENT, case)
    }

    #[test]
    fn an_accepted_driver_warns_by_the_name_of_its_owner() {
        let judgement = accepting(&with_driver("vendor/thing"));
        assert!(judgement.accepted && matches!(judgement.outcome, Outcome::Inconclusive(_)));
        assert!(judgement.because.contains("line 3 of the policy file (storage: an object store)"));
        let advice = judge(&with_driver("vendor/thing"));
        assert!(!advice.accepted && advice.because.contains("accept the driver vendor/thing"));
    }

    #[test]
    fn an_accepted_driver_excuses_nothing_else() {
        let mut blind = with_driver("vendor/thing");
        blind.collected.evidence.mounts = Observation::Absent;
        let mut another = with_driver("vendor/thing");
        let volume = with_driver("other/thing").pod_views()[0].volumes.clone();
        fixture::pod_view(&mut another).volumes.extend(volume);
        for case in [blind, another, with_driver("hostpath.csi.k8s.io")] {
            assert!(!accepting(&case).accepted, "{:#?}", accepting(&case));
        }
    }

    #[test]
    fn an_undeclared_mount_is_inconclusive() {
        let mut case = fixture::gvisor();
        let mut mount = fixture::mounts(&mut case).mounts[0].clone();
        mount.mount_point = "/host".into();
        fixture::mounts(&mut case).mounts.push(mount);
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
        case.surroundings.own_mounts.push("/host".into());
        assert_eq!(judge(&case).outcome, Outcome::Met);
    }

    #[test]
    fn missing_observations_are_inconclusive() {
        let mut cases = vec![fixture::silent()];
        for blind in 0..5 {
            let mut case = fixture::gvisor();
            let evidence = &mut case.collected.evidence;
            match blind {
                0 => evidence.account_list = Observation::Denied { errno: 13 },
                1 => evidence.mounts = Observation::Absent,
                2 => evidence.root_filesystem = Observation::TimedOut,
                3 => fixture::mounts(&mut case).truncated = true,
                _ => fixture::mounts(&mut case).mounts.clear(),
            }
            cases.push(case);
        }
        for case in cases {
            assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
        }
    }

    #[test]
    fn a_process_without_a_sandbox_is_unmet() {
        let mut case = fixture::gvisor();
        case.surroundings.subject = Subject::Unsandboxed;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        let mut case = fixture::silent();
        case.surroundings.subject = Subject::Unsandboxed;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
