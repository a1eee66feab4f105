//! Every fault at the requests that a watch makes beside its runs: for its Lease, its events, its nodes, and one of the kinds that it
//! reads and watches all alike.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{LONG, MINUTE, WATCH, add_policy, left, simulation};
use crate::{
    cluster::Cluster,
    crew::check_all,
    enumeration::{CLEANUP, meetings},
    fault::Fault,
    history::History,
    simulation::{Ended, Simulation},
    startup_taint::{self, has_taint, tainted},
    store::text,
};

/// The first request that is made again after any fault. Those before it find out if there can be a Lease at all.
const FIRST: usize = 2;

/// The verdict and the tainted nodes, before a policy is added and after that.
type States = [String; 2];

/// A watch that has ended.
struct Watched {
    ended: Ended,
    history: History,
    states: States,
}

/// Watches for some time, in which a policy is added, and ends by a signal.
fn watched(simulation: &Rc<Simulation>, words: &[&str], faults: &[(usize, Fault)]) -> Watched {
    let cluster = simulation.cluster.clone();
    let states = Rc::new(RefCell::new(States::default()));
    let told = Rc::clone(&states);
    simulation.beside(LONG, async move {
        until(&cluster, true).await;
        sleep(MINUTE * 2).await;
        told.borrow_mut()[0] = state(&cluster);
        add_policy(&cluster, "open");
        until(&cluster, false).await;
        sleep(MINUTE / 2).await;
        told.borrow_mut()[1] = state(&cluster);
        cluster.interrupt();
    });
    let (ended, history) = simulation.run(words, faults);
    Watched { ended, history, states: states.take() }
}

fn verdict(cluster: &Cluster) -> String {
    text(&cluster.proof().unwrap_or_default(), "/verdict")
}

fn state(cluster: &Cluster) -> String {
    let tainted: Vec<_> = ["one", "two"].into_iter().filter(|node| has_taint(cluster, node)).collect();
    format!("{}, tainted {tainted:?}", verdict(cluster))
}

/// Waits until the proof passes or passes no more, but not much longer than the pauses after a failed run.
async fn until(cluster: &Cluster, passes: bool) {
    let begun = Instant::now();
    while verdict(cluster).starts_with("ready") != passes && begun.elapsed() < MINUTE * 20 {
        sleep(Duration::from_secs(1)).await;
    }
}

/// Returns a sentence for each broken promise of a watch, whose states are usually these.
fn broken(
    simulation: &Rc<Simulation>,
    words: &[&str],
    (number, fault): (usize, Fault),
    usual: &States,
) -> Vec<String> {
    let Watched { ended, history, states } = watched(simulation, words, &[(number, fault)]);
    let mut found = Vec::new();
    let made: BTreeSet<_> = history.made().iter().map(|(uid, _)| (*uid).to_owned()).collect();
    let foreign: Vec<_> = history.deleted().into_iter().filter(|(uid, _)| !made.contains(*uid)).collect();
    if !foreign.is_empty() {
        found.push(format!("it deleted {foreign:?}"));
    }
    if ended.code.is_none() {
        let (cleaned, _) = simulation.run(CLEANUP, &[]);
        if cleaned.code != Some(0) {
            found.push(format!("cleanup ended with {cleaned:?}"));
        }
    } else if ended.code != Some(130) {
        found.push(format!("exit code {:?}: {}", ended.code, ended.errors));
    }
    let left = left(&simulation.cluster, &history);
    if !left.is_empty() {
        found.push(format!("{left:?} is left: {}", ended.errors));
    }
    // A lost node may change the verdict.
    let goes_on = !matches!(fault, Fault::Interrupt | Fault::Kill | Fault::NodeGone);
    if goes_on && states != *usual {
        found.push(format!("{states:?} in the place of {usual:?}: {}", ended.errors));
    }
    found
}

/// Returns the number of the first request of the third run. The namespace is not ready, so that this run comes soon, and a fault in it
/// may make it undetermined.
fn third_run(asked: &[String]) -> usize {
    let is_proof = |request: &String| request.starts_with("PATCH ") && request.contains("/configmaps/");
    let published = asked.iter().enumerate().filter(|(_, request)| is_proof(request)).nth(1);
    let (published, _) = published.unwrap();
    let later = asked[published..].iter().position(|request| request == "GET /apis");
    later.map_or(asked.len(), |later| published + later)
}

fn no_violations(words: &[&str], kinds: &[&str], simulation: impl Fn() -> Rc<Simulation> + Sync) {
    let Watched { ended, history, states } = watched(&simulation(), words, &[]);
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert_ne!(states[0], states[1], "{ended:?}");
    let asked = history.requests();
    // Nothing heals a watch that misses the only event of a change: the next run meets the change.
    let mut meetings = meetings(&asked, |fault| fault != Fault::Missed(1));
    let is_tried =
        |request: &String| kinds.iter().any(|kind| request.contains(kind)) && !request.contains("/proxy/");
    let tried = FIRST..third_run(&asked);
    meetings.retain(|&(number, _)| tried.contains(&number) && is_tried(&asked[number]));
    for kind in kinds {
        assert!(meetings.iter().any(|&(number, _)| asked[number].contains(kind)), "{kind}: {asked:#?}");
    }
    let told = check_all(&meetings, |&(number, fault)| {
        let found = broken(&simulation(), words, (number, fault), &states);
        found.iter().map(|it| format!("{fault:?} at {number}, {}: {it}", asked[number])).collect()
    });
    assert!(told.is_empty(), "{} broken promises\n{}", told.len(), told.join("\n"));
}

#[test]
fn no_fault_breaks_a_promise_of_a_watch() {
    let kinds = ["/leases", "/events", "/shop/networkpolicies?&limit", "/shop/networkpolicies?&watch"];
    no_violations(WATCH, &kinds, simulation);
}

#[test]
fn no_fault_breaks_a_promise_about_a_startup_taint() {
    no_violations(&startup_taint::words(), &["/api/v1/nodes/"], tainted);
}
