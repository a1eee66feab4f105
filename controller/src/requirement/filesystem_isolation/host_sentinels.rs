//! What only a machine has: the kubelet's and the engines' folders, a first process with another root directory.

use proto::{HOST_FOLDERS, Namespaces, Observer};

use super::Judgement;
use crate::case::{Case, Citation};

/// Whether anything of the machine's is there. A user's image may have such a folder of its own: there, what is mounted
/// decides.
pub(super) fn read(case: &Case) -> Result<Vec<Citation>, Judgement> {
    if !case.probe_knows(Observer::HostSentinels) {
        return Ok(Vec::new());
    }
    let observed = &case.evidence().host_sentinels;
    let Some(seen) = observed.seen() else {
        let why = format!("folders of the machine's were not looked for: {}", observed.fared());
        return Err(Judgement::inconclusive(why));
    };
    let cited = |text: &String| Citation { source: "host-sentinels", text: text.clone() };
    if seen.other_root == Some(true) {
        let judgement = if is_in_the_machines_processes(case) {
            Judgement::unmet("the machine's root directory can be entered by way of /proc/1/root")
        } else {
            Judgement::inconclusive(
                "another root directory, of which it is not known whose it is, can be entered",
            )
        };
        return Err(judgement.citing("host-sentinels", "/proc/1/root is another directory than its own root"));
    }
    if case.is_of_our_image() {
        if let Some(first) = seen.folders.first() {
            let because = format!("a folder of the machine's is in the sandbox: {first}");
            return Err(Judgement::unmet(because).citing_all(seen.folders.iter().map(cited)));
        }
        if let Some(place) = seen.unseen.first() {
            let because = format!("{place} could not be looked at");
            return Err(Judgement::inconclusive(because).citing_all(seen.unseen.iter().map(cited)));
        }
    }
    let text = match seen.folders.len() {
        0 => format!("none of {} folders that machines have", HOST_FOLDERS.len()),
        some => {
            format!("{some} of {} folders that machines have, and nothing mounted there", HOST_FOLDERS.len())
        }
    };
    Ok(vec![cited(&text)])
}

/// Whether its processes are the machine's, and the first of them the machine's own.
fn is_in_the_machines_processes(case: &Case) -> bool {
    let (theirs, machine) = (&case.evidence().namespaces, &case.survey.machine.namespaces);
    let shared = |machine: &Namespaces| {
        let theirs = theirs.seen().into_iter().flat_map(|it| &it.namespaces);
        theirs.into_iter().any(|it| it.kind == "pid" && machine.namespaces.contains(it))
    };
    machine.seen().is_some_and(shared)
}

#[cfg(test)]
mod tests {
    use proto::{HostSentinels, Observation};

    use super::*;
    use crate::{case::Subject, fixture};

    fn told(case: &Case) -> &'static str {
        fixture::told(&super::super::judge(case))
    }

    fn seeing(mut case: Case, sentinels: &HostSentinels) -> Case {
        case.collected.evidence.host_sentinels = Observation::Seen(sentinels.clone());
        case
    }

    fn of_a_users_bundle(mut case: Case) -> Case {
        let runtime = vec!["runc".into()];
        case.survey.subject = Subject::Sandbox { runtime, bundle: Some("/mine".into()) };
        case
    }

    #[test]
    fn a_folder_of_the_machines_counts_where_the_image_is_known() {
        let there = HostSentinels { folders: vec!["/var/lib/kubelet".into()], ..HostSentinels::default() };
        let hidden = HostSentinels { unseen: vec!["/var/lib/docker".into()], ..HostSentinels::default() };
        for (sentinels, ours, theirs) in
            [(HostSentinels::default(), "met", "met"), (there, "unmet", "met"), (hidden, "open", "met")]
        {
            for case in [fixture::gvisor(), fixture::runc(), fixture::pod()] {
                assert_eq!(told(&seeing(case, &sentinels)), ours, "{sentinels:?}");
            }
            assert_eq!(
                told(&seeing(of_a_users_bundle(fixture::runc()), &sentinels)),
                theirs,
                "{sentinels:?}"
            );
        }
    }

    #[test]
    fn another_root_directory_is_the_machines_where_the_processes_are() {
        for (other_root, shared, apart) in
            [(None, "met", "met"), (Some(false), "met", "met"), (Some(true), "unmet", "open")]
        {
            let sentinels = HostSentinels { other_root, ..HostSentinels::default() };
            let mut case = seeing(of_a_users_bundle(fixture::runc()), &sentinels);
            assert_eq!(told(&case), apart, "{other_root:?}");
            case.collected.evidence.namespaces = case.survey.machine.namespaces.clone();
            assert_eq!(told(&case), shared, "{other_root:?}");
        }
    }

    #[test]
    fn what_was_not_looked_for_is_open_and_an_old_probe_is_judged_by_what_it_knew() {
        let mut case = fixture::runc();
        case.collected.evidence.host_sentinels = Observation::TimedOut;
        assert_eq!(told(&case), "open");
        fixture::forget(&mut case, Observer::HostSentinels);
        assert_eq!(told(&case), "met");
    }
}
