//! A network namespace that lives as long as somebody has a descriptor of it.

use std::{
    fs::File,
    os::fd::AsRawFd,
    process::{self, Command, Stdio},
    thread,
};

use nix::sched::{CloneFlags, setns, unshare};

/// A host.
#[derive(Debug)]
pub struct Host(File);

impl Host {
    /// With a loopback interface that is down, and nothing else.
    pub(super) fn new() -> Self {
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        });
        let host = Self(made.join().unwrap());
        // Whoever is in it may send echoes.
        host.sh("echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range");
        host
    }

    /// The host of a network namespace that is open.
    pub(crate) fn of(namespace: File) -> Self {
        Self(namespace)
    }

    /// Where its namespace is a file.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.0.as_raw_fd())
    }

    /// Does something in it: sockets that are opened there stay there, and so do children.
    pub fn within<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let acting = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET).unwrap();
                act()
            });
            acting.join().unwrap()
        })
    }

    /// Runs a script of shell commands in it.
    pub fn sh(&self, script: &str) {
        self.within(|| {
            let mut command = Command::new("sh");
            let output = command.args(["-ec", script]).stdin(Stdio::null()).output().unwrap();
            assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        });
    }

    /// A cable to another host, where it is called eth0.
    pub(super) fn connect(&self, name: &str, other: &Self) {
        self.sh(&format!("ip link add {name} type veth peer name eth0 netns {}", other.path()));
    }
}
