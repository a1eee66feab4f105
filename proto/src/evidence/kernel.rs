//! Names, texts and identifiers that the kernel gives itself.

use serde::{Deserialize, Serialize};

use super::{Answer, mirrored};
use crate::{
    Refused, generated,
    limits::{present, text},
};

/// The names by uname(2), without the host name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KernelName {
    /// The operating system's name: "Linux", also in gVisor.
    pub sysname: String,
    /// The release, such as "6.1.0-44-amd64"; in gVisor "4.4.0" or "4.19.0-gvisor".
    pub release: String,
    /// The build number and date.
    pub version: String,
    /// The hardware name, such as "`x86_64`".
    pub machine: String,
    /// The NIS domain name.
    pub domainname: String,
}

/// The text of `/proc/version`, without its line end.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KernelBanner {
    /// The text of the file.
    pub text: String,
}

/// The answers of syslog(2), and two lines of the log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KernelLog {
    /// The answer of action 3, the number of bytes read.
    pub read_all: Answer,
    /// The answer of action 9, the number of unread bytes.
    pub size_unread: Answer,
    /// The answer of action 10, the buffer's size in bytes.
    pub size_buffer: Answer,
    /// The answer of action 99, which no kernel has.
    pub unknown_action: Answer,
    /// The number of lines that were read.
    pub lines: u32,
    /// The first line that was read, at most 200 bytes; empty if nothing was read.
    pub first_line: String,
    /// The last line that was read, at most 200 bytes; empty if nothing was read.
    pub last_line: String,
}

/// Two readings of `/proc/sentry-meminfo`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SentryMeminfo {
    /// True if `/proc` is a procfs and the file lies on its device.
    pub on_procfs: bool,
    /// The Sentry's allocations since its start, at the first reading.
    pub mallocs_first: u64,
    /// The Sentry's allocations since its start, at the second reading.
    pub mallocs_second: u64,
}

/// The UUID that a Linux kernel chooses at boot.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BootId {
    /// The UUID, 36 characters long.
    pub uuid: String,
}

// === impl KernelName ===

impl From<KernelName> for generated::KernelName {
    fn from(KernelName { sysname, release, version, machine, domainname }: KernelName) -> Self {
        Self { sysname, release, version, machine, domainname }
    }
}

impl TryFrom<generated::KernelName> for KernelName {
    type Error = Refused;

    fn try_from(message: generated::KernelName) -> Result<Self, Refused> {
        let generated::KernelName { sysname, release, version, machine, domainname } = message;
        Ok(Self {
            sysname: text("sysname", sysname)?,
            release: text("release", release)?,
            version: text("version", version)?,
            machine: text("machine", machine)?,
            domainname: text("domainname", domainname)?,
        })
    }
}

// === impl KernelBanner ===

impl From<KernelBanner> for generated::KernelBanner {
    fn from(KernelBanner { text }: KernelBanner) -> Self {
        Self { text }
    }
}

impl TryFrom<generated::KernelBanner> for KernelBanner {
    type Error = Refused;

    fn try_from(message: generated::KernelBanner) -> Result<Self, Refused> {
        Ok(Self { text: text("text", message.text)? })
    }
}

// === impl KernelLog ===

impl From<KernelLog> for generated::KernelLog {
    fn from(log: KernelLog) -> Self {
        let KernelLog { read_all, size_unread, size_buffer, unknown_action, lines, first_line, last_line } =
            log;
        Self {
            read_all: Some(read_all.into()),
            size_unread: Some(size_unread.into()),
            size_buffer: Some(size_buffer.into()),
            unknown_action: Some(unknown_action.into()),
            lines,
            first_line,
            last_line,
        }
    }
}

impl TryFrom<generated::KernelLog> for KernelLog {
    type Error = Refused;

    fn try_from(message: generated::KernelLog) -> Result<Self, Refused> {
        let generated::KernelLog {
            read_all,
            size_unread,
            size_buffer,
            unknown_action,
            lines,
            first_line,
            last_line,
        } = message;
        Ok(Self {
            read_all: present("read_all", read_all)?.try_into()?,
            size_unread: present("size_unread", size_unread)?.try_into()?,
            size_buffer: present("size_buffer", size_buffer)?.try_into()?,
            unknown_action: present("unknown_action", unknown_action)?.try_into()?,
            lines,
            first_line: text("first_line", first_line)?,
            last_line: text("last_line", last_line)?,
        })
    }
}

mirrored!(SentryMeminfo { on_procfs, mallocs_first, mallocs_second });

// === impl BootId ===

impl BootId {
    /// Returns the boot id; `None` if the text is no UUID.
    pub fn parse(uuid: &str) -> Option<Self> {
        let well_formed =
            uuid.len() == 36 && uuid.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        well_formed.then(|| Self { uuid: uuid.to_owned() })
    }
}

impl From<BootId> for generated::BootId {
    fn from(BootId { uuid }: BootId) -> Self {
        Self { uuid }
    }
}

impl TryFrom<generated::BootId> for BootId {
    type Error = Refused;

    fn try_from(generated::BootId { uuid }: generated::BootId) -> Result<Self, Refused> {
        Self::parse(&uuid).ok_or(Refused::OutOfRange { field: "uuid" })
    }
}
