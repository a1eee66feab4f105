//! The rows of the table for one size.

use std::{cell::RefCell, env, fs, io, process::Command};

use stage::{
    cluster::{Crowd, IMAGE_DIGEST, NEVER_STARTS, Requests, SimulatedNodes},
    run,
};

use super::{
    floor,
    measure::{Cost, cost, cost_until},
    table,
};

/// The reference of the image, which no simulated node pulls.
pub(super) const IMAGE: &str = "registry.example/probe:1";
/// The number of policies that give each workload a policy of its own.
const MANY: usize = 100;

/// Measures and prints a row by its title, if the row is wanted.
type Row<'a> = dyn Fn(&str, &dyn Fn() -> Cost) -> io::Result<Option<Cost>> + 'a;

/// Returns a command of the controller in the judged namespace.
pub(super) fn controller(cluster: &SimulatedNodes, words: &[&str]) -> Command {
    let mut command = cluster.inside(run::controller_program());
    command.args([words[0], "--namespace", cluster.judged()]).args(&words[1..]);
    command
}

/// Returns the command of a run that probes every node.
pub(super) fn verify(cluster: &SimulatedNodes, image: &str, words: &[&str]) -> Command {
    let all = ["verify", "--nodes", "all", "--max-probes", "4096"];
    let image = ["--image", image, "--image-digest", IMAGE_DIGEST];
    controller(cluster, &[&all[..], &image, words].concat())
}

/// Measures and prints every row whose title contains the variable `ROWS`. Returns the costs by their titles.
pub(super) fn run(cluster: &mut SimulatedNodes, nodes: usize) -> io::Result<Vec<(String, Cost)>> {
    let wanted = env::var("ROWS").unwrap_or_default();
    let all = RefCell::new(Vec::new());
    let row = |title: &str, measured: &dyn Fn() -> Cost| -> io::Result<Option<Cost>> {
        if !title.contains(&wanted) {
            return Ok(None);
        }
        let cost = measured();
        table::line(title, nodes, &cost)?;
        all.borrow_mut().push((title.to_owned(), cost.clone()));
        Ok(Some(cost))
    };
    let fast = ["--quiet", "--parallel", "64", "--settle", "0", "--timeout", "20m"];
    for (title, bare, controls) in [
        ("verify", "bare client", &[][..]),
        ("verify with controls", "bare client with controls", &["--control-namespace", cluster.control()]),
    ] {
        let words = [&fast[..], controls].concat();
        let measured = row(title, &|| cost(cluster, &mut verify(cluster, IMAGE, &words)))?;
        let floor = row(bare, &|| cost(cluster, &mut floor::command(cluster, nodes, !controls.is_empty())))?;
        if let (Some(measured), Some(floor)) = (measured, floor) {
            table::ratio(&measured, &floor)?;
        }
    }
    // The stage's own environment makes one round of attempts.
    row("verify by default flags", &|| {
        cost(cluster, verify(cluster, IMAGE, &[]).env_remove("PODPROOF_SETTLE"))
    })?;
    saved(cluster, &fast, &row)?;
    row("plan", &|| cost(cluster, &mut controller(cluster, &["plan", "--image", IMAGE])))?;
    let never = ["--quiet", "--parallel", "64", "--settle", "0", "--timeout", "60s"];
    row("verify, no pod starts", &|| cost(cluster, &mut verify(cluster, NEVER_STARTS, &never)))?;
    if row("verify, killed halfway", &|| killed(cluster, nodes, &fast))?.is_some() {
        row("cleanup of verify, killed", &|| cost(cluster, &mut controller(cluster, &["cleanup"])))?;
    }
    cluster.grow(Crowd::of(nodes, MANY));
    let many = ["plan", "--nodes", "all", "--timeout", "20m", "--image", IMAGE];
    let plan = || cost(cluster, &mut controller(cluster, &many));
    row("plan --nodes all, 100 policies", &plan)?;
    cluster.grow(Crowd::of(nodes, 1));
    Ok(all.into_inner())
}

/// Measures a run that writes its record, and the reading of that record.
fn saved(cluster: &SimulatedNodes, fast: &[&str], row: &Row<'_>) -> io::Result<()> {
    let [json, evidence] = ["report.json.gz", "evidence.json.gz"].map(|name| cluster.state().join(name));
    let (report, record) = (format!("--output=json={}", json.display()), evidence.display().to_string());
    let words = [fast, &[&report, "--save-evidence", &record]].concat();
    if row("verify that saves everything", &|| cost(cluster, &mut verify(cluster, IMAGE, &words)))?.is_none()
    {
        return Ok(());
    }
    for (title, file) in [("compressed JSON report", &json), ("compressed evidence", &evidence)] {
        table::file(title, fs::metadata(file).map_or(0, |metadata| metadata.len()))?;
    }
    row("score of what verify saved", &|| {
        cost(cluster, cluster.inside(run::controller_program()).args(["score", &record]))
    })?;
    Ok(())
}

/// Kills a run after half of its probe pods were created.
fn killed(cluster: &SimulatedNodes, nodes: usize, fast: &[&str]) -> Cost {
    let half = |requests: &Requests| requests.kinds.get("create pods").is_some_and(|pods| *pods > nodes / 2);
    cost_until(cluster, &mut verify(cluster, IMAGE, fast), half)
}
