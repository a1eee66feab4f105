//! The root from which the probe looks: the live system's, or a recorded tree's in a test.

use std::{
    ffi::CString,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use nix::sys::stat::makedev;
use proto::{KERNEL_FILESYSTEMS, MOST_OF_ACCOUNT_LIST, Observation};

use crate::sys;

/// The largest number of bytes that are read of a file.
const MOST: u64 = MOST_OF_ACCOUNT_LIST as u64;
/// The number of the null device (Linux, `Documentation/admin-guide/devices.txt`).
const NULL: u64 = makedev(1, 3);

/// The root below which the probe opens files.
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

    /// Returns the place of an absolute path below this root.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Looks at each of these paths. Returns what was found and the paths that could not be looked at; a path that does not
    /// exist is in neither list.
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

    /// Returns true if a file lies in procfs or sysfs itself. The folder is asked for its file system, because statfs(2) for
    /// a file in it gives ENOSYS in gVisor's older releases.
    pub(crate) fn is_of_kernel(&self, path: &str, file: &Metadata) -> io::Result<bool> {
        let of_kernel = KERNEL_FILESYSTEMS.iter().find(|(folder, _)| path.starts_with(folder));
        let Some((folder, magic)) = of_kernel else { return Ok(false) };
        let folder = self.path(folder);
        let (found, _) = sys::statfs(&CString::new(folder.as_os_str().as_bytes())?)?;
        Ok(found == *magic && file.dev() == folder.metadata()?.dev())
    }

    /// Reads the first MiB of a file.
    pub(crate) fn bytes(&self, path: &str) -> Observation<Vec<u8>> {
        read(&self.path(path)).map_or_else(|error| Observation::unseen(&error), Observation::Seen)
    }

    /// Reads the first MiB of a file as text; bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn text(&self, path: &str) -> Observation<String> {
        self.bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Returns true if the error says that the path does not exist; false if the path could not be looked at.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Parses an observed fact. A parse error makes the observation a failed one.
pub(crate) fn understood<T, U>(
    observation: Observation<T>,
    parse: impl FnOnce(T) -> Result<U, String>,
) -> Observation<U> {
    observation.and_then(|seen| parse(seen).map_or_else(Observation::failed, Observation::Seen))
}

/// Reads the first MiB of a regular file and refuses every other kind: opening some devices acts on the machine, and opening
/// a pipe releases a process that waits to write to it. The null device counts as an empty file, because runtimes mount it
/// over files that they mask.
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
    fn a_missing_file_is_absent() {
        let empty = Vantage::rooted(Path::new("/proc/self/fdinfo"));
        assert_eq!(empty.text("/no/such/file"), Observation::Absent);
    }

    #[test]
    fn a_forbidden_look_is_denied() {
        let forbidden = io::Error::from_raw_os_error(13);
        assert_eq!(Observation::<()>::unseen(&forbidden), Observation::Denied { errno: 13 });
        assert!(matches!(
            Observation::<()>::unseen(&io::Error::from_raw_os_error(5)),
            Observation::Failed { .. }
        ));
    }

    #[test]
    fn every_file_but_a_regular_one_or_the_null_device_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        let pipe = tree.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        for path in [&pipe, Path::new("/dev/zero"), tree.path()] {
            assert_eq!(read(path).unwrap_err().to_string(), "it is no regular file");
        }
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
    }

    #[test]
    fn a_parse_error_is_a_failed_look_with_its_reason() {
        let parsed: Observation<()> = understood(Observation::Seen("?"), |text| Err(format!("no {text}")));
        assert_eq!(parsed, Observation::failed("no ?"));
        assert_eq!(understood(Observation::<()>::Absent, |()| Ok(1)), Observation::Absent);
    }
}
