//! `controller watch`: makes the run of `verify --publish` again and again: when something that matters to the proof changes, and
//! before the proof ends.

mod board;
mod course;
mod refused;
mod serving;
mod startup_taint;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgGroup, Args};
use tokio::{
    sync::watch::Sender,
    time::{Instant, sleep_until},
};

use board::Board;
use course::Course;
use serving::Server;

use super::{
    args::{
        cluster::Patience,
        run::{self, Prepared},
        sign::{self, KeyRefused, Signer},
    },
    block_on,
    console::say,
    ending::{Ended, Ending, NamedProbe},
    error::CommandError,
    files::Files,
    signing::Signing,
    verify::CLUSTER_TIMEOUT,
    within,
};
use crate::{
    case::abridged::abridged,
    judge::exit::Exit,
    plan::{
        renewal::{self, Change},
        startup_taint::Standings,
    },
    run::{
        RunError,
        cluster::{
            ClusterLauncher, Target,
            connect::{self, Connection},
            lease::{self, Candidate, Held},
            recording::Recording,
            startup_taint::{Keeper, StartupTaint},
            watching::{Scope, Watching},
        },
        interrupt::{Interrupt, Stop},
        jitter, random,
    },
    support::{clock, digest::hexadecimal},
};

/// Keeps the published proof of a namespace young, until a signal ends the command
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("proof").multiple(true),
    mut_arg("namespace", |argument| argument.required(true)),
    mut_args(|argument| {
        let is_refused = refused::ARGUMENTS.contains(&argument.get_id().as_str());
        if is_refused { argument.hide(true) } else { argument }
    }),
    mut_arg("publish", |argument| argument.required(true).help("The namespace of the proof, which `controller gate` prepares")),
    mut_arg("sign", |argument| argument.requires("save_evidence")),
    mut_arg("egress_targets", |argument| argument.conflicts_with("no_network")),
    mut_arg("settle", |argument| argument.conflicts_with("no_network")),
    after_help = "Examples:\n  controller watch --namespace shop --publish podproof --control-namespace podproof --image \
    registry.example/probe:0.1.0 --environment production\n\nThe command makes the run of `controller verify --publish` at once, \
    when a node, a RuntimeClass, a policy or a group of pods changes, and past the half of the proof's life. A run that cannot be made, \
    and one that is undetermined or not ready, is made again after a growing pause. Such a verdict is published and closes the gate; a \
    run that cannot be made leaves the former proof, which ends by itself. Of several replicas, the holder of a Lease beside the proof \
    acts.\n\nExit codes: 2 wrong usage, 4 the cluster or the Lease cannot be reached, 130 ended by INT or TERM, with the run's objects removed"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: run::Arguments,
    #[command(flatten)]
    sign: sign::Arguments,
    /// Save the evidence of the last run in this file, which each run replaces; compressed if its name ends in .gz [default: not
    /// saved]
    #[arg(long, value_name = "FILE", help_heading = "How to report")]
    save_evidence: Option<PathBuf>,
    /// The address that serves /metrics, /healthz and /readyz to everybody who reaches it, such as 0.0.0.0:8791 in a pod
    /// [default: nothing is served]
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "How to report")]
    listen: Option<SocketAddr>,
    /// The key of a taint that keeps pods from new nodes, such as podproof.dev/unproven: removed from each node that is proven in its
    /// present boot, and put back when the boot is another one or the proof is no longer ready there [default: no node is changed]
    #[arg(long, value_name = "KEY", value_parser = startup_taint::key, requires = "nodes", help_heading = "How to report")]
    remove_taint: Option<String>,
}

/// The time for the credential, and for the first answer of the API server.
const ANSWER: Duration = Duration::from_mins(1);

/// The time in which this replica may act: until a signal, or until the Lease is lost.
struct Term<'a> {
    interrupt: &'a mut Interrupt,
    held: Held,
}

/// Why a term is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Over {
    Signal,
    Lost,
}

impl Term<'_> {
    /// Keeps the Lease until the term is over.
    async fn over(&mut self) -> Over {
        tokio::select! {
            biased;
            () = self.interrupt.arrival() => Over::Signal,
            () = self.held.lost() => Over::Lost,
        }
    }
}

/// Returns a name of this process: that of its pod or its machine, and random digits.
fn identity() -> Result<String, RunError> {
    let host = std::env::var("HOSTNAME").unwrap_or_default();
    Ok(format!("{host}_{}", hexadecimal(&random::<8>()?)))
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        // A wrong command line is told before anything is watched.
        let prepared = match self.run.clone().prepare(CLUSTER_TIMEOUT, self.files()) {
            Ok(prepared) => prepared,
            Err(exit) => return exit,
        };
        if let Err(refused) = refused::demand(&prepared) {
            return refused.tell();
        }
        let Prepared { target: Some(target), publishing: Some(publishing), request, .. } = prepared else {
            return Exit::Usage;
        };
        if self.remove_taint.is_some()
            && let Err(refused) = startup_taint::demand(&request.declared, &target.nodes)
        {
            return refused.tell();
        }
        if let Err(refused) = self.sign.for_many_runs().and_then(|()| self.signer()) {
            return refused.tell();
        }
        block_on(self.watch(target, publishing.keeper))
    }

    /// Reads the key, which may be another one for the next run; `None` without `--sign`.
    fn signer(&self) -> Result<Option<Signer>, KeyRefused> {
        self.sign.clone().signer(self.save_evidence.as_deref().unwrap_or(Path::new("")), self.run.life)
    }

    /// Returns the files of this command alone.
    fn files(&self) -> Files {
        let evidence = self.save_evidence.as_deref();
        let files = Files::default().writes("--save-evidence", evidence);
        self.sign.files(evidence.unwrap_or(Path::new("")), files)
    }

    async fn watch(self, target: Target, keeper: String) -> Result<Exit, CommandError> {
        let mut interrupt = Interrupt::watch().map_err(RunError::Signals)?;
        let board = Board::default();
        let _server = match self.listen {
            Some(address) => Some(Server::begin(address, board.clone()).await.map_err(CommandError::Listen)?),
            None => None,
        };
        // A credential plugin may wait for somebody.
        let connection = tokio::select! {
            biased;
            () = interrupt.arrival() => return Ok(Exit::Interrupted),
            made = within(Patience { timeout: ANSWER }, connect::connect(&target.login)) => made?,
        };
        let connection = connection.map_err(RunError::from)?;
        board.asks(connection.pace.made());
        let identity = identity()?;
        let recording = Recording::new(connection.client.clone(), identity.clone());
        let candidate = Candidate::new(connection.client.clone(), &keeper, &target.namespace, identity);
        let place = format!("{keeper}/{}", lease::name(&target.namespace));
        let namespace = target.namespace;
        let scope = Scope {
            namespace: namespace.clone(),
            control: target.control_namespace,
            pool_label: target.pool_label,
            startup_taint: self.remove_taint.clone().map(|key| StartupTaint::new(key, &namespace)),
        };
        tokio::select! {
            biased;
            () = interrupt.arrival() => return Ok(Exit::Interrupted),
            found = within(Patience { timeout: ANSWER }, candidate.find()) => found??,
        }
        loop {
            let held = tokio::select! {
                biased;
                () = interrupt.arrival() => return Ok(Exit::Interrupted),
                held = candidate.acquire() => held?,
            };
            say(&format!("this replica holds the Lease {place}"));
            let mut term = Term { interrupt: &mut interrupt, held };
            board.acts(true);
            let over = self.act(&connection, scope.clone(), &mut term, (&board, &recording)).await;
            board.acts(false);
            match over {
                Over::Signal => {
                    term.held.release().await;
                    return Ok(Exit::Interrupted);
                }
                Over::Lost => {
                    say(&format!("the Lease {place} is lost: nothing is published until it is held again"));
                }
            }
        }
    }

    /// Makes runs, and keeps the startup taint of nodes, for as long as this replica may act.
    async fn act(
        &self,
        connection: &Connection,
        scope: Scope,
        term: &mut Term<'_>,
        (board, recording): (&Board, &Recording),
    ) -> Over {
        let taint = scope.startup_taint.clone();
        let watching = Watching::new(connection.client.clone(), scope);
        board.watches(watching.unwatched());
        let (seen, proofs) = (watching.observed(), Sender::<Standings>::default());
        let known = proofs.subscribe();
        // The word for the keeper that the term is over: a run that is under way cleans up after that.
        let stop = Stop::default();
        let mut told = stop.told();
        let kept = async {
            if let Some(taint) = taint {
                let keeper = Keeper::new(connection.client.clone(), taint, recording.clone());
                tokio::select! {
                    biased;
                    () = told.arrival() => (),
                    () = keeper.keep(seen, known, |outcome| say(&outcome.to_string())) => (),
                }
            }
        };
        tokio::select! {
            biased;
            over = self.runs(watching, term, (board, recording), (&proofs, &stop)) => over,
            over = async { kept.await; std::future::pending().await } => over,
        }
    }

    /// Makes runs for as long as this replica may act.
    async fn runs(
        &self,
        mut watching: Watching,
        term: &mut Term<'_>,
        (board, recording): (&Board, &Recording),
        (proofs, keeper): (&Sender<Standings>, &Stop),
    ) -> Over {
        let mut course = Course::default();
        loop {
            tokio::select! {
                biased;
                over = term.over() => return over,
                () = watching.refresh() => (),
            }
            // Changes from here on call for one more run.
            let then = watching.scene();
            course.begins(&then);
            let begun = Instant::now();
            let ended = match self.one(term, keeper).await {
                Ok(ended) => ended,
                Err(over) => return over,
            };
            board.ended(ended.as_ref().map(|ended| ended.exit), begun.elapsed());
            if let Some(ended @ Ended { report, published, .. }) = &ended {
                let until = clock::now().saturating_add(self.run.life.valid_for.as_secs());
                board.reported(report.metrics(), published.as_ref(), until);
                let now = watching.scene();
                startup_taint::take(ended, &then, |name| now.node(name).is_some(), proofs);
                if let Some(published) = published.as_ref().filter(|published| published.is_news) {
                    let told = format!("the proof says: {}", report.headline());
                    tokio::select! {
                        biased;
                        over = term.over() => return over,
                        () = recording.verdict(&published.object, report.verdict.passes(), told) => (),
                    }
                }
            }
            let pause = course.after(ended, then, &watching.scene());
            say(&format!(
                "the next run is due in {}",
                humantime::format_duration(Duration::from_secs(pause.as_secs()))
            ));
            let due = Instant::now() + pause;
            let mut discoveries = 0;
            while Instant::now() < due {
                // A kind that was not discovered is not watched.
                let discovery = if watching.is_whole() {
                    due
                } else {
                    discoveries += 1;
                    due.min(Instant::now() + renewal::after_failure(discoveries, jitter()))
                };
                tokio::select! {
                    biased;
                    over = term.over() => return over,
                    changes = watching.changes(&course.known, &course.used) => {
                        say(&format!("a new run: {}", told(&changes)));
                        break;
                    }
                    () = sleep_until(discovery) => (),
                }
                if discovery < due {
                    tokio::select! {
                        biased;
                        over = term.over() => return over,
                        () = watching.refresh() => (),
                    }
                }
            }
        }
    }

    /// Makes one run. Returns its end, `None` for one without a record, or why it had to stop, after it removed its objects. The keeper
    /// of the startup taint stops before that.
    async fn one(&self, term: &mut Term<'_>, keeper: &Stop) -> Result<Option<Ended>, Over> {
        // The policy file is read for each run. A mistake in it is told, and is a failed run.
        let Ok(prepared) = self.run.clone().prepare(CLUSTER_TIMEOUT, self.files()) else { return Ok(None) };
        let Prepared { target: Some(mut target), request, policy, policy_file, delivery, publishing } =
            prepared
        else {
            return Ok(None);
        };
        target.startup_taint.clone_from(&self.remove_taint);
        let signer = match self.signer() {
            Ok(signer) => signer,
            Err(refused) => {
                refused.tell();
                return Ok(None);
            }
        };
        let ending = Ending {
            signing: Signing::of_run(signer, &policy, policy_file.as_ref(), request.started_at),
            policy,
            delivery,
            probe: if self.save_evidence.is_some() { NamedProbe::BuiltIn } else { NamedProbe::Nowhere },
            save_evidence: self.save_evidence.clone(),
            policy_file,
            publishing,
        };
        let (stop, launcher) = (Stop::default(), ClusterLauncher { target });
        let mut run = Box::pin(ending.run_until(&launcher, request, Some(stop.told())));
        let ended = tokio::select! {
            biased;
            over = term.over() => {
                keeper.tell();
                stop.tell();
                _ = run.await;
                return Err(over);
            }
            ended = &mut run => ended,
        };
        Ok(ended.map_err(|error| error.tell()).ok())
    }
}

/// The most changes that a line names.
const NAMED: usize = 5;

fn told(changes: &[Change]) -> String {
    let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
    abridged(&changes, NAMED, ", ")
}
