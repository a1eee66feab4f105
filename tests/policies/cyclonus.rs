//! The generated cases of cyclonus (`github.com/mattfenwick/cyclonus`), which simulates each of them by its own matcher.

use controller::case::policy::{Direction, Flow, Peer};
use serde_json::Value;
use stage::policies::{passes, pods, policies, port, program, transport};

/// Pairs of pods, with a port, a protocol and a direction, that the generated cases have at least.
const CELLS: usize = 200_000;

#[test]
fn every_cell_of_the_truth_tables_of_cyclonus_is_the_same() {
    let printed = program("cyclonus").output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let (mut cells, mut allowed, mut different) = (0, 0, Vec::new());
    for line in String::from_utf8(printed.stdout).unwrap().lines() {
        let step: Value = serde_json::from_str(line).unwrap();
        let (pods, policies) = (pods(&step), policies(&step));
        for cell in step["Cells"].as_array().unwrap() {
            let end = |field: &str| &pods[cell[field].as_str().unwrap()];
            let (from, to) = (end("From"), end("To"));
            for (direction, subject, peer, expected) in [
                (Direction::Egress, from, to, &cell["Egress"]),
                (Direction::Ingress, to, from, &cell["Ingress"]),
            ] {
                let flow = Flow {
                    direction,
                    peer: Peer::Pod(peer),
                    port: port(&cell["Port"]),
                    transport: transport(&cell["Protocol"]),
                };
                let verdict = policies.verdict(subject, &flow);
                let passes = passes(&verdict).unwrap_or_else(|| panic!("{verdict:?}"));
                cells += 1;
                allowed += usize::from(passes);
                if Some(passes) != expected.as_bool() {
                    different.push(format!("{}: {direction:?} {cell}: {verdict:?}", step["Case"]));
                }
            }
        }
    }
    assert!(
        different.is_empty(),
        "{} of {cells} cells differ, such as {:#?}",
        different.len(),
        &different[..different.len().min(5)]
    );
    assert!(cells > CELLS && allowed > 0 && allowed < cells, "{cells} cells, {allowed} of them allowed");
}
