//! A search of the machine's processes for one that executes a file. A container shares the machine's kernel and with
//! it the list of processes. gVisor runs a program, but no process of the machine executes its file.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use proto::Observation;

use super::seen;

/// Looks at every process; a copy of the file counts as another file.
pub fn run(file: &Path) -> Observation<bool> {
    let wanted = match Wanted::of(file) {
        Ok(wanted) => wanted,
        Err(error) => return Observation::unseen(&error),
    };
    seen(fs::read_dir("/proc")).and_then(|entries| {
        let mut hidden = 0;
        for entry in entries.flatten() {
            let name = entry.file_name();
            if !name.as_encoded_bytes().iter().all(u8::is_ascii_digit) {
                continue;
            }
            match wanted.is(&entry.path().join("exe")) {
                Ok(true) => return Observation::Seen(true),
                Ok(false) => (),
                // The process has ended, or is the kernel's own and executes no file.
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                Err(error) if error.raw_os_error() == Some(nix::libc::ESRCH) => (),
                Err(_) => hidden += 1,
            }
        }
        match hidden {
            0 => Observation::Seen(false),
            hidden => Observation::failed(format!("{hidden} processes could not be examined")),
        }
    })
}

/// Returns the processes that execute a file. Those that cannot be examined are left out.
pub fn that_run(file: &Path) -> Vec<i32> {
    let Ok(wanted) = Wanted::of(file) else { return Vec::new() };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let running = entries.filter(|entry| wanted.is(&entry.path().join("exe")).unwrap_or(false));
    running.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The device and inode of the run's own copy of the probe. The content would not identify the copy: probes of other
/// runs on the same machine share it.
struct Wanted {
    device: u64,
    inode: u64,
}

impl Wanted {
    fn of(file: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(file)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    fn is(&self, executable: &Path) -> io::Result<bool> {
        let theirs = fs::metadata(executable)?;
        Ok((theirs.dev(), theirs.ino()) == (self.device, self.inode))
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Returns true if a process runs the file; other users' processes may be hidden.
    fn runs(file: &Path) -> bool {
        run(file) == Observation::Seen(true)
    }

    #[test]
    fn a_running_program_is_told_from_its_copy() {
        let folder = tempfile::tempdir().unwrap();
        let (program, copy) = (folder.path().join("program"), folder.path().join("copy"));
        fs::copy("/bin/cat", &program).unwrap();
        fs::copy(&program, &copy).unwrap();
        assert!(!runs(&program));
        let mut child = Command::new(&copy).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        assert!(runs(&copy) && !runs(&program));
        assert_eq!(that_run(&copy), [i32::try_from(child.id()).unwrap()]);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!runs(&copy));
    }

    #[test]
    fn a_missing_file_is_absent() {
        assert_eq!(run(Path::new("/no/such/probe")), Observation::Absent);
    }
}
