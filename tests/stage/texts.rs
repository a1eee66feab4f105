//! Texts of gVisor's kernel, as anybody can write them.

/// Content of `/proc/version` since 2026-04 (gVisor, `pkg/sentry/kernel/version/version.go`).
pub const BANNER: &str = "Linux version 4.19.0-gvisor #1 SMP Sun Jan 10 15:06:54 PST 2016\n";
/// Content of `/proc/cmdline` (`pkg/sentry/fsimpl/proc/tasks_files.go`).
pub const COMMAND_LINE: &str = "BOOT_IMAGE=/vmlinuz-4.19.0-gvisor-gvisor quiet\n";
/// Content of `/proc/gvisor/kernel_is_gvisor` with `runsc --gvisor-marker-file`.
pub const MARKER: &str = "gvisor\n";
/// uname(2): system, node, release, version, machine, domain.
pub const NAMES: [&str; 6] =
    ["Linux", "podproof", "4.19.0-gvisor", "#1 SMP Sun Jan 10 15:06:54 PST 2016", std::env::consts::ARCH, ""];
/// The kernel log (`pkg/sentry/kernel/syslog.go`): a first line, some lines of a pool, a last line.
pub const KERNEL_LOG: &str = "<6>[   0.000000] Starting gVisor...\n\
    <6>[   0.356152] Gathering forks...\n\
    <6>[   0.620338] Checking naughty and nice process list...\n\
    <6>[   0.931847] Creating process schedule...\n\
    <6>[   1.120112] Searching for socket adapter...\n\
    <6>[   1.418291] Preparing for the zombie uprising...\n\
    <6>[   1.770024] Ready!\n";
/// `/proc/sentry-meminfo` with its counts at one moment.
pub const SENTRY_MEMINFO: &str = "Alloc:              1526 kB\nTotalAlloc:         3315 kB\n\
    Sys:               18733 kB\nMallocs:           17637\nFrees:              7840\nLive Objects:       9797\n";
