//! Where the probe looks from: the live system, or a recorded tree in a test.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use proto::{MOST_OF_ACCOUNT_LIST, Observation};

/// The most bytes that are read of any one file.
const MOST: u64 = MOST_OF_ACCOUNT_LIST as u64;

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

/// The first MiB of a file.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
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
    fn what_cannot_be_understood_has_failed_and_says_why() {
        let parsed: Observation<()> = understood(Observation::Seen("?"), |text| Err(format!("no {text}")));
        assert_eq!(parsed, Observation::failed("no ?"));
        assert_eq!(understood(Observation::<()>::Absent, |()| Ok(1)), Observation::Absent);
    }
}
