//! Files of gVisor's procfs that Linux lacks, or has with other content. A process that opens one gets another file,
//! which is made to look like a file of procfs.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
};

use nix::{libc, unistd::Pid};
use stage::texts;

use super::super::forged;

/// The opened path, its replacement, and the replacement's content. A replacement is no longer than the original.
const FILES: &[(&str, &str, &str)] = &[
    ("/proc/sentry-meminfo", LIVE, texts::SENTRY_MEMINFO),
    ("/proc/version", "/etc/version", texts::BANNER),
    ("/proc/cmdline", "/etc/cmdline", texts::COMMAND_LINE),
    ("/proc/sys/kernel/random/boot_id", "/etc/boot_id", "6c0f5f2e-5b0e-4a8e-9d0c-3f1d2c4b5a69\n"),
];
/// The file that grows when it is read.
const LIVE: &str = "/etc/meminfo";
/// The count in that file, which each reading makes larger.
const COUNT: u64 = 17_637;
const GROWTH: u64 = 18;

/// Bytes of the longest path that is considered.
const LONGEST: usize = 64;
/// Offset of the device's two numbers in `struct statx` (include/uapi/linux/stat.h); `struct stat` begins with its
/// single number.
const STATX_DEVICE: u64 = 136;

/// The number of open(2), which later architectures do not have.
#[cfg(target_arch = "x86_64")]
const OPEN: Option<i64> = Some(libc::SYS_open);
#[cfg(not(target_arch = "x86_64"))]
const OPEN: Option<i64> = None;

/// Open replacements, by process and descriptor.
#[derive(Debug, Default)]
pub(super) struct Files {
    opening: HashSet<Pid>,
    /// Bytes that were read of each replacement.
    live: HashMap<(Pid, u64), usize>,
    openings: u64,
    devices: HashMap<Pid, u64>,
}

impl Files {
    /// Puts the replacements into the container's root file system.
    pub(super) fn write(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join("etc"))?;
        for (_, replacement, text) in FILES {
            fs::write(root.join(replacement.trim_start_matches('/')), text)?;
        }
        Ok(Self::default())
    }

    pub(super) fn on_entry(&mut self, process: Pid, number: i64, arguments: [u64; 6]) {
        let address = match number {
            libc::SYS_openat => arguments[1],
            number if Some(number) == OPEN => arguments[0],
            _ => return,
        };
        let path = path(process, address);
        let wanted = |(original, replacement, _): &&(&str, &str, &str)| {
            path.as_deref() == Some(*original) || path.as_deref() == Some(*replacement)
        };
        if let Some((_, replacement, _)) = FILES.iter().find(wanted) {
            let text = [replacement.as_bytes(), &[0]].concat();
            if forged::write(process.as_raw(), address, &text).is_ok() && *replacement == LIVE {
                self.opening.insert(process);
            }
        }
    }

    pub(super) fn on_exit(&mut self, process: Pid, number: i64, arguments: [u64; 6], result: i64) {
        let [first, second, ..] = arguments;
        let file = (process, first);
        match number {
            number if is_opening(number) && self.opening.remove(&process) && result >= 0 => {
                self.openings += 1;
                self.live.insert((process, result.cast_unsigned()), 0);
            }
            libc::SYS_close => _ = self.live.remove(&file),
            libc::SYS_read => self.grow(file, second, usize::try_from(result).unwrap_or_default()),
            libc::SYS_fstat if self.live.contains_key(&file) => {
                let device = self.device(process);
                _ = forged::write(process.as_raw(), second, &device.to_ne_bytes());
            }
            libc::SYS_newfstatat if self.live.contains_key(&file) => {
                let device = self.device(process);
                _ = forged::write(process.as_raw(), arguments[2], &device.to_ne_bytes());
            }
            libc::SYS_statx if self.live.contains_key(&file) => {
                let device = self.device(process);
                let numbers = [libc::major(device), libc::minor(device)].map(u32::to_ne_bytes).concat();
                _ = forged::write(process.as_raw(), arguments[4] + STATX_DEVICE, &numbers);
            }
            libc::SYS_fstatfs if self.live.contains_key(&file) => {
                _ = forged::write(process.as_raw(), second, &libc::PROC_SUPER_MAGIC.to_ne_bytes());
            }
            _ => (),
        }
    }

    /// Overwrites the bytes that were read with the content of a file that has grown since its previous opening.
    fn grow(&mut self, file: (Pid, u64), buffer: u64, read: usize) {
        let Some(place) = self.live.get_mut(&file) else { return };
        let grown = (COUNT + self.openings * GROWTH).to_string();
        let text = texts::SENTRY_MEMINFO.replace(&COUNT.to_string(), &grown);
        let part = text.as_bytes().get(*place..*place + read).unwrap_or_default();
        _ = forged::write(file.0.as_raw(), buffer, part);
        *place += read;
    }

    /// Returns the device number of the procfs that the process sees.
    fn device(&mut self, process: Pid) -> u64 {
        let device = || fs::metadata(format!("/proc/{process}/root/proc")).map_or(0, |proc| proc.dev());
        *self.devices.entry(process).or_insert_with(device)
    }
}

fn is_opening(number: i64) -> bool {
    number == libc::SYS_openat || Some(number) == OPEN
}

fn path(process: Pid, address: u64) -> Option<String> {
    let bytes = forged::read(process.as_raw(), address, LONGEST).ok()?;
    let end = bytes.iter().position(|&byte| byte == 0)?;
    String::from_utf8(bytes.get(..end)?.to_vec()).ok()
}
