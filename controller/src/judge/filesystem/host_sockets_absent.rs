//! No socket of a program that governs the machine is in the sandbox. One that is there counts, whether or not the runtime
//! lets it be connected to: gVisor shows such a file, and `--host-uds` decides alone what it is worth.

use std::path::Path;

use proto::HOST_SOCKETS;

use super::filesystem_isolation::volumes::{self, Volumes};
use crate::case::{Case, Citation, destination::Purpose};
use crate::judge::{
    network::network_isolation::attempted::{self, Attempted},
    platforms::Platform,
    requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope},
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "host-sockets-absent",
    title: "No socket of a container engine or of the machine's init system is in the sandbox",
    area: Area::Filesystem,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 4,
    protects: "Whoever connects to an engine's socket starts a container with the whole machine in it.",
    remedy: "Mount no socket of the machine's, nor a folder that holds one (/run, /var/run, /); give builds a builder of \
             their own instead of the engine's socket.",
    explanation: Explanation {
        looks_at: &["host-sockets", "egress", "bundle", "cluster"],
        met: "none is at its usual place, and none is mounted to another",
        unmet: "one is there, or one is mounted, by the workload too",
        inconclusive: "a place could not be looked at, or a folder in which sockets lie is mounted somewhere",
        on_platforms: &[(
            Platform::OneMachine,
            "`runsc --host-uds=none`, its default, lets none be connected to",
        )],
    },
    mappings: &["CIS Docker 5.32"],
    judge: Judge::Case(judge),
};

/// What is mounted of the machine, as far as sockets are concerned.
#[derive(Default)]
struct Mounted {
    sockets: Vec<Citation>,
    folders: Vec<Citation>,
}

fn judge(case: &Case) -> Judgement {
    let mounted = mounted(case);
    let observed = &case.evidence().host_sockets;
    let seen = observed.seen().map(|seen| seen.paths.as_slice()).unwrap_or_default();
    let cited = |text: &String| Citation { source: "host-sockets", text: text.clone() };
    let sockets: Vec<_> = seen.iter().map(cited).chain(mounted.sockets).collect();
    if let Some(first) = sockets.first() {
        let because = format!("a socket by which the machine is governed is in the sandbox: {}", first.text);
        let tried = attempted::all(case);
        let tried = tried.iter().filter(|it| it.destination.purpose == Purpose::HostSocket);
        return Judgement::unmet(because).citing_all(sockets).citing_all(tried.map(Attempted::cited));
    }
    if let Some(first) = mounted.folders.first() {
        let because = format!("sockets may lie in what is mounted: {}", first.text);
        return Judgement::inconclusive(because).citing_all(mounted.folders);
    }
    match observed.seen() {
        None => Judgement::inconclusive(format!("sockets were not looked for: {}", observed.fared())),
        Some(seen) => match seen.unseen.first() {
            Some(place) => Judgement::inconclusive(format!("{place} could not be looked at"))
                .citing_all(seen.unseen.iter().map(cited)),
            None => Judgement::met("no socket of an engine's or of an init system's is in the sandbox")
                .citing("host-sockets", format!("none at {} usual places", HOST_SOCKETS.len())),
        },
    }
}

fn mounted(case: &Case) -> Mounted {
    let mut mounted = Mounted::default();
    let mut sort = |source: &str, citation: Citation| {
        let source = Path::new(source);
        let mut sockets = HOST_SOCKETS.iter().map(Path::new);
        if sockets.clone().any(|socket| socket == source) {
            mounted.sockets.push(citation);
        } else if sockets.any(|socket| socket.starts_with(source)) {
            mounted.folders.push(citation);
        }
    };
    for path in &case.surroundings.host_paths {
        let text = format!("{} at {}", path.source, path.destination);
        sort(&path.source, Citation { source: "bundle", text });
    }
    let Volumes { of_node, unknown } = volumes::read(case);
    for path in &of_node {
        sort(&path.source, Citation { source: "cluster", text: path.words() });
    }
    mounted.folders.extend(unknown.into_iter().map(|text| Citation { source: "cluster", text }));
    mounted
}

#[cfg(test)]
mod tests {
    use proto::{HostSockets, Observation};

    use super::*;
    use crate::{
        case::{HostPath, cluster::Volume},
        fixture,
    };

    fn seen(paths: &[&str], unseen: &[&str]) -> Observation<HostSockets> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Observation::Seen(HostSockets { paths: owned(paths), unseen: owned(unseen) })
    }

    fn told(case: &Case) -> &'static str {
        fixture::told(&judge(case))
    }

    #[test]
    fn a_socket_at_its_usual_place_is_unmet_and_a_place_that_was_not_seen_is_open() {
        for (observed, expected) in [
            (seen(&[], &[]), "met"),
            (seen(&["/run/docker.sock"], &[]), "unmet"),
            (seen(&["/run/docker.sock"], &["/run/podman/podman.sock"]), "unmet"),
            (seen(&[], &["/run/podman/podman.sock"]), "open"),
            (Observation::Denied { errno: 13 }, "open"),
        ] {
            let mut case = fixture::gvisor();
            case.collected.evidence.host_sockets = observed;
            assert_eq!(told(&case), expected, "{case:#?}");
        }
    }

    #[test]
    fn what_is_mounted_elsewhere_is_known_by_where_it_lies_on_the_machine() {
        for (source, expected) in [
            ("/var/run/docker.sock", "unmet"),
            ("/run/containerd/containerd.sock", "unmet"),
            ("/run/containerd", "open"),
            ("/", "open"),
            ("/srv", "met"),
        ] {
            let mut case = fixture::gvisor();
            let path = HostPath { source: source.into(), destination: "/data".into() };
            case.surroundings.host_paths.push(path);
            assert_eq!(told(&case), expected, "{source}");
            let mut case = fixture::pod();
            let volume = Volume { name: "data".into(), kind: "hostPath".into(), source: source.into() };
            fixture::pod_view(&mut case).volumes.push(volume);
            assert_eq!(told(&case), expected, "{source}");
        }
    }

    #[test]
    fn whether_it_takes_connections_is_said() {
        let mut case = fixture::with_socket(fixture::gvisor(), proto::Reach::Refused);
        case.collected.evidence.host_sockets = seen(&["/run/docker.sock"], &[]);
        let citations = judge(&case).citations;
        let texts: Vec<_> = citations.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(
            texts,
            ["/run/docker.sock", "the socket /run/docker.sock: refused; mounted from the machine"]
        );
    }

    #[test]
    fn a_volume_that_nobody_knows_leaves_it_open() {
        let mut case = fixture::pod();
        assert_eq!(told(&case), "met");
        let volume = Volume { name: "data".into(), kind: "driver".into(), source: "vendor/thing".into() };
        fixture::pod_view(&mut case).volumes.push(volume);
        assert_eq!(told(&case), "open");
        assert_eq!(told(&fixture::silent()), "open");
    }
}
