//! The suite: each test and each row is a trial with a result of its own, and all trials share one cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Write, stderr},
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::Instant,
};

use libtest_mimic::{Arguments, Failed, Trial};
use stage::{Cluster, attempt, cluster::Options};

/// A test's name, and the function that uses the shared cluster.
pub(super) type Test = (&'static str, fn(&Cluster));

/// Tests and rows that run beside each other, where two processors wait for pods.
pub(super) const AT_ONCE: usize = 3;

/// Rows that share a scene. The first trial that runs prepares the scene, runs every selected row and removes the
/// scene; each trial then reports the result of its own row.
pub(super) struct Batch {
    /// Names of the rows, which are the names of their trials.
    pub(super) names: Vec<String>,
    /// The function that prepares the scene and runs the selected rows in it.
    pub(super) run: fn(&Cluster, &Selection),
}

/// The rows of a batch that the command line selects, and their results.
pub(super) struct Selection {
    names: BTreeSet<String>,
    results: Mutex<BTreeMap<String, Result<(), Failed>>>,
    /// The result of the scene itself; empty until the batch has run.
    scene: OnceLock<Result<(), Failed>>,
}

/// The command line, and the cluster as soon as a test has started it.
pub(super) struct Suite {
    arguments: Arguments,
    /// Set when this user may start a cluster.
    root: bool,
    shared: Arc<Shared>,
}

/// A cluster that did not start is not started again for the next test.
type Shared = OnceLock<Result<Cluster, Failed>>;

impl Suite {
    pub(super) fn new(arguments: &Arguments, root: bool) -> Self {
        Self { arguments: arguments.clone(), root, shared: Arc::default() }
    }

    /// Returns a trial for each test.
    pub(super) fn tests(&self, tests: &[Test]) -> Vec<Trial> {
        let trial = |&(name, test): &Test| {
            let shared = Arc::clone(&self.shared);
            self.trial(name, move || timed(name, || test(started(&shared))))
        };
        tests.iter().map(trial).collect()
    }

    /// Returns a trial for each test that needs a program. Without the program the tests are skipped aloud, and in CI they
    /// fail.
    pub(super) fn tests_with<T>(&self, program: Result<T, String>, tests: &[Test]) -> Vec<Trial> {
        let missing = program.err().filter(|_| !self.arguments.list);
        if let Some(missing) = &missing {
            _ = writeln!(stderr(), "SKIPPING {} TESTS: {missing}", tests.len());
        }
        let skipped = !self.root || missing.is_some() && std::env::var_os("CI").is_none();
        self.tests(tests).into_iter().map(|trial| trial.with_ignored_flag(skipped)).collect()
    }

    /// Returns a trial for each test of these lists. Tests of theirs run beside each other: none touches a node, the API server or
    /// an object of the whole cluster that is not its own.
    pub(super) fn beside(&self, lists: &[&[Test]]) -> Vec<Trial> {
        let tests = lists.concat();
        let names = tests.iter().map(|(name, _)| (*name).to_owned()).collect();
        self.shared_trials(names, move |cluster, selection| {
            let rows = tests.iter().map(|&(name, test)| (name.to_owned(), test));
            selection.run(AT_ONCE, &selection.of(rows), |test| test(cluster));
        })
    }

    /// Returns a trial for each row of a batch.
    pub(super) fn batch(&self, batch: Batch) -> Vec<Trial> {
        self.shared_trials(batch.names, batch.run)
    }

    fn shared_trials(
        &self,
        names: Vec<String>,
        run: impl Fn(&Cluster, &Selection) + Clone + Send + 'static,
    ) -> Vec<Trial> {
        let selected = names.iter().filter(|name| self.selects(name)).cloned().collect();
        let selection = Arc::new(Selection::new(selected));
        let trial = |name: String| {
            let (shared, selection) = (Arc::clone(&self.shared), Arc::clone(&selection));
            let (row, run) = (name.clone(), run.clone());
            self.trial(&name, move || selection.result(&row, || run(started(&shared), &selection)))
        };
        names.into_iter().map(trial).collect()
    }

    /// Ends the cluster, and returns everything that is left of it. Every trial must be gone.
    pub(super) fn end(self) -> Vec<String> {
        let cluster = Arc::into_inner(self.shared).and_then(OnceLock::into_inner).and_then(Result::ok);
        cluster.map(Cluster::stop).unwrap_or_default()
    }

    fn trial(&self, name: &str, run: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
        Trial::test(name, run).with_ignored_flag(!self.root)
    }

    fn selects(&self, name: &str) -> bool {
        let trial = self.trial(name, || Ok(()));
        !self.arguments.is_filtered_out(&trial) && !self.arguments.is_ignored(&trial)
    }
}

impl Selection {
    fn new(names: BTreeSet<String>) -> Self {
        Self { names, results: Mutex::default(), scene: OnceLock::new() }
    }

    /// Keeps those of the rows that are selected.
    pub(super) fn of<T>(&self, rows: impl IntoIterator<Item = (String, T)>) -> Vec<(String, T)> {
        rows.into_iter().filter(|(name, _)| self.names.contains(name)).collect()
    }

    /// Runs the given rows, so many at once, and keeps the result of each.
    pub(super) fn run<T: Sync>(&self, at_once: usize, rows: &[(String, T)], row: impl Fn(&T) + Sync) {
        let waiting = Mutex::new(rows.iter());
        thread::scope(|scope| {
            for _ in 0..at_once.min(rows.len()) {
                scope.spawn(|| {
                    loop {
                        let Some((name, next)) = waiting.lock().unwrap().next() else { break };
                        let result = timed(name, || row(next));
                        self.results.lock().unwrap().insert(name.clone(), result);
                    }
                });
            }
        });
    }

    /// Returns the result of a row, after it has run the batch unless another trial already did.
    fn result(&self, row: &str, batch: impl FnOnce()) -> Result<(), Failed> {
        let scene = self.scene.get_or_init(|| attempt(batch));
        let result = self.results.lock().unwrap().get(row).cloned();
        result.unwrap_or_else(|| match scene {
            Ok(()) => Err(Failed::from("the batch did not run this row")),
            Err(failed) => Err(Failed::from(format!(
                "the scene that its row shares with others failed: {}",
                failed.message().unwrap_or_default()
            ))),
        })
    }
}

/// Runs a test or a row, and tells how long it took.
fn timed(name: &str, run: impl FnOnce()) -> Result<(), Failed> {
    let started = Instant::now();
    let result = attempt(run);
    let sign = if result.is_ok() { "✔" } else { "✘" };
    _ = writeln!(stderr(), "{sign} {name}: {} s", started.elapsed().as_secs());
    result
}

/// Returns the cluster that all tests share.
fn started(shared: &Shared) -> &Cluster {
    let started = shared.get_or_init(|| attempt(|| Cluster::start(Options::default())));
    started.as_ref().unwrap_or_else(|failed| panic!("no cluster: {}", failed.message().unwrap_or_default()))
}
