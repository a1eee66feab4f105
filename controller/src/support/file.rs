//! Files that are written completely or not at all.

use std::{
    fs::{self, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::Builder;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A folder, a device or a pipe has the file's path.
    #[error("{} already exists and is no regular file; name another path", .0.display())]
    NoFile(PathBuf),
    /// The new file could not be written beside its path, or moved there.
    #[error("failed to write {}", path.display())]
    Write {
        /// The path of the file.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
}

/// Replaces a file by the bytes, so that nobody ever reads a part of them.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    // A link stays a link; its target is replaced.
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&place).is_ok_and(|found| !found.is_file()) {
        return Err(Error::NoFile(place));
    }
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
    replace(folder.unwrap_or(Path::new(".")), &place, bytes)
        .map_err(|source| Error::Write { path: place.clone(), source })
}

/// Replaces a file as [`write()`] does; writes directly into a device or a pipe.
pub fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            let opened = fs::OpenOptions::new().write(true).open(path);
            opened
                .and_then(|mut device| device.write_all(bytes))
                .map_err(|source| Error::Write { path: path.to_owned(), source })
        }
        _ => write(path, bytes),
    }
}

fn replace(folder: &Path, place: &Path, bytes: &[u8]) -> io::Result<()> {
    // The umask applies to this mode, as for any other new file.
    let mut file = Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(place)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_replaced_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        write(&file, b"first").unwrap();
        symlink(&file, &link).unwrap();
        write(&link, b"second").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_device_or_a_missing_folder_is_refused_by_name() {
        assert!(matches!(write(Path::new("/dev/null"), b""), Err(Error::NoFile(_))));
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(write(folder.path(), b""), Err(Error::NoFile(_))));
        let error = write(&folder.path().join("no/such/file"), b"").unwrap_err();
        assert!(error.to_string().contains("no/such/file"), "{error}");
    }
}
