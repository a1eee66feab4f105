//! The files of a command. A file that a command writes is no other file of the command: the one would replace the other.

use std::{
    ffi::OsString,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{args, console::tell};
use crate::{
    judge::exit::Exit,
    report::deliver::Delivery,
    support::file::{self, parent},
};

/// The files that a command reads and writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    read: Vec<Named>,
    written: Vec<Named>,
}

/// A file, with the words that name its use.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    path: PathBuf,
}

/// Two uses of one file, of which one replaces the other.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("{written} and {other} are the same file")]
pub(super) struct SharedFile {
    written: String,
    other: String,
}

/// A file, whatever its path is called.
#[derive(Debug, Eq, PartialEq)]
enum Identity {
    /// A file that exists, by its device and its inode.
    Found(u64, u64),
    /// A file that does not exist yet, by its folder and its name.
    New(u64, u64, OsString),
    /// A path without a folder.
    Nowhere(PathBuf),
}

impl SharedFile {
    pub(super) fn tell(&self) -> Exit {
        tell(self, Some(&format!("give {} a file of its own", self.written)));
        Exit::Usage
    }
}

impl Files {
    /// Adds a file that the command reads.
    #[must_use]
    pub(super) fn reads(mut self, name: impl Into<String>, path: Option<&Path>) -> Self {
        self.read.extend(path.map(|path| Named { name: name.into(), path: path.to_owned() }));
        self
    }

    /// Adds a file that the command writes.
    #[must_use]
    pub(super) fn writes(mut self, name: impl Into<String>, path: Option<&Path>) -> Self {
        self.written.extend(path.map(|path| Named { name: name.into(), path: path.to_owned() }));
        self
    }

    /// Adds the files of a report.
    #[must_use]
    pub(super) fn delivers(self, delivery: &Delivery) -> Self {
        let mut files = self.writes("the step's summary", delivery.step_summary());
        for output in &delivery.outputs {
            let Some(path) = &output.file else { continue };
            let format = args::output::name(output.format);
            files = files.writes(format!("--output {format}={}", path.display()), Some(path));
        }
        files
    }

    /// Refuses a file that the command writes and uses otherwise, too. Devices, pipes and the standard streams may repeat.
    pub(super) fn check(&self) -> Result<(), SharedFile> {
        // A command that writes no file need not look at those that it reads.
        if self.written.is_empty() {
            return Ok(());
        }
        let known = |file: &Named| identity(&file.path);
        let mut seen: Vec<_> = self.read.iter().filter_map(|file| Some((known(file)?, &file.name))).collect();
        for written in &self.written {
            let Some(own) = known(written) else { continue };
            if let Some((_, other)) = seen.iter().find(|(identity, _)| *identity == own) {
                return Err(SharedFile { written: written.name.clone(), other: (*other).clone() });
            }
            seen.push((own, &written.name));
        }
        Ok(())
    }
}

/// Returns the identity of a file; `None` for a device, a pipe or a standard stream.
fn identity(path: &Path) -> Option<Identity> {
    if file::stream(path).is_some() {
        return None;
    }
    let place = |found: &Metadata| (found.dev(), found.ino());
    if let Ok(found) = fs::metadata(path) {
        let (device, inode) = place(&found);
        return (found.is_file() || found.is_dir()).then_some(Identity::Found(device, inode));
    }
    let new = fs::metadata(parent(path)).ok().zip(path.file_name()).map(|(folder, name)| {
        let (device, inode) = place(&folder);
        Identity::New(device, inode, name.to_owned())
    });
    Some(new.unwrap_or_else(|| Identity::Nowhere(path.to_owned())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn written(paths: [&Path; 2]) -> Result<(), SharedFile> {
        let [one, other] = paths;
        Files::default().writes("one", Some(one)).writes("other", Some(other)).check()
    }

    #[test]
    fn two_spellings_of_one_file_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let (file, spelled) = (folder.path().join("r"), folder.path().join("./r"));
        let refused = Err(SharedFile { written: "other".into(), other: "one".into() });
        assert_eq!(written([&file, &spelled]), refused);
        fs::write(&file, "").unwrap();
        assert_eq!(written([&file, &spelled]), refused);
    }

    #[test]
    fn links_to_one_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        fs::write(place("r"), "").unwrap();
        symlink("r", place("soft")).unwrap();
        fs::hard_link(place("r"), place("hard")).unwrap();
        for link in ["soft", "hard"] {
            assert!(written([&place("r"), &place(link)]).is_err(), "{link}");
        }
        symlink(".", place("folder")).unwrap();
        assert!(written([&place("new"), &place("folder/new")]).is_err());
    }

    #[test]
    fn a_file_that_is_read_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evidence.json");
        fs::write(&file, "").unwrap();
        let read = Files::default().reads("the evidence", Some(&file));
        assert!(read.clone().reads("the policy file", Some(&file)).check().is_ok());
        assert!(read.writes("--output", Some(&file)).check().is_err());
    }

    #[test]
    fn other_files_are_accepted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(written([&folder.path().join("r"), &folder.path().join("s")]), Ok(()));
    }

    #[test]
    fn devices_and_streams_may_repeat() {
        for path in ["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/fd/1"] {
            assert_eq!(written([Path::new(path); 2]), Ok(()), "{path}");
        }
    }
}
