//! An emulated `AArch64` machine, for worlds of that architecture: QEMU without a network device. It boots once, runs each
//! case in its turn, and reports over its serial console.

mod archive;
mod image;

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::run::Ended;

pub use image::Parts;

/// The longest time from the start to the last case's end. The cases need three minutes of one idle processor.
const LIMIT: Duration = Duration::from_mins(30);
/// One processor, whose clock counts instructions, 16 ns each: the machine has the same speed by its own clock however busy
/// the host is, and an idle moment takes no time (QEMU, docs/devel/tcg-icount.rst). A faster machine's probe would look at
/// gVisor's time page before gVisor has calibrated its clock.
const PROCESSOR: [&str; 6] = ["-cpu", "cortex-a76", "-smp", "1", "-icount", "shift=4,sleep=off"];
/// The beginning of the session's own lines.
const MARK: &str = "@@ ";

/// A run of the controller in the machine.
#[derive(Clone, Debug)]
pub struct Case {
    /// The arguments of the controller.
    pub words: Vec<String>,
    /// A folder that the machine has at the same path.
    pub folder: Option<PathBuf>,
}

/// The end of a case.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// The exit code, and the output.
    pub ended: Ended,
    /// Everything that the run left behind.
    pub left: Vec<String>,
}

/// A machine that runs cases.
#[derive(Debug)]
pub struct Machine {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    finished: BTreeMap<usize, Finished>,
    /// The reason why no further case ends.
    over: Option<String>,
}

impl Machine {
    /// Starts a machine that runs the cases in their order. The folder holds the cases' own folders; it is removed when the
    /// machine has read them.
    pub fn start(parts: Parts, cases: Vec<Case>, folder: TempDir) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::spawn(move || {
            let ended = run(&parts, &cases, folder, &theirs);
            let why = ended.map_or_else(|error| error.to_string(), |()| "the machine ended".to_owned());
            theirs.lock().over = Some(why);
            theirs.changed.notify_all();
        });
        Self { shared }
    }

    /// Waits for the end of the case with this number. An error says why the case did not end.
    pub fn finished(&self, number: usize) -> Result<Finished, String> {
        let waits =
            |progress: &mut Progress| progress.over.is_none() && !progress.finished.contains_key(&number);
        let progress = self.shared.changed.wait_while(self.shared.lock(), waits);
        let progress = progress.unwrap_or_else(PoisonError::into_inner);
        let over = || progress.over.clone().unwrap_or_default();
        progress.finished.get(&number).cloned().ok_or_else(over)
    }
}

/// Boots the machine and keeps each finished case.
fn run(parts: &Parts, cases: &[Case], folder: TempDir, shared: &Shared) -> io::Result<()> {
    let files = folder.path().join("files");
    parts.write(&files, cases)?;
    // The machine also ends with this process, however this process ends.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "qemu-system-aarch64"]);
    command.args(["-M", "virt", "-m", "3G", "-nic", "none", "-no-reboot"]).args(PROCESSOR);
    command.args(["-display", "none", "-monitor", "none", "-serial", "stdio"]);
    command.arg("-kernel").arg(parts.kernel()?).arg("-initrd").arg(&files);
    command.args(["-append", "console=ttyAMA0 quiet loglevel=1 panic=-1"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map(Killed)?;
    let console = child.0.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || read(console, &sender));
    let end = Instant::now() + LIMIT;
    let mut folder = Some(folder);
    let mut session = Session::default();
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                // QEMU has read the files before the machine says anything.
                drop(folder.take());
                if let Some((number, finished)) = session.line(&line) {
                    shared.lock().finished.insert(number, finished);
                    shared.changed.notify_all();
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                return Err(io::Error::other("the machine took too long"));
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return session.over(cases.len()),
        }
    }
}

fn read(console: ChildStdout, lines: &mpsc::Sender<String>) {
    for line in BufReader::new(console).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
        if lines.send(line).is_err() {
            break;
        }
    }
}

/// A process that ends with its owner.
#[derive(Debug)]
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// The parts of a case's report.
#[derive(Clone, Copy, Debug, Default)]
enum Part {
    #[default]
    Output,
    Errors,
    Left,
}

/// The lines of the console, read as reports of cases.
#[derive(Debug, Default)]
struct Session {
    case: Option<(usize, Finished)>,
    part: Part,
    count: usize,
    /// Lines outside a case: the kernel's, and those of a session that fails.
    others: Vec<String>,
}

impl Session {
    /// Takes one line, and returns the case that the line ends.
    fn line(&mut self, line: &str) -> Option<(usize, Finished)> {
        let words = line.strip_prefix(MARK).unwrap_or_default();
        match words.split_once(' ').unwrap_or((words, "")) {
            ("case", number) => {
                self.case = number.parse().ok().map(|number| (number, Finished::default()));
                self.part = Part::Output;
            }
            ("errors", _) => self.part = Part::Errors,
            ("left", _) => self.part = Part::Left,
            ("ended", code) => {
                let (number, mut finished) = self.case.take()?;
                // A status of wait(2) has the exit code in its second byte.
                finished.ended.status = ExitStatus::from_raw(code.parse::<i32>().ok()? << 8);
                self.count += 1;
                return Some((number, finished));
            }
            _ => self.text(line),
        }
        None
    }

    fn text(&mut self, line: &str) {
        let Some((_, finished)) = &mut self.case else {
            self.others.push(line.to_owned());
            return;
        };
        match self.part {
            Part::Output => finished.ended.out.extend([line, "\n"]),
            Part::Errors => finished.ended.err.extend([line, "\n"]),
            Part::Left => finished.left.push(line.to_owned()),
        }
    }

    /// Judges the end of the console.
    fn over(self, cases: usize) -> io::Result<()> {
        if self.count == cases {
            return Ok(());
        }
        let others = self.others.join("\n");
        Err(io::Error::other(format!("the machine ended after {} of {cases} cases: {others}", self.count)))
    }
}

// === impl Case ===

impl Case {
    /// Returns a shell script that runs the case.
    fn script(&self) -> io::Result<String> {
        let words = shlex::try_join(self.words.iter().map(String::as_str)).map_err(io::Error::other)?;
        Ok(format!("exec controller {words}\n"))
    }
}

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
