//! The device nodes of `/dev` and of the folders below it, by stat(2) alone: opening some of them acts on the machine.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use nix::sys::stat::{major, minor};
use proto::{Device, Devices, Observation};

use crate::{text::printable, vantage::Vantage};

/// The largest number of reported device nodes, and of reported folders.
const MOST: usize = 512;
/// The largest number of entries that are looked at.
const MOST_ENTRIES: usize = 4096;
/// The number of folders below `/dev` that lie above the deepest devices: `/dev/bus/usb/001/001`.
const DEEPEST: usize = 3;

pub(crate) fn observe(vantage: &Vantage) -> Observation<Devices> {
    below(&vantage.path("/dev"))
}

/// Looks at the devices below a folder.
pub(crate) fn below(folder: &Path) -> Observation<Devices> {
    look(folder).map_or_else(|error| Observation::unseen(&error), Observation::Seen)
}

/// The devices and folders found so far.
#[derive(Default)]
struct Found {
    devices: Vec<Device>,
    /// The folders that are still to be read, as paths below `/dev`.
    folders: Vec<String>,
    unseen: Vec<String>,
    entries: usize,
}

fn look(folder: &Path) -> io::Result<Devices> {
    let mut found = Found::default();
    found.of_folder(folder, "")?;
    while let Some(name) = found.folders.pop() {
        let deeper = name.matches('/').count() >= DEEPEST;
        if deeper || found.of_folder(&folder.join(&name), &format!("{name}/")).is_err() {
            found.unseen.push(printable(&name));
        }
    }
    let Found { mut devices, mut unseen, entries, .. } = found;
    devices.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let truncated = devices.len() > MOST || unseen.len() > MOST || entries > MOST_ENTRIES;
    devices.truncate(MOST);
    unseen.truncate(MOST);
    Ok(Devices { devices, truncated, unseen: Some(unseen) })
}

// === impl Found ===

impl Found {
    /// Adds the devices of a folder, and its folders to those that are still to be read.
    fn of_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            self.entries = self.entries.saturating_add(1);
            if self.entries > MOST_ENTRIES {
                return Ok(());
            }
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => self.folders.push(name),
                Ok(metadata) => self.devices.extend(device(&name, &metadata)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                Err(_) => self.unseen.push(printable(&name)),
            }
        }
        Ok(())
    }
}

fn device(name: &str, metadata: &Metadata) -> Option<Device> {
    let kind = metadata.file_type();
    (kind.is_char_device() || kind.is_block_device()).then(|| Device {
        name: printable(name),
        block: kind.is_block_device(),
        major: u32::try_from(major(metadata.rdev())).unwrap_or(u32::MAX),
        minor: u32::try_from(minor(metadata.rdev())).unwrap_or(u32::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_null_device_has_its_numbers() {
        let devices = look(Path::new("/dev")).unwrap().devices;
        let null = devices.iter().find(|device| device.name == "null").unwrap();
        assert_eq!((null.block, null.major, null.minor), (false, 1, 3));
    }

    #[test]
    fn a_regular_file_is_no_device() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let none = Devices { devices: Vec::new(), truncated: false, unseen: Some(Vec::new()) };
        assert_eq!(look(folder.path()).unwrap(), none);
    }

    #[test]
    fn a_folder_that_lies_too_deep_is_unseen() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("bus/usb/001/deep")).unwrap();
        assert_eq!(look(folder.path()).unwrap().unseen, Some(vec!["bus/usb/001/deep".to_owned()]));
    }

    #[test]
    fn too_many_entries_make_the_list_truncated() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("bus")).unwrap();
        for number in 0..MOST_ENTRIES {
            fs::write(folder.path().join(number.to_string()), "").unwrap();
        }
        assert!(look(folder.path()).unwrap().truncated);
    }

    #[test]
    fn a_missing_dev_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(observe(&Vantage::rooted(folder.path())), Observation::Absent);
    }
}
