//! Texts that claim gVisor. They decide nothing; beside strong signals of another kernel they expose a disguise.

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::Case;

pub(super) const KERNEL_LOG: Signal = text("kernel-log", "pkg/sentry/kernel/syslog.go", kernel_log);
pub(super) const KERNEL_NAME: Signal =
    text("kernel-name", "pkg/sentry/kernel/version/version.go", kernel_name);
pub(super) const KERNEL_BANNER: Signal =
    text("kernel-banner", "pkg/sentry/fsimpl/proc/tasks_files.go", kernel_banner);

/// The build date that gVisor claims in every release (`pkg/sentry/kernel/version/version.go`).
const GVISOR_DATE: &str = "#1 SMP Sun Jan 10 15:06:54 PST 2016";

const fn text(id: &'static str, source: &'static str, read: fn(&Case) -> Reading) -> Signal {
    Signal {
        id,
        strength: Strength::Text,
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

fn claim(text: &str) -> Reading {
    if text.to_ascii_lowercase().contains("gvisor") || text.contains(GVISOR_DATE) {
        Reading::Gvisor(text.to_owned())
    } else {
        Reading::Unknown("it does not name gVisor".to_owned())
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
