//! Releases of runsc on this machine: the system's own, Debian trixie's, and a release that is built from its Go
//! module.

use std::{env, fmt, process::Command};

use super::{installed, is_pretended};

/// A date as year, month and day.
pub type Date = (u32, u32, u32);

/// One release of runsc.
#[derive(Clone, Debug)]
pub struct Runsc {
    /// The program's path.
    pub program: String,
    /// The date of its release.
    pub date: Date,
}

/// A release, or the reason why this machine does not have it.
#[derive(Clone, Debug)]
pub struct Release {
    /// The release's name for people.
    pub name: &'static str,
    /// The program, or the reason why it is missing.
    pub runsc: Result<Runsc, String>,
}

/// A sandbox's way to catch system calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Platform {
    /// Interception by ptrace(2).
    Ptrace,
    /// Interception by seccomp's SIGSYS.
    Systrap,
}

/// The first release with systrap, which is its default platform (gVisor e5f2478be).
const SYSTRAP: Date = (2023, 6, 13);

/// Debian bookworm's release, and Debian trixie's.
pub(crate) const BOOKWORM: Date = (2022, 12, 19);
pub(crate) const TRIXIE: Date = (2024, 7, 29);
/// Releases that are built from gVisor's Go module.
pub(crate) const OF_2023: Date = (2023, 9, 28);
pub(crate) const OF_2025: Date = (2025, 2, 5);
pub(crate) const NEWEST: Date = (2026, 9, 5);

/// Returns every release, also those that are missing here; in CI a missing release is an error.
pub fn all() -> Result<Vec<Release>, String> {
    let ours = [
        ("runsc of 2024", TRIXIE, "stage/runsc-of-trixie", &[][..], ""),
        ("runsc of 2026", NEWEST, "cluster/parts/build", &["gvisor"], "/runsc"),
    ];
    let machines = match Runsc::of(&installed("runsc")?) {
        // A machine that has no runsc yet gets Debian's.
        Err(_) if is_pretended() => Runsc { program: String::new(), date: BOOKWORM },
        runsc => runsc?,
    };
    let mut all = vec![Release { name: "runsc of the machine", runsc: Ok(machines) }];
    for (name, date, path, words, file) in ours {
        if is_pretended() {
            all.push(Release { name, runsc: Ok(Runsc { program: String::new(), date }) });
            continue;
        }
        match script(path, words).and_then(|path| Runsc::of(&(path + file))) {
            Err(why) if env::var_os("CI").is_some() => return Err(why),
            runsc => all.push(Release { name, runsc }),
        }
    }
    Ok(all)
}

/// Returns the output of a script of these tests.
pub(crate) fn script(path: &str, words: &[&str]) -> Result<String, String> {
    let script = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(&script).args(words).output().map_err(|error| format!("{script}: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

// === impl Runsc ===

impl Runsc {
    /// Reads the date from the version: the first run of digits that has eight of them (`0.0~20240729.0`,
    /// `v0.0.0-20260905035102-160fafc42237`).
    fn of(program: &str) -> Result<Self, String> {
        let output = Command::new(program).arg("--version").output();
        let version = output.map_err(|error| format!("{program}: {error}"))?.stdout;
        let version = String::from_utf8_lossy(&version).into_owned();
        let runs = version.split(|character: char| !character.is_ascii_digit());
        let part = |digits: &str| digits.parse::<u32>().ok();
        let mut dates = runs.filter_map(|digits| {
            Some((part(digits.get(..4)?)?, part(digits.get(4..6)?)?, part(digits.get(6..8)?)?))
        });
        let date = dates.next().ok_or_else(|| format!("{program} does not tell its date: {version}"))?;
        Ok(Self { program: program.to_owned(), date })
    }

    /// Returns the year of the release.
    pub fn year(&self) -> u32 {
        self.date.0
    }

    /// Returns the platforms of this release, its default first.
    pub fn platforms(&self) -> &'static [Platform] {
        if self.date < SYSTRAP { &[Platform::Ptrace] } else { &[Platform::Systrap, Platform::Ptrace] }
    }

    /// Returns the command that runs it on a platform.
    pub fn command(&self, platform: Platform) -> String {
        format!("{} --platform={platform}", self.program)
    }
}

// === impl Platform ===

impl Platform {
    /// Returns the platform's name in runsc's flag.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ptrace => "ptrace",
            Self::Systrap => "systrap",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
