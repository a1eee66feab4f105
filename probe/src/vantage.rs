//! Where the probe looks from: the live system, or a recorded tree in a test.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use nix::sys::{
    stat::makedev,
    statfs::{FsType, PROC_SUPER_MAGIC, SYSFS_MAGIC, statfs},
};
use proto::{MOST_OF_ACCOUNT_LIST, Observation};

/// The most bytes that are read of any one file.
const MOST: u64 = MOST_OF_ACCOUNT_LIST as u64;
/// Linux, `Documentation/admin-guide/devices.txt`.
const NULL: u64 = makedev(1, 3);

/// Where the kernel shows itself.
const KERNELS: &[(&str, FsType)] = &[("/proc/", PROC_SUPER_MAGIC), ("/sys/", SYSFS_MAGIC)];

/// A root below which files are opened.
#[derive(Debug)]
pub(crate) struct Vantage {
    root: PathBuf,
}

// === impl Vantage ===

impl Vantage {
    pub(crate) fn live() -> Self {
        Self { root: PathBuf::from("/") }
    }

    #[cfg(test)]
    pub(crate) fn rooted(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The place of an absolute path, seen from here.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// What is found at each of these places, and those that could not be looked at. Where nothing is, nothing is found.
    pub(crate) fn each<T>(
        &self,
        paths: &[&str],
        mut look: impl FnMut(&str, &Path) -> io::Result<Option<T>>,
    ) -> (Vec<T>, Vec<String>) {
        let (mut found, mut unseen) = (Vec::new(), Vec::new());
        for &path in paths {
            match look(path, &self.path(path)) {
                Ok(it) => found.extend(it),
                Err(error) if is_absence(&error) => (),
                Err(_) => unseen.push(path.to_owned()),
            }
        }
        (found, unseen)
    }

    /// Whether a file lies in procfs or sysfs itself. The folder is asked for its file system: in gVisor's older releases the
    /// files in it do not know theirs (statfs(2) gives ENOSYS).
    pub(crate) fn is_of_kernel(&self, path: &str, file: &Metadata) -> io::Result<bool> {
        let Some((folder, magic)) = KERNELS.iter().find(|(folder, _)| path.starts_with(folder)) else {
            return Ok(false);
        };
        let folder = self.path(folder);
        Ok(statfs(&folder)?.filesystem_type() == *magic && file.dev() == folder.metadata()?.dev())
    }

    /// The first MiB of a file.
    pub(crate) fn bytes(&self, path: &str) -> Observation<Vec<u8>> {
        read(&self.path(path)).map_or_else(|error| Observation::unseen(&error), Observation::Seen)
    }

    /// The first MiB of a file, as text; what is not UTF-8 becomes U+FFFD.
    pub(crate) fn text(&self, path: &str) -> Observation<String> {
        self.bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Whether nothing is at a place, which is told from a place that could not be looked at.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Goes on with what was seen, if it can be understood.
pub(crate) fn understood<T, U>(
    observation: Observation<T>,
    parse: impl FnOnce(T) -> Result<U, String>,
) -> Observation<U> {
    observation.and_then(|seen| parse(seen).map_or_else(Observation::failed, Observation::Seen))
}

/// The first MiB of a file. What else lies there is not opened: opening some devices acts on the machine, and opening a pipe
/// lets go whoever waits to write to it. The null device is an empty file, which runtimes lay over what is masked.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    let is_null = metadata.file_type().is_char_device() && metadata.rdev() == NULL;
    if !metadata.is_file() && !is_null {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_absent_and_what_is_forbidden_is_denied() {
        let empty = Vantage::rooted(Path::new("/proc/self/fdinfo"));
        assert_eq!(empty.text("/no/such/file"), Observation::Absent);
        let forbidden = io::Error::from_raw_os_error(13);
        assert_eq!(Observation::<()>::unseen(&forbidden), Observation::Denied { errno: 13 });
        assert!(matches!(
            Observation::<()>::unseen(&io::Error::from_raw_os_error(5)),
            Observation::Failed { .. }
        ));
    }

    #[test]
    fn only_a_regular_file_is_opened_and_the_null_device_is_an_empty_one() {
        let tree = tempfile::tempdir().unwrap();
        let pipe = tree.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        for path in [&pipe, Path::new("/dev/zero"), tree.path()] {
            assert_eq!(read(path).unwrap_err().to_string(), "it is no regular file");
        }
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
    }

    #[test]
    fn what_cannot_be_understood_has_failed_and_says_why() {
        let parsed: Observation<()> = understood(Observation::Seen("?"), |text| Err(format!("no {text}")));
        assert_eq!(parsed, Observation::failed("no ?"));
        assert_eq!(understood(Observation::<()>::Absent, |()| Ok(1)), Observation::Absent);
    }
}
