//! A network namespace that lives as long as a descriptor of it is open.

use std::{
    fs::File,
    os::fd::AsRawFd,
    process::{self, Command, Stdio},
    thread,
};

use nix::sched::{CloneFlags, setns, unshare};

/// A host: its network namespace.
#[derive(Debug)]
pub struct Host(File);

impl Host {
    /// Makes a host that has only a loopback interface, which is down.
    pub(super) fn new() -> Self {
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        });
        let host = Self(made.join().unwrap());
        // Lets every user in the namespace send echoes.
        host.sh("echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range");
        host
    }

    /// Returns the host of a network namespace that is open.
    pub(crate) fn of(namespace: File) -> Self {
        Self(namespace)
    }

    /// Returns the path at which the namespace is a file.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.0.as_raw_fd())
    }

    /// Runs a function in the namespace. Sockets that it opens stay there, and so do its children.
    pub fn within<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let acting = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET).unwrap();
                act()
            });
            acting.join().unwrap()
        })
    }

    /// Runs a shell script in the namespace.
    pub fn sh(&self, script: &str) {
        self.within(|| {
            let mut command = Command::new("sh");
            let output = command.args(["-ec", script]).stdin(Stdio::null()).output().unwrap();
            assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        });
    }

    /// Connects a cable to another host, where the interface is called eth0.
    pub(super) fn connect(&self, name: &str, other: &Self) {
        self.sh(&format!("ip link add {name} type veth peer name eth0 netns {}", other.path()));
    }
}
