//! The file system of an image: one program, executable for everybody and writable for nobody.

use std::io;

use tar::{Builder, EntryType, Header};

use super::Content;

/// Packs a tar with the program. The tar is not compressed: every loader accepts that, and the digest does not depend
/// on a compressor's version.
pub(super) fn pack(content: Content, program: &[u8]) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    append(&mut tar, &content.to_string(), EntryType::Regular, 0o555, program)?;
    tar.into_inner()
}

/// Appends an entry that belongs to root and has no time.
pub(super) fn append(
    tar: &mut Builder<Vec<u8>>,
    path: &str,
    kind: EntryType,
    mode: u32,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    tar.append(&header, bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use tar::Archive;

    use super::*;

    #[test]
    fn a_layer_holds_the_program_and_nothing_else() {
        let layer = pack(Content::Probe, b"a program").unwrap();
        let mut archive = Archive::new(layer.as_slice());
        let mut entries = archive.entries().unwrap();
        let mut entry = entries.next().unwrap().unwrap();
        let header = entry.header().clone();
        assert_eq!(header.path().unwrap().to_str(), Some("probe"));
        assert_eq!(header.entry_type(), EntryType::Regular);
        let numbers = (header.mode(), header.uid(), header.gid(), header.mtime());
        assert_eq!((numbers.0.unwrap(), numbers.1.unwrap(), numbers.2.unwrap()), (0o555, 0, 0));
        assert_eq!(numbers.3.unwrap(), 0);
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"a program");
        assert!(entries.next().is_none());
    }
}
