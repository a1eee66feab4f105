//! The cost of runs in clusters of simulated nodes, by size: time, processor time, memory, requests, descriptors and remains,
//! beside a bare client that makes, watches, execs into and deletes the same pods. It prints a table. With `--check` it
//! takes one small size, and fails where a count or a size exceeds its bound.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on ends here"
)]

mod check;
mod floor;
mod measure;
mod rows;
mod table;

use std::{env, io, process::ExitCode};

use stage::cluster::{Crowd, SimulatedNodes};

/// The numbers of nodes without the variable `SIZES`.
const SIZES: &[usize] = &[100, 300, 1_000, 3_000];
/// The further number of nodes with the variable `BIG`.
const BIG: usize = 5_000;

fn main() -> io::Result<ExitCode> {
    let words: Vec<_> = env::args().collect();
    if let Some(at) = words.iter().position(|word| word == floor::WORD) {
        return floor::run(&words[at + 1..]);
    }
    let mut cluster = SimulatedNodes::start();
    let ended = if words.iter().any(|word| word == "--check") {
        check::run(&mut cluster)?
    } else {
        let mut measured = Vec::new();
        for size in sizes() {
            cluster.grow(Crowd::of(size, 1));
            table::heading(size)?;
            measured.push((size, rows::run(&mut cluster, size)?));
        }
        table::growth(&measured)?;
        ExitCode::SUCCESS
    };
    let left = cluster.stop();
    if left.is_empty() { Ok(ended) } else { panic!("left behind: {left:?}") }
}

/// Returns the sizes that the environment names, in ascending order: a cluster only grows.
fn sizes() -> Vec<usize> {
    let named = env::var("SIZES").unwrap_or_default();
    let mut sizes: Vec<usize> =
        named.split([' ', ',']).filter(|word| !word.is_empty()).map(|word| word.parse().unwrap()).collect();
    if sizes.is_empty() {
        sizes.extend(SIZES);
        sizes.extend(env::var_os("BIG").map(|_| BIG));
    }
    sizes.sort_unstable();
    sizes
}
