//! The files of an earlier run, where a later one has no result: a pipeline would take them for those of the later run.

use std::path::Path;

use super::console::{say, tell};
use crate::support::file;

/// The remedy for a file that stays.
const HELP: &str = "remove the file: it is the result of an earlier run";

/// Removes the files at these places, each of which a result would have replaced, and tells which. Folders, devices, pipes and the
/// standard streams stay.
pub(super) fn withdraw<'a>(places: impl IntoIterator<Item = &'a Path>) {
    for path in places {
        match file::remove(path) {
            Ok(true) => say(&format!("{}, the result of an earlier run, was removed", path.display())),
            Ok(false) | Err(file::Error::NoFile(_)) => (),
            Err(error) => tell(&error, Some(HELP)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::PathBuf};

    use super::*;

    #[test]
    fn only_regular_files_go() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        for name in ["report", "target", "other"] {
            fs::write(place(name), "earlier").unwrap();
        }
        symlink("target", place("link")).unwrap();
        fs::create_dir(place("folder")).unwrap();
        let missing = place("missing/report");
        let places = [place("report"), place("link"), place("folder"), missing, "/dev/stdout".into()];
        withdraw(places.iter().map(PathBuf::as_path));
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["folder", "link", "other"]);
    }
}
