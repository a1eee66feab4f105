//! The process of the machine in which a sandbox runs, as the machine's own procfs shows it. The probe cannot change this view.

/// A sandbox's process on the machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostProcess {
    /// The effective user, as the machine numbers it.
    pub user: u32,
    /// The effective capabilities, in the process's own user namespace.
    pub effective: u64,
    /// The permitted capabilities, in the process's own user namespace.
    pub permitted: u64,
    /// The seccomp mode, 0 for none (`proc_pid_status(5)`); `None` for a kernel without it.
    pub seccomp: Option<u32>,
    /// True if the process can gain no privileges; `None` for a kernel that does not show it.
    pub no_new_privs: Option<bool>,
    /// The kinds of namespaces that the process shares with the controller.
    pub shared: Vec<String>,
    /// True if its root directory is the controller's; `None` if it could not be compared.
    pub has_the_machines_root: Option<bool>,
    /// Its open descriptors; `None` if they could not be listed.
    pub descriptors: Option<Descriptors>,
}

/// Open descriptors by their kinds, never by their names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Descriptors {
    /// Files and folders of the machine.
    pub files: u64,
    /// Sockets of any family.
    pub sockets: u64,
    /// Devices of the machine.
    pub devices: u64,
    /// Pipes, memory, and the kernel's own kinds.
    pub others: u64,
}
