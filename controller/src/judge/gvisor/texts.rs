//! Texts that claim gVisor. They decide nothing; beside strong signals of another kernel they expose a disguise.

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::Case;

pub(super) const KERNEL_LOG: Signal = text("kernel-log", "pkg/sentry/kernel/syslog.go", kernel_log);
pub(super) const KERNEL_NAME: Signal =
    text("kernel-name", "pkg/sentry/kernel/version/version.go", kernel_name);
pub(super) const KERNEL_BANNER: Signal =
    text("kernel-banner", "pkg/sentry/fsimpl/proc/tasks_files.go", kernel_banner);

pub(super) const MARKERS: Signal = text("markers", "pkg/gvisordetect/gvisordetect.go", markers);

/// The build date that gVisor claims in every release (`pkg/sentry/kernel/version/version.go`).
const GVISOR_DATE: &str = "#1 SMP Sun Jan 10 15:06:54 PST 2016";

const fn text(id: &'static str, source: &'static str, read: fn(&Case) -> Reading) -> Signal {
    Signal {
        id,
        strength: Strength::Text,
        mechanism: "a text that names gVisor",
        platforms: "all",
        architectures: EVERYWHERE,
        seen_in: "2022-12 to 2026-08",
        source,
        read,
    }
}

fn kernel_log(case: &Case) -> Reading {
    Reading::of(&case.evidence().kernel_log, |log| claim(&log.first_line))
}

fn kernel_name(case: &Case) -> Reading {
    Reading::of(&case.evidence().kernel_name, |name| claim(&format!("{} {}", name.release, name.version)))
}

fn kernel_banner(case: &Case) -> Reading {
    Reading::of(&case.evidence().kernel_banner, |banner| claim(&banner.text))
}

/// Reads the markers, and mounts over `/proc` under a name that only gVisor has there.
fn markers(case: &Case) -> Reading {
    let foreign = case.evidence().procfs_tree.seen().into_iter().flat_map(|tree| &tree.foreign);
    let foreign = foreign.filter(|entry| ["gvisor", "sentry-meminfo"].contains(&entry.as_str()));
    let made: Vec<_> = foreign.map(|entry| format!("/proc/{entry}, mounted")).collect();
    Reading::of(&case.evidence().markers, |markers| {
        let there: Vec<_> = markers.paths.iter().cloned().chain(made).collect();
        if there.is_empty() {
            Reading::Unknown("the sandbox has no marker".to_owned())
        } else {
            Reading::Gvisor(there.join(", "))
        }
    })
}

fn claim(text: &str) -> Reading {
    if text.to_ascii_lowercase().contains("gvisor") || text.contains(GVISOR_DATE) {
        Reading::Gvisor(text.to_owned())
    } else {
        Reading::Unknown("the text does not name gVisor".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_and_the_date_claim_gvisor() {
        for text in ["<6>[   0.000000] Starting gVisor...", "4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016"] {
            assert_eq!(claim(text), Reading::Gvisor(text.to_owned()));
        }
        assert!(matches!(claim("4.4.0 #1 SMP Debian"), Reading::Unknown(_)));
    }
}
