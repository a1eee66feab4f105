//! runsc in the releases that this machine has: the system's own, Debian trixie's, and one that is built from its Go module.

use std::{env, fmt, process::Command};

use super::{installed, is_pretended};

/// Year, month and day.
pub type Date = (u32, u32, u32);

/// One release of runsc.
#[derive(Clone, Debug)]
pub struct Runsc {
    /// Its path.
    pub program: String,
    /// When it was released.
    pub date: Date,
}

/// A release, or why this machine does not have it.
#[derive(Clone, Debug)]
pub struct Release {
    /// For people.
    pub name: &'static str,
    /// It, where it is here.
    pub runsc: Result<Runsc, String>,
}

/// How the sandbox catches system calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Platform {
    /// By ptrace(2).
    Ptrace,
    /// By seccomp's SIGSYS.
    Systrap,
}

/// The first release with systrap has it as default (gVisor e5f2478be).
const SYSTRAP: Date = (2023, 6, 13);

/// Debian bookworm's release, for a machine that has no runsc yet.
const BOOKWORM: Date = (2022, 12, 19);

/// Every release, also those that are missing here; in CI none may be.
pub fn all() -> Result<Vec<Release>, String> {
    let ours = [
        ("runsc of 2024", (2024, 7, 29), "stage/runsc-of-trixie", &[][..], ""),
        ("runsc of 2026", (2026, 9, 5), "cluster/parts/build", &["gvisor"], "/runsc"),
    ];
    let machines = match Runsc::of(&installed("runsc")?) {
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

/// What a script of these tests prints.
fn script(path: &str, words: &[&str]) -> Result<String, String> {
    let script = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(&script).args(words).output().map_err(|error| format!("{script}: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

// === impl Runsc ===

impl Runsc {
    /// The first eight digits in a row of its version are the date: `0.0~20240729.0`, `v0.0.0-20260905035102-160fafc42237`.
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

    /// The year of its release.
    pub fn year(&self) -> u32 {
        self.date.0
    }

    /// Those that it has, its default first.
    pub fn platforms(&self) -> &'static [Platform] {
        if self.date < SYSTRAP { &[Platform::Ptrace] } else { &[Platform::Systrap, Platform::Ptrace] }
    }

    /// The command that runs it on a platform.
    pub fn command(&self, platform: Platform) -> String {
        format!("{} --platform={platform}", self.program)
    }
}

// === impl Platform ===

impl Platform {
    /// As runsc's flag has it.
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
