//! One command, measured from outside while it runs.

use std::{
    fs::{self, File},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::wait::{Id, WaitPidFlag, WaitStatus, waitid},
    unistd::Pid,
};
use stage::cluster::{Requests, SimulatedNodes};

/// The pause between two looks at a process. Peak memory is the kernel's own account, so only the last pause is not seen.
const PAUSE: Duration = Duration::from_millis(10);
/// The unit of processor time in `/proc/PID/stat` (proc(5), `sysconf(_SC_CLK_TCK)`).
const TICKS_A_SECOND: f64 = 100.0;

/// The cost of a command.
#[derive(Clone, Debug, Default)]
pub(super) struct Cost {
    pub(super) wall: Duration,
    /// Processor time in seconds.
    pub(super) cpu: f64,
    /// Peak resident memory in bytes.
    pub(super) peak: u64,
    /// The most open descriptors that were seen.
    pub(super) descriptors: usize,
    pub(super) requests: Requests,
    /// Objects of runs that are still there.
    pub(super) left: usize,
    /// The exit code; `None` after a signal.
    pub(super) code: Option<i32>,
    /// The size of standard output in bytes.
    pub(super) out: u64,
    /// The size of standard error in bytes.
    pub(super) err: u64,
}

/// Runs a command to its end.
pub(super) fn cost(cluster: &SimulatedNodes, command: &mut Command) -> Cost {
    cost_until(cluster, command, |_| false)
}

/// Runs a command to its end, or kills the command as soon as `kills` holds for its requests so far.
pub(super) fn cost_until(
    cluster: &SimulatedNodes,
    command: &mut Command,
    kills: impl Fn(&Requests) -> bool,
) -> Cost {
    let (out, err) = (cluster.state().join("measured.out"), cluster.state().join("measured.err"));
    command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let mark = cluster.mark();
    let started = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut cost = Cost::default();
    let mut looked = Instant::now();
    while !has_ended(&child) {
        cost.peak = cost.peak.max(peak(&child).unwrap_or(0));
        cost.descriptors = cost.descriptors.max(descriptors(&child));
        if looked.elapsed() > Duration::from_millis(500) {
            looked = Instant::now();
            if kills(&cluster.requests_since(mark)) {
                child.kill().unwrap();
            }
        }
        // A loop without a pause would take a processor from the cluster.
        thread::sleep(PAUSE);
    }
    cost.wall = started.elapsed();
    cost.cpu = processor_time(&child).unwrap_or(0.0);
    cost.code = child.wait().unwrap().code();
    let size = |path| fs::metadata(path).unwrap().len();
    (cost.out, cost.err) = (size(out), size(err));
    cost.requests = cluster.requests_since(mark);
    cost.left = cluster.leftovers_of_runs().len();
    cost
}

/// True if the process has ended. It stays a zombie, which still tells its processor time.
fn has_ended(child: &Child) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let process = Pid::from_raw(child.id().cast_signed());
    !matches!(waitid(Id::Pid(process), flags).unwrap(), WaitStatus::StillAlive)
}

fn peak(child: &Child) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
}

fn descriptors(child: &Child) -> usize {
    fs::read_dir(format!("/proc/{}/fd", child.id())).into_iter().flatten().count()
}

/// Returns the sum of the 14th and 15th fields, which follow the name in parentheses.
fn processor_time(child: &Child) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    let mut fields = text.rsplit(") ").next()?.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_A_SECOND)
}
