//! The worker: runs the observers of its order one after the other while the attempts to reach targets are under way, and
//! sends each result at once. If an observer kills or hangs the worker, the probe starts a fresh worker for the rest.

use std::io::{self, Write};

use proto::{
    Fact, Observation, Observed, Observer,
    worker::{self, Order, Progress},
};

use crate::{egress::Attempts, filesystem, kernel, network, privilege, resources, vantage::Vantage};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read the order")]
    Order(#[source] worker::Error),
    #[error("standard input holds no order; `probe report` starts this worker")]
    NoOrder,
    #[error("failed to send a result")]
    Send(#[from] worker::Error),
    #[error("failed to send a result")]
    Flush(#[from] io::Error),
}

/// Reads an order from standard input and carries it out.
pub(crate) fn run() -> Result<(), Error> {
    let order = worker::receive(&mut io::stdin().lock()).map_err(Error::Order)?.ok_or(Error::NoOrder)?;
    work(&order, &Vantage::live(), io::BufWriter::new(io::stdout().lock()))
}

fn work(order: &Order, vantage: &Vantage, mut out: impl Write) -> Result<(), Error> {
    let mut attempts = None;
    if order.observers.contains(&Observer::Egress) {
        begin(&mut out, Observer::Egress)?;
        attempts = Some(Attempts::begin(&order.targets, order.budget, vantage));
    }
    let now = |observer: &&Observer| {
        !matches!(observer, Observer::Egress | Observer::TimePage | Observer::ProcessorShare)
    };
    for &observer in order.observers.iter().filter(now) {
        begin(&mut out, observer)?;
        done(&mut out, observer, look(observer, vantage))?;
    }
    let mut page = None;
    if order.observers.contains(&Observer::TimePage) {
        begin(&mut out, Observer::TimePage)?;
        page = Some(kernel::time_page::observe());
    }
    if let Some(attempts) = attempts {
        begin(&mut out, Observer::Egress)?;
        done(&mut out, Observer::Egress, attempts.finish().map(Fact::Egress))?;
    }
    if let Some(page) = page {
        begin(&mut out, Observer::TimePage)?;
        // If the attempts took long, the page may be ready by now, and a second look costs nothing.
        let page =
            if kernel::time_page::may_become_ready(&page) { kernel::time_page::observe() } else { page };
        done(&mut out, Observer::TimePage, page.map(Fact::TimePage))?;
    }
    // The measurement takes all processors and would delay every other observer.
    if order.observers.contains(&Observer::ProcessorShare) {
        begin(&mut out, Observer::ProcessorShare)?;
        let share = look(Observer::ProcessorShare, vantage);
        done(&mut out, Observer::ProcessorShare, share)?;
    }
    Ok(out.flush()?)
}

/// Announces the observer that is to blame if nothing follows. The flush also sends the result before.
fn begin(out: &mut impl Write, observer: Observer) -> Result<(), Error> {
    worker::send(out, &Progress::Begun(observer))?;
    Ok(out.flush()?)
}

fn done(out: &mut impl Write, observer: Observer, outcome: Observation<Fact>) -> Result<(), Error> {
    Ok(worker::send(out, &Progress::Done(Observed { observer, outcome }))?)
}

/// Runs one observer. This is the single list of the observers' functions.
fn look(observer: Observer, vantage: &Vantage) -> Observation<Fact> {
    match observer {
        Observer::KernelName => kernel::kernel_name::observe().map(Fact::KernelName),
        Observer::KernelBanner => kernel::kernel_banner::observe(vantage).map(Fact::KernelBanner),
        Observer::KernelLog => kernel::kernel_log::observe().map(Fact::KernelLog),
        Observer::VdsoImage => kernel::vdso_image::observe().map(Fact::VdsoImage),
        Observer::AuxiliaryVector => kernel::auxiliary_vector::observe().map(Fact::AuxiliaryVector),
        Observer::FaultFrame => kernel::fault_frame::observe().map(Fact::FaultFrame),
        Observer::GsPointer => kernel::gs_pointer::observe(vantage).map(Fact::GsPointer),
        Observer::CallSite => kernel::call_site::observe().map(Fact::CallSite),
        Observer::SegmentRegisters => kernel::segment_registers::observe().map(Fact::SegmentRegisters),
        Observer::CallDuration => kernel::call_duration::observe().map(Fact::CallDuration),
        Observer::ProcessorIdentity => kernel::processor_identity::observe().map(Fact::ProcessorIdentity),
        Observer::ProcfsTree => kernel::procfs_tree::observe(vantage).map(Fact::ProcfsTree),
        Observer::Markers => kernel::markers::observe(vantage).map(Fact::Markers),
        Observer::SocketDefaults => network::socket_defaults::observe().map(Fact::SocketDefaults),
        Observer::Namespaces => privilege::namespaces::observe(vantage).map(Fact::Namespaces),
        Observer::Devices => filesystem::devices::observe(vantage).map(Fact::Devices),
        Observer::TimePage => kernel::time_page::observe().map(Fact::TimePage),
        Observer::SentryMeminfo => kernel::sentry_meminfo::observe(vantage).map(Fact::SentryMeminfo),
        Observer::CallAnswers => kernel::call_answers::observe().map(Fact::CallAnswers),
        Observer::BootId => kernel::boot_id::observe(vantage).map(Fact::BootId),
        Observer::MemoryTotal => resources::memory_total::observe().map(Fact::MemoryTotal),
        Observer::Processors => resources::processors::observe(vantage).map(Fact::Processors),
        Observer::Quotas => resources::quotas::observe(vantage).map(Fact::Quotas),
        Observer::Credentials => privilege::credentials::observe().map(Fact::Credentials),
        Observer::Capabilities => privilege::capabilities::observe(vantage).map(Fact::Capabilities),
        Observer::Seccomp => privilege::seccomp::observe(vantage).map(Fact::Seccomp),
        Observer::Processes => privilege::processes::observe(vantage).map(Fact::Processes),
        Observer::Mounts => filesystem::mounts::observe(vantage).map(Fact::Mounts),
        Observer::RootFilesystem => filesystem::root_filesystem::observe().map(Fact::RootFilesystem),
        Observer::AccountList => filesystem::account_list::observe(vantage).map(Fact::AccountList),
        Observer::HostSockets => filesystem::host_sockets::observe(vantage).map(Fact::HostSockets),
        Observer::Shadow => filesystem::shadow::observe(vantage).map(Fact::Shadow),
        Observer::HostSentinels => filesystem::host_sentinels::observe(vantage).map(Fact::HostSentinels),
        Observer::Identifiers => filesystem::identifiers::observe(vantage).map(Fact::Identifiers),
        Observer::KernelFiles => filesystem::kernel_files::observe(vantage).map(Fact::KernelFiles),
        Observer::Secrets => filesystem::secrets::observe(vantage).map(Fact::Secrets),
        Observer::Interfaces => network::interfaces::observe().map(Fact::Interfaces),
        Observer::Routes => network::routes::observe(vantage).map(Fact::Routes),
        Observer::ProcessorShare => {
            resources::processor_share::observe(proto::MEASURING).map(Fact::ProcessorShare)
        }
        Observer::Egress => Observation::failed("the attempts were not begun"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::Budget;

    use super::*;

    fn order(observers: &[Observer]) -> Order {
        let limit = Duration::from_secs(20);
        let budget = Budget { observer: limit, egress: limit, again: None };
        Order { observers: observers.to_vec(), targets: Vec::new(), budget }
    }

    fn said(observers: &[Observer]) -> Vec<Progress> {
        let mut bytes = Vec::new();
        work(&order(observers), &Vantage::live(), &mut bytes).unwrap();
        std::iter::from_fn(|| worker::take(&mut bytes).unwrap()).collect()
    }

    #[test]
    fn every_observer_has_an_answer_of_its_own_kind() {
        let said = said(Observer::ALL);
        let done = said.iter().filter_map(|progress| match progress {
            Progress::Done(observed) => Some(observed),
            Progress::Begun(_) => None,
        });
        let mut evidence = proto::Evidence::default();
        let count = done.map(|observed| evidence.record(observed.clone()).unwrap()).count();
        assert_eq!(count, Observer::ALL.len());
    }

    #[test]
    fn attempts_begin_first_and_are_reported_last() {
        let said = said(&[Observer::Egress, Observer::BootId]);
        assert_eq!(said.first(), Some(&Progress::Begun(Observer::Egress)));
        assert!(
            matches!(said.last(), Some(Progress::Done(observed)) if observed.observer == Observer::Egress)
        );
    }

    #[test]
    fn processor_time_is_measured_after_all_other_observers() {
        let said = said(&[Observer::ProcessorShare, Observer::TimePage, Observer::Egress, Observer::BootId]);
        assert!(
            matches!(said.last(), Some(Progress::Done(observed)) if observed.observer == Observer::ProcessorShare)
        );
    }
}
