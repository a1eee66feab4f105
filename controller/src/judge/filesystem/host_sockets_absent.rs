//! The sandbox has no socket of a program that governs the machine. A socket counts if it is there, whether or not the
//! runtime lets the sandbox connect: gVisor shows such a file, and `--host-uds` alone decides if it can be used.

use std::path::Path;

use proto::HOST_SOCKETS;

mod processes;

use super::filesystem_isolation::volumes::{self, Unknown, Volumes};
use crate::case::{Case, Citation, destination::Purpose};
use crate::judge::{
    gvisor::Assessment,
    network::network_isolation::attempted::{self, Attempted},
    platforms::Platform,
    policy::{Accepted, Policy},
    requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope},
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "host-sockets-absent",
    title: "The sandbox has no socket of a container engine or of the machine's init system",
    area: Area::Filesystem,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 4,
    protects: "Code that connects to an engine's socket can start a container with the whole machine in it.",
    remedy: "Mount no socket of the machine, and no folder that holds a socket (/run, /var/run, /). Give builds a builder \
             of their own instead of the engine's socket.",
    explanation: Explanation {
        looks_at: &["host-sockets", "processes", "egress", "bundle", "cluster"],
        met: "no such socket is at its usual place, and none is mounted elsewhere",
        unmet: "such a socket is at its usual place, or is mounted (also in a workload)",
        inconclusive: "a place could not be read, or a folder that may hold sockets is mounted",
        on_platforms: &[(
            Platform::OneMachine,
            "keep the default `runsc --host-uds=none`, which lets the sandbox connect to no socket",
        )],
    },
    mappings: &["CIS Docker 5.32"],
    judge: Judge::Both(judge),
};

/// Mounts of the machine that are sockets, or folders that may hold sockets.
#[derive(Default)]
struct Mounted {
    sockets: Vec<Citation>,
    folders: Vec<Citation>,
    unknown: Vec<Unknown>,
}

fn judge(case: &Case, assessment: &Assessment, policy: &Policy) -> Judgement {
    let mounted = mounted(case);
    let shown = processes::read(case, assessment);
    let observed = &case.evidence().host_sockets;
    let seen = observed.seen().map(|seen| seen.paths.as_slice()).unwrap_or_default();
    let cited = |text: &String| Citation { source: "host-sockets", text: text.clone() };
    let sockets: Vec<_> = seen.iter().map(cited).chain(mounted.sockets).chain(shown.sockets).collect();
    if let Some(first) = sockets.first() {
        let because = format!("the sandbox has a socket that governs the machine: {}", first.text);
        let tried = attempted::all(case);
        let tried = tried.iter().filter(|it| it.destination.purpose == Purpose::HostSocket);
        return Judgement::unmet(because).citing_all(sockets).citing_all(tried.map(Attempted::cited));
    }
    let folders: Vec<_> = mounted.folders.into_iter().chain(shown.folders).collect();
    if let Some(first) = folders.first() {
        let because = format!("a mounted folder may hold sockets: {}", first.text);
        return Judgement::inconclusive(because).citing_all(folders);
    }
    if let Some(gap) = shown.gap {
        return Judgement::inconclusive(gap);
    }
    let accepted = |it: &Unknown| policy.accepts(Accepted::Volumes, it.driver.as_deref()?);
    let unaccepted = mounted.unknown.iter().find(|it| accepted(it).is_none());
    if let Some(first) = unaccepted {
        let because = format!("a volume may hold sockets: {}", first.words);
        return Judgement::inconclusive(because).citing_all(mounted.unknown.into_iter().map(Unknown::cited));
    }
    match observed.seen() {
        None => Judgement::inconclusive(format!("sockets could not be observed: {}", observed.fared())),
        Some(seen) => match seen.unseen.first() {
            Some(place) => Judgement::inconclusive(format!("{place} could not be read"))
                .citing_all(seen.unseen.iter().map(cited)),
            None if let Some((first, acceptance)) =
                mounted.unknown.first().and_then(|it| Some((it, accepted(it)?))) =>
            {
                let because = format!("a volume may hold sockets: {}; {}", first.words, acceptance.words());
                Judgement::inconclusive(because).accepted()
            }
            None => Judgement::met("the sandbox has no socket of an engine or init system")
                .citing("host-sockets", format!("no socket at {} usual places", HOST_SOCKETS.len())),
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
    let Volumes { of_node, unknown, .. } = volumes::read(case);
    // A driver makes its folders for volumes, and no engine puts a socket there.
    for (path, words) in of_node.into_iter().filter_map(|it| Some((it.path?, it.words))) {
        sort(&path, Citation { source: "cluster", text: words });
    }
    mounted.unknown = unknown;
    mounted
}

#[cfg(test)]
mod tests {
    use proto::{HostSockets, Observation};

    use super::*;
    use crate::{
        case::{
            HostPath,
            cluster::{Volume, VolumeKind},
        },
        fixture,
    };

    fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    fn volume(kind: VolumeKind, source: &str) -> Volume {
        Volume { name: "data".into(), kind, source: source.into(), ..Volume::default() }
    }

    fn seen(paths: &[&str], unseen: &[&str]) -> Observation<HostSockets> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Observation::Seen(HostSockets { paths: owned(paths), unseen: owned(unseen) })
    }

    fn told(case: &Case) -> &'static str {
        fixture::told(&judge(case))
    }

    #[test]
    fn a_socket_at_its_usual_place_is_unmet() {
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
    fn a_mounted_socket_is_known_by_its_path_on_the_machine() {
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
            fixture::pod_view(&mut case).volumes.push(volume(VolumeKind::HostPath, source));
            assert_eq!(told(&case), expected, "{source}");
        }
    }

    #[test]
    fn the_result_of_a_connection_is_cited() {
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
    fn an_unknown_volume_is_inconclusive() {
        let mut case = fixture::pod();
        assert_eq!(told(&case), "met");
        fixture::pod_view(&mut case).volumes.push(volume(VolumeKind::Driver, "vendor/thing"));
        assert_eq!(told(&case), "open");
        assert_eq!(told(&fixture::silent()), "open");
    }
}
