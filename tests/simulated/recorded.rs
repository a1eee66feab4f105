//! The requests of commands in a real cluster, which a test there compares with the files in `recorded`, and writes to them if
//! `UPDATE_RECORDED` is set. The simulated API server gets the same requests from the same commands, and gives each recorded
//! request an answer of the same status and kind.

mod exchange;
mod log;
mod modes;
mod replay;
mod world;

use std::{path::Path, rc::Rc, time::Duration};

use crate::{
    cluster::{CONTROL, IMAGE, NAMESPACE},
    fault::Fault,
    simulation::Simulation,
};

pub(crate) use exchange::Exchange;
use modes::{CLEANUP, CONTROLLED, MODES, Mode};

/// A time of starting after which a run reads warnings.
const LATE: Duration = Duration::from_secs(3);
/// The names in the simulated cluster that tests of the real cluster choose otherwise.
const NAMES: [(&str, &str); 4] =
    [(NAMESPACE, "{judged}"), (CONTROL, "{control}"), (world::POD, "{pod}"), (world::NODE, "{node}")];

fn words(mode: &Mode) -> Vec<&'static str> {
    let words = mode.words(NAMESPACE, CONTROL, "registry.example/probe:1");
    let digest: &[_] = if words[0] == CLEANUP.name { &[] } else { &["--image-digest", IMAGE] };
    [&words, digest].concat()
}

/// Returns the recorded exchanges of a command.
fn recorded(mode: &Mode) -> Vec<Exchange> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("recorded/{}.txt", mode.name));
    let lines = std::fs::read_to_string(file).unwrap();
    lines.lines().map(|line| Exchange::read(line).unwrap()).collect()
}

/// Returns a cluster like the real one, which keeps exchanges.
fn simulation() -> Rc<Simulation> {
    let simulation = Simulation::new(1);
    world::prepare(&simulation.cluster);
    simulation.cluster.start_in(LATE);
    simulation.cluster.keep_exchanges();
    simulation
}

/// Returns a cluster in which a run was killed while its probe was asked.
fn killed() -> Rc<Simulation> {
    let words = words(&CONTROLLED);
    let (_, history) = simulation().run(&words, &[]);
    let of_probe = format!("/namespaces/{NAMESPACE}/pods/");
    let is_exec = |it: &String| it.contains("/exec?") && it.contains(&of_probe);
    let exec = history.requests().iter().position(is_exec).unwrap();
    let simulation = simulation();
    simulation.run(&words, &[(exec, Fault::Kill)]);
    simulation
}

/// Returns the differences between the recorded requests of a command and those in a simulated cluster.
fn differences(mode: &Mode, simulation: &Rc<Simulation>) -> Vec<String> {
    let (ended, _) = simulation.run(&words(mode), &[]);
    let simulated: Vec<_> = simulation.cluster.exchanges().iter().map(|it| it.general(&NAMES)).collect();
    let real = recorded(mode);
    let mut found = log::differences(("in the real cluster", &real), ("here", &simulated), mode.deletes);
    if ended.code != Some(mode.code) {
        found.push(format!("{ended:?}"));
    }
    found.into_iter().map(|it| format!("{}: {it}", mode.name)).collect()
}

#[test]
fn commands_make_the_requests_that_they_make_in_a_real_cluster() {
    let mut found: Vec<_> = MODES.iter().flat_map(|mode| differences(mode, &simulation())).collect();
    found.extend(differences(&CLEANUP, &killed()));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn recorded_requests_get_the_answers_of_a_real_cluster() {
    let mut found: Vec<_> =
        MODES.iter().flat_map(|mode| replay::differences(&simulation(), mode, &recorded(mode))).collect();
    found.extend(replay::differences(&killed(), &CLEANUP, &recorded(&CLEANUP)));
    assert!(found.is_empty(), "{}", found.join("\n"));
}
