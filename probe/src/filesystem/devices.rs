//! Device nodes of `/dev` and of its folders, by stat(2) alone: opening some of them acts on the machine.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use nix::sys::stat::{major, minor};
use proto::{Device, Devices, Observation};

use crate::{text::printable, vantage::Vantage};

/// The most device nodes that are reported, and the most entries of a folder that are looked at.
const MOST: usize = 512;
const MOST_ENTRIES: usize = 4096;

pub(crate) fn observe(vantage: &Vantage) -> Observation<Devices> {
    look(&vantage.path("/dev")).map_or_else(|error| Observation::unseen(&error), Observation::Seen)
}

fn look(folder: &Path) -> io::Result<Devices> {
    let mut devices = Vec::new();
    let folders = of_folder(folder, "", &mut devices)?;
    for name in folders {
        // One that may not be read, or is gone by now, hides its own entries alone.
        _ = of_folder(&folder.join(&name), &format!("{name}/"), &mut devices);
    }
    devices.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let truncated = devices.len() > MOST;
    devices.truncate(MOST);
    Ok(Devices { devices, truncated })
}

/// Adds the devices of a folder, and returns its folders.
fn of_folder(folder: &Path, prefix: &str, devices: &mut Vec<Device>) -> io::Result<Vec<String>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)?.take(MOST_ENTRIES).flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = metadata.file_type();
        if kind.is_dir() {
            folders.push(name);
        } else if kind.is_char_device() || kind.is_block_device() {
            devices.push(Device {
                name: printable(&format!("{prefix}{name}")),
                block: kind.is_block_device(),
                major: u32::try_from(major(metadata.rdev())).unwrap_or(u32::MAX),
                minor: u32::try_from(minor(metadata.rdev())).unwrap_or(u32::MAX),
            });
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_its_numbers_and_other_files_are_none() {
        let devices = look(Path::new("/dev")).unwrap().devices;
        let null = devices.iter().find(|device| device.name == "null").unwrap();
        assert_eq!((null.block, null.major, null.minor), (false, 1, 3));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(look(folder.path()).unwrap(), Devices { devices: Vec::new(), truncated: false });
    }

    #[test]
    fn no_dev_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(observe(&Vantage::rooted(folder.path())), Observation::Absent);
    }
}
