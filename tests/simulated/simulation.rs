//! The world of a simulated command: a runtime with a paused clock, and a cluster.

use std::{
    cell::{Cell, RefCell},
    ffi::OsString,
    io,
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use controller::support::world::{Server, Stream, World};
use serde_json::Value;
use tokio::{
    runtime::Runtime,
    sync::mpsc::{self, UnboundedReceiver},
    time::{Instant, sleep},
};

use crate::{api, cluster::Cluster, fault::Fault, history::History, random::Random};

/// The time in which everything that is under way at the end of a command comes to its end.
const SETTLING: Duration = Duration::from_mins(1);
/// The time after which a command counts as endless.
const LONGEST: Duration = Duration::from_mins(10);
/// The time of day at which simulated commands start.
pub(crate) const NOW: u64 = 1_767_225_600;

/// A simulated cluster, and the world of the command that runs in it.
pub(crate) struct Simulation {
    pub(crate) cluster: Cluster,
    runtime: RefCell<Runtime>,
    random: RefCell<Random>,
    output: RefCell<String>,
    errors: RefCell<String>,
    took: Cell<Duration>,
    /// The failure of every write to the standard output; `None` if writes succeed.
    output_fails: Cell<Option<io::ErrorKind>>,
    acts: RefCell<Option<Acts>>,
    longest: Cell<Duration>,
    /// The time of day at which the next command starts, in seconds since 1970.
    now: Cell<u64>,
}

/// Acts beside a command, on its clock.
type Acts = Pin<Box<dyn Future<Output = ()>>>;

/// The end of a simulated command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The exit code; `None` for a command that was killed.
    pub(crate) code: Option<u8>,
    pub(crate) output: String,
    pub(crate) errors: String,
    /// The duration in simulated time.
    pub(crate) took: Duration,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Rc<Self> {
        Rc::new(Self {
            cluster: Cluster::new(),
            runtime: RefCell::new(runtime()),
            random: RefCell::new(Random::new(seed)),
            output: RefCell::default(),
            errors: RefCell::default(),
            took: Cell::default(),
            output_fails: Cell::default(),
            acts: RefCell::default(),
            longest: Cell::new(LONGEST),
            now: Cell::new(NOW),
        })
    }

    /// Lets some time pass for the further commands.
    pub(crate) fn pass(&self, time: Duration) {
        self.now.set(self.now.get() + time.as_secs());
    }

    /// Turns the clock of the further commands back.
    pub(crate) fn turn_back(&self, time: Duration) {
        self.now.set(self.now.get() - time.as_secs());
    }

    /// Lets every write to the standard output of each further command fail.
    pub(crate) fn fail_output(&self, error: io::ErrorKind) {
        self.output_fails.set(Some(error));
    }

    /// Acts on the cluster while the next command runs, which may take so long.
    pub(crate) fn beside(&self, longest: Duration, acts: impl Future<Output = ()> + 'static) {
        self.acts.replace(Some(Box::pin(acts)));
        self.longest.set(longest);
    }

    /// Acts on the cluster, on its clock.
    pub(crate) fn act(&self, acts: impl Future<Output = ()>) {
        self.runtime.borrow().block_on(acts);
    }

    /// Runs a command, whose requests meet these faults, and lets the cluster come to rest.
    pub(crate) fn run(self: &Rc<Self>, words: &[&str], faults: &[(usize, Fault)]) -> (Ended, History) {
        self.cluster.begin(faults);
        self.output.take();
        self.errors.take();
        self.took.set(Duration::ZERO);
        fastrand::seed(7);
        let world = Rc::clone(self);
        let exit = controller::simulate(world, ["controller"].iter().chain(words).map(OsString::from));
        let killed = self.took.get() == Duration::MAX;
        let endless = self.took.get() >= self.longest.get();
        if killed || endless {
            // Everything of the controller ends here; the cluster goes on.
            drop(self.runtime.replace(runtime()));
        }
        let ended = Ended {
            code: (!killed).then_some(exit as u8),
            output: self.output.take(),
            errors: self.errors.take(),
            took: if killed { Duration::ZERO } else { self.took.get() },
        };
        let history = self.cluster.history();
        self.runtime.borrow().block_on(async {
            if killed || endless {
                self.cluster.resume();
            }
            sleep(SETTLING).await;
        });
        (ended, history)
    }
}

impl Ended {
    /// Returns the report in JSON; `None` if the command wrote none.
    pub(crate) fn report(&self) -> Option<Value> {
        serde_json::from_str(&self.output).ok()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

impl World for Simulation {
    fn block_on(&self, command: Pin<Box<dyn Future<Output = ()> + '_>>) {
        let (acts, longest) = (self.acts.take(), self.longest.get());
        let acts = async {
            if let Some(acts) = acts {
                acts.await;
            }
            std::future::pending::<Duration>().await
        };
        let took = self.runtime.borrow().block_on(async {
            let begun = Instant::now();
            tokio::select! {
                biased;
                () = self.cluster.killed() => Duration::MAX,
                () = command => begun.elapsed(),
                () = sleep(longest) => longest,
                never = acts => never,
            }
        });
        self.took.set(self.took.get().saturating_add(took));
    }

    fn server(&self) -> Server {
        api::server(&self.cluster)
    }

    fn signals(&self) -> UnboundedReceiver<()> {
        let (sender, signals) = mpsc::unbounded_channel();
        self.cluster.signal(sender);
        signals
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.random.borrow_mut().fill(bytes);
    }

    fn now(&self) -> u64 {
        self.now.get()
    }

    /// No command in this world makes an image.
    fn program(&self) -> Vec<u8> {
        Vec::new()
    }

    fn write(&self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(bytes);
        if let Some(error) = self.output_fails.get().filter(|_| stream == Stream::Output) {
            return Err(error.into());
        }
        match stream {
            Stream::Output => self.output.borrow_mut().push_str(&text),
            Stream::Error => self.errors.borrow_mut().push_str(&text),
        }
        Ok(())
    }
}
