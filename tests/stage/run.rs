//! The controller as a user runs it: the real program, in an environment that nothing leaks into.

use std::{
    collections::BTreeMap,
    env,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use serde_json::Value;

/// The names of the formats of a report.
pub const FORMATS: [&str; 12] = [
    "text",
    "json",
    "junit",
    "sarif",
    "github",
    "markdown",
    "html",
    "tap",
    "gitlab",
    "prometheus",
    "openreports",
    "policyreport",
];

/// How a run of the controller ended.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// The exit status.
    pub status: ExitStatus,
    /// The standard output.
    pub out: String,
    /// The standard error.
    pub err: String,
}

/// Returns the controller's command with these arguments, in an environment with a PATH of system folders and nothing
/// else.
pub fn controller(words: &[&str]) -> Command {
    let mut command = Command::new(controller_program());
    command.args(words);
    clean(command)
}

/// Returns the path of the controller.
pub fn controller_program() -> PathBuf {
    program("PODPROOF_CONTROLLER", "controller")
}

/// Returns the cases of saved evidence, which has a line for each.
pub fn saved_cases(saved: &[u8]) -> Vec<Value> {
    let lines = saved.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let lines = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap());
    lines.filter_map(|mut line| line.get_mut("case").map(Value::take)).collect()
}

/// Gives a command an environment that nothing leaks into, and pipes for its output. A run makes one round of attempts unless
/// its test asks for two by `--settle`: each row would take the settle time longer.
pub fn clean(mut command: Command) -> Command {
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("RUST_BACKTRACE", "0")
        .env("COLUMNS", "100")
        .env("PODPROOF_SETTLE", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Returns the path of the probe. `make test` has a static probe, which runs in any sandbox. The variable is not the build's
/// `PODPROOF_PROBE`, whose change would compile the controller again.
pub fn probe() -> PathBuf {
    program("PODPROOF_STATIC_PROBE", "probe")
}

/// Returns the path of a controller with the probes of both architectures. An error says how to build it.
pub fn controller_of_both() -> Result<PathBuf, String> {
    built(&format!("{}-unknown-linux-musl/of-both/controller", env::consts::ARCH))
}

/// Returns the paths of the probes that such a controller contains: of x86-64, and of `AArch64`.
pub fn probes_of_both() -> Result<[PathBuf; 2], String> {
    let marked = built(&format!("{}-unknown-linux-musl/probe/probe-of-both", env::consts::ARCH))?;
    Ok([marked, built("aarch64-unknown-linux-musl/probe/probe")?])
}

/// Returns the path of a program that was built for a named target.
pub(crate) fn built(path: &str) -> Result<PathBuf, String> {
    let tests = env::current_exe().map_err(|error| error.to_string())?;
    let found = tests.ancestors().map(|folder| folder.join(path)).find(|path| path.is_file());
    found.ok_or_else(|| format!("there is no {path}: run `make test` or `make cluster-test`"))
}

/// Returns the path of the runtime that goes wrong.
pub fn impostor() -> PathBuf {
    program("PODPROOF_IMPOSTOR", "impostor")
}

/// Returns the path of another program of this stage, by its name.
pub fn prop(name: &str) -> PathBuf {
    beside(name)
}

/// Runs a command to its end, without standard input.
pub(crate) fn finished(command: &mut Command) -> Ended {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ended(command.spawn().unwrap())
}

/// Waits for the end of a run that was started, and reads all its output.
pub fn ended(mut child: Child) -> Ended {
    let errors = child.stderr.take();
    // Both pipes are read at once, because either may fill up.
    let err = std::thread::spawn(move || read(errors));
    let out = read(child.stdout.take());
    Ended { status: child.wait().unwrap(), out, err: err.join().unwrap() }
}

/// Returns the program that a variable names, else the program that cargo built beside this test.
pub(crate) fn program(variable: &str, name: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| beside(name), PathBuf::from)
}

fn beside(name: &str) -> PathBuf {
    let beside = env::current_exe().unwrap();
    let folders = beside.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("there is no {name} near {}: run `make test`", beside.display()))
}

fn read(pipe: Option<impl Read>) -> String {
    let mut text = String::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_string(&mut text).unwrap();
    }
    text
}

impl Ended {
    /// Returns the exit code; `None` after a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns the report, if it was asked for as JSON.
    pub fn report(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Returns each requirement's outcome.
    pub fn outcomes(&self) -> BTreeMap<String, String> {
        let report = self.report();
        let findings = report["sandboxes"][0]["findings"].as_array().unwrap();
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        findings.iter().map(|finding| (text(finding, "id"), text(finding, "outcome"))).collect()
    }

    /// Returns the outcomes other than met and not applicable.
    pub fn lacking(&self) -> BTreeMap<String, String> {
        let mut outcomes = self.outcomes();
        outcomes.retain(|_, outcome| outcome != "met" && outcome != "not-applicable");
        outcomes
    }

    /// Returns the finding of one requirement.
    pub fn finding(&self, id: &str) -> Value {
        let report = self.report();
        let findings = report["sandboxes"][0]["findings"].as_array().unwrap();
        findings
            .iter()
            .find(|finding| finding["id"] == id)
            .cloned()
            .unwrap_or_else(|| panic!("no finding {id}"))
    }
}

/// Runs the controller to its end in a temporary folder of the test's own.
pub fn run(words: &[&str], temporary: &Path, variables: &[(&str, &str)]) -> Ended {
    let mut command = controller(words);
    command.env("TMPDIR", temporary).envs(variables.iter().copied());
    ended(command.spawn().unwrap())
}

/// The user "nobody" and its group, who may do only what everybody may.
pub const NOBODY: u32 = 65534;

/// Starts the controller as that user, with TMPDIR as a folder of its own. `program` is a copy of the controller that
/// this user may run: the tests' own files may lie where only root may go.
pub fn as_nobody(program: &Path, words: &[&str], temporary: &Path) -> Child {
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()]);
    command.arg(program).args(words);
    let mut command = clean(command);
    command.env("TMPDIR", temporary).spawn().unwrap()
}

/// Runs the controller with a file of the test mounted over a file of the machine.
pub fn run_over(words: &[&str], temporary: &Path, file: &Path, place: &str) -> Ended {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount --bind \"$0\" \"$1\" && shift && exec \"$@\""]);
    command.arg(file).arg(place).arg(controller_program()).args(words);
    let mut command = clean(command);
    ended(command.env("TMPDIR", temporary).spawn().unwrap())
}

/// A process list of its own, with the controller as its first process: an ordinary user may not look into the
/// machine's own first process.
pub const FIRST_PROCESS: &[&str] = &["--pid", "--fork", "--kill-child", "--mount-proc"];

/// Runs the controller in a new network namespace that has only loopback, and in whatever else unshare(1) is told to
/// make.
pub fn run_apart(words: &[&str], temporary: &Path, more: &[&str]) -> Ended {
    let mut command = Command::new("unshare");
    command.arg("--net").args(more).args(["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    command.arg(controller_program()).args(words);
    let mut command = clean(command);
    ended(command.env("TMPDIR", temporary).spawn().unwrap())
}
