//! Devices that gVisor passes on to a driver of the node's kernel: code in the sandbox speaks to that driver, and the driver's
//! faults are open to it.

use crate::case::Case;
use crate::judge::{
    filesystem::devices_minimal::asked_for::{self, AskedFor},
    policy::{Policy, file},
    requirement::Judgement,
};

/// A proxy of gVisor, and the names of its devices.
struct Proxy {
    /// The flag of runsc, which is also the proxy's name.
    flag: &'static str,
    /// The driver that it opens.
    driver: &'static str,
    /// Domains of extended resources and DeviceClasses, or whole names.
    devices: &'static [&'static str],
}

/// The proxies (gVisor, `g3doc/user_guide/gpu.md`, `g3doc/user_guide/tpu.md`).
const PROXIES: &[Proxy] = &[
    Proxy { flag: "nvproxy", driver: "Nvidia's driver", devices: &["nvidia.com"] },
    Proxy {
        flag: "tpuproxy",
        driver: "the driver of Google's TPU",
        devices: &["google.com/tpu", "cloud-tpus.google.com", "tpu.google.com"],
    },
];

/// Judges the devices that workloads ask for and that need a proxy; `None` without such a device.
pub(super) fn read(case: &Case, policy: &Policy) -> Option<Judgement> {
    let devices = asked_for::read(case);
    let passed: Vec<_> = devices.iter().filter_map(|device| Some((device, proxy(device)?))).collect();
    let unaccepted = passed.iter().find(|(device, _)| device.accepted(policy).is_none());
    let (device, proxy) = unaccepted.or(passed.first())?;
    let why = format!(
        "{}, which gVisor passes on by its {}: {} on the node answers the sandbox",
        device.words, proxy.flag, proxy.driver
    );
    let judgement = match device.accepted(policy) {
        Some(acceptance) => Judgement::unmet(format!("{why}; {}", acceptance.words())).accepted(),
        None => Judgement::unmet(format!(
            "{why}; accept the device under `accepted-devices` in {} if the workload needs it",
            file::NAME
        )),
    };
    Some(passed.iter().fold(judgement, |judgement, (device, proxy)| {
        judgement.citing("cluster", format!("{}, by {}", device.words, proxy.flag))
    }))
}

fn proxy(device: &AskedFor) -> Option<&'static Proxy> {
    PROXIES
        .iter()
        .find(|proxy| device.names.iter().any(|name| proxy.devices.iter().any(|known| is_of(name, known))))
}

/// True for the name itself, for resources of the domain, and for names below the domain.
fn is_of(name: &str, known: &str) -> bool {
    name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || name.strip_suffix(known).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_known_by_its_devices() {
        for (name, flag) in [
            ("nvidia.com/gpu", Some("nvproxy")),
            ("nvidia.com/mig-1g.5gb", Some("nvproxy")),
            ("gpu.nvidia.com", Some("nvproxy")),
            ("google.com/tpu", Some("tpuproxy")),
            ("tpu.google.com", Some("tpuproxy")),
            ("amd.com/gpu", None),
            ("notnvidia.com/gpu", None),
            ("google.com/other", None),
        ] {
            let device = AskedFor { words: String::new(), names: vec![name.to_owned()], is_claimed: false };
            assert_eq!(proxy(&device).map(|proxy| proxy.flag), flag, "{name}");
        }
    }
}
