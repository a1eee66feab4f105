//! Compressed files (RFC 1952). A file is written compressed if its name ends in `.gz`, and read by its first bytes.

use std::{
    ffi::OsStr,
    io::{self, BufRead, Read, Write},
    path::Path,
};

use flate2::{Compression, bufread::MultiGzDecoder, write::GzEncoder};

/// The first bytes of a compressed file (RFC 1952, section 2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The most bytes that a compressed file may hold: evidence of 5,000 nodes and 50,000 pods holds a fifth of them.
pub(crate) const MOST: u64 = 1 << 30;

/// Returns true if the name of a file asks for compression.
pub(crate) fn is_wanted(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("gz"))
}

/// Returns true if the bytes are a compressed file.
pub(crate) fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Returns a reader of the bytes in a compressed file. It fails beyond [`MOST`] bytes.
pub(crate) fn reader(compressed: impl BufRead) -> impl Read {
    Bounded { from: MultiGzDecoder::new(compressed), left: MOST }
}

/// Writes to a compressed file.
pub(crate) fn write(
    to: &mut dyn Write,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut encoder = GzEncoder::new(to, Compression::default());
    content(&mut encoder)?;
    encoder.finish().map(|_| ())
}

/// A reader that fails where a plain limit would end silently.
struct Bounded<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.left =
            self.left.checked_sub(read.try_into().unwrap_or(u64::MAX)).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_bytes_are_read_as_they_were_written() {
        let mut compressed = Vec::new();
        write(&mut compressed, |to| to.write_all(b"evidence")).unwrap();
        assert!(is_compressed(&compressed) && !is_compressed(b"{}"));
        let mut read = Vec::new();
        reader(&compressed[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, b"evidence");
    }

    #[test]
    fn a_reader_fails_beyond_its_bound() {
        let mut bounded = Bounded { from: io::repeat(0), left: 10_000 };
        let error = io::copy(&mut bounded, &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn the_name_of_a_file_asks_for_compression() {
        assert!(is_wanted(Path::new("runs/january.json.gz")));
        assert!(!is_wanted(Path::new("january.json")) && !is_wanted(Path::new(".gz")));
    }
}
