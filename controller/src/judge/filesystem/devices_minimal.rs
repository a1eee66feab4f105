//! `/dev` holds only the devices that every container has. A device is known by its numbers, whatever its name.

pub(in crate::judge) mod asked_for;
mod processes;

use std::{ops::RangeInclusive, path::Path};

use proto::{Device, Devices, Mounts, Observation};

use crate::judge::{
    platforms::Platform,
    policy::Policy,
    requirement::{Area, Class, Explanation, Judge, Judgement, Outcome, Requirement, Scope},
};
use crate::{
    case::{Case, Citation},
    judge::gvisor::{Assessment, Kernel},
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "devices-minimal",
    title: "The sandbox has only the devices that every container has",
    area: Area::Filesystem,
    class: Class::Advisory,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 2,
    protects: "A device leads to a driver of the machine's kernel: to its memory, its disks, its log or its hypervisor.",
    remedy: "Give the sandbox no device (linux.devices in config.json, --device, a device plugin's resource), mount nothing \
             of the machine's /dev, and run no privileged container. Accept a device that the workload needs under \
             `accepted-devices` in the policy file.",
    explanation: Explanation {
        looks_at: &["devices", "mounts", "processes", "cluster"],
        met: "/dev holds only null, zero, full, random, urandom, tty, ptmx and pseudoterminals, also in the containers whose \
              processes the probe sees, and no workload asks for a device",
        unmet: "/dev holds another device, or a workload asks for one (an extended resource, a device claim, a block volume); the \
                finding names it",
        inconclusive: "/dev or a folder in it could not be read, or it is not known whose a device is, or which devices a workload asks for",
        on_platforms: &[(
            Platform::Gvisor,
            "keep gVisor's devices fuse and net/tun: they are the sandbox's own, and lead to no driver of the machine",
        )],
    },
    mappings: &["CIS Docker 5.18"],
    judge: Judge::Both(judge),
};

/// Major numbers of Linux (`Documentation/admin-guide/devices.txt`), which gVisor uses too (`pkg/abi/linux/dev.go`).
const MEMORY: u32 = 1;
const TERMINAL: u32 = 5;
const MISC: u32 = 10;
const TUN: u32 = 200;
const FUSE: u32 = 229;
/// Major numbers of pseudoterminals' replicas. A container's console is a replica; the machine's own console is 5:1.
const PSEUDOTERMINALS: RangeInclusive<u32> = 136..=143;

/// File systems that gVisor keeps in its own memory: their devices lead to gVisor's own drivers. The devices of a machine's
/// folder are in another file system (9p), and have no numbers (0:0) in releases of 2024.
const IN_MEMORY: &[&str] = &["tmpfs", "dev", "devtmpfs"];

/// The owner of a device.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    /// A device that the OCI runtime specification lists (config-linux.md, "Default Devices").
    Default,
    /// A device that every gVisor sandbox has, and serves itself (`pkg/sentry/devices/tundev`, `pkg/sentry/fsimpl/fuse`).
    Sentrys,
    /// A device that may be gVisor's.
    Unclear,
    /// Any other device.
    Other,
}

/// Judges the devices of the sandbox, and those that workloads ask for. An accepted device excuses no gap beside it.
fn judge(case: &Case, assessment: &Assessment, policy: &Policy) -> Judgement {
    let own = own(case, assessment);
    if own.outcome == Outcome::Unmet {
        return own;
    }
    let shown = processes::read(case, assessment);
    let theirs = of_workloads(case, policy).or_else(|| untold(case));
    match (theirs, shown) {
        (_, Some(shown)) if shown.outcome == Outcome::Unmet => shown,
        (Some(theirs), _) if !theirs.accepted || own.outcome == Outcome::Met => theirs,
        (_, Some(shown)) if own.outcome == Outcome::Met => shown,
        _ => own,
    }
}

/// Judges the devices that workloads ask for; `None` without one. The node's plugin can also mount paths of the node with a device
/// (kubelet, `pkg/apis/deviceplugin/v1beta1/api.proto`, `ContainerAllocateResponse`).
fn of_workloads(case: &Case, policy: &Policy) -> Option<Judgement> {
    let devices = asked_for::read(case);
    let unaccepted = devices.iter().find(|device| device.accepted(policy).is_none());
    let first = unaccepted.or(devices.first())?;
    let why = format!("a workload has a device of the node: {}", first.words);
    let judgement = match first.accepted(policy) {
        Some(acceptance) => Judgement::unmet(format!("{why}; {}", acceptance.words())).accepted(),
        None => Judgement::unmet(why),
    };
    Some(
        devices.iter().fold(judgement, |judgement, device| judgement.citing("cluster", device.words.clone())),
    )
}

/// Returns the gap of saved evidence that does not tell which devices a workload asks for; `None` without such a gap.
fn untold(case: &Case) -> Option<Judgement> {
    let pod_view = case.pod_views().iter().find(|pod_view| pod_view.devices.is_none())?;
    let title = pod_view.origin.title();
    Some(Judgement::inconclusive(format!("the saved evidence does not tell which devices {title} asks for")))
}

fn own(case: &Case, assessment: &Assessment) -> Judgement {
    let devices = match &case.evidence().devices {
        Observation::Seen(devices) => devices,
        Observation::Absent => {
            return Judgement::met("the sandbox has no /dev").citing("devices", "there is no /dev");
        }
        blind => return Judgement::inconclusive(format!("/dev could not be read: {}", blind.fared())),
    };
    let kernel = assessment.kernel;
    let of = |kind| {
        let mounts = case.evidence().mounts.seen();
        let found = devices.devices.iter().filter(move |device| kind_of(device, kernel, mounts) == kind);
        found.collect::<Vec<_>>()
    };
    let (other, unclear, sentrys) = (of(Kind::Other), of(Kind::Unclear), of(Kind::Sentrys));
    if let Some(first) = other.first() {
        let because = match other.len().saturating_sub(1) {
            0 => format!("the sandbox has a device that no container needs: /dev/{}", first.name),
            more => format!(
                "the sandbox has devices that no container needs: /dev/{} and {more} more",
                first.name
            ),
        };
        return Judgement::unmet(because).citing_all(other.into_iter().map(cited));
    }
    if let Some(first) = unclear.first() {
        return Judgement::inconclusive(format!("it is not known whose device /dev/{} is", first.name))
            .citing_all(unclear.into_iter().map(cited));
    }
    if let Some(what) = unseen(devices) {
        return Judgement::inconclusive(what);
    }
    let none = Judgement::met("/dev holds only the devices that every container has")
        .citing("devices", format!("{} devices", devices.devices.len()));
    let own = |device: &Device| Citation {
        source: "devices",
        text: format!("/dev/{} is gVisor's own, and leads to no driver of the machine", device.name),
    };
    none.citing_all(sentrys.into_iter().map(own))
}

fn cited(device: &Device) -> Citation {
    let Device { name, block, major, minor } = device;
    let kind = if *block { "block" } else { "character" };
    Citation { source: "devices", text: format!("/dev/{name}, a {kind} device {major}:{minor}") }
}

fn kind_of(device: &Device, kernel: Kernel, mounts: Option<&Mounts>) -> Kind {
    match (device.block, device.major, device.minor) {
        (false, MEMORY, 3 | 5 | 7..=9) | (false, TERMINAL, 0 | 2) => Kind::Default,
        (false, major, _) if PSEUDOTERMINALS.contains(&major) => Kind::Default,
        (false, MISC, TUN | FUSE) => match (kernel, is_in_memory(device, mounts)) {
            (Kernel::Other, _) | (_, Some(false)) => Kind::Other,
            (Kernel::Gvisor, Some(true)) => Kind::Sentrys,
            _ => Kind::Unclear,
        },
        _ => Kind::Other,
    }
}

/// True if the mount that holds a device is in gVisor's memory; `None` if the mounts do not show it.
fn is_in_memory(device: &Device, mounts: Option<&Mounts>) -> Option<bool> {
    let mounts = mounts.filter(|mounts| !mounts.truncated)?;
    let path = Path::new("/dev").join(&device.name);
    let holding = mounts.mounts.iter().filter(|mount| path.starts_with(&mount.mount_point));
    let innermost = holding.max_by_key(|mount| mount.mount_point.len())?;
    Some(IN_MEMORY.contains(&innermost.filesystem.as_str()))
}

/// Returns the reason why the list may lack a device, if there is a reason.
fn unseen(devices: &Devices) -> Option<String> {
    match &devices.unseen {
        _ if devices.truncated => Some("/dev holds more devices than the probe lists".to_owned()),
        None => Some("the saved evidence does not tell which folders of /dev could not be read".to_owned()),
        Some(unseen) => unseen.first().map(|name| format!("/dev/{name} could not be read")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proto::{Evidence, Mount};

    use super::*;
    use crate::{
        case::cluster::{Device as AskedDevice, DeviceClaim, DeviceRequest},
        fixture,
    };

    fn told(case: &Case) -> &'static str {
        fixture::told(&judge(case))
    }

    fn having(mut case: Case, name: &str, block: bool, major: u32, minor: u32) -> Case {
        let Observation::Seen(found) = &mut case.collected.evidence.devices else { panic!("{case:#?}") };
        found.devices.push(Device { name: name.into(), block, major, minor });
        case
    }

    /// Returns gVisor with the file system that it always mounts at `/dev`.
    fn sandbox() -> Case {
        let mut case = fixture::gvisor();
        mount(&mut case, "/dev", "tmpfs");
        case
    }

    fn mount(case: &mut Case, mount_point: &str, filesystem: &str) {
        let mounts = &mut fixture::mounts(case).mounts;
        let root = mounts[0].clone();
        mounts.push(Mount { mount_point: mount_point.into(), filesystem: filesystem.into(), ..root });
    }

    fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    #[test]
    fn a_device_is_known_by_its_numbers() {
        for (name, block, major, minor, in_gvisor, in_linux) in [
            ("tty", false, 5, 0, "met", "met"),
            ("pts/ptmx", false, 5, 2, "met", "met"),
            ("console", false, 136, 4, "met", "met"),
            ("console", false, 5, 1, "unmet", "unmet"),
            ("net/tun", false, 10, 200, "met", "unmet"),
            ("fuse", false, 10, 229, "met", "unmet"),
            ("kvm", false, 10, 232, "unmet", "unmet"),
            ("mem", false, 1, 1, "unmet", "unmet"),
            ("null", false, 1, 11, "unmet", "unmet"),
            ("sda", true, 8, 0, "unmet", "unmet"),
            ("ram3", true, 1, 3, "unmet", "unmet"),
        ] {
            let case = |case| having(case, name, block, major, minor);
            assert_eq!(told(&case(sandbox())), in_gvisor, "{name} {major}:{minor}");
            assert_eq!(told(&case(fixture::runc())), in_linux, "{name} {major}:{minor}");
        }
    }

    #[test]
    fn a_device_that_a_workload_asks_for_is_unmet_by_its_name() {
        for (by, words) in [
            (DeviceRequest::Resource, "pod/web-1 asks for gpu"),
            (DeviceRequest::Volume, "pod/web-1 has the volume gpu as a block device"),
            (DeviceRequest::Claim, "pod/web-1 claims the device gpu of the DeviceClass gpu.example"),
            (DeviceRequest::ClaimTemplate, "pod/web-1 claims the device gpu of an unknown DeviceClass"),
        ] {
            let mut case = fixture::pod();
            mount(&mut case, "/dev", "tmpfs");
            assert_eq!(told(&case), "met");
            fixture::pod_view(&mut case).devices = Some(vec![AskedDevice { by, name: "gpu".into() }]);
            let claim = DeviceClaim {
                by: DeviceRequest::Claim,
                name: "gpu".into(),
                classes: vec!["gpu.example".into()],
            };
            Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster).device_claims = Ok(vec![claim]);
            let judgement = judge(&case);
            assert_eq!(fixture::told(&judgement), "unmet");
            assert!(judgement.because.ends_with(words), "{}", judgement.because);
        }
    }

    #[test]
    fn every_device_is_named() {
        let case = having(fixture::runc(), "kmsg", false, 1, 11);
        let judgement = judge(&having(case, "bus/usb/001/001", false, 189, 0));
        assert_eq!(
            judgement.because,
            "the sandbox has devices that no container needs: /dev/kmsg and 1 more"
        );
        let texts: Vec<_> = judgement.citations.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(
            texts,
            ["/dev/kmsg, a character device 1:11", "/dev/bus/usb/001/001, a character device 189:0"]
        );
    }

    #[test]
    fn missing_observations_are_inconclusive() {
        let devices = || fixture::gvisor().evidence().devices.seen().unwrap().clone();
        for (devices, expected) in [
            (Observation::Seen(Devices { truncated: true, ..devices() }), "open"),
            (Observation::Seen(Devices { unseen: Some(vec!["bus".into()]), ..devices() }), "open"),
            (Observation::Seen(Devices { unseen: None, ..devices() }), "open"),
            (Observation::Denied { errno: 13 }, "open"),
            (Observation::Absent, "met"),
        ] {
            let mut case = fixture::gvisor();
            case.collected.evidence.devices = devices;
            assert_eq!(told(&case), expected, "{case:#?}");
        }
        assert_eq!(told(&fixture::silent()), "open");
    }

    #[test]
    fn a_tunnel_is_gvisors_own_only_in_gvisors_memory() {
        let tunnel = || having(sandbox(), "net/tun", false, 10, 200);
        assert_eq!(told(&tunnel()), "met");
        let mut bound = tunnel();
        mount(&mut bound, "/dev/net", "9p");
        assert_eq!(told(&bound), "unmet");
        let mut beside = tunnel();
        mount(&mut beside, "/dev/netz", "9p");
        assert_eq!(told(&beside), "met");
        let mut unseen = tunnel();
        unseen.collected.evidence.mounts = Observation::Absent;
        assert_eq!(told(&unseen), "open");
        let mut unknown = tunnel();
        let Evidence { devices, mounts, .. } = unknown.evidence().clone();
        unknown.collected.evidence = Evidence { devices, mounts, ..Evidence::default() };
        assert_eq!(told(&unknown), "open");
    }
}
