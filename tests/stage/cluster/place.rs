//! A place: process, mount and network namespaces, held open by one process. When that process ends, the kernel ends
//! every other process in the place and drops its mounts and interfaces.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
    process::{self, Command},
    thread,
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns},
    sys::{
        signal::{SigSet, Signal},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
};

use super::{State, patience};
use crate::network::Host;

/// Settings of the whole machine that a kubelet or Cilium's agent would change, each with the value that it wants.
const WANTED: [(&str, &str); 8] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
    ("kernel/unprivileged_bpf_disabled", "1"),
    ("kernel/timer_migration", "0"),
];

/// A place, known by the process that holds it and by its network namespace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    process: u32,
    /// Inode number of the network namespace, as the holder recorded it.
    network: u64,
}

impl Place {
    /// Returns the place of this name, as soon as it is held.
    pub(super) fn of(state: &State, name: &str) -> Self {
        let file = state.place(name);
        let mut place = None;
        patience::until(&format!("the namespaces of {name}"), &state.log("guard"), || {
            place = fs::read_to_string(&file).ok().and_then(|text| Self::parse(&text));
            place.is_some()
        });
        place.unwrap()
    }

    fn parse(text: &str) -> Option<Self> {
        let (process, network) = text.trim().split_once(' ')?;
        Some(Self { process: process.parse().ok()?, network: network.parse().ok()? })
    }

    /// Returns a program's command in the network of this place, with the machine's files and processes.
    pub fn beside(self, program: impl AsRef<OsStr>) -> Command {
        self.enter(&["--net"], program.as_ref())
    }

    /// Returns a program's command in all namespaces of this place.
    pub fn within(self, program: impl AsRef<OsStr>) -> Command {
        self.enter(&["--mount", "--pid", "--net"], program.as_ref())
    }

    fn enter(self, namespaces: &[&str], program: &OsStr) -> Command {
        self.network().unwrap();
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.process.to_string()).args(namespaces).arg("--").arg(program);
        command
    }

    /// Runs a shell script in all namespaces of this place.
    pub fn sh(self, script: &str) {
        let output = self.within("sh").args(["-ec", script]).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Returns the process that holds the place, as `ip link … netns` wants it.
    pub(super) fn process(self) -> u32 {
        self.process
    }

    /// Returns the network of the place as a host.
    pub fn host(self) -> Host {
        Host::of(self.network().unwrap())
    }

    /// Moves this thread into the network of the place, and checks that the thread is there.
    pub(super) fn join(self) -> io::Result<()> {
        let network = self.network()?;
        setns(network, CloneFlags::CLONE_NEWNET)?;
        self.expect(&File::open("/proc/thread-self/ns/net")?)
    }

    /// Opens the network namespace. The holder's number can belong to another process by now, so a namespace other
    /// than the recorded one is refused: in the machine's own network, a test's packets would leave the machine.
    fn network(self) -> io::Result<File> {
        let network = File::open(format!("/proc/{}/ns/net", self.process))?;
        self.expect(&network)?;
        Ok(network)
    }

    fn expect(self, network: &File) -> io::Result<()> {
        let found = network.metadata()?.ino();
        if found == self.network {
            return Ok(());
        }
        let Self { process, network } = self;
        Err(io::Error::other(format!(
            "the network namespace of process {process} is {found}, and the cluster recorded {network}: is the cluster \
             still running?"
        )))
    }

    /// True if the place is still held, and for the cluster of this folder.
    pub(super) fn is_held(self, state: &Path) -> bool {
        let line = fs::read(format!("/proc/{}/cmdline", self.process)).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == state.as_os_str().as_encoded_bytes())
    }

    /// True if a process lives, by its number in the place.
    pub(super) fn has(self, process: u32) -> bool {
        let file = format!("/proc/{}/root/proc/{process}/stat", self.process);
        // The state follows the name in parentheses. A zombie has ended.
        fs::read_to_string(file)
            .is_ok_and(|text| text.rsplit(") ").next().is_some_and(|rest| !rest.starts_with('Z')))
    }

    /// True if a program listens on this TCP port in the place.
    pub(super) fn listens(self, port: u16) -> bool {
        let port = format!(":{port:04X}");
        ["tcp", "tcp6"].iter().any(|table| {
            let text = fs::read_to_string(format!("/proc/{}/net/{table}", self.process)).unwrap_or_default();
            text.lines().any(|line| {
                let mut fields = line.split_whitespace().skip(1);
                fields.next().is_some_and(|local| local.ends_with(&port)) && fields.nth(1) == Some("0A")
            })
        })
    }
}

/// Becomes the first process of a new place, and holds it until standard input ends.
pub fn hold(state: &Path, name: &str) -> io::Result<()> {
    // Still the machine's /proc, which has this process's number as others need it.
    let process = fs::read_link("/proc/self")?;
    let network = fs::metadata("/proc/self/ns/net")?.ino();
    let children = SigSet::from(Signal::SIGCHLD);
    children.thread_block()?;
    furnish()?;
    let file = State::at(state).place(name);
    let draft = file.with_extension("draft");
    fs::write(&draft, format!("{} {network}", process.display()))?;
    fs::rename(draft, file)?;
    thread::spawn(move || {
        loop {
            reap();
            _ = children.wait();
        }
    });
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Makes the mounts: /proc of this place, /run and writes below /var in memory, and the machine's settings out of
/// reach.
fn furnish() -> io::Result<()> {
    let none = None::<&str>;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=755"))?;
    for folder in ["/run/var/upper", "/run/var/work", "/run/settings"] {
        fs::create_dir_all(folder)?;
    }
    let layers = "lowerdir=/var,upperdir=/run/var/upper,workdir=/run/var/work";
    mount(Some("overlay"), "/var", Some("overlay"), MsFlags::empty(), Some(layers))?;
    for (setting, value) in WANTED {
        let real = format!("/proc/sys/{setting}");
        let stand_in = format!("/run/settings/{}", setting.replace('/', "-"));
        if Path::new(&real).exists() {
            fs::write(&stand_in, format!("{value}\n"))?;
            mount(Some(stand_in.as_str()), real.as_str(), none, MsFlags::MS_BIND, none)?;
        }
    }
    Ok(())
}

fn reap() {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
            _ => {}
        }
    }
}

/// Starts the holder of a place. The holder ends with its starter, and when the starter's standard input ends.
pub(super) fn start_holder(state: &Path, name: &str) -> io::Result<process::Child> {
    Command::new("unshare")
        .args(["--mount", "--pid", "--net", "--fork", "--kill-child", "--"])
        .arg(std::env::current_exe()?)
        .arg("hold")
        .arg(state)
        .arg(name)
        .spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Place {
        Place { process: process::id(), network: fs::metadata("/proc/self/ns/net").unwrap().ino() }
    }

    #[test]
    fn a_place_is_read_as_its_holder_recorded_it() {
        assert_eq!(Place::parse("12 4026531840\n"), Some(Place { process: 12, network: 4_026_531_840 }));
        for text in ["", "12", "12 ", "12 net"] {
            assert_eq!(Place::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_network_other_than_the_recorded_one_is_refused() {
        assert!(own().network().is_ok());
        let other = Place { network: own().network + 1, ..own() };
        let refused = other.network().unwrap_err().to_string();
        assert!(refused.contains("still running?"), "{refused}");
        assert!(other.join().is_err());
    }
}
