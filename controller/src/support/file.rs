//! Files that are written completely or not at all.

use std::{
    fs::{self, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tempfile::Builder;

use super::{
    digest::hexadecimal,
    gzip,
    world::{self, Stream},
};

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
    /// The file is still there.
    #[error("failed to remove {}", path.display())]
    Remove {
        /// The path of the file.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
}

/// Replaces a file by the bytes, so that nobody ever reads a part of them.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_with(path, |to| to.write_all(bytes)).map(drop)
}

/// Replaces a file as [`write()`] does; writes directly into a device, a pipe or a standard stream. A file whose name ends in `.gz` is compressed.
pub fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    put_with(path, |to| to.write_all(bytes)).map(drop)
}

/// Puts a file as [`put()`] does, with content that is written piece by piece. Returns the SHA-256 of the file's bytes.
pub fn put_with(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<String, Error> {
    let formed =
        |to: &mut dyn Write| if gzip::is_wanted(path) { gzip::write(to, content) } else { content(to) };
    if let Some(stream) = stream(path) {
        let written = buffered(Standard(stream), formed);
        return written.map_err(|source| Error::Write { path: path.to_owned(), source });
    }
    match fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            let opened = fs::OpenOptions::new().write(true).open(path);
            opened
                .and_then(|device| buffered(device, formed))
                .map_err(|source| Error::Write { path: path.to_owned(), source })
        }
        _ => write_with(path, formed),
    }
}

/// Puts a file as [`put_with()`] does. If the new content cannot be written, the former file goes too: it would pass for the new one.
pub fn put_anew(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<String, Error> {
    // The first failure is told.
    put_with(path, content).inspect_err(|_| _ = remove(path))
}

/// Removes a regular file that is not the file of a standard stream. A link stays a link; its target is removed. Returns true if
/// there was a file.
pub fn remove(path: &Path) -> Result<bool, Error> {
    if stream(path).is_some() || fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(Error::NoFile(path.to_owned()));
    }
    match fs::canonicalize(path).and_then(fs::remove_file) {
        Ok(()) => Ok(true),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Error::Remove { path: path.to_owned(), source }),
    }
}

fn write_with(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<String, Error> {
    // A link stays a link; its target is replaced.
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if stream(path).is_some() || fs::metadata(&place).is_ok_and(|found| !found.is_file()) {
        return Err(Error::NoFile(place));
    }
    replace(parent(&place), &place, content).map_err(|source| Error::Write { path: place.clone(), source })
}

/// Returns the standard stream that a path names. Its file, if it has one, is shared with all that the command prints: it is
/// neither opened again nor replaced.
pub fn stream(path: &Path) -> Option<Stream> {
    match path.to_str()? {
        "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(Stream::Output),
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(Stream::Error),
        _ => None,
    }
}

/// Returns the folder of a file.
pub fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn replace(
    folder: &Path,
    place: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<String> {
    // The umask applies to this mode, as for any other new file.
    let mut file = Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    let digest = buffered(&mut file, content)?;
    file.as_file().sync_all()?;
    file.persist(place)?;
    Ok(digest)
}

/// Writes small pieces as large ones. Returns the SHA-256 of all of them.
fn buffered(to: impl Write, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<String> {
    let mut buffer = BufWriter::new(Digested { to, digest: Sha256::new() });
    content(&mut buffer)?;
    buffer.flush()?;
    Ok(hexadecimal(&buffer.get_ref().digest.clone().finalize()))
}

/// A writer to a standard stream of the command.
struct Standard(Stream);

impl Write for Standard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        world::write(self.0, bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that knows the digest of its bytes.
struct Digested<W> {
    to: W,
    digest: Sha256,
}

impl<W: Write> Write for Digested<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
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
    fn only_a_regular_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        symlink(&file, &link).unwrap();
        assert!(matches!(remove(&link), Ok(false)));
        write(&file, b"content").unwrap();
        assert!(matches!(remove(&link), Ok(true)));
        assert!(!file.exists() && fs::symlink_metadata(&link).unwrap().is_symlink());
        for path in [folder.path(), Path::new("/dev/null"), Path::new("/dev/stdout")] {
            assert!(matches!(remove(path), Err(Error::NoFile(_))), "{}", path.display());
        }
        assert!(folder.path().exists());
    }

    #[test]
    fn no_former_file_stays_where_a_new_one_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        write(&file, b"former").unwrap();
        let refused = put_anew(&file, |_| Err(io::ErrorKind::StorageFull.into()));
        assert!(matches!(refused, Err(Error::Write { .. })), "{refused:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_digest_is_that_of_the_written_file() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["plain.json", "compressed.json.gz"] {
            let file = folder.path().join(name);
            let digest = put_with(&file, |to| to.write_all(&vec![7; 100_000])).unwrap();
            assert_eq!(digest, super::super::digest::sha256(&fs::read(&file).unwrap()), "{name}");
        }
    }

    #[test]
    fn a_standard_stream_is_no_file_to_replace() {
        for path in ["/dev/stdout", "/proc/self/fd/2"] {
            assert!(matches!(write(Path::new(path), b""), Err(Error::NoFile(_))), "{path}");
            assert!(put(Path::new(path), b"").is_ok(), "{path}");
        }
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
