//! The bodies on random mutations of their seeds: as many of each as the variable `SEEDS` says, or as take a few seconds.

mod mutation;

use std::{fs, path::PathBuf};

use super::{BODIES, run, wire};
use mutation::{Mutator, Random};

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "tests"].iter().collect()
}

/// Returns the seeds of a body: the files of its folder, and what the repository has of the kind.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let read = |path: PathBuf| fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let files = |folder: PathBuf| {
        let mut paths: Vec<_> =
            fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.into_iter().filter(|path| path.is_file()).map(read)
    };
    let mut seeds: Vec<_> = files(folder().join("fuzz/seeds").join(name)).collect();
    match name {
        "saved" => {
            seeds.push(crate::evidence::saved::FULL.as_bytes().to_vec());
            // A file of one document has a content of its own; another file is many lines.
            seeds.extend(files(folder().join("corpus")).map(|file| {
                let document: Option<serde_json::Value> = serde_json::from_slice(&file).ok();
                document.map_or(file, |document| document["content"].to_string().into_bytes())
            }));
        }
        "wire" => seeds.extend(wire::seeds::all()),
        _ => (),
    }
    assert!(!seeds.is_empty(), "no seeds for {name}");
    seeds
}

/// Runs a body on its seeds and on this number of their mutations. A failure prints the input.
fn mutate(name: &str, count: u64) {
    let count = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(count);
    let seeds = seeds(name);
    for seed in &seeds {
        run(name, seed);
    }
    let mut mutator = Mutator::new(Random::new(name), seeds);
    for round in 0..count {
        let input = mutator.next();
        let result = std::panic::catch_unwind(|| run(name, &input));
        let shown = String::from_utf8_lossy(&input);
        assert!(result.is_ok(), "{name}, round {round}, input {input:?}, as text {shown}");
    }
}

/// `make fuzz` sets `SEEDS_INTO`, the folder into which the seeds go for libFuzzer.
#[test]
fn every_body_has_seeds() {
    let into = std::env::var("SEEDS_INTO").map(PathBuf::from);
    for (name, _) in BODIES {
        let seeds = seeds(name);
        let Ok(into) = &into else { continue };
        let folder = into.join(name);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
        }
    }
}

#[test]
fn every_bundle_is_adapted_or_refused() {
    mutate("bundle", 2_000);
}

#[test]
fn every_list_of_objects_is_read() {
    mutate("objects", 2_000);
}

#[test]
fn every_policy_file_is_read_or_refused() {
    mutate("policy_file", 2_000);
}

#[test]
fn every_saved_file_is_read_or_refused() {
    mutate("saved", 200);
}

#[test]
fn every_text_leaves_the_gate_harmless() {
    mutate("text", 2_000);
}

#[test]
fn every_message_is_evidence_or_a_refusal() {
    mutate("wire", 200);
}
