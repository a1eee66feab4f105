//! The truth matrix: the judgement in every world that this machine can have, whether genuine, other or dressed up as
//! gVisor. Each world is a row and a test. At the end the whole matrix is printed.

mod changes;
mod genuine;
mod impostors;
mod machine;
mod others;
mod withheld;

use std::{
    collections::BTreeMap,
    fmt,
    io::Write,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use comfy_table::{Table, presets::NOTHING};
use serde_json::Value;
use stage::{Ended, Ground, bundle, run, worlds::releases::Date};

use crate::{Row, row};

pub(crate) use others::crun;

/// A change to the hardened bundle of [`bundle::write`], in the bundle's folder.
type Change = fn(&Path, &mut Value);

/// One world, which is a row of the matrix.
#[derive(Clone, Debug)]
struct World {
    name: String,
    /// The command for `--runtime`; `None` for no sandbox.
    runtime: Option<String>,
    /// Changes to a bundle for `--bundle`; `None` for the controller's own bundle.
    bundle: Option<Vec<Change>>,
    /// Set when the whole controller runs in a network namespace of its own, for a sandbox that shares it.
    apart: bool,
    missing: Option<Missing>,
    expected: Expected,
}

/// The reason why a world is missing.
#[derive(Clone, Debug)]
enum Missing {
    /// This machine lacks the named program; in CI nothing may be missing.
    Here(String),
    /// The release lacks the named flag, so the world does not exist.
    InThisRelease(&'static str),
}

/// The expected cells of a row.
#[derive(Clone, Debug)]
struct Expected {
    outcome: Outcome,
    disguise: bool,
    /// The platform in the citation's words; `None` where the kernel is not gVisor's.
    platform: Option<&'static str>,
    /// The release date of this gVisor, which the reported range must cover.
    released: Option<Date>,
    /// The settings that are reported to weaken the sandbox.
    weakened: Vec<&'static str>,
}

/// A requirement's outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    Met,
    Unmet,
    Inconclusive,
}

/// The cells of a row, as reported.
#[derive(Debug, Eq, PartialEq)]
struct Cells {
    outcome: String,
    disguise: bool,
    platform: Option<String>,
    releases: Option<String>,
    weakened: Vec<String>,
}

/// The place of a world in the matrix.
type Place = usize;

/// Every row of this run, in its order.
static MATRIX: Mutex<BTreeMap<Place, [String; 6]>> = Mutex::new(BTreeMap::new());

/// Worlds that do not exist, with the flag that their release lacks.
static WITHOUT: Mutex<Vec<(String, &str)>> = Mutex::new(Vec::new());

/// Returns the rows of this machine, and those of the emulated one, which wait for each other.
pub(super) fn rows() -> [Vec<Row>; 2] {
    let worlds = [genuine::worlds(), others::worlds(), impostors::worlds(), withheld::worlds()];
    let in_ci = std::env::var_os("CI").is_some();
    let mut rows = Vec::new();
    let mut places = 0..;
    for (place, world) in places.by_ref().zip(worlds.into_iter().flatten()) {
        let name = format!("truth: {}", world.name);
        match world.missing.clone() {
            Some(Missing::InThisRelease(flag)) => locked(&WITHOUT).push((world.name, flag)),
            Some(Missing::Here(what)) => {
                _ = writeln!(std::io::stderr(), "SKIPPING {}: {what}", world.name);
                rows.push(Row { skipped: !in_ci, ..row(name, move || panic!("{what}")) });
            }
            None => rows.push(row(name, move || check(place, &world, &verify(&world)))),
        }
    }
    [rows, machine::rows(places.start)]
}

/// Prints the matrix of all rows.
pub(super) fn print() {
    let mut out = std::io::stdout();
    let rows = locked(&MATRIX);
    if rows.is_empty() {
        return;
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "world",
        "outcome",
        "platform",
        "releases",
        "weakened by",
        "disguise",
    ]);
    table.add_rows(rows.values().cloned());
    _ = writeln!(out, "\nThe truth matrix\n{table}");
    for (name, flag) in locked(&WITHOUT).iter() {
        _ = writeln!(out, " {name}: no row, because this release has no {flag}");
    }
}

/// Locks a list, which a failed row leaves as it was.
fn locked<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compares a run's report with the expected cells.
fn check(place: Place, world: &World, ended: &Ended) {
    let cells = Cells::of(ended);
    cells.keep(place, &world.name);
    let Expected { outcome, disguise, platform, released, weakened } = &world.expected;
    let isolation = ended.finding("runtime-isolation");
    let kernel = (cells.outcome.as_str(), cells.disguise, cells.platform.as_deref());
    assert_eq!(kernel, (outcome.to_string().as_str(), *disguise, *platform), "{isolation:#}");
    let covered = |date: &Date| cells.releases.as_deref().is_some_and(|range| covers(range, *date));
    assert!(released.as_ref().is_none_or(covered), "{released:?}: {isolation:#}");
    assert_eq!(cells.weakened, *weakened, "{ended:#?}");
}

/// True if a release is in a range as the report gives it: `from 2023-08-24 to 2024-12-10`, `from 2026-08-31 on`.
fn covers(range: &str, (year, month, day): Date) -> bool {
    let date = format!("{year}-{month:02}-{day:02}");
    let after = |word: &str| range.split_once(word).and_then(|(_, rest)| rest.get(..date.len()));
    let since = after("from ").is_none_or(|since| since <= date.as_str());
    let before = after("to ").or_else(|| after("before ")).is_none_or(|before| date.as_str() < before);
    (range.starts_with("from ") || range.starts_with("before ")) && since && before
}

/// Verifies for production, which judges every requirement, and proves that nothing is left behind.
fn verify(world: &World) -> Ended {
    let ground = Ground::beside_others();
    let bundle = world.bundle.as_ref().map(|changes| {
        let folder = ground.path().join("mine");
        std::fs::create_dir(&folder).unwrap();
        bundle::write(&folder, |config| changes.iter().for_each(|change| change(&folder, config)));
        folder
    });
    let words = world.words(bundle.as_deref());
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    // A PATH without runsc is a machine without runsc.
    let path = ground.path().display().to_string();
    let ended = match (world.apart, &world.runtime) {
        (true, _) => run::run_apart(&words, ground.path(), &[]),
        (false, Some(_)) => run::run(&words, ground.path(), &[]),
        (false, None) => run::run(&words, ground.path(), &[("PATH", &path)]),
    };
    assert_eq!(ground.leftovers(&["mine"]), [""; 0], "{ended:#?}");
    ended
}

// === impl World ===

impl World {
    /// Makes a world whose kernel is not gVisor's.
    fn other(name: impl Into<String>, runtime: Result<String, String>, bundle: Option<Vec<Change>>) -> Self {
        let (runtime, missing) = match runtime {
            Ok(runtime) => (Some(runtime), None),
            Err(missing) => (None, Some(Missing::Here(missing))),
        };
        let expected = Expected {
            outcome: Outcome::Unmet,
            disguise: false,
            platform: None,
            released: None,
            weakened: Vec::new(),
        };
        Self { name: name.into(), runtime, bundle, apart: false, missing, expected }
    }

    /// Returns the controller's arguments.
    fn words(&self, bundle: Option<&Path>) -> Vec<String> {
        let words = ["verify", "--local", "--quiet", "--environment", "production", "--output", "json"];
        let mut words = words.map(str::to_owned).to_vec();
        let bundle = bundle.map(|folder| folder.display().to_string());
        for (flag, value) in [("--runtime", &self.runtime), ("--bundle", &bundle)] {
            words.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
        }
        words
    }

    /// Expects a disguise: something in the world claims to be gVisor.
    fn disguised(self) -> Self {
        Self { expected: Expected { disguise: true, ..self.expected }, ..self }
    }

    /// Expects an inconclusive kernel, because too many signals contradict each other. A program that stops every
    /// call looks like this platform.
    fn unclear(self, platform: &'static str) -> Self {
        let platform = Some(platform);
        Self { expected: Expected { outcome: Outcome::Inconclusive, platform, ..self.expected }, ..self }
    }
}

// === impl Cells ===

impl Cells {
    fn of(ended: &Ended) -> Self {
        let isolation = ended.finding("runtime-isolation");
        let cited = |source: &str| {
            let citations = isolation["evidence"].as_array().into_iter().flatten();
            let mut texts = citations.filter(|citation| citation["source"] == source);
            texts.next().and_then(|citation| citation["text"].as_str()).map(str::to_owned)
        };
        Self {
            outcome: isolation["outcome"].as_str().unwrap_or_default().to_owned(),
            disguise: isolation["disguise"] == true,
            platform: cited("platform"),
            releases: cited("releases"),
            weakened: weakened(ended),
        }
    }

    fn keep(&self, place: Place, name: &str) {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let row = [
            name.to_owned(),
            self.outcome.clone(),
            text(&self.platform),
            text(&self.releases),
            self.weakened.join(", "),
            if self.disguise { "disguise" } else { "" }.to_owned(),
        ];
        locked(&MATRIX).insert(place, row);
    }
}

/// Returns the names of the settings that weaken the sandbox, as the citations of both requirements begin, in
/// alphabetical order.
fn weakened(ended: &Ended) -> Vec<String> {
    let findings = ["runtime-settings", "runtime-hardening"].map(|id| ended.finding(id));
    let citations = findings.iter().flat_map(|finding| finding["evidence"].as_array().into_iter().flatten());
    let texts = citations.filter_map(|citation| citation["text"].as_str());
    let names = texts.filter_map(|text| text.split_once(": weakened").map(|(name, _)| name.to_owned()));
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Met => "met",
            Self::Unmet => "unmet",
            Self::Inconclusive => "inconclusive",
        })
    }
}
