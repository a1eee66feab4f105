//! The age of the container's main process, by the clocks of the sandbox's own kernel. The controller's clock starts only when
//! the cluster shows the pod as running, and the kubelet tells that late.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::vantage::Vantage;

/// The resolution of start times in `/proc/PID/stat` (`USER_HZ`, 100 ticks a second on the probe's architectures).
const TICK: Duration = Duration::from_millis(10);
/// The place of the start time behind the program's name (`proc_pid_stat(5)`: field 22, of which the name is the second).
const START: usize = 19;
/// The first arguments of the probe as a container's main process.
const MAIN: [&str; 2] = ["hold", "report"];

/// Returns the age; `None` if the kernel does not tell, or if process 1 is another program than the probe: then the container
/// shares the processes of the machine or of a pod.
pub(super) fn container(vantage: &Vantage) -> Option<Duration> {
    let stat = vantage.text("/proc/1/stat");
    let command = vantage.text("/proc/1/cmdline");
    let is_the_probe = command.seen()?.split('\0').nth(1).is_some_and(|word| MAIN.contains(&word));
    // Both count from the start of the kernel, with the time of a suspended machine.
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?;
    is_the_probe.then(|| age(stat.seen()?, now.into()))?
}

fn age(stat: &str, now: Duration) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u32 = fields.split_whitespace().nth(START)?.parse().ok()?;
    now.checked_sub(TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "1 (a ) b) S 0 1 1 0 0 0 0 0 0 0 1 1 0 1 20 0 1 0 150 10887168 815 18446744073709551615 0";

    #[test]
    fn the_age_is_the_time_since_field_22() {
        assert_eq!(age(STAT, Duration::from_secs(2)), Some(Duration::from_millis(500)));
    }

    #[test]
    fn a_start_in_the_future_has_no_age() {
        assert_eq!(age(STAT, Duration::from_secs(1)), None);
        assert_eq!(age("1 (probe) S 0", Duration::from_secs(1)), None);
    }

    #[test]
    fn the_age_of_another_program_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let process = folder.path().join("proc/1");
        std::fs::create_dir_all(&process).unwrap();
        std::fs::write(process.join("stat"), STAT.replace("150", "1")).unwrap();
        for (command, told) in
            [("/probe\0hold\x0060\0", true), ("/probe\0report\0", true), ("/sbin/init\0", false)]
        {
            std::fs::write(process.join("cmdline"), command).unwrap();
            assert_eq!(container(&Vantage::rooted(folder.path())).is_some(), told, "{command}");
        }
    }
}
