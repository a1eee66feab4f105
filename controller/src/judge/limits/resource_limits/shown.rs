//! The sources that show a sandbox's limits. Outside: the machine's control group. Inside: the sandbox's memory, the files
//! of its own control groups and, if it was measured, the processor time that it gets.
//!
//! gVisor receives its memory limit when it starts, and shows exactly that (`runsc/sandbox/sandbox.go`, `--total-memory`). A
//! container on the machine's own kernel always shows the machine's memory. gVisor's files of control groups say "no limit"
//! until 2026-04 (1232ee4a0, `runsc/boot/vfs.go`). Since then they show the sandbox's memory and CPU quota, and never a
//! process limit.

use proto::{Observation, Observer, Quota};

use crate::{
    case::{Case, limits::Limits},
    judge::gvisor::Kernel,
};

/// The excess over the declared limit that a measurement may show: the first period may have its whole quota, and short
/// gaps are not counted.
const TOLERANCE_PERCENT: u64 = 15;
const TOLERANCE_MILLIS: u64 = 50;
/// The share of the declared and available processor time that a measurement must reach, so that the limit is what limits.
const ENOUGH_PERCENT: u64 = 75;

/// The step of CPU quotas in thousandths of a processor. Runtimes round a quota up to it for systemd, and the kubelet writes no
/// smaller one (gVisor, `runsc/cgroup/cgroup_v2.go`, `cpu2.generateProperties`; kubernetes, `pkg/kubelet/cm/helpers_linux.go`,
/// `MinQuotaPeriod`).
const QUOTA_STEP: u64 = 10;

/// One source's statement about one limit.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) source: Source,
    pub(super) limit: Limit,
    pub(super) comparison: Comparison,
    /// The value as text, or the reason why there is none.
    pub(super) text: String,
}

/// A source that shows limits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    /// The machine's control group of the sandbox.
    Machine,
    /// The memory that the sandbox shows.
    MemoryTotal,
    /// The files of the sandbox's own control groups.
    Quotas,
    /// The processor time that the sandbox got.
    ProcessorShare,
}

/// A kind of limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Limit {
    Memory,
    Cpu,
    Pids,
}

/// A shown limit, compared with the declared one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Comparison {
    AsDeclared,
    /// The source shows another limit.
    Contradicts,
    /// The source shows that there is no such limit.
    Lacks,
    /// The source says nothing about the limit here.
    SaysNothing,
    /// The source would show the limit, and could not be read or understood.
    Unseen,
}

/// Returns each source's statement about each declared limit.
pub(super) fn all(case: &Case, declared: Limits, kernel: Kernel) -> Vec<Shown> {
    let mut all = by_the_machine(case, declared);
    all.extend(declared.memory.map(|memory| by_memory_total(case, memory, kernel)));
    all.extend(by_quotas(case, declared, kernel));
    all.extend(
        declared.cpu_millis.filter(|_| case.surroundings.measures_cpu).map(|cpu| by_measuring(case, cpu)),
    );
    all
}

fn by_the_machine(case: &Case, declared: Limits) -> Vec<Shown> {
    let cgroup = &case.surroundings.cgroup;
    let shown = |limit: Limit| {
        let declared = limit.of(declared)?;
        let (comparison, text) = match cgroup.seen() {
            Some(&enforced) => (Comparison::of(limit, limit.of(enforced), declared), describe(enforced)),
            None => {
                (Comparison::SaysNothing, format!("its control group could not be read: {}", cgroup.fared()))
            }
        };
        Some(Shown { source: Source::Machine, limit, comparison, text })
    };
    Limit::ALL.into_iter().filter_map(shown).collect()
}

fn by_memory_total(case: &Case, declared: u64, kernel: Kernel) -> Shown {
    let total = &case.evidence().memory_total;
    let shown = |comparison, text: String| Shown {
        source: Source::MemoryTotal,
        limit: Limit::Memory,
        comparison,
        text,
    };
    let Some(total) = total.seen() else {
        return shown(Comparison::Unseen, format!("its memory could not be read: {}", total.fared()));
    };
    let text = format!("{} bytes", total.bytes);
    match (is_the_machines(case, total.bytes), kernel) {
        _ if pages(total.bytes) == pages(declared) => shown(Comparison::AsDeclared, text),
        (true, Kernel::Other) => {
            shown(Comparison::SaysNothing, format!("the sandbox shows the machine's memory: {text}"))
        }
        (true, Kernel::Unclear) => shown(
            Comparison::Unseen,
            "the sandbox shows the machine's memory, and it is not known whose kernel answers".to_owned(),
        ),
        (true, Kernel::Gvisor) if declared > total.bytes => {
            shown(Comparison::SaysNothing, format!("the machine has less memory than is declared: {text}"))
        }
        (true, Kernel::Gvisor) => shown(Comparison::Lacks, text),
        (false, _) => shown(Comparison::Contradicts, text),
    }
}

fn by_quotas(case: &Case, declared: Limits, kernel: Kernel) -> Vec<Shown> {
    let quotas = match &case.evidence().quotas {
        Observation::Seen(quotas) => quotas,
        // No hierarchy is mounted, so that no file could state another limit.
        Observation::Absent => return Vec::new(),
        blind => return unseen_quotas(declared, &blind.fared()),
    };
    let is_filled =
        kernel == Kernel::Other || quotas.memory.as_ref().is_some_and(|memory| memory.limit.is_some());
    let of_a_container = of_a_container(case, declared);
    let shown = |(limit, quota): (Limit, &Option<Quota>)| {
        let (Quota { file, limit: number }, declared) = (quota.as_ref()?, limit.of(declared)?);
        let says = number.map_or("no limit".to_owned(), |number| limit.amount(number));
        let is_beyond = |&bytes: &u64| declared > bytes && is_the_machines(case, bytes);
        let comparison = match number {
            None if !is_filled || (limit == Limit::Pids && kernel != Kernel::Other) => {
                Comparison::SaysNothing
            }
            Some(bytes) if limit == Limit::Memory && is_beyond(bytes) => Comparison::SaysNothing,
            // On the machine's own kernel, a container's group excludes the overhead of its RuntimeClass.
            &number if kernel == Kernel::Other => Comparison::of(limit, number, limit.of(of_a_container)?),
            &number => Comparison::of(limit, number, declared),
        };
        Some(Shown { source: Source::Quotas, limit, comparison, text: format!("{file} says {says}") })
    };
    let quotas =
        [(Limit::Memory, &quotas.memory), (Limit::Cpu, &quotas.cpu_millis), (Limit::Pids, &quotas.pids)];
    quotas.into_iter().filter_map(shown).collect()
}

/// Returns that the files could not be read, for each limit that they may state.
fn unseen_quotas(declared: Limits, fared: &str) -> Vec<Shown> {
    let unseen = |limit: Limit| {
        limit.of(declared).map(|_| Shown {
            source: Source::Quotas,
            limit,
            comparison: Comparison::Unseen,
            text: format!("the files of its control groups could not be read: {fared}"),
        })
    };
    [Limit::Memory, Limit::Cpu].into_iter().filter_map(unseen).collect()
}

/// Compares the measured processor time with the declared quota. More time shows that the quota does not hold; much less
/// may come from a busy machine.
fn by_measuring(case: &Case, declared: u64) -> Shown {
    let share = &case.evidence().processor_share;
    let shown =
        |comparison, text| Shown { source: Source::ProcessorShare, limit: Limit::Cpu, comparison, text };
    let Some(share) = share.seen() else {
        return shown(Comparison::Unseen, format!("its processor time was not measured: {}", share.fared()));
    };
    let (got, threads) = (share.millis(), u64::from(share.threads));
    let text = format!("{threads} threads got {got}m CPU of {}m", threads.saturating_mul(1000));
    let percent = |millis: u64, percent: u64| millis.saturating_mul(percent) / 100;
    let most = declared.saturating_add(percent(declared, TOLERANCE_PERCENT).max(TOLERANCE_MILLIS));
    let least = percent(declared.min(threads.saturating_mul(1000)), ENOUGH_PERCENT);
    if got > most {
        shown(Comparison::Contradicts, text)
    } else if got >= least {
        shown(Comparison::AsDeclared, text)
    } else {
        shown(Comparison::SaysNothing, format!("{text}, which a busy machine also explains"))
    }
}

/// Returns the limits of the probe's own container, within those of its pod.
fn of_a_container(case: &Case, declared: Limits) -> Limits {
    let admitted = case.surroundings.in_cluster.as_ref().and_then(|known| known.pod.as_ref()?.limits);
    if let Some(admitted) = admitted {
        return admitted;
    }
    let class =
        case.surroundings.in_cluster.as_ref().and_then(|known| {
            known.group.runtime_class.as_deref().and_then(|name| known.cluster.class(name))
        });
    class.map_or(declared, |class| class.without_overhead(declared))
}

pub(super) fn is_the_machines(case: &Case, bytes: u64) -> bool {
    case.surroundings.machine.memory_total.seen().is_some_and(|&all| pages(all) == pages(bytes))
}

pub(super) fn describe(limits: Limits) -> String {
    let memory = limits.memory.map_or("no memory limit".to_owned(), |bytes| Limit::Memory.amount(bytes));
    let cpu = limits.cpu_millis.map_or("no CPU limit".to_owned(), |millis| Limit::Cpu.amount(millis));
    let pids = limits.pids.map(|pids| format!(", {}", Limit::Pids.amount(pids)));
    format!("{memory}, {cpu}{}", pids.unwrap_or_default())
}

/// Returns the number of whole pages. The kernel rounds a memory limit down to whole pages (`mm/page_counter.c`).
fn pages(bytes: u64) -> u64 {
    bytes / 4096
}

impl Source {
    /// Returns the name by which a citation tells it.
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::MemoryTotal => Observer::MemoryTotal.id(),
            Self::Quotas => Observer::Quotas.id(),
            Self::ProcessorShare => Observer::ProcessorShare.id(),
        }
    }
}

impl Comparison {
    fn of(limit: Limit, shown: Option<u64>, declared: u64) -> Self {
        let same = match limit {
            Limit::Memory => shown.map(pages) == Some(pages(declared)),
            Limit::Cpu => [Some(declared), Some(declared.next_multiple_of(QUOTA_STEP))].contains(&shown),
            Limit::Pids => shown == Some(declared),
        };
        match shown {
            _ if same => Self::AsDeclared,
            None => Self::Lacks,
            Some(_) => Self::Contradicts,
        }
    }

    /// True if the declared limit is not the sandbox's.
    pub(super) const fn is_against(self) -> bool {
        matches!(self, Self::Contradicts | Self::Lacks)
    }
}

impl Limit {
    const ALL: [Self; 3] = [Self::Memory, Self::Cpu, Self::Pids];

    const fn of(self, limits: Limits) -> Option<u64> {
        match self {
            Self::Memory => limits.memory,
            Self::Cpu => limits.cpu_millis,
            Self::Pids => limits.pids,
        }
    }

    fn amount(self, number: u64) -> String {
        match self {
            Self::Memory => format!("{number} bytes"),
            Self::Cpu => format!("{number}m CPU"),
            Self::Pids => format!("{number} processes"),
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Memory => "memory limit",
            Self::Cpu => "CPU limit",
            Self::Pids => "process limit",
        }
    }
}
