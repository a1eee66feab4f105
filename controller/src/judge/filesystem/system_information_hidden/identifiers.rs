//! The owner of an identifier: the machine, if the digest is among those of the machine's own identifiers.

use proto::{Identifier, Observation, identifier_digest};

use super::Found;
use crate::{
    case::{Case, Citation},
    judge::gvisor::{Assessment, Kernel},
};

/// Host names, which belong to the UTS namespace and not to the kernel.
const HOST_NAMES: &[&str] = &["/proc/sys/kernel/hostname", "/etc/hostname"];

/// Identifiers that many machines have in common.
const OF_A_KIND: &[&str] =
    &["/sys/class/dmi/id/board_vendor", "/sys/class/dmi/id/product_name", "/sys/class/dmi/id/sys_vendor"];

/// The owner of an identifier.
enum Whose {
    Machines,
    Own,
    Unknown,
}

pub(super) fn read(case: &Case, assessment: &Assessment, found: &mut Found) {
    let cited = |text: String| Citation { source: "identifiers", text };
    let observed = &case.evidence().identifiers;
    let Some(seen) = observed.seen() else {
        found.unknown.push(cited(format!("identifiers could not be observed: {}", observed.fared())));
        return;
    };
    for identifier in &seen.identifiers {
        let path = &identifier.path;
        match whose(case, assessment, identifier) {
            Whose::Machines => found.told.push(cited(path.clone())),
            Whose::Own => found.own.push(cited(format!("{path} is the sandbox's own"))),
            Whose::Unknown => found.unknown.push(cited(format!("it is not known whose {path} is"))),
        }
    }
    found.unknown.extend(seen.unseen.iter().map(|path| cited(format!("{path} could not be read"))));
    if seen.identifiers.is_empty() {
        found.own.push(cited("no identifier".to_owned()));
    }
}

fn whose(case: &Case, assessment: &Assessment, identifier: &Identifier) -> Whose {
    let identities = &case.surroundings.machine.identities;
    let same = |digest: &[u8; 32]| *digest == identifier.sha256;
    let is_of_a_kind = OF_A_KIND.contains(&identifier.path.as_str());
    if !is_of_a_kind && identities.iter().filter_map(|it| it.sha256.seen()).any(same) {
        return Whose::Machines;
    }
    let is_host_name = HOST_NAMES.contains(&identifier.path.as_str());
    if is_host_name && case.surroundings.in_cluster.is_some() {
        return if is_the_pods_name(case, identifier) { Whose::Own } else { Whose::Unknown };
    }
    let machines = identities.iter().find(|it| it.path == identifier.path).map(|it| &it.sha256);
    if !is_of_a_kind && matches!(machines, Some(Observation::Seen(_) | Observation::Absent)) {
        return Whose::Own;
    }
    // A file that the kernel makes is the machine's if the kernel is the machine's.
    if !is_host_name && identifier.of_kernel {
        return match assessment.kernel {
            Kernel::Gvisor => Whose::Own,
            Kernel::Other if assessment.is_the_machines => Whose::Machines,
            Kernel::Other | Kernel::Unclear => Whose::Unknown,
        };
    }
    Whose::Unknown
}

/// True for the pod's own name, which the kubelet gives the pod as host name (kubernetes.io, "Pod's hostname and subdomain fields"), cut to 63 characters.
fn is_the_pods_name(case: &Case, identifier: &Identifier) -> bool {
    let pod = case.surroundings.in_cluster.as_ref().and_then(|known| known.pod.as_ref());
    let name = pod.map(|pod| pod.name.get(..63).unwrap_or(&pod.name));
    name.and_then(|name| identifier_digest(name.as_bytes())) == Some(identifier.sha256)
}

#[cfg(test)]
mod tests {
    use proto::Identifiers;

    use super::*;
    use crate::{case::identity::Identity, fixture};

    fn told(case: &Case) -> &'static str {
        fixture::told(&super::super::tests::judge(case))
    }

    fn having(mut case: Case, path: &str, of_kernel: bool, text: &str) -> Case {
        let sha256 = identifier_digest(text.as_bytes()).unwrap();
        let identifier = Identifier { path: path.into(), of_kernel, sha256 };
        let identifiers = Identifiers { identifiers: vec![identifier], unseen: Vec::new() };
        case.collected.evidence.identifiers = Observation::Seen(identifiers);
        case
    }

    fn known(mut case: Case, path: &str, machines: Observation<&str>) -> Case {
        let contents = machines.map(|text| text.as_bytes().to_vec());
        case.surroundings.machine.identities = vec![Identity::of(path, contents)];
        case
    }

    #[test]
    fn an_identifier_is_the_machines_by_its_digest() {
        let denied = Observation::Denied { errno: 13 };
        for (machines, expected) in [
            (Observation::Seen("0AF1\n"), "unmet"),
            (Observation::Seen("0af2"), "met"),
            (Observation::Absent, "met"),
            (denied, "open"),
        ] {
            let case = having(fixture::gvisor(), "/etc/machine-id", false, "0af1");
            assert_eq!(told(&known(case, "/etc/machine-id", machines.clone())), expected, "{machines:?}");
        }
        let dbus = having(fixture::gvisor(), "/var/lib/dbus/machine-id", false, "0af1");
        assert_eq!(told(&known(dbus, "/etc/machine-id", Observation::Seen("0af1"))), "unmet");
    }

    #[test]
    fn a_kernel_file_is_the_machines_on_the_machines_kernel() {
        for (path, of_kernel, linuxs, gvisors) in [
            ("/proc/cmdline", true, "unmet", "met"),
            ("/sys/class/dmi/id/sys_vendor", true, "unmet", "met"),
            // Something lies over it.
            ("/proc/cmdline", false, "open", "open"),
            ("/proc/sys/kernel/hostname", true, "open", "open"),
        ] {
            let mut linux = fixture::runc();
            linux.collected.evidence.boot_id = linux.surroundings.machine.boot_id.clone();
            assert_eq!(told(&having(linux, path, of_kernel, "it")), linuxs, "{path}");
            assert_eq!(told(&having(fixture::gvisor(), path, of_kernel, "it")), gvisors, "{path}");
        }
        // The kernel of a virtual machine is another than the machine's.
        let mut guest = fixture::runc();
        guest.surroundings.machine.boot_id = Observation::Absent;
        guest.surroundings.machine.identities.clear();
        assert_eq!(told(&having(guest, "/proc/cmdline", true, "it")), "open");
    }

    #[test]
    fn the_pods_name_is_its_own_host_name() {
        let named = |text: &str| {
            let mut case = having(fixture::pod(), "/etc/hostname", false, text);
            fixture::in_cluster(&mut case).pod.as_mut().unwrap().name = "n".repeat(70);
            known(case, "/proc/sys/kernel/hostname", Observation::Seen("node-a"))
        };
        for (text, expected) in [("node-a", "unmet"), (&"n".repeat(63), "met"), ("another", "open")] {
            assert_eq!(told(&named(text)), expected, "{text}");
        }
    }

    #[test]
    fn an_unreadable_place_is_inconclusive() {
        let mut case = fixture::gvisor();
        assert_eq!(told(&case), "met");
        let unseen = vec!["/etc/machine-id".to_owned()];
        case.collected.evidence.identifiers =
            Observation::Seen(Identifiers { identifiers: Vec::new(), unseen });
        assert_eq!(told(&case), "open");
        case.collected.evidence.identifiers = Observation::TimedOut;
        assert_eq!(told(&case), "open");
    }
}
